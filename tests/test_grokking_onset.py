"""First passages, delay and phase of curves whose answer is known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from ntkfreq import Onset, grokking_onset, phase_map, spectral_mismatch

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
    assert nothing.delay == -np.inf
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
        ({"test_loss": [1.0, -0.5]}, "test_loss has a smallest value of -0.5.*negative: check"),
        ({"kind": "accuracies"}, "kind='accuracies' must be one of 'loss', 'error_rate', 'acc"),
        ({"kind": "accuracy", "test_loss": [1.0, 101.0]}, "values up to 101: .*up to 100; for los"),
        ({"kind": "accuracy", "threshold": 95}, "threshold=95 is a percentage and.* reach 1, sha"),
        ({"kind": "accuracy", "test_loss": [1, 80.0]}, "threshold=0.1 is a share and.* reach 80"),
        (
            {"kind": "accuracy", "test_loss": [1, 80], "threshold": 101},
            "threshold=101 is above 100",
        ),
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


def test_thresholds_at_the_end_of_their_range_give_a_time():
    onset = grokking_onset([0.0, 1.0], [1e-49, 0.0], [1e-49, 0.0], threshold=1e-50)
    assert (onset.t_train, onset.t_test) == pytest.approx((0.9, 0.9))


STEPS = np.arange(0, 9000, 1000.0)
RIGHT = np.array([0.01, 0.50, 1, 1, 1, 1, 1, 1, 1])
RIGHT_TEST = np.array([0.01, 0.05, 0.3, 0.6, 0.97, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("train", "test", "threshold", "kind"),
    [
        (RIGHT, RIGHT_TEST, 0.95, "accuracy"),
        (100 * RIGHT, 100 * RIGHT_TEST, 95.0, "accuracy"),
        (1 - RIGHT, 1 - RIGHT_TEST, 0.05, None),
        (100 - 100 * RIGHT, 100 - 100 * RIGHT_TEST, 5.0, None),
        (1 - RIGHT, 1 - RIGHT_TEST, 0.05, "error_rate"),
    ],
)
def test_accuracies_are_read_between_their_records(train, test, threshold, kind):
    onset = grokking_onset(STEPS, train, test, threshold=threshold, kind=kind)
    assert onset.t_train == pytest.approx(1900.0, rel=1e-12)
    assert onset.t_test == pytest.approx(np.interp(0.95, RIGHT_TEST[:5], STEPS[:5]), rel=1e-12)
    assert onset.phase == "comprehension"
    assert onset.kind == (kind or "error_rate")
    assert (onset.between_train, onset.between_test) == ((1000.0, 2000.0), (3000.0, 4000.0))
    # 4000 over 1000 would be late.
    assert onset.possible == ("grokking", "comprehension")
    assert "too far apart to exclude grokking" in str(onset)


@pytest.mark.parametrize("floor", [1e-3, 1e-12, 1e-100, 1e-308, 5e-324])
def test_zeros_replaced_by_something_small_are_floors(floor):
    train, test = np.maximum(1 - RIGHT, floor), np.maximum(1 - RIGHT_TEST, floor)
    onset = grokking_onset(STEPS, train, test, threshold=0.05)
    assert onset.t_train == pytest.approx(1900.0, rel=2e-3)
    assert onset.phase == "comprehension"


def test_accuracies_that_get_lost_and_their_highest():
    train, test = np.array([0.1, 1.0, 0.8, 1.0]), np.array([0.1, 0.2, 0.25, 0.2])
    onset = grokking_onset(np.arange(4.0), train, test, threshold=0.9, kind="accuracy")
    assert (onset.phase, onset.lowest_test) == ("memorization", 0.25)
    assert "test accuracy not at 0.9 until t = 3, highest 0.25" in str(onset)
    back = grokking_onset(np.arange(4.0), train, train, threshold=0.9, kind="accuracy")
    assert back.t_lost == 2.0
    assert "it is below again from t = 2" in str(back)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (RIGHT, RIGHT_TEST),
        (100 * RIGHT, 100 * RIGHT_TEST),
        (RIGHT, np.full(9, 0.01)),
        (np.ones(9), RIGHT_TEST),
        (RIGHT * (1 + 5e-8), RIGHT_TEST),
        # It falls back at the end, or stays at a plateau.
        (np.array([0.01, 0.5, 1, 1, 1, 1, 1, 1, 0.3]), RIGHT_TEST),
        (0.4 * RIGHT, 0.3 * RIGHT_TEST),
        (np.array([0.01, 0.01, 0.01, 0.02, 0.01, 0.01, 0.03, 0.02, 0.97]), RIGHT_TEST),
    ],
)
@pytest.mark.parametrize("threshold", [0.05, 0.95])
def test_what_looks_like_accuracies_is_refused_with_the_remedy(train, test, threshold):
    with pytest.raises(ValueError, match=r"looks like an accuracy; pass kind='accuracy' and the"):
        grokking_onset(STEPS, train, test, threshold=threshold)
    assert grokking_onset(STEPS, train, test, threshold=threshold, kind="loss").kind == "loss"


@pytest.mark.parametrize("count", [1, 3])
def test_zeros_before_the_first_evaluation_are_refused(count):
    steps = np.arange(0.0, 101.0)
    train, test = np.exp(-steps), np.exp(-steps / 20)
    test[:count] = 0.0
    with pytest.raises(ValueError, match=rf"test_loss is exactly 0 at its first {count} record.*d"):
        grokking_onset(steps, train, test, threshold=0.05)
    onset = grokking_onset(steps[count:], train[count:], test[count:], threshold=0.05)
    assert onset.t_test == pytest.approx(20 * np.log(20))
    assert grokking_onset(steps, train, test, threshold=0.05, kind="loss").t_test == 0.0
    with pytest.raises(ValueError, match="train_loss is exactly 0 at its first"):
        grokking_onset(steps, test, train, threshold=0.05)
    # A loss that is zero throughout is one.
    assert grokking_onset(steps, 0 * train, train, threshold=0.05).t_train == 0.0


def test_losses_that_overfit_or_do_not_move_are_losses():
    for train, test in [(fading(1.0), 1 - fading(1.0)), (np.ones(31), np.ones(31))]:
        assert grokking_onset(T, train, test, threshold=0.01).kind == "loss"


def test_a_first_record_that_is_below_leaves_the_phase_open():
    late = grokking_onset([1e3, 2e3, 4e3], [0.01, 0.01, 0.01], [1.0, 0.5, 0.01], threshold=0.1)
    assert (late.t_train, late.between_train) == (1000.0, (0.0, 1000.0))
    assert (late.phase, late.t_test) == ("comprehension", pytest.approx(2822.8, rel=1e-4))
    assert late.possible == ("grokking", "comprehension")
    sure = grokking_onset(T, fading(1.0), fading(0.01), threshold=0.01)
    assert sure.possible == ("grokking",)


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
        (A, [1.0, np.inf, 0.0], ValueError, "test_spectrum holds . NaN or infinite"),
        (["a"], ["b"], TypeError, "train_spectrum=.*array of real numbers"),
    ],
)
def test_mismatch_refusals(one, other, error, message):
    with pytest.raises(error, match=message):
        spectral_mismatch(one, other)


def test_curves_with_packed_or_missing_times_are_refused():
    t = xr.DataArray([-9999.0, 1.0, 10.0], dims="t", attrs={"_FillValue": -9999.0})
    loss = ("t", np.exp(-np.arange(3.0)))
    curves = xr.Dataset({"train_loss": loss, "test_loss": loss}, {"t": t})
    with pytest.raises(ValueError, match=r"t carries the attribute\(s\) _FillValue"):
        phase_map(curves, threshold=0.1)


def test_curves_of_strings_are_refused():
    t = np.arange(5.0)
    curves = xr.Dataset(
        {"train_loss": ("t", np.exp(-t).astype("U24")), "test_loss": ("t", np.exp(-t))}, {"t": t}
    )
    with pytest.raises(TypeError, match=r"train_loss=.* it holds strings"):
        phase_map(curves, threshold=0.1)
