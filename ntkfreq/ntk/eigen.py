"""Eigenvalues and eigenfunctions of the kernel on data, and their frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, points, span
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, FloatArray, HasProducts, PointsLike
from ntkfreq.ntk.centroid import eigenvector_frequencies
from ntkfreq.ntk.kernels import as_operator, is_operator, symmetric_gram
from ntkfreq.ntk.operator import KernelOperator, ntk_operator
from ntkfreq.numerics.dense import refuse_rows, symmetric_eigen
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.given import DensityLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A = TypeVar("A")
_FEW = 2000
_COUNT = 64
# Numbers in the eigenvectors of an operator; the iteration holds about three times as many.
_NUMBERS = 1e8


@dataclass(frozen=True, eq=False)
class NTKSpectrum(Described):
    r"""Leading eigenvalues and eigenvectors of K/N; made by :func:`ntk_spectrum`.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Points.
    eigenvalues : ndarray, shape (count,)
        Rates :math:`\lambda` of K/N, descending: under gradient flow the error along an eigenvector
        decays as :math:`e^{-\lambda t}`.
    eigenvectors : ndarray, shape (n, count)
        In columns, of norm one.
    frequency : ndarray, shape (count,)
        Mean :math:`|\xi|` of the spectrum of each, radians per unit of x, resolved to about
        :math:`2\pi` over the extent.
    predicted : ndarray, shape (count,), or None
        Eigenvalues predicted from the density at these frequencies (see Notes of
        :func:`ntk_spectrum`).
    """

    x: FloatArray
    eigenvalues: FloatArray
    eigenvectors: FloatArray
    frequency: FloatArray
    predicted: FloatArray | None

    def _facts(self) -> dict[str, str]:
        return {
            "x": points(self.x),
            "eigenvalues": span(self.eigenvalues),
            "frequency": span(self.frequency, "rad per unit of x"),
            "predicted": "None" if self.predicted is None else span(self.predicted),
        }

    def learning_time(self, fraction: float = 0.5) -> FloatArray:
        """Times at which the error along each eigenvector has fallen to a share of its start.

        Parameters
        ----------
        fraction : float
            The share, between 0 and 1.

        Returns
        -------
        ndarray, shape (count,)
            Training times, infinite for eigenvalue 0.

        Raises
        ------
        ValueError
            When `fraction` is not between 0 and 1.
        """
        fraction = checks.positive("fraction", fraction)
        if fraction >= 1:
            raise ValueError(f"fraction={fraction:g} must be below 1, the share that is left")
        rates = np.maximum(self.eigenvalues, 0.0)
        times = np.full(rates.shape, np.inf)
        return np.asarray(np.divide(-np.log(fraction), rates, out=times, where=rates > 0))

    @overload
    def plot(self, *, ax: None = None) -> Figure: ...

    @overload
    def plot(self, *, ax: A) -> A: ...

    def plot(self, *, ax: Any = None) -> Any:
        """Eigenvalue against frequency with the prediction, and some eigenvectors.

        Parameters
        ----------
        ax : sequence of two matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.figure.Figure, or what was given as `ax`
            See :func:`ntkfreq.plotting.plot_kernel_spectrum`.
        """
        from ntkfreq.plotting import plot_kernel_spectrum

        return plot_kernel_spectrum(self, ax=ax)


@guarded
def ntk_spectrum(
    kernel: DensityLike | ArrayLike | HasProducts,
    x: PointsLike,
    *,
    sigma_a: float = 1.0,
    count: int | None = None,
) -> NTKSpectrum:
    r"""Eigenvalues of the kernel on points, each with the frequency of its eigenvector.

    Parameters
    ----------
    kernel : Density, Gram matrix (n, n), or operator
        Density of the initial frequencies, or what :func:`ntkfreq.as_density` accepts. Or a Gram
        matrix, for instance that of :func:`ntkfreq.empirical_ntk_gram`, or its products.
    x : array_like, shape (n,) or (n, d)
        Points.
    sigma_a : float, default 1
        Standard deviation of the output weights. With a density only.
    count : int, optional
        How many. Default: 64, or as many as there are points.

    Returns
    -------
    NTKSpectrum

    Raises
    ------
    ValueError, TypeError
        When the points do not fit the kernel, or `count` is not between 1 and their number.

    Notes
    -----
    Where N points fill a box :math:`\Omega` evenly, an eigenvector of frequency :math:`\xi` has

    .. math:: \lambda \approx \frac{(2\pi)^d \rho_w(\xi)}{|\Omega|}
              \bigl(1 + \sigma_a^2\,\overline{|x|^2}\bigr),

    the damping of the equation and, averaged over the box, its diffusion. That is `predicted`, in
    one dimension, and in more for densities that are isotropic about 0. Up to 2000 points all
    eigenvectors are computed; for more, the leading ones from products (those below the
    error of the operator's kernel are noise).

    References
    ----------
    Basri et al., arXiv 1906.00425; Bordelon, Canatar, Pehlevan, arXiv 2002.02561.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> found = ntk_spectrum(Normal(scale=10.0), np.linspace(-1, 1, 200), sigma_a=0.0, count=12)
    >>> found.frequency[[2, 6, 10]].round(0), (found.eigenvalues / found.predicted)[[2, 6]].round(1)
    (array([ 4., 10., 16.]), array([1., 1.]))
    """
    sigma_a = checks.non_negative("sigma_a", sigma_a)
    if is_operator(kernel) or (hasattr(kernel, "__array__") or isinstance(kernel, list)):
        points = checks.points("x", x, axis=Axis.of("x", x))
        given = as_operator("kernel", kernel) if is_operator(kernel) else None
        given = symmetric_gram("kernel", kernel) if given is None else given
        if given.shape[0] != len(points):
            raise ValueError(f"kernel has shape {given.shape} for {len(points)} points x")
        density = kernel.density if isinstance(kernel, KernelOperator) else None
        sigma_a = kernel.sigma_a if isinstance(kernel, KernelOperator) else sigma_a
        deep = isinstance(kernel, KernelOperator) and kernel.layers is not None
    else:
        density, deep = as_density(cast(DensityLike, kernel)), False
        points = checks.points("x", x, density.dim, Axis.of("x", x))
        given = ntk_operator(density, points, sigma_a=sigma_a, tolerance=1e-12)
    n = len(points)
    most = min(n, _COUNT) if count is None else checks.integer("count", count, 1)
    if most > n:
        raise ValueError(f"count={most} exceeds the {n} points; there are no more eigenvalues")
    values, vectors = _leading(given, most)
    frequency = eigenvector_frequencies(points, vectors, density)
    plain = None if deep else density
    predicted = None if plain is None else _predicted(plain, points, sigma_a, frequency)
    return NTKSpectrum(points, values / n, vectors, frequency, predicted)


def _leading(gram: Any, count: int) -> tuple[FloatArray, FloatArray]:
    n = gram.shape[0]
    if n <= _FEW or count > n // 4:
        fewer = max(1, min(n // 4, int(_NUMBERS / n)))
        what = f"x has {n} points and count={count}"
        refuse_rows(what, n, f"give count={fewer} or less, or fewer points")
        if hasattr(gram, "to_dense"):
            gram = gram.to_dense()
        matrix = gram if isinstance(gram, np.ndarray) else gram.matmat(np.eye(n))
        values, vectors = symmetric_eigen(matrix)
        values, vectors = values[n - count :], vectors[:, n - count :]
    else:
        from scipy.sparse.linalg import aslinearoperator, eigsh

        if n * count > _NUMBERS:
            raise ValueError(
                f"x has {n} points and count={count}: eigenvectors of {n * count:.3g} numbers, "
                f"above {_NUMBERS:.0e}; give count={max(1, int(_NUMBERS / n))} or less"
            )
        first = np.random.default_rng(0).standard_normal(n)
        values, vectors = eigsh(aslinearoperator(gram), count, v0=first)
    order = np.argsort(values)[::-1]
    return values[order], vectors[:, order]


def _predicted(
    density: Density, x: FloatArray, sigma_a: float, frequency: FloatArray
) -> FloatArray | None:
    dim = x.shape[1]
    volume = float(np.prod(np.ptp(x, axis=0)))
    if not density.has_pdf or volume == 0 or (dim > 1 and not density.isotropic):
        return None
    along = np.zeros((len(frequency), dim))
    along[:, 0] = frequency
    spread = 1 + sigma_a**2 * float(np.mean(np.sum(x**2, axis=1)))
    return np.asarray((2 * np.pi) ** dim * density.even_values(along) * spread / volume)
