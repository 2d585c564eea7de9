"""Manufactured solutions: the source against differences, and orders measured with it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from ntkfreq.pde.elements import forms
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.symbolic import TIME, XI, manufactured

SIGMA, STD, T = 0.7, 1.3, 0.6


def density(w):
    return np.exp(-0.5 * (w / STD) ** 2) / (np.sqrt(2 * np.pi) * STD)


def symbolic_density(w):
    return sp.exp(-((w / STD) ** 2) / 2) / (sp.sqrt(2 * sp.pi) * STD)


FIELD = sp.exp(-TIME) * sp.cos(2 * XI) + TIME * XI * sp.exp(-(XI**2) / 3)
TARGET = sp.exp(-(XI**2) / 2) * (1 + XI)
DECAYS = {"weight_decay": 0.3, "frequency_decay": 0.2}


def second_difference(function, xi, h, rho):
    """(rho f')' with fluxes half a step away."""
    right = rho(xi + h / 2) * (function(xi + h) - function(xi))
    left = rho(xi - h / 2) * (function(xi) - function(xi - h))
    return (right - left) / h**2


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("decays", [{}, {"weight_decay": 0.3}, DECAYS])
def test_source_against_finite_differences(decays, moving):
    case = manufactured(symbolic_density(XI), FIELD, SIGMA, **decays, target=TARGET, moving=moving)
    xi, h = np.linspace(-3, 3, 13), 1e-3
    outer, inner = decays.get("weight_decay", 0.0), decays.get("frequency_decay", 0.0)
    zoom = np.exp(inner * T)

    def u(xi):
        return case.u(xi, T)

    def y(xi):
        return np.exp(-(xi**2) / 2) * (1 + xi)

    if moving:

        def error(xi):
            return u(xi) - y(xi / zoom) / zoom

        factors, rho, transport = (zoom**3, zoom), density, 0.0
    else:

        def error(xi):
            return u(xi) - y(xi)

        factors, rho = (1.0, 1.0), lambda xi: zoom * density(xi * zoom)
        transport = inner * ((xi + h) * u(xi + h) - (xi - h) * u(xi - h)) / (2 * h)
    variance = SIGMA**2 * np.exp(-2 * outer * T)
    rate = (case.u(xi, T + h) - case.u(xi, T - h)) / (2 * h)
    right = (
        2
        * np.pi
        * (
            factors[0] * variance * second_difference(error, xi, h, rho)
            - factors[1] * rho(xi) * error(xi)
        )
        - outer * u(xi)
        + transport
    )
    np.testing.assert_allclose(case.g(xi, T), rate - right, atol=2e-5)
    np.testing.assert_allclose(case.rho(xi), density(xi), rtol=1e-14)


def test_source_without_decay_is_the_plain_one():
    rho = symbolic_density(XI)
    plain = sp.diff(FIELD, TIME) - 2 * sp.pi * (
        sp.Rational(1, 4) * sp.diff(rho * sp.diff(FIELD, XI), XI) - rho * FIELD
    )
    source = manufactured(rho, FIELD, sigma_a=0.5).g_expression
    assert sp.simplify(sp.nsimplify(source - plain)) == 0


@pytest.mark.parametrize("dim", [1, 2])
def test_frames_agree(dim):
    """The same field at rest and in moving frequencies: one source is the other, zoomed."""
    at = (XI,) if dim == 1 else sp.symbols("p q", real=True)
    square = sum(entry**2 for entry in at)
    rho, target = sp.exp(-square / 2), sp.exp(-square) * (1 + at[0])
    rest = sp.exp(-TIME - square / 3) * (1 + TIME * at[-1])
    zoom = sp.exp(-sp.Float(0.2) * TIME)
    moved = zoom**dim * rest.subs({entry: zoom * entry for entry in at}, simultaneous=True)
    settings = {**DECAYS, "target": target, "frequencies": at}
    one = manufactured(rho, rest, SIGMA, **settings)
    other = manufactured(rho, moved, SIGMA, moving=True, **settings)
    points = np.random.default_rng(1).uniform(-2, 2, (7,) if dim == 1 else (7, dim))
    shrink = np.exp(-0.2 * T)
    np.testing.assert_allclose(other.u(points, T), shrink**dim * one.u(shrink * points, T))
    np.testing.assert_allclose(
        other.g(points, T), shrink**dim * one.g(shrink * points, T), rtol=1e-10, atol=1e-12
    )


def test_shapes_and_complex_fields():
    case = manufactured(sp.S.One, sp.exp(sp.I * XI) * sp.exp(-TIME), 0.0)
    assert case.u(np.zeros((3, 4)), 0.0).shape == (3, 4)
    assert case.u(np.zeros(3), np.zeros((2, 1))).shape == (2, 3)
    assert np.iscomplexobj(case.g(0.5, 1.0))
    assert case.rho(np.zeros(5)).tolist() == [1.0] * 5
    still = manufactured(sp.S.One, sp.S.Zero, 1.0)
    assert still.g(np.zeros(4), 0.0).tolist() == [0.0] * 4
    p, q = sp.symbols("p q", real=True)
    plane = manufactured(sp.exp(-(p**2)), p * q * TIME, 1.0, frequencies=(p, q))
    assert plane.u(np.array([[1.0, 2.0], [3.0, 4.0]]), 2.0).tolist() == [4.0, 24.0]
    with pytest.raises(ValueError, match=r"xi has shape \(3,\); its last axis must have 2"):
        plane.u(np.zeros(3), 0.0)


STRANGER = sp.Symbol("xi")
REFUSALS = {
    "text": ({"u": "xi"}, TypeError, "u='xi' must be a SymPy expression, not str"),
    "other symbol": ({"u": sp.Symbol("x")}, ValueError, "u=x depends on x; it may depend on xi, t"),
    "same name": ({"u": STRANGER}, ValueError, "the very symbols given as frequencies and time"),
    "moving density": ({"rho": TIME}, ValueError, "rho=t depends on t; it may depend on xi,"),
    "negative": ({"sigma_a": -1.0}, ValueError, "sigma_a=-1.0 must not be negative"),
    "decay": ({"weight_decay": -1.0}, ValueError, "weight_decay=-1.0 must not be negative"),
    "corner": ({"u": sp.Abs(XI)}, ValueError, "g=.*twice differentiable"),
    "unknown": ({"u": sp.Function("h")(XI)}, ValueError, "that SymPy can differentiate"),
    "not real": ({"frequencies": (STRANGER,)}, TypeError, "must be different real SymPy symbols"),
    "twice": ({"frequencies": (XI, XI)}, TypeError, "must be different real SymPy symbols"),
    "none": ({"frequencies": ()}, TypeError, "must be different real SymPy symbols"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    changed, error, message = REFUSALS[case]
    arguments = {"rho": sp.exp(-(XI**2)), "u": sp.cos(XI), "sigma_a": 1.0, **changed}
    with pytest.raises(error, match=message):
        manufactured(**arguments)


# Orders, measured with manufactured solutions.


def slope(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_order_of_finite_elements(degree):
    """The package's weak forms: a stationary solution without flux at the ends of [0, 1]."""
    case = manufactured(1 + XI**2, sp.cos(sp.pi * XI) + 2, SIGMA)
    sizes, errors = [], []
    for count in {1: (16, 32, 64), 2: (8, 16, 32), 4: (3, 6, 12)}[degree]:
        axis = ElementAxis((np.linspace(0, 1, count + 1),), degree, degree + 4)
        xi, weights = axis.rule
        operator = forms.assemble(forms.damping, axis, case.rho(xi))
        operator += SIGMA**2 * forms.assemble(forms.diffusion, axis, case.rho(xi))
        load = forms.functional(axis, case.g(xi, 0.0))
        found = axis.evaluation[0] @ np.linalg.solve(operator.toarray(), load)
        sizes.append(1 / count)
        errors.append(np.sqrt(np.sum((found.reshape(xi.shape) - case.u(xi, 0.0)) ** 2 * weights)))
    assert slope(sizes, errors) == pytest.approx(degree + 1, abs=0.15)


def test_order_of_a_time_integrator():
    """Crank-Nicolson with decay, in moving frequencies, on a mesh that resolves u to rounding."""
    case = manufactured(
        1 + XI**2, sp.exp(-TIME) * (2 + XI**2 - XI**4 / 2), SIGMA, **DECAYS, moving=True
    )
    axis = ElementAxis((np.linspace(0, 1, 3),), 4, 8)
    place, _ = axis.rule
    rho = case.rho(place)
    mass = forms.assemble(forms.mass, axis, rho).toarray()
    damping = forms.assemble(forms.damping, axis, rho).toarray()
    diffusion = SIGMA**2 * forms.assemble(forms.diffusion, axis, rho).toarray()
    outer, inner = DECAYS.values()

    def operator(t):
        grows = np.exp((3 * inner - 2 * outer) * t)
        return np.exp(inner * t) * damping + grows * diffusion + outer * mass

    def load(t):
        return forms.functional(axis, case.g(place, t))

    def project(t):
        return np.linalg.solve(mass, forms.functional(axis, case.u(place, t)))

    errors, sizes = [], []
    for count in (8, 16, 32):
        step, state = T / count, project(0.0)
        for n in range(count):
            now, then = n * step, (n + 1) * step
            right = (mass - step / 2 * operator(now)) @ state + step / 2 * (load(now) + load(then))
            state = np.linalg.solve(mass + step / 2 * operator(then), right)
        sizes.append(step)
        errors.append(np.abs(state - project(T)).max())
    assert slope(sizes, errors) == pytest.approx(2, abs=0.1)
