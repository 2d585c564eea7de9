"""Intervals for single networks: against trained ones, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Empirical,
    FourierFeatureNet,
    Normal,
    compare,
    solve_frequency_pde,
    train,
)

X = np.linspace(-1, 1, 33)
Y = np.sin(np.pi * X) + 0.5 * np.cos(3 * np.pi * X) + 0.25 * np.sin(5 * np.pi * X)
RHO = Normal(scale=10.0)
BANDS = [(2, 4), (8, 11), (14, 17)]
STEPS = np.arange(201)


def solved(width=256, **options):
    options = {"optimizer": Adam(), "step_size": 1e-3, "width": width, "steps": STEPS} | options
    return solve_frequency_pde(options.pop("rho", RHO), (X, Y), **options)


def trained(width, seed, paired=True, **options):
    net = FourierFeatureNet.sample(RHO, width, zero_output=paired, rng=1000 * width + seed)
    options = {"optimizer": Adam(), "step_size": 1e-3, "steps": 200, "record": STEPS} | options
    return net, train(net, X, Y, kernel_probe=0, **options)


@pytest.mark.parametrize("width", [256, 1024])
def test_intervals_cover_trained_networks(width):
    """90 % of 30 networks, three bands and the loss of each: two in three at the very least."""
    drawn = solved(width).finite_width()
    runs = [trained(width, seed)[1] for seed in range(30)]
    covered = []
    for band in BANDS:
        low, predicted, high = drawn.learning_step(band)
        assert low < predicted < high
        steps = np.array([run.learning_time(band) for run in runs]) / 1e-3
        covered.append(np.mean((steps >= low) & (steps <= high)))
    low, _, high = drawn.train_loss()
    losses = np.array([run.train_loss for run in runs])
    covered.append(np.mean((losses >= low) & (losses <= high)))
    low, _, high = drawn.outputs()
    outputs = np.array([run.train_output for run in runs])
    covered.append(np.mean((outputs >= low) & (outputs <= high)))
    # 30 networks: a share of 0.9 is seen as 0.9 +- 0.055.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.07)
    assert min(covered) > 0.75


def test_the_spread_is_that_of_networks():
    solution = solved(1024)
    drawn = solution.finite_width()
    runs = [trained(1024, seed)[1].train_output for seed in range(10)]
    off = np.sqrt(np.mean((np.array(runs) - solution.path.output) ** 2, axis=(0, 2)))
    assert drawn.spread[0] == 0
    assert np.median(drawn.spread[1:] / off[1:]) == pytest.approx(1, abs=0.2)


def test_wide_networks_are_drawn_narrower():
    # The rate of the limit is the same; epsilon = 0, for it counts by the root of the width.
    rule = Adam(epsilon=0.0)
    narrow = solved(1024, optimizer=rule).finite_width()
    wide = solved(16384, optimizer=rule, step_size=2.5e-4).finite_width()
    assert (narrow.units, narrow.distinct, wide.units, wide.distinct) == (512, 512, 512, 8192)
    assert narrow.output == pytest.approx(wide.output, abs=1e-9)
    assert wide.spread[1:] == pytest.approx(narrow.spread[1:] / 4, rel=1e-6)


def test_networks_of_their_own_start_have_twice_as_many_units():
    net, run = trained(512, 0, paired=False)
    drawn = solved(512, initial_output=net).finite_width()
    assert (drawn.units, drawn.distinct) == (512, 512)
    low, _, high = drawn.train_loss(0.99)
    assert np.mean((run.train_loss >= low) & (run.train_loss <= high)) > 0.9
    assert solved(512).finite_width(draws=2).distinct == 256
    # Without output weights at the start the output is zero without pairs.
    assert solved(512, sigma_a=0.0).finite_width(draws=2, zero_output=False).distinct == 512


def test_one_network_is_followed_as_it_is():
    """Its units move by O(1/m) of what they are: 1 % at width 256."""
    net, run = trained(256, 3)
    solution = solved(256, initial=net)
    for band in BANDS:
        measured = run.learning_time(band) / 1e-3
        assert solution.learning_step(band) == pytest.approx(measured, rel=0.02)
    with pytest.raises(ValueError, match="units of one network"):
        solution.finite_width()


def test_records_need_not_begin_at_the_start():
    solution = solved(256)
    later = solution.at(steps=[50, 200]).finite_width(draws=3)
    assert later.distinct == 128
    assert later.output == pytest.approx(solution.finite_width(draws=3).output[:, [50, 200]])


def test_between_the_samples():
    solution = solved(512, test=(X[:-1] + 1 / 32, Y[:-1]))
    drawn = solution.finite_width(seed=3)
    low, predicted, high = drawn.test_loss()
    assert predicted == pytest.approx(solution.test_loss)
    assert low.shape == high.shape == STEPS.shape
    low, predicted, high = drawn.learning_time(BANDS[0])
    assert low < predicted < high
    assert drawn.test_output.shape == (20, 201, 32)


def test_what_most_networks_never_learn_has_no_end():
    solution = solved(256, steps=np.arange(41))
    low, predicted, high = solution.finite_width().learning_step(BANDS[1], 0.05)
    assert low <= predicted
    assert high == np.inf


def test_atoms_are_drawn_as_well():
    drawn = solved(256, rho=Empirical(np.linspace(0.5, 30, 60)), steps=60).finite_width(draws=4)
    assert np.isfinite(drawn.output).all()


def test_it_pickles_and_says_what_it_is():
    drawn = solved(256, steps=20).finite_width(draws=3)
    again = pickle.loads(pickle.dumps(drawn))
    assert again.output == pytest.approx(drawn.output)
    assert "draws=3" in repr(drawn)
    assert solved(256, steps=20).finite_width(draws=3).output == pytest.approx(drawn.output)


def test_a_comparison_has_them_beside_its_times():
    run = trained(1024, 5)[1]
    both = compare(solved(1024), run)
    rows = both.learning_times(BANDS, level=0.99)
    assert [row.low for row in rows] == [2, 8, 14]
    for row, plain in zip(rows, both.learning_times(BANDS), strict=True):
        assert row.interval[0] < row.predicted < row.interval[1]
        assert row.interval[0] < row.measured < row.interval[1]
        assert plain.interval is None
        assert plain.ratio == row.ratio


def test_the_figure_has_an_interval_a_band():
    axes = solved(256).finite_width().plot(6)
    (bars,) = axes.containers
    # Of six bands three hold a tone.
    assert len(bars[0].get_xdata()) == 3
    assert axes.get_ylabel() == "steps until 0.5 is left"
    with pytest.raises(ValueError, match="no band is learned"):
        solved(256, steps=3).finite_width(draws=2).plot(6)


def test_refusals():
    solution = solved(256, steps=20)
    drawn = solution.finite_width(draws=3)
    with pytest.raises(ValueError, match="no test loss"):
        drawn.test_loss()
    with pytest.raises(ValueError, match="level=1 must be below 1"):
        drawn.outputs(level=1.0)
    with pytest.raises(ValueError, match="draws"):
        solution.finite_width(draws=1)


def test_another_width_is_refused_here():
    solution = solved(256, steps=5)
    assert solution.finite_width(256, draws=2).width == 256
    with pytest.raises(ValueError, match=r"width=512.*depend on the width, 256 here"):
        solution.finite_width(512)
    with pytest.raises(ValueError, match="hidden layers are not followed"):
        solution.finite_width(hidden=64)
