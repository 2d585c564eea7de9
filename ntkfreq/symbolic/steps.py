"""A derivation is a list of steps; a step is a sentence, its formula, and how it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp


class DerivationError(AssertionError):
    """A claimed formula does not follow: its two sides differ."""


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    Attributes
    ----------
    statement : str
        What the formula says, in words.
    expression : sympy.Expr or sympy.Eq
        The formula.
    proof : str
        How SymPy checked the formula; empty for definitions and assumptions.

    Examples
    --------
    >>> import sympy as sp
    >>> x = sp.Symbol("x")
    >>> claim = sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1, evaluate=False)
    >>> verified("The square of a sum.", claim, "expanded").proof
    'expanded'
    """

    statement: str
    expression: sp.Expr
    proof: str = ""


def equation(left: Any, right: Any) -> sp.Eq:
    """An equation that stays one, also where its sides are equal by inspection."""
    return sp.Eq(left, right, evaluate=False)


def differentiated(expression: Any) -> Any:
    """All derivatives carried out; sums and integrals stay, and are differentiated inside."""

    def carry_out(inner: Any, *counts: Any) -> Any:
        return sp.diff(inner, *counts)

    return expression.replace(sp.Derivative, carry_out)


def verified(statement: str, claim: sp.Eq, proof: str, *residuals: Any) -> Step:
    """The step, once every one of `residuals` has become zero.

    Without any, the difference of the two sides of the claim must.

    Raises
    ------
    DerivationError
        When one does not become zero.
    """
    for residual in residuals or (claim.lhs - claim.rhs,):
        rest = vanishing(under_one_sign(differentiated(sp.sympify(residual))))
        if rest != 0:
            raise DerivationError(f"{statement} The two sides of {claim} differ by {rest}")
    return Step(statement, claim, proof)


def vanishing(expression: Any) -> Any:
    """Zero if a simplification shows it, else what remains."""
    rest = sp.expand(expression)
    if rest != 0:
        # Waves multiply as exponentials; in this form equal terms meet without a search.
        rest = sp.powsimp(sp.expand(rest.rewrite(sp.cos, sp.exp).rewrite(sp.sin, sp.exp)))
    return rest if rest == 0 else sp.simplify(rest)


def under_one_sign(expression: Any) -> Any:
    """Join sums over the same range, and integrals likewise: what is outside goes inside.

    Every term holds at most one of them, as a factor, because all claims are linear in the
    field or the density that is summed or integrated. Ranges whose joint term is zero drop out.
    """
    outside: Any = sp.S.Zero
    inside: dict[Any, Any] = {}
    for term in sp.Add.make_args(sp.expand(expression)):
        signs = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.Sum | sp.Integral)]
        sign = signs[0] if signs else sp.S.One
        factor = term / sign
        bound = set(sign.variables) if signs else set()
        if factor.has(sp.Sum, sp.Integral, sp.Product) or factor.free_symbols & bound:
            raise DerivationError(f"{term} is not linear in one sum or integral")
        if not signs:
            outside += term
            continue
        key = (sign.func, *sign.limits)
        inside[key] = inside.get(key, sp.S.Zero) + factor * sign.function
    for (kind, *limits), joint in inside.items():
        joint = vanishing(joint.doit())
        outside += 0 if joint == 0 else kind(joint, *limits)
    return outside
