"""The two densities by which a deep network learns: that of damping, and that of diffusion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.guard import guarded
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ArrayLike, FloatArray, Function
from ntkfreq.problem.density import Density, Mixture, Normal, as_density
from ntkfreq.problem.given import DensityLike
from ntkfreq.problem.layers.asked import layers_of
from ntkfreq.problem.layers.compound import CompoundDensity, compound, equal_points
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import PerLayer
from ntkfreq.problem.layers.sums import even_parts, normal_sums

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Share of the mass below which single normal densities are left out of a mixture.
_LEAST = 1e-14


@dataclass(frozen=True, eq=False)
class LayeredDensity(Portable, Described):
    r"""Density :math:`c_0\delta_0 + \sum_{n\ge1} c_n\,\rho_w^{*n}`; made by :func:`deep_density`.

    It is none of probabilities: its mass is not 1. Its characteristic function is a formula,
    :math:`F(k(z))` or :math:`G(k(z))`, for any density and activation.

    Attributes
    ----------
    base : Density
        Density of the initial frequencies.
    layers : HiddenLayers
        Hidden layers, with their functions F and G.
    part : {0, 1}
        0 for F, 1 for G.
    """

    base: Density
    layers: HiddenLayers
    part: int

    def _facts(self) -> dict[str, str]:
        return {
            "base": repr(self.base),
            "depth": repr(self.layers.depth),
            "activation": self.layers.named,
            "mass": f"{self.mass:.4g}",
            "atom": f"{self.atom:.4g}",
        }

    @property
    def dim(self) -> int:
        """Dimension of the frequencies."""
        return self.base.dim

    @property
    def mass(self) -> float:
        """F(1) or G(1), the integral of the density with its atom."""
        return self.layers.masses[self.part]

    @property
    def atom(self) -> float:
        """Mass at frequency 0, which belongs to no other: a constant is learned by it as well.

        It is :math:`c_0`. Where the density of the frequencies is one of atoms, sums of draws may
        be 0 as well, and are not counted here.
        """
        return self.layers.atom if self.part == 0 else 0.0

    @property
    def error(self) -> float:
        """Estimated error of the kernel, relative to the mass; 0 by formulas."""
        return self.layers.error

    @property
    def rest(self) -> CompoundDensity:
        """Without the atom and divided by the mass that is left: a density of probabilities."""
        if not self.mass - self.atom > 1e-15 * self.mass:
            raise ValueError(
                f"{self!r} has no mass but its atom; make sigma_w positive, and for the second "
                "density sigma_a as well, with train_frequencies=True"
            )
        return compound(self.base, self.layers, self.part)

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        k = np.where(np.all(z == 0, axis=-1), 1.0, self.base.kernel_values(z))
        return self.layers.kernel_values(k)[self.part]

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        k = np.where(equal_points(x, x2), 1.0, self.base.kernel_between(x, x2))
        return self.layers.kernel_values(k)[self.part]

    def kernel(self, z: ArrayLike) -> FloatArray:
        r"""Characteristic function :math:`F(k(z))` or :math:`G(k(z))` at displacements, (n,)."""
        return self.kernel_values(checks.points("z", z, self.dim))

    def coefficients(self, terms: int) -> FloatArray:
        r"""Coefficients :math:`c_0, c_1, \dots \ge 0` of the power series, shape (terms,)."""
        return self.layers.coefficients(terms)[self.part]

    def pdf(self, w: ArrayLike) -> FloatArray:
        """Density beside the atom at frequencies (n,) or (n, d), shape (n,); for a Normal about 0.

        The whole series is summed, its tail by a power law.
        """
        if not self.rest.has_pdf:
            raise ValueError(
                f"rho_w={self.base!r} has sums of draws without a formula that reaches their "
                "tail; use mixture() of a mixture of normal densities, or kernel"
            )
        return (self.mass - self.atom) * self.rest.pdf(w)

    def mixture(self, terms: int = 100) -> tuple[float, Mixture]:
        r"""Mass of the first terms, and the mixture of normal densities that they make up.

        With the atom that is the density up to what the other terms add:
        ``self.mass - self.atom - mass``. A hundred terms leave 1e-7 and less of tanh and sine; of
        the rectifier they leave a hundredth and more.

        Parameters
        ----------
        terms : int
            Terms :math:`c_1, \dots` of the series.

        Returns
        -------
        tuple of (float, Mixture)

        Raises
        ------
        ValueError
            For densities that are no normal density or mixture of some, and for too many parts.

        Examples
        --------
        >>> from ntkfreq import Normal, deep_density
        >>> rho, _ = deep_density(Normal(scale=3.0), depth=2, activation="tanh")
        >>> mass, mixture = rho.mixture()
        >>> z = [0.1, 1.0]
        >>> np.abs(rho.kernel(z) - rho.atom - mass * mixture.kernel(z)) < 1e-10
        array([ True,  True])
        """
        terms = checks.integer("terms", terms, 1)
        parts = self.base.normal_parts
        if parts is None:
            raise ValueError(
                f"rho_w={self.base!r} is no normal density, nor a mixture of some, whose sums of "
                "draws are known; use kernel"
            )
        found = normal_sums(even_parts(parts), self.coefficients(terms + 1)[1:], _LEAST * self.mass)
        if not found:
            what = "no mass" if found is not None else "too many normal densities"
            raise ValueError(
                f"terms={terms} of {self!r} make {what}; give "
                + ("other layers" if found is not None else "fewer terms or fewer components")
            )
        mass = sum(one.share for one in found)
        densities = [Normal(loc=one.center, scale=one.scales) for one in found]
        return mass, Mixture(densities, np.array([one.share for one in found]) / mass)


@dataclass(frozen=True, eq=False)
class DeepDensity(Portable, Described):
    """What a deep network makes of the density of its frequencies; made by :func:`deep_density`.

    It unpacks as a pair, ``damping, diffusivity = deep_density(...)``.

    Attributes
    ----------
    damping : LayeredDensity
        Density by which errors decay.
    diffusivity : LayeredDensity
        Density by which they spread to neighbouring frequencies.
    """

    damping: LayeredDensity
    diffusivity: LayeredDensity

    def __iter__(self) -> Iterator[LayeredDensity]:
        return iter((self.damping, self.diffusivity))

    def plot(self, others: Sequence[DeepDensity] = (), *, ax: Axes | None = None) -> Axes:
        """The density of the frequencies and those of damping, over frequency.

        Parameters
        ----------
        others : sequence of DeepDensity
            Drawn as well, for instance those of other depths.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            See :func:`ntkfreq.plotting.plot_deep_density`.
        """
        from ntkfreq.plotting import plot_deep_density

        return plot_deep_density([self, *others], ax=ax)


@guarded
def deep_density(
    rho_w: DensityLike,
    depth: int | HiddenLayers,
    activation: str | Function = "relu",
    *,
    train_frequencies: bool = True,
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    sigma_a: float = 1.0,
) -> DeepDensity:
    r"""The densities by which an infinitely wide deep Fourier-feature network learns.

    The limiting kernel of L hidden layers behind the features is a function of that of the
    features, :math:`\Theta = F(k(z)) + x \cdot x'\,G(k(z))`. So errors obey the same equation as
    without them, with a density of damping and another of diffusion,

    .. math::
        \rho_F = c_0\,\delta_0 + \sum_{n\ge1} c_n\,\rho_w^{*n}, \qquad
        \rho_G = \sum_{n\ge1} g_n\,\rho_w^{*n}, \qquad
        F(k) = \sum_n c_n k^n, \quad G(k) = \sum_n g_n k^n .

    All coefficients are >= 0, and :math:`\rho_w^{*n}` is the density of a sum of n draws from the
    even part of :math:`\rho_w`: hidden layers add frequencies.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies.
    depth : int or HiddenLayers
        Number L of hidden layers, or all about them; 0 gives :math:`\rho_w` and
        :math:`\sigma_a^2\rho_w`.
    activation : {"relu", "tanh", "sine"} or callable
        Their non-linearity, normalized as in :class:`~ntkfreq.FourierFeatureMLP`. A function of an
        array of numbers is integrated numerically; ``error`` of the result says how well.
    train_frequencies : bool, default True
        False for frozen frequencies: no diffusion.
    sigma_w, sigma_b, sigma_a : float
        Standard deviations of the hidden weights, of the biases (one each layer, if given as
        sequences) and of the output weights.

    Returns
    -------
    DeepDensity
        The pair (damping, diffusivity). Each has ``mass``, ``atom``, ``kernel``, ``coefficients``,
        and for normal densities ``mixture`` and ``pdf``.

    Raises
    ------
    TypeError, ValueError
        On what is no density, an activation that is none, jumps or grows too fast, a negative
        depth or scale.

    Notes
    -----
    With S and :math:`\dot S` the covariances of the units of a layer and of their derivatives,
    :math:`P_l = \sigma_w^2 S_{l-1} + \sigma_b^2` and :math:`S_0 = k`,

    .. math::
        T_l = S_{l-1} + 1 + \sigma_w^2 \dot S_{l-1} T_{l-1}, \qquad
        \Theta = S_L + \sigma_a^2 \dot S_L T_L, \qquad
        G = \sigma_a^2 \sigma_w^{2L}\,k \prod_l \dot S_l .

    The rectifier has a kink at k = 1: its coefficients fall like :math:`n^{-3/2}` and its density
    like :math:`|\xi|^{-d-1}`, those of smooth activations exponentially.

    References
    ----------
    Jacot, Gabriel and Hongler, arXiv 1806.07572; Daniely, Frostig and Singer, arXiv 1602.05897
    (power series of activations); Cho and Saul, NIPS 2009 (the rectifier).

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> damping, diffusivity = deep_density(Normal(scale=3.0), depth=2)
    >>> damping.mass, round(damping.atom, 4), diffusivity.mass
    (5.0, 1.5904, 1.0)
    >>> damping.kernel([0.0, 0.5]), damping.coefficients(3)
    (array([5.     , 2.13819]), array([1.59038, 1.40192, 0.77146]))

    How much more the network damps a frequency than one without hidden layers:

    >>> damping.pdf([0.0, 10.0]) / Normal(scale=3.0).pdf([0.0, 10.0])
    array([ 2.38292, 50.61039])
    """
    density = as_density(rho_w)
    layers = layers_of(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    return DeepDensity(LayeredDensity(density, layers, 0), LayeredDensity(density, layers, 1))
