"""Expected losses over batches as well as initial networks."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Box,
    Cosine,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Normal,
    Points,
    batch_losses,
    expected_losses,
    train,
)

RHO, X = Normal(scale=6.0), np.linspace(-1, 1, 16)
Y = np.sin(4 * X)
T = np.array([0.0, 0.4, 2.0, 8.0])


def expected(**options):
    return expected_losses(RHO, (X, Y), **({"step_size": 0.4, "t": T} | options))


def test_whole_batches_are_no_batches():
    """All samples at every step: the exact mean over initial networks, by another way."""
    plain, all_seen = expected(), expected(batch_size=16, order="independent")
    assert all_seen.train_mean == pytest.approx(plain.train_mean, rel=1e-9)
    assert all_seen.t == pytest.approx(T)
    assert np.isnan(all_seen.train_std).all()


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_they_are_those_of_batches_with_random_outputs(momentum):
    test = (X + 0.05, np.sin(4 * X + 0.2))
    found = expected(batch_size=4, momentum=momentum, test=test, rng=3)
    known = batch_losses(
        RHO, (X, Y), step_size=0.4, batch_size=4, steps=[0, 1, 5, 20], test=test, rng=3,
        optimizer=HeavyBall(momentum), initial_output="random",
    )  # fmt: skip
    for name in ("train_mean", "train_std", "test_mean", "test_std"):
        assert getattr(found, name) == pytest.approx(getattr(known, name))
    assert found.plot().get_legend_handles_labels()[1][0] == "training: mean"


def test_a_schedule_has_its_own_clock():
    """All samples at every step, by whole steps or by the times at which they end."""
    rule = GradientDescent(schedule=Cosine(20))
    by_steps = expected(optimizer=rule, t=None, steps=[0, 5, 15])
    for clock in ({"t": None, "steps": [0, 5, 15]}, {"t": by_steps.t}):
        seen = expected(optimizer=rule, batch_size=16, order="independent", **clock)
        assert seen.t == pytest.approx(by_steps.t)
        assert seen.train_mean == pytest.approx(by_steps.train_mean, rel=1e-9)
    assert expected(optimizer=rule, t=None, steps=5).t[-1] == pytest.approx(by_steps.t[1])


def test_networks_agree():
    """Mean loss of 40 networks of their own outputs: a few times its standard error of 10 %."""
    found = expected(batch_size=4, order="independent", t=[0.0, 2.0])
    losses = []
    for seed in range(40):
        net = FourierFeatureNet.sample(RHO, 2048, rng=seed)
        run = train(
            net, X, Y, step_size=0.4, steps=5, batch_size=4, order="independent", rng=seed,
            record=[0, 5], kernel_probe=0,
        )  # fmt: skip
        losses.append(run.train_loss)
    mean, error = np.mean(losses, axis=0), np.std(losses, axis=0) / np.sqrt(40)
    assert np.all(np.abs(mean - found.train_mean) < 3 * error)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"measure": Points(X, weights=np.linspace(1, 2, 16))}, "count alike"),
        ({"weight_decay": 0.1}, "known without decay"),
        ({"method": "frequency"}, "followed on the Gram matrix"),
        ({"step_size": None}, "batches are seen step by step"),
        ({"t": [0.0, 0.5]}, "multiples? of"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(ValueError, match=match):
        expected(batch_size=4, **options)


def test_a_box_has_no_batches():
    with pytest.raises(ValueError, match="batches are drawn from samples"):
        expected_losses(RHO, np.sin, measure=Box(-1, 1), batch_size=4, step_size=0.4, t=T)
