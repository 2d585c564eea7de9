r"""Closed forms of the densities in one dimension, and SymPy's own integral for each of them."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq._support import checks
from ntkfreq.symbolic.steps import Step, equation, verified

W = sp.Symbol("w", real=True)
"""Frequency."""
Z = sp.Symbol("z", real=True)
"""Displacement."""
LOC = sp.Symbol("c", real=True)
"""Location."""
SCALE = sp.Symbol("s", positive=True)
"""Scale: standard deviation (Normal), half-width (Uniform), decay length (Laplace), scale (t)."""
DF = sp.Symbol("nu", positive=True)
"""Degrees of freedom of StudentT."""

FAMILIES = ("Normal", "Uniform", "Laplace", "StudentT")
_ELEMENTARY = (1, 3, 5)


def _centred(name: str) -> tuple[Any, Any]:
    """Density and characteristic function for location 0."""
    if name == "Normal":
        pdf = sp.exp(-(W**2) / (2 * SCALE**2)) / (sp.sqrt(2 * sp.pi) * SCALE)
        return pdf, sp.exp(-(SCALE**2) * Z**2 / 2)
    if name == "Uniform":
        return sp.Piecewise((1 / (2 * SCALE), sp.Abs(W) <= SCALE), (0, True)), sp.sinc(SCALE * Z)
    if name == "Laplace":
        return sp.exp(-sp.Abs(W) / SCALE) / (2 * SCALE), 1 / (1 + (SCALE * Z) ** 2)
    norm = sp.gamma((DF + 1) / 2) / (sp.gamma(DF / 2) * sp.sqrt(DF * sp.pi) * SCALE)
    pdf = norm * (1 + W**2 / (DF * SCALE**2)) ** (-(DF + 1) / 2)
    u = sp.sqrt(DF) * SCALE * sp.Abs(Z)
    matern = sp.besselk(DF / 2, u) * u ** (DF / 2) / (2 ** (DF / 2 - 1) * sp.gamma(DF / 2))
    return pdf, matern


def closed_form(name: str) -> tuple[sp.Expr, sp.Expr]:
    r"""Density :math:`\rho_w(w)` and characteristic function k(z) of a family, d = 1.

    Parameters
    ----------
    name : {"Normal", "Uniform", "Laplace", "StudentT"}
        The family, named like the class of the package.

    Returns
    -------
    pdf : sympy.Expr
        In the symbols `W`, `LOC`, `SCALE` and, for StudentT, `DF` of this module.
    k : sympy.Expr
        :math:`\int\rho_w(w)\cos(wz)\,dw` in the symbols `Z`, `LOC`, `SCALE` and `DF`. For StudentT
        it is the limit 1 at z = 0, where the formula itself is 0 times infinity.

    Raises
    ------
    ValueError
        When there is no such family.

    Examples
    --------
    >>> closed_form("Laplace")[1]
    cos(c*z)/(s**2*z**2 + 1)
    """
    pdf, kernel = _centred(checks.choice("name", name, FAMILIES))
    return pdf.subs(W, W - LOC), sp.cos(LOC * Z) * kernel


def characteristic_function(name: str) -> list[Step]:
    r"""Check the closed form of a family by SymPy's own integrals.

    Parameters
    ----------
    name : {"Normal", "Uniform", "Laplace", "StudentT"}
        The family.

    Returns
    -------
    list of Step
        The density, centred, integrates to one and its cosine integral is k. For StudentT also
        the elementary forms at 1, 3 and 5 degrees of freedom.

    Raises
    ------
    ValueError
        When there is no such family.
    DerivationError
        When an integral differs from the closed form.

    Notes
    -----
    SymPy finds the integral of StudentT for all degrees of freedom but the even ones, where its
    formula divides by zero. Both sides are continuous in the degrees of freedom.

    Examples
    --------
    >>> characteristic_function("Uniform")[1].expression
    Eq(Integral(cos(w*z)/(2*s), (w, -s, s)), sinc(s*z))
    """
    pdf, kernel = _centred(checks.choice("name", name, FAMILIES))
    half, end = sp.Symbol("w", positive=True), sp.oo
    side = sp.refine(pdf.subs(W, half), sp.Q.positive(half))
    shown, low, high = pdf, -sp.oo, sp.oo
    if name == "Uniform":
        # The integral over the support of the constant that the density is there.
        side = pdf.subs(W, 0)
        shown, end, low, high = side, SCALE, -SCALE, SCALE
    z = sp.Symbol("z", positive=True)
    # An order that is no integer keeps SymPy on the formula that holds for almost all orders.
    order = {DF: 2 * sp.Symbol("a", positive=True, integer=False)}
    cosine = _integral(2 * side.subs(order) * sp.cos(half * z), half, end)
    plain = kernel.replace(sp.sinc, lambda u: sp.sin(u) / u).subs(Z, z).subs(order)
    wanted = _reflected(plain.rewrite(sp.besseli))
    steps = [
        verified(
            f"{name}: the density integrates to one.",
            equation(sp.Integral(shown, (W, low, high)), 1),
            "SymPy's integral",
            sp.gammasimp(_integral(2 * side, half, end)) - 1,
        ),
        verified(
            f"{name}: the cosine integral.",
            equation(sp.Integral(shown * sp.cos(W * Z), (W, low, high)), kernel),
            "SymPy's integral at positive z; both sides are even in z"
            + ("; half the degrees of freedom no integer" if name == "StudentT" else ""),
            sp.gammasimp(sp.simplify(cosine - wanted)),
        ),
    ]
    if name == "StudentT":
        steps += [_elementary(df, side, kernel, half, z) for df in _ELEMENTARY]
    return steps


def _integral(integrand: Any, variable: Any, end: Any) -> Any:
    value = sp.integrate(integrand, (variable, 0, end))
    # The condition "z is not zero" holds.
    return sp.piecewise_fold(value).args[0][0] if isinstance(value, sp.Piecewise) else value


def _reflected(expression: Any) -> Any:
    """Euler's reflection formula for the gamma function, which SymPy does not find by itself."""

    def gammas(angle: Any) -> Any:
        return sp.gamma(angle / sp.pi) * sp.gamma(1 - angle / sp.pi) / sp.pi

    return expression.replace(sp.csc, gammas)


def _elementary(df: int, side: Any, kernel: Any, half: Any, z: Any) -> Step:
    """An odd number of degrees of freedom: a polynomial times an exponential."""
    found = _integral(2 * side.subs(DF, df) * sp.cos(half * z), half, sp.oo).rewrite(sp.exp)
    u = sp.Symbol("u", positive=True)
    bessel = kernel.subs({DF: df}).subs(Z, u / (sp.sqrt(df) * SCALE))
    formula = sp.factor(sp.expand(sp.expand_func(sp.simplify(bessel))))
    return verified(
        f"StudentT at df = {df}, with u the square root of {df} times s|z|.",
        equation(sp.Function("k")(Z), formula),
        "SymPy's integral, and its Bessel function of half-integer order",
        sp.simplify(found - formula.subs(u, sp.sqrt(df) * SCALE * z)),
    )


def shifted_density() -> list[Step]:
    """Check what a location does to the characteristic function of an even density.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> shifted_density()[0].statement
    'A location multiplies k by a cosine.'
    """
    u, even = sp.Symbol("u", real=True), sp.Function("rho_0")
    shifted = even(u) * sp.cos((LOC + u) * Z)
    product = sp.cos(LOC * Z) * even(u) * sp.cos(u * Z)
    difference = shifted - product
    step = verified(
        "A location multiplies k by a cosine.",
        equation(
            sp.Integral(even(W - LOC) * sp.cos(W * Z), (W, -sp.oo, sp.oo)),
            sp.cos(LOC * Z) * sp.Integral(even(W) * sp.cos(W * Z), (W, -sp.oo, sp.oo)),
        ),
        "shifted by the location, the integrands averaged over both signs agree",
        sp.expand_trig(difference + difference.subs(u, -u).subs(even(-u), even(u))),
    )
    return [step]
