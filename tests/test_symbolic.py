"""The symbolic derivations hold, wrong ones are refused, and the closed forms are the package's."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

import ntkfreq
from ntkfreq import symbolic
from ntkfreq.symbolic import (
    DERIVATIONS,
    DF,
    FAMILIES,
    LOC,
    SCALE,
    TIME,
    DerivationError,
    Step,
    W,
    Z,
    alias_shares,
    families,
)
from ntkfreq.symbolic.notation import GAMMA_A, GAMMA_W, SIGMA_A
from ntkfreq.symbolic.steps import equation, under_one_sign, verified


def dimensions(derivation):
    return (1, 2, 3) if "dim" in inspect.signature(derivation).parameters else (None,)


HOLD = [(name, dim) for name, derivation in DERIVATIONS.items() for dim in dimensions(derivation)]


@pytest.mark.parametrize(("name", "dim"), HOLD)
def test_derivation_holds(name, dim):
    steps = DERIVATIONS[name]() if dim is None else DERIVATIONS[name](dim)
    assert any(step.proof for step in steps)
    for step in steps:
        assert isinstance(step, Step)
        assert isinstance(step.expression, sp.Eq)
        assert step.statement.endswith(".")


@pytest.mark.parametrize("name", FAMILIES)
def test_closed_form_holds(name):
    assert all(step.proof for step in symbolic.characteristic_function(name))


def test_a_false_claim_is_refused():
    x = sp.Symbol("x", real=True)
    f = sp.Function("f")
    with pytest.raises(DerivationError, match=r"Square.* differ by"):
        verified("Square.", equation((x + 1) ** 2, x**2 + 1), "")
    with pytest.raises(DerivationError):
        verified("Sign.", equation(sp.Derivative(x * f(x), x), f(x) - x * sp.diff(f(x), x)), "")
    with pytest.raises(DerivationError):
        verified("Second of two.", equation(x, x), "", x - x, f(x))


def test_sums_and_integrals_join_only_when_linear():
    x, n = sp.Symbol("x"), sp.Symbol("n", integer=True)
    f = sp.Function("f")
    total = sp.Sum(f(n), (n, 0, sp.oo))
    assert under_one_sign(x * total - sp.Sum(x * f(n), (n, 0, sp.oo))) == 0
    assert under_one_sign(total - sp.Sum(f(n), (n, 1, sp.oo))) != 0
    assert under_one_sign(sp.Sum(f(n + 1), (n, 0, sp.oo)) - total) != 0
    for wrong in (total**2, n * total, 1 / total, sp.exp(total) * total):
        with pytest.raises(DerivationError, match="linear"):
            under_one_sign(wrong + x)


def without_flux(diffused, damped, rho, variance, at):
    """The density outside the divergence: the commonest slip."""
    second = sum(sp.diff(diffused, entry, 2) for entry in at)
    return (2 * sp.pi) ** len(at) * (variance * rho * second - rho * damped)


def wrong_damping(diffused, damped, rho, variance, at):
    return (2 * sp.pi) ** len(at) * (
        variance * sum(sp.Derivative(rho * sp.Derivative(diffused, entry), entry) for entry in at)
        + rho * damped
    )


def only_one_pi(diffused, damped, rho, variance, at):
    return sp.pi * (
        variance * sum(sp.Derivative(rho * sp.Derivative(diffused, entry), entry) for entry in at)
        - rho * damped
    )


def unweighted(power, xi, weighted=alias_shares._weighted):
    return weighted(0, xi)


MUTANTS = [
    *[("heat", "heat", wrong) for wrong in (without_flux, wrong_damping, only_one_pi)],
    ("alias_shares", "heat", without_flux),
    *[("decay", "heat", wrong) for wrong in (without_flux, wrong_damping, only_one_pi)],
    *[("two_fields", "heat", wrong) for wrong in (without_flux, wrong_damping, only_one_pi)],
    ("decay", "contracted", lambda xi: sp.Function("rho_w", real=True)(*xi)),
    ("decay", "VARIANCE", SIGMA_A**2),
    ("decay", "GROWTH", sp.exp(2 * GAMMA_W * TIME)),
    ("decay", "GAMMA_W", -GAMMA_W),
    ("moving", "GROWTH", sp.exp(2 * GAMMA_W * TIME)),
    ("moving", "GAMMA_A", 2 * GAMMA_A),
    ("moving", "decayed", lambda output, *_: output),
    ("two_fields", "GAMMA_W", 2 * GAMMA_W),
    ("two_fields", "VARIANCE", SIGMA_A**2),
    ("lattice", "_ALIAS", sp.pi * sp.Symbol("n", integer=True) / sp.Symbol("Delta", positive=True)),
    ("alias_shares", "_weighted", unweighted),
    ("network", "minus", lambda x, other: (x[0] + other[0],)),
    ("network", "unit", lambda a, b, w, x: a * sp.cos(w[0] * x[0]) + b * sp.cos(w[0] * x[0])),
]
OF_MODULE = {
    "heat": ["heat_equation"],
    "decay": ["weight_decay"],
    "moving": ["moving_frequency"],
    "two_fields": ["decay_to_start"],
    "lattice": ["folding", "alias_handover"],
    "alias_shares": ["shares"],
    "network": ["gradient_flow", "tangent_kernel"],
}


@pytest.mark.parametrize(("module", "name", "wrong"), MUTANTS)
def test_a_wrong_operator_is_noticed(monkeypatch, module, name, wrong):
    home = importlib.import_module(f"ntkfreq.symbolic.{module}")
    monkeypatch.setattr(home, name, wrong)
    failed = []
    for derivation in OF_MODULE[module]:
        try:
            DERIVATIONS[derivation]()
        except DerivationError:
            failed.append(derivation)
    assert failed


# Closed forms.


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("change", [(2, 1), (1, 2), (1, sp.exp(-(Z**2)))])
def test_a_wrong_closed_form_is_noticed(monkeypatch, name, change):
    pdf, k = families._centred(name)
    monkeypatch.setattr(families, "_centred", lambda _: (pdf * change[0], k * change[1]))
    with pytest.raises(DerivationError, match=name):
        symbolic.characteristic_function(name)


DENSITIES = [
    (ntkfreq.Normal, "Normal", {}),
    (ntkfreq.Uniform, "Uniform", {}),
    (ntkfreq.Laplace, "Laplace", {}),
    *[(ntkfreq.StudentT, "StudentT", {"df": df}) for df in (1.0, 2.0, 3.0, 4.5, 5.0, 8.0)],
]


def numeric_forms(name, loc, scale, df=1.0):
    values = {LOC: loc, SCALE: scale, DF: df}
    return [
        sp.lambdify(variable, form.subs(values), modules=["scipy", "numpy"])
        for variable, form in zip((W, Z), symbolic.closed_form(name), strict=True)
    ]


@pytest.mark.parametrize(("family", "name", "extra"), DENSITIES)
@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (0.8, 2.5)])
def test_closed_forms_equal_the_package(family, name, extra, loc, scale):
    pdf, k = numeric_forms(name, loc, scale, **extra)
    rho = family(loc=loc, scale=scale, **extra)
    w = np.linspace(-7.03, 7.01, 41)
    z = np.linspace(-3.01, 3.03, 41)
    np.testing.assert_allclose(pdf(w), rho.pdf(w), rtol=1e-12)
    np.testing.assert_allclose(k(z), rho.kernel(z), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("family", "name", "extra"), DENSITIES)
def test_closed_forms_against_quadrature(family, name, extra):
    """Also at even degrees of freedom, where SymPy has no integral, and off centre."""
    loc, scale = 0.6, 1.4
    pdf, k = numeric_forms(name, loc, scale, **extra)
    reach = scale if name == "Uniform" else np.inf
    for z in (0.3, 1.7):
        # Centred and even: a cosine transform of one side, then the location's cosine.
        half, _ = integrate.quad(
            lambda u: pdf(loc + u), 0, reach, weight="cos", wvar=z, epsabs=1e-11
        )
        assert 2 * half * np.cos(loc * z) == pytest.approx(k(z), abs=1e-9)


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="name='Cauchy' must be one of 'Normal'"):
        symbolic.closed_form("Cauchy")
    with pytest.raises(ValueError, match="dim=0 must be at least 1"):
        symbolic.heat_equation(0)


# The page.


def test_page_names_every_derivation_and_its_examples_run():
    page = Path(ntkfreq.__file__).parents[1] / "docs" / "derivation.rst"
    text = page.read_text(encoding="utf-8")
    tests = "".join(
        (Path(__file__).parent / f"test_{name}.py").read_text(encoding="utf-8")
        for name in ("symbolic", "derivations", "phase_means", "manufactured")
    )
    for name in DERIVATIONS:
        assert f".. derivation:: {name}\n" in text
    for name in FAMILIES:
        assert f".. derivation:: characteristic_function {name}\n" in text
    for word in text.split():
        if word.startswith("``test_"):
            assert f"def {word.strip('`,;:')}(" in tests
    failures, _ = doctest.testfile(str(page), module_relative=False)
    assert failures == 0
