r"""Manufactured solutions: a field chosen freely, and the source that makes it a solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from ntkfreq._support import checks
from ntkfreq.symbolic.notation import TIME, XI, Coordinates, divergence, heat, scaled

Evaluated = Callable[[Any, Any], Any]
"""Frequencies of shape (...) in one dimension, (..., d) otherwise, and a time, to (...) values."""


@dataclass(frozen=True)
class Manufactured:
    """A solution of the equation with a source.

    Attributes
    ----------
    u, g : callable
        Solution and source at frequencies xi and times t. In one dimension xi has any shape, in d
        dimensions its last axis has d entries; t is a number or broadcasts with the rest.
    rho : callable
        The density of the equation at frequencies xi.
    u_expression, g_expression : sympy.Expr
        Solution and source as expressions.
    """

    u: Evaluated = field(repr=False)
    g: Evaluated = field(repr=False)
    rho: Callable[[Any], Any] = field(repr=False)
    u_expression: sp.Expr
    g_expression: sp.Expr


def manufactured(
    rho: sp.Expr,
    u: sp.Expr,
    sigma_a: float,
    *,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    target: sp.Expr | float = 0,
    moving: bool = False,
    frequencies: Sequence[sp.Symbol] = (XI,),
    time: sp.Symbol = TIME,
) -> Manufactured:
    r"""The source g that makes a chosen field u solve the damped heat equation.

    Without decay, and in one dimension, the equation is

    .. math:: \partial_t u = 2\pi[\sigma_a^2(\rho u')' - \rho u] + g ,

    where u is the spectrum of the error. With decay u is the spectrum of the output, the error is
    u minus the target's, and with :math:`\rho_t(\xi)=e^{d\gamma_wt}\rho(e^{\gamma_wt}\xi)`

    .. math:: \partial_t u = (2\pi)^d[\sigma_a^2e^{-2\gamma_at}\nabla\cdot(\rho_t\nabla(u-y))
              -\rho_t(u-y)] - \gamma_au + \gamma_w\nabla\cdot(\xi u) + g .

    In moving frequencies :math:`\zeta=e^{\gamma_wt}\xi` the density is constant and

    .. math:: \partial_t u = (2\pi)^d[\sigma_a^2e^{((d+2)\gamma_w-2\gamma_a)t}
              \nabla\cdot(\rho\nabla(u-Y_t)) - e^{d\gamma_wt}\rho(u-Y_t)] - \gamma_au + g,
              \quad Y_t(\zeta)=e^{-d\gamma_wt}y(\zeta e^{-\gamma_wt}) .

    Parameters
    ----------
    rho : sympy.Expr
        Density at time 0, in the symbols `frequencies`. It need not integrate to one.
    u : sympy.Expr
        Solution, in `frequencies` and `time`; in moving frequencies when `moving`.
    sigma_a : float
        Standard deviation of the outer weights at the start, zero or above.
    weight_decay, frequency_decay : float, default 0
        Decay rates :math:`\gamma_a` of the outer and :math:`\gamma_w` of the inner weights.
    target : sympy.Expr or float, default 0
        Spectrum y of the target, in `frequencies`, at rest.
    moving : bool, default False
        Whether u is given, and the equation written, in moving frequencies.
    frequencies : sequence of d symbols, default (`ntkfreq.symbolic.XI`,)
        The coordinates; their number is the dimension d.
    time : sympy.Symbol, default `ntkfreq.symbolic.TIME`
        The time.

    Returns
    -------
    Manufactured
        Functions of NumPy arrays, and the expressions.

    Raises
    ------
    TypeError, ValueError
        When an expression is none of SymPy's or holds other symbols, or a number is negative.

    Notes
    -----
    Where rho jumps, as at the edge of a uniform density, the flux must be continuous for g to be
    a function: choose u with no slope there, up to its edge.

    Examples
    --------
    >>> import sympy as sp
    >>> from ntkfreq.symbolic import TIME, XI
    >>> case = manufactured(sp.exp(-(XI**2)), sp.exp(-TIME) * sp.cos(XI), sigma_a=0.5)
    >>> case.u(np.array([0.0, 1.0]), 0.0)
    array([1.        , 0.54030231])
    >>> float(case.g(0.0, 0.0))
    6.853981633974483
    """
    at = _symbols("frequencies", frequencies)
    (time,) = _symbols("time", (time,))
    density = _expression("rho", rho, at)
    solution = _expression("u", u, (*at, time))
    wanted = _expression("target", target, at)
    sigma_a = checks.non_negative("sigma_a", sigma_a)
    outer = _exact(checks.non_negative("weight_decay", weight_decay))
    inner = _exact(checks.non_negative("frequency_decay", frequency_decay))
    dim, zoom = len(at), sp.exp(inner * time)
    variance = _exact(sigma_a) ** 2 * sp.exp(-2 * outer * time)
    if moving:
        error = solution - wanted.subs(_zoomed(at, 1 / zoom), simultaneous=True) / zoom**dim
        # Damping and diffusion grow differently: both act on the error times e^{d gamma_w t}.
        right = heat(zoom**dim * error, zoom**dim * error, density, variance * zoom**2, at)
    else:
        error = solution - wanted
        now = zoom**dim * density.subs(_zoomed(at, zoom), simultaneous=True)
        right = heat(error, error, now, variance, at)
        right += inner * divergence(scaled(solution, at), at)
    source = _smooth((sp.Derivative(solution, time) - right + outer * solution).doit())
    return Manufactured(
        _evaluated(solution, at, time),
        _evaluated(source, at, time),
        lambda xi: _evaluated(density, at, time)(xi, 0.0),
        solution,
        source,
    )


def _symbols(name: str, value: Any) -> Coordinates:
    entries = tuple(value) if isinstance(value, Sequence) else (value,)
    good = all(isinstance(entry, sp.Symbol) and entry.is_real for entry in entries)
    if not entries or not good or len(set(entries)) < len(entries):
        raise TypeError(
            f"{name}={checks.show(value)} must be different real SymPy symbols; make them by "
            "sympy.Symbol(name, real=True)"
        )
    return entries


def _expression(name: str, value: Any, allowed: Coordinates) -> Any:
    """A SymPy expression in the allowed symbols; a number is one too."""
    if isinstance(value, bool | str) or not isinstance(value, sp.Expr | Real):
        raise TypeError(
            f"{name}={checks.show(value)} must be a SymPy expression, not {type(value).__name__}"
        )
    expression = sp.sympify(value)
    foreign = sorted(map(str, expression.free_symbols - set(allowed)))
    if foreign:
        # Symbols of one name differ when their assumptions do, which their names do not show.
        raise ValueError(
            f"{name}={checks.show(value)} depends on {', '.join(foreign)}; it may depend on "
            f"{', '.join(map(str, allowed))}, and these must be the very symbols given as "
            "frequencies and time, with the same assumptions"
        )
    return expression


def _exact(value: float) -> Any:
    return sp.S.Zero if value == 0 else sp.Float(value)


def _zoomed(at: Coordinates, factor: Any) -> dict[Any, Any]:
    return dict(zip(at, scaled(factor, at), strict=True))


def _smooth(source: Any) -> Any:
    """The source, if it is a function."""
    if source.has(sp.DiracDelta, sp.Derivative, sp.Subs):
        raise ValueError(
            f"the source is no function: g={checks.show(source)}; choose rho continuous and u "
            "twice differentiable, both of functions that SymPy can differentiate"
        )
    return source


def _evaluated(expression: Any, at: Coordinates, time: Any) -> Evaluated:
    compiled = sp.lambdify((*at, time), expression, modules=["scipy", "numpy"], cse=True)

    def function(xi: Any, t: Any) -> Any:
        points = np.asarray(xi, dtype=np.float64)
        if len(at) > 1 and points.shape[-1:] != (len(at),):
            raise ValueError(
                f"xi has shape {points.shape}; its last axis must have {len(at)} entries, one for "
                "each dimension"
            )
        columns = (points,) if len(at) == 1 else tuple(np.moveaxis(points, -1, 0))
        t = np.asarray(t, dtype=np.float64)
        # A constant expression gives one number, whatever the number of frequencies.
        return compiled(*columns, t) + np.zeros(np.broadcast_shapes(columns[0].shape, t.shape))

    return function
