r"""Preconditioned sharpness, and the step from which training goes on at the edge of stability.

With its mean squares as they are, a rule that normalizes is linear: its outputs move by
:math:`\eta_0 K_P/N` of a preconditioned kernel :math:`K_P`, stable while the largest eigenvalue is
below an edge, :math:`2(1+\beta_1)/(1-\beta_1)` for Adam. Mean squares fade with :math:`\beta_2` and
drive it there; what comes after is chaotic. Frequencies that are trained have their part in
:math:`K_P`, with the 2 x 2 matrix of :mod:`ntkfreq.recursion.damped` in place of one over a root.

Where gradients are clipped, the sharpness is that of the steps as they were taken: times the mean
of the factors of the last steps. Rules that normalize have mean squares of clipped gradients, which
are smaller by the square of the factor: a factor that stays is in their sharpness twice and falls
out. A linear rule above its edge is stable while it is clipped, and ends in a swing. A mode of
gradient descent then has :math:`\langle\log|1 - f_n\eta\lambda|\rangle = 0`, and where each step
passes over the middle, :math:`\langle f_n\rangle\eta\lambda \ge 2` follows by concavity: the swing
begins where the mean reaches the edge. So it does under Nesterov's momentum. Swings of the heavy
ball may be long, and begin at :math:`2(1-\beta)` or later; of simulated ones none had less.

References
----------
Cohen et al., "Adaptive gradient methods at the edge of stability", arXiv 2207.14484.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import LINEAR, SCALE_NEXT, ClosedRule

# A crossing counts that lasts so many steps, after so many where gradients are normalized: at the
# first steps an isolated zero of a gradient over w can make the sharpness large.
LASTS, AFTER = 20, 50
# Relative accuracy of an eigenvalue and of its residual (two that are near to each other need more
# than the root), and the most products that it may take.
_ACCURACY, _RESIDUAL, _PRODUCTS = 1e-4, 1e-3, 60
# Part of a product outside the space, relative to the value found, that is rounding.
_ROUNDING = 1e-14
# Most steps between two looks.
_FARTHEST = 500


class Sums(Protocol):
    """An engine of the recursion."""

    clipped_steps: int | None

    @property
    def factor(self) -> float:
        """Mean of the factors by which clipping has shortened the last gradients."""
        ...

    def steps_at_once(self) -> int:
        """Steps of a call."""
        ...

    def descend(self, state: FollowedState, rows: FloatArray, base: FloatArray) -> None:
        """Take full-batch steps."""
        ...

    def descend_batches(
        self, state: FollowedState, rows: FloatArray, base: FloatArray, batches: IntArray
    ) -> None:
        """Take steps on batches."""
        ...

    def evaluate(self, moves: FloatArray, scale: float) -> FloatArray:
        """Output of moves."""
        ...

    def curvature(self, state: FollowedState, row: FloatArray) -> FloatArray:
        """Preconditioners."""
        ...

    def multiply(self, found: FloatArray, scale: float, r: FloatArray) -> FloatArray:
        """Product of the preconditioned kernel with r."""
        ...


@dataclass
class SharpnessMeter:
    """Largest eigenvalues one after the other, each search starting from the last vector.

    Parameters
    ----------
    problem : FollowedProblem
        What is followed.
    engine : Sums
        Takes the products.
    """

    problem: FollowedProblem
    engine: Sums
    vector: FloatArray | None = None

    def measure(self, state: FollowedState, row: FloatArray) -> float:
        """Step size times the largest eigenvalue, with the memory that a step of `row` has left.

        Without the factor of clipping.
        """
        found, scale = self.engine.curvature(state, row), float(row[SCALE_NEXT])
        root = np.sqrt(self.problem.weights)
        start = self.vector
        if start is None:
            start = np.random.default_rng(0).standard_normal(len(root))
        basis, value = [start / np.linalg.norm(start)], 0.0
        diagonal: list[float] = []
        links: list[float] = []
        for _ in range(min(_PRODUCTS, len(root))):
            new = root * self.engine.multiply(found, scale, root * basis[-1])
            diagonal.append(float(new @ basis[-1]))
            # Twice, so that the basis stays orthogonal.
            known = np.array(basis)
            for _again in range(2):
                new = new - known.T @ (known @ new)
            last, link = value, float(np.linalg.norm(new))
            matrix = np.diag(diagonal) + np.diag(links, 1) + np.diag(links, -1)
            values, vectors = np.linalg.eigh(matrix)
            value = float(values[-1])
            self.vector = vectors[:, -1] @ known
            # The square of the residual, over the gap to the next, bounds the error.
            residual = link * abs(float(vectors[-1, -1]))
            if residual <= _RESIDUAL * value and value - last <= _ACCURACY * value:
                break
            # A space that the operator does not leave, such as that of a single point.
            if link <= _ROUNDING * value:
                break
            links.append(link)
            basis.append(new / link)
        return max(value, 0.0)


@dataclass
class EdgeWatch:
    """Looks for the step from which the sharpness stays above the edge, or a clipped rule swings.

    Between two looks the sharpness can grow only as fast as mean squares fade, so that looks are
    rare while it is low.

    Parameters
    ----------
    optimizer : Optimizer
        For its schedule.
    rule : ClosedRule
        Its constants; `edge` is not None.
    """

    optimizer: Optimizer
    rule: ClosedRule
    next_look: int = AFTER
    step: int | None = None
    _since: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.rule.kind == LINEAR:
            self.next_look = 1

    def see(self, step: int, value: float, factor: float = 1.0) -> None:
        """Take notice of the sharpness after `step` steps; `factor` is what clipping has in it."""
        assert self.rule.edge is not None
        if step < self.next_look or self.step is not None:
            return
        if self._above(value, factor):
            self._since = step if self._since is None else self._since
            self.next_look = step + 1
            if step - self._since >= LASTS:
                self.step = self._since
        else:
            self._since = None
            # Clipping may end at any step.
            bare = value / self.rule.edge / max(factor, 1e-300)
            wait = self._quiet(step, bare) if bare <= 1 else LASTS
            self.next_look = step + wait

    def _above(self, value: float, factor: float) -> bool:
        """Whether steps are too long, as they were taken and without clipping."""
        assert self.rule.edge is not None
        if factor == 1.0:
            return value > self.rule.edge
        swing = self.rule.edge if self.rule.swing is None else self.rule.swing
        # A swing comes to the edge itself, which a value measured from below may miss.
        return value > (1 - 10 * _ACCURACY) * swing and value > factor * self.rule.edge

    def _quiet(self, step: int, share: float) -> int:
        """Steps before a share of the edge can have become the whole."""
        kept, now = self.rule.square, self.optimizer.schedule.factor(step - 1)
        start = 1 - kept**step if self.rule.corrected else 1.0
        for k in range(1, _FARTHEST):
            grown = self.optimizer.schedule.factor(step + k - 1) / now if now > 0 else math.inf
            if self.rule.square > 0:
                end = 1 - kept ** (step + k) if self.rule.corrected else 1.0
                grown *= math.sqrt(end / start) * kept ** (-k / 2)
            if share * grown > 1:
                return k
        return _FARTHEST
