r"""Gauss's transformation: the same means from the trace and the determinant, without an angle."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ntkfreq.symbolic.normalized import PHI, V_1, V_2, circle_mean, elliptic, root
from ntkfreq.symbolic.steps import Step, differentiated, equation, verified

A, B = sp.symbols("a b", positive=True)
"""Half axes of the ellipse: the roots of the eigenvalues."""
NEXT = (A + B) / 2, sp.sqrt(A * B)
"""Those that Gauss's transformation makes of them."""

_SINE = sp.Symbol("s", positive=True)
_M, _I = sp.Function("M"), sp.Function("I")


def over_q(a: Any, b: Any) -> Any:
    """Mean of 1/q as an elliptic integral."""
    return 2 / sp.pi * sp.elliptic_k(1 - b**2 / a**2) / a


def substituted(s: Any) -> Any:
    """Sine of the angle before the transformation, of the sine s after it."""
    return 2 * A * s / (A + B + (A - B) * s**2)


def gauss_transformation() -> list[Step]:
    r"""The matrix of means :math:`J = \mathbb E\,uu^T/q`, from trace and determinant of V alone.

    Returns
    -------
    list of Step
        What the package evaluates under Adam.

    Examples
    --------
    >>> gauss_transformation()[1].expression
    Eq(M(a, b), M(a/2 + b/2, sqrt(a)*sqrt(b)))
    """
    J_1, J_2 = sp.symbols("J_1 J_2", positive=True)
    found = elliptic(1 - V_2 / V_1)
    axes = {V_1: A**2, V_2: B**2}
    trace = sum(found[:2]).subs(axes)
    n = sp.Symbol("n", integer=True, positive=True)
    c = sp.IndexedBase("c")
    last, square = _M(A, B), A**2 + B**2
    spread = 2 * _I(A, B) - square * last
    folded = 2 * (2 * _I(*NEXT) - (NEXT[0] ** 2 + NEXT[1] ** 2) * last) - (A - B) ** 2 * last / 2
    return [
        verified(
            "The sum of both means is the mean of one over q. Let a and b be the roots of the "
            "eigenvalues.",
            equation(_M(A, B), J_1 + J_2),
            "sine and cosine under one integral, and put in",
            circle_mean((sp.cos(PHI) ** 2 + sp.sin(PHI) ** 2 - 1) / root()),
            trace - over_q(A, B),
        ),
        verified(
            "It is the same for the ellipse whose half axes are the arithmetic and the geometric "
            "mean.",
            equation(last, _M(*NEXT)),
            "by a substitution of the sine, which has the same ends: the integrands' squares agree",
            *_substitution(),
        ),
        Step(
            "So it is one over the common limit of all such means, the arithmetic-geometric mean.",
            equation(last, 1 / sp.Function("agm")(A, B)),
        ),
        verified(
            "The mean of q follows the same transformation, with one more term.",
            equation(_I(A, B), 2 * _I(*NEXT) - A * B * last),
            "the derivative of the equality before, with the derivatives of K and E",
            _derivative(),
        ),
        verified(
            "The difference of both means is such a pair.",
            equation((A**2 - B**2) * (J_1 - J_2), spread),
            "with the elliptic integrals put in",
            (A**2 - B**2) * (found[0] - found[1]).subs(axes)
            - 2 * found[2].subs(axes)
            + square * over_q(A, B),
        ),
        verified(
            "So every transformation doubles it, and leaves a square.",
            equation(spread, folded),
            "the two equalities before put in",
            spread.subs(_I(A, B), 2 * _I(*NEXT) - A * B * last) - folded,
        ),
        Step(
            "Half the differences c of the half axes, after one, two and more transformations, "
            "vanish so fast that the sum ends after a few terms. None of them is negative.",
            equation((A**2 - B**2) * (J_1 - J_2), -last * sp.Sum(2**n * c[n] ** 2, (n, 1, sp.oo))),
        ),
        *_turned(J_1, J_2),
    ]


def _substitution() -> tuple[Any, ...]:
    """Residuals of Gauss's substitution: of the integrands, and of both ends."""
    sine = substituted(_SINE)
    before = (1 - sine**2) * (A**2 * (1 - sine**2) + B**2 * sine**2)
    after = (1 - _SINE**2) * (NEXT[0] ** 2 * (1 - _SINE**2) + NEXT[1] ** 2 * _SINE**2)
    return (
        sp.cancel(sp.together(sp.diff(sine, _SINE) ** 2 * after - before)),
        substituted(sp.S.Zero),
        sp.cancel(substituted(sp.S.One) - 1),
    )


def _derivative() -> Any:
    """Derivative of the equality of the means of 1/q, with the claim about E put in."""
    k, e = sp.symbols("K E", positive=True)
    first, second = 1 - B**2 / A**2, 1 - NEXT[1] ** 2 / NEXT[0] ** 2
    slope = differentiated(sp.Derivative(over_q(A, B) - over_q(*NEXT), A))
    values = {
        sp.elliptic_k(first): k,
        sp.elliptic_e(first): e,
        sp.elliptic_k(second): k * NEXT[0] / A,
        sp.elliptic_e(second): (A * e + B * k) / (2 * NEXT[0]),
    }
    return slope.subs(values)


def _turned(J_1: Any, J_2: Any) -> list[Step]:
    """The matrix of means in any frame."""
    angle = sp.Symbol("alpha", real=True)
    turn = sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])
    V = turn * sp.diag(A**2, B**2) * turn.T
    kappa = (J_1 - J_2) / (A**2 - B**2)
    J = turn * sp.diag(J_1, J_2) * turn.T
    shown = (J_1 + J_2) / 2 * sp.eye(2) + kappa * (V - V.trace() / 2 * sp.eye(2))
    trace, det = (sp.Function(name)(sp.Symbol("V")) for name in ("tr", "det"))
    factor, of_v = sp.Symbol("kappa"), sp.MatrixSymbol("V", 2, 2)
    multiple = (J_1 + J_2 - factor * trace) / 2
    return [
        verified(
            "In any frame the matrix of means is a multiple of the identity and one of V, whose "
            "factor kappa is the difference of both means over that of the eigenvalues.",
            equation(sp.MatrixSymbol("J", 2, 2), multiple * sp.Identity(2) + factor * of_v),
            "turned by any angle, entry by entry",
            *(J - shown),
        ),
        verified(
            "The half axes after the first transformation need no eigenvalue either. The square of "
            "the first holds trace and determinant.",
            equation(NEXT[0] ** 2, (trace + 2 * sp.sqrt(det)) / 4),
            "put in",
            (NEXT[0] ** 2 - (V.trace() + 2 * A * B) / 4),
            V.det() - (A * B) ** 2,
        ),
        verified(
            "The square of the second is the root of the determinant.",
            equation(NEXT[1] ** 2, sp.sqrt(det)),
            "put in",
            NEXT[1] ** 4 - V.det(),
        ),
    ]
