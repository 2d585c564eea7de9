r"""From the kernel to the damped heat equation: the Fourier transform turns x into a derivative."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq.symbolic.notation import (
    DENSITY,
    SIGMA_A,
    TIME,
    Coordinates,
    coordinates,
    divergence,
    dot,
    gradient,
    heat,
    integral,
    minus,
    rate,
    scaled,
)
from ntkfreq.symbolic.steps import Step, equation, verified

V = sp.Function("v")
V_HAT, E_HAT = sp.Function("vhat"), sp.Function("ehat")


def wave(xi: Coordinates, x: Coordinates) -> Any:
    r"""The plane wave :math:`e^{i\xi\cdot x}`."""
    return sp.exp(sp.I * dot(xi, x))


def driven(density: Any, field: Any, variance: Any, xi: Coordinates, x: Coordinates) -> Any:
    r"""Share of the frequency :math:`\xi` in minus the kernel times the error, at x.

    That is :math:`-\rho\,[\hat v + i\sigma^2 x\cdot\nabla\hat v]\,e^{i\xi\cdot x}`.
    """
    slope = sp.I * variance * dot(x, gradient(field, xi))
    return -density * (field + slope) * wave(xi, x)


def outflow(density: Any, field: Any, variance: Any, xi: Coordinates, x: Coordinates) -> Any:
    r"""The divergence of :math:`-\sigma^2\rho\,e^{i\xi\cdot x}\nabla\hat v`: no net effect."""
    flux = scaled(-variance * density * wave(xi, x), gradient(field, xi))
    return divergence(flux, xi)


def heat_equation(dim: int = 1) -> list[Step]:
    r"""Derive the damped heat equation from the kernel.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step
        The last but one is :math:`\partial_t\hat e = (2\pi)^d[\sigma_a^2\nabla\cdot
        (\rho_w\nabla\hat v) - \rho_w\hat v]`, the last the decay of the energy on the line.

    References
    ----------
    Molina, Petrache, Sahli Costabal, Courdurier, arXiv 2405.14957.

    Examples
    --------
    >>> heat_equation()[-2].expression.lhs
    Derivative(ehat(xi, t), t)
    """
    x, other, xi = coordinates("x", dim), coordinates("x'", dim), coordinates("xi", dim)
    variance = SIGMA_A**2
    e, k = sp.Function("e"), sp.Function("k")
    rho, v, v_hat, e_hat = DENSITY(*xi), V(*other, TIME), V_HAT(*xi, TIME), E_HAT(*xi, TIME)
    kernel = (1 + variance * dot(x, other)) * k(*minus(x, other))
    against = wave(xi, scaled(-1, other))
    seen = integral(v * against, other)
    share = driven(rho, v_hat, variance, xi, x)
    right = heat(v_hat, v_hat, rho, variance, xi)
    flow = outflow(rho, v_hat, variance, xi, x)
    in_frequency = right / (2 * sp.pi) ** dim * wave(xi, x)
    return [
        Step(
            "The output moves by the kernel against the error v on the data.",
            rate(e(*x, TIME), -integral(kernel * v, other)),
        ),
        _kernel_by_waves(dim),
        verified(
            "Multiplication by x in space is i times a derivative in frequency.",
            equation(integral(other[0] * v * against, other), sp.I * sp.Derivative(v_hat, xi[0])),
            "differentiated under the integral",
            sum(
                integral(entry * v * against, other) - sp.I * sp.diff(seen, at)
                for entry, at in zip(other, xi, strict=True)
            ),
        ),
        verified(
            "Both put in: one integral over frequencies.",
            rate(e(*x, TIME), -integral(-share, xi)),
            "the integrands over x' agree at each frequency",
            -rho * wave(xi, x) * integral((1 + variance * dot(x, other)) * v * against, other)
            - driven(rho, seen, variance, xi, x),
        ),
        verified(
            "The remaining x is a derivative of the wave. Moved to the other factor by the product "
            "rule, it leaves a divergence, whose integral is zero: no flux leaves where the "
            "density ends.",
            equation(share, in_frequency + flow),
            "product rule",
        ),
        verified(
            "The wave's factor is the rate of the spectrum: the damped heat equation.",
            rate(e_hat, right),
            "as before, compared with the inverse transform of the spectrum",
            share - flow - in_frequency,
        ),
        _energy(dim),
    ]


def _kernel_by_waves(dim: int) -> Step:
    w, z = coordinates("xi", dim), coordinates("z", dim)
    negative = scaled(-1, w)
    even = (DENSITY(*w) + DENSITY(*negative)) / 2
    difference = even * (sp.cos(dot(w, z)) - wave(w, z))
    mirrored = difference.subs(dict(zip(w, negative, strict=True)), simultaneous=True)
    return verified(
        "For an even density the characteristic function is a sum of plane waves.",
        equation(sp.Function("k")(*z), integral(DENSITY(*w) * wave(w, z), w)),
        "the integrands, averaged over both signs of the frequency, agree",
        difference + mirrored,
    )


def _energy(dim: int) -> Step:
    """For a real field: the operator is real, so both parts of a complex one obey this."""
    xi = coordinates("xi", dim)
    e, rho = E_HAT(*xi, TIME), DENSITY(*xi)
    slope = gradient(e, xi)
    speed = (2 * sp.pi) ** dim
    lost = -2 * speed * rho * (e**2 + SIGMA_A**2 * dot(slope, slope))
    flow = divergence(scaled(2 * speed * SIGMA_A**2 * rho * e, slope), xi)
    return verified(
        "Where the data are all of space the error seen is the error. The energy of each of the "
        "real and imaginary parts falls, up to a divergence, which moves energy between "
        "frequencies.",
        rate(e**2, lost + flow),
        "product rule, with the damped heat equation for the rate",
        2 * e * heat(e, e, rho, SIGMA_A**2, xi) - lost - flow,
    )
