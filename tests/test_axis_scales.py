"""One scale an axis and products of densities: what they are, and what is refused."""

from __future__ import annotations

import copy
import pickle

import axis_scales as by_hand
import numpy as np
import pytest
from axis_scales import CASES
from scipy import stats

from ntkfreq import (
    Density,
    Laplace,
    Line,
    Mixture,
    Normal,
    Product,
    StudentT,
    Uniform,
    as_density,
    deep_density,
    ntk_gram,
    solve_frequency_pde,
)
from ntkfreq.pde.lattice.deep_aliases import damping_normals
from ntkfreq.problem.layers import HiddenLayers

X = np.random.default_rng(0).uniform(-1, 1, (20, 2))


@pytest.mark.parametrize("name", CASES)
def test_samples_have_the_kernel_and_stay_within_the_radius(name):
    density, kernel = CASES[name]
    z = np.random.default_rng(1).uniform(-1, 1, (40, 2))
    w = density.sample(40_000, rng=2)
    waves = np.cos(z @ w.T)
    # Six standard errors of a mean of 40000 draws.
    assert np.all(np.abs(density.kernel(z) - waves.mean(axis=1)) < 6 * waves.std(axis=1) / 200)
    np.testing.assert_allclose(density.kernel(z), kernel(z), atol=1e-14)
    far = np.linalg.norm(w, axis=1)
    for tail in (0.5, 0.1, 0.01):
        assert (far > density.radius(tail)).mean() <= tail + 6 * np.sqrt(tail / 40_000)


@pytest.mark.parametrize("name", CASES)
def test_pdf_and_slopes(name):
    density, _ = CASES[name]
    w = density.sample(50, rng=3)
    found = density.value_and_gradient(w)
    np.testing.assert_allclose(found[0], density.pdf(w))
    if density.factors is not None:
        parts = [part.pdf(w[:, axis]) for axis, part in enumerate(density.factors)]
        np.testing.assert_allclose(found[0], np.prod(parts, axis=0), rtol=1e-12)
    for axis, step in enumerate(1e-6 * np.eye(2)):
        slope = (density.pdf(w + step) - density.pdf(w - step)) / 2e-6
        # A difference of this step is off by rounding, 1e-16 / 1e-6 of the pdf.
        np.testing.assert_allclose(found[1 + axis], slope, rtol=1e-4, atol=1e-8 * found[0].max())


def test_deep_densities():
    density = Normal(scale=(4.0, 1.0))
    w = np.array([[1.0, 2.0], [8.0, 2.0], [0.0, 30.0]])
    for activation in ("relu", "tanh"):
        damping, _ = deep_density(density, 2, activation)
        round_one, _ = deep_density(Normal(dim=2), 2, activation)
        # A change of variables: the density of w is that of w over the scales, over their product.
        np.testing.assert_allclose(damping.pdf(w), round_one.pdf(w / [4.0, 1.0]) / 4, rtol=1e-10)
        normals = damping_normals(density, HiddenLayers(2, activation))
        np.testing.assert_allclose(damping.mass * normals.at(w), damping.pdf(w), rtol=1e-6)
    z = np.random.default_rng(7).uniform(-1, 1, (5, 2))
    for one in (density, Product([Normal(loc=2.0, scale=4.0), Normal()])):
        damping, _ = deep_density(one, 2, "tanh")
        mass, mixture = damping.mixture()
        gap = damping.kernel(z) - damping.atom - mass * mixture.kernel(z)
        assert np.abs(gap).max() < 1e-10
    rest = deep_density(density, 2).damping.rest
    far = np.linalg.norm(rest.sample(20_000, rng=8), axis=1)
    assert (far > rest.radius(0.1)).mean() < 0.1 + 6 * np.sqrt(0.1 / 20_000)
    assert not rest.isotropic


def test_what_a_scale_an_axis_is():
    density = Normal(scale=(10, 1))
    assert repr(density) == "Normal(loc=0.0, scale=(10.0, 1.0), dim=2)"
    assert density == Normal(scale=np.array([10.0, 1.0]), dim=2) != Normal(scale=(1, 10))
    assert Normal(scale=(3, 3)) == Normal(scale=3.0, dim=2)
    assert Normal(scale=[3.0]) == Normal(scale=3.0)
    assert not density.isotropic
    assert Normal(scale=(3, 3)).isotropic
    assert not StudentT(2.0, scale=(1, 2)).isotropic
    assert density.along(1) == Normal()
    assert density.widths == (10.0, 1.0)
    # The box of both axes, and the ball of the larger scale: whichever is smaller.
    assert density.radius(1e-9) <= Normal(scale=10.0, dim=2).radius(1e-9)
    assert Normal(scale=(10, *(1,) * 30)).radius(0.1) < 60
    for family in (Normal, Laplace, Uniform):
        assert family(scale=(3, 2, 1)).dim == 3


def test_what_a_product_is():
    density = Product([Normal(scale=10.0), Laplace()])
    assert (density.dim, density.even, density.isotropic) == (2, True, False)
    assert density == Product((Normal(scale=10.0), Laplace()))
    assert density != Product([Laplace(), Normal(scale=10.0)])
    assert pickle.loads(pickle.dumps(density)) == copy.deepcopy(density) == density
    assert "Normal(loc=0.0, scale=10.0, dim=1)" in repr(density)
    both = Product([Normal(scale=2.0), Normal(scale=2.0)])
    assert both.isotropic
    assert both.log_profile(np.array([1.0])) == Normal(scale=2.0, dim=2).log_profile(np.ones(1))
    assert not Product([Normal(scale=2.0), Normal()]).isotropic
    single = Product([StudentT(3.0, scale=2.0)])
    assert single.exponential.rate == StudentT(3.0, scale=2.0).exponential.rate
    assert single.landmarks() == StudentT(3.0, scale=2.0).landmarks()
    assert single.isotropic
    two = Mixture([Normal(loc=1.0), Normal(loc=-3.0)])
    assert Product([two, two]).modes.shape == (4, 2)
    assert Product([two] * 13).modes.shape == (2, 13)
    assert len(Product([two, two]).normal_parts) == 4
    assert Product([two] * 15).normal_parts is None
    assert Product([two, Laplace()]).normal_parts is None


def test_a_carrier_far_away_rounds_as_little_as_its_own_axis():
    for density in (
        Normal(loc=(1e9, 0.0), scale=(1.0, 1e-3)),
        Product([Normal(loc=1e9), Normal(scale=1e-3)]),
        Product([Normal(loc=1e9), Normal(loc=1.0, scale=1e-3)]),
    ):
        # Along the first axis the kernel has decayed after a few units of x, a phase of 1e9 each.
        assert 1e-8 < density.phase_rounding(1e6) < 1e-6
        x = np.array([[0.1, 0.0], [0.3, 500.0]])
        phases = 1e9 * np.array([0.1, 0.3], dtype=np.longdouble) + np.array([0, 500]) * (
            getattr(density, "loc", (0, 0))[1] if isinstance(density, Normal) else
            density.components[1].loc
        )  # fmt: skip
        want = np.cos(float(phases[1] - phases[0])) * np.exp(-0.5 * (0.2**2 + 0.5**2))
        assert density.kernel_between(x[:1], x[1:])[0, 0] == pytest.approx(want, abs=1e-7)


def test_uncorrelated_and_turned_normals_of_scipy():
    assert as_density(stats.multivariate_normal([1, 0], np.diag([4.0, 9.0]))) == Normal(
        loc=(1.0, 0.0), scale=(2.0, 3.0)
    )
    cov, mean = np.array([[36.0, 3.0], [3.0, 1.0]]), np.array([1.0, 0.5])
    variances, axes = np.linalg.eigh(cov)
    density = Normal(loc=mean @ axes, scale=np.sqrt(variances))
    z = X[:20, None] - X
    kernel = np.cos(z @ mean) * np.exp(-0.5 * np.einsum("...i,ij,...j", z, cov, z))
    want = (1 + X @ X.T) * kernel
    np.testing.assert_allclose(ntk_gram(density, X @ axes), want, atol=1e-12)


UNKNOWN = as_density(lambda w: 2 * (1 - w), support=(0.0, 1.0))


class Doubled(Density):
    """A density of a user's own with a pdf of mass two."""

    def pdf(self, w):
        return 2 * np.maximum(1 - np.abs(w), 0)

    def kernel(self, z):
        return np.sinc(z / (2 * np.pi)) ** 2

    def sample(self, size, rng):
        return rng.triangular(-1, 0, 1, size)


REFUSED = {
    "a user's own factor": (
        lambda: as_density(Mixture([Product([Normal(), Doubled()])])), ValueError,
        "rho_w=Doubled: pdf integrates to 2",
    ),
    "wrong length": (
        lambda: Normal(scale=(10, 1), dim=3), ValueError,
        r"scale=\(10, 1\) holds 2 number\(s\) for dim=3; give one number for all axes, or one",
    ),
    "one entry for two": (lambda: Normal(scale=[3.0], dim=2), ValueError, r"holds 1 number\(s\)"),
    "length against dim=1": (lambda: Laplace(scale=(1, 2), dim=1), ValueError, "for dim=1"),
    "zero": (lambda: Normal(scale=(10, 0)), ValueError, r"scale\[1\]=0.0 must be greater than 0"),
    "negative": (lambda: Uniform(scale=(-1, 2)), ValueError, r"scale\[0\]=-1.0 must be greater"),
    "not a number": (lambda: Normal(scale=(1, np.nan)), ValueError, r"scale holds 1 NaN"),
    "infinite": (lambda: StudentT(3.0, scale=(1, np.inf)), ValueError, r"scale holds 1 NaN or inf"),
    "huge": (lambda: Normal(scale=(1, 1e60)), ValueError, r"scale\[1\]=1e\+60 must be of"),
    "empty": (lambda: Normal(scale=()), ValueError, "scale is empty"),
    "a matrix": (lambda: Normal(scale=np.eye(2)), ValueError, r"scale has shape \(2, 2\)"),
    "text": (lambda: Normal(scale=("a", "b")), TypeError, "scale"),
    "ragged": (lambda: Normal(scale=[[1.0], [1.0, 2.0]]), (TypeError, ValueError), "scale"),
    "a location of other length": (
        lambda: Normal(loc=(1, 2, 3), scale=(10, 1)), ValueError, "loc has 3 entries",
    ),
    "correlated": (
        lambda: as_density(stats.multivariate_normal([0, 0], [[4.0, 1.0], [1.0, 2.0]])), ValueError,
        r"correlated frequencies are no formula here: turn x, .*linalg.eigh\(covariance\)",
    ),
    "product of one": (lambda: Product(Normal()), TypeError, "must be a list of densities"),
    "product of none": (lambda: Product([]), ValueError, "components is empty; give one density"),
    "product of atoms": (
        lambda: Product([Normal(), stats.norm()]), TypeError, r"components\[1\]=.*with a pdf",
    ),
    "product of a plane": (
        lambda: Product([Normal(dim=2), Normal()]), ValueError,
        r"components\[0\]=.* has dimension 2; give one density of dimension 1",
    ),
    "product of unknown waves": (
        lambda: Product([Normal(loc=1.0), UNKNOWN]), ValueError,
        "holds 2 densities that are not even, and of NumericDensity.*let the others be even",
    ),
    "mixture of unknown waves": (
        lambda: Product([Normal(loc=1.0), Mixture([UNKNOWN, Normal()])]), ValueError,
        "holds 2 densities that are not even",
    ),
    "product of high pdf": (
        lambda: Product([Normal(scale=1e-3)] * 200).pdf(np.zeros((1, 200))), ValueError,
        "pdf above 1e308 in dimension 200; .*Points",
    ),
    "radial": (
        lambda: solve_frequency_pde(
            Normal(scale=(3, 2, 1)), lambda x: np.exp(-np.sum(x**2, axis=1)), measure=Line()
        ), ValueError,
        "isotropic",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_one_factor_may_be_known_by_its_even_part():
    density = Product([UNKNOWN, Normal(scale=2.0)])
    z = np.array([[0.5, 0.3], [-1.0, 0.2]])
    want = by_hand.normal(z[:, 1:], np.array([2.0])) * 2 * (1 - np.cos(z[:, 0])) / z[:, 0] ** 2
    np.testing.assert_allclose(density.kernel(z), want, atol=1e-9)
