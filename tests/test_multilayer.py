"""The validation of deep networks: each of its figures moves with what it claims to measure."""

from __future__ import annotations

import numpy as np
import pytest

from validation.claims.multilayer import claim as multilayer
from validation.claims.multilayer import statistics

PREDICTED = np.geomspace(1.0, 128.0, 8)


def of_times(measured, own=None, rate=None):
    """Figures of one made-up network."""
    flat = np.ones(8)
    return statistics.of_one_seed(
        {
            "measured": measured,
            "predicted": PREDICTED,
            "own": measured if own is None else own,
            "rate": flat if rate is None else rate,
            "two_layer_rate": 1 / PREDICTED,
            "drift": 0.0,
        }
    )


@pytest.mark.parametrize("power", [-0.5, 0.25, 1.0])
def test_times_that_are_a_power_of_the_predicted_ones(power):
    one = of_times(3.0 * PREDICTED**power)
    assert one["rate"] == pytest.approx(power)
    assert one["rank"] == pytest.approx(np.sign(power))
    assert one["pairs"] == (power > 0)
    assert one["bias"] == pytest.approx(one["predicted bias"] ** power)
    assert one["predicted bias"] == pytest.approx(64.0)


def test_a_clock_that_is_faster_changes_the_speed_and_nothing_else():
    slow, fast = of_times(PREDICTED), of_times(PREDICTED / 4)
    assert fast["speed"] == pytest.approx(slow["speed"] / 4)
    for name in ("rank", "pairs", "rate", "bias", "own", "spread", "reach"):
        assert fast[name] == pytest.approx(slow[name])


def test_distance_to_the_own_kernel():
    one = of_times(PREDICTED, own=PREDICTED * 1.1)
    assert one["own"] == pytest.approx(1 / 1.1)
    assert one["spread"] == pytest.approx(np.log(1.1))


def test_a_kernel_like_that_of_two_layers_has_no_further_reach():
    assert of_times(PREDICTED, rate=5 / PREDICTED)["reach"] == pytest.approx(1.0)
    assert of_times(PREDICTED, rate=np.ones(8))["reach"] == pytest.approx(64.0)


def test_pairs_predicted_close_together_do_not_count():
    predicted, measured = np.array([1.0, 1.1, 2.0]), np.array([1.5, 1.0, 3.0])
    assert statistics.pairs_in_order(measured, predicted) == 1.0
    assert np.isnan(statistics.pairs_in_order(measured, np.array([1.0, 1.1, 1.15])))


def test_a_tone_that_is_not_learned_counts_with_the_end_of_the_run():
    bounds = statistics.lower_bounds(np.array([[1.0, np.inf]]), np.array([7.0]))
    np.testing.assert_array_equal(bounds, [[1.0, 7.0]])


def test_tones_are_orthogonal_on_the_samples():
    x, y = multilayer.signal()
    waves = np.exp(-1j * np.outer(multilayer.TONES, x))
    np.testing.assert_allclose(waves @ waves.conj().T / len(x), np.eye(8), atol=1e-13)
    np.testing.assert_allclose(np.abs(waves @ y) / len(x), 0.25, rtol=1e-12)


def test_a_gram_matrix_with_a_rate_for_every_tone():
    """A multiple of the identity: the error is (1 - step x rate)^n of its start, for every tone."""
    x, y = multilayer.signal()
    gram = 0.5 * len(x) * np.eye(len(x))
    found = multilayer.own_times(gram, y, 0.2)
    np.testing.assert_allclose(found, 0.2 * np.log(0.5) / np.log(0.9), rtol=1e-9)
    np.testing.assert_allclose(multilayer.tone_rates(gram, x), 0.5)


def test_without_hidden_layers_all_three_times_are_one():
    found = multilayer.cell("narrow", "tanh", 0, 4096, 0)
    np.testing.assert_allclose(found["measured"], found["own"], rtol=0.05)
    # 43 of the frequencies drawn lie within the highest tone's band: a rate is known to 15 %.
    np.testing.assert_allclose(found["measured"], found["predicted"], rtol=0.45)
    assert np.median(found["measured"] / found["predicted"]) == pytest.approx(1.0, abs=0.1)


def test_a_kernel_that_stays_is_what_a_wide_deep_network_trains_with():
    found = multilayer.cell("narrow", "tanh", 2, 256, 0)
    np.testing.assert_allclose(found["measured"], found["own"], rtol=0.1)
    assert np.all(found["measured"] < found["predicted"])
