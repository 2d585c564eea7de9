r"""Box in two dimensions: Galerkin in a small space of series in products of Legendre polynomials.

With the polynomials :math:`p_m` of each side the state is a table of coefficients of
:math:`p_m(x_1)\,p_n(x_2)`, some thousands of them, on which the kernel acts through matrices of
one dimension (:class:`~ntkfreq.pde.tensor_kernel.TensorKernel`). The unknowns are coordinates in
a space of about a hundred such tables, `basis`, that holds what the initial error becomes:
blocks are small and dense, and the projected kernel is symmetric positive semi-definite whatever
the space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._types import ComplexArray, FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Box
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.pde.bessel import spherical_bessel
from ntkfreq.pde.system import Block, Evolution
from ntkfreq.pde.tensor_kernel import TensorKernel, mode_rule, normalized_legendre
from ntkfreq.quadrature import ORDER, gauss_legendre, panel_rule
from ntkfreq.rectangle import resolve_plane, tensor_points
from ntkfreq.spectrum import fourier_sum

_CHUNK = 4_000_000
_FEWEST_NODES = 64
_ROWS = 64
_Pair = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class PlaneData:
    """Initial output and target on a box in two dimensions, resolved once.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem.
    breaks : (ndarray, ndarray)
        Panels along each side on which both are resolved.
    converged : bool
        False where the limit of panels was reached first.
    start, goal : ndarray, shape (n_1, n_2)
        Legendre coefficients of initial output and target.
    """

    equation: FrequencyEquation
    breaks: _Pair
    converged: bool
    start: FloatArray
    goal: FloatArray

    @classmethod
    def of(cls, equation: FrequencyEquation, modes: tuple[int, int]) -> PlaneData:
        """Resolve both on the box of the equation."""
        box = equation.measure
        assert isinstance(box, Box)
        rectangle = ((box.lower[0], box.upper[0]), (box.lower[1], box.upper[1]))
        functions = [equation.target.at]
        if equation.initial_output is not None:
            functions.append(equation.initial_output_at)
        found = [resolve_plane(function, rectangle) for function in functions]
        first, second = (np.unique(np.concatenate([f.breaks[k] for f in found])) for k in (0, 1))
        converged = all(f.converged for f in found)
        empty = np.empty((0, 0))
        return cls(equation, (first, second), converged, empty, empty).covering(modes)

    @property
    def box(self) -> Box:
        """The box."""
        assert isinstance(self.equation.measure, Box)
        return self.equation.measure

    def covering(self, modes: tuple[int, int]) -> PlaneData:
        """The same with coefficients of at least so many polynomials along each side."""
        if all(np.greater_equal(self.goal.shape, modes)):
            return self
        rules = [mode_rule(edges, count) for edges, count in zip(self.breaks, modes, strict=True)]
        projections = [
            polynomials(self.box, k, x, modes[k]).T * weights
            for k, (x, weights) in enumerate(rules)
        ]
        points = tensor_points(rules[0][0], rules[1][0])
        start, goal = (
            projections[0] @ values.reshape(len(rules[0][0]), -1) @ projections[1].T
            for values in (self.equation.initial_output_at(points), self.equation.target.at(points))
        )
        return replace(self, start=start / self.box.volume, goal=goal / self.box.volume)

    def coefficients(self, modes: tuple[int, int]) -> _Pair:
        """Leading coefficients of initial output and target, shape (n_1 n_2,) each."""
        first, second = modes
        return self.start[:first, :second].ravel(), self.goal[:first, :second].ravel()

    @cached_property
    def moments(self) -> FloatArray:
        """Means of f_0^2, f_0 y and y^2 over the box, shape (3,)."""
        (_, first), (_, second) = (panel_rule(edges) for edges in self.breaks)
        start, goal = self._tables
        pairs = ((start, start), (start, goal), (goal, goal))
        means = [first @ (one * two) @ second for one, two in pairs]
        return np.array(means) / self.box.volume

    def transforms(self, frequencies: FloatArray) -> ComplexArray:
        """Spectra of initial output and target at frequencies (F, 2), shape (2, F)."""
        longest = max(tables.shape[0] + tables.shape[1] for tables in self._tables)
        step = max(1, _CHUNK // longest)
        parts = []
        for start in range(0, len(frequencies), step):
            some = frequencies[start : start + step]
            first, second = (
                _wave_weights(edges, some[:, k]) for k, edges in enumerate(self.breaks)
            )
            parts.append([np.sum((first @ table) * second, axis=1) for table in self._tables])
        return np.asarray(np.concatenate(parts, axis=1) / self.box.volume)

    @cached_property
    def _tables(self) -> _Pair:
        """Values of initial output and target at the nodes of the panels."""
        (x, _), (y, _) = (panel_rule(edges) for edges in self.breaks)
        points, shape = tensor_points(x, y), (len(x), len(y))
        start = self.equation.initial_output_at(points).reshape(shape)
        return start, self.equation.target.at(points).reshape(shape)


@dataclass(frozen=True, eq=False)
class BoxPlaneSystem:
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
            # Where nothing fades the two memories are one, and so are the parts of the kernel.
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
            _transforms(frequencies[:, k] * half[k], self.kernel.modes[k]) for k in (0, 1)
        )
        center = np.add(self._box.upper, self._box.lower)[None, :] / 2
        phase = fourier_sum(center, np.ones(1), frequencies)
        first, second = first * phase[:, None], second
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
        """The kernel against what the memories hold, by quadrature over the box."""
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


def _wave_weights(breaks: FloatArray, xi: FloatArray) -> ComplexArray:
    """Weights at the nodes of panels for integrals against waves of any frequency, (F, nodes).

    What the nodes say of a function is integrated in closed form, so that panels need to resolve
    the function only.
    """
    unit, weight = gauss_legendre(ORDER)
    analysis = normalized_legendre(unit, ORDER).T * weight
    half, middle = np.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
    phase = fourier_sum(middle[:, None], np.eye(len(middle)), xi[:, None])
    scaled = np.multiply.outer(half, xi)
    waves = _transforms(scaled.ravel(), ORDER).reshape(*scaled.shape, ORDER) @ analysis
    weights = waves * (half[:, None] * phase)[..., None]
    return np.asarray(weights.swapaxes(0, 1).reshape(len(xi), -1))


def polynomials(box: Box, axis: int, x: FloatArray, modes: int) -> FloatArray:
    """Normalized polynomials of one side at coordinates (n,), shape (n, modes)."""
    low, high = box.lower[axis], box.upper[axis]
    return normalized_legendre((2 * x - low - high) / (high - low), modes)


def _transforms(z: FloatArray, modes: int) -> ComplexArray:
    """Transforms of the normalized polynomials of [-1, 1] at frequencies of either sign."""
    order = np.arange(modes)
    values = spherical_bessel(np.abs(z), modes) * np.sqrt(2 * order + 1)
    # j_n(-z) = (-1)^n j_n(z)
    return np.asarray(values * np.where(z[:, None] < 0, 1j, -1j) ** order)


def _series(tables: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Sums of coefficients (T, n_1, n_2) times functions (P, n_1) and (P, n_2), shape (T, P)."""
    values = np.empty((len(tables), len(first)))
    step = max(1, _CHUNK // (tables.shape[0] * tables.shape[1]))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        partial = tables @ second[part].T
        values[:, part] = np.einsum("tmp,pm->tp", partial, first[part])
    return values
