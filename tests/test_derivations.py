"""What the symbolic derivations display, against numbers that come from elsewhere.

Sums over random units, quadrature in x, sums over samples, finite differences: by hand, without the
functions that the derivations share.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from ntkfreq import symbolic
from ntkfreq.symbolic import TIME, XI
from ntkfreq.symbolic.notation import GAMMA_A, GAMMA_W, SIGMA_A

SIGMA, STD, T = 0.7, 1.3, 0.6
RATES = {GAMMA_A: 0.3, GAMMA_W: 0.2}
X = np.linspace(-12, 12, 1201)
DX = X[1] - X[0]
FREQUENCIES = np.array([-2.1, -0.4, 0.0, 0.9, 1.7, 3.2])


def density(w, std=STD):
    return np.exp(-0.5 * (w / std) ** 2) / (np.sqrt(2 * np.pi) * std)


def symbolic_density(w):
    return sp.exp(-((w / STD) ** 2) / 2) / (sp.sqrt(2 * sp.pi) * STD)


def kernel(z, std=STD):
    return np.exp(-0.5 * (std * z) ** 2)


def error_in_space(x):
    """A Gaussian that is neither even nor odd; its transform is `error_in_frequency`."""
    return np.exp(-0.5 * (x - 0.4) ** 2)


def error_in_frequency(xi):
    return sp.sqrt(2 * sp.pi) * sp.exp(-(xi**2) / 2 - sp.Rational(2, 5) * sp.I * xi)


def transform(values, xi=FREQUENCIES):
    """Trapezoidal sum, which is exact to rounding for what decays before the ends."""
    return DX * np.exp(-1j * np.outer(xi, X)) @ values


def put(expression, fields, numbers=None):
    """Replace functions by concrete ones, carry everything out, and insert numbers."""
    for name, concrete in fields.items():
        expression = expression.replace(sp.Function(name), concrete)
        # The densities are declared real, which makes another function of the same name.
        expression = expression.replace(sp.Function(name, real=True), concrete)
    values = {SIGMA_A: SIGMA, TIME: T, **RATES, **(numbers or {})}
    return expression.doit().subs(values)


def evaluated(expression, fields, at=FREQUENCIES, symbol=XI):
    """Values of an expression at frequencies."""
    concrete = put(expression, fields)
    return np.array([complex(concrete.subs(symbol, float(xi)).evalf()) for xi in at])


def last(steps, index=-1):
    return steps[index].expression.rhs


def test_kernel_against_sampled_gradients():
    """The mean over many random units of the product of their gradients, by finite differences."""
    rng = np.random.default_rng(0)
    size, here, there = 400_000, 0.8, -0.5
    a, b = SIGMA * rng.standard_normal((2, size))
    w = STD * rng.standard_normal(size)

    def unit(a, b, w, x):
        return a * np.cos(w * x) + b * np.sin(w * x)

    products, h = np.zeros(size), 1e-5
    for j in range(3):
        step = [h * (i == j) for i in range(3)]
        slopes = [
            (
                unit(a + step[0], b + step[1], w + step[2], x)
                - unit(a - step[0], b - step[1], w - step[2], x)
            )
            / (2 * h)
            for x in (here, there)
        ]
        products += slopes[0] * slopes[1]
    shown = put(last(symbolic.tangent_kernel()), {"k": lambda z: sp.exp(-((STD * z) ** 2) / 2)})
    places = dict(zip(sp.symbols("x x'", real=True), (here, there), strict=True))
    expected = float(shown.subs(places))
    deviation = products.std() / np.sqrt(size)
    assert products.mean() == pytest.approx(expected, abs=4 * deviation)
    assert 4 * deviation < 0.02 * abs(expected)


def test_gradients_displayed_for_one_unit():
    """The two products of gradients, with the unit put in and averaged by quadrature."""
    unit, outer, inner = (step.expression for step in symbolic.tangent_kernel()[:3])
    field = {"h": sp.Lambda(unit.lhs.args, unit.rhs)}
    points = dict(
        zip(sp.symbols("x x' w a b", real=True), (0.8, -0.5, 1.1, 0.3, -0.9), strict=True)
    )
    free = {
        symbol: points.get(sp.Symbol(symbol.name, real=True), symbol)
        for symbol in outer.free_symbols | inner.free_symbols | unit.free_symbols
    }
    assert float(put(outer.lhs, field).subs(free)) == pytest.approx(float(outer.rhs.subs(free)))
    (product,) = inner.lhs.args
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    product = put(product, field)
    a, b = (next(s for s in unit.free_symbols if s.name == name) for name in "ab")
    rest = {symbol: value for symbol, value in free.items() if symbol not in (a, b)}
    mean = sum(
        p * q * float(product.subs({a: SIGMA * u, b: SIGMA * v}).subs(rest)) / (2 * np.pi)
        for u, p in zip(nodes, weights, strict=True)
        for v, q in zip(nodes, weights, strict=True)
    )
    assert mean == pytest.approx(float(put(inner.rhs, {}).subs(rest)))


def test_heat_equation_against_quadrature():
    gram = (1 + SIGMA**2 * np.outer(X, X)) * kernel(X[:, None] - X)
    expected = transform(-DX * gram @ error_in_space(X))
    steps = symbolic.heat_equation()
    fields = {"rho_w": symbolic_density, "vhat": lambda xi, t: error_in_frequency(xi)}
    shown = evaluated(last(steps, -2), fields)
    np.testing.assert_allclose(shown, expected, atol=1e-12)
    # The forms in between, at a frequency and a place.
    numbers = {XI: 0.7, sp.Symbol("x", real=True): -0.3}
    by_parts = steps[4].expression
    left, right = (complex(put(side, fields, numbers).evalf()) for side in by_parts.args)
    assert left == pytest.approx(right)


def test_energy_for_a_concrete_field():
    """The rate displayed is the derivative of the square along the flow, for any real field."""
    fields = {"rho_w": symbolic_density, "ehat": lambda xi, t: sp.exp(-(xi**2)) * sp.cos(3 * xi)}
    steps = symbolic.heat_equation()
    motion = evaluated(last(steps, -2).replace(sp.Function("vhat"), sp.Function("ehat")), fields)
    value = evaluated(sp.Function("ehat")(XI, TIME), fields)
    np.testing.assert_allclose(evaluated(last(steps), fields), 2 * value * motion, rtol=1e-12)


SPACING = 0.9
SAMPLES = SPACING * np.arange(-14, 15)


def on_lattice(expression):
    """Numbers for the spacing, and enough aliases in place of infinitely many."""
    expression = expression.subs(sp.Symbol("Delta", positive=True), SPACING)
    return expression.replace(
        lambda part: isinstance(part, sp.Sum),
        lambda part: sum(part.function.subs(part.variables[0], n) for n in range(-4, 5)),
    )


def data_spectrum(xi):
    """By definition: the sum over samples."""
    values = SPACING * error_in_space(SAMPLES)
    terms = (v * sp.exp(-sp.I * x * xi) for v, x in zip(values, SAMPLES, strict=True))
    return sp.Add(*terms)


def test_folded_equation_against_samples():
    gram = (1 + SIGMA**2 * np.outer(SAMPLES, SAMPLES)) * kernel(SAMPLES[:, None] - SAMPLES)
    moved = -SPACING * gram @ error_in_space(SAMPLES)
    expected = SPACING * np.exp(-1j * np.outer(FREQUENCIES, SAMPLES)) @ moved
    *_, folded, equation_ = symbolic.folding()
    fields = {
        "rho_fold": lambda xi: on_lattice(folded.expression.rhs).subs(XI, xi),
        "rho_w": symbolic_density,
        "vhat": lambda xi, t: data_spectrum(xi),
    }
    shown = evaluated(equation_.expression.rhs, fields)
    np.testing.assert_allclose(shown, expected, atol=1e-10)


def test_spectrum_of_samples_is_a_sum_over_aliases():
    step = symbolic.folding()[3].expression
    fields = {"ehat": lambda xi, t: error_in_frequency(xi)}
    shown = evaluated(on_lattice(step.rhs), fields)
    expected = SPACING * np.exp(-1j * np.outer(FREQUENCIES, SAMPLES)) @ error_in_space(SAMPLES)
    np.testing.assert_allclose(shown, expected, atol=1e-12)


def test_handover_against_samples():
    """The change anywhere, from an error at the samples that decays like e^{-t}."""
    gram = (1 + SIGMA**2 * np.outer(X, SAMPLES)) * kernel(X[:, None] - SAMPLES)
    moved = -SPACING * gram @ error_in_space(SAMPLES) * (1 - np.exp(-T))
    total = sp.Function("vhat")(XI, TIME) * (1 - sp.exp(-TIME))
    shown = last(symbolic.alias_handover(), 0).replace(
        lambda part: isinstance(part, sp.Integral), lambda part: total
    )
    fields = {
        "rho_w": symbolic_density,
        "vhat": lambda xi, t: data_spectrum(xi),
        "ehat": lambda xi, t: sp.S.Zero,
    }
    shown = evaluated(shown, fields)
    np.testing.assert_allclose(shown, transform(moved), atol=1e-10)


def test_shares_of_a_pure_tone():
    """Tone at 8, spacing 0.6, N(0, 9): shares computed by hand, and the energy they leave."""
    period = 2 * np.pi / 0.6
    aliases = 8 + period * np.arange(-6, 7)
    hand = density(aliases, 3.0) / density(aliases, 3.0).sum()
    assert hand[6] == pytest.approx(0.03856, abs=1e-5)
    step = symbolic.alias_handover()[3].expression
    n, spacing = sp.Symbol("n", integer=True), sp.Symbol("Delta", positive=True)
    share = step.rhs.subs(spacing, 0.6).replace(
        lambda part: isinstance(part, sp.Sum), lambda part: sp.Integer(1)
    )
    fields = {
        "rho_w": lambda w: sp.exp(-(w**2) / 18),
        "rho_fold": lambda xi: sum(sp.exp(-((xi + period * j) ** 2) / 18) for j in range(-9, 10)),
    }
    shown = [float(put(share, fields).subs({XI: 8.0, n: j})) for j in range(-6, 7)]
    np.testing.assert_allclose(shown, hand, rtol=1e-9)
    energy = symbolic.alias_handover()[5].expression.rhs
    s = sp.IndexedBase("s")
    total = energy.replace(
        lambda part: isinstance(part, sp.Sum), lambda part: sp.Float((hand**2).sum())
    ).subs(s[0], hand[6])
    assert float(total) == pytest.approx((1 - hand[6]) ** 2 + (np.delete(hand, 6) ** 2).sum())


def test_shares_for_a_concrete_field():
    """A data spectrum for which SymPy does the time integrals: both sides as numbers."""
    product, first, second, whole, folded, result = (s.expression for s in symbolic.shares())
    # Exact numbers keep SymPy's integrals short.
    rate = {GAMMA_A: sp.Rational(3, 10)}
    spectrum = {"vhat": lambda xi, t: sp.cos(xi) * sp.exp(-2 * t) + xi * sp.exp(-t / 2)}
    fold = {"rho_fold": lambda xi: 2 + sp.cos(2 * xi), "rho_w": symbolic_density}
    share = {"s": lambda xi: symbolic_density(xi) / fold["rho_fold"](xi)}
    integrals = {
        name: sp.Lambda((XI, TIME), eq.rhs.subs(rate).replace(sp.Function("vhat"), v).doit())
        for v in spectrum.values()
        for name, eq in (("I_0", first), ("I_2", second))
    }
    fields = {**fold, **share, **integrals}
    np.testing.assert_allclose(*(evaluated(side, fields) for side in product.args), atol=1e-13)
    f_hat, F = sp.Function("fhat"), sp.Function("F")
    change = evaluated(whole.rhs.subs(f_hat(XI, 0), 0), fields)
    shared = result.rhs.subs(F(XI, 0), 0).subs(F(XI, TIME), folded.rhs)
    np.testing.assert_allclose(evaluated(shared, fields), change, atol=1e-12)
    # The term that the shares alone would miss is not small.
    alone = evaluated(share["s"](XI) * folded.rhs, fields)
    assert np.abs(change - alone).max() > 0.05 * np.abs(change).max()
    # The output obeys the equation with decay: its rate by a difference in time.
    solved, step = whole.rhs.subs(f_hat(XI, 0), sp.sin(XI)), 1e-5
    later, sooner = (evaluated(put(solved, fields, {TIME: T + d}), {}) for d in (step, -step))
    right = last(symbolic.weight_decay()).subs(GAMMA_W, 0)
    right = right.subs(sp.Function("rho_t")(XI, TIME), sp.Function("rho_w")(XI))
    driven = evaluated(right, {**fields, **spectrum, "fhat": lambda xi, t: sp.S.Zero})
    expected = driven - RATES[GAMMA_A] * evaluated(solved, fields)
    np.testing.assert_allclose((later - sooner) / (2 * step), expected, atol=1e-8)


def test_unit_decay_against_finite_differences():
    """Decay of its weights moves a hidden unit by -gamma_a h - gamma_w x h'."""
    a, b, w, x, h = 0.7, -0.4, 1.9, 0.8, 1e-6
    outer, inner = RATES.values()

    def unit(time, x):
        damp = np.exp(-outer * time)
        return damp * (
            a * np.cos(w * np.exp(-inner * time) * x) + b * np.sin(w * np.exp(-inner * time) * x)
        )

    rate = (unit(h, x) - unit(-h, x)) / (2 * h)
    slope = (unit(0, x + h) - unit(0, x - h)) / (2 * h)
    shown = symbolic.weight_decay()[0].expression.rhs.replace(
        lambda part: isinstance(part, sp.Integral), lambda part: sp.S.Zero
    )
    place = sp.Symbol("x", real=True)
    output, derivative = sp.symbols("output derivative")
    field = sp.Function("f")(place, TIME)
    shown = shown.subs(sp.Derivative(field, place), derivative).subs(field, output)
    value = shown.subs({output: unit(0, x), derivative: slope, place: x, **RATES})
    assert float(value) == pytest.approx(rate, rel=1e-8)


def late_gram(inner):
    """The kernel at time T between all x, by hand; `inner` is the decay rate of the density."""
    std, outer = STD * np.exp(-inner * T), RATES[GAMMA_A]
    still = kernel(X[:, None] - X, std)
    return still, SIGMA**2 * np.exp(-2 * outer * T) * np.outer(X, X) * still


def output_in_space(x):
    return np.exp(-0.5 * (x + 0.7) ** 2)


def output_in_frequency(xi, t=None):
    return sp.sqrt(2 * sp.pi) * sp.exp(-(xi**2) / 2 + sp.Rational(7, 10) * sp.I * xi)


def contracted_density(xi, t=T):
    return symbolic_density(xi * sp.exp(GAMMA_W * t)) * sp.exp(GAMMA_W * t)


def test_decay_against_quadrature():
    """The rate of the output at time T, written down in x and transformed."""
    outer, inner = RATES[GAMMA_A], RATES[GAMMA_W]
    f = output_in_space(X)
    rate = -DX * sum(late_gram(inner)) @ error_in_space(X) - outer * f
    rate += inner * X * (X + 0.7) * f
    fields = {
        "rho_t": contracted_density,
        "vhat": lambda xi, t: error_in_frequency(xi),
        "fhat": output_in_frequency,
    }
    shown = evaluated(last(symbolic.weight_decay()), fields)
    np.testing.assert_allclose(shown, transform(rate), atol=1e-11)


def test_two_fields_against_quadrature():
    outer, inner = RATES[GAMMA_A], RATES[GAMMA_W]
    still, moving = late_gram(0.0)
    first, second = output_in_space(X), 2 * output_in_space(X - 0.3)
    rates = (
        -DX * still @ error_in_space(X) - outer * first,
        -DX * moving @ error_in_space(X) - (outer + inner) * second,
    )
    fields = {
        "rho_w": symbolic_density,
        "vhat": lambda xi, t: error_in_frequency(xi),
        "fhat_1": output_in_frequency,
        "fhat_2": lambda xi, t: 2 * output_in_frequency(xi) * sp.exp(-sp.I * xi * 3 / 10),
    }
    for rate, step in zip(rates, symbolic.decay_to_start()[-3:-1], strict=True):
        shown = evaluated(step.expression.rhs, fields)
        np.testing.assert_allclose(shown, transform(rate), atol=1e-11)


def test_moving_frequency_for_a_concrete_field():
    """Rate minus right-hand side agree at rest and in motion, for fields that solve neither."""
    at_rest = symbolic.weight_decay()[-1].expression
    output, target, error, chain, moved = (s.expression for s in symbolic.moving_frequency())
    zeta = sp.Symbol("zeta", real=True)
    fields = {
        "fhat": lambda xi, t: sp.exp(-(xi**2) / 3 - t) * (1 + t * xi),
        "yhat": lambda xi: sp.exp(-(xi**2) / 2) * sp.cos(xi),
        "rho_w": symbolic_density,
        "rho_t": lambda xi, t: contracted_density(xi, t),
    }
    fields["vhat"] = lambda xi, t: fields["fhat"](xi, t) - fields["yhat"](xi)
    new = {}
    for name, definition in (("F", output), ("Y", target)):
        value = definition.rhs.replace(sp.Function("fhat"), fields["fhat"])
        new[name] = sp.Lambda((zeta, TIME), value.replace(sp.Function("yhat"), fields["yhat"]))
    new["E"] = lambda z, t: new["F"](z, t) - new["Y"](z, t)
    assert put(error.lhs - error.rhs, new) == 0
    left_over = evaluated(moved.lhs - moved.rhs, {**fields, **new}, FREQUENCIES, zeta)
    zoom = np.exp(-RATES[GAMMA_W] * T)
    expected = zoom * evaluated(at_rest.lhs - at_rest.rhs, fields, zoom * FREQUENCIES)
    np.testing.assert_allclose(left_over, expected, atol=1e-13)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(
        evaluated(chain.lhs, {**fields, **new}, FREQUENCIES, zeta),
        evaluated(chain.rhs, {**fields, **new}, FREQUENCIES, zeta),
        atol=1e-13,
    )
