"""The two densities of a deep network: kernels, masses, mixtures, draws, pictures."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import integrate

from ntkfreq import (
    Density,
    Empirical,
    Laplace,
    Mixture,
    Normal,
    Points,
    StudentT,
    deep_density,
    gram_flow,
    ntk_gram,
    plotting,
    solve_frequency_pde,
)
from ntkfreq.numerics.quadrature import panel_rule
from ntkfreq.problem.layers import HiddenLayers, sums
from ntkfreq.problem.layers.compound import CompoundDensity, compound

RHO = Normal(scale=3.0)
X = np.random.default_rng(0).uniform(-1, 1, 20)
Z = np.array([0.0, 1e-3, 0.05, 0.3, 1.0, 20.0])
TWO = Mixture([Normal(scale=2.0), Normal(scale=6.0)], [0.3, 0.7])


@pytest.mark.parametrize("density", [RHO, Laplace(scale=2.0), Empirical([1.0, 4.0])])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sine", np.tanh])
def test_kernels_are_functions_of_that_of_the_features(activation, density):
    options = {"sigma_a": 0.7, "sigma_w": 1.2, "sigma_b": 0.3}
    damping, diffusivity = deep_density(density, 2, activation, **options)
    expected = HiddenLayers(2, activation, 1.2, 0.3, 0.7).kernel_values(density.kernel(Z))
    # At z = 0 the kernel of atoms is 1 up to rounding, which the kink of the rectifier amplifies.
    np.testing.assert_allclose(damping.kernel(Z), expected[0], rtol=0, atol=1e-7)
    np.testing.assert_allclose(diffusivity.kernel(Z), expected[1], rtol=0, atol=1e-7)
    assert damping.kernel([0.0])[0] == pytest.approx(damping.mass, rel=1e-15)
    assert diffusivity.kernel([0.0])[0] == pytest.approx(diffusivity.mass, rel=1e-15)
    assert diffusivity.atom == 0
    assert 0 < damping.atom == pytest.approx(damping.coefficients(1)[0])
    assert damping.error < 1e-13
    x = X[:, None]
    gram = damping.kernel_between(x, x) + x @ x.T * diffusivity.kernel_between(x, x)
    found = ntk_gram(density, X, depth=2, activation=activation, **options)
    np.testing.assert_allclose(gram, found, rtol=0, atol=1e-7)


def test_without_hidden_layers_it_is_the_density_itself():
    damping, diffusivity = deep_density(RHO, 0, sigma_a=0.5)
    assert (damping.mass, damping.atom, diffusivity.mass) == (1.0, 0.0, 0.25)
    np.testing.assert_allclose(damping.kernel(Z), RHO.kernel(Z), atol=1e-16)
    np.testing.assert_allclose(damping.pdf(Z), RHO.pdf(Z), rtol=1e-14)
    np.testing.assert_allclose(diffusivity.pdf(Z), 0.25 * RHO.pdf(Z), rtol=1e-14)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("activation", ["tanh", "sine"])
def test_a_hundred_normal_densities_make_the_matrix(activation, depth, trained):
    options = {"activation": activation, "train_frequencies": trained}
    damping, diffusivity = deep_density(Normal(scale=10.0), depth, **options)
    z = X[:, None] - X
    mass, mixture = damping.mixture(100)
    assert len(mixture.components) <= 100
    gram = damping.atom + mass * mixture.kernel(z.ravel()).reshape(z.shape)
    if trained:
        mass, mixture = diffusivity.mixture(100)
        gram += np.outer(X, X) * mass * mixture.kernel(z.ravel()).reshape(z.shape)
    exact = ntk_gram(Normal(scale=10.0), X, depth=depth, **options)
    assert np.linalg.norm(gram - exact) < 1e-6 * np.linalg.norm(exact)


MIXED = {
    "two": TWO,
    "off centre": Normal(loc=4.0, scale=2.0),
    "both": Mixture([Normal(loc=-3.0), Normal(scale=5.0)], [0.4, 0.6]),
    "plane": Mixture([Normal(scale=2.0, dim=2), Normal(loc=(1.0, 3.0), scale=4.0, dim=2)]),
}


@pytest.mark.parametrize("name", MIXED)
def test_sums_of_draws_from_mixtures(name):
    density = MIXED[name]
    rho = deep_density(density, 1, "sine").damping
    mass, mixture = rho.mixture(20)
    z = np.random.default_rng(1).uniform(-1, 1, (30, density.dim))
    found = rho.atom + mass * mixture.kernel(z)
    # Behind one layer of sines the coefficients of n = 20 are 1e-18.
    np.testing.assert_allclose(found, rho.kernel(z), rtol=0, atol=1e-11)
    assert mass == pytest.approx(rho.mass - rho.atom, rel=1e-11)


def test_terms_that_are_cut_are_missing_of_the_rectifier():
    rho = deep_density(RHO, 2).damping
    mass, mixture = rho.mixture(100)
    missing = rho.mass - rho.atom - mass
    assert 0.02 < missing / rho.mass < 0.04
    assert missing == pytest.approx(rho.mass - rho.coefficients(101).sum())
    gap = rho.kernel(Z) - rho.atom - mass * mixture.kernel(Z)
    assert gap[0] == pytest.approx(missing)
    assert np.all(gap > -1e-13)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_pdf_is_the_transform_of_the_kernel(activation, part):
    rho = tuple(deep_density(RHO, 2, activation))[part]
    frequencies = np.array([0.5, 5.0, 20.0, 60.0])
    assert isinstance(rho.rest, Density)
    for xi, found in zip(frequencies, rho.pdf(frequencies), strict=True):
        value = integrate.quad(
            lambda z: float(rho.kernel_values(np.array([[z]]))[0]) - rho.atom,
            0, 8, weight="cos", wvar=xi, epsabs=1e-11, limit=500,
        )[0] / np.pi  # fmt: skip
        # The law beyond the terms that are added one by one is good to some 1e-6 of the mass.
        assert found == pytest.approx(value, abs=2e-7)


def test_tail_of_the_rectifier():
    """The kink -|z| s sum c_n sqrt(n)... of the kernel is that of Cauchy's law: 1 / xi^2."""
    rho = deep_density(RHO, 1).damping
    far = np.array([3e2, 3e3, 3e4])
    np.testing.assert_allclose(rho.pdf(10 * far) / rho.pdf(far), 0.01, rtol=0.01)
    # F = S_1 + (1 + k) Sdot_1, whose root is -2 sqrt(2 (1 - k)) / pi = -2 s |z| / pi.
    np.testing.assert_allclose(rho.pdf(far) * far**2, 2 * 3.0 / np.pi**2, rtol=0.01)


def test_derivative_of_the_pdf():
    rest = deep_density(Normal(scale=3.0, dim=2), 2, "tanh").damping.rest
    w, h = np.random.default_rng(2).normal(0, 5, (9, 2)), 1e-4
    found = rest.value_and_gradient(w)
    np.testing.assert_allclose(found[0], rest.pdf(w), rtol=1e-15)
    for axis, step in enumerate(h * np.eye(2)):
        difference = (rest.pdf(w + step) - rest.pdf(w - step)) / (2 * h)
        np.testing.assert_allclose(found[1 + axis], difference, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        rest.log_profile(np.linalg.norm(w, axis=1)), np.log(rest.pdf(w)), rtol=1e-12
    )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("dim", [1, 2])
def test_draws_have_the_kernel_and_the_radii(activation, dim):
    rest = deep_density(Normal(scale=3.0, dim=dim), 2, activation).damping.rest
    w = rest.sample(200_000, rng=0)
    z = np.zeros((4, dim))
    z[:, 0] = [0.02, 0.1, 0.3, 1.0]
    waves = np.cos(w @ z.T)
    # Five standard errors.
    np.testing.assert_allclose(waves.mean(axis=0), rest.kernel(z), rtol=0, atol=5 * 450**-1)
    sizes = np.linalg.norm(w, axis=1)
    for tail in (0.5, 0.05, 0.001):
        assert np.mean(sizes > rest.radius(tail)) == pytest.approx(
            tail, rel=5 / (2e5 * tail) ** 0.5
        )


@pytest.mark.parametrize("density", [RHO, TWO, Laplace(scale=2.0), StudentT(1.0), Empirical([2.0])])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_radii_are_bounds_for_any_density(activation, density):
    """Against sums of draws, as many as a share of the series says."""
    rest = CompoundDensity(density, HiddenLayers(2, activation), 0)
    rng = np.random.default_rng(0)
    shares = np.append(rest.shares, rest.beyond)
    counts = rng.choice(np.arange(1, len(shares) + 1), 4000, p=shares / shares.sum())
    steps = density.sample(int(counts.sum()), rng)[:, 0] * rng.choice([-1, 1], counts.sum())
    sizes = np.abs(np.add.reduceat(steps, np.cumsum(counts) - counts))
    radii = [rest.radius(tail) for tail in (0.5, 0.1, 0.01, 1e-6, 1e-10)]
    assert np.all(np.diff(radii) > 0)
    for tail, radius in zip((0.5, 0.1, 0.01), radii, strict=False):
        assert np.mean(sizes > radius) < tail


def test_what_is_left_beside_the_atom_is_a_density_for_the_solver():
    """On points, with the mass as a factor of time, and frozen frequencies."""
    rho = deep_density(RHO, 2, "tanh", train_frequencies=False).damping
    y, t = np.sin(4 * X), np.array([0.0, 1.0, 10.0])
    weight = rho.mass - rho.atom
    solution = solve_frequency_pde(
        rho.rest, (X, y), measure=Points(X), sigma_a=0.0, t=t * weight, rtol=1e-8
    )
    matrix = rho.kernel((X[:, None] - X).ravel()).reshape(20, 20) - rho.atom
    expected = y + gram_flow(matrix, -y, t)
    np.testing.assert_allclose(solution.output(X), expected, rtol=0, atol=1e-6)


def test_densities_are_pickled_and_shown():
    rho = deep_density(RHO, 2).damping
    copied = pickle.loads(pickle.dumps(rho))
    np.testing.assert_array_equal(copied.kernel(Z), rho.kernel(Z))
    assert repr(rho) == (
        "LayeredDensity(base=Normal(loc=0.0, scale=3.0, dim=1), depth=2, activation='relu', "
        "mass=5, atom=1.59)"
    )
    assert "activation=tanh" in repr(deep_density(RHO, 2, np.tanh).damping)


def test_picture_has_a_curve_for_each_depth():
    first, *others = (deep_density(RHO, depth, "tanh") for depth in (0, 1, 5))
    ax = first.plot(others)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["drawn frequencies", "no hidden layer"]
    assert labels[2].startswith("1 hidden layer, tanh; atom 0.93")
    assert labels[3].startswith("5 hidden layers, tanh; atom 4")
    drawn, none, *deep = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(none, drawn, rtol=1e-12)
    # Hidden layers add frequencies.
    assert np.all(deep[0] > none)
    assert np.all(deep[1] > deep[0])
    plane = plotting.plot_deep_density(deep_density(Normal(scale=3.0, dim=2), 1))
    assert plane.get_ylabel() == "density in (unit of x per rad)$^2$"


def test_many_parts(monkeypatch):
    monkeypatch.setattr(sums, "MOST_PARTS", 50)
    with pytest.raises(ValueError, match=r"terms=30 of LayeredDensity.* make too many normal den"):
        deep_density(TWO, 2, "tanh").damping.mixture(30)


REFUSED = {
    "density": (lambda: deep_density("normal", 1), TypeError, "rho_w='normal' is no density"),
    "depth": (lambda: deep_density(RHO, -1), ValueError, "depth=-1 must be at least 0"),
    "activation": (
        lambda: deep_density(RHO, 1, "gelu"), ValueError,
        "activation='gelu' must be one of 'relu', 'tanh', 'sine', or a function of an array",
    ),
    "sigma_b": (
        lambda: deep_density(RHO, 1, sigma_b=-1.0), ValueError, "sigma_b=-1.0 must not be negative",
    ),
    "pdf": (
        lambda: deep_density(Laplace(), 1).damping.pdf([1.0]), ValueError,
        "rho_w=Laplace.* has sums of draws without a formula .*use mixture",
    ),
    "mixture": (
        lambda: deep_density(Laplace(), 1).damping.mixture(), ValueError,
        "rho_w=Laplace.* is no normal density, nor a mixture of some.*use kernel",
    ),
    "half": (
        lambda: deep_density(Mixture([RHO, Laplace()]), 1).damping.mixture(), ValueError,
        "is no normal density, nor a mixture of some",
    ),
    "terms": (
        lambda: deep_density(RHO, 1).damping.mixture(0), ValueError, "terms=0 must be at least 1",
    ),
    "no diffusion": (
        lambda: deep_density(RHO, 1, train_frequencies=False).diffusivity.mixture(), ValueError,
        "terms=100 of LayeredDensity.*mass=0.* make no mass; give other layers",
    ),
    "no rest": (
        lambda: deep_density(RHO, 2, sigma_w=0.0, sigma_b=1.0).damping.pdf([1.0]), ValueError,
        "LayeredDensity.* has no mass but its atom; make sigma_w positive",
    ),
    "draws": (
        lambda: compound(Laplace(), HiddenLayers(1), 0).sample(3), TypeError,
        "rho_w=Laplace.* behind hidden layers is known by its kernel alone",
    ),
    "nothing": (
        lambda: plotting.plot_deep_density([]), TypeError,
        r"deep=\[\] must be what deep_density returns, or a list of such",
    ),
    "no density": (
        lambda: plotting.plot_deep_density([RHO]), TypeError, "must be what deep_density returns",
    ),
    "axes": (lambda: deep_density(RHO, 1).plot(ax=3), TypeError, "ax=3 must be one matplotlib"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_many_values_of_a_pdf_are_interpolated():
    """In all decades, to rounding of the logarithm of numbers down to 1e-270."""
    for activation in ("relu", "tanh"):
        density = compound(Normal(scale=3.0), HiddenLayers(3, activation), 0)
        w = np.concatenate([np.linspace(0.0, 100.0, 1001), np.geomspace(100.0, 1e20, 500)])
        single = np.concatenate([density.pdf(part) for part in np.array_split(w, 20)])
        seen = (single > 1e-200) & (w < 1e14)
        assert density.pdf(w)[seen] == pytest.approx(single[seen], rel=1e-11)
        assert np.all(np.diff(density.pdf(w)) <= 0)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("part", [0, 1])
def test_pdf_of_rectifiers_is_the_transform_of_their_kernel(depth, part):
    """Far out as well, where it is the sum of a series of which thousands of terms are left."""
    density = compound(Normal(scale=2.5), HiddenLayers(depth, "relu"), part)
    z, weights = panel_rule(np.linspace(0.0, 4.0, 201))
    xi = np.array([0.0, 5.0, 15.0, 50.0, 150.0])
    expected = np.cos(np.outer(xi, z)) @ (weights * density.kernel(z)) / np.pi
    # A power law of one term is off by 1e-8.
    assert density.pdf(xi) == pytest.approx(expected, abs=1e-11)
