"""Kernel products without a matrix against the dense product, method by method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator, eigsh

from ntkfreq import (
    Empirical,
    Laplace,
    Mixture,
    Normal,
    StudentT,
    Uniform,
    as_density,
    ntk_gram,
    ntk_operator,
)
from ntkfreq.ntk import products
from ntkfreq.ntk.features.equispaced import equispaced_nodes
from ntkfreq.ntk.series import KernelSeries, SeriesProduct, series_of
from ntkfreq.ntk.toeplitz import find_lattice
from validation.reference.kernels import KERNELS, gram

TENT = as_density(lambda w: 1 - np.abs(w), support=(-1, 1), kinks=(0,))
LINE = {
    "normal": Normal(scale=10.0),
    "narrow": Normal(scale=1e-3),
    "wide": Normal(scale=2000.0),
    "off centre": Normal(loc=20.0, scale=2.0),
    "uniform": Uniform(scale=10.0),
    "laplace": Laplace(loc=-3.0, scale=10.0),
    "student 4": StudentT(4.0, scale=3.0),
    "plain pdf": TENT,
    "atoms": Empirical(10 * np.random.default_rng(1).standard_normal(300)),
    "mixture": Mixture([Normal(scale=2.0), Uniform(scale=30.0)], [0.3, 0.7]),
    "with a heavy part": Mixture([Normal(scale=2.0), StudentT(1.0, scale=3.0)]),
}
MORE = {
    "normal 2": Normal(scale=6.0, dim=2),
    "laplace 2": Laplace(scale=0.5, dim=2),
    "off centre 2": Normal(loc=(5.0, 2.0), scale=2.0, dim=2),
    "normal 3": Normal(scale=3.0, dim=3),
    "atoms 3": Empirical(np.random.default_rng(1).standard_normal((300, 3))),
}


def scattered(dim, count=400):
    """Points on a box of unequal sides, away from the origin."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, dim)) * np.array([1.0, 0.5, 0.7])[:dim] + 0.2


def assert_products(operator, density, x, sigma_a, tolerance):
    """Each column of K, found by products with unit vectors, relative to 1 + sigma^2 |x| |x'|."""
    expected = ntk_gram(density, x, sigma_a=sigma_a)
    size = np.linalg.norm(x, axis=1)
    error = np.abs(operator @ np.eye(len(x)) - expected) / (1 + sigma_a**2 * np.outer(size, size))
    # The series is summed up in its real part, the linear terms have errors of their own.
    assert error.max() < 2 * tolerance
    np.testing.assert_array_equal(operator.to_dense(), expected)
    np.testing.assert_allclose(operator.diagonal(), np.diag(expected), rtol=1e-10)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-10])
@pytest.mark.parametrize("name", [*LINE, *MORE])
def test_scattered_points(name, tolerance):
    density = (LINE | MORE)[name]
    x = scattered(density.dim)
    operator = ntk_operator(density, x, sigma_a=0.7, tolerance=tolerance, method="nufft")
    names = {"with a heavy part": "states+nufft", "atoms 3": "features"}
    assert operator.method == names.get(name, "nufft")
    assert operator.kernel_error <= tolerance
    assert_products(operator, density, x, 0.7, tolerance)


@pytest.mark.parametrize("df", [1.0, 3.0, 5.0, 7.0])
@pytest.mark.parametrize("loc", [0.0, 6.0])
def test_heavy_tails_by_recurrence_are_exact(df, loc):
    x = scattered(1)
    x[5] = x[7]  # twice the same point
    density = StudentT(df, loc=loc, scale=4.0)
    operator = ntk_operator(density, x, sigma_a=0.7, tolerance=1e-13, method="nufft")
    assert operator.method == "states"
    assert_products(operator, density, x, 0.7, 2e-14)


REGULAR = {
    "line": np.linspace(-1, 2, 301)[:, None],
    "shuffled with gaps": (0.3 + 0.01 * np.random.default_rng(0).permutation(700)[:300])[:, None],
    "image": np.stack(np.meshgrid(np.arange(20) / 10, np.arange(15) / 15), -1).reshape(-1, 2),
    "volume": np.stack(np.meshgrid(*[np.linspace(-1, 1, 6)] * 3), -1).reshape(-1, 3),
    "one line of a plane": np.column_stack([np.full(300, 0.4), np.linspace(0, 1, 300)]),
}


@pytest.mark.parametrize("where", REGULAR)
@pytest.mark.parametrize("family", ["normal", "uniform", "studentt1", "atoms"])
def test_regular_points_are_exact_for_any_density(where, family):
    x = REGULAR[where]
    dim = x.shape[1]
    density = {
        "normal": Normal(loc=2.0, scale=3.0, dim=dim),
        "uniform": Uniform(scale=3.0, dim=dim),
        "studentt1": StudentT(1.0, scale=3.0, dim=dim),
        "atoms": Empirical(np.random.default_rng(1).standard_normal((40, dim))),
    }[family]
    operator = ntk_operator(density, x, sigma_a=0.7, method="toeplitz")
    assert_products(operator, density, x, 0.7, 2e-14)


def test_masked_image_in_any_order():
    rng = np.random.default_rng(0)
    x = REGULAR["image"][rng.permutation(300)[:150]]
    density = Normal(scale=3.0, dim=2)
    assert_products(ntk_operator(density, x, method="toeplitz"), density, x, 1.0, 2e-14)


@pytest.mark.parametrize("method", ["dense", "blocks"])
def test_plain_methods(monkeypatch, method):
    x = scattered(2, 60)
    density = Laplace(scale=3.0, dim=2)
    monkeypatch.setattr(products, "_BLOCK", 7 * 60)
    assert_products(ntk_operator(density, x, sigma_a=0.7, method=method), density, x, 0.7, 1e-14)


@pytest.mark.parametrize("dim", [1, 4])
def test_atoms_are_their_own_features(dim):
    density = Empirical(np.random.default_rng(1).standard_normal((30, dim)))
    x = np.random.default_rng(0).uniform(-1, 1, (50, dim))
    assert_products(ntk_operator(density, x, method="features"), density, x, 1.0, 1e-13)


def test_kernel_is_that_of_the_formula():
    """No code shared: products against kernels written down in the tests."""
    rng = np.random.default_rng(0)
    x, v = rng.uniform(-1, 1, (3000, 1)), rng.standard_normal((3000, 3))
    for name, density in {
        "normal": Normal(scale=9.0), "uniform": Uniform(scale=9.0),
        "laplace": Laplace(scale=9.0), "studentt3": StudentT(3.0, scale=9.0),
    }.items():  # fmt: skip
        plain = gram(lambda z, name=name: KERNELS[name](z, 9.0), x, x, 0.6)
        operator = ntk_operator(density, x, sigma_a=0.6)
        assert operator.method == ("states" if name == "studentt3" else "nufft")
        np.testing.assert_allclose(operator.matvec(v), plain @ v, rtol=0, atol=3e-9)
        np.testing.assert_allclose(operator.matvec(v[:, 0]), plain @ v[:, 0], rtol=0, atol=3e-9)


def test_without_diffusion():
    x = scattered(1)
    assert_products(ntk_operator(LINE["normal"], x, sigma_a=0.0), LINE["normal"], x, 0.0, 1e-14)


def test_choice_of_the_method():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 2500)
    normal = Normal(scale=3.0)
    assert ntk_operator(normal, x[:500]).method == "dense"
    assert ntk_operator(normal, x).method == "nufft"
    assert ntk_operator(normal, np.linspace(-1, 1, 2500)).method == "toeplitz"
    plane = rng.uniform(-1, 1, (2500, 2))
    assert ntk_operator(Normal(scale=3.0, dim=2), plane).method == "nufft"
    # Too heavy a tail for frequencies in the plane, few enough points for a matrix.
    assert ntk_operator(StudentT(1.0, scale=3.0, dim=2), plane).method == "dense"
    far = Empirical(1e9 * rng.standard_normal(20))
    assert ntk_operator(far, x).method == "features"


def test_scipy_takes_the_operator():
    x = scattered(1)
    operator = ntk_operator(LINE["normal"], x, method="nufft")
    values = eigsh(operator, 3, return_eigenvectors=False)
    expected = np.linalg.eigvalsh(ntk_gram(LINE["normal"], x))[-3:]
    np.testing.assert_allclose(np.sort(values), expected, rtol=1e-8)
    wrapped = aslinearoperator(operator)
    v = np.ones((len(x), 2))
    np.testing.assert_allclose(wrapped.matmat(v), operator @ v, rtol=1e-13)
    np.testing.assert_allclose(wrapped.rmatvec(v[:, 0]), operator.matvec(v[:, 0]), rtol=1e-13)


def test_error_of_the_series_is_measured():
    """A coefficient off by 1e-6 shows as an error of that size."""
    x = scattered(1)
    nodes = equispaced_nodes(LINE["normal"], np.ptp(x, axis=0), 1e-10)
    assert nodes is not None
    good = series_of(nodes)
    error = products._measured(LINE["normal"], SeriesProduct(x, good, 1e-12), x)
    assert error < 1e-10
    bad = KernelSeries(good.step, good.coefficients.copy())
    bad.coefficients[len(bad.coefficients) // 2] += 1e-6
    error = products._measured(LINE["normal"], SeriesProduct(x, bad, 1e-12), x)
    assert error == pytest.approx(1e-6, rel=1e-3)


def test_lattices_are_told_from_what_is_none():
    rng = np.random.default_rng(0)
    assert find_lattice(rng.uniform(size=(50, 1))) is None
    line = np.linspace(0, 1, 50)[:, None]
    assert find_lattice(line + 1e-9 * rng.uniform(size=(50, 1))) is None
    assert find_lattice(1e3 + line).shape == (50,)
    assert find_lattice(np.array([[0.0], [1.0], [1000.0]])) is None  # nearly all cells empty
    assert find_lattice(np.zeros((4, 2))).shape == (1, 1)


LONG = np.random.default_rng(0).uniform(-1, 1, 20_000)
PLANE = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
REFUSED = {
    "dim": (lambda: ntk_operator(Normal(), PLANE), ValueError, "x holds points of dimension 2"),
    "sigma_a": (lambda: ntk_operator(Normal(), LONG, sigma_a=-1.0), ValueError, "sigma_a=-1.0"),
    "rho": (lambda: ntk_operator("normal", LONG), TypeError, "rho_w='normal' is no density"),
    "tolerance": (
        lambda: ntk_operator(Normal(), LONG, tolerance=1e-15), ValueError,
        "tolerance=1e-15 must lie between 1e-13",
    ),
    "negative tolerance": (
        lambda: ntk_operator(Normal(), LONG, tolerance=-1.0), ValueError, "tolerance=-1.0 must be",
    ),
    "method": (
        lambda: ntk_operator(Normal(), LONG, method="fast"), ValueError, "method='fast' must be",
    ),
    "no grid": (
        lambda: ntk_operator(Normal(), LONG, method="toeplitz"), ValueError,
        "method='toeplitz' needs points on a regular grid",
    ),
    "no atoms": (
        lambda: ntk_operator(Normal(), LONG, method="features"), ValueError,
        "method='features' is for Empirical densities, not Normal",
    ),
    "heavy": (
        lambda: ntk_operator(StudentT(1.0, dim=2), PLANE), ValueError,
        "tolerance=1e-10 takes too many frequencies for the tail of StudentT.*method='blocks'",
    ),
    "rounding": (
        lambda: ntk_operator(Normal(scale=1e5), LONG, tolerance=1e-13), ValueError,
        "tolerance=1e-13 is not met: the error of k is .*rounding of the largest phases",
    ),
    "high dimension": (
        lambda: ntk_operator(Normal(dim=4), np.tile(LONG[:, None], 4) ** [1, 2, 3, 4]), ValueError,
        "x has dimension 4, and non-uniform FFTs end at 3",
    ),
    "vector": (
        lambda: ntk_operator(Normal(), LONG[:9]) @ np.ones(8), ValueError,
        r"v has shape \(8,\); its first axis must be the 9 points",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_an_atom_at_zero_has_a_constant_kernel():
    x = np.random.default_rng(0).uniform(-1, 1, 2500)
    operator = ntk_operator(Empirical([0.0]), x, sigma_a=0.0)
    np.testing.assert_allclose(operator.matvec(np.ones(2500)), 2500.0)
