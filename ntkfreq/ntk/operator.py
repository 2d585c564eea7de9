"""The limiting kernel as an operator: products without the matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, brief, points
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import FloatArray, Function, PointsLike
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.gram import layered_gram, limit_gram
from ntkfreq.ntk.layered_products import choose_layered
from ntkfreq.ntk.products import METHODS, Product, choose
from ntkfreq.ntk.series import SeriesProduct, series_of
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.given import DensityLike
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.asked import layers_of
from ntkfreq.problem.layers.rates import PerLayer


@dataclass(frozen=True, eq=False)
class KernelOperator(Described):
    r"""Gram matrix of the limiting NTK, known by its products; made by :func:`ntk_operator`.

    SciPy's iterative solvers take it as it is (``scipy.sparse.linalg.aslinearoperator``).

    Attributes
    ----------
    density : Density
        Density of the initial frequencies.
    x : ndarray, shape (n, d)
        Points.
    sigma_a : float
        Standard deviation of the output weights.
    method : str
        How products are made: "dense", "toeplitz", "nufft", "states", "states+nufft",
        "features" or "blocks".
    kernel_error : float
        Largest error of :math:`k(x_i - x_j)` found when the operator was made; with hidden layers
        that of F and G, relative to their largest values.
    layers : HiddenLayers or None
        Hidden layers behind the features.
    """

    density: Density
    x: FloatArray
    sigma_a: float
    method: str
    kernel_error: float
    _product: Product = field(repr=False)
    layers: HiddenLayers | None = None

    dtype = np.dtype(np.float64)

    def _facts(self) -> dict[str, str]:
        layers = {} if self.layers is None else {"layers": brief(self.layers)}
        return {
            "density": brief(self.density),
            "x": points(self.x),
            "sigma_a": brief(self.sigma_a),
            **layers,
            "method": self.method,
            "kernel_error": f"{self.kernel_error:.2g}",
        }

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.x), len(self.x)

    def matvec(self, v: Any) -> FloatArray:
        """Product with vectors.

        Parameters
        ----------
        v : array_like, shape (n,) or (n, k)
            A vector, or vectors in columns.

        Returns
        -------
        ndarray, shape of v

        Raises
        ------
        TypeError, ValueError
            When v is not real and finite, or has another number of rows than there are points.
        """
        vectors = checks.real_array("v", v, (1, 2))
        if len(vectors) != len(self.x):
            raise ValueError(
                f"v has shape {vectors.shape}; its first axis must be the {len(self.x)} points"
            )
        rows = np.atleast_2d(vectors.T)
        if self.sigma_a == 0 or self.layers is not None:
            product = self._product(rows)
        else:
            # (x . x') k: each coordinate once before and once after the stationary product.
            scaled = self.sigma_a * self.x.T
            lifted = np.concatenate([rows, *(rows * line for line in scaled)])
            parts = self._product(lifted).reshape(-1, *rows.shape)
            product = parts[0]
            for part, line in zip(parts[1:], scaled, strict=True):
                product += line * part
        return np.ascontiguousarray(product.T).reshape(vectors.shape)

    # K is symmetric: its adjoint, and its products with a matrix, are the same function.
    rmatvec = matmat = rmatmat = __matmul__ = matvec

    def diagonal(self) -> FloatArray:
        r"""Diagonal :math:`F(1) + G(1) |x|^2`, which is :math:`1 + \sigma_a^2 |x|^2`; (n,)."""
        one, moving = (1.0, self.sigma_a**2) if self.layers is None else self.layers.masses
        return np.asarray(one + moving * np.sum(self.x**2, axis=1))

    def to_dense(self) -> FloatArray:
        """The matrix, shape (n, n), from the kernel itself."""
        if self.layers is not None:
            return layered_gram(self.density, self.x, self.x, self.layers)
        return limit_gram(self.density, self.x, self.x, self.sigma_a)


def wave_operator(
    density: Density, x: FloatArray, sigma_a: float, nodes: Nodes, tolerance: float
) -> KernelOperator:
    """Products by equispaced waves that were found for the points (n, d)."""
    product = SeriesProduct(x, series_of(nodes), tolerance)
    return KernelOperator(density, x, sigma_a, "nufft", nodes.error, product)


@guarded
def ntk_operator(
    rho_w: DensityLike,
    x: PointsLike,
    *,
    sigma_a: float = 1.0,
    tolerance: float = 1e-10,
    method: str = "auto",
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
) -> KernelOperator:
    r"""Gram matrix of the limiting NTK as products, for many points.

    A product takes O(n log n) on a regular grid, whole or in part, and O(n) at scattered points in
    up to three dimensions, where the kernel is replaced by a Fourier series that meets it to
    `tolerance` over the extent of the data; for odd degrees of freedom of a one-dimensional
    :class:`~ntkfreq.StudentT`, an exact recurrence over the sorted points. Few points get their
    matrix. With hidden layers the same holds for smooth activations, whose F and G have short power
    series; the kernel of the rectifier has a kink at equal points and a tail that no series meets
    to ten digits: it takes a regular grid, a larger tolerance or the matrix.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies.
    x : array_like, shape (n,) or (n, d)
        Points.
    sigma_a : float, default 1
        Standard deviation of the output weights; 0 gives k alone (frozen frequencies).
    tolerance : float, default 1e-10
        Largest error of k, between 1e-13 and 0.1. It is checked on differences of the data.
    method : str, default "auto"
        "dense", "toeplitz", "nufft" (with the recurrence where it is exact), "features" (for
        atoms: :class:`~ntkfreq.Empirical`) or "blocks" (kernel values anew at each product).
    depth, activation, sigma_w, sigma_b, train_frequencies
        Hidden layers, as for :func:`ntkfreq.ntk_gram`.

    Returns
    -------
    KernelOperator

    Raises
    ------
    ValueError, TypeError
        On points that do not fit the density, when no fast product meets the tolerance and there
        are too many points for a matrix, or when the method asked for does not apply.

    References
    ----------
    Potts, Steidl, Nieslony, Numer. Math. 98 (2004), on fast summation by NUFFT; Barnett, Magland,
    af Klinteberg, SIAM J. Sci. Comput. 41 (2019), FINUFFT.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.random.default_rng(0).uniform(-1, 1, 20_000)
    >>> gram = ntk_operator(Normal(scale=10.0), x)
    >>> gram.method, gram.shape, (gram @ np.ones(20_000)).shape
    ('nufft', (20000, 20000), (20000,))
    """
    density = as_density(rho_w)
    points = checks.points("x", x, density.dim, Axis.of("x", x))
    layers = layers_of(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    tolerance = checks.positive("tolerance", tolerance)
    if not 1e-13 <= tolerance <= 0.1:
        raise ValueError(
            f"tolerance={tolerance:g} must lie between 1e-13, which rounding allows, and 0.1"
        )
    return layered_operator(
        density, points, layers, tolerance, checks.choice("method", method, METHODS)
    )


def layered_operator(
    density: Density,
    x: FloatArray,
    layers: HiddenLayers,
    tolerance: float,
    method: str = "auto",
) -> KernelOperator:
    """As :func:`ntk_operator` for points (n, d), without checks."""
    if layers.depth == 0:
        found = choose(density, x, tolerance, method)
        return KernelOperator(density, x, layers.moving, found.method, found.error, found.product)
    found = choose_layered(density, x, layers, tolerance, method)
    return KernelOperator(
        density, x, layers.sigma_a, found.method, found.error, found.product, layers
    )
