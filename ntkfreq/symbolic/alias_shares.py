r"""The error at an alias from the folded solution: its share, and one term with one derivative."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq.symbolic.heat import V_HAT
from ntkfreq.symbolic.notation import (
    DENSITY,
    FOLDED,
    GAMMA_A,
    SIGMA_A,
    TIME,
    coordinates,
    divergence,
    dot,
    gradient,
    heat,
    scaled,
)
from ntkfreq.symbolic.steps import Step, differentiated, equation, verified

_S = sp.Symbol("s", nonnegative=True)


def shares(dim: int = 1) -> list[Step]:
    r"""The error at an alias from the folded solution, without a second derivative of it.

    With the share :math:`s=\rho_w/\rho_{\mathrm{fold}}` of the density, and weighted time integrals
    :math:`I_0, I_2` of the data spectrum, the change of the output at any frequency is
    :math:`s\,\Delta F + (2\pi)^d\sigma_a^2\rho_{\mathrm{fold}}\nabla s\cdot\nabla I_2`, where F is
    the output's spectrum summed over aliases.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> shares()[0].statement
    'The product rule, with the density as share times folded density.'
    """
    xi = coordinates("xi", dim)
    fold, s = FOLDED(*xi), sp.Function("s")(*xi)
    i_0, i_2 = (sp.Function(name)(*xi, TIME) for name in ("I_0", "I_2"))
    variance = SIGMA_A**2
    integrals = [_weighted(power, xi) for power in (0, 2)]
    grad = gradient(i_2, xi)
    product = s * divergence(scaled(fold, grad), xi) + fold * dot(gradient(s, xi), grad)
    damp = sp.exp(-GAMMA_A * TIME)
    start, f_hat = sp.Function("fhat")(*xi, 0), sp.Function("fhat")(*xi, TIME)
    rho, v_hat = DENSITY(*xi), V_HAT(*xi, TIME)
    change = heat(integrals[1], integrals[0], rho, variance, xi)
    solved = damp * start + change
    right = heat(v_hat, v_hat, rho, variance * sp.exp(-2 * GAMMA_A * TIME), xi)
    folded_change = heat(i_2, i_0, fold, variance, xi)
    extra = (2 * sp.pi) ** dim * variance * fold * dot(gradient(s, xi), grad)
    folded = sp.Function("F")
    delta_fold = folded(*xi, TIME) - damp * folded(*xi, 0)
    return [
        verified(
            "The product rule, with the density as share times folded density.",
            equation(divergence(scaled(s * fold, grad), xi), product),
            "carried out",
        ),
        Step("The time integral that drives the damping.", equation(i_0, integrals[0])),
        Step("The time integral that drives the diffusion.", equation(i_2, integrals[1])),
        verified(
            "With decay of the outer weights alone, these two integrals give the output.",
            equation(f_hat, damp * start + heat(i_2, i_0, rho, variance, xi)),
            "put into the equation with decay; at time zero the integrals vanish",
            sp.Derivative(solved, TIME) - right + GAMMA_A * solved,
            differentiated(solved).subs(TIME, 0).doit() - start,
        ),
        Step(
            "Its change beyond the damped start, summed over aliases.",
            equation(delta_fold, folded_change),
        ),
        verified(
            "So the change at any frequency is its share of the folded change, and a term with one "
            "derivative.",
            equation(f_hat - damp * start, s * delta_fold + extra),
            "the product rule above",
            heat(i_2, i_0, s * fold, variance, xi) - s * folded_change - extra,
        ),
    ]


def _weighted(power: int, xi: tuple[Any, ...]) -> Any:
    weight = sp.exp(-GAMMA_A * (TIME - _S) - power * GAMMA_A * _S)
    return sp.Integral(weight * V_HAT(*xi, _S), (_S, 0, TIME))
