r"""The equation with decay in moving frequencies, where nothing is transported."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq.symbolic.decay import F_HAT, GROWTH, decayed
from ntkfreq.symbolic.notation import (
    DENSITY,
    GAMMA_A,
    GAMMA_W,
    SIGMA_A,
    TIME,
    coordinates,
    divergence,
    gradient,
    rate,
    scaled,
)
from ntkfreq.symbolic.steps import Step, differentiated, equation, verified


def moving_frequency(dim: int = 1) -> list[Step]:
    r"""On the line: frequencies that move with the inner weights, in which nothing is transported.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step
        In :math:`\zeta=e^{\gamma_wt}\xi`, with :math:`F=e^{-d\gamma_wt}\hat f`, the same for Y, and
        E = F - Y, the last is :math:`\partial_tF=(2\pi)^d[\sigma_a^2e^{((d+2)\gamma_w-2\gamma_a)t}
        \nabla\cdot(\rho_w\nabla E)-e^{d\gamma_wt}\rho_wE]-\gamma_aF`.

    Examples
    --------
    >>> moving_frequency()[-1].expression.lhs
    Derivative(F(zeta, t), t)
    """
    xi, zeta = coordinates("xi", dim), coordinates("zeta", dim)
    at_rest, back = scaled(GROWTH, xi), scaled(1 / GROWTH, zeta)
    F, Y, E = (sp.Function(name) for name in ("F", "Y", "E"))
    moving, wanted, error = F(*zeta, TIME), Y(*zeta, TIME), E(*zeta, TIME)
    # Both fields written by the new ones, so that SymPy's chain rule does the change of frame.
    f_hat, y_hat = (GROWTH**dim * field(*at_rest, TIME) for field in (F, Y))
    to_new = dict(zip(xi, back, strict=True))

    def in_new_frame(expression: Any) -> Any:
        return (differentiated(expression).subs(to_new).doit() / GROWTH**dim).doit()

    diffusivity = SIGMA_A**2 * sp.exp(((dim + 2) * GAMMA_W - 2 * GAMMA_A) * TIME)

    def right(field: Any) -> Any:
        flux = scaled(DENSITY(*zeta), gradient(field, zeta))
        damped = sp.exp(dim * GAMMA_W * TIME) * DENSITY(*zeta) * field
        return (2 * sp.pi) ** dim * (
            diffusivity * divergence(flux, zeta) - damped
        ) - GAMMA_A * moving

    transport = GAMMA_W * divergence(scaled(f_hat, xi), xi)
    shown = sp.exp(-dim * GAMMA_W * TIME)
    name = F_HAT(*xi, TIME)
    at_old = sp.Derivative(name, TIME) - GAMMA_W * divergence(scaled(name, xi), xi)
    return [
        Step("The output in moving frequencies.", equation(moving, shown * F_HAT(*back, TIME))),
        Step("The target.", equation(wanted, shown * sp.Function("yhat")(*back))),
        Step("The error.", equation(error, moving - wanted)),
        verified(
            "At a frequency that moves, the rate is the one at rest without the transport.",
            rate(moving, shown * sp.Subs(at_old, xi, back)),
            "chain rule",
            in_new_frame(sp.Derivative(f_hat, TIME) - transport) - sp.Derivative(moving, TIME),
        ),
        verified(
            "So the equation with decay has no transport, and its density is constant.",
            rate(moving, right(error)),
            "the equation with decay, term by term in the new frame",
            in_new_frame(decayed(f_hat, f_hat - y_hat, xi) - transport) - right(moving - wanted),
        ),
    ]
