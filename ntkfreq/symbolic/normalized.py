r"""Rules that normalize: the mean over units of a direction, as complete elliptic integrals."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import stats

from ntkfreq.symbolic.network import unit
from ntkfreq.symbolic.notation import SIGMA_A, coordinates, dot
from ntkfreq.symbolic.steps import Step, equation, verified

V_1, V_2 = sp.symbols("v_1 v_2", positive=True)
"""Eigenvalues of the mean square of (C', S'), the larger one first."""
PHI = sp.Symbol("varphi", real=True)
"""Angle of the gradient of a unit, from the first eigenvector on."""
MODULUS = 1 - V_2 / V_1
"""The square of the modulus k."""

_K2 = sp.Symbol("k", positive=True) ** 2
_R, _M = sp.symbols("r m", positive=True)
_J = sp.symbols("J_1 J_2", positive=True)
_AXIS = (sp.cos(PHI), sp.sin(PHI))


def root(first: Any = V_1, second: Any = V_2) -> Any:
    """The root q of the mean square of a gradient, for a unit of radius one."""
    return sp.sqrt(first * _AXIS[0] ** 2 + second * _AXIS[1] ** 2)


def circle_mean(field: Any) -> Any:
    """Mean over the angle of a field that is the same in all four quarters."""
    return 2 / sp.pi * sp.Integral(field, (PHI, 0, sp.pi / 2))


def elliptic(modulus: Any) -> tuple[Any, Any, Any]:
    """J_1, J_2 and the mean of q, as elliptic integrals of a modulus squared."""
    K, E = sp.elliptic_k(modulus), sp.elliptic_e(modulus)
    share = 2 / (sp.pi * modulus * sp.sqrt(V_1))
    return share * (E - (1 - modulus) * K), share * (K - E), 2 / sp.pi * sp.sqrt(V_1) * E


def phase_means() -> list[Step]:
    r"""Adam's direction, averaged over the outer weights of the units of one frequency.

    The gradient of an inner weight depends on the radius and on the angle of the outer weights. The
    radius cancels in Adam's ratio; the mean over the angle is a pair of elliptic integrals.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> phase_means()[3].expression
    Eq(mean(r), sqrt(2)*sqrt(pi)*sigma_a/2)
    """
    q = root()
    moduli, found = elliptic(_K2), elliptic(MODULUS)
    total = sp.Function("I")(V_1, V_2)
    return [
        *_one_unit(),
        verified(
            "The mean over the angle leaves nothing crosswise.",
            equation(sp.Integral(_AXIS[0] * _AXIS[1] / q, (PHI, -sp.pi, sp.pi)), 0),
            "the integrand is odd",
            _AXIS[0] * _AXIS[1] / q + (_AXIS[0] * _AXIS[1] / q).subs(PHI, -PHI),
        ),
        Step("Two means are left.", equation(_J[0], circle_mean(_AXIS[0] ** 2 / q))),
        Step("The other one.", equation(_J[1], circle_mean(_AXIS[1] ** 2 / q))),
        *(
            verified(
                f"The {name} one is twice a derivative of the mean of q.",
                equation(mean, 2 * sp.Derivative(total, v)),
                "differentiated under the integral",
                circle_mean(axis**2 / q) - 2 * sp.Derivative(circle_mean(q), v),
            )
            for name, mean, axis, v in zip(("first", "second"), _J, _AXIS, (V_1, V_2), strict=True)
        ),
        verified(
            "That mean is a complete elliptic integral, where k squared is one minus the ratio of "
            "the eigenvalues.",
            equation(total, moduli[2]),
            "the squares of the integrands agree, which are positive",
            q**2 - V_1 * (1 - MODULUS * _AXIS[1] ** 2),
        ),
        _slope(),
        *(
            verified(
                f"So the {name} mean, with k put back.",
                equation(mean, shown),
                "the derivative, with k put in",
                2 * sp.diff(found[2], v) - value,
            )
            for name, mean, shown, v, value in zip(
                ("first", "second"), _J, moduli, (V_1, V_2), found, strict=False
            )
        ),
        *_checks(found, total),
    ]


def _one_unit() -> list[Step]:
    """The gradient of one inner weight, and what Adam makes of it."""
    x, w = coordinates("x", 1), coordinates("w", 1)
    e, of_cos, of_sin, g = sp.symbols("e C' S' g", real=True)
    size, angle = sp.symbols("r alpha", positive=True)
    h = unit(size * sp.cos(angle), size * sp.sin(angle), w, x)
    gradient = size * (sp.sin(angle) * of_cos - sp.cos(angle) * of_sin)
    samples = {of_cos: e * x[0] * sp.cos(dot(w, x)), of_sin: e * x[0] * sp.sin(dot(w, x))}
    g_1, g_2, m_1, m_2 = sp.symbols("g_1 g_2 m_1 m_2", real=True)
    square = sp.expand((_R * dot(_AXIS, (g_1, g_2))) ** 2)
    means = {g_1**2: V_1, g_2**2: V_2, g_1 * g_2: 0}
    mean = sp.Function("mean")
    move = _R * dot(_AXIS, (m_1, m_2)) / sp.sqrt(_R**2 * root() ** 2)
    return [
        verified(
            "The gradient of the inner weight of a unit whose outer weights have radius r and "
            "angle alpha. C' and S' are means over the samples, of the error times x times the "
            "cosine, or the sine, of wx.",
            equation(g, gradient),
            "for one sample; a mean is linear",
            e * sp.Derivative(h, w[0]) - gradient.subs(samples),
        ),
        verified(
            "It is r times the part of (C', S') along a direction that is uniform on the circle. "
            "With the angle phi from the first eigenvector of the mean of squares over the steps, "
            "of eigenvalues v_1 and v_2, its mean square follows.",
            equation(mean(g**2), _R**2 * root() ** 2),
            "expanded, with the means of squares along the eigenvectors",
            square.subs(means) - _R**2 * root() ** 2,
        ),
        verified(
            "Adam divides the mean gradient by the root of this, and r drops out. With the mean "
            "(m_1, m_2) of (C', S') along the eigenvectors, the output changes by the gradient "
            "times that, here along the first one.",
            equation(
                _R * _AXIS[0] * sp.Symbol("D"),
                _R * (_AXIS[0] ** 2 * m_1 + _AXIS[0] * _AXIS[1] * m_2) / sp.Symbol("q"),
            ),
            "put in; along the second it is the same",
            _R * _AXIS[0] * move - _R * _AXIS[0] * dot(_AXIS, (m_1, m_2)) / root(),
        ),
        verified(
            "The radius of two normal numbers is Rayleigh distributed. Its mean is a factor.",
            equation(mean(_R), SIGMA_A * sp.sqrt(sp.pi / 2)),
            "SymPy's integral",
            stats.E(stats.Rayleigh("r", SIGMA_A)) - SIGMA_A * sp.sqrt(sp.pi / 2),
        ),
    ]


def _slope() -> Step:
    """The derivative of E, from its integral."""
    K, E = sp.elliptic_k(_M), sp.elliptic_e(_M)
    inside = sp.sqrt(1 - _M * _AXIS[1] ** 2)
    return verified(
        "The derivative of this integral holds the one of the first kind.",
        equation(sp.Derivative(E, _M), (E - K) / (2 * _M)),
        "in the integrals of both",
        sp.Derivative(inside, _M) - (inside - 1 / inside) / (2 * _M),
    )


def _checks(found: tuple[Any, Any, Any], total: Any) -> list[Step]:
    """What the closed forms have to give."""
    circle = [sp.series(value, _M, 0, 1).removeO() for value in elliptic(_M)[:2]]
    half = 1 / (2 * sp.sqrt(V_1))
    flat = sp.integrate(sp.cos(PHI), (PHI, 0, sp.pi / 2)) * 2 / (sp.pi * sp.sqrt(V_1))
    return [
        verified(
            "Weighted by the eigenvalues they are the mean of q again.",
            equation(V_1 * _J[0] + V_2 * _J[1], total),
            "put in",
            V_1 * found[0] + V_2 * found[1] - found[2],
        ),
        *(
            verified(
                f"Where both eigenvalues are equal: the {name} mean.",
                equation(mean, half),
                "the power series in k squared, at 0",
                value - half,
            )
            for name, mean, value in zip(("first", "second"), _J, circle, strict=True)
        ),
        verified(
            "Where the second eigenvalue is zero, as for the single gradient of sign descent. The "
            "second mean is infinite there, and is multiplied by zero.",
            equation(_J[0], 2 / (sp.pi * sp.sqrt(V_1))),
            "the integral itself, and the elliptic form, in which E is one and K has the factor 0",
            flat - 2 / (sp.pi * sp.sqrt(V_1)),
            (_AXIS[0] ** 2 / root(second=0)) ** 2 - _AXIS[0] ** 2 / V_1,
            2 * sp.elliptic_e(1) / (sp.pi * sp.sqrt(V_1)) - flat,
        ),
    ]
