r"""The kernel on a box of the plane as a short sum of products of one-dimensional kernels.

:math:`k(z_1, z_2)` is split into its part even in both displacements and the part odd in both,
and each by cross approximation into products :math:`f(z_1)\,g(z_2)`: one for a density that is a
product, about thirty for Student t to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import resolve
from ntkfreq.pde.box.system import multiplication
from ntkfreq.pde.box_plane.displacement import (
    Pair,
    cross_approximation,
    displacement_grams,
    mode_rule,
)
from ntkfreq.problem.density import Density
from ntkfreq.problem.measure import Box

_CHUNK = 4_000_000
_MOST_PANELS = 256


@dataclass(frozen=True, eq=False)
class TensorKernel(Portable):
    r"""A_1 and A_2 between products of Legendre polynomials, as sums of Kronecker products.

    .. math:: A_1 = \sum_r F_r \otimes G_r, \qquad
              A_2 = \sigma_a^2 \sum_r \bigl(X F_r X^\top \otimes G_r
                                          + F_r \otimes X G_r X^\top\bigr)

    Attributes
    ----------
    plain : pair of ndarrays, shape (r, n_k, n_k)
        F and G.
    moved : pair of ndarrays, shape (r, n_k, n_k)
        X F X^T and X G X^T, X the multiplication by the coordinate.
    sigma_a : float
        Standard deviation of the output weights.
    """

    plain: Pair
    moved: Pair
    sigma_a: float

    @classmethod
    def between_polynomials(
        cls, density: Density, box: Box, sigma_a: float, modes: tuple[int, int], tolerance: float
    ) -> TensorKernel:
        """Matrices for a density in two dimensions, with an error of `tolerance` in the kernel."""
        half = np.subtract(box.upper, box.lower) / 2
        center = np.add(box.upper, box.lower) / 2
        rules = [
            mode_rule(_breaks(density, box, k, float(half[k]), tolerance), modes[k] + 1)
            for k in (0, 1)
        ]
        crosses = _separated(density, half[0] * rules[0][0], half[1] * rules[1][0], tolerance)
        parity = np.concatenate(
            [np.full(len(cross[0]), sign) for cross, sign in zip(crosses, (1.0, -1.0), strict=True)]
        )
        plain, moved = [], []
        for k, (z, weights) in enumerate(rules):
            functions = np.concatenate([cross[k] for cross in crosses])
            grams = displacement_grams(z, weights, functions, parity, modes[k] + 1)
            across = multiplication(modes[k], float(center[k]), float(half[k]))
            plain.append(grams[:, : modes[k], : modes[k]])
            moved.append(across @ grams @ across.T)
        return cls((plain[0], plain[1]), (moved[0], moved[1]), sigma_a)

    @property
    def modes(self) -> tuple[int, int]:
        """Number of polynomials along each axis."""
        return self.plain[0].shape[1], self.plain[1].shape[1]

    def corner(self, modes: tuple[int, int]) -> TensorKernel:
        """The same for the leading polynomials only."""

        def cut(pair: Pair) -> Pair:
            return pair[0][:, : modes[0], : modes[0]], pair[1][:, : modes[1], : modes[1]]

        return TensorKernel(cut(self.plain), cut(self.moved), self.sigma_a)

    def stationary(self, values: FloatArray) -> FloatArray:
        """A_1 times coefficients (n_1 n_2,)."""
        return _apply(self._stationary, values)

    def moving(self, values: FloatArray) -> FloatArray:
        """A_2 times coefficients (n_1 n_2,)."""
        return _apply(self._moving, values)

    def operator(self, values: FloatArray) -> FloatArray:
        """A_1 + A_2 times coefficients (n_1 n_2,)."""
        return _apply(self._operator, values)

    @cached_property
    def _stationary(self) -> Pair:
        return _stacked(*self.plain)

    @cached_property
    def _moving(self) -> Pair:
        (first, second), (x_first, x_second) = self.plain, self.moved
        left = self.sigma_a**2 * np.concatenate([x_first, first])
        return _stacked(left, np.concatenate([second, x_second]))

    @cached_property
    def _operator(self) -> Pair:
        (first, second), (x_first, x_second) = self.plain, self.moved
        strength = self.sigma_a**2
        left = np.concatenate([first + strength * x_first, strength * first])
        return _stacked(left, np.concatenate([second, x_second]))


def _stacked(left: FloatArray, right: FloatArray) -> Pair:
    """Factors (r, n, n) of a sum of Kronecker products side by side, for two matrix products."""
    rank, first, second = len(left), left.shape[1], right.shape[1]
    beside = left.transpose(1, 0, 2).reshape(first, rank * first)
    return beside, right.transpose(2, 0, 1).reshape(second, rank * second)


def _apply(factors: Pair, values: FloatArray) -> FloatArray:
    left, right = factors
    first, second = len(left), len(right)
    partial = (values.reshape(first, second) @ right).reshape(first, -1, second)
    return np.asarray((left @ partial.swapaxes(0, 1).reshape(-1, second)).ravel())


def _breaks(density: Density, box: Box, axis: int, half: float, tolerance: float) -> FloatArray:
    """Panels on (0, 2) that resolve the kernel along one axis, in units of half the side."""

    def along(z: FloatArray) -> FloatArray:
        displacements = np.zeros((len(z), 2))
        # So short an interval about 0 contributes less than the tolerance.
        displacements[:, axis] = half * np.maximum(z, 0.1 * tolerance)
        return density.kernel_values(displacements)

    found = resolve(
        along, [0.0, 2.0], rtol=max(tolerance, 1e-14), initial_panels=1, max_panels=_MOST_PANELS
    )
    if not found.converged:
        raise ValueError(
            f"rho_w={density} has frequencies so high on measure={box} that polynomials do not "
            "resolve its kernel; use a smaller scale or box, or measure=Points(x)"
        )
    return found.breaks


def _separated(
    density: Density, first: FloatArray, second: FloatArray, tolerance: float
) -> tuple[Pair, Pair]:
    """Products that add up to the part even in each displacement, and to that odd in each."""
    if density.factors is None or not density.even:
        even, odd = _tables(density, first, second)
        return cross_approximation(even, tolerance), cross_approximation(odd, tolerance)
    one, other = (
        factor.kernel_values(z[:, None])[None]
        for factor, z in zip(density.factors, (first, second), strict=True)
    )
    return (one, other), (one[:0], other[:0])


def _tables(density: Density, first: FloatArray, second: FloatArray) -> tuple[FloatArray, ...]:
    """The kernel at displacements of both axes: its part even in each, and that odd in each."""
    if density.atomic is not None:
        atoms, share = density.atomic
        one, two = np.outer(first, atoms[:, 0]), np.outer(second, atoms[:, 1])
        return (np.cos(one) * share) @ np.cos(two).T, -(np.sin(one) * share) @ np.sin(two).T
    same, opposite = np.empty((2, len(first), len(second)))
    step = max(1, _CHUNK // len(second))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        grid = np.stack(np.meshgrid(first[rows], second, indexing="ij"), axis=-1)
        same[rows] = density.kernel_values(grid)
        opposite[rows] = density.kernel_values(grid * [1.0, -1.0])
    return (same + opposite) / 2, (same - opposite) / 2
