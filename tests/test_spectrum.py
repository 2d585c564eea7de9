"""The Fourier convention, band energies, learning times, and the default frequencies."""

from __future__ import annotations

import cmath

import mpmath
import numpy as np
import pytest

from ntkfreq import band_energy, error_spectrum
from ntkfreq.spectra import spectrum
from ntkfreq.spectra.bands import band_learning_time, first_passage
from ntkfreq.spectra.frequency_grid import default_frequencies
from ntkfreq.spectra.spectrum import fourier_sum


def plain(x, values, frequencies, weights):
    """The definition, term by term."""
    return [
        sum(
            w * v * cmath.exp(-1j * sum(a * b for a, b in zip(xi, point, strict=True)))
            for point, v, w in zip(x, values, weights, strict=True)
        )
        for xi in frequencies
    ]


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_error_spectrum_is_the_plain_sum(dim, weighted):
    rng = np.random.default_rng(dim)
    x, xi = rng.uniform(-2, 2, (23, dim)), rng.uniform(-9, 9, (11, dim))
    values, weights = rng.standard_normal((3, 23)), rng.uniform(0.1, 2, 23)
    shares = weights / weights.sum() if weighted else np.full(23, 1 / 23)
    expected = [plain(x, row, xi, shares) for row in values]
    got = error_spectrum(x, values, xi, weights if weighted else None)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)
    first = error_spectrum(x, values[0], xi, weights if weighted else None)
    np.testing.assert_allclose(first, got[0], rtol=0, atol=1e-15)


def test_one_dimension_takes_flat_arrays():
    x, values, xi = np.linspace(0, 1, 5), np.arange(5.0), np.array([0.0, 2.0])
    np.testing.assert_array_equal(
        error_spectrum(x, values, xi), error_spectrum(x[:, None], values, xi[:, None])
    )
    assert error_spectrum(x, values, [0.0])[0] == 2.0


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("rows", [(), (1,), (3,)])
def test_nufft_is_the_dense_sum(monkeypatch, dim, rows):
    rng = np.random.default_rng(dim)
    reach = 40 / dim**2
    x, xi = rng.uniform(-2, 2, (400, dim)), rng.uniform(-reach, reach, (300, dim))
    values = rng.standard_normal((*rows, 400)) / 400
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (1_000_000,) * 3)
    dense = fourier_sum(x, values, xi)
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (1000,) * 3)
    fast = fourier_sum(x, values, xi)
    assert fast.shape == dense.shape == (*rows, 300)
    # Relative to the sum of magnitudes, which bounds every value.
    assert np.abs(fast - dense).max() < 1e-12 * np.abs(values).sum(axis=-1).max()
    assert not np.array_equal(fast, dense)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_few_points_far_apart_are_summed(monkeypatch, dim):
    """A grid of more cells than there are pairs takes longer, seconds and gigabytes at worst."""
    rng = np.random.default_rng(dim)
    x, xi = rng.uniform(-2, 2, (400, dim)), rng.uniform(-1e5, 1e5, (300, dim))
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (1000,) * 3)
    monkeypatch.setattr(spectrum, "_nufft", None)
    assert fourier_sum(x, np.ones(400), xi).shape == (300,)


def test_grids_too_large_for_the_nufft_stay_dense(monkeypatch):
    x, xi = np.linspace(-2, 2, 200)[:, None], np.array([[0.0], [1.0], [1e12]])
    values = np.ones(200) / 200
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (10,) * 3)
    np.testing.assert_allclose(fourier_sum(x, values, xi)[0], 1.0, rtol=1e-14)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    ("origin", "extent", "centre", "reach"),
    [
        (1.6e9, 1.0, 0.0, 30.0),
        (1.6e9, 86400.0, 0.0, 1e-3),
        (1.6e9, 1.0, 1e3, 30.0),
        (-1e15, 10.0, 5.0, 1.0),
        (0.0, 1.0, 1e12, 1.0),
        (1e4, 9e3, 1e8, 1e-3),
        (0.0, 1e4, 0.0, 1e8),
        (1e50, 1e30, 1e50, 1e40),
    ],
)
@pytest.mark.parametrize("pairs", [10, 10**6])
def test_sums_far_from_zero(monkeypatch, dim, origin, extent, centre, reach, pairs):
    """Neither an offset of the points nor one of the frequencies costs digits, in either path."""
    rng = np.random.default_rng(0)
    x = origin + extent * rng.uniform(-1, 1, (30, dim))
    xi = centre + reach * rng.uniform(-1, 1, (6, dim))
    values = rng.standard_normal(30)
    with mpmath.workdps(60):
        exact = [
            complex(
                mpmath.fsum(
                    value
                    * mpmath.expj(
                        -mpmath.fsum(mpmath.mpf(a) * b for a, b in zip(one, k, strict=True))
                    )
                    for one, value in zip(x.tolist(), values.tolist(), strict=True)
                )
            )
            for k in xi.tolist()
        ]
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (pairs,) * 3)
    error = np.abs(fourier_sum(x, values, xi) - exact).max()
    assert error < 2e-14 * np.abs(values).sum()


def test_no_frequencies_give_no_sums():
    assert fourier_sum(np.ones((3, 2)), np.ones((4, 3)), np.empty((0, 2))).shape == (4, 0)


def test_many_dimensions_stay_dense(monkeypatch):
    rng = np.random.default_rng(0)
    x, xi, values = rng.uniform(-2, 2, (20, 4)), rng.uniform(-4, 4, (30, 4)), np.ones(20)
    dense = fourier_sum(x, values, xi)
    monkeypatch.setattr(spectrum, "_DENSE_PAIRS", (10,) * 3)
    np.testing.assert_array_equal(fourier_sum(x, values, xi), dense)


def test_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    x, xi, values = rng.uniform(-2, 2, (50, 1)), rng.uniform(-4, 4, (33, 1)), np.ones(50)
    whole = fourier_sum(x, values, xi)
    monkeypatch.setattr(spectrum, "_CHUNK_PAIRS", 200)
    np.testing.assert_allclose(fourier_sum(x, values, xi), whole, rtol=0, atol=1e-13)


def test_band_energy_is_the_mean_square_over_the_band():
    xi = np.array([-3.0, -1.0, 0.0, 1.0, 2.0, 5.0])
    values = np.array([[1, 2j, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1j]])
    got = band_energy(xi, values, [(0.5, 2.0), (2.5, 6.0)])
    np.testing.assert_allclose(got, [[(4 + 16 + 25) / 3, (1 + 36) / 2], [1, 1]], rtol=1e-15)


def test_band_energy_uses_the_length_of_a_vector():
    xi = np.array([[3.0, 4.0], [1.0, 0.0], [-3.0, -4.0]])
    assert band_energy(xi, [1.0, 7.0, 3.0], [(4.9, 5.1)])[0] == 5.0


def test_first_passage_interpolates_the_logarithm():
    t = np.array([0.0, 1.0, 4.0])
    curve = np.array([1.0, 0.5, 0.0625])
    assert first_passage(t, curve, 0.125) == pytest.approx(3.0, rel=1e-14)
    assert first_passage(t, curve, 0.01) == np.inf
    assert first_passage(t, curve, 2.0) == 0.0


@pytest.mark.parametrize("floor", [0.0, 5e-324, 1e-308, 1e-40])
def test_first_passage_through_a_floor_is_linear(floor):
    t = np.array([0.0, 1.0, 4.0])
    assert first_passage(t, np.array([1.0, 0.5, floor]), 0.25) == pytest.approx(2.5, rel=1e-14)
    assert first_passage(t, np.array([2e100, 1e100, floor]), 1e99) == pytest.approx(3.7, rel=1e-14)


def test_first_passage_through_a_constant_record_is_linear():
    """A curve that stands still from a record on has arrived there, no one knows how."""
    t = np.array([0.0, 1.0, 2.0, 3.0])
    assert first_passage(t, np.array([1.0, 0.5, 1e-6, 1e-6]), 0.25) == pytest.approx(1.5, rel=1e-5)
    # An exponential through many orders of magnitude has no such record.
    steep = np.array([1.0, 1e-8, 1e-16, 1e-24])
    assert first_passage(t, steep, 1e-12) == pytest.approx(1.5, rel=1e-12)


def test_first_passage_of_a_falling_negative_curve():
    t = np.array([0.0, 1.0, 2.0])
    for start in (-0.5, 0.0):
        found = first_passage(t, np.array([start, -1.0, -1.0]), -0.75, linear=True)
        assert found == pytest.approx((-0.75 - start) / (-1.0 - start), rel=1e-15)


def test_first_passage_is_the_first():
    """A curve that rises again, as a test error may: only its first crossing counts."""
    t = np.arange(5.0)
    assert first_passage(t, np.array([1.0, 0.25, 2.0, 0.25, 0.1]), 0.5) == pytest.approx(0.5)


def test_band_learning_time_of_exponentials():
    """Rates 1 and 3 in two bands: ln 2 and ln(2)/3, on a clock much coarser than either."""
    t = np.linspace(0, 4, 5)
    xi = np.array([1.0, 1.5, 6.0])
    values = np.exp(-np.outer(t, [1.0, 1.0, 3.0])) * np.array([2.0, 1j, -1.0])
    assert band_learning_time(t, xi, values, (0, 2), 0.5) == pytest.approx(np.log(2))
    assert band_learning_time(t, xi, values, (5, 7), 0.5) == pytest.approx(np.log(2) / 3)
    assert band_learning_time(t, xi, values, (5, 7), 1e-9) == np.inf


class TestDefaultFrequencies:
    x = np.linspace(-1, 1, 401)[:, None]

    def test_spacing_is_half_the_resolution_of_the_extent(self):
        grid = default_frequencies(self.x, np.cos(3 * self.x[:, 0]), reach=50.0)
        assert grid[0] == 0
        np.testing.assert_allclose(np.diff(grid), np.pi / 2, rtol=1e-12)
        assert 50 <= grid[-1] < 50 + np.pi / 2

    def test_reaches_where_the_data_have_energy(self):
        high = default_frequencies(self.x, np.cos(90 * self.x[:, 0]), reach=10.0)
        assert 90 <= high[-1] < 110

    def test_each_axis_in_more_dimensions(self):
        x = np.random.default_rng(0).uniform(0, [1, 2], (50, 2))
        grid = default_frequencies(x, x[:, 0], reach=40.0)
        assert grid.shape[1] == 2
        assert np.all((grid == 0).any(axis=1))
        assert np.count_nonzero((grid == 0).all(axis=1)) == 1
        assert grid.max(axis=0).min() >= 40

    def test_never_more_than_2049_on_an_axis(self):
        x = np.array([[0.0], [1e-9], [1.0]])
        assert len(default_frequencies(x, np.array([1.0, -1.0, 0.0]), reach=1e9)) <= 2049

    def test_one_point_and_constant_values(self):
        assert len(default_frequencies(np.zeros((1, 1)), np.ones(1), reach=1.0)) == 9
        assert np.all(np.isfinite(default_frequencies(self.x, np.ones(401), reach=1.0)))


T3 = np.array([0.0, 1.0, 2.0])
ROWS = np.ones((3, 2), dtype=complex) * np.array([1.0, 1e-5])
REFUSED = {
    "x nan": (lambda: error_spectrum([np.nan], [1.0], [1.0]), ValueError, "x holds 1 NaN"),
    "x empty": (lambda: error_spectrum([], [], [1.0]), ValueError, "x is empty"),
    "x text": (lambda: error_spectrum("ab", [1.0], [1.0]), TypeError, "x='ab' must be an array"),
    "x complex": (lambda: error_spectrum([1j], [1.0], [1.0]), TypeError, "x=.*real numbers"),
    "x shape": (
        lambda: error_spectrum(np.ones((2, 2, 2)), [1.0], [1.0]), ValueError,
        r"x has shape \(2, 2, 2\); it must have 1 or 2",
    ),
    "values length": (
        lambda: error_spectrum([1.0, 2.0], [1.0], [1.0]), ValueError,
        r"values has shape \(1,\); its last axis must be the 2 points",
    ),
    "values inf": (
        lambda: error_spectrum([1.0], [np.inf], [1.0]), ValueError, "values holds 1 NaN or inf",
    ),
    "frequencies dim": (
        lambda: error_spectrum([1.0], [1.0], np.eye(2)), ValueError,
        "frequencies holds points of dimension 2",
    ),
    "weights sign": (
        lambda: error_spectrum([1.0, 2.0], [1.0, 1.0], [1.0], [1.0, -1.0]), ValueError,
        "weights has a smallest value of -1; all must be positive",
    ),
    "weights count": (
        lambda: error_spectrum([1.0, 2.0], [1.0, 1.0], [1.0], [1.0]), ValueError,
        r"weights holds 1 value\(s\) for 2 point",
    ),
    "spectrum shape": (
        lambda: band_energy([1.0, 2.0], [1.0], [(0, 1)]), ValueError,
        r"spectrum has shape \(1,\); its last axis must be the 2",
    ),
    "band reversed": (
        lambda: band_energy([1.0], [1.0], [(2, 1)]), ValueError, r"band=\(2, 1\) must have low <",
    ),
    "spectrum too large to square": (
        lambda: band_energy([1.0], [1e160], [(0, 2)]), ValueError,
        r"spectrum has a largest magnitude of 1e\+160; it must be",
    ),
    "band single": (lambda: band_energy([1.0], [1.0], [3.0]), TypeError, "band=3.0 must be a pair"),
    "band empty": (
        lambda: band_energy([1.0, 5.0], [1.0, 1.0], [(2, 3)]), ValueError,
        r"band=\(2, 3\) rad per unit of x holds none of the 2 frequencies between 1 and 5; widen ",
    ),
    "fraction above": (
        lambda: band_learning_time(T3, np.array([1.0, 5.0]), ROWS, (0, 2), 1.0), ValueError,
        "fraction=1.0 must be below 1",
    ),
    "fraction zero": (
        lambda: band_learning_time(T3, np.array([1.0, 5.0]), ROWS, (0, 2), 0.0), ValueError,
        "fraction=0.0 must be greater than 0",
    ),
    "no start": (
        lambda: band_learning_time(T3 + 1, np.array([1.0, 5.0]), ROWS, (0, 2), 0.5), ValueError,
        "t starts at 1; .*include t = 0",
    ),
    "silent band": (
        lambda: band_learning_time(T3, np.array([1.0, 5.0]), ROWS, (4, 6), 0.5), ValueError,
        r"band=\(4, 6\) rad per unit of x has an initial RMS of 1e-05, below 0.001 .*another",
    ),
    "silent spectrum": (
        lambda: band_learning_time(T3, np.array([1.0, 5.0]), 0 * ROWS, (4, 6), 0.5), ValueError,
        "nothing to learn there",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()
