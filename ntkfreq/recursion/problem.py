"""What is followed, and the state of following it: plain data that every engine works on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.recursion.nodes import FrequencyNodes
from ntkfreq.recursion.rules import LINEAR, Contraction

# Sums over the points below this share of the first errors are rounding.
_ROUNDING = 2.0**-46
# Numbers of the memory of a node beside those of the coordinates, and of each of them.
SHARED, EACH = 6, 7


@dataclass(frozen=True, eq=False)
class FollowedProblem:
    """Nodes, data and rule, all checked.

    Attributes
    ----------
    nodes : FrequencyNodes
        Frequencies and their shares.
    x, y, weights : ndarray
        Points (N, d), values (N,) and weights (N,) of sum one.
    kind : int
        Of the rule: LINEAR, ROOT or SIGN, plus OF_UNITS where nodes have output weights.
    sigma : float
        Standard deviation of the output weights.
    frozen : bool
        Whether w is left as it is.
    floor : ndarray, shape (1 + d,)
        Sums that count as zero: without x, and with each coordinate.
    """

    nodes: FrequencyNodes
    x: FloatArray
    y: FloatArray
    weights: FloatArray
    kind: int
    sigma: float
    frozen: bool
    floor: FloatArray

    @property
    def dim(self) -> int:
        """Dimension d of the input."""
        return int(self.x.shape[1])

    @property
    def trained(self) -> int:
        """Coordinates of w that are trained."""
        return 0 if self.frozen else self.dim

    def on(self, which: IntArray) -> FollowedProblem:
        """The same on some of the points, alike in weight."""
        shares = np.full(len(which), 1 / len(which))
        return replace(self, x=self.x[which], y=self.y[which], weights=shares)


def rounding_floor(kind: int, x: FloatArray, errors: FloatArray) -> FloatArray:
    """Sums that count as zero, for points (N, d) and first errors (N,).

    A rule that normalizes makes a gradient of rounding as large as any: at an even point set the
    cosines of an odd target have none.
    """
    if kind == LINEAR:
        return np.zeros(1 + x.shape[1])
    size = _ROUNDING * float(np.abs(errors).max())
    return np.append(size, size * np.abs(x).max(axis=0))


@dataclass
class FollowedState:
    """Memories (M, 6 + 7 d), accumulated moves (M, 2 + 2 d), and the output of these (N,)."""

    memory: FloatArray
    moves: FloatArray
    output: FloatArray
    contraction: Contraction
    step: int = 0

    @classmethod
    def start(cls, problem: FollowedProblem) -> FollowedState:
        """Before the first step."""
        m, d = problem.nodes.count, problem.dim
        memory = np.zeros((m, SHARED + EACH * d))
        if problem.nodes.readout is not None:
            for k in range(d):
                memory[:, SHARED + EACH * k + 5 : SHARED + EACH * (k + 1)] = problem.nodes.readout
        return cls(
            memory,
            np.zeros((m, 2 + 2 * d)),
            np.zeros(len(problem.y)),
            Contraction(),
        )
