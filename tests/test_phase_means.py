"""Means under rules that normalize, as derived, against quadrature and what the package takes."""

from __future__ import annotations

import importlib

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from ntkfreq import symbolic
from ntkfreq.recursion.ellipse import phase_mean
from ntkfreq.symbolic import DerivationError, normalized
from ntkfreq.symbolic.gauss import A, B, over_q, substituted
from ntkfreq.symbolic.normalized import MODULUS, V_1, V_2, elliptic

EIGENVALUES = [(1.0, 0.97), (4.0, 1.0), (0.3, 0.02), (2.5, 1e-6)]


def by_hand(v_1, v_2):
    """J_1, J_2 and the mean of q by adaptive quadrature over a quarter."""

    def q(phi):
        return np.sqrt(v_1 * np.cos(phi) ** 2 + v_2 * np.sin(phi) ** 2)

    sides = (
        lambda phi: np.cos(phi) ** 2 / q(phi),
        lambda phi: np.sin(phi) ** 2 / q(phi),
        q,
    )
    # Where the first eigenvalue is much the larger one the integrand peaks at the short axis.
    near = [np.pi / 2 - np.sqrt(v_2 / v_1) * share for share in (1, 10, 100) if v_2 < 0.01 * v_1]
    return [
        2 / np.pi * integrate.quad(side, 0, np.pi / 2, points=near or None, epsabs=1e-13)[0]
        for side in sides
    ]


def shown(index):
    """A closed form as displayed: the right side of the step, a function of v_1 and v_2."""
    step = [step for step in symbolic.phase_means() if step.expression.rhs.has(sp.elliptic_e)]
    k = sp.Symbol("k", positive=True)
    return step[index].expression.rhs.subs(k, sp.sqrt(MODULUS))


@pytest.mark.parametrize("pair", EIGENVALUES)
def test_closed_means_against_quadrature(pair):
    values = {V_1: sp.Float(pair[0], 40), V_2: sp.Float(pair[1], 40)}
    of_q, first, second = (shown(index) for index in (0, 2, 3))
    found = [float(form.subs(values).evalf(20)) for form in (first, second, of_q)]
    assert found == pytest.approx(by_hand(*pair), rel=1e-10)
    # With many digits, by another library's quadrature.
    with mp.workdps(30):
        v_1, v_2 = map(mp.mpf, pair)
        q = lambda t: mp.sqrt(v_1 * mp.cos(t) ** 2 + v_2 * mp.sin(t) ** 2)  # noqa: E731
        near = mp.pi / 2 - mp.sqrt(v_2 / v_1) / 2
        exact = [
            2 / mp.pi * mp.quad(lambda t, side=side: side(t) ** 2 / q(t), [0, near, mp.pi / 2])
            for side in (mp.cos, mp.sin)
        ]
    # Adaptive Gauss rules of mpmath on two panels leave 1e-13 of a peak of width 1e-3.
    assert found[:2] == pytest.approx([float(value) for value in exact], rel=1e-12)


@pytest.mark.parametrize("pair", EIGENVALUES)
def test_the_package_takes_these_means(pair):
    """In a frame of its own, from trace and determinant alone."""
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    v = turn @ np.diag(pair) @ turn.T
    half, kappa = phase_mean(v.trace(), np.sqrt(pair[0] * pair[1]))
    found = half * np.eye(2) + kappa * (v - v.trace() / 2 * np.eye(2))
    values = {V_1: sp.Float(pair[0], 40), V_2: sp.Float(pair[1], 40)}
    means = [float(form.subs(values).evalf(20)) for form in elliptic(MODULUS)[:2]]
    # J_2 at a ratio of 4e-7 is the larger one by 2.5: rounding of either is that of the other.
    np.testing.assert_allclose(found, turn @ np.diag(means) @ turn.T, rtol=1e-13, atol=1e-13)


def test_at_both_ends():
    """The mean of a circle, and the logarithm by which the second mean grows."""
    values = {V_1: sp.Integer(4), V_2: 4 * (1 - sp.Float("1e-25", 60))}
    for form in elliptic(MODULUS)[:2]:
        assert float(form.subs(values).evalf(30)) == pytest.approx(0.25, rel=1e-14)
    small = sp.Float("1e-20", 60)
    first, second, _ = (form.subs({V_1: 4, V_2: 4 * small}) for form in elliptic(MODULUS))
    assert float(first.evalf(30)) == pytest.approx(1 / np.pi, rel=1e-14)
    logarithm = (np.log(4 / np.sqrt(1e-20)) - 1) / np.pi
    assert float(second.evalf(30)) == pytest.approx(logarithm, rel=1e-14)


def test_direction_of_many_units():
    """The mean over drawn units of Adam's direction, put together as displayed."""
    rng = np.random.default_rng(0)
    a, b = 0.7 * rng.standard_normal((2, 400_000))
    history = rng.standard_normal((30, 2)) @ np.array([[1.0, 0.4], [0.0, 0.3]])
    gradients = b * history[:, :1] - a * history[:, 1:]
    direction = gradients.mean(axis=0) / np.sqrt((gradients**2).mean(axis=0))
    moved = np.stack([b * direction, -a * direction])
    square = history.T @ history / len(history)
    half, kappa = phase_mean(square.trace(), np.sqrt(np.linalg.det(square)))
    matrix = half * np.eye(2) + kappa * (square - square.trace() / 2 * np.eye(2))
    expected = 0.7 * np.sqrt(np.pi / 2) * matrix @ history.mean(axis=0)
    deviation = moved.std(axis=1) / np.sqrt(moved.shape[1])
    assert np.all(np.abs(moved.mean(axis=1) - expected) < 4 * deviation)
    assert np.all(4 * deviation < 0.02 * np.linalg.norm(expected))


def test_gausss_transformation_of_numbers():
    numbers = {A: sp.Float(3, 30), B: sp.Float("0.2", 30)}
    before = float(over_q(A, B).subs(numbers))
    a, b = 3.0, 0.2
    for _ in range(6):
        a, b = (a + b) / 2, np.sqrt(a * b)
    assert before == pytest.approx(1 / a, rel=1e-14)
    with mp.workdps(20):
        assert before == pytest.approx(float(1 / mp.agm(3, mp.mpf("0.2"))), rel=1e-14)
    # The substitution maps a quarter onto a quarter.
    sines = np.linspace(0, 1, 9)
    angles = np.arcsin([min(float(substituted(s).subs(numbers)), 1.0) for s in sines])
    assert np.all(np.diff(angles) > 0)
    assert angles[[0, -1]] == pytest.approx([0, np.pi / 2], abs=1e-7)


def test_sum_of_squares_is_the_difference_of_both_means():
    step = symbolic.gauss_transformation()[6].expression.rhs
    (series,) = step.atoms(sp.Sum)
    a, b, squares = 3.0, 0.2, []
    for n in range(1, 8):
        squares.append(series.function.subs({series.variables[0]: n}))
        c, a, b = (a - b) / 2, (a + b) / 2, np.sqrt(a * b)
        (symbol,) = squares[-1].atoms(sp.Indexed)
        squares[-1] = float(squares[-1].subs(symbol, c))
    first, second, _ = by_hand(9.0, 0.04)
    assert -sum(squares) / a == pytest.approx((9.0 - 0.04) * (first - second), rel=1e-12)


MUTANTS = [
    ("normalized", "MODULUS", 1 - V_1 / V_2),
    ("normalized", "elliptic", lambda m: (*elliptic(m)[1::-1], elliptic(m)[2])),
    ("normalized", "elliptic", lambda m: tuple(2 * value for value in elliptic(m))),
    ("normalized", "root", lambda first=V_1, second=V_2: normalized._AXIS[0] * sp.sqrt(first)),
    ("normalized", "unit", lambda a, b, w, x: a * sp.cos(w[0] * x[0])),
    ("gauss", "NEXT", (sp.sqrt(A * B), (A + B) / 2)),
    ("gauss", "NEXT", ((A + B) / 2, 2 * A * B / (A + B))),
    ("gauss", "substituted", lambda s: A * s / (A + (A - B) * s**2)),
    ("gauss", "over_q", lambda a, b: over_q(b, a)),
]


@pytest.mark.parametrize(("module", "name", "wrong"), MUTANTS)
def test_a_wrong_form_is_noticed(monkeypatch, module, name, wrong):
    home = importlib.import_module(f"ntkfreq.symbolic.{module}")
    derivation = {"normalized": symbolic.phase_means, "gauss": symbolic.gauss_transformation}
    monkeypatch.setattr(home, name, wrong)
    with pytest.raises(DerivationError):
        derivation[module]()
