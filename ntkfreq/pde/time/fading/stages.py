r"""One Radau IIA step of a linear equation with memory: stage systems, solution, estimated error.

The equations are those of `memory`.
In a step of length h with matrix :math:`\mathsf A` the memories are eliminated by
:math:`W^k = h(I + h\gamma_k\mathsf A)^{-1}\mathsf A` and
:math:`\rho^k = (I + h\gamma_k\mathsf A)^{-1} 1`, and one linear system holds the errors at the
stages: :math:`M e_i + \sum_{k,j} A_k W^k_{ij} c_k(t_j) e_j = M g(t_i) - \sum_k A_k\rho^k_i q_k`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.polynomial import legendre
from scipy import sparse, special
from scipy.linalg import lapack
from scipy.sparse.linalg import splu

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray

Memories = Sequence[FloatArray]


@dataclass(frozen=True, eq=False)
class Tableau:
    r"""Coefficients of the Radau IIA method with s stages, of order 2s - 1 at the step ends.

    Attributes
    ----------
    times : ndarray, shape (s + 2,)
        0 (the start of a step, which is no stage), the stages :math:`c_i` up to 1, and the
        probe, where interpolation is least accurate: :math:`|\tau\prod(\tau - c_i)|` is largest.
    matrix : ndarray, shape (s, s)
        :math:`a_{ij}`, the integral of the j-th Lagrange polynomial of the stages to :math:`c_i`.
    slopes : ndarray, shape (2, s)
        Lagrange polynomials of the stages at 0 and at the probe.
    dense : ndarray, shape (s + 1,)
        Lagrange polynomials of 0 and the stages at the probe.
    defect : ndarray, shape (s, 2)
        Integrals to :math:`c_i` of the two polynomials of degree s + 1 that vanish at the stages
        and are 1 at 0 and 0 at the probe, or the other way round.

    Examples
    --------
    >>> radau(2).matrix
    array([[ 0.41666667, -0.08333333],
           [ 0.75      ,  0.25      ]])
    """

    times: FloatArray
    matrix: FloatArray
    slopes: FloatArray
    dense: FloatArray
    defect: FloatArray

    @property
    def stages(self) -> int:
        """Number of stages s."""
        return len(self.matrix)

    def weights(self, tau: Any) -> FloatArray:
        """Lagrange polynomials of 0 and the stages at `tau` (...), shape (..., s + 1)."""
        return _lagrange(self.times[:-1], np.asarray(tau, dtype=np.float64))


def _lagrange(nodes: FloatArray, tau: FloatArray) -> FloatArray:
    """Lagrange polynomials of the nodes at `tau` (...), shape (..., nodes)."""
    out = np.ones((*tau.shape, len(nodes)))
    for j, node in enumerate(nodes):
        for other in np.delete(nodes, j):
            out[..., j] *= (tau - other) / (node - other)
    return out


@lru_cache
def radau(stages: int) -> Tableau:
    """Radau IIA with `stages` stages: 1 is implicit Euler, beyond 9 rounding errors grow."""
    inner = special.roots_jacobi(stages - 1, 1, 0)[0] if stages > 1 else np.empty(0)
    c = np.append((1 + inner) / 2, 1.0)
    nodes = np.append(0.0, c)
    fine = np.linspace(0.0, 1.0, 2001)
    ends = np.array([0.0, fine[np.abs(np.prod(fine[:, None] - nodes, axis=1)).argmax()]])
    # Exact for the polynomials integrated here, of degree s + 1 at most.
    unit, weight = legendre.leggauss(stages + 1)
    inside, weight = c[:, None] * (unit + 1) / 2, c[:, None] * weight / 2
    shape = np.prod(inside[..., None] - c, axis=-1)[..., None] * _lagrange(ends, inside)
    shape /= np.prod(ends[:, None] - c, axis=-1)
    return Tableau(
        times=np.append(nodes, ends[1]),
        matrix=np.einsum("ip,ipj->ij", weight, _lagrange(c, inside)),
        slopes=_lagrange(c, ends),
        dense=_lagrange(nodes, ends[1]),
        defect=np.einsum("ip,ipj->ij", weight, shape),
    )


class State(NamedTuple):
    """Where a step begins: e (b, n, r), the memories q_k (b, m, r) and their derivatives."""

    error: FloatArray
    memory: tuple[FloatArray, ...]
    slope: tuple[FloatArray, ...]


class RadauStep(NamedTuple):
    """The same at the stages, (b', s, n, r) and (b', s, m, r).

    Also norms, (b',): the estimated error of the dense output, the part of it that the step hands
    to the next one, and rounding errors.
    """

    error: FloatArray
    memory: tuple[FloatArray, ...]
    slope: tuple[FloatArray, ...]
    estimate: FloatArray
    carried: FloatArray
    noise: FloatArray


class Relaxation(NamedTuple):
    """Effect of decay in one step: W (b, m, s, s), rho (b, m, s, 1), defects (b, m, s, 2)."""

    transfer: FloatArray
    carry: FloatArray
    defect: FloatArray


def relaxation(h: FloatArray, rates: FloatArray, tableau: Tableau) -> Relaxation:
    """Stages of q' = -rate q + f by those of f; `rates` is (b, m), m = 1 for a common rate."""
    s = tableau.stages
    step = h[:, None, None, None]
    system = np.eye(s) + step * rates[..., None, None] * tableau.matrix
    sides = np.column_stack([tableau.matrix, np.ones(s), tableau.defect])
    solved = np.linalg.solve(system, np.broadcast_to(sides, (*rates.shape, *sides.shape)))
    return Relaxation(step * solved[..., :s], solved[..., s : s + 1], step * solved[..., s + 1 :])


def _mix(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """Apply (b, m, i, j) to the stages of values (b, j, m, r); the m of the matrix may be 1."""
    return np.asarray((matrix @ values.swapaxes(1, 2)).swapaxes(1, 2))


class StageEquations(Protocol):
    """The equations of a step at times 0 (its start), 1 to s (the stages) and s + 1 (the probe)."""

    def solve(self, sides: FloatArray) -> FloatArray:
        """Stage system, (b, s, n, r) to (b, s, n, r)."""
        ...

    def drive(self, error: FloatArray, at: slice) -> tuple[FloatArray, ...]:
        """What errors (b, p, n, r) at some times write to each memory, (b, p, m, r)."""
        ...

    def read(self, memory: Memories, at: slice) -> FloatArray:
        """What memories (b, p, m, r) at some times take from M e, (b, p, n, r)."""
        ...

    def weigh(self, error: FloatArray) -> FloatArray:
        """M e."""
        ...


def advance(
    equations: StageEquations,
    load: FloatArray,
    relaxed: Sequence[Relaxation],
    rates: Sequence[FloatArray],
    begin: State,
    tableau: Tableau,
) -> RadauStep:
    r"""Stages, their estimated error and the rounding error in them.

    The collocation polynomials u_k of the memories and the interpolated error e leave a defect
    :math:`d_k = \dot u_k + \gamma_k u_k - c_k e`, zero at the stages, and the equation of the
    error a residual, zero at the stages as well. The error of the dense output obeys the same
    linear equation with these as sources, so one more solve with the same factors yields it. The
    defect is known at the start and at the probe, which is needed where a :math:`c_k` varies much.
    """
    s = tableau.stages
    at, probe = slice(1, s + 1), slice(s + 1, s + 2)
    fading = [rate[:, None, :, None] for rate in rates]
    carried = [_mix(part.carry, q[:, None]) for part, q in zip(relaxed, begin.memory, strict=True)]
    error = equations.solve(load[:, at] - equations.read(carried, at))
    memory, slope, defects, recalled = [], [], [], []
    middle = _interpolate(tableau, begin.error, error)
    written = equations.drive(error, at), equations.drive(middle, probe)
    for k, part in enumerate(relaxed):
        memory.append(carried[k] + _mix(part.transfer, written[0][k]))
        slope.append(written[0][k] - fading[k] * memory[k])
        recalled.append(_interpolate(tableau, begin.memory[k], memory[k]))
        found = begin.slope[k][:, None], written[1][k] - fading[k] * recalled[k]
        defect = np.einsum("pj,bjmr->bpmr", tableau.slopes, slope[k]) - np.concatenate(found, 1)
        defects.append(_mix(part.defect, defect))
    rest = load[:, probe] - equations.read(recalled, probe) - equations.weigh(middle)
    residual = load[:, at] - equations.read(memory, at) - equations.weigh(error)
    sides = -equations.read(defects, at), np.broadcast_to(rest, error.shape), residual
    parts = np.split(equations.solve(np.concatenate(sides, axis=-1)), 3, axis=-1)
    collocation, interpolation, noise = (_largest(equations, part) for part in parts)
    at_end = _largest(equations, parts[0][:, -1:])
    estimate = collocation + interpolation
    return RadauStep(error, tuple(memory), tuple(slope), estimate, at_end, noise)


def _interpolate(tableau: Tableau, first: FloatArray, stages: FloatArray) -> FloatArray:
    """Value at the probe, (b, 1, n, r)."""
    values = np.concatenate([first[:, None], stages], axis=1)
    return np.asarray(np.einsum("p,bpnr->bnr", tableau.dense, values)[:, None])


def _largest(equations: StageEquations, error: FloatArray) -> FloatArray:
    """Largest norm over stages and columns, (b, s, n, r) to (b,)."""
    squares = np.sum(error * equations.weigh(error), axis=2)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0).max(axis=(1, 2))))


class DenseSystems:
    """LU factors of stage matrices (b, s n, s n), which are overwritten."""

    def __init__(self, matrices: FloatArray) -> None:
        # Row by row is column by column for the transposed, so LAPACK need not copy. One call an
        # equation keeps the factors for the second solve, which numpy's batched solve does not.
        self._factors = [lapack.dgetrf(matrix.T, overwrite_a=1)[:2] for matrix in matrices]

    def solve(self, sides: FloatArray) -> FloatArray:
        """Stage by stage, (b, s, n, r)."""
        count, s, n, columns = sides.shape
        flat = sides.reshape(count, s * n, columns)
        out = np.empty_like(flat)
        for i, (factors, pivots) in enumerate(self._factors):
            out[i] = lapack.dgetrs(factors, pivots, flat[i], trans=1)[0]
        return out.reshape(sides.shape)


class SparseSystem:
    """LU factors of one sparse stage matrix, unknown by unknown, so that a band stays a band."""

    def __init__(self, blocks: FloatArray, indices: IntArray, indptr: IntArray) -> None:
        size = (len(indptr) - 1) * blocks.shape[1]
        rows = sparse.bsr_array((blocks, indices, indptr), shape=(size, size)).tocsr()
        # The rows are the columns of the transposed: no conversion. Pivots off the diagonal only
        # where it is a hundred times smaller: twice as fast, with the same residuals.
        self._factors: Any = splu(
            sparse.csc_array((rows.data, rows.indices, rows.indptr), shape=(size, size)),
            diag_pivot_thresh=0.01,
        )

    def solve(self, sides: FloatArray) -> FloatArray:
        """Stage by stage, (1, s, n, r)."""
        _, s, n, columns = sides.shape
        flat = sides[0].swapaxes(0, 1).reshape(n * s, columns)
        solved = self._factors.solve(flat, trans="T").reshape(n, s, columns)
        return np.asarray(solved.swapaxes(0, 1)[None])


@dataclass(frozen=True, eq=False)
class DenseMatrices:
    """Operators and mass (b or 1, n, n); the mass may be None."""

    operators: tuple[FloatArray, ...]
    mass: FloatArray | None

    @property
    def unknowns(self) -> int:
        """Number of unknowns n."""
        return int(self.operators[0].shape[-1])

    @property
    def count(self) -> int:
        """Number of equations b, as far as the matrices tell."""
        masses = () if self.mass is None else (self.mass,)
        return max(len(matrix) for matrix in (*self.operators, *masses))

    def of(self, which: IntArray) -> DenseMatrices:
        """Those of some equations."""

        def pick(matrix: FloatArray) -> FloatArray:
            return matrix[which] if len(matrix) > 1 else matrix

        mass = None if self.mass is None else pick(self.mass)
        return DenseMatrices(tuple(map(pick, self.operators)), mass)

    def apply(self, k: int, values: FloatArray) -> FloatArray:
        """Product of the k-th operator with (b, p, n, r)."""
        return np.asarray(self.operators[k][:, None] @ values)

    def weigh(self, values: FloatArray) -> FloatArray:
        """Product of the mass with (b, p, n, r)."""
        return values if self.mass is None else np.asarray(self.mass[:, None] @ values)

    def unweigh(self, load: FloatArray) -> FloatArray:
        """Solution of the mass for (b, p, n, r), a new array."""
        if self.mass is None:
            return load.copy()
        return np.asarray(np.linalg.solve(self.mass[:, None], load), dtype=np.float64)

    def factorize(self, weights: Sequence[FloatArray]) -> DenseSystems:
        """Stage matrices of the equations with weights (b, s, s) an operator."""
        count, s, _ = weights[0].shape
        n = self.unknowns
        matrices = np.zeros((count, s, n, s, n))
        for i in range(s):
            matrices[:, i, :, i] = np.eye(n) if self.mass is None else self.mass
        for operator, weight in zip(self.operators, weights, strict=True):
            matrices += weight[:, :, None, :, None] * operator[:, None, :, None, :]
        return DenseSystems(matrices.reshape(count, s * n, s * n))


@dataclass(frozen=True, eq=False)
class SparseMatrices(Portable):
    """Operators and mass of one equation, by rows."""

    operators: tuple[Any, ...]
    mass: Any
    count: int = field(default=1, init=False)

    @property
    def unknowns(self) -> int:
        """Number of unknowns n."""
        return int(self.operators[0].shape[0])

    def of(self, which: IntArray) -> SparseMatrices:
        """The one equation."""
        return self

    @cached_property
    def _pattern(self) -> tuple[IntArray, IntArray, tuple[FloatArray, ...]]:
        """Common pattern in rows, and the entries of mass and operators on it."""
        mass = sparse.eye_array(self.unknowns, format="csr") if self.mass is None else self.mass
        matrices: list[Any] = [mass, *self.operators]
        pattern = abs(matrices[0])
        for matrix in matrices[1:]:
            pattern = pattern + abs(matrix)
        pattern.sort_indices()
        row, column = pattern.tocoo().coords
        entries = tuple(np.asarray(matrix[row, column]).ravel() for matrix in matrices)
        return pattern.indices, pattern.indptr, entries

    @cached_property
    def _mass_factors(self) -> Any:
        return splu(sparse.csc_array(self.mass))

    def _times(self, matrix: Any, values: FloatArray) -> FloatArray:
        first = np.moveaxis(values[0], 1, 0)
        product = (matrix @ first.reshape(len(first), -1)).reshape(first.shape)
        return np.asarray(np.moveaxis(product, 0, 1)[None])

    def apply(self, k: int, values: FloatArray) -> FloatArray:
        """Product of the k-th operator with (b, p, n, r)."""
        return self._times(self.operators[k], values)

    def weigh(self, values: FloatArray) -> FloatArray:
        """Product of the mass with (b, p, n, r)."""
        return values if self.mass is None else self._times(self.mass, values)

    def unweigh(self, load: FloatArray) -> FloatArray:
        """Solution of the mass for (b, p, n, r), a new array."""
        if self.mass is None:
            return load.copy()
        columns = [self._mass_factors.solve(np.ascontiguousarray(part)) for part in load[0]]
        return np.stack(columns)[None]

    def factorize(self, weights: Sequence[FloatArray]) -> SparseSystem:
        """Stage matrix with weights (1, s, s) an operator."""
        indices, indptr, (mass, *operators) = self._pattern
        blocks = mass[:, None, None] * np.eye(weights[0].shape[-1])
        for entries, weight in zip(operators, weights, strict=True):
            blocks += entries[:, None, None] * weight[0]
        return SparseSystem(blocks, indices, indptr)
