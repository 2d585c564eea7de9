r"""Samples on a lattice: the spectrum repeats itself, and the density is folded onto one period."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq.symbolic.heat import E_HAT, V_HAT, wave
from ntkfreq.symbolic.notation import (
    DENSITY,
    FOLDED,
    SIGMA_A,
    TIME,
    XI,
    heat,
    rate,
)
from ntkfreq.symbolic.steps import Step, differentiated, equation, verified

_N, _K = sp.symbols("n k", integer=True)
_SPACING = sp.Symbol("Delta", positive=True)
_S = sp.Symbol("s", nonnegative=True)
_ALIAS = 2 * sp.pi * _N / _SPACING


def _over(summand: Any, index: Any = _N) -> Any:
    return sp.Sum(summand, (index, -sp.oo, sp.oo))


def folding() -> list[Step]:
    r"""Fold the damped heat equation onto one period of the lattice, in one dimension.

    Returns
    -------
    list of Step
        The last is :math:`\partial_t\hat v=2\pi[\sigma_a^2(\rho_{\mathrm{fold}}\hat v')'
        -\rho_{\mathrm{fold}}\hat v]`.

    Examples
    --------
    >>> folding()[-1].expression.lhs
    Derivative(vhat(xi, t), t)
    """
    e = sp.Function("e")
    variance, alias = SIGMA_A**2, XI + _ALIAS
    v_hat, rho_fold = V_HAT(XI, TIME), _over(DENSITY(alias))
    back = sp.exp(-sp.I * XI * _SPACING * _K)
    spectrum = _over(_SPACING * e(_SPACING * _K, TIME) * back, _K)
    there = wave((alias,), (_SPACING * _K,))
    aliased = heat(v_hat, v_hat, DENSITY(alias), variance, (XI,))
    return [
        Step(
            "The spectrum of the samples, which lie at the multiples of the spacing.",
            equation(v_hat, spectrum),
        ),
        verified(
            "It is periodic.",
            equation(V_HAT(alias, TIME), v_hat),
            "each summand is periodic",
            spectrum.subs(XI, alias) - spectrum,
        ),
        verified(
            "A frequency and its aliases make the same wave on the samples.",
            equation(there, wave((XI,), (_SPACING * _K,))),
            "the phases differ by a multiple of a full turn",
        ),
        verified(
            "So the inverse transform of the error at a sample is an integral over one period, of "
            "the error's spectrum summed over aliases. The same integral holds with the spectrum "
            "of the samples. The two therefore agree.",
            equation(v_hat, _over(E_HAT(alias, TIME))),
            "the integrals over all periods are those over one, integrand by integrand",
            _over(E_HAT(alias, TIME) * there)
            - _over(E_HAT(alias, TIME)) * wave((XI,), (_SPACING * _K,)),
        ),
        Step(
            "At an alias the damped heat equation has that alias' density and the same periodic "
            "field.",
            rate(E_HAT(alias, TIME), aliased),
        ),
        Step("The folded density.", equation(FOLDED(XI), rho_fold)),
        verified(
            "Summed over aliases: the same equation with the folded density.",
            rate(v_hat, heat(v_hat, v_hat, FOLDED(XI), variance, (XI,))),
            "summand by summand",
            heat(v_hat, v_hat, rho_fold, variance, (XI,)) - _over(aliased),
        ),
    ]


def alias_handover() -> list[Step]:
    r"""What the error between the samples becomes, in one dimension.

    Returns
    -------
    list of Step
        First the error's spectrum from the time integral of the data spectrum, then, without
        diffusion, the share of each alias in the limit of long times.

    References
    ----------
    Zhou, Zhang, Xu, arXiv 2405.17479, on the spurious low frequencies.

    Examples
    --------
    >>> len(alias_handover())
    6
    """
    variance, alias = SIGMA_A**2, XI + _ALIAS
    v_hat, rho, fold = V_HAT(XI, TIME), DENSITY(XI), FOLDED(XI)
    seen, wanted = sp.Function("vhat_0")(XI), sp.Function("yhat")
    up_to_now = sp.Integral(V_HAT(XI, _S), (_S, 0, TIME))
    change = heat(up_to_now, up_to_now, rho, variance, (XI,))
    # A positive symbol, so that the integral over all times converges.
    r = sp.Symbol("r", positive=True)
    frozen = seen * sp.exp(-2 * sp.pi * fold * TIME)
    total = sp.integrate(frozen.subs(fold, r), (TIME, 0, sp.oo)).subs(r, fold)
    share = DENSITY(alias) / fold
    data = _over(wanted(XI + 2 * sp.pi * _K / _SPACING), _K)
    s, at_tone = sp.IndexedBase("s"), sp.KroneckerDelta(_N, 0)
    return [
        verified(
            "The spectrum of the error at any frequency follows from the time integral of the "
            "data spectrum, by one application of the operator.",
            equation(E_HAT(XI, TIME), E_HAT(XI, 0) + change),
            "both sides have the same rate, and agree at time zero",
            sp.Derivative(change, TIME) - heat(v_hat, v_hat, rho, variance, (XI,)),
            differentiated(change).subs(TIME, 0).doit(),
        ),
        verified(
            "Without diffusion each frequency of the data spectrum decays alone.",
            equation(v_hat, frozen),
            "put into the folded equation",
            sp.Derivative(frozen, TIME) - heat(frozen, frozen, fold, 0, (XI,)),
        ),
        verified(
            "Its integral over all times.",
            equation(sp.Integral(V_HAT(XI, _S), (_S, 0, sp.oo)), seen / (2 * sp.pi * fold)),
            "by integration",
            total - seen / (2 * sp.pi * fold),
        ),
        verified(
            "In the end, from a zero output at the start, an alias holds its share of the density "
            "times all that the data saw.",
            equation(sp.Function("fhat")(alias, sp.oo), share * data),
            "the two steps above, with minus the target as the error at the start",
            heat(0, total, DENSITY(alias), 0, (XI,)).subs(seen, -data) - share * data,
        ),
        verified(
            "The shares sum to one: the data are fitted.",
            equation(_over(share), 1),
            "summand by summand",
            _over(share) * fold - _over(DENSITY(alias)),
        ),
        verified(
            "For a pure tone, whose own share is the one of index 0, the energy of the test error "
            "in units of the tone's.",
            equation(_over((s[_N] - at_tone) ** 2), 1 - 2 * s[0] + _over(s[_N] ** 2)),
            "expanded",
            sp.summation(sp.expand((s[_N] - at_tone) ** 2 - s[_N] ** 2), (_N, -sp.oo, sp.oo))
            - 1
            + 2 * s[0],
        ),
    ]
