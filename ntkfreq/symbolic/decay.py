r"""Weight decay: damping of the output, transport of its spectrum, and a contracting density."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import stats

from ntkfreq.symbolic.heat import V_HAT, driven, outflow, wave
from ntkfreq.symbolic.network import motion
from ntkfreq.symbolic.notation import (
    DENSITY,
    GAMMA_A,
    GAMMA_W,
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

F_HAT = sp.Function("fhat")
VARIANCE = SIGMA_A**2 * sp.exp(-2 * GAMMA_A * TIME)
GROWTH = sp.exp(GAMMA_W * TIME)


def contracted(xi: Coordinates) -> Any:
    r"""Density of :math:`w e^{-\gamma_w t}`: :math:`e^{d\gamma_w t}\rho_w(e^{\gamma_w t}\xi)`."""
    return GROWTH ** len(xi) * DENSITY(*scaled(GROWTH, xi))


def decayed(output: Any, seen: Any, xi: Coordinates) -> Any:
    """Right-hand side of the equation with decay, for spectra of the output and of the error."""
    transport = divergence(scaled(output, xi), xi)
    return heat(seen, seen, contracted(xi), VARIANCE, xi) - GAMMA_A * output + GAMMA_W * transport


def weight_decay(dim: int = 1) -> list[Step]:
    r"""The equation with decay rates :math:`\gamma_a` and :math:`\gamma_w` towards zero.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step
        The last is :math:`\partial_t\hat f=(2\pi)^d[\sigma_a^2e^{-2\gamma_at}\nabla\cdot
        (\rho_t\nabla\hat v)-\rho_t\hat v]-\gamma_a\hat f+\gamma_w\nabla\cdot(\xi\hat f)`.

    Examples
    --------
    >>> weight_decay()[-1].expression.lhs
    Derivative(fhat(xi, t), t)
    """
    x, other, xi = coordinates("x", dim), coordinates("x'", dim), coordinates("xi", dim)
    moved, kernel_sum, output = motion(dim, GAMMA_A, GAMMA_W)
    f, K, v = sp.Function("f"), sp.Function("K_t"), sp.Function("v")
    here = f(*x, TIME)
    f_hat, v_hat, rho_t = F_HAT(*xi, TIME), V_HAT(*xi, TIME), sp.Function("rho_t")(*xi, TIME)
    ripple = wave(xi, x)
    carried = divergence(scaled(f_hat, xi), xi) * ripple
    flow = divergence(scaled(f_hat * ripple, xi), xi)
    transport = f_hat * dot(x, gradient(ripple, x))
    share = driven(contracted(xi), v_hat, VARIANCE, xi, x)
    final = decayed(f_hat, v_hat, xi)
    total = outflow(contracted(xi), v_hat, VARIANCE, xi, x) - GAMMA_W * flow / (2 * sp.pi) ** dim
    remaining = (-GAMMA_A * f_hat * ripple - GAMMA_W * transport) / (2 * sp.pi) ** dim
    return [
        verified(
            "Decay of the outer weights damps the output, which is linear in them. Decay of the "
            "inner weights, which meet only x, acts like a slow zoom.",
            rate(
                here,
                -integral(K(*x, *other) * v(*other, TIME), other)
                - GAMMA_A * here
                - GAMMA_W * dot(x, gradient(here, x)),
            ),
            "chain rule for two units and two samples, which have every kind of cross term",
            moved - kernel_sum + GAMMA_A * output + GAMMA_W * dot(x, gradient(output, x)),
        ),
        *_shrinking(dim),
        verified(
            "The zoom in space is minus a divergence in frequency.",
            equation(transport, -carried + flow),
            "product rule",
        ),
        verified(
            "Together: the equation with decay.",
            rate(
                f_hat,
                heat(v_hat, v_hat, rho_t, VARIANCE, xi)
                - GAMMA_A * f_hat
                + GAMMA_W * divergence(scaled(f_hat, xi), xi),
            ),
            "the waves' factors in space and in frequency agree up to a divergence",
            share + remaining - final * ripple / (2 * sp.pi) ** dim - total,
        ),
    ]


def _shrinking(dim: int) -> list[Step]:
    """What decay does to the weights of a wide network, whose training moves each only a little."""
    xi, z, w = coordinates("xi", dim), coordinates("z", dim), coordinates("w", dim)
    x, other = coordinates("x", dim), coordinates("x'", dim)
    rho_t = sp.Function("rho_t")(*xi, TIME)
    a = stats.Normal("a", 0, SIGMA_A)
    late = stats.E((a * sp.exp(-GAMMA_A * TIME)) ** 2)
    start = DENSITY(*w) * sp.cos(dot(w, z) / GROWTH)
    moved = start.subs(dict(zip(w, scaled(GROWTH, xi), strict=True))) * GROWTH**dim
    now = contracted(xi)
    prefactor = 1 + VARIANCE * dot(x, other)
    return [
        verified(
            "At infinite width training moves each weight too little to matter, so a weight "
            "decays from its start. The variance of the outer weights falls.",
            equation(sp.Function("mean")(sp.Symbol("a_t") ** 2), VARIANCE),
            "normal moment by integration",
            late - VARIANCE,
        ),
        verified(
            "The density of the inner weights contracts.",
            equation(rho_t, now),
            "it is carried by the flow of the weights, and is the initial density at time zero",
            sp.Derivative(now, TIME) - GAMMA_W * divergence(scaled(now, xi), xi),
            now.subs(TIME, 0) - DENSITY(*xi),
        ),
        verified(
            "Its characteristic function is the initial one, stretched.",
            equation(
                integral(rho_t * sp.cos(dot(xi, z)), xi), sp.Function("k")(*scaled(1 / GROWTH, z))
            ),
            "substitution in the integral",
            now * sp.cos(dot(xi, z)) - moved,
        ),
        Step(
            "The kernel at time t.",
            equation(
                sp.Function("K_t")(*x, *other),
                prefactor * sp.Function("k")(*scaled(1 / GROWTH, minus(x, other))),
            ),
        ),
    ]
