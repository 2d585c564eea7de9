"""Densities: pdf, characteristic function, sampler and tail of each agree with one another."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from ntkfreq import (
    Empirical,
    Laplace,
    Mixture,
    Normal,
    StudentT,
    Uniform,
    as_density,
    ntk_gram,
    solve_frequency_pde,
)

NAMED = [
    Normal(scale=3.0),
    Normal(loc=2.0, scale=0.5),
    Uniform(scale=4.0),
    Uniform(loc=5.0, scale=1.5),
    Laplace(scale=2.0),
    Laplace(loc=-3.0, scale=0.7),
    StudentT(3.0, scale=2.0),
    StudentT(1.0, scale=0.5),
    StudentT(0.5, loc=1.0, scale=0.5),
    StudentT(150.0, loc=2.0, scale=3.0),
    Mixture([Normal(scale=1.0), Laplace(loc=4.0, scale=0.5)], [0.3, 0.7]),
]


def tent(w):
    return 1 - np.abs(w)


NUMERIC = [
    as_density(stats.triang(0.3, loc=-1.0, scale=4.0), kinks=(0.2,)),
    as_density(stats.logistic(1.0, 2.0)),
    as_density(tent, support=(-1, 1), kinks=(0,)),
    as_density(lambda w: np.exp(-(w**2) / 8) / np.sqrt(8 * np.pi)),
    as_density(lambda w: w * np.exp(-w), support=(0, np.pi * 15)),
    as_density(lambda w: w**2 * np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)),
]
each = pytest.mark.parametrize("rho", NAMED + NUMERIC, ids=lambda rho: repr(rho)[:40])
Z = np.array([0.0, 0.05, 0.3, 1.0, 2.5])


def mass_between(rho, low, high):
    return integrate.quad(
        lambda w: rho.pdf([w])[0], low, high, limit=400, points=_corners(rho, low, high)
    )[0]


def _corners(rho, low, high):
    marks = {sign * kink for kink in rho.landmarks().kinks for sign in (-1, 1)}
    return sorted(mark for mark in marks if low < mark < high) or None


@each
def test_pdf_integrates_to_one(rho):
    far = 40 * rho.radius(0.3)
    inside = sum(mass_between(rho, a, b) for a, b in ((-far, -1.0), (-1.0, 1.0), (1.0, far)))
    tails = sum(
        integrate.quad(lambda w, s=sign: rho.pdf([s * w])[0], far, np.inf)[0] for sign in (-1, 1)
    )
    assert inside + tails == pytest.approx(1.0, abs=1e-7)


@each
def test_kernel_is_the_cosine_transform_of_the_pdf(rho):
    """QUADPACK's rule for oscillating integrands over the line; the pdf's corners split it."""

    def transform(z):
        cuts = [*(_corners(rho, 0.0, 1e4) or []), 50.0]
        edges = sorted({0.0, *cuts})
        total = 0.0
        for a, b in pairwise(edges):
            total += integrate.quad(
                lambda w: 2 * rho.even_pdf([w])[0], a, b, weight="cos", wvar=z, limit=400
            )[0]
        tail = integrate.quad(
            lambda w: 2 * rho.even_pdf([w])[0], edges[-1], np.inf, weight="cos", wvar=z, limit=400
        )
        return total + tail[0]

    expected = [transform(z) for z in Z[1:]]
    np.testing.assert_allclose(rho.kernel(Z[1:]), expected, atol=2e-8)
    # 1e-10 is the resolution of the numerical inverse that cuts a plain pdf's tail.
    assert rho.kernel([0.0])[0] == pytest.approx(1.0, abs=1e-10)
    np.testing.assert_array_equal(rho.kernel(-Z), rho.kernel(Z))


MULTI = [
    Normal(loc=[1.0, -2.0], scale=1.5, dim=2),
    Uniform(loc=[1.0, -2.0], scale=1.5, dim=2),
    Laplace(loc=[1.0, -2.0], scale=1.5, dim=2),
    StudentT(3.0, loc=[1.0, -2.0], scale=1.5, dim=2),
    Mixture([Normal(scale=1.0, dim=2), StudentT(3.0, scale=2.0, dim=2)]),
    Empirical([[1.0, 2.0], [0.5, -3.0], [0.0, 4.0]], [1.0, 2.0, 5.0]),
]


@pytest.mark.parametrize("rho", [*NAMED, *NUMERIC, *MULTI], ids=lambda rho: repr(rho)[:40])
def test_sampler_has_the_kernel_as_its_mean_cosine(rho):
    """200 000 draws; the mean of cos(w.z) within five standard errors of the kernel.

    1e-10 is the resolution of the numerical inverse that cuts a plain pdf's tail.
    """
    draws = rho.sample(200_000, rng=7)
    assert draws.shape == (200_000, rho.dim)
    z = Z[:, None] * np.ones(rho.dim) / np.sqrt(rho.dim)
    waves = np.cos(draws @ z.T)
    error = waves.std(axis=0) / np.sqrt(len(draws))
    kernel = rho.kernel(z if rho.dim > 1 else z[:, 0])
    assert np.all(np.abs(waves.mean(axis=0) - kernel) <= 5 * error + 1e-10)


@pytest.mark.parametrize("rho", MULTI[:5], ids=lambda rho: repr(rho)[:40])
def test_pdf_in_two_dimensions_integrates_to_its_kernel(rho):
    """Midpoint sums on [-60, 60]^2; Student's tail beyond holds (60/1.5)^-3 = 2e-5 of its mass."""
    axis = (np.arange(2400) + 0.5) / 20 - 60
    w = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = rho.pdf(w) / 400
    z = np.array([[0.0, 0.0], [0.3, 0.2]])
    expected = [density @ np.cos(w @ row) for row in z]
    np.testing.assert_allclose(rho.kernel(z), expected, atol=3e-3)


@each
def test_even_part(rho):
    w = np.linspace(-7, 7, 29)
    np.testing.assert_allclose(rho.even_pdf(w), (rho.pdf(w) + rho.pdf(-w)) / 2, rtol=1e-14)


@pytest.mark.parametrize("rho", [*NAMED, *NUMERIC, *MULTI], ids=lambda rho: repr(rho)[:40])
@pytest.mark.parametrize("tail", [0.5, 0.1, 0.01])
def test_radius_bounds_the_tail(rho, tail):
    """Of 200 000 draws no more lie outside than the tail allows, plus five standard errors."""
    distance = np.linalg.norm(rho.sample(200_000, rng=3), axis=1)
    outside = np.mean(distance > rho.radius(tail))
    assert outside <= tail + 5 * np.sqrt(tail * (1 - tail) / 200_000)


@pytest.mark.parametrize(
    ("rho", "frozen"),
    [
        (Normal(scale=3.0), stats.norm(scale=3.0)),
        (Laplace(scale=2.0), stats.laplace(scale=2.0)),
        (StudentT(3.0, scale=2.0), stats.t(3.0, scale=2.0)),
        (StudentT(1.0, scale=0.5), stats.cauchy(scale=0.5)),
    ],
)
def test_radius_bounds_the_far_tail(rho, frozen):
    for tail in (1e-3, 1e-8, 1e-12):
        assert 2 * frozen.sf(rho.radius(tail)) <= tail * (1 + 1e-7)


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        (stats.norm(1.0, 3.0), Normal(loc=1.0, scale=3.0)),
        (stats.uniform(-2.0, 4.0), Uniform(loc=0.0, scale=2.0)),
        (stats.laplace(1.0, 2.0), Laplace(loc=1.0, scale=2.0)),
        (stats.t(3.0, loc=1.0, scale=2.0), StudentT(3.0, loc=1.0, scale=2.0)),
        (stats.t(df=3.0, scale=2.0), StudentT(3.0, loc=0.0, scale=2.0)),
        (stats.t(3.0, 1.0, 2.0), StudentT(3.0, loc=1.0, scale=2.0)),
        (stats.cauchy(1.0, 2.0), StudentT(1.0, loc=1.0, scale=2.0)),
        (
            stats.multivariate_normal([1.0, 2.0], 4.0 * np.eye(2)),
            Normal(loc=[1.0, 2.0], scale=2.0, dim=2),
        ),
        (stats.multivariate_normal(0.0, 4.0), Normal(loc=0.0, scale=2.0)),
    ],
    ids=lambda value: str(value).partition(" object at ")[0],
)
def test_frozen_scipy_distributions_become_their_family(frozen, expected):
    rho = as_density(frozen)
    assert type(rho) is type(expected)
    assert rho.dim == expected.dim
    w = np.random.default_rng(0).uniform(-5, 5, (20, rho.dim))
    np.testing.assert_allclose(rho.pdf(w), frozen.pdf(w).reshape(-1), rtol=1e-12)
    np.testing.assert_allclose(rho.kernel(w), expected.kernel(w), rtol=0, atol=1e-13)


def test_a_density_stays_itself():
    rho = Normal(scale=3.0)
    assert as_density(rho) is rho


def test_other_frozen_distributions_and_pdfs_become_numeric():
    """The tent: k(z) = 2 (1 - cos z) / z^2 = sinc(z / 2 pi)^2 with numpy's sinc."""
    z = np.linspace(0.1, 40, 60)
    expected = np.sinc(z / (2 * np.pi)) ** 2
    for rho in (
        as_density(tent, support=(-1, 1), kinks=(0,)),
        as_density(stats.triang(0.5, loc=-1.0, scale=2.0), kinks=(0,)),
    ):
        np.testing.assert_allclose(rho.kernel(z), expected, rtol=0, atol=1e-10)
        assert not rho.closed_form_kernel
        np.testing.assert_array_equal(rho.pdf([-1.5, 1.5]), 0.0)


FORMULAS = {
    "chi2": stats.chi2(3.0, loc=-1.0, scale=1.5),
    "cosine": stats.cosine(loc=1.0, scale=2.0),
    "expon": stats.expon(1.0, 2.0),
    "gamma": stats.gamma(a=2.5, loc=-2.0, scale=1.5),
    "halfnorm": stats.halfnorm(loc=0.5, scale=3.0),
    "hypsecant": stats.hypsecant(loc=-1.0, scale=2.0),
    "logistic": stats.logistic(loc=2.0, scale=3.0),
    "semicircular": stats.semicircular(loc=1.0, scale=4.0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_closed_forms_are_the_integral_of_the_pdf(name):
    """By quantiles: the integral of cos(z w(q)) over q in (0, 1), w the inverse distribution."""
    frozen = FORMULAS[name]
    rho = as_density(frozen)
    assert rho.closed_form_kernel
    z = np.array([0.0, 1e-6, 0.1, 0.5, 1.0, 2.0, 1 / 3, np.pi])
    low, high = frozen.ppf([1e-17, 1 - 1e-16])
    expected = [
        integrate.quad(
            lambda w, u=u: frozen.pdf(w) * np.cos(u * w), low, high, epsabs=1e-13, limit=2000
        )[0]
        for u in z
    ]
    np.testing.assert_allclose(rho.kernel(z), expected, rtol=0, atol=1e-10)
    assert np.all(np.isfinite(rho.kernel(np.geomspace(1e-300, 1e6, 300))))
    assert np.abs(rho.kernel([1e5])) < 1e-5


def test_kernels_of_formulas_and_quadratures_agree():
    x = np.linspace(-2, 2, 30)
    plain = as_density(lambda w: np.exp(-np.abs(w)) / (1 + np.exp(-np.abs(w))) ** 2, kinks=())
    named = as_density(stats.logistic())
    np.testing.assert_allclose(ntk_gram(named, x), ntk_gram(plain, x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("df", [0.5, 1.0, 2.0, 5.0, 50.0, 200.0])
def test_student_kernel_at_its_ends(df):
    """k(0) = 1, no NaN from tiny to huge arguments, falling, against the integral over Gammas.

    A Student variable is normal with variance 1/g, g a Gamma variable of shape and rate df/2.
    """
    rho = StudentT(df)
    z = np.concatenate([[0.0], np.geomspace(1e-300, 1e4, 400)])
    kernel = rho.kernel(z)
    assert kernel[0] == 1.0
    assert np.all(np.isfinite(kernel))
    assert np.all((kernel >= 0) & (kernel <= 1 + 1e-12))
    mixing = stats.gamma(df / 2, scale=2 / df)
    for argument in (0.01, 0.3, 1.0, 3.0):
        expected = integrate.quad(
            lambda u, a=argument: np.exp(-(a**2) / (2 * mixing.ppf(u))), 0, 1, limit=400
        )[0]
        assert rho.kernel([argument])[0] == pytest.approx(expected, abs=2e-7)


def test_student_kernel_with_three_degrees_is_matern():
    z = np.geomspace(1e-6, 10, 40)
    u = np.sqrt(3) * 2.0 * z
    expected = (1 + u) * np.exp(-u)
    np.testing.assert_allclose(StudentT(3.0, scale=2.0).kernel(z), expected, atol=1e-14)


def test_student_in_two_dimensions_is_isotropic():
    rho = StudentT(3.0, scale=2.0, dim=2)
    one = rho.kernel([[0.5, 0.0], [0.3, 0.4], [0.0, -0.5]])
    np.testing.assert_allclose(one, one[0], rtol=1e-14)
    assert one[0] == pytest.approx(StudentT(3.0, scale=2.0).kernel([0.5])[0], rel=1e-14)


def test_high_dimension_does_not_overflow():
    x = np.zeros((1, 400))
    for rho in (Normal(scale=3.0, dim=400), Laplace(dim=400), StudentT(3.0, dim=400)):
        assert np.isfinite(rho.pdf(x)[0])
        assert rho.kernel(x)[0] == 1.0
        assert rho.sample(3, rng=0).shape == (3, 400)


def test_same_seed_same_sample():
    for rho in (*NAMED, *NUMERIC, *MULTI):
        np.testing.assert_array_equal(rho.sample(20, rng=5), rho.sample(20, rng=5))


def test_empirical():
    atoms = np.array([1.0, -2.0, 5.0])
    rho = Empirical(atoms, [1.0, 1.0, 2.0])
    z = np.linspace(-3, 3, 13)
    expected = 0.25 * np.cos(z) + 0.25 * np.cos(2 * z) + 0.5 * np.cos(5 * z)
    np.testing.assert_allclose(rho.kernel(z), expected, atol=1e-15)
    assert set(rho.sample(50, rng=0)[:, 0]) == set(atoms)
    assert rho.radius(0.6) == 2.0
    assert rho.radius(0.1) == 5.0
    assert not rho.has_pdf
    with pytest.raises(TypeError, match=r"atoms and has no pdf.*Box or Points"):
        rho.pdf([0.0])
    with pytest.raises(ValueError, match="half-line needs dim=1"):
        MULTI[5].quadrature(1.0, 1.0)


def test_mixture_is_the_weighted_sum():
    parts, shares = [Normal(scale=1.0), Uniform(loc=3.0, scale=0.5)], [0.25, 0.75]
    rho = Mixture(parts, shares)
    w = np.linspace(-4, 4, 50)
    for method in ("pdf", "kernel", "even_pdf"):
        expected = sum(p * getattr(part, method)(w) for p, part in zip(shares, parts, strict=True))
        np.testing.assert_allclose(getattr(rho, method)(w), expected, rtol=1e-14)
    assert Mixture(parts).weights == (0.5, 0.5)


def test_landmarks():
    """On the half-line: where the density is zero, jumps or has corners, and where its mass is."""
    assert Uniform(scale=2.0).landmarks().support == ((0.0, 2.0),)
    away = Uniform(loc=5.0, scale=2.0).landmarks()
    assert away.support == ((3.0, 7.0),)
    assert away.kinks == (3.0, 7.0)
    across = Uniform(loc=-1.0, scale=2.0).landmarks()
    assert across.support == ((0.0, 3.0),)
    assert across.kinks == (1.0, 3.0)
    assert Laplace(loc=-3.0).landmarks().kinks == (3.0,)
    assert Normal(loc=-3.0, scale=2.0).landmarks().scales == ((3.0, 2.0),)
    joined = Mixture(
        [Uniform(loc=1.0, scale=1.0), Uniform(loc=8.0, scale=1.0), Uniform(loc=2.0, scale=1.0)]
    ).landmarks()
    assert joined.support == ((0.0, 3.0), (7.0, 9.0))
    assert joined.kinks == (0.0, 1.0, 2.0, 3.0, 7.0, 9.0)
    numeric = as_density(tent, support=(-1, 1), kinks=(0,)).landmarks()
    assert numeric.support == ((0.0, 1.0),)
    assert numeric.kinks == (0.0, 1.0)


def test_quadrature_integrates_even_functions():
    for rho in (Normal(scale=2.0), Laplace(loc=3.0, scale=1.0), Uniform(loc=5.0, scale=1.0)):
        nodes, weights = rho.quadrature(4.0, rho.radius(1e-15))
        for z in (0.0, 1.0, 4.0):
            expected = rho.kernel([z])[0]
            assert weights @ np.cos(z * nodes) == pytest.approx(expected, abs=1e-12)
        assert nodes.min() >= 0


def no_density(w):
    return np.exp(-np.abs(w))


REFUSED = {
    "negative scale": (lambda: Normal(scale=-1.0), ValueError, "scale=-1.0 must be greater than 0"),
    "zero scale": (lambda: Uniform(scale=0.0), ValueError, "scale=0.0 must be greater"),
    "nan scale": (lambda: Laplace(scale=np.nan), ValueError, "scale=nan must be finite"),
    "text scale": (lambda: Normal(scale="3"), TypeError, "scale='3' must be a real number"),
    "bool scale": (lambda: Normal(scale=True), TypeError, "scale=True must be a real number"),
    "dim of millions": (
        lambda: Normal(dim=2**31), ValueError, "dim=2147483648 is above 1000000, .*columns of x",
    ),
    "dim zero": (lambda: Normal(dim=0), ValueError, "dim=0 must be at least 1"),
    "dim float": (lambda: Normal(dim=2.0), TypeError, "dim=2.0 must be an integer"),
    "loc length": (lambda: Normal(loc=[1.0, 2.0], dim=3), ValueError, "loc has 2 entries.*dim=3"),
    "loc nan": (lambda: Normal(loc=np.nan), ValueError, "loc holds 1 NaN"),
    "df zero": (lambda: StudentT(0.0), ValueError, "df=0.0 must be greater than 0"),
    "df large": (lambda: StudentT(201.0), ValueError, "df=201 is above 200; use Normal"),
    "w dim": (lambda: Normal(dim=2).pdf([1.0]), ValueError, r"w holds points.*\(n, 2\)"),
    "z dim": (lambda: Normal().kernel(np.eye(2)), ValueError, r"z holds points.*shape \(n,\)"),
    "w nan": (lambda: Normal().pdf([np.nan]), ValueError, "w holds 1 NaN"),
    "size zero": (lambda: Normal().sample(0), ValueError, "size=0 must be at least 1"),
    "rng text": (lambda: Normal().sample(1, rng="a"), TypeError, "rng='a' must be an integer"),
    "no features": (lambda: Normal().features(1.0), TypeError, "Normal has a closed-form kernel"),
    "mixture empty": (lambda: Mixture([]), ValueError, "components is empty"),
    "mixture of atoms": (
        lambda: Mixture([Empirical([1.0])]), TypeError, "components holds .*with a pdf",
    ),
    "mixture of scipy": (
        lambda: Mixture([stats.norm()]), TypeError, "components holds .*wrap.*as_density",
    ),
    "mixture dims": (
        lambda: Mixture([Normal(), Normal(dim=2)]), ValueError, r"dimensions \[1, 2\]",
    ),
    "mixture sum": (
        lambda: Mixture([Normal(), Normal()], [0.5, 0.6]), ValueError, "weights=.*sum to 1",
    ),
    "mixture sign": (
        lambda: Mixture([Normal(), Normal()], [-0.5, 1.5]), ValueError, "weights=.*positive",
    ),
    "mixture count": (
        lambda: Mixture([Normal()], [0.5, 0.5]), ValueError, r"weights holds 2 value\(s\) for 1",
    ),
    "atoms nan": (lambda: Empirical([1.0, np.nan]), ValueError, "atoms holds 1 NaN"),
    "atoms weights": (
        lambda: Empirical([1.0, 2.0], [1.0, 0.0]), ValueError, "weights has a smallest value of 0",
    ),
    "no density": (lambda: as_density(3.0), TypeError, r"rho_w=3.0 is no density; pass"),
    "class": (lambda: as_density(Normal), TypeError, "rho_w=<class.* is no density"),
    "discrete": (lambda: as_density(stats.poisson(3)), TypeError, "is no density"),
    "unnormalized": (
        lambda: as_density(no_density), ValueError, "rho_w=no_density integrates to 2.*divide",
    ),
    "unnormalized bounded": (
        lambda: as_density(no_density, support=(-1, 1), kinks=(0,)), ValueError,
        "integrates to 1.26.*not 1",
    ),
    "negative pdf": (
        lambda: as_density(np.cos), ValueError, "rho_w=cos is negative or not finite",
    ),
    "tiny support": (
        lambda: as_density(lambda w: 1 - abs(w), support=(-1e-310, 1e-310)), ValueError,
        "support=.* must be 1e-50 wide or more",
    ),
    "tiny frequencies": (
        lambda: as_density(stats.beta(0.5, 2.0, scale=1e-310)), ValueError,
        "rho_w=scipy.stats.beta has half of its frequencies within .*e-31",
    ),
    "pdf fails": (
        lambda: as_density(lambda w: w.nothing), TypeError, "must map an array of frequencies",
    ),
    "pdf support": (
        lambda: as_density(no_density, support=(1, -1)), ValueError, r"support=\(1, -1\) must have",
    ),
    "support no pair": (
        lambda: as_density(no_density, support=3.0), TypeError, "support=3.0 must be a pair",
    ),
    "pdf zero": (
        lambda: as_density(lambda w: 0 * w), ValueError, "cannot be inverted.*named family",
    ),
    "heavy tails": (
        lambda: as_density(stats.lomax(0.5)).kernel([1.0]),
        ValueError, "tails too heavy for quadrature.*StudentT",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_a_pdf_far_from_zero_is_inverted_about_its_middle():
    """A tent of width 2 about 1e6, which no inversion from 0 resolves."""
    tent = as_density(lambda w: 1 - np.abs(w - 1e6), support=(1e6 - 1, 1e6 + 1), kinks=(1e6,))
    quartiles = tent.quantile(np.array([0.25, 0.5, 0.75])) - 1e6
    np.testing.assert_allclose(quartiles, [2**-0.5 - 1, 0.0, 1 - 2**-0.5], atol=1e-8)
    drawn = tent.sample(1000, rng=0)[:, 0] - 1e6
    assert abs(np.var(drawn) - 1 / 6) < 0.02


def test_a_pdf_that_is_negative_far_from_zero_is_refused():
    with pytest.raises(ValueError, match="negative or not finite"):
        as_density(lambda w: np.where(w > 200, -1.0, 0.01), support=(100.0, 300.0))


ENDS = [
    family(loc=loc, scale=scale, dim=dim)
    for family in (Normal, Laplace, Uniform, partial(StudentT, 0.1))
    for loc in (0.0, -3.0, 1e50)
    for scale in (1e-50, 1.0, 1e50)
    for dim in (1, 2, 1000)
]


@pytest.mark.parametrize("rho", ENDS, ids=repr)
def test_nothing_overflows_at_the_ends_of_the_range(rho):
    """Kernels, radii, draws and what follows from them are numbers; a pdf may be too large."""
    for size in (0.0, 1e-50, 1.0, 1e50, rho.scale):
        w = np.stack([np.full(rho.dim, size), np.full(rho.dim, -size)])
        assert np.all(np.abs(rho.kernel(w)) <= 1 + 1e-12)
        try:
            assert np.all(rho.pdf(w) >= 0)
        except ValueError as error:
            assert "above 1e308 in dimension 1000" in str(error)  # noqa: PT017
        assert 0 <= rho.phase_rounding(size) <= 1
        assert 0 <= rho.kernel_change(size) <= 2
    assert np.all(np.isfinite(rho.kernel_between(w, 1 + w)))
    assert np.all(np.isfinite(rho.sample(20, rng=0)))
    assert np.all(np.diff([rho.radius(tail) for tail in (0.9, 0.1, 1e-12, 1e-17)]) >= 0)
    assert np.isfinite(rho.radius(1e-17))


@pytest.mark.parametrize("df", [0.1, 1.0, 3.0, 200.0])
@pytest.mark.parametrize("u", [700.0, 4000.0, 1e6, 1e50])
def test_student_kernel_far_out(df, u):
    with mpmath.workdps(30):
        half = mpmath.mpf(df) / 2
        exact = mpmath.besselk(half, u) * mpmath.mpf(u) ** half
        exact *= 2 ** (1 - half) / mpmath.gamma(half)
    found = StudentT(df, scale=u).kernel(np.array([df**-0.5]))[0]
    np.testing.assert_allclose(found, float(exact), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("tail", [0.3, 1e-6, 1e-17])
def test_student_radius_is_a_quantile(tail):
    assert StudentT(1.0, scale=2.0).radius(tail) == pytest.approx(2 / np.tan(np.pi * tail / 2))
    # Two degrees in two dimensions: (1 + r^2 / 2)^-1.
    expected = np.sqrt(2 * (1 / tail - 1))
    assert StudentT(2.0, dim=2).radius(tail) == pytest.approx(expected, rel=1e-9)


def test_tails_that_hold_frequencies_beyond_all_numbers_are_refused():
    with pytest.raises(ValueError, match=r"df=0\.01 is below 0\.1.*use df=0\.1 or more"):
        StudentT(0.01)


@pytest.mark.parametrize(
    "rho", [Normal(scale=1e-3, dim=200), Laplace(scale=1e-3, dim=200), Uniform(scale=1e-3, dim=200)]
)
def test_a_pdf_too_large_for_a_number_is_refused_and_points_do_not_need_it(rho):
    with pytest.raises(ValueError, match=r"above 1e308 in dimension 200.*measure=Points\(x\)"):
        rho.pdf(np.zeros((1, 200)))
    x = np.random.default_rng(0).uniform(-1, 1, (6, 200))
    found = solve_frequency_pde(rho, (x, x[:, 0]), t=[0.0, 1.0], frequencies=np.ones((1, 200)))
    rates, modes = np.linalg.eigh(ntk_gram(rho, x) / 6)
    share = modes.T @ x[:, 0]
    loss = np.sum((share * np.exp(-rates)) ** 2) / 6
    assert found.train_loss[1] == pytest.approx(loss, rel=1e-9)
