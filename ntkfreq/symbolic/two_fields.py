r"""Decay of the inner weights towards where they started: two fields in place of one."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import stats

from ntkfreq.symbolic.decay import VARIANCE, decayed
from ntkfreq.symbolic.heat import V_HAT, driven, outflow, wave
from ntkfreq.symbolic.network import unit
from ntkfreq.symbolic.notation import (
    DENSITY,
    GAMMA_A,
    GAMMA_W,
    SIGMA_A,
    TIME,
    Coordinates,
    coordinates,
    dot,
    gradient,
    heat,
    minus,
    rate,
)
from ntkfreq.symbolic.steps import Step, differentiated, equation, verified


def decay_to_start(dim: int = 1) -> list[Step]:
    r"""Inner weights that decay towards where they started: two fields.

    The outer weights decay towards zero. The part of the output that they moved and the part that
    moved inner weights made decay at different rates.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> [str(step.expression.lhs) for step in decay_to_start()[-3:-1]]
    ['Derivative(fhat_1(xi, t), t)', 'Derivative(fhat_2(xi, t), t)']
    """
    x, other, xi = coordinates("x", dim), coordinates("x'", dim), coordinates("xi", dim)
    v_hat, ripple = V_HAT(*xi, TIME), wave(xi, x)
    f_1, f_2 = (sp.Function(f"fhat_{j}")(*xi, TIME) for j in (1, 2))
    damping = heat(0, v_hat, DENSITY(*xi), 0, xi)
    diffusion = heat(v_hat, 0, DENSITY(*xi), VARIANCE, xi)
    share = driven(DENSITY(*xi), v_hat, VARIANCE, xi, x)
    first_share = driven(DENSITY(*xi), v_hat, 0, xi, x)
    flow = outflow(DENSITY(*xi), v_hat, VARIANCE, xi, x)
    first, second = damping - GAMMA_A * f_1, diffusion - (GAMMA_A + GAMMA_W) * f_2
    both = decayed(f_1 + f_2, v_hat, xi).subs(GAMMA_W, 0)
    return [
        *_two_parts(x, other),
        verified(
            "The first field: no diffusion.",
            rate(f_1, first),
            "the waves' factors agree",
            first_share - damping * ripple / (2 * sp.pi) ** dim,
        ),
        verified(
            "The second field: diffusion, and both decay rates.",
            rate(f_2, second),
            "the waves' factors agree up to a divergence",
            share - first_share - diffusion * ripple / (2 * sp.pi) ** dim - flow,
        ),
        verified(
            "Without decay of the inner weights the sum obeys the equation with decay.",
            rate(f_1 + f_2, both),
            "added",
            (first + second).subs(GAMMA_W, 0) - both,
        ),
    ]


def _two_parts(x: Coordinates, other: Coordinates) -> list[Step]:
    """One hidden unit to first order in the motion of its weights, which is small in wide ones."""
    dim = len(x)
    w, omega = (
        coordinates("w", dim),
        tuple(sp.Function(entry.name)(TIME) for entry in coordinates("omega", dim)),
    )
    a_0, b_0 = stats.Normal("a_0", 0, SIGMA_A), stats.Normal("b_0", 0, SIGMA_A)
    alpha, beta = sp.Function("alpha")(TIME), sp.Function("beta")(TIME)
    force = tuple(sp.Function(e.name)(TIME) for e in coordinates("g_w", dim))
    pull = tuple(sp.Function(f"g_{name}")(TIME) for name in "ab")
    size, damp = sp.Symbol("epsilon"), sp.exp(-GAMMA_A * TIME)

    def unmoved(at: Coordinates, a: Any, b: Any) -> Any:
        return unit(a * damp, b * damp, w, at)

    a, b = a_0.symbol, b_0.symbol
    moved_w = tuple(here + size * step for here, step in zip(w, omega, strict=True))
    arguments = (a * damp + size * alpha, b * damp + size * beta, *moved_w)
    moved = unit(arguments[0], arguments[1], moved_w, x)
    first = unmoved(x, a, b) + size * unit(alpha, beta, w, x)
    second = size * dot(omega, gradient(unmoved(x, a, b), w))
    h_1, h_2 = sp.Function("h_1")(*x, TIME), sp.Function("h_2")(*x, TIME)
    # Rates of the three small motions: minus a gradient of the loss, minus decay to zero.
    motions = {
        sp.Derivative(alpha, TIME): -pull[0] - GAMMA_A * alpha,
        sp.Derivative(beta, TIME): -pull[1] - GAMMA_A * beta,
        **{sp.Derivative(o, TIME): -g - GAMMA_W * o for o, g in zip(omega, force, strict=True)},
    }

    def speed(part: Any) -> Any:
        return differentiated(sp.Derivative(part, TIME)).subs(motions)

    drive = -size * dot(force, gradient(unmoved(x, a, b), w))
    pushed = -size * unit(pull[0], pull[1], w, x)
    product = dot(gradient(unmoved(x, a_0, b_0), w), gradient(unmoved(other, a_0, b_0), w))
    wave_w = sp.cos(dot(w, minus(x, other)))
    return [
        Step("What moved outer weights make, besides the start.", equation(h_1, first)),
        Step("What moved inner weights make.", equation(h_2, second)),
        verified(
            "The two parts are a hidden unit whose weights have moved a little, up to the square "
            "of the motion, which is too small to matter in wide networks.",
            equation(sp.Function("h")(*x, *arguments), h_1 + h_2 + sp.Order(size**2)),
            "value and first derivative at zero motion",
            (moved - first - second).subs(size, 0),
            differentiated(sp.Derivative(moved - first - second, size)).subs(size, 0),
        ),
        verified(
            "The first part follows the gradients of the outer weights, and decays with them.",
            rate(h_1, pushed - GAMMA_A * h_1),
            "differentiated, with the motion of the weights put in",
            speed(first) - pushed + GAMMA_A * first,
        ),
        verified(
            "The second part follows the gradients of the inner weights. It decays twice: the "
            "inner weights return, and the outer weights in front shrink.",
            rate(h_2, drive - (GAMMA_A + GAMMA_W) * h_2),
            "differentiated, with the motion of the weights put in",
            speed(second) - drive + (GAMMA_A + GAMMA_W) * second,
        ),
        verified(
            "On average over the start, the gradients of the inner weights make the second kernel.",
            equation(
                sp.Function("mean")(sp.Symbol("h_w") * sp.Symbol("h'_w")),
                VARIANCE * dot(x, other) * wave_w,
            ),
            "normal moments by integration, then the addition theorem",
            stats.E(sp.expand(differentiated(product))) - VARIANCE * dot(x, other) * wave_w,
        ),
    ]
