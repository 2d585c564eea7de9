r"""Box: Galerkin with Legendre polynomials, whose transforms are spherical Bessel functions.

With normalized polynomials :math:`p_n` on the box (centre c, half-width h) and transform

.. math:: \hat p_n(\xi) = \sqrt{2n+1}\,(-i)^n j_n(h\xi)\,e^{-i\xi c},

the stationary part of the kernel has the matrix
:math:`B_{mn} = \int\rho_w\,\hat p_m\,\overline{\hat p_n}\,d\xi`. Multiplication by x is a symmetric
tridiagonal matrix X (three-term recurrence); the two parts of the operator are B and
:math:`\sigma_a^2 X B X`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.numerics.bessel import spherical_bessel
from ntkfreq.numerics.quadrature import gauss_legendre, panel_rule
from ntkfreq.pde.box.layered import layered_between, layered_matrices
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.density import Density
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box
from ntkfreq.spectra.phases import exact_wave

# Frequencies whose Bessel functions are held at once.
_CHUNK = 20_000
# Values of polynomials held at once.
_NUMBERS = 10_000_000
# Operations for one value of a Bessel function (measured), and seconds that one matrix may take.
_OPERATIONS, _MOST_SECONDS = 400.0, 15.0


@dataclass(frozen=True, eq=False)
class BoxSystem(Portable):
    """Galerkin system with `modes` Legendre polynomials on a one-dimensional box.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Box, in one dimension.
    box : Box
        Its measure.
    modes : int
        Number of polynomials.
    tolerance : float
        Error allowed in the operator, in its norm, relative to k(0) = 1.
    known : pair of ndarrays, optional
        The two matrices, where they are known.
    """

    equation: FrequencyEquation
    box: Box
    modes: int
    tolerance: float
    known: tuple[FloatArray, FloatArray] | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The two ends of the box."""
        return self.box.lower[0], self.box.upper[0]

    @property
    def _center(self) -> float:
        return (self.box.lower[0] + self.box.upper[0]) / 2

    @property
    def _half(self) -> float:
        return (self.box.upper[0] - self.box.lower[0]) / 2

    @cached_property
    def operators(self) -> tuple[FloatArray, FloatArray]:
        """Galerkin matrices A_1 and A_2 of the two parts of the kernel, shape (modes, modes)."""
        if self.known is not None:
            return self.known
        across = multiplication(self.modes, self._center, self._half)
        if self.equation.layers is not None:
            stationary, moved = layered_matrices(
                self.equation, self._half, self.modes + 1, self.tolerance
            )
            return stationary[: self.modes, : self.modes], across @ moved @ across.T
        stationary = bessel_gram(self.equation.density, self._half, self.modes + 1, self.tolerance)
        moving = self.equation.sigma_a**2 * (across @ stationary @ across.T)
        return stationary[: self.modes, : self.modes], moving

    def leading(self, modes: int) -> BoxSystem:
        """The system of the first polynomials, whose matrices are corners of these."""
        first, second = (part[:modes, :modes] for part in self.operators)
        return BoxSystem(self.equation, self.box, modes, self.tolerance, (first, second))

    def with_equation(self, equation: FrequencyEquation) -> BoxSystem:
        """The same operators for other data."""
        return BoxSystem(equation, self.box, self.modes, self.tolerance, self.operators)

    @cached_property
    def _start(self) -> FloatArray:
        """Legendre coefficients of the initial output."""
        x, weights, _ = self._rule
        if self.equation.initial_output is None:
            return np.zeros(self.modes)
        return self._project(weights * self.equation.initial_output_at(x[:, None]))

    @cached_property
    def goal(self) -> FloatArray:
        """Legendre coefficients of the target."""
        _, weights, values = self._rule
        return self._project(weights * values)

    def _project(self, weighted: FloatArray) -> FloatArray:
        x, found = self._rule[0], np.zeros(self.modes)
        step = max(1, _NUMBERS // self.modes)
        for start in range(0, len(x), step):
            some = slice(start, start + step)
            found += self.polynomials(x[some]).T @ weighted[some]
        return found

    @cached_property
    def _rule(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Nodes, weights and target values that resolve initial output, target and modes."""
        low, high = self.box.lower[0], self.box.upper[0]
        resolved = self.equation.initial_error.resolved_on(low, high)
        # P_n(cos theta) oscillates evenly in theta, so fastest in s near the ends: half a period
        # of the highest mode a panel.
        even = self._center + self._half * np.cos(np.linspace(np.pi, 0.0, self.modes + 1))
        breaks = np.union1d(resolved.breaks, even[1:-1])
        x, weights = panel_rule(breaks)
        return x, weights / self.box.volume, self.equation.target.at(x[:, None])

    def polynomials(self, x: FloatArray) -> FloatArray:
        """Normalized polynomials at points of the box, shape (n, modes)."""
        s = (x - self._center) / self._half
        norm = np.sqrt(2 * np.arange(self.modes) + 1)
        return np.asarray(legendre.legvander(s, self.modes - 1) * norm)

    @cached_property
    def groups(self) -> tuple[IntArray, ...]:
        """Modes that couple: even and odd ones do not on a box centred at 0."""
        every = np.arange(self.modes, dtype=np.int64)
        return (every[::2], every[1::2]) if self._center == 0 else (every,)

    @property
    def loads(self) -> tuple[FloatArray, ...]:
        """The initial error as unknowns, one array a block."""
        return tuple(self._start[group] - self.goal[group] for group in self.groups)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block, or an even and an odd one on a box centred at 0."""
        stationary, moving = self.operators
        return tuple(
            Block(
                stationary[np.ix_(group, group)],
                None if self.equation.frozen else moving[np.ix_(group, group)],
                None,
                self._start[group],
                self.goal[group],
            )
            for group in self.groups
        )

    @cached_property
    def moments(self) -> FloatArray:
        """Means of f_0^2, f_0 y and y^2 over the box, shape (3,)."""
        x, weights, goal = self._rule
        start = self.equation.initial_output_at(x[:, None])
        return np.array([weights @ start**2, weights @ (start * goal), weights @ goal**2])

    def gather(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Coefficients of all modes, (T, modes), from those of the blocks."""
        whole = np.empty((len(parts[0]), self.modes))
        for group, part in zip(self.groups, parts, strict=True):
            whole[:, group] = part
        return whole

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        low, high = self.box.lower[0], self.box.upper[0]
        xi, volume = frequencies[:, 0], self.box.volume
        goal = self.equation.target.resolved_on(low, high).transform(xi) / volume
        if self.equation.start is None:
            return np.broadcast_to(-goal, (len(t), len(xi)))
        start = self.equation.start.resolved_on(low, high).transform(xi) / volume
        return np.asarray(np.multiply.outer(self.equation.decay.damping(t), start) - goal)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the data spectrum, shape (T, F)."""
        xi = frequencies[:, 0]
        values = _bessel(np.abs(xi) * self._half, self.modes).astype(np.complex128)
        order = np.arange(self.modes)
        # j_n(-z) = (-1)^n j_n(z)
        values *= (-1j) ** order * np.where(xi[:, None] < 0, (-1.0) ** order, 1.0)
        values *= exact_wave(xi, np.array(-self._center))[:, None]
        return np.asarray(self.gather(evolution.change) @ values.T)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output: polynomials inside the box, the kernel outside."""
        inside = np.abs(x[:, 0] - self._center) <= self._half * (1 + 1e-12)
        values = np.empty((len(evolution.t), len(x)))
        values[:, inside] = self.gather(evolution.change) @ self.polynomials(x[inside, 0]).T
        if not inside.all():
            unit, weight = gauss_legendre(max(64, 2 * self.modes))
            nodes = self._center + self._half * unit
            series = self.polynomials(nodes)
            still, moving = self._between(nodes[:, None], x[~inside])
            first = (self.gather(evolution.memory(0)) @ series.T) * (weight / 2)
            second = (self.gather(evolution.memory(1)) @ series.T) * (weight / 2)
            values[:, ~inside] = -first @ still - second @ moving
        return values

    def _between(self, nodes: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The two parts of the kernel between points (n, 1) and (m, 1), shape (n, m) each."""
        if self.equation.layers is not None:
            return layered_between(self.equation, nodes, x)
        gram = stationary_gram(self.equation.density, nodes, x)
        across = self.equation.sigma_a**2 * np.outer(nodes[:, 0], x[:, 0])
        return gram, gram * across


def multiplication(modes: int, center: float, half: float) -> FloatArray:
    """Multiplication by x from `modes` + 1 polynomials to `modes`: the Legendre recurrence."""
    order = np.arange(1, modes + 1)
    beta = half * order / np.sqrt(4.0 * order**2 - 1.0)
    matrix = np.zeros((modes, modes + 1))
    rows = np.arange(modes)
    matrix[rows, rows] = center
    matrix[rows, rows + 1] = beta
    matrix[rows[1:], rows[1:] - 1] = beta[:-1]
    return matrix


def _bessel(z: FloatArray, modes: int) -> FloatArray:
    r""":math:`\sqrt{2n+1}\,j_n(z)` for n < modes, shape (len(z), modes)."""
    return np.asarray(spherical_bessel(z, modes) * np.sqrt(2 * np.arange(modes) + 1))


def bessel_gram(density: Density, half: float, modes: int, tolerance: float) -> FloatArray:
    """Matrix B of the stationary kernel over the first `modes` polynomials."""
    radius = _cut(density, half, modes, tolerance)
    # The phases of two Bessel functions add up to the full width of the box.
    xi, weights = density.quadrature(2 * half, radius)
    refuse_work(
        f"{len(xi)} frequencies and {modes} polynomials for rho_w on a box of width {2 * half:g}",
        _OPERATIONS * len(xi) * modes + 2.0 * len(xi) * modes**2,
        "use a smaller box, a narrower density, a larger rtol, or measure=Points(x)",
        _MOST_SECONDS,
    )
    gram = np.zeros((modes, modes))
    for start in range(0, len(xi), _CHUNK):
        values = _bessel(xi[start : start + _CHUNK] * half, modes)
        gram += (values.T * weights[start : start + _CHUNK]) @ values
    order = np.arange(modes)
    difference = order[:, None] - order[None, :]
    sign = np.where(difference % 4 == 0, 1.0, -1.0) * (difference % 2 == 0)
    return np.asarray(gram * sign)


def _cut(density: Density, half: float, modes: int, tolerance: float) -> float:
    r"""Radius beyond which the density adds less than `tolerance` to the norm of the operator.

    Three bounds on the neglected part: its probability P; P times the sum of
    :math:`(2n+1) j_n^2 \le (2n+1)/(hR)^2` over the modes; :math:`2\pi\sup\rho_w/|\Omega|`.
    """
    for tail in 10.0 ** np.arange(-0.5, -16.0, -0.25):
        radius = density.radius(float(tail))
        bounds = [tail, tail * (modes / max(half * radius, 1e-300)) ** 2]
        if density.has_pdf:
            ahead = radius * np.geomspace(1.0, 100.0, 40)
            bounds.append(np.pi / half * float(density.even_values(ahead).max()))
        if min(bounds) <= tolerance:
            return radius
    return density.radius(1e-16)
