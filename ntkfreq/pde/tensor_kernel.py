r"""The kernel on a box of the plane as a short sum of products of one-dimensional kernels.

Between Legendre polynomials a kernel of the displacement needs only their correlations, which are
polynomials in z > 0,

.. math:: \iint p_m(x)\,f(x-x')\,p_n(x')\,dx\,dx'
          = \int_0^{2h} f(z)\,\bigl[c_{mn}(z) \pm c_{nm}(z)\bigr]\,dz, \qquad
          c_{mn}(z) = \int p_m(x)\,p_n(x-z)\,dx,

with the sign of the parity of f: the one point where kernels are not smooth is an end of the
interval. In the plane :math:`k(z_1, z_2)` is split into its part even in both displacements and
the part odd in both, and each by cross approximation into products :math:`f(z_1)\,g(z_2)`: one
for a density that is a product, about thirty for Student t to rounding. Nothing is cut off in
frequency, so heavy tails cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._types import FloatArray
from ntkfreq.density import Density, Empirical, Laplace, Normal, Uniform
from ntkfreq.density.base import location
from ntkfreq.measure import Box
from ntkfreq.pde.box import multiplication
from ntkfreq.quadrature import ORDER, gauss_legendre, resolve

_CHUNK = 4_000_000
_MOST_PANELS = 256
_NOISE = 1e-12
# Kernels are taken to be constant within this share of the box of 0; a panel there weighs nothing.
_POINT = 1e-16
_Pair = tuple[FloatArray, FloatArray]


def normalized_legendre(s: FloatArray, modes: int) -> FloatArray:
    """Polynomials on [-1, 1], orthonormal for the mean, at points of any shape, (..., modes)."""
    return np.asarray(legendre.legvander(s, modes - 1) * np.sqrt(2 * np.arange(modes) + 1))


def mode_rule(breaks: FloatArray, modes: int) -> _Pair:
    """Rule on the panels between `breaks` that also resolves Legendre polynomials.

    The first `modes` polynomials of the whole interval oscillate evenly in the angle whose cosine
    is the position; each panel gets nodes for its share of it.

    Examples
    --------
    >>> import numpy as np
    >>> s, weights = mode_rule(np.array([-1.0, 0.3, 1.0]), 40)
    >>> gram = (normalized_legendre(s, 40).T * weights / 2) @ normalized_legendre(s, 40)
    >>> bool(np.abs(gram - np.eye(40)).max() < 1e-13)
    True
    """
    low, high = breaks[0], breaks[-1]
    angle = np.arccos(np.clip(1 - 2 * (breaks - low) / (high - low), -1.0, 1.0))
    nodes, weights = [], []
    for left, right, turn in zip(breaks[:-1], breaks[1:], np.diff(angle), strict=True):
        # A full turn of degree 2 n needs n + 1 nodes; a part of it somewhat more than its share.
        unit, weight = gauss_legendre(ORDER + int(np.ceil(1.6 * modes * turn / np.pi)))
        nodes.append((left + right) / 2 + (right - left) / 2 * unit)
        weights.append((right - left) / 2 * weight)
    return np.concatenate(nodes), np.concatenate(weights)


def displacement_grams(
    z: FloatArray, weights: FloatArray, functions: FloatArray, parity: FloatArray, modes: int
) -> FloatArray:
    """Matrices of kernels f(x - x') between polynomials on [-1, 1], shape (r, modes, modes).

    `functions` (r, len(z)) are values at displacements z in (0, 2), `parity` (r,) is 1 or -1.

    Examples
    --------
    >>> import numpy as np
    >>> z, weights = mode_rule(np.array([0.0, 2.0]), 4)
    >>> wave = np.stack([np.cos(z), np.sin(z)])
    >>> even, odd = displacement_grams(z, weights, wave, np.array([1.0, -1.0]), 2)
    >>> even.round(6), odd.round(6)
    (array([[0.708073, 0.      ],
           [0.      , 0.272108]]), array([[ 0.      , -0.438944],
           [ 0.438944,  0.      ]]))
    """
    unit, weight = gauss_legendre(modes)
    half = np.zeros((len(functions), modes * modes))
    step = max(1, _CHUNK // modes**2)
    for start in range(0, len(z), step):
        part = z[start : start + step, None]
        # The two polynomials overlap on [z - 1, 1]; n points are exact there.
        overlap = 1 - part / 2
        s = part / 2 + overlap * unit
        left = normalized_legendre(s, modes) * (overlap * weight / 4)[..., None]
        correlations = left.swapaxes(1, 2) @ normalized_legendre(s - part, modes)
        rows = slice(start, start + step)
        half += (functions[:, rows] * weights[rows]) @ correlations.reshape(len(part), -1)
    grams = half.reshape(-1, modes, modes)
    return np.asarray(grams + parity[:, None, None] * grams.swapaxes(1, 2))


def cross_approximation(table: FloatArray, tolerance: float) -> _Pair:
    """Columns and rows whose products add up to a table within `tolerance` everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 40)
    >>> left, right = cross_approximation(np.exp(-np.add.outer(x, x) ** 2), 1e-12)
    >>> len(left) <= 12
    True
    """
    rest = table.copy()
    left: list[FloatArray] = []
    right: list[FloatArray] = []
    sizes: list[float] = []
    while len(left) < min(table.shape):
        row, column = divmod(int(np.abs(rest).argmax()), table.shape[1])
        pivot = float(rest[row, column])
        sizes.append(abs(pivot))
        # Rounding in the table has full rank: what no longer falls is it.
        noise = len(sizes) > 8 and 0.5 * sizes[-9] < sizes[-1] < _NOISE
        if sizes[-1] <= tolerance or noise:
            break
        left.append(rest[:, column].copy())
        right.append(rest[row] / pivot)
        rest -= np.multiply.outer(left[-1], right[-1])
    shape = (-1, *table.shape)
    return np.reshape(left, (-1, shape[1])), np.reshape(right, (-1, shape[2]))


@dataclass(frozen=True, eq=False)
class TensorKernel:
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

    plain: _Pair
    moved: _Pair
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

        def cut(pair: _Pair) -> _Pair:
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
    def _stationary(self) -> _Pair:
        return _stacked(*self.plain)

    @cached_property
    def _moving(self) -> _Pair:
        (first, second), (x_first, x_second) = self.plain, self.moved
        left = self.sigma_a**2 * np.concatenate([x_first, first])
        return _stacked(left, np.concatenate([second, x_second]))

    @cached_property
    def _operator(self) -> _Pair:
        (first, second), (x_first, x_second) = self.plain, self.moved
        strength = self.sigma_a**2
        left = np.concatenate([first + strength * x_first, strength * first])
        return _stacked(left, np.concatenate([second, x_second]))


def _stacked(left: FloatArray, right: FloatArray) -> _Pair:
    """Factors (r, n, n) of a sum of Kronecker products side by side, for two matrix products."""
    rank, first, second = len(left), left.shape[1], right.shape[1]
    beside = left.transpose(1, 0, 2).reshape(first, rank * first)
    return beside, right.transpose(2, 0, 1).reshape(second, rank * second)


def _apply(factors: _Pair, values: FloatArray) -> FloatArray:
    left, right = factors
    first, second = len(left), len(right)
    partial = (values.reshape(first, second) @ right).reshape(first, -1, second)
    return np.asarray((left @ partial.swapaxes(0, 1).reshape(-1, second)).ravel())


def _breaks(density: Density, box: Box, axis: int, half: float, tolerance: float) -> FloatArray:
    """Panels on (0, 2) that resolve the kernel along one axis, in units of half the side."""

    def along(z: FloatArray) -> FloatArray:
        displacements = np.zeros((len(z), 2))
        displacements[:, axis] = half * np.maximum(z, _POINT)
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
) -> tuple[_Pair, _Pair]:
    """Products that add up to the part even in each displacement, and to that odd in each."""
    if not isinstance(density, Normal | Laplace | Uniform):
        even, odd = _tables(density, first, second)
        return cross_approximation(even, tolerance), cross_approximation(odd, tolerance)
    # cos(c.z) k_0(z_1) k_0(z_2), by the addition theorem.
    single = type(density)(0.0, density.scale)
    center = location("loc", density.loc, 2)
    waves = [
        (np.cos(c * z) * shape, np.sin(c * z) * shape)
        for c, z in zip(center, (first, second), strict=True)
        for shape in [single.kernel_values(z[:, None])]
    ]
    (cosine, sine), (other_cosine, other_sine) = waves
    terms = 1 if all(center) else 0
    return (cosine[None], other_cosine[None]), (-sine[None][:terms], other_sine[None][:terms])


def _tables(density: Density, first: FloatArray, second: FloatArray) -> tuple[FloatArray, ...]:
    """The kernel at displacements of both axes: its part even in each, and that odd in each."""
    if isinstance(density, Empirical):
        one, two = np.outer(first, density.atoms[:, 0]), np.outer(second, density.atoms[:, 1])
        share = density.weights
        return (np.cos(one) * share) @ np.cos(two).T, -(np.sin(one) * share) @ np.sin(two).T
    same, opposite = np.empty((2, len(first), len(second)))
    step = max(1, _CHUNK // len(second))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        grid = np.stack(np.meshgrid(first[rows], second, indexing="ij"), axis=-1)
        same[rows] = density.kernel_values(grid)
        opposite[rows] = density.kernel_values(grid * [1.0, -1.0])
    return (same + opposite) / 2, (same - opposite) / 2
