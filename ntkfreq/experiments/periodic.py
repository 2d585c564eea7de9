"""Two-layer networks of periodic features of any shape, smooth or not, as PyTorch modules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq.problem.density import Density, Mixture, Normal, as_density

# Harmonics of a square wave beyond this hold a ten-thousandth of its energy.
_MOST_HARMONICS = 10_000
WAVES = ("cosine", "triangle", "square")


def periodic_features(
    density: Density,
    width: int,
    *,
    wave: str = "cosine",
    sigma_a: float = 1.0,
    rng: int | np.random.Generator | None = None,
) -> Any:
    r"""Network of periodic features in pairs a quarter of a period apart, of output zero.

    .. math:: f(x) = m^{-1/2} \sum_j a_j \varphi(w_j x + \theta_j)
       + b_j \varphi(w_j x + \theta_j - \pi/2).

    The wave :math:`\varphi` has period :math:`2\pi` and mean square 1/2. Phases
    :math:`\theta_j` are drawn uniformly and stay. For the cosine they turn (a, b), which changes
    nothing, and this is :class:`ntkfreq.FourierFeatureNet`; for other waves the kernel depends on
    :math:`x - x'` alone only with them. Units come in pairs of equal w and opposite a, b. A square
    wave has no slope: gradient descent does not move its frequencies.

    Parameters
    ----------
    density : Density
        One-dimensional density of the frequencies.
    width : int
        Number of frequencies, even.
    wave : {"cosine", "triangle", "square"}
        Shape of the features.
    sigma_a : float
        Standard deviation of the output weights.
    rng : int or Generator, optional
        Seed.

    Returns
    -------
    torch.nn.Module
        Of (n, 1) or (n,) inputs; double precision.

    Raises
    ------
    ValueError
        For an odd width, another wave, or a density of another dimension.

    Examples
    --------
    >>> net = periodic_features(Normal(scale=3.0), 8, wave="square", rng=0)
    >>> import torch
    >>> net(torch.zeros(2, 1, dtype=torch.float64)).tolist()
    [0.0, 0.0]
    """
    import torch

    shape = _shape(checks.choice("wave", wave, WAVES))
    if checks.integer("width", width, 2) % 2:
        raise ValueError(f"width={width} must be even, for pairs of opposite output weights")
    density = as_density(density)
    if density.dim != 1:
        raise ValueError(f"density has dim={density.dim}; features of one variable need dim=1")
    sigma_a = checks.non_negative("sigma_a", sigma_a)
    refuse_memory(f"width={width}", 80.0 * width, "use fewer units")
    generator = checks.generator("rng", rng)
    half = density.sample(width // 2, generator)
    weights = sigma_a * generator.standard_normal((2, width // 2))
    phases = generator.uniform(0.0, 2 * math.pi, width // 2)

    start = np.ravel(half)
    signed = np.concatenate([weights, -weights], axis=1)

    def begin(self: Any) -> None:
        torch.nn.Module.__init__(self)
        self.w = torch.nn.Parameter(torch.tensor(np.concatenate([start, start])))
        self.a, self.b = (torch.nn.Parameter(torch.tensor(row)) for row in signed)
        self.register_buffer("theta", torch.tensor(np.concatenate([phases, phases])))

    def forward(self: Any, x: Any) -> Any:
        phase = x.reshape(-1, 1) * self.w + self.theta
        values = shape(phase) @ self.a + shape(phase - math.pi / 2) @ self.b
        return values / math.sqrt(width)

    # PyTorch comes without types, and a class statement on a base without a type is no typed code.
    parts = {"__init__": begin, "forward": forward}
    return type("PeriodicFeatures", (torch.nn.Module,), parts)()


def _shape(wave: str) -> Any:
    """Even wave of period 2 pi and mean square 1/2."""
    import torch

    if wave == "cosine":
        return torch.cos
    if wave == "square":
        return lambda z: torch.sign(torch.cos(z)) / math.sqrt(2)
    # From 1 at 0 to -1 at pi in straight lines; their mean square is 1/3. (The arcsine of the
    # cosine is the same wave, but its slope divides zero by zero near the kinks.)
    return lambda z: (
        math.sqrt(1.5)
        * (1 - 2 / math.pi * torch.abs(torch.remainder(z + math.pi, 2 * math.pi) - math.pi))
    )


def harmonic_density(density: Normal, wave: str, *, harmonics: int = 199) -> Density:
    r"""Effective density of periodic features with fixed frequencies: the harmonics of rho_w.

    A wave :math:`\varphi = \sum_n c_n \cos n z` of random phase has the kernel
    :math:`\sum_n c_n^2 \int \rho_w(w) \cos(n w (x - x'))\,dw`, that of the density
    :math:`\sum_n c_n^2\, \rho_w(\xi/n)/n \,/ \sum_n c_n^2`. With w at rest it takes the place of
    rho_w in the equation.

    Parameters
    ----------
    density : Normal
        Of the frequencies.
    wave : {"cosine", "triangle", "square"}
        Shape of the features; :math:`c_n` falls like 1/n^2 for the triangle and 1/n for the square
        wave, over odd n.
    harmonics : int
        Largest n kept.

    Returns
    -------
    Density

    Raises
    ------
    TypeError, ValueError
        For another wave, another density, or no harmonics.

    Examples
    --------
    >>> square = harmonic_density(Normal(scale=2.0), "square", harmonics=3)
    >>> float(square.pdf([0.0])[0] / Normal(scale=2.0).pdf([0.0])[0]).__round__(4)
    0.9333
    """
    if not isinstance(density, Normal) or density.dim != 1:
        raise TypeError(f"density={checks.show(density)} must be a one-dimensional Normal")
    harmonics = checks.integer("harmonics", harmonics, 1, _MOST_HARMONICS)
    power = {"cosine": None, "triangle": 4, "square": 2}[checks.choice("wave", wave, WAVES)]
    if power is None:
        return density
    odd = np.arange(1, harmonics + 1, 2)
    weights = odd ** -float(power)
    center, scale = float(np.ravel(density.loc)[0]), float(np.ravel(density.scale)[0])
    parts = [Normal(loc=float(n * center), scale=float(n * scale)) for n in odd]
    return Mixture(parts, weights / weights.sum())
