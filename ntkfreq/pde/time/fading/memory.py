r"""Linear equations whose error is driven by fading memories of itself.

With weight decay the network's output at time t is a weighted sum of what every earlier error
has written, and each memory fades at its own rate:

.. math:: M e(t) = M g(t) - \sum_k A_k q_k(t), \qquad
          \dot q_k = -\gamma_k q_k + c_k(t)\, e(t), \qquad q_k(0) = 0.

The memories, not the error, are what a step carries over, so the error obeys its equation to
rounding at the end of each step. `radau.integrate` advances these problems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.time.fading.stages import (
    DenseMatrices,
    DenseSystems,
    Memories,
    RadauStep,
    SparseMatrices,
    SparseSystem,
    State,
    Tableau,
    advance,
    relaxation,
)

# Entries of stage matrices built at a time: they then stay in the cache of one core.
_CHUNK = 400_000
# With more dense unknowns than this the factorization takes nearly all of the time.
COSTLY = 100


@dataclass(frozen=True, eq=False)
class _ConstantStages:
    """Stage equations with operators that do not change, and coefficients (b, s + 2) that do."""

    matrices: DenseMatrices | SparseMatrices
    coefficients: tuple[FloatArray, ...]
    systems: DenseSystems | SparseSystem

    def solve(self, sides: FloatArray) -> FloatArray:
        return np.asarray(self.systems.solve(sides))

    def drive(self, error: FloatArray, at: slice) -> tuple[FloatArray, ...]:
        return tuple(c[:, at, None, None] * error for c in self.coefficients)

    def read(self, memory: Memories, at: slice) -> FloatArray:
        total = self.matrices.apply(0, memory[0])
        for k in range(1, len(memory)):
            total = total + self.matrices.apply(k, memory[k])
        return np.asarray(total)

    def weigh(self, error: FloatArray) -> FloatArray:
        return np.asarray(self.matrices.weigh(error))


@dataclass(frozen=True, eq=False)
class ConstantMemory(Portable):
    r"""Memories read by operators that do not change: :math:`M e = M g - \sum_k A_k q_k`.

    Parameters
    ----------
    operators : tuple of ndarray or sparse matrix
        :math:`A_k`, symmetric positive semi-definite: (n, n), or (b, n, n) for a batch of dense
        equations; sparse for one equation.
    mass : ndarray, sparse matrix or None
        M, symmetric positive definite, of the same kind; None is the identity.
    rates : array_like, shape (K,) or (b, K)
        :math:`\gamma_k`, non-negative, one for each operator.
    coefficients : tuple of callables
        :math:`c_k(t)` of times (b, s), the same shape or one that broadcasts to it.
    free : callable
        M g at times (b, s), shape (b, s, n, r); b = 1 of a single equation.

    Raises
    ------
    ValueError
        When the numbers or shapes do not fit.

    Examples
    --------
    A memory that fades at rate 1 forgets: the error stays at half its start.

    >>> from ntkfreq.pde.time.fading.radau import integrate
    >>> one = ConstantMemory(
    ...     (np.eye(1),), None, [1.0], (np.ones_like,), lambda t: np.ones((*t.shape, 1, 1))
    ... )
    >>> integrate(one, 1e10, 1e-8).error([0.0, 1e10])[:, 0, 0]
    array([1. , 0.5])
    """

    operators: tuple[Any, ...]
    mass: Any
    rates: Any
    coefficients: tuple[Callable[[FloatArray], Any], ...]
    free: Callable[[FloatArray], FloatArray]

    def __post_init__(self) -> None:
        matrices = [m for m in (*self.operators, self.mass) if m is not None]
        shapes = {np.shape(matrix)[-2:] for matrix in matrices}
        if len(shapes) != 1 or len(set(*shapes)) != 1:
            raise ValueError(
                f"operators and mass have shapes {sorted(shapes)}; all must be (n, n) with one n"
            )
        if len({sparse.issparse(matrix) for matrix in matrices}) != 1:
            raise ValueError(
                "operators and mass are partly sparse; make all of them sparse or none"
            )
        axes = {np.shape(matrix)[0] for matrix in matrices if np.ndim(matrix) == 3}
        axes |= {len(self.rates)} if np.ndim(self.rates) == 2 else set()
        if len(axes) > 1 or (axes and sparse.issparse(matrices[0])):
            raise ValueError(
                f"leading axes of lengths {sorted(axes)}: operators, mass and rates of a batch "
                "must agree, and a batch is dense; solve sparse equations one by one"
            )
        numbers = len(self.operators), np.shape(self.rates)[-1], len(self.coefficients)
        if len(set(numbers)) != 1:
            raise ValueError(
                f"there are {numbers[0]} operators, {numbers[1]} rates and {numbers[2]} "
                "coefficients; give one of each for every memory"
            )

    @cached_property
    def _matrices(self) -> DenseMatrices | SparseMatrices:
        if sparse.issparse(self.operators[0]):
            mass = None if self.mass is None else sparse.csr_array(self.mass)
            return SparseMatrices(tuple(map(sparse.csr_array, self.operators)), mass)

        def stacked(matrix: Any) -> FloatArray:
            array = np.asarray(matrix, dtype=np.float64)
            return array.reshape(-1, *array.shape[-2:])

        weights = None if self.mass is None else stacked(self.mass)
        return DenseMatrices(tuple(map(stacked, self.operators)), weights)

    @cached_property
    def _rates(self) -> FloatArray:
        rates = np.atleast_2d(np.asarray(self.rates, dtype=np.float64))
        return np.broadcast_to(rates, (max(len(rates), self._matrices.count), rates.shape[1]))

    @property
    def unknowns(self) -> int:
        """Dense unknowns of an equation; 0 where factorizations are sparse."""
        dense = isinstance(self._matrices, DenseMatrices)
        return self._matrices.unknowns if dense else 0

    @property
    def batched(self) -> bool:
        """Whether an array came with a leading axis."""
        arrays = (*self.operators, self.mass)
        return np.ndim(self.rates) == 2 or any(np.ndim(a) == 3 for a in arrays)

    @property
    def costly(self) -> bool:
        """Whether factorizing takes longest."""
        return isinstance(self._matrices, DenseMatrices) and self._matrices.unknowns > COSTLY

    def _at(self, t: FloatArray) -> tuple[FloatArray, ...]:
        """The coefficients at times (b, s)."""
        return tuple(np.broadcast_to(c(t), t.shape).astype(np.float64) for c in self.coefficients)

    def _unloaded(self, t: FloatArray) -> FloatArray:
        """The free part g at times (b, s), shape (b, s, n, r)."""
        return np.asarray(self._matrices.unweigh(loaded(self.free, t, self._matrices.unknowns)))

    def initial(self) -> State:
        """Return g(0) and empty memories."""
        start = np.zeros((len(self._rates), 1))
        error = self._unloaded(start)[:, 0]
        slope = tuple(c[..., None] * error for c in self._at(start))
        return State(error, tuple(np.zeros_like(error) for _ in slope), slope)

    def scale(self, end: FloatArray) -> FloatArray:
        """Norm of g(0); where it vanishes, the largest norm of g found up to the end."""

        def norms(t: FloatArray) -> FloatArray:
            free = self._unloaded(t)
            squares = np.sum(free * self._matrices.weigh(free), axis=2)
            return np.asarray(np.sqrt(np.maximum(squares, 0.0).max(axis=(1, 2))))

        return first_positive(norms, end)

    def fastest(self) -> FloatArray:
        """By ten steps of power iteration, and the rates of fading."""
        start = np.zeros((len(self._rates), 1))
        weights = [np.abs(c)[..., None, None] for c in self._at(start)]
        # The same for every equation: a batch takes the steps its equations take alone.
        vector = np.random.default_rng(0).standard_normal((1, 1, self._matrices.unknowns, 1))
        vector = np.repeat(vector, len(start), axis=0)
        for _ in range(10):
            vector /= np.maximum(np.linalg.norm(vector, axis=2, keepdims=True), 1e-300)
            images = [w * self._matrices.apply(k, vector) for k, w in enumerate(weights)]
            vector = self._matrices.unweigh(np.sum(images, axis=0))
        return np.asarray(np.linalg.norm(vector, axis=2)[:, 0, 0] + self._rates.max(axis=1))

    def step(
        self, which: IntArray, t: FloatArray, h: FloatArray, state: State, tableau: Tableau
    ) -> RadauStep:
        """Stages of the equations `which`, as many at a time as the cache holds."""
        times = t[:, None] + h[:, None] * tableau.times
        load = loaded(self.free, times, self._matrices.unknowns)
        coefficients = self._at(times)
        size = max(1, _CHUNK // (tableau.stages * load.shape[2]) ** 2)
        steps = []
        for k in range(0, len(which), size):
            part = which[k : k + size]
            here = tuple(c[part] for c in coefficients)
            rates = [self._rates[part, i, None] for i in range(len(here))]
            relaxed = [relaxation(h[part], rate, tableau) for rate in rates]
            matrices = self._matrices.of(part)
            weights = [
                r.transfer[:, 0] * c[:, None, 1:-1] for r, c in zip(relaxed, here, strict=True)
            ]
            equations = _ConstantStages(matrices, here, matrices.factorize(weights))
            begin = State(
                state.error[part],
                tuple(q[part] for q in state.memory),
                tuple(q[part] for q in state.slope),
            )
            steps.append(advance(equations, load[part], relaxed, rates, begin, tableau))
        return steps[0] if len(steps) == 1 else _joined(steps)


def loaded(free: Callable[[FloatArray], FloatArray], t: FloatArray, unknowns: int) -> FloatArray:
    """The free part at times (b, s), its shape checked."""
    load = np.asarray(free(t), dtype=np.float64)
    if load.ndim != 4 or load.shape[:3] != (*t.shape, unknowns):
        raise ValueError(
            f"free returned shape {load.shape} for times {t.shape}; "
            f"it must be {(*t.shape, unknowns)} and one axis of columns"
        )
    return load


def first_positive(norms: Callable[[FloatArray], FloatArray], end: FloatArray) -> FloatArray:
    """Norms at 0, where they vanish the largest ones on the way to the end, or 1."""
    scale = norms(np.zeros((len(end), 1)))
    if np.all(scale > 0):
        return scale
    later = norms(end[:, None] * 10.0 ** -np.arange(13))
    return np.where(scale > 0, scale, np.where(later > 0, later, 1.0))


def _joined(steps: Sequence[RadauStep]) -> RadauStep:
    """One step of all equations from those of parts of them."""
    parts = range(len(steps[0].memory))
    return RadauStep(
        np.concatenate([step.error for step in steps]),
        tuple(np.concatenate([step.memory[k] for step in steps]) for k in parts),
        tuple(np.concatenate([step.slope[k] for step in steps]) for k in parts),
        np.concatenate([step.estimate for step in steps]),
        np.concatenate([step.carried for step in steps]),
        np.concatenate([step.noise for step in steps]),
    )
