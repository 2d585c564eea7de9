r"""Box in two dimensions: Galerkin in a small space of series in products of Legendre polynomials.

With the polynomials :math:`p_m` of each side the state is a table of coefficients of
:math:`p_m(x_1)\,p_n(x_2)`, some thousands of them, on which the kernel acts through matrices of
one dimension (:class:`~ntkfreq.pde.box_plane.tensor_kernel.TensorKernel`). The unknowns are
coordinates in a space of about a hundred such tables, `basis`, that holds the flow of the initial
error: blocks are small and dense, and the projected kernel is symmetric positive semi-definite
whatever the space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.numerics.quadrature import gauss_legendre
from ntkfreq.pde.box_plane.data import PlaneData, legendre_transforms, polynomials
from ntkfreq.pde.box_plane.displacement import normalized_legendre
from ntkfreq.pde.box_plane.tensor_kernel import TensorKernel
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box
from ntkfreq.problem.rectangle import tensor_points
from ntkfreq.spectra.spectrum import fourier_sum

_CHUNK = 4_000_000
_FEWEST_NODES = 64
_ROWS = 64


@dataclass(frozen=True, eq=False)
class BoxPlaneSystem(Portable):
    """Galerkin system in the span of some tables of Legendre coefficients.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Box, in two dimensions.
    kernel : TensorKernel
        Its kernel between polynomials.
    data : PlaneData
        Its initial output and target.
    basis : ndarray, shape (m, n_1 n_2)
        Orthonormal rows; they must span the initial error, and with decay the initial output and
        the target.
    """

    equation: FrequencyEquation
    kernel: TensorKernel
    data: PlaneData
    basis: FloatArray

    @property
    def _box(self) -> Box:
        return self.data.box

    @cached_property
    def blocks(self) -> tuple[Block]:
        """The kernel projected on the space."""
        start, goal = (self.basis @ load for load in self.data.coefficients(self.kernel.modes))
        if self.equation.sigma_a == 0 or not self.equation.decay.active:
            # Without decay the two memories are equal, so the kernel need not be split.
            return (Block(self._projected(self.kernel.operator), None, None, start, goal),)
        parts = self._projected(self.kernel.stationary), self._projected(self.kernel.moving)
        return (Block(*parts, None, start, goal),)

    def _projected(self, operator: Callable[[FloatArray], FloatArray]) -> FloatArray:
        matrix = np.empty((len(self.basis), len(self.basis)))
        for start in range(0, len(matrix), _ROWS):
            rows = slice(start, start + _ROWS)
            matrix[rows] = np.stack([operator(row) for row in self.basis[rows]]) @ self.basis.T
        return np.asarray((matrix + matrix.T) / 2)

    @cached_property
    def moments(self) -> FloatArray:
        """Means of f_0^2, f_0 y and y^2 over the box, shape (3,)."""
        return self.data.moments

    def gather(self, part: FloatArray) -> FloatArray:
        """Tables of Legendre coefficients, (T, n_1, n_2), from unknowns (T, m)."""
        return (part @ self.basis).reshape(len(part), *self.kernel.modes)

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        start, goal = self.data.transforms(frequencies)
        return np.asarray(np.multiply.outer(self.equation.decay.damping(t), start) - goal)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        half = np.subtract(self._box.upper, self._box.lower) / 2
        first, second = (
            legendre_transforms(frequencies[:, k] * half[k], self.kernel.modes[k]) for k in (0, 1)
        )
        center = np.add(self._box.upper, self._box.lower)[None, :] / 2
        phase = fourier_sum(center, np.ones(1), frequencies)
        first = first * phase[:, None]
        tables = self.gather(evolution.change[0])
        real = _series(tables, first.real, second.real) - _series(tables, first.imag, second.imag)
        imag = _series(tables, first.real, second.imag) + _series(tables, first.imag, second.real)
        return np.asarray(real + 1j * imag)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output: polynomials inside the box, the kernel outside."""
        lower, upper = np.array(self._box.lower), np.array(self._box.upper)
        reach = (upper - lower) / 2 * (1 + 1e-12)
        inside = np.all(np.abs(x - (upper + lower) / 2) <= reach, axis=1)
        values = np.empty((len(evolution.t), len(x)))
        first, second = (
            polynomials(self._box, k, x[inside, k], self.kernel.modes[k]) for k in (0, 1)
        )
        values[:, inside] = _series(self.gather(evolution.change[0]), first, second)
        if not inside.all():
            values[:, ~inside] = self._outside(evolution, x[~inside])
        return values

    def _outside(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """The kernel against the memories, by quadrature over the box."""
        nodes, weights, series = [], [], []
        for k, modes in enumerate(self.kernel.modes):
            unit, weight = gauss_legendre(max(_FEWEST_NODES, 2 * modes))
            low, high = self._box.lower[k], self._box.upper[k]
            nodes.append((low + high) / 2 + (high - low) / 2 * unit)
            weights.append(weight / 2)
            series.append(normalized_legendre(unit, modes))
        points = tensor_points(nodes[0], nodes[1])
        weight = np.multiply.outer(weights[0], weights[1]).ravel()
        first, second = (
            (series[0] @ self.gather(evolution.memory(k)[0]) @ series[1].T).reshape(-1, len(points))
            * weight
            for k in (0, 1)
        )
        strength = self.equation.sigma_a**2
        values = np.empty((len(evolution.t), len(x)))
        step = max(1, _CHUNK // len(points))
        for begin in range(0, len(x), step):
            part = x[begin : begin + step]
            gram = stationary_gram(self.equation.density, points, part)
            change = -first @ gram
            if strength > 0:
                for k in (0, 1):
                    change -= strength * part[:, k] * ((second * points[:, k]) @ gram)
            values[:, begin : begin + step] = change
        return values


def _series(tables: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Sums of coefficients (T, n_1, n_2) times functions (P, n_1) and (P, n_2), shape (T, P)."""
    values = np.empty((len(tables), len(first)))
    step = max(1, _CHUNK // (tables.shape[0] * tables.shape[1]))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        partial = tables @ second[part].T
        values[:, part] = np.einsum("tmp,pm->tp", partial, first[part])
    return values
