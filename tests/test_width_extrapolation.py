"""Limits at infinite width: the fit, its standard error, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import extrapolate_width

WIDTHS = np.array([100.0, 400.0, 1600.0, 6400.0])


def scattered(rng, seeds=10):
    """2 + 30/m + normal scatter of standard deviation 3/sqrt(m)."""
    noise = rng.standard_normal((WIDTHS.size, seeds))
    return 2 + 30 / WIDTHS[:, None] + 3 * noise / np.sqrt(WIDTHS)[:, None]


def test_the_law_itself_is_found_exactly():
    values = np.repeat(2 - 30 / WIDTHS[:, None], 3, axis=1)
    fit = extrapolate_width(WIDTHS, values)
    assert (fit.limit, fit.coefficient) == pytest.approx((2.0, -30.0), rel=1e-12)
    assert fit.standard_error < 1e-12
    np.testing.assert_allclose(fit(WIDTHS), values[:, 0], rtol=1e-12)
    assert fit(np.inf) == pytest.approx(2.0)


def test_the_fit_is_least_squares_with_weights_of_the_width():
    values = scattered(np.random.default_rng(0), 5)
    design = np.repeat(np.stack([np.ones(WIDTHS.size), 1 / WIDTHS], axis=1), 5, axis=0)
    root = np.sqrt(np.repeat(WIDTHS, 5))
    expected, rest, *_ = np.linalg.lstsq(root[:, None] * design, root * values.ravel(), rcond=None)
    covariance = (
        rest / (20 - 2) * np.linalg.inv((root[:, None] * design).T @ (root[:, None] * design))
    )
    fit = extrapolate_width(WIDTHS, values)
    assert [fit.limit, fit.coefficient] == pytest.approx(expected, rel=1e-9)
    assert fit.standard_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)


def test_the_standard_error_is_the_scatter_of_the_limit():
    rng = np.random.default_rng(1)
    fits = [extrapolate_width(WIDTHS, scattered(rng)) for _ in range(1000)]
    pulls = np.array([(fit.limit - 2) / fit.standard_error for fit in fits])
    # Student's t of 38 degrees of freedom has a standard deviation of 1.027; of a thousand draws it
    # is known to 2.4 %, their mean to 0.032. Three standard deviations of each.
    assert pulls.std() == pytest.approx(1.027, abs=0.075)
    assert pulls.mean() == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("widths", "values", "match"),
    [
        ([1, 0], np.ones((2, 2)), r"widths=.* must be positive, at least two of them different"),
        ([1, 2], np.full((2, 2), 1e300), r"values has a largest magnitude of 1e\+300; it must be"),
        ([-1, 2], np.ones((2, 2)), r"widths=.* must be positive"),
        ([8, 8], np.ones((2, 2)), r"at least two of them different; train networks of another"),
        ([10**14, 10**14 + 64], np.ones((2, 2)), r"too close to tell a slope; train net"),
        (
            [8, 16],
            np.ones((3, 2)),
            r"values has shape \(3, 2\); give a row of seeds for each of the 2",
        ),
        ([8, 16], np.ones((2, 1)), r"values has shape \(2, 1\).*three values at least"),
        ([8, 16], np.ones(2), r"values"),
        ([[8], [16]], np.ones((2, 2)), r"widths"),
        ([8, np.nan], np.ones((2, 2)), r"widths holds 1 NaN"),
        ([8, 16], [[1, 2], [3, np.nan]], r"values holds 1 NaN"),
    ],
)
def test_what_has_no_limit_is_refused(widths, values, match):
    with pytest.raises(ValueError, match=match):
        extrapolate_width(widths, values)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_values_of_any_size_scale_the_fit(size):
    widths = np.array([100, 1000, 10000])
    seeds = np.random.default_rng(0).standard_normal((3, 20))
    values = 2 + 30 / widths[:, None] + seeds / widths[:, None] ** 0.5
    plain, scaled = extrapolate_width(widths, values), extrapolate_width(widths, size * values)
    assert scaled.limit / size == pytest.approx(plain.limit, rel=1e-12)
    assert scaled.standard_error / size == pytest.approx(plain.standard_error, rel=1e-12)


def test_constant_values_have_no_error():
    fit = extrapolate_width([10, 100], [[0.0, 0.0], [0.0, 0.0]])
    assert (fit.limit, fit.standard_error, fit.coefficient) == (0.0, 0.0, 0.0)
