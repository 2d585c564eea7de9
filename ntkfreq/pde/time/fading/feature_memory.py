r"""Linear equations whose memories are held by features that change with time.

.. math:: e = g - J\theta, \qquad \dot\theta = -\Gamma\theta + J^\top e,

as networks have whose frequencies shrink. `radau.integrate` advances these problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.fading.memory import COSTLY, first_positive, loaded
from ntkfreq.pde.time.fading.stages import (
    DenseSystems,
    Memories,
    RadauStep,
    State,
    Tableau,
    advance,
    relaxation,
)


class _FeatureSystems:
    r"""Stage equations :math:`e_i + J_i \sum_j w_{ij} \circ J_j^\top e_j` by their smaller side.

    Parameters
    ----------
    jacobians : ndarray, shape (s, n, Q)
        J at the stages.
    transfer : ndarray, shape (Q, s, s)
        :math:`w_{ij}` of each feature.
    """

    def __init__(self, jacobians: FloatArray, transfer: FloatArray) -> None:
        s, n, features = jacobians.shape
        self._jacobians, self._transfer = jacobians, transfer
        self._narrow = features < n
        size = features if self._narrow else n
        matrix = np.empty((s, size, s, size))
        for i in range(s):
            if self._narrow:
                # The projections of the errors on the features, z = J^T e, obey
                # z_i + J_i^T J_i sum_j w_ij z_j = J_i^T (right-hand side).
                gram = jacobians[i].T @ jacobians[i]
                matrix[i] = gram[:, None, :] * transfer[:, i, :].T
            else:
                left = jacobians[i] * transfer[:, i, :].T[:, None]
                matrix[i] = (left @ jacobians.swapaxes(1, 2)).swapaxes(0, 1)
            matrix[i, :, i] += np.eye(size)
        self._systems = DenseSystems(matrix.reshape(1, s * size, s * size))

    def solve(self, sides: FloatArray) -> FloatArray:
        """Stage by stage, (1, s, n, r)."""
        if not self._narrow:
            return self._systems.solve(sides)
        written = self._systems.solve(self._jacobians.swapaxes(1, 2) @ sides)[0]
        held = np.einsum("qij,jqr->iqr", self._transfer, written)
        return np.asarray(sides - self._jacobians @ held)


@dataclass(frozen=True, eq=False)
class _FeatureStages:
    """Stage equations with features at the stages and the probe, jacobians (s + 1, n, Q)."""

    jacobians: FloatArray
    systems: _FeatureSystems

    def _at(self, at: slice) -> FloatArray:
        return self.jacobians[at.start - 1 : at.stop - 1]

    def solve(self, sides: FloatArray) -> FloatArray:
        return np.asarray(self.systems.solve(sides))

    def drive(self, error: FloatArray, at: slice) -> tuple[FloatArray, ...]:
        return (np.asarray(self._at(at).swapaxes(1, 2) @ error),)

    def read(self, memory: Memories, at: slice) -> FloatArray:
        return np.asarray(self._at(at) @ memory[0])

    def weigh(self, error: FloatArray) -> FloatArray:
        return error


@dataclass(frozen=True, eq=False)
class FeatureMemory(Portable):
    r"""Features that change: :math:`e = g - J\theta, \dot\theta = -\Gamma\theta + J^\top e`.

    Parameters
    ----------
    jacobian : callable
        J at a time, shape (n, Q).
    rates : array_like, shape (Q,)
        Diagonal of :math:`\Gamma`, non-negative.
    free : callable
        g at times (1, s), shape (1, s, n, r).

    Examples
    --------
    >>> from ntkfreq.pde.time.fading.radau import integrate
    >>> one = FeatureMemory(lambda t: np.eye(1), [1.0], lambda t: np.ones((*t.shape, 1, 1)))
    >>> integrate(one, 1e10, 1e-8).memory([1e10])[0][:, 0, 0]
    array([0.5])
    """

    jacobian: Callable[[float], FloatArray]
    rates: Any
    free: Callable[[FloatArray], FloatArray]
    batched: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        shape = np.shape(self._first)
        if len(shape) != 2 or shape[1:] != np.shape(self.rates):
            raise ValueError(
                f"jacobian returned shape {shape} and rates have shape {np.shape(self.rates)}; "
                "they must be (n, Q) and (Q,)"
            )

    @cached_property
    def _first(self) -> FloatArray:
        return np.asarray(self.jacobian(0.0), dtype=np.float64)

    @cached_property
    def _rates(self) -> FloatArray:
        return np.asarray(self.rates, dtype=np.float64)[None]

    @property
    def costly(self) -> bool:
        """Whether factorizing takes longest."""
        return bool(min(self._first.shape) > COSTLY)

    def initial(self) -> State:
        """Return g(0) and features unchanged."""
        error = loaded(self.free, np.zeros((1, 1)), len(self._first))[:, 0].copy()
        slope = np.asarray(self._first.T @ error)
        return State(error, (np.zeros_like(slope),), (slope,))

    def scale(self, end: FloatArray) -> FloatArray:
        """Norm of g(0); where it vanishes, the largest norm of g found up to the end."""
        return first_positive(
            lambda t: np.linalg.norm(loaded(self.free, t, len(self._first)), axis=2).max(
                axis=(1, 2)
            ),
            end,
        )

    def fastest(self) -> FloatArray:
        """Bound by the largest row sum."""
        wide = self._first if self._first.shape[0] <= self._first.shape[1] else self._first.T
        kernel = wide @ wide.T
        return np.array([np.abs(kernel).sum(axis=1).max() + self._rates.max()])

    def step(
        self, which: IntArray, t: FloatArray, h: FloatArray, state: State, tableau: Tableau
    ) -> RadauStep:
        """Stages of the one equation."""
        times = t[:, None] + h[:, None] * tableau.times
        n, s = len(self._first), tableau.stages
        jacobians = np.stack([np.asarray(self.jacobian(float(at))) for at in times[0, 1:]])
        relaxed = relaxation(h, self._rates, tableau)
        systems = _FeatureSystems(jacobians[:s], relaxed.transfer[0])
        equations = _FeatureStages(jacobians, systems)
        load = loaded(self.free, times, n)
        return advance(equations, load, [relaxed], [self._rates], state, tableau)
