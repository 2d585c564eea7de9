"""How long a path takes, and which engine is faster: constants measured on one core.

A server of 2023 with AVX-512; other machines differ by a factor, less in the ratio of the engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.sizes import MOST_SECONDS, PER_SECOND, refuse_work
from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray
from ntkfreq.recursion.lattice import TransformLattice
from ntkfreq.recursion.nodes import FrequencyNodes

# Direct sums: a step; a node, and each trained coordinate of it, with an epsilon from 1e-7 (where
# hardly any has to be integrated) to 1e-6.
_STEP, _NODE, _COORDINATE, _DAMPED = 1e-5, 1.8e-8, 3.6e-8, 9e-8
# A pair of node and point in 1, 2, 3 dimensions; what each trained coordinate adds.
_PAIR, _TURN = (6e-10, 5e-10, 1.2e-9), 3e-10
# What a pair takes more where its waves are computed twice, and what clipping adds to a step and a
# node. Transforms take all sums before a step in any case.
_WAVES, _CLIPPED_STEP, _CLIPPED_NODE = 3e-10, 3e-5, 1e-8
# Transforms in 1, 2, 3 dimensions: a step; for each strength a point or node, and a cell.
_CALL, _PLACE, _CELL = (1.5e-4, 4e-4, 1e-3), (3e-8, 7.5e-8, 6e-7), (1e-8, 5e-9, 1.5e-8)
# The same on lattices of points in 2 dimensions, whose nodes spread wider on a smaller grid.
# A cell takes longer where the grid leaves the cache: from about so many cells on, and how much.
_SMALL_PLACE, _SMALL_CELL, _CACHED, _SLOWER = 1.05e-7, 5e-9, 6e4, 4.0
# Plans that are set anew at every step, in strengths that are spread.
_PLANS = 3.0
# Products that the search for the largest eigenvalue takes.
_PRODUCTS = 3
# Cells of the fine grid of a transform beyond which it is not taken.
_MOST_CELLS = 5e7
# Seconds of a step from which on it is worth the threads. Where another program wants a core, they
# wait for each other and take 2.6 times as long as one (4 ms a step); idle cores gain about 2.
PARALLEL_SECONDS = 5e-3


@dataclass(frozen=True)
class StepWork:
    """What a step takes: nodes, points seen, cells of a fine grid, trained coordinates.

    Attributes
    ----------
    nodes, points, dim, trained : int
        Sizes.
    cells : float
        Cells of the grid of a fast transform.
    damped : bool
        Whether an epsilon is added to the root of the mean square.
    side : {"nodes", "points", ""}
        Which of them a transform takes as a lattice, and spreads the others only.
    anew : bool
        Whether waves are computed anew within a step: those of a batch, and of frequencies that
        decay.
    clipped : bool
        Whether gradients are clipped: all sums are then taken before any node moves.
    """

    nodes: int
    points: int
    dim: int
    trained: int
    cells: float
    damped: bool = False
    side: str = ""
    anew: bool = False
    clipped: bool = False

    @classmethod
    def of(
        cls,
        nodes: FrequencyNodes,
        x: FloatArray,
        frozen: bool,
        damped: bool,
        *,
        batched: bool = False,
        decays: bool = False,
        clipped: bool = False,
    ) -> StepWork:
        """Of nodes and points (N, d); `batched` where every step sees others."""
        spread = np.ptp(nodes.frequencies, axis=0) * np.ptp(x, axis=0) / np.pi
        cells = {"": float(np.prod(2 * spread + 24))}
        lattices = {"nodes": TransformLattice.of_nodes(nodes)}
        if not batched:
            lattices["points"] = TransformLattice.of_points(x, nodes.frequencies)
        cells |= {side: found.cells for side, found in lattices.items() if found is not None}
        dim = int(x.shape[1])
        trained = 0 if frozen else dim
        anew = batched or decays
        ways = [
            cls(nodes.count, len(x), dim, trained, count, damped, side, anew, clipped)
            for side, count in cells.items()
        ]
        return min(ways, key=lambda work: work.seconds("nufft"))

    @property
    def node_seconds(self) -> float:
        """Seconds of the moves of all nodes on one core."""
        each = _DAMPED if self.damped else _COORDINATE
        return self.nodes * (_NODE + each * self.trained)

    @property
    def alone(self) -> float:
        """Seconds of a step by direct sums on one core."""
        pair = _PAIR[self.dim - 1] + _TURN * self.trained
        pair += _WAVES if self.anew or self.clipped else 0.0
        each = _CLIPPED_NODE if self.clipped else 0.0
        return self.node_seconds + self.nodes * (each + self.points * pair)

    @property
    def parallel(self) -> bool:
        """Whether direct sums take several threads."""
        return self.alone > PARALLEL_SECONDS and allowed_threads() > 1

    def seconds(self, engine: str) -> float:
        """Seconds of a step with an engine, "direct" or "nufft"; infinite where it cannot.

        Examples
        --------
        >>> small = StepWork(3200, 64, 1, 1, 1e4)
        >>> small.seconds("direct") < small.seconds("nufft")
        True
        """
        if engine == "direct":
            step = _STEP + (_CLIPPED_STEP if self.clipped else 0.0)
            return step + self.alone / (allowed_threads() if self.parallel else 1)
        if self.cells > _MOST_CELLS:
            return np.inf
        k = self.dim - 1
        place, cell = _PLACE[k], _CELL[k]
        if self.side == "points" and self.dim == 2:
            place = _SMALL_PLACE
            cell = _SMALL_CELL * min(1 + self.cells / _CACHED, _SLOWER)
        spread = {"": self.points + self.nodes, "nodes": self.points, "points": self.nodes}
        strength = place * spread[self.side] + cell * self.cells
        count = 2 * (1 + self.trained + (_PLANS if self.anew else 0.0))
        return _CALL[k] + count * strength + self.node_seconds

    def look_seconds(self, engine: str) -> float:
        """Seconds of the search for the preconditioned sharpness."""
        return _PRODUCTS * (self.seconds(engine) - self.node_seconds) + self.node_seconds

    def faster(self) -> str:
        """Engine that takes less time."""
        return min(("direct", "nufft"), key=self.seconds)


def seconds(
    nodes: FrequencyNodes,
    x: FloatArray,
    steps: int,
    *,
    frozen: bool = False,
    damped: bool = False,
    batched: bool = False,
    decays: bool = False,
    clipped: bool = False,
    looks: int = 0,
    engine: str = "auto",
) -> float:
    """Expected seconds of `follow`.

    Parameters
    ----------
    nodes : FrequencyNodes
        Nodes.
    x : ndarray, shape (N, d)
        Points that a step sees.
    steps : int
        Number of steps.
    frozen : bool
        Whether w is left as it is.
    damped : bool
        Whether the rule has an epsilon.
    batched : bool
        Whether every step sees other points.
    decays : bool
        Whether frequencies decay.
    clipped : bool
        Whether gradients are clipped.
    looks : int
        How often the sharpness is looked for: at records, and some times more.
    engine : {"auto", "direct", "nufft"}
        How sums are taken.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> from ntkfreq.recursion.nodes import density_nodes
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> seconds(density_nodes(Normal(scale=10.0), x, 1e-3), x, 600) < 1
    True
    """
    kinds = {"batched": batched, "decays": decays, "clipped": clipped}
    work = StepWork.of(nodes, x, frozen, damped, **kinds)
    name = work.faster() if engine == "auto" else engine
    return steps * work.seconds(name) + looks * work.look_seconds(name)


def refuse_long(
    nodes: FrequencyNodes, points: int, steps: int, took: float, most: float = MOST_SECONDS
) -> None:
    """Refuse a path that takes longer than `most` seconds, by an estimate `took`.

    Examples
    --------
    >>> from ntkfreq.recursion.nodes import own_nodes
    >>> refuse_long(own_nodes([1.0, 2.0]), 8, 10**9, 1e4)
    Traceback (most recent call last):
    ntkfreq...SizeError: steps=1000000000 with 2 nodes and 8 points: this takes about 2.8 hours...
    """
    refuse_work(
        f"steps={steps} with {nodes.count} nodes and {points} points",
        PER_SECOND * took,
        "take nodes of a larger tolerance (rtol), fewer points or fewer steps "
        "(ntkfreq.stepwise_seconds tells the time)",
        most,
    )
