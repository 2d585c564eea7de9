"""Densities given by others: frozen scipy.stats distributions and plain pdf callables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from scipy import special

from ntkfreq._support import checks
from ntkfreq._support.guard import users_own
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray, Function, HasPdf
from ntkfreq.problem.density.base import Density, carrier_rounding
from ntkfreq.problem.density.characteristic import ClosedForm, closed_form
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.laplace import Laplace
from ntkfreq.problem.density.normal import Normal
from ntkfreq.problem.density.own import refuse_inconsistent
from ntkfreq.problem.density.student_t import StudentT
from ntkfreq.problem.density.uniform import Uniform
from ntkfreq.spectra.spectrum import fourier_sum

# Most nodes of a quadrature, and the probability that it truncates.
_MAX_NODES = 400_000
_TAIL = 1e-13


@dataclass(frozen=True, eq=False)
class Quantile(Portable):
    """Quantiles of a pdf that is zero outside its support, by numerical inversion."""

    function: Callable[[FloatArray], Any]
    support: tuple[float, float]

    def __call__(self, u: FloatArray) -> FloatArray:
        """Frequencies below which the shares `u` of the probability lie."""
        return np.asarray(self._middle + self._inverse.ppf(u), dtype=np.float64)

    def ready(self) -> None:
        """Invert now rather than at the first call."""
        self._inverse.ppf(0.5)

    def pdf(self, u: float) -> float:
        """Density at a distance from the middle, as the inversion calls it."""
        # The inversion evaluates it at infinity as well, where a formula may give inf * 0.
        if not np.isfinite(u):
            return 0.0
        return float(_inside(self.function, self.support, np.array([self._middle + u]))[0])

    @property
    def _middle(self) -> float:
        # The pdf is inverted about the middle of its support. Far from 0 the inversion of a narrow
        # one would never end: it seeks digits that double precision does not have.
        return 0.5 * sum(self.support) if np.all(np.isfinite(self.support)) else 0.0

    @cached_property
    def _inverse(self) -> Any:
        from scipy.stats.sampling import NumericalInversePolynomial

        low, high = (end - self._middle for end in self.support)
        own: Any = self
        with warnings.catch_warnings():
            # The tail beyond the ends of the support is nan, for which the inversion takes 0.
            warnings.filterwarnings("ignore", message=".*tail probability gives NaN")
            return NumericalInversePolynomial(own, domain=(low, high), center=0.0)


def _inside(
    function: Callable[[FloatArray], Any], support: tuple[float, float], w: FloatArray
) -> FloatArray:
    """A pdf at frequencies (n,), zero outside its support."""
    inside = (w >= support[0]) & (w <= support[1])
    values = np.zeros(len(w))
    with users_own():
        values[inside] = np.asarray(function(w[inside]), dtype=np.float64)
    return values


@dataclass(frozen=True, eq=False)
class NumericDensity(Density):
    """One-dimensional density known by its pdf; built by :func:`as_density`, not by hand."""

    closed_form_kernel: ClassVar[bool] = False

    name: str
    function: Callable[[FloatArray], Any] = field(repr=False)
    support: tuple[float, float]
    kinks: tuple[float, ...]
    quantile: Callable[[FloatArray], Any] = field(repr=False)
    dim: int = 1

    _functions: ClassVar = MappingProxyType(
        {"function": "use a named family or a frozen scipy.stats distribution"}
    )

    def _pdf(self, w: FloatArray) -> FloatArray:
        return _inside(self.function, self.support, w[:, 0])

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self.quantile(rng.uniform(size=size)), dtype=np.float64)[:, None]

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        ends = np.abs(np.asarray(self.quantile(np.array([tail / 2, 1 - tail / 2]))))
        return float(ends.max())

    @cached_property
    def _marks(self) -> Landmarks:
        low, high = self.support
        edges = sorted((abs(low), abs(high)))
        start = 0.0 if low <= 0 <= high else edges[0]
        kinks = {abs(kink) for kink in (low, high, *self.kinks) if np.isfinite(kink)}
        # A location and a width for each slice of the probability: there may be several modes.
        slices = np.asarray(self.quantile(np.array([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])))
        scales = tuple(
            (abs(float(a + b)) / 2, max(float(b - a) / 2, 1e-9 * float(np.ptp(slices))))
            for a, b in pairwise(slices)
        )
        return Landmarks(((start, edges[1]),), tuple(sorted(kinks)), scales)

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return self._marks

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        center = float(np.asarray(self.quantile(np.array([0.5])))[0])
        return carrier_rounding(center, extent, np.ones_like)

    def features(self, extent: float) -> tuple[FloatArray, FloatArray]:
        """Frequencies and weights of the cosine expansion of the kernel."""
        radius = self.radius(_TAIL)
        # Checked before `quadrature` makes them: it takes four nodes for each radian.
        if 4 * radius * extent > _MAX_NODES:
            raise ValueError(
                f"rho_w={self.name} has tails too heavy for quadrature ({4 * radius * extent:.2g} "
                f"nodes over an extent of {extent:g}); use a named family such as StudentT, whose "
                "kernel is a formula"
            )
        nodes, weights = self.quadrature(extent, radius)
        return nodes[:, None], weights

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        flat = z.reshape(-1, 1)
        nodes, weights = self.features(2 * float(np.abs(flat).max(initial=0.0)))
        return fourier_sum(nodes, weights, flat).real.reshape(z.shape[:-1])


@dataclass(frozen=True, eq=False)
class ClosedFormDensity(NumericDensity):
    """The same with a formula for its kernel, exact at any distance and for any tail."""

    closed_form_kernel: ClassVar[bool] = True

    formula: ClosedForm = field(kw_only=True, repr=False)

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        return self.formula(z[..., 0])

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        return self.formula.between(x[:, 0], x2[:, 0])

    def waves_between(self, x: FloatArray, x2: FloatArray) -> ComplexArray:
        r""":math:`E e^{iw(x-x')}` of points (n, 1) and (n2, 1), shape (n, n2)."""
        return self.formula.waves(x[:, 0], x2[:, 0])

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        return carrier_rounding(self.formula.loc, extent, self.formula.size)


def as_density(
    rho_w: Density | HasPdf | Function,
    *,
    support: tuple[float, float] | None = None,
    kinks: float | Sequence[float] | FloatArray = (),
) -> Density:
    """Turn what a user calls a density into a :class:`~ntkfreq.Density`.

    Parameters
    ----------
    rho_w : Density, frozen scipy.stats distribution, or callable
        Frozen ``norm``, ``uniform``, ``laplace``, ``t``, ``cauchy`` and uncorrelated
        ``multivariate_normal`` become the named family; any other frozen
        continuous distribution, and a callable pdf of an (n,) array, becomes a numeric
        one-dimensional density. The kernels of ``chi2``, ``cosine``, ``expon``, ``gamma``,
        ``halfnorm``, ``hypsecant``, ``logistic`` and ``semicircular`` are formulas.
    support : (low, high), optional
        For a callable only: the pdf is zero outside. Default: the whole line.
    kinks : sequence of float, optional
        For numeric densities: where the pdf jumps or has a corner, so that
        elements and panels end there. The ends of the support are known.

    Returns
    -------
    Density

    Raises
    ------
    TypeError
        When `rho_w` is none of these.
    ValueError
        When a pdf is negative somewhere, does not integrate to one, or a
        multivariate normal has correlations.

    Examples
    --------
    >>> from scipy import stats
    >>> as_density(stats.norm(scale=3.0))
    Normal(loc=0.0, scale=3.0, dim=1)
    >>> tent = as_density(lambda w: 1 - abs(w), support=(-1, 1), kinks=(0,))
    >>> tent.kernel([0.0, 2.0])
    array([1.     , 0.70807])
    """
    if isinstance(rho_w, Density):
        for part in _made_of(rho_w):
            if part.users_own:
                refuse_inconsistent(part)
        return rho_w
    corners = checks.places("kinks", kinks)
    if hasattr(rho_w, "dist"):
        # Loading scipy.stats takes half a second, so it is loaded for its own distributions only.
        from scipy import stats

        if isinstance(rho_w.dist, stats.rv_continuous):
            return _from_scipy(rho_w, corners)
    if hasattr(rho_w, "mean") and hasattr(rho_w, "cov") and hasattr(rho_w, "logpdf"):
        return _from_multivariate_normal(rho_w)
    if callable(rho_w) and not isinstance(rho_w, type):
        return _from_callable(rho_w, support, corners)
    raise TypeError(
        f"rho_w={checks.show(rho_w)} is no density; pass a ntkfreq density such as "
        "Normal(scale=3.0), a frozen scipy.stats distribution, or a pdf w -> density"
    )


def _made_of(density: Density) -> Iterator[Density]:
    """Densities that a mixture and a product are made of, themselves no mixtures."""
    for _, part in density.parts:
        yield part
        for factor in (part.factors or ()) if part.dim > 1 else ():
            yield from (inner for _, inner in factor.parts)


def _from_scipy(frozen: Any, kinks: tuple[float, ...]) -> Density:
    name = frozen.dist.name
    if name == "norm":
        return Normal(loc=float(frozen.mean()), scale=float(frozen.std()))
    if name == "laplace":
        return Laplace(loc=float(frozen.mean()), scale=float(frozen.std() / np.sqrt(2)))
    if name == "uniform":
        low, high = (float(end) for end in frozen.support())
        return Uniform(loc=(low + high) / 2, scale=(high - low) / 2)
    if name in ("cauchy", "t"):
        shapes = (*frozen.args, *(frozen.kwds[key] for key in ("df",) if key in frozen.kwds))
        df = float(shapes[0]) if name == "t" else 1.0
        quartile = float(frozen.ppf(0.75) - frozen.median())
        return StudentT(
            df, loc=float(frozen.median()), scale=quartile / float(special.stdtrit(df, 0.75))
        )
    low, high = (float(end) for end in frozen.support())
    title, formula = f"scipy.stats.{name}", closed_form(frozen)
    density = NumericDensity(title, frozen.pdf, (low, high), kinks, frozen.ppf)
    if formula is not None:
        density = ClosedFormDensity(
            title, frozen.pdf, (low, high), kinks, frozen.ppf, formula=formula
        )
    _check_pdf(density)
    return density


def _from_multivariate_normal(frozen: Any) -> Density:
    mean, cov = np.atleast_1d(frozen.mean), np.atleast_2d(frozen.cov)
    variances = np.diagonal(cov)
    across = np.abs(cov - np.diag(variances))
    if np.any(across > 1e-12 * np.sqrt(np.outer(variances, variances))):
        raise ValueError(
            f"rho_w has covariance {checks.show(cov)}; correlated frequencies are no formula here: "
            "turn x, variances, axes = numpy.linalg.eigh(covariance), and pass x @ axes with "
            "Normal(loc=mean @ axes, scale=numpy.sqrt(variances))"
        )
    # Variances that differ by rounding alone are one.
    alike = np.ptp(variances) <= 1e-12 * variances.max()
    scale = np.full(len(mean), variances[0]) if alike else variances
    return Normal(loc=mean, scale=np.sqrt(scale))


def _from_callable(
    pdf: Callable[[FloatArray], Any],
    support: tuple[float, float] | None,
    kinks: tuple[float, ...],
) -> Density:
    ends = (-np.inf, np.inf)
    if support is not None:
        ends = checks.interval("support", support)
        if ends[1] - ends[0] < checks.SMALLEST:
            raise ValueError(
                f"support=({ends[0]:g}, {ends[1]:g}) must be {checks.SMALLEST:g} wide or more; "
                "choose other units for x"
            )
    name = getattr(pdf, "__name__", type(pdf).__name__)

    quantile = Quantile(pdf, ends)
    density = NumericDensity(name, pdf, ends, kinks, quantile)
    _check_pdf_values(density)
    try:
        quantile.ready()
    except Exception as error:
        raise ValueError(
            f"rho_w={name} cannot be inverted numerically ({error}); pass support=(low, high) "
            "where the pdf is positive, or use a named family"
        ) from None
    _check_pdf(density)
    return density


def _check_pdf_values(density: NumericDensity) -> None:
    low, high = density.support
    # An infinite end is replaced by 30 from the other end or from 0, whichever is farther out.
    first = low if np.isfinite(low) else min(-30.0, high - 30.0)
    last = high if np.isfinite(high) else max(30.0, low + 30.0)
    probe = np.linspace(first, last, 2001)
    try:
        values = density._pdf(probe[:, None])
    except Exception as error:
        raise TypeError(
            f"rho_w={density.name} must map an array of frequencies to densities ({error})"
        ) from None
    if not np.all(np.isfinite(values)) or values.min() < 0:
        raise ValueError(
            f"rho_w={density.name} is negative or not finite at some frequencies; give a pdf that "
            "is at least 0 and finite everywhere, or its support=(low, high)"
        )


def _check_pdf(density: NumericDensity) -> None:
    """Total mass by panels cut at the pdf's own landmarks; refuses what is not one."""
    reach = density.radius(0.5)
    if not checks.SMALLEST <= reach <= checks.LARGEST:
        raise ValueError(
            f"rho_w={density.name} has half of its frequencies within {reach:.3g}; that must be "
            f"from {checks.SMALLEST:g} to {checks.LARGEST:g}: choose other units for x"
        )
    finite = density.landmarks().support[0][1] < np.inf
    _, weights = density.quadrature(1e-300, np.inf if finite else density.radius(1e-10))
    mass = float(weights.sum())
    if abs(mass - 1) > 1e-6:
        raise ValueError(
            f"rho_w={density.name} integrates to {mass:.8g}, not 1; name its corners in kinks= and "
            "where it vanishes in support=, or divide the pdf by its integral"
        )
