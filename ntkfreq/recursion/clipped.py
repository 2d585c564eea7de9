r"""Steps whose gradient is clipped by its norm over all parameters.

The gradient of :math:`a_j` is :math:`m^{-1/2} C(w_j)`, that of :math:`b_j` has S, and that of a
coordinate of :math:`w_j` is :math:`m^{-1/2}(b_j C' - a_j S')`, with C' and S' without the
contraction s of output weights by decay so far. Squares summed over the units become means over
the density, in which :math:`a_j, b_j` are independent, of variance :math:`s^2\sigma_a^2`:

.. math:: |g|^2 \to \int\rho_w \Bigl[c^2 (C^2 + S^2)
          + s^2\sigma_a^2 \sum_k (C_k'^2 + S_k'^2)\Bigr] dw,

the second part only where w is trained; of nodes that are single units it is the mean of
:math:`s^2\sum_k(bC_k' - aS_k')^2`. In the NTK parametrization c is 1. In the standard one
the rule steps in :math:`A = a/\sqrt m`, whose gradient is :math:`\sqrt m` times that of a, and
:math:`c = \sqrt m`. All sums of the step are multiplied by :math:`\min(1, c_g/(|g| + 10^{-6}))`.

References
----------
Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", arXiv
1211.5063.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Protocol

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import SCALE, SCALE_NEXT, SHRUNK
from ntkfreq.recursion.sharpness import LASTS, Sums

# As in torch.nn.utils.clip_grad_norm_, so that results can be compared.
_BESIDE = 1e-6
# Squares below may have lost digits.
_LEAST = 1e-280


class ProjectedSums(Sums, Protocol):
    """An engine that gives the sums of all nodes before any moves."""

    problem: FollowedProblem

    def on(self, which: IntArray) -> ProjectedSums:
        """The same on some of the points."""
        ...

    def project(self, r: FloatArray, scale: float) -> FloatArray:
        """Sums over the points."""
        ...

    def move(
        self, state: FollowedState, sums: FloatArray, row: FloatArray, floor: FloatArray
    ) -> None:
        """One step of all nodes from their sums."""
        ...


def gradient_norm(
    problem: FollowedProblem, sums: FloatArray, shrunk: float, readout_norm: float = 1.0
) -> float:
    """Norm of the gradient of all trained parameters.

    Parameters
    ----------
    problem : FollowedProblem
        Shares of the nodes, and what is trained.
    sums : ndarray, shape (M, 2 + 2 d)
        Sums of the weighted errors times the waves, and times x and the waves.
    shrunk : float
        How far a and b have shrunk by decay.
    readout_norm : float
        See `Rates`.

    Examples
    --------
    >>> from ntkfreq.recursion.nodes import own_nodes
    >>> problem = FollowedProblem(
    ...     own_nodes([1.0]), np.ones((1, 1)), np.ones(1), np.ones(1), 0, 2.0, False, np.zeros(2)
    ... )
    >>> gradient_norm(problem, np.array([[3.0, 4.0, 0.0, 6.0]]), 1.0)
    13.0
    """
    pairs, sigma = problem.nodes.readout, problem.sigma
    if pairs is not None:
        # Of single units: b C' - a S' of each coordinate.
        own = pairs[:, 1:] * sums[:, 2::2] - pairs[:, :1] * sums[:, 3::2]
        sums, sigma = np.concatenate([sums[:, :2], own], axis=1), 1.0
    scales = readout_norm, shrunk * sigma if problem.trained else 0.0
    with np.errstate(over="ignore"):
        square = _square(problem.nodes.weights, sums, scales)
    if _LEAST < square < math.inf:
        return math.sqrt(square)
    # Of entries whose squares leave the range of numbers, too.
    unit = float(np.abs(sums).max())
    if not 0 < unit < math.inf:
        return unit
    return unit * math.sqrt(_square(problem.nodes.weights, sums / unit, scales))


def _square(shares: FloatArray, sums: FloatArray, scales: tuple[float, float]) -> float:
    """Mean square of the sums, in an order that does not depend on threads."""
    parts = sums[:, :2], sums[:, 2:]
    readout, inner = (float(np.einsum("j,jk,jk->", shares, part, part)) for part in parts)
    return scales[0] ** 2 * readout + scales[1] ** 2 * inner


class ClippedSums:
    """An engine whose steps are clipped.

    Parameters
    ----------
    engine : ProjectedSums
        Takes the sums.
    clip : float
        Largest norm of the gradient.
    readout_norm : float
        See `Rates`.
    """

    def __init__(self, engine: ProjectedSums, clip: float, readout_norm: float) -> None:
        self.engine, self.clip, self.readout_norm = engine, clip, readout_norm
        self.clipped_steps: int | None = 0
        self._recent: deque[float] = deque(maxlen=LASTS)

    @property
    def factor(self) -> float:
        """Mean of the factors of the last steps."""
        return sum(self._recent) / len(self._recent) if self._recent else 1.0

    def steps_at_once(self) -> int:
        """Steps of a call."""
        return self.engine.steps_at_once()

    def descend(self, state: FollowedState, rows: FloatArray, base: FloatArray) -> None:
        """Take full-batch steps; `base` holds the initial output (n, N) at each."""
        problem = self.engine.problem
        for row, first in zip(rows, base, strict=True):
            r = problem.weights * (first + state.output - problem.y)
            self._step(state, self.engine.project(r, row[SCALE]), row)
            state.output[:] = self.engine.evaluate(state.moves, row[SCALE_NEXT])

    def descend_batches(
        self, state: FollowedState, rows: FloatArray, base: FloatArray, batches: IntArray
    ) -> None:
        """Take steps on batches (n, B); the output is left as it was."""
        for row, first, places in zip(rows, base, batches, strict=True):
            which = places[places >= 0]
            part = self.engine.on(which)
            output = part.evaluate(state.moves, row[SCALE])
            r = part.problem.weights * (first[which] + output - part.problem.y)
            self._step(state, part.project(r, row[SCALE]), row)

    def evaluate(self, moves: FloatArray, scale: float) -> FloatArray:
        """Output (N,) of moves at frequencies times `scale`."""
        return self.engine.evaluate(moves, scale)

    def curvature(self, state: FollowedState, row: FloatArray) -> FloatArray:
        """Preconditioners (M, 2 + 3 d)."""
        return self.engine.curvature(state, row)

    def multiply(self, found: FloatArray, scale: float, r: FloatArray) -> FloatArray:
        """Product (N,) of the preconditioned kernel with r."""
        return self.engine.multiply(found, scale, r)

    def _step(self, state: FollowedState, sums: FloatArray, row: Any) -> None:
        """One step of all nodes from their sums, shortened where these are too long."""
        problem = self.engine.problem
        norm = gradient_norm(problem, sums, float(row[SHRUNK]), self.readout_norm)
        factor = min(1.0, self.clip / (norm + _BESIDE))
        self._recent.append(factor)
        if factor < 1.0:
            assert self.clipped_steps is not None
            self.clipped_steps += 1
            sums *= factor
        # What is rounding is so before the factor.
        self.engine.move(state, sums, row, factor * problem.floor)
