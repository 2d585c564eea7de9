"""The time of a prediction step by step is told beforehand, and too much of it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Empirical,
    FourierFeatureNet,
    Normal,
    solve_frequency_pde,
    stepwise_seconds,
)
from ntkfreq._support.sizes import SizeError
from ntkfreq.pde.stepped import solve

X = np.linspace(-1, 1, 48)
Y = np.sin(3 * X) + 0.3 * np.cos(12 * X)
RHO = Normal(scale=10.0)
ADAM = {"optimizer": Adam(), "step_size": 1e-3, "width": 1024}


def told(rho_w=RHO, target=(X, Y), **options):
    return stepwise_seconds(rho_w, target, **ADAM | {"steps": 300} | options)


def test_it_grows_with_what_is_asked():
    assert 0 < told() < 1
    assert told(steps=3000) > 5 * told()
    assert told(rtol=1e-5) > 5 * told()
    assert told(sigma_a=0.0) < told()
    assert told(optimizer=Adam(epsilon=0.0)) < told()
    assert told(optimizer="sign") < told()
    assert told(batch_size=6) < told()
    assert told(order=[np.arange(6)] * 300) == told(batch_size=6)
    assert told(frequency_decay=1.0, optimizer="adamw") > told(optimizer="adamw")
    assert told(test=(9 * X, Y)) > 3 * told()
    assert told(Empirical([1.0, 3.0])) < 0.3 * told()
    assert told(t=[0.0, 0.3], steps=None) == told(steps=[0, 300])


def test_a_network_takes_its_own_frequencies():
    few, many = (FourierFeatureNet.sample(RHO, width, rng=0) for width in (64, 6400))
    assert told(initial=many, width=None) > 10 * told(initial=few, width=None)


def test_a_long_prediction_is_refused_with_its_size_and_time():
    side = np.linspace(-1, 1, 512)
    x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    photograph = (x, np.sin(9 * x[:, 0]))
    plane = Normal(scale=60.0, dim=2)
    assert told(plane, photograph, rtol=1e-3, steps=100_000) > 3600
    with pytest.raises(
        SizeError,
        match=r"steps=100000 with \d+ nodes and 262144 points: this takes about .* hours, above "
        r"the 15 minutes that one call may last; take nodes of a larger tolerance \(rtol\), fewer",
    ):
        solve_frequency_pde(plane, photograph, rtol=1e-3, steps=100_000, **ADAM)
    # That of the page on images: a minute or so, and not refused.
    assert 5 < told(Normal(scale=10.0, dim=2), photograph, rtol=1e-2) < 300


def test_nodes_that_would_take_too_long_are_not_added(monkeypatch):
    """What has been followed is kept, and the status says that it is not enough."""

    def refuse(*_):
        raise SizeError("too long")

    options = ADAM | {"steps": 30, "rtol": 1e-2}
    noise = np.random.default_rng(0).standard_normal(48)
    monkeypatch.setattr(solve, "node_error", lambda *_: 0.5)
    more = solve_frequency_pde(RHO, (X, noise), **options)
    assert more.status.startswith("tolerance not met: nodes leave an estimated error of 5.0e-01")
    calls = iter([None, refuse])
    monkeypatch.setattr(solve, "refuse_long", lambda *_: (next(calls) or (lambda: None))())
    first = solve_frequency_pde(RHO, (X, noise), **options)
    assert first.status == more.status
    assert first.stats["nodes"] < more.stats["nodes"]


def test_long_runs_tell_their_nodes_and_their_time(monkeypatch, capsys):
    monkeypatch.setattr(solve, "_LONG", 0.0)
    solution = solve_frequency_pde(RHO, (X, Y), steps=20, **ADAM)
    shown = capsys.readouterr().err
    assert f"follow {solution.stats['nodes']} nodes, about" in shown
    assert "seconds" in shown
