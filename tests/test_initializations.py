"""Parts of the validation of initializations: kernel steps, the lazy limit, figures, the draw."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ntkfreq import empirical_ntk_gram
from ntkfreq.experiments import descend, largest_stable_step, mlp
from validation.claims.initializations import claim as script
from validation.claims.initializations.figure import draw
from validation.engine import Result, median_interval


def test_tones_have_equal_sine_and_cosine():
    x, y = script.signal(3)
    for tone in script.TONES:
        parts = [2 * np.mean(y * wave(tone * x)) for wave in (np.cos, np.sin)]
        np.testing.assert_allclose(np.abs(parts), 1 / np.sqrt(script.TONES.size), rtol=1e-12)
    assert np.mean(y**2) == pytest.approx(1.0)
    assert not np.array_equal(y, script.signal(4)[1])


def test_tones_do_not_disturb_each_other_nor_does_a_slope():
    """Under the Hann window each tone is learned when it is, whatever the others do."""
    x, _ = script.signal(0)
    clock, rates = np.linspace(0, 2, 400), np.array([1.0, 2.0, 3.0, 5.0, 9.0])
    waves = np.cos(np.outer(script.TONES, x) + 0.3)
    error = np.exp(-np.outer(clock, rates)) @ waves
    found = script.learning_times(x, clock, error)
    np.testing.assert_allclose(found, np.log(2) / rates, rtol=1e-5)
    found = script.learning_times(x, clock, error + 0.1 * x)
    np.testing.assert_allclose(found[1:], np.log(2) / rates[1:], rtol=0.02)
    assert script.learning_times(x, clock[:20], error[:20])[0] == np.inf


def test_kernel_steps_are_powers_of_a_matrix():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(9, 5))
    gram, error = root @ root.T, rng.normal(size=9)
    found = script.kernel_steps(gram, error, 0.3, np.array([0.0, 1.0, 7.0]))
    step = np.eye(9) - 0.3 * gram / 9
    for n, row in zip((0, 1, 7), found, strict=True):
        np.testing.assert_allclose(row, np.linalg.matrix_power(step, n) @ error, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_perceptron_follows_its_kernel_where_it_hardly_moves(activation):
    """A small change of the output: what departs at full amplitude is the change of the kernel."""
    x, y = script.signal(0)
    net = mlp([1, 64, 64, 1], activation=activation, rng=0)
    step_size = 0.2 * largest_stable_step(net, x)
    start = script.output(net, x)
    small = 1e-5
    run = descend(net, x, start + small * y, step_size=step_size, steps=150)
    gram = empirical_ntk_gram(net, x)
    expected = script.kernel_steps(gram, -small * y, step_size, run.step.astype(float))
    error = run.output - start - small * y
    assert np.abs(error - expected).max() < 1e-3 * np.abs(expected[0]).max()
    assert np.linalg.norm(error[-1] - error[0]) > 0.05 * np.linalg.norm(error[0])


@pytest.mark.parametrize(("count", "level"), [(2, 0.5), (5, 0.9375), (6, 0.96875), (12, 0.95)])
def test_median_interval_covers_as_often_as_it_says(count, level):
    draws = np.random.default_rng(0).exponential(size=(4000, count))
    rows = np.array([median_interval(draw) for draw in draws])
    assert np.all(rows[:, 1] <= rows[:, 0]) & np.all(rows[:, 0] <= rows[:, 2])
    covered = np.mean((rows[:, 1] <= np.log(2)) & (np.log(2) <= rows[:, 2]))
    assert rows[0, 3] == pytest.approx(level, abs=0.02 if count == 12 else 1e-12)
    assert covered == pytest.approx(rows[0, 3], abs=4 * np.sqrt(0.25 / 4000))


def test_median_interval_of_few_and_of_infinite():
    assert median_interval([3.0, np.nan]) == (3.0, 3.0, 3.0, 0.0)
    assert np.isnan(median_interval([np.nan])[0])
    assert median_interval([1.0, 2.0, np.inf])[:3] == (2.0, 1.0, np.inf)


def test_bias_is_a_lower_bound_and_undefined_where_nothing_is_learned():
    times = np.array([[2.0, 5.0, 10.0], [2.0, 5.0, np.inf], [np.inf, np.inf, np.inf]])
    np.testing.assert_allclose(script.bias(times, 100.0), [5.0, 50.0, np.nan])


def test_equivalent_std_is_that_of_a_normal_density():
    low, high = script.TONES[[0, -1]]
    ratio = stats.norm(scale=7.0).pdf(low) / stats.norm(scale=7.0).pdf(high)
    assert script.equivalent_std(ratio) == pytest.approx(7.0)
    assert script.equivalent_std(0.9) == np.inf


def test_a_figure_is_drawn_of_results_with_infinite_times(tmp_path: Path):
    names = [*script.PERCEPTRONS, script.CONTROL]
    rng = np.random.default_rng(0)
    data = {}
    for name in names:
        # The claims are about those that learn all.
        times = (
            np.full((3, 5), 2.0)
            if name == script.CONTROL
            else np.sort(rng.uniform(1, 30, (3, script.TONES.size)), axis=1)
        )
        data[name] = {
            "density": rng.uniform(1, 2, (3, script.FREQUENCIES.size)),
            "exponent": rng.uniform(1, 2, 3),
            "predicted": np.where(times > 25, np.inf, times),
            "measured": np.where(times > 20, np.inf, times),
            "sharpening": np.ones(3),
            "modes": np.full(3, 8),
            "top": np.ones(3),
        }
    result = script.summary(data, script.SIZES["quick"] | {"seeds": 3})
    rows = result.data["figures"][names[0]]
    assert rows[script.BY_NTK]["level"] == 0.75
    assert set(result.measurements) > {f"{name}: {script.BY_NTK}" for name in names}
    draw(Result.from_json(result.to_json())).savefig(tmp_path / "figure.png")
    assert 10_000 < (tmp_path / "figure.png").stat().st_size < 300_000
