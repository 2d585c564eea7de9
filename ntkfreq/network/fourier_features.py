"""The network of the theory: two layers of random Fourier features, all of them trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, brief
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray, PointsLike
from ntkfreq.network import backends
from ntkfreq.network.mlp_checks import read_only, with_parameters
from ntkfreq.problem.density import as_density
from ntkfreq.problem.given import DensityLike

# Tolerance of an evaluation by fast transforms: f_0 has to be that of a trained network's records.
_TOLERANCE = 1e-13


@dataclass(frozen=True, eq=False)
class FourierFeatureNet(Described):
    r"""Random-Fourier-feature network of width m.

    .. math:: f(x) = m^{-1/2} \sum_{j=1}^m
              \bigl[ a_j \cos(w_j \cdot x) + b_j \sin(w_j \cdot x) \bigr]

    Its limiting neural tangent kernel is
    :math:`(1 + \sigma_a^2\, x \cdot x')\, k(x - x')`, :math:`k` the transform of the density of w.

    Parameters
    ----------
    w : array_like, shape (m, d) or (m,) for d = 1
        Angular frequencies, radians per unit of x.
    a, b : array_like, shape (m,)
        Output weights of the cosines and sines.
    sigma_a : float, optional
        Standard deviation from which `a` and `b` were drawn, where known.
    density : object, optional
        Density from which `w` was drawn, where known.

    Raises
    ------
    TypeError, ValueError
        On arrays that are not real, finite or of one width.

    References
    ----------
    Rahimi and Recht (2007); arXiv 2405.14957, the network of its theorem.

    Examples
    --------
    >>> net = FourierFeatureNet(w=[2.0], a=[0.0], b=[3.0])
    >>> net([0.0, np.pi / 4])
    array([0., 3.])
    """

    w: FloatArray
    a: FloatArray
    b: FloatArray
    sigma_a: float | None = None
    density: object | None = None

    def __post_init__(self) -> None:
        w = checks.points("w", self.w)
        checked = {
            "w": w,
            "a": checks.values_at("a", self.a, len(w)),
            "b": checks.values_at("b", self.b, len(w)),
        }
        for name, array in checked.items():
            object.__setattr__(self, name, read_only(array))
        if self.sigma_a is not None:
            object.__setattr__(self, "sigma_a", checks.non_negative("sigma_a", self.sigma_a))

    @classmethod
    def sample(
        cls,
        rho_w: DensityLike,
        width: int,
        *,
        sigma_a: float = 1.0,
        zero_output: bool = False,
        rng: int | np.random.Generator | None = None,
    ) -> FourierFeatureNet:
        r"""Draw a network, :math:`w_j \sim \rho_w` and :math:`a_j, b_j \sim N(0, \sigma_a^2)`.

        Parameters
        ----------
        rho_w : Density or anything `as_density` accepts
            Density of the frequencies; its dimension is the input dimension.
        width : int
            Number of hidden units m.
        sigma_a : float
            Standard deviation of the output weights.
        zero_output : bool
            Draw half the units and give each, in the next place, a twin of equal w and opposite
            a, b: the initial output is zero, the limiting kernel the same.
        rng : None, int or numpy Generator
            Source of randomness; an int is a seed.

        Returns
        -------
        FourierFeatureNet

        Raises
        ------
        TypeError, ValueError
            On a bad density, width, scale or seed; for an odd width with `zero_output`.

        Examples
        --------
        >>> from ntkfreq.problem.density import Normal
        >>> net = FourierFeatureNet.sample(Normal(scale=3.0), 100, zero_output=True, rng=0)
        >>> net.width, net.dim, bool(abs(net([0.3])[0]) < 1e-15)
        (100, 1, True)
        """
        density = as_density(rho_w)
        width = checks.integer("width", width, 1)
        sigma_a = checks.non_negative("sigma_a", sigma_a)
        if zero_output and width % 2:
            raise ValueError(
                f"width={width} must be even with zero_output=True, which pairs the units; "
                f"use {width + 1}"
            )
        generator = checks.generator("rng", rng)
        refuse_memory(
            f"width={width} in {density.dim} dimension(s)",
            24.0 * width * (density.dim + 2),
            "use fewer units",
        )
        drawn = width // 2 if zero_output else width
        w = np.asarray(density.sample(drawn, generator), dtype=np.float64).reshape(drawn, -1)
        a, b = sigma_a * generator.standard_normal((2, drawn))
        if zero_output:
            w = np.repeat(w, 2, axis=0)
            a, b = np.stack([a, -a], axis=1).ravel(), np.stack([b, -b], axis=1).ravel()
        return cls(w, a, b, sigma_a, density)

    @property
    def width(self) -> int:
        """Number of hidden units m."""
        return int(self.w.shape[0])

    @property
    def units(self) -> int:
        """Hidden units of all layers: of the one there is."""
        return self.width

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self.width * (self.dim + 2)

    @property
    def dim(self) -> int:
        """Input dimension d."""
        return int(self.w.shape[1])

    @property
    def architecture(self) -> str:
        """What `packed` means, in words."""
        return f"two layers, {self.width} units, dimension {self.dim}"

    @property
    def frequency_rows(self) -> int:
        """Rows of `packed` that hold frequencies."""
        return self.dim

    def packed(self) -> FloatArray:
        """All parameters in one array (d + 2, m): the coordinates of w, then a, then b."""
        return np.concatenate([self.w.T, self.a[None], self.b[None]])

    def unpacked(self, theta: FloatArray) -> FourierFeatureNet:
        """The same network with other parameters, laid out as by `packed`."""
        return with_parameters(self, w=theta[:-2].T, a=theta[-2], b=theta[-1])

    def standard_scale(self) -> FloatArray:
        r"""Factors (d + 2, 1) of the parameters over those of the same network without factors.

        That is :math:`f(x) = \sum_j A_j \cos(w_j \cdot x) + B_j \sin(w_j \cdot x)`, the standard
        parametrization: :math:`a = \sqrt m A`, :math:`b = \sqrt m B`, w is the same.

        Examples
        --------
        >>> FourierFeatureNet([1.0, 2.0], [1.0, 1.0], [1.0, 1.0]).standard_scale()[:, 0] ** 2
        array([1., 2., 2.])
        """
        scale = np.ones((self.dim + 2, 1))
        scale[-2:] = np.sqrt(self.width)
        return scale

    def work(self, x: FloatArray, steps: int = 1, threads: int | None = None) -> backends.Work:
        """What evaluating or training it at x (n, d) takes."""
        return backends.Work.of(self.w, x, steps, threads)

    def _facts(self) -> dict[str, str]:
        names = [
            "width",
            "dim",
            *(k for k in ("density", "sigma_a") if getattr(self, k) is not None),
        ]
        return {name: brief(getattr(self, name)) for name in names}

    def __call__(self, x: PointsLike) -> FloatArray:
        """Output at x.

        Parameters
        ----------
        x : array_like, shape (n,) for d = 1, else (n, d)
            Points.

        Returns
        -------
        ndarray, shape (n,)
        """
        points = checks.points("x", x, self.dim)
        backends.refuse_lost_phases(self.w, points)
        # As in a fresh process, so that the last bits do not depend on what ran before.
        name, _ = backends.choose(self.work(points), frozenset())
        options = {"tolerance": _TOLERANCE} if name == "nufft" else {}
        return backends.load(name, **options).evaluate(self.packed(), points)
