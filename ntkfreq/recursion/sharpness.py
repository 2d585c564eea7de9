r"""Preconditioned sharpness, and the step from which training goes on at the edge of stability.

With its mean squares as they are, a rule that normalizes is linear: its outputs move by
:math:`\eta_0 K_P/N` of a preconditioned kernel :math:`K_P`, stable while the largest eigenvalue is
below an edge, :math:`2(1+\beta_1)/(1-\beta_1)` for Adam. Mean squares fade with :math:`\beta_2` and
drive it there; what comes after is chaotic. Frequencies that are trained have their part in
:math:`K_P`, with the 2 x 2 matrix of :mod:`ntkfreq.recursion.damped` in place of one over a root.

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
from ntkfreq.recursion.rules import SCALE_NEXT, ClosedRule

# A crossing counts that lasts so many steps, after so many: at the first steps an isolated zero of
# a gradient over w can make the sharpness large.
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
        """Step size times the largest eigenvalue, with the memory that a step of `row` has left."""
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
    """Looks for the step from which the sharpness stays above the edge.

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

    def see(self, step: int, value: float) -> None:
        """Take notice of the sharpness after `step` steps."""
        assert self.rule.edge is not None
        if step < self.next_look or self.step is not None:
            return
        if value > self.rule.edge:
            self._since = step if self._since is None else self._since
            self.next_look = step + 1
            if step - self._since >= LASTS:
                self.step = self._since
        else:
            self._since = None
            self.next_look = step + self._quiet(step, value / self.rule.edge)

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
