"""First passages, delay and phase of curves whose answer is known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkfreq import Onset, grokking_onset, spectral_mismatch

T = np.concatenate([[0.0], np.geomspace(0.01, 1000.0, 30)])


def fading(rate, plateau=1.0):
    return plateau * np.exp(-rate * T)


@given(st.floats(0.05, 5.0), st.floats(0.02, 5.0), st.floats(0.005, 0.5))
def test_times_of_exponentials_are_exact(fast, slow, level):
    onset = grokking_onset(T, fading(fast), fading(slow), threshold=level)
    assert onset.t_train == pytest.approx(np.log(1 / level) / fast, rel=1e-12)
    assert onset.t_test == pytest.approx(np.log(1 / level) / slow, rel=1e-12)
    assert onset.delay == pytest.approx(onset.t_test - onset.t_train)
    late = onset.t_test >= 3 * onset.t_train
    assert onset.phase == ("grokking" if late else "comprehension")


@pytest.mark.parametrize(
    ("train", "test", "phase"),
    [
        (fading(1.0), fading(0.1), "grokking"),
        (fading(1.0), fading(0.5), "comprehension"),
        (fading(0.1), fading(1.0), "comprehension"),
        (fading(1.0), fading(1e-6), "memorization"),
        (fading(1e-6), fading(1e-6), "confusion"),
        (fading(1e-6), fading(1.0), "confusion"),
    ],
)
def test_phases(train, test, phase):
    assert grokking_onset(T, train, test, threshold=0.01).phase == phase


def test_curves_that_never_cross_say_so():
    onset = grokking_onset(T, fading(1.0), 0.5 + fading(1.0), threshold=0.01)
    assert np.isinf(onset.t_test)
    assert np.isinf(onset.delay)
    assert onset.lowest_test == pytest.approx(0.5)
    assert onset.t_end == 1000.0
    assert "not at 0.01 until t = 1000, lowest 0.5" in str(onset)
    nothing = grokking_onset(T, fading(1e-6), fading(1.0), threshold=0.01)
    assert np.isinf(nothing.t_train)
    assert np.isnan(nothing.delay)
    assert "training loss not at 0.01" in str(nothing)


def test_a_test_loss_that_rises_again_is_told():
    dip = 1 - 0.995 * np.exp(-((np.log(T + 1e-9) - np.log(10.0)) ** 2))
    onset = grokking_onset(T, fading(1.0), dip, threshold=0.2)
    assert 1 < onset.t_test < 10 < onset.t_lost < 100
    assert f"above again from t = {onset.t_lost:.4g}" in str(onset)
    assert np.isinf(grokking_onset(T, fading(1.0), fading(1.0), threshold=0.2).t_lost)


def test_a_loss_below_its_threshold_from_the_start_has_the_first_time():
    onset = grokking_onset(T, 0.001 * fading(1.0), 0.001 * fading(1.0), threshold=0.01)
    assert (onset.t_train, onset.t_test, onset.phase) == (0.0, 0.0, "comprehension")
    later = grokking_onset(T, 0.001 * fading(1.0), fading(1.0), threshold=0.01)
    assert later.phase == "grokking"


def test_two_thresholds_and_the_ratio():
    onset = grokking_onset(T, fading(1.0), fading(0.2), threshold=(0.01, 0.1))
    assert onset.threshold == (0.01, 0.1)
    assert onset.t_test == pytest.approx(np.log(10) / 0.2)
    assert onset.phase == "comprehension"
    again = grokking_onset(T, fading(1.0), fading(0.2), threshold=(0.01, 0.1), late=2.4)
    assert again.phase == "grokking"


def test_scaling_times_changes_no_phase():
    for scale in (1e-6, 1.0, 1e6):
        onset = grokking_onset(scale * T, fading(1.0), fading(0.1), threshold=0.01)
        assert onset.phase == "grokking"
        assert onset.t_train == pytest.approx(scale * np.log(100))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t": [0.0, 0.0]}, "t=.*strictly increasing"),
        ({"train_loss": [1.0]}, r"train_loss holds 1 value\(s\) for 2 time\(s\)"),
        ({"test_loss": [1.0, -0.5]}, "test_loss has a smallest value of -0.5.*one minus"),
        ({"test_loss": [1.0, np.nan]}, r"test_loss holds 1 NaN"),
        ({"threshold": 0.0}, "threshold=0.0 must be greater than 0"),
        ({"threshold": (0.1, 0.2, 0.3)}, "threshold=.*pair"),
        ({"threshold": (0.1, -1.0)}, r"threshold\[1\]=-1.0 must be greater"),
        ({"late": 1.0}, "late=1 must be above 1"),
        ({"threshold": np.array(-0.1)}, "threshold=-0.1 must be greater"),
    ],
)
def test_refusals(change, message):
    good = {"t": [0.0, 1.0], "train_loss": [1.0, 0.5], "test_loss": [1.0, 0.5], "threshold": 0.1}
    with pytest.raises(ValueError, match=message):
        grokking_onset(**(good | change))


def test_a_missing_test_loss_is_named_with_its_remedy():
    with pytest.raises(TypeError, match=r"test_loss=None.*pass test=\(x_test, y_test\)"):
        grokking_onset([0.0, 1.0], [1.0, 0.5], None, threshold=0.1)


def test_a_threshold_may_be_an_array_of_no_dimension():
    curves = T, fading(1.0), fading(0.1)
    threshold = np.array(0.01)
    assert grokking_onset(*curves, threshold=threshold) == grokking_onset(*curves, threshold=0.01)


def test_thresholds_below_the_normal_numbers_give_a_time():
    onset = grokking_onset([0.0, 1.0], [1e-309, 0.0], [1e-309, 0.0], threshold=1e-310)
    assert (onset.t_train, onset.t_test) == (1.0, 1.0)


def test_onset_is_public():
    assert isinstance(grokking_onset([0, 1], [1, 0], [1, 0], threshold=0.1), Onset)


A = np.array([1.0, 2.0j, 0.5])


def test_mismatch_of_equal_opposite_and_foreign_spectra():
    assert spectral_mismatch(A, A) == 0.0
    assert spectral_mismatch(A, -3 * A) == pytest.approx(1.0)
    assert spectral_mismatch(A, 0 * A) == pytest.approx(1.0)
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1j])
    assert spectral_mismatch(one, other) == pytest.approx(np.sqrt(0.5))


def test_mismatch_is_symmetric_scale_free_and_pools_outputs():
    b = np.array([0.3, 1.0, -1.0j])
    value = spectral_mismatch(A, b)
    assert spectral_mismatch(b, A) == pytest.approx(value)
    assert spectral_mismatch(7j * A, 7j * b) == pytest.approx(value)
    assert spectral_mismatch(np.stack([A, A], 1), np.stack([b, b], 1)) == pytest.approx(value)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_mismatch_of_very_small_and_large_spectra(size):
    b = np.array([0.3, 1.0, -1.0j])
    assert spectral_mismatch(size * A, size * b) == pytest.approx(spectral_mismatch(A, b))


@pytest.mark.parametrize(
    ("one", "other", "error", "message"),
    [
        (A, A[:2], ValueError, r"test_spectrum has shape \(2,\) and train_spectrum \(3,\)"),
        ([0.0], [0.0], ValueError, "both zero"),
        ([], [], ValueError, "train_spectrum is empty"),
        (A, [1.0, np.inf, 0.0], ValueError, "test_spectrum holds NaN or infinite"),
        (["a"], ["b"], TypeError, "train_spectrum=.*array of numbers"),
    ],
)
def test_mismatch_refusals(one, other, error, message):
    with pytest.raises(error, match=message):
        spectral_mismatch(one, other)
