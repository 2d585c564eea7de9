"""Initial output and target on a box in two dimensions: their Legendre series and spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.numerics.bessel import spherical_bessel
from ntkfreq.numerics.quadrature import ORDER, gauss_legendre, panel_rule
from ntkfreq.pde.box_plane.displacement import Pair, mode_rule, normalized_legendre
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box
from ntkfreq.problem.rectangle import resolve_plane, tensor_points
from ntkfreq.spectra.spectrum import fourier_sum

_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class PlaneData(Portable):
    """Initial output and target on a box in two dimensions, resolved once.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem.
    breaks : (ndarray, ndarray)
        Panels along each side on which both are resolved.
    converged : bool
        False where the limit of panels was reached first.
    noise : float
        Roughness of the values that does not fall with smaller panels.
    start, goal : ndarray, shape (n_1, n_2)
        Legendre coefficients of initial output and target.
    """

    equation: FrequencyEquation
    box: Box
    breaks: Pair
    converged: bool
    noise: float
    start: FloatArray
    goal: FloatArray

    @classmethod
    def of(cls, equation: FrequencyEquation, box: Box, modes: tuple[int, int]) -> PlaneData:
        """Resolve both on the box of the equation."""
        rectangle = ((box.lower[0], box.upper[0]), (box.lower[1], box.upper[1]))
        functions = [equation.target.at]
        if equation.initial_output is not None:
            functions.append(equation.initial_output_at)
        found = [resolve_plane(function, rectangle) for function in functions]
        first, second = (np.unique(np.concatenate([f.breaks[k] for f in found])) for k in (0, 1))
        converged = all(f.converged for f in found)
        noise = max(f.noise for f in found)
        empty = np.empty((0, 0))
        return cls(equation, box, (first, second), converged, noise, empty, empty).covering(modes)

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

    def coefficients(self, modes: tuple[int, int]) -> Pair:
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
    def _tables(self) -> Pair:
        """Values of initial output and target at the nodes of the panels."""
        (x, _), (y, _) = (panel_rule(edges) for edges in self.breaks)
        points, shape = tensor_points(x, y), (len(x), len(y))
        start = self.equation.initial_output_at(points).reshape(shape)
        return start, self.equation.target.at(points).reshape(shape)


def _wave_weights(breaks: FloatArray, xi: FloatArray) -> ComplexArray:
    """Weights at the nodes of panels for integrals against waves of any frequency, (F, nodes).

    The interpolant on each panel is integrated in closed form, so that panels need to resolve the
    function only, not the waves.
    """
    unit, weight = gauss_legendre(ORDER)
    analysis = normalized_legendre(unit, ORDER).T * weight
    half, middle = np.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
    phase = fourier_sum(middle[:, None], np.eye(len(middle)), xi[:, None])
    scaled = np.multiply.outer(half, xi)
    waves = legendre_transforms(scaled.ravel(), ORDER).reshape(*scaled.shape, ORDER) @ analysis
    weights = waves * (half[:, None] * phase)[..., None]
    return np.asarray(weights.swapaxes(0, 1).reshape(len(xi), -1))


def polynomials(box: Box, axis: int, x: FloatArray, modes: int) -> FloatArray:
    """Normalized polynomials of one side at coordinates (n,), shape (n, modes)."""
    low, high = box.lower[axis], box.upper[axis]
    return normalized_legendre((2 * x - low - high) / (high - low), modes)


def legendre_transforms(z: FloatArray, modes: int) -> ComplexArray:
    """Transforms of the normalized polynomials of [-1, 1] at frequencies of either sign."""
    order = np.arange(modes)
    values = spherical_bessel(np.abs(z), modes) * np.sqrt(2 * order + 1)
    # j_n(-z) = (-1)^n j_n(z), so a negative frequency turns (-i)^n into i^n.
    turn = np.array([1, -1j, -1, 1j])[order % 4]
    return np.asarray(values * np.where(z[:, None] < 0, turn.conj(), turn))
