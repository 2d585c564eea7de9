"""How long a path takes, and which engine is faster: constants measured on one core.

A server of 2023 with AVX-512; other machines differ by a factor, less in the ratio of the engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.sizes import MOST_SECONDS, PER_SECOND, refuse_work
from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray
from ntkfreq.recursion.nodes import FrequencyNodes

# Direct sums: a step; a node, and each trained coordinate of it, with an epsilon from 1e-7 (where
# hardly any has to be integrated) to 1e-6.
_STEP, _NODE, _COORDINATE, _DAMPED = 1e-5, 2.2e-8, 4e-8, 3e-7
# A pair of node and point in 1, 2, 3 dimensions; what each trained coordinate adds.
_PAIR, _TURN = (6e-10, 5e-10, 1.2e-9), 3e-10
# Transforms in 1, 2, 3 dimensions: a step; for each strength a point or node, and a cell.
_CALL, _PLACE, _CELL = (2e-4, 5e-4, 1e-3), (3e-8, 6e-8, 6e-7), (1e-8, 5e-9, 1.5e-8)
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
    lattice : bool
        Whether the nodes are equispaced.
    """

    nodes: int
    points: int
    dim: int
    trained: int
    cells: float
    damped: bool = False
    lattice: bool = False

    @classmethod
    def of(cls, nodes: FrequencyNodes, x: FloatArray, frozen: bool, damped: bool) -> StepWork:
        """Of nodes and points (N, d)."""
        spread = np.ptp(nodes.frequencies, axis=0) * np.ptp(x, axis=0) / np.pi
        cells = float(np.prod(2 * spread + 24))
        if nodes.index is not None:
            cells = float(np.prod(2 * (np.ptp(nodes.index, axis=0) + 1)))
        dim = int(x.shape[1])
        trained = 0 if frozen else dim
        return cls(nodes.count, len(x), dim, trained, cells, damped, nodes.index is not None)

    @property
    def node_seconds(self) -> float:
        """Seconds of the moves of all nodes on one core."""
        each = _DAMPED if self.damped else _COORDINATE
        return self.nodes * (_NODE + each * self.trained)

    @property
    def alone(self) -> float:
        """Seconds of a step by direct sums on one core."""
        pair = _PAIR[self.dim - 1] + _TURN * self.trained
        return self.node_seconds + self.nodes * self.points * pair

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
            return _STEP + self.alone / (allowed_threads() if self.parallel else 1)
        if self.cells > _MOST_CELLS:
            return np.inf
        k = self.dim - 1
        # Nodes that are equispaced are not spread.
        spread = self.points + (0 if self.lattice else self.nodes)
        strength = _PLACE[k] * spread + _CELL[k] * self.cells
        return _CALL[k] + 2 * (1 + self.trained) * strength + self.node_seconds

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
    engine: str = "auto",
) -> float:
    """Expected seconds of `follow`, without records and sharpness.

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
    work = StepWork.of(nodes, x, frozen, damped)
    return steps * work.seconds(work.faster() if engine == "auto" else engine)


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
        "take nodes of a larger tolerance (rtol), fewer points or fewer steps",
        most,
    )
