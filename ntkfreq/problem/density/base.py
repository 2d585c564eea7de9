"""Densities of initial frequencies: the interface to the solvers and to the network.

A density of your own is a subclass with three methods, `pdf`, `kernel` and `sample`. Everything
else that solvers need has a default, computed numerically from these three
(:mod:`ntkfreq.problem.density.numerical`); a subclass may override it with a formula.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.own import adapted_methods

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ntkfreq.problem.density.numerical import TailMasses

_EPS = float(np.finfo(np.float64).eps)
_TAILS = tuple(float(tail) for tail in 10.0 ** -np.arange(0.25, 12.1, 0.5))


class ExponentialKernel(NamedTuple):
    r"""A kernel of one variable that is a polynomial times an exponential.

    :math:`k(z) = \cos(cz)\,\sum_l p_l u^l\,e^{-u}` with :math:`u = r|z|`.

    Attributes
    ----------
    polynomial : ndarray, shape (p + 1,)
        Coefficients, the constant first.
    rate : float
        r, per unit of x.
    center : float
        c, radians per unit of x.
    """

    polynomial: FloatArray
    rate: float
    center: float


class NormalPart(NamedTuple):
    """A normal density in a sum of some: share, centre (d,), a standard deviation an axis (d,)."""

    share: float
    center: tuple[float, ...]
    scales: tuple[float, ...]


class Density(Portable, Described, abc.ABC):
    r"""Probability density :math:`\rho_w` of the initial frequencies of a network.

    A density is immutable and has a pdf, samples and the
    characteristic function :math:`k(z) = \int \rho_w(w) \cos(w \cdot z)\,dw`.
    Only the even part :math:`\tfrac12(\rho_w(\xi) + \rho_w(-\xi))` enters the dynamics.

    Notes
    -----
    A subclass of your own defines `dim` (default 1) and

    - ``pdf(self, w)``: the density at frequencies of shape (n,) in one dimension, (n, d) otherwise;
    - ``kernel(self, z)`` (or ``k``): the characteristic function at displacements of that shape;
    - ``sample(self, size, rng)``: frequencies of shape (size,) or (size, d), `rng` being a
      :class:`numpy.random.Generator`.

    Calls are checked here and handed on. The three are compared with each other when the density is
    first used. Without a pdf the density serves on Points and Box. `radius`, `landmarks`, `widths`,
    `modes`, `along`, `value_and_gradient`, `log_profile` and `factors` may be overridden with
    formulas.

    Examples
    --------
    >>> class Triangle(Density):
    ...     def pdf(self, w):
    ...         return np.maximum(1 - np.abs(w), 0.0)
    ...     def kernel(self, z):
    ...         return np.sinc(z / (2 * np.pi)) ** 2
    ...     def sample(self, size, rng):
    ...         return rng.triangular(-1, 0, 1, size)
    >>> rho = Triangle()
    >>> rho.pdf([0.5]), rho.sample(2, rng=0).shape, round(rho.radius(0.25), 6)
    (array([0.5]), (2, 1), 0.5)
    >>> [round(kink, 6) for kink in rho.landmarks().kinks], rho.landmarks().support
    ([0.0, 1.0], ((0.0, 1.0),))
    """

    dim: int = 1
    """Dimension of the frequencies, which is that of the input x."""

    closed_form_kernel: ClassVar[bool] = True
    """Whether :meth:`kernel` is a formula; otherwise :meth:`features` discretizes it."""

    has_pdf: ClassVar[bool] = True
    """False for atoms, which have no density function."""

    users_own: ClassVar[bool] = False
    """Whether pdf, kernel and samples are methods of a user's, to be compared when first used."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        adapted_methods(cls)

    def _pdf(self, w: FloatArray) -> FloatArray:
        """Density at (n, d) points."""
        raise TypeError(
            f"{type(self).__name__} has no pdf: measure must be Box or Points, or give the class a "
            "method pdf(self, w)"
        )

    @abc.abstractmethod
    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""

    @abc.abstractmethod
    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Draw (size, d) frequencies."""

    # What solvers need. Each of these has a default.

    @property
    def parts(self) -> tuple[tuple[float, Density], ...]:
        """Shares and densities, none of them a mixture, whose weighted sum the density is."""
        return ((1.0, self),)

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        r"""Logarithm of the density as a function of :math:`|w|`, or None if it is not isotropic.

        A function of distances (n,) from 0, with values (n,), for a density that is isotropic
        about 0.
        """
        from ntkfreq.problem.density.numerical import LogAlongARay

        return LogAlongARay(self) if self._looks_isotropic else None

    @property
    def isotropic(self) -> bool:
        """Whether the density depends on the distance from 0 alone."""
        return self.log_profile is not None

    @property
    def widths(self) -> tuple[float, ...]:
        """Distances over which the density varies, one for each of its parts at least."""
        return tuple(width for _, width in self.along(0).landmarks().scales) or (self.radius(0.5),)

    @cached_property
    def modes(self) -> FloatArray:
        """Where the density may be largest, shape (k, d)."""
        from ntkfreq.problem.density.numerical import likeliest

        return likeliest(self)

    def along(self, axis: int) -> Density:
        """The marginal density of one coordinate."""
        if self.factors is not None:
            return self.factors[axis]
        from ntkfreq.problem.density.numerical import Marginal

        return Marginal(self, axis)

    def value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Density and its partial derivatives at (n, d) frequencies, shape (1 + d, n).

        On a kink the two sides are averaged.
        """
        from ntkfreq.problem.density.numerical import value_and_differences

        return value_and_differences(self, w)

    @property
    def factors(self) -> tuple[Density, ...] | None:
        """Densities of one variable, one a coordinate, whose product it is; else None."""
        return (self,) if self.dim == 1 else None

    @property
    def atomic(self) -> tuple[FloatArray, FloatArray] | None:
        """Frequencies (n, d) and probabilities (n,) of atoms; None for a density with a pdf."""
        return None

    @property
    def exponential(self) -> ExponentialKernel | None:
        """The kernel as a polynomial times an exponential, in one dimension; None else."""
        return None

    @property
    def normal_parts(self) -> tuple[NormalPart, ...] | None:
        """The normal densities whose sum it is, of which sums of draws are known; None else."""
        return None

    @cached_property
    def even(self) -> bool:
        """Whether the density is even, and its even part is the density itself."""
        from ntkfreq.problem.density.numerical import looks_even

        return looks_even(self)

    @cached_property
    def _looks_isotropic(self) -> bool:
        from ntkfreq.problem.density.numerical import looks_isotropic

        return looks_isotropic(self)

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return self.tail_masses.radius(tail)

    @cached_property
    def tail_masses(self) -> TailMasses:
        """The probability beyond each distance from 0, computed numerically."""
        from ntkfreq.problem.density.numerical import tail_masses

        return tail_masses(self)

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return self._found_landmarks

    @cached_property
    def _found_landmarks(self) -> Landmarks:
        from ntkfreq.problem.density.numerical import found_landmarks

        return found_landmarks(self)

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2).

        For a density far from 0 phases of the points are more accurate than those of differences.
        """
        return self.kernel_values(x[:, None, :] - x2[None, :, :])

    def waves_between(self, x: FloatArray, x2: FloatArray) -> ComplexArray | None:
        r""":math:`E e^{iw\cdot(x-x')}`, whose real part is `kernel_between`; None if unknown."""
        return self.kernel_between(x, x2).astype(np.complex128) if self.even else None

    def phase_rounding(self, extent: float) -> float:
        r"""Change of the kernel by rounding of points at most `extent` apart.

        A density about c has the factor :math:`\cos(c\cdot z)`, which moves by
        :math:`\varepsilon |c| |z|` when z is rounded: where the rest of the kernel has not decayed,
        no number computed from such points has more digits. 0 for densities about 0.
        """
        from ntkfreq.problem.density.numerical import carrier

        return carrier_rounding(carrier(self), extent, np.ones_like)

    def kernel_change(self, shift: float) -> float:
        r"""Bound on the change of the kernel when a point moves by s: of :math:`E\min(2, |w|s)`.

        Examples
        --------
        >>> from ntkfreq import Normal
        >>> 1e-9 < Normal(scale=1.0).kernel_change(1e-9) < 3e-9
        True
        """
        if shift == 0:
            return 0.0
        moved = [min(2.0, shift * self.radius(tail)) for tail in _TAILS]
        steps = np.diff([0.0, *moved, 2.0])
        return float(steps @ np.array([1.0, *_TAILS]))

    # Methods for users, which check their arguments and call those above.

    def pdf(self, w: ArrayLike) -> FloatArray:
        """Density at frequencies `w` of shape (n,) in 1-D, (n, d) otherwise; shape (n,)."""
        return self._pdf(checks.points("w", w, self.dim))

    def even_pdf(self, w: ArrayLike) -> FloatArray:
        r"""Even part :math:`\tfrac12(\rho_w(w)+\rho_w(-w))`, shape (n,)."""
        return self.even_values(checks.points("w", w, self.dim))

    def even_values(self, w: FloatArray) -> FloatArray:
        """Even part at frequencies (n,) or (n, d) of any size, without checks."""
        w = w[:, None] if w.ndim == 1 else w
        return 0.5 * (self._pdf(w) + self._pdf(-w))

    def even_value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Even part and its partial derivatives at (n, d) frequencies, shape (1 + d, n)."""
        found = self.value_and_gradient(w)
        if self.even:
            return found
        mirrored = self.value_and_gradient(-w)
        mirrored[1:] *= -1
        return 0.5 * (found + mirrored)

    def kernel(self, z: ArrayLike) -> FloatArray:
        r"""Characteristic function :math:`k(z)` at displacements `z`, shape (n,)."""
        return self.kernel_values(checks.points("z", z, self.dim))

    def sample(self, size: int, rng: np.random.Generator | int | None = None) -> FloatArray:
        """Draw `size` independent frequencies, shape (size, d).

        Parameters
        ----------
        size : int
            How many, at least 1, and not more than fit into memory.
        rng : numpy.random.Generator or int, optional
            Generator or seed; None draws a fresh one.
        """
        size = checks.integer("size", size, 1)
        refuse_memory(
            f"size={size} in dimension {self.dim}",
            16.0 * size * self.dim,
            "draw them in several calls",
        )
        return self._sample(size, checks.generator("rng", rng))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The density over frequency, a map in two dimensions.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure. A second density may be drawn on the same.

        Returns
        -------
        matplotlib.axes.Axes
            See :func:`ntkfreq.plotting.plot_density`.
        """
        from ntkfreq.plotting import plot_density

        return plot_density(self, ax=ax)

    def quadrature(self, extent: float, radius: float) -> tuple[FloatArray, FloatArray]:
        r"""One-dimensional rule for integrals of the density against :math:`\cos \xi z`.

        Returns nodes on the half-line and weights that include the density and
        both signs: :math:`\int \rho_w(\xi) g(\xi) d\xi \approx \sum_q W_q g(\xi_q)` for
        even g, cut at `radius`; accurate for :math:`|z|` up to `extent`.
        """
        marks = self.landmarks()
        nodes, weights = [], []
        for low, high in marks.support:
            if low >= radius:
                continue
            edges: Iterable[float] = marks.breaks(low, min(high, radius))
            xi, weight = panel_rule(subdivide(edges, 4.0 / max(extent, 1e-300)))
            nodes.append(xi)
            weights.append(2.0 * weight * self.even_values(xi))
        return np.concatenate(nodes), np.concatenate(weights)

    def features(self, extent: float) -> tuple[FloatArray, FloatArray]:
        r"""Frequencies (q, d) and weights (q,) of a cosine expansion of the kernel.

        :math:`k(z)\approx\sum_q W_q\cos(\xi_q\cdot z)` for :math:`|z|` up to `extent`. For
        densities without a closed form of k; exact for atoms.
        """
        raise TypeError(f"{type(self).__name__} has a closed-form kernel and needs no features")


def weighted(parts: Iterable[tuple[float, Density]]) -> Iterator[tuple[float, Density]]:
    """Shares and densities, with every mixture replaced by its parts."""
    for share, part in parts:
        yield from ((share * inner, leaf) for inner, leaf in part.parts)


def carrier_rounding(center: float, extent: float, size: Callable[[FloatArray], Any]) -> float:
    r"""Largest :math:`\varepsilon |c| z\,|k_0(z)|` for z up to an extent, at most 1.

    Examples
    --------
    >>> carrier_rounding(1e8, 1e4, lambda z: 1 / (1 + z))
    2.220...e-08
    """
    if center == 0 or extent == 0:
        return 0.0
    z = extent * np.geomspace(1e-15, 1.0, 400)
    return min(1.0, float(_EPS * abs(center) * np.max(z * np.abs(size(z)))))


def location(name: str, value: Any, dim: int) -> tuple[float, ...]:
    """A location as a tuple of `dim` floats; a scalar is repeated."""
    array = checks.real_array(name, value, (0, 1)).reshape(-1)
    if array.size == 1:
        array = np.repeat(array, dim)
    if array.size != dim:
        raise ValueError(f"{name} has {array.size} entries; give one number or dim={dim} of them")
    return tuple(float(entry) for entry in array)
