"""Mean losses under batches: against every sequence of batches, simulated runs, and networks."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Cosine,
    Empirical,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    Warmup,
    batch_losses,
    expected_losses,
    solve_frequency_pde,
    train,
    train_many,
)
from ntkfreq.pde.batches.moments import shares
from ntkfreq.recursion.batches import epoch_batches
from validation.reference.batches import enumerated_losses, kernel

RHO, SCALE = Normal(scale=3.0), 3.0
X = np.array([-0.9, -0.2, 0.3, 1.0])
Y = np.array([1.0, -0.5, 0.8, 0.3])
T, TY = np.array([-0.5, 0.1, 0.6]), np.array([0.2, 0.4, -0.7])
RULES = {
    "gd": (GradientDescent(schedule=Warmup(3)), 0.0, False),
    "ball": (HeavyBall(0.6), 0.6, False),
    "nesterov": (Nesterov(0.5, schedule=Warmup(2, Cosine(9))), 0.5, True),
}
MANY = np.linspace(-1, 1, 32)
WAVE = np.sin(3 * MANY) + 0.7 * np.cos(9 * MANY)


def enumerated(name, order, size, steps, start=None, test_start=None):
    rule, beta, nesterov = RULES[name]
    etas = [0.8 * rule.schedule.factor(step) for step in range(steps)]
    start = -Y if start is None else start
    test_start = -TY if test_start is None else test_start
    gram, tested = kernel(SCALE, X, X), kernel(SCALE, T, X)
    return enumerated_losses(
        gram, start, etas, order, size, beta, nesterov, tested=tested, test_start=test_start
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("order", "size", "steps"),
    [
        ("independent", 1, 5),
        ("independent", 2, 5),
        ("independent", 3, 5),
        ("independent", 4, 3),
        ("repeated", 1, 5),
        ("repeated", 2, 4),
        ("repeated", 3, 3),
    ],
)
def test_moments_are_means_over_all_sequences(name, order, size, steps):
    found = batch_losses(
        RHO, (X, Y), step_size=0.8, batch_size=size, order=order, optimizer=RULES[name][0],
        steps=np.arange(steps + 1), test=(T, TY),
    )  # fmt: skip
    train_mean, test_mean = enumerated(name, order, size, steps)
    np.testing.assert_allclose(found.train_mean, train_mean, rtol=1e-12)
    np.testing.assert_allclose(found.test_mean, test_mean, rtol=1e-12)
    assert found.method == "moments"
    assert found.status.startswith("exact")
    assert found.train_std is found.test_error is None


def test_moments_of_random_initial_outputs():
    """Second moments add up over independent parts of the start."""
    both = np.concatenate([X, T])
    parts = np.linalg.cholesky(np.exp(-((SCALE * (both[:, None] - both)) ** 2) / 2)) * 0.7
    gram, tested = (
        (1 + 0.49 * np.outer(one, X)) * np.exp(-((SCALE * (one[:, None] - X)) ** 2) / 2)
        for one in (X, T)
    )
    starts = [*parts.T, -np.concatenate([Y, TY])]
    sums = np.sum(
        [
            enumerated_losses(
                gram, start[:4], [0.5] * 4, "independent", 2, 0.3, False, tested, start[4:]
            )
            for start in starts
        ],
        axis=0,
    )
    options = {
        "step_size": 0.5, "batch_size": 2, "order": "independent", "steps": np.arange(5),
        "optimizer": HeavyBall(0.3), "test": (T, TY), "sigma_a": 0.7, "initial_output": "random",
    }  # fmt: skip
    found = batch_losses(RHO, (X, Y), **options)
    np.testing.assert_allclose(found.train_mean, sums[0], rtol=1e-11)
    np.testing.assert_allclose(found.test_mean, sums[1], rtol=1e-11)
    drawn = batch_losses(RHO, (X, Y), method="simulation", draws=3000, **options)
    # Four standard errors at each of ten means.
    assert np.all(np.abs(drawn.train_mean - sums[0]) < 4 * drawn.train_error)
    assert np.all(np.abs(drawn.test_mean - sums[1]) < 4 * drawn.test_error)


@pytest.mark.parametrize("size", [1, 3])
def test_simulated_epochs_are_those_of_all_permutations(size):
    steps = 2 * -(-4 // size)
    found = batch_losses(
        RHO, (X, Y), step_size=0.8, batch_size=size, optimizer=RULES["ball"][0],
        steps=np.arange(steps + 1), test=(T, TY), draws=20_000,
    )  # fmt: skip
    means = enumerated("ball", "shuffled", size, steps)
    np.testing.assert_allclose(found.train_mean[0], means[0][0], rtol=1e-12)
    assert np.all(np.abs(found.train_mean - means[0])[1:] < 4 * found.train_error[1:])
    assert np.all(np.abs(found.test_mean - means[1])[1:] < 4 * found.test_error[1:])
    assert found.method == "simulation"


@pytest.mark.parametrize("order", ["independent", "repeated"])
@pytest.mark.parametrize("size", [2, 12])
def test_moments_agree_with_simulated_runs(order, size):
    """Gathered batches, and batches masked in all samples."""
    options = {
        "step_size": 0.6, "batch_size": size, "order": order, "steps": [0, 1, 10, 60],
        "test": (MANY[:-1] + 1 / 31, np.sin(3 * MANY[:-1])), "optimizer": Nesterov(0.3),
    }  # fmt: skip
    exact = batch_losses(Normal(scale=8.0), (MANY, WAVE), **options)
    drawn = batch_losses(Normal(scale=8.0), (MANY, WAVE), method="simulation", **options)
    for side in ("train", "test"):
        mean, error = (getattr(drawn, f"{side}_{what}") for what in ("mean", "error"))
        # Four standard errors; at the start all runs are alike.
        apart = np.abs(mean - getattr(exact, f"{side}_mean"))
        assert np.all(apart <= 4 * error + 1e-12 * mean)
    np.testing.assert_allclose(drawn.train_std, drawn.train_error * np.sqrt(4000))


def test_epochs_independent_draws_and_full_batches_are_three_laws():
    options = {"step_size": 1.0, "batch_size": 8, "steps": np.arange(33)}
    epochs = batch_losses(Normal(scale=8.0), (MANY, WAVE), **options)
    alone = batch_losses(Normal(scale=8.0), (MANY, WAVE), order="independent", **options)
    full = solve_frequency_pde(Normal(scale=8.0), (MANY, WAVE), step_size=1.0, steps=np.arange(33))
    # The first step sees one batch in either case.
    assert abs(epochs.train_mean[1] - alone.train_mean[1]) < 4 * epochs.train_error[1]
    late = slice(8, None, 4)
    apart = 10 * epochs.train_error[late]
    assert np.all(alone.train_mean[late] - epochs.train_mean[late] > apart)
    assert np.all(np.abs(full.train_loss[late] - epochs.train_mean[late]) > apart)


def test_epochs_can_be_above_independent_draws():
    """With large steps; the page says so."""
    y = np.sin(3 * MANY) + 0.7 * np.cos(11 * MANY)
    options = {"step_size": 5.0, "batch_size": 8, "steps": [4]}
    epochs = batch_losses(Normal(scale=12.0), (MANY, y), **options)
    alone = batch_losses(Normal(scale=12.0), (MANY, y), order="independent", **options)
    assert epochs.train_mean[0] > 1.1 * alone.train_mean[0] + 3 * epochs.train_error[0]


def test_all_samples_are_full_batches():
    options = {"step_size": 0.9, "optimizer": HeavyBall(0.4, schedule=Warmup(5))}
    full = solve_frequency_pde(RHO, (MANY, WAVE), steps=np.arange(40), **options)
    for order in ("shuffled", "independent"):
        found = batch_losses(
            RHO, (MANY, WAVE), batch_size=32, order=order, steps=np.arange(40), draws=2, **options
        )
        np.testing.assert_allclose(found.train_mean, full.train_loss, rtol=1e-10)
        np.testing.assert_allclose(found.t, full.t, rtol=1e-13)
    one = batch_losses(
        RHO, ([0.5], [1.0]), step_size=0.5, batch_size=1, order="independent", steps=3
    )
    # A single sample is a full batch as well: K = 1 + 0.25.
    np.testing.assert_allclose(one.train_mean, (1 - 0.5 * 1.25) ** (2.0 * one.step), rtol=1e-12)


def test_random_starts_on_full_batches_are_expected_losses():
    options = {"step_size": 0.4, "sigma_a": 0.8, "test": (T, TY)}
    wanted = expected_losses(RHO, (X, Y), t=0.4 * np.arange(9), **options)
    found = batch_losses(
        RHO, (X, Y), batch_size=4, order="independent", steps=np.arange(9),
        initial_output="random", **options,
    )  # fmt: skip
    np.testing.assert_allclose(found.train_mean, wanted.train_mean, rtol=1e-8)
    np.testing.assert_allclose(found.test_mean, wanted.test_mean, rtol=1e-8)


def test_modes_that_do_not_move_are_left_out():
    """Hundreds of samples of a smooth kernel have some thirty modes; the rest stays as it is."""
    x = np.linspace(-1, 1, 300)
    y = np.sin(3 * x) + 0.1 * np.random.default_rng(0).standard_normal(300)
    options = {"step_size": 0.5, "steps": [0, 5, 40], "test": (T, TY), "initial_output": "random"}
    options |= {"batch_size": 20, "order": "independent", "sigma_a": 0.5}
    found = batch_losses(RHO, (x, y), **options)
    assert found.stats["modes"] < 50
    assert found.stats["left_out"] < 1e-6
    untested = batch_losses(RHO, (x, y), **{**options, "test": None})
    assert untested.stats["modes"] <= found.stats["modes"]
    np.testing.assert_allclose(untested.train_mean, found.train_mean, rtol=1e-11)
    drawn = batch_losses(RHO, (x, y), method="simulation", draws=800, **options)
    for side in ("train", "test"):
        mean, error = (getattr(drawn, f"{side}_{what}") for what in ("mean", "error"))
        assert np.all(np.abs(mean - getattr(found, f"{side}_mean")) < 4 * error)
    # All modes, by a plain loop over second moments.
    matrix = np.exp(-((SCALE * (x[:, None] - x)) ** 2) / 2) * (1 + 0.25 * np.outer(x, x))
    second = np.outer(y, y) + 0.25 * np.exp(-((SCALE * (x[:, None] - x)) ** 2) / 2)
    diagonal, all_of = shares(300, 20, False)
    for _ in range(5):
        noise = diagonal * np.diag(np.diag(second)) + all_of * second
        drift = matrix @ second * (0.5 / 300)
        second = second - drift - drift.T + 0.25 * matrix @ noise @ matrix
    np.testing.assert_allclose(found.train_mean[1], np.trace(second) / 300, rtol=1e-10)


def test_a_given_order_is_followed_exactly():
    net = FourierFeatureNet.sample(Normal(scale=8.0), 64, zero_output=True, rng=0)
    batches = epoch_batches(32, 5, 30, seed=3)
    rule = HeavyBall(0.5, schedule=Warmup(10))
    run = train(
        net, MANY, WAVE, optimizer=rule, step_size=0.3, steps=30, batch_size=5, rng=3,
        freeze_frequencies=True, record=np.arange(31),
    )  # fmt: skip
    found = batch_losses(
        Empirical(net.w), (MANY, WAVE), sigma_a=0.0, order=batches, optimizer=rule, step_size=0.3,
        steps=np.arange(31),
    )  # fmt: skip
    np.testing.assert_allclose(found.train_mean, run.train_loss, rtol=1e-9)
    assert found.method == "given order"
    assert found.train_std is None
    again = batch_losses(
        RHO, (MANY, WAVE), order=batches, step_size=0.3, steps=[30], initial_output="random",
        draws=50,
    )  # fmt: skip
    assert again.train_std[0] > 0


@pytest.mark.parametrize("order", ["shuffled", "independent"])
def test_networks_follow_their_mean(order):
    nets = [
        FourierFeatureNet.sample(Normal(scale=8.0), 4096, zero_output=True, rng=seed)
        for seed in range(16)
    ]
    record = [0, 8, 24, 48]
    runs = train_many(
        nets, MANY, WAVE, step_size=0.6, steps=48, batch_size=8, order=order, record=record,
        rng=list(range(16)), kernel_probe=0, frequencies=[0.0],
    )  # fmt: skip
    losses = np.array([run.train_loss for run in runs])
    found = batch_losses(
        Normal(scale=8.0), (MANY, WAVE), step_size=0.6, batch_size=8, order=order, steps=record
    )
    error = losses.std(axis=0, ddof=1) / 4
    # Three standard errors of sixteen runs, and one percent for the width.
    apart = np.abs(losses.mean(axis=0) - found.train_mean)
    assert np.all(apart < 3 * error + 0.01 * found.train_mean)
    assert np.all(error < 0.15 * found.train_mean)


def test_status_tells_how_well_means_are_known():
    few = batch_losses(RHO, (MANY, WAVE), step_size=1.0, batch_size=1, steps=60, draws=8)
    assert "give more draws" in few.status
    assert "one run holds" in few.status
    many = batch_losses(RHO, (MANY, WAVE), step_size=0.2, batch_size=8, steps=60, draws=500)
    assert many.status.startswith("simulated: 500 runs, standard error at most")
    assert "draws;" not in many.status
    again = batch_losses(RHO, (MANY, WAVE), step_size=0.2, batch_size=8, steps=60, draws=500, rng=1)
    assert np.any(again.train_mean != many.train_mean)


def test_results_are_drawn_and_labelled():
    found = batch_losses(RHO, (X, Y), step_size=0.5, batch_size=2, steps=5, draws=20, test=(T, TY))
    axes = found.plot()
    assert axes.get_xlabel() == "step"
    assert len(axes.get_legend_handles_labels()[1]) == 3
    data = found.to_xarray()
    assert set(data.data_vars) == {
        f"{side}_{what}" for side in ("train", "test") for what in ("mean", "std", "error")
    }
    assert data["train_error"].attrs["long_name"] == "standard error of the mean training loss"
    assert data.attrs["method"] == "simulation"
    exact = batch_losses(RHO, (X, Y), step_size=0.5, batch_size=2, steps=5, order="independent")
    assert exact.plot().get_legend_handles_labels()[1] == ["training: mean over batches"]
    assert set(exact.to_xarray().data_vars) == {"train_mean"}
    assert repr(exact).startswith("BatchLosses(step=6 from 0 to 5, train_mean=0.495 to")


def test_refusals():
    options = {"step_size": 0.5, "batch_size": 2}
    with pytest.raises(ValueError, match=r"target=.* is no set of samples, which batches"):
        batch_losses(RHO, np.sin, **options)
    with pytest.raises(ValueError, match=r"method='moments' with shuffled batches: only batches"):
        batch_losses(RHO, (X, Y), method="moments", **options)
    with pytest.raises(ValueError, match=r"order='shuffled' needs batch_size"):
        batch_losses(RHO, (X, Y), step_size=0.5)
    with pytest.raises(ValueError, match=r"batch_size=9 is more than the 4 samples"):
        batch_losses(RHO, (X, Y), step_size=0.5, batch_size=9)
    with pytest.raises(
        ValueError, match=r"batch_size=3 is not that of order, whose batches have 2"
    ):
        batch_losses(RHO, (X, Y), step_size=0.5, batch_size=3, order=[[0, 1]], steps=1)
    with pytest.raises(ValueError, match=r"order is a masked array with 1 of 2 entries masked"):
        batch_losses(RHO, (X, Y), step_size=0.5, order=np.ma.masked_equal([[0, 1]], 0), steps=1)
    with pytest.raises(ValueError, match=r"steps=1000000000: this takes .* give fewer steps"):
        batch_losses(RHO, (X, Y), step_size=0.5, batch_size=2, order="independent", steps=10**9)
    with pytest.raises(ValueError, match=r"optimizer=Adam.*moves parameters by what is not linear"):
        batch_losses(RHO, (X, Y), optimizer=Adam(), **options)
    with pytest.raises(ValueError, match=r"clips gradients at clip=1"):
        batch_losses(RHO, (X, Y), optimizer=GradientDescent(clip=1.0), **options)
    with pytest.raises(ValueError, match=r"initial_output='zero' must be one of 'random'"):
        batch_losses(RHO, (X, Y), initial_output="zero", **options)
    with pytest.raises(ValueError, match=r"step_size=9 exceeds max_step_size="):
        batch_losses(RHO, (X, Y), step_size=9.0, batch_size=2)
    with pytest.raises(TypeError, match=r"step_size=None must be a real number"):
        batch_losses(RHO, (X, Y), step_size=None, batch_size=2)
    # Stable on all four samples, but not on one at a time.
    for order in ("shuffled", "independent"):
        with pytest.raises(ValueError, match=r"with batches of 1: the mean loss grows without bou"):
            batch_losses(RHO, (X, Y), step_size=3.5, batch_size=1, order=order, draws=50)
    many = np.linspace(-1, 1, 600)
    wide = (Normal(scale=3000.0), (many, many))
    with pytest.raises(ValueError, match=r"second moments of 600 samples, .* method='simulation'"):
        batch_losses(*wide, step_size=0.1, batch_size=2, order="independent", steps=100_000)
    with pytest.raises(ValueError, match=r"draws=4000 runs of 32 samples, .* give fewer draws"):
        batch_losses(RHO, (MANY, WAVE), step_size=0.1, batch_size=2, steps=10_000_000)
    with pytest.raises(ValueError, match=r"x has 20000 points"):
        batch_losses(RHO, (np.arange(2e4), np.arange(2e4)), **options)


def test_idle_steps_are_told():
    rule = GradientDescent(schedule=Cosine(5))
    with pytest.warns(UserWarning, match=r"is 0 from step 5 on, and the run has 9"):
        batch_losses(
            RHO, (X, Y), step_size=0.5, batch_size=2, optimizer=rule, steps=9, order="independent"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch_losses(
            RHO, (X, Y), step_size=0.5, batch_size=2, optimizer=rule, steps=5, order="independent"
        )
