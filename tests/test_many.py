"""Many runs at once: the same results as one by one."""

import threading
import time

import numpy as np
import pytest

from ntkfreq.network import FourierFeatureNet, many, train, train_many
from ntkfreq.problem.density import Normal
from ntkfreq.problem.optimizers import HeavyBall

X = np.linspace(-1, 1, 20)
Y = np.sin(5 * X)
NETS = [
    FourierFeatureNet.sample(Normal(scale=5.0), 300, sigma_a=sigma_a, rng=seed)
    for seed, sigma_a in enumerate((0.5, 1.0, 2.0, 1.0))
]


@pytest.mark.parametrize("backend", ["reference", "direct", "nufft"])
def test_runs_are_those_of_train_to_the_last_bit(backend):
    shared = {
        "optimizer": HeavyBall(0.5),
        "record": 7,
        "backend": backend,
        "batch_size": 8,
        "test": (X + 0.01, Y),
    }
    varied = {
        "step_size": [0.1, 0.2, 0.3, 0.4],
        "weight_decay": np.array([0.0, 0.01, 0.02, 0.03]),
        "frequency_decay": 0.01,
        "rng": [1, 2, 3, 4],
    }
    runs = train_many(NETS, X, Y, steps=60, **varied, **shared)
    for k, (net, run) in enumerate(zip(NETS, runs, strict=True)):
        own = {
            name: value if isinstance(value, float) else value[k] for name, value in varied.items()
        }
        alone = train(net, X, Y, steps=60, threads=1, **own, **shared)
        for name in ("t", "output", "spectrum", "train_loss", "kernel_drift"):
            np.testing.assert_array_equal(getattr(run, name), getattr(alone, name))
        np.testing.assert_array_equal(run.net.w, alone.net.w)
        assert run.initial_net is net
        assert run.stats["threads"] == 1
        assert run.settings["weight_decay"] == own["weight_decay"]


def test_runs_go_on_at_the_same_time(monkeypatch):
    gate = threading.Barrier(2, timeout=20)
    original = many.train

    def meets(*arguments, **settings):
        gate.wait()
        return original(*arguments, **settings)

    monkeypatch.setattr(many, "train", meets)
    assert len(train_many(NETS, X, Y, step_size=0.1, steps=3, workers=2)) == 4


def test_checkpoints_resume_every_run(tmp_path):
    settings = {"step_size": 0.1, "steps": 30, "checkpoint": tmp_path / "runs"}
    first = train_many(NETS, X, Y, **settings)
    names = sorted(file.name for file in (tmp_path / "runs").iterdir())
    assert names == [f"run-{k}.npz" for k in range(4)]
    again = train_many(NETS, X, Y, **settings)
    for one, other in zip(first, again, strict=True):
        assert other.stats["steps_taken"] == 0
        np.testing.assert_array_equal(one.output, other.output)


def test_a_diverging_run_does_not_stop_the_others():
    with pytest.warns(RuntimeWarning, match="diverged"):
        runs = train_many(NETS[:2], X, Y, step_size=[1e4, 0.1], steps=300)
    assert runs[0].status.startswith("diverged")
    assert runs[1].status == "completed 300 steps"


def test_progress_counts_runs(capsys):
    train_many(NETS, X, Y, step_size=0.1, steps=3, progress=True)
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"nets": []}, TypeError, "must be a non-empty list of networks"),
        ({"nets": NETS[0]}, TypeError, "must be a non-empty list of networks"),
        ({"nets": [1.0]}, TypeError, "net=1.0 must be a FourierFeatureNet"),
        ({"step_size": [0.1, 0.2]}, ValueError, r"step_size has 2 value\(s\) for 4 network\(s\)"),
        ({"rng": np.random.default_rng(0)}, TypeError, "would give each run what the others"),
        ({"threads": 2}, TypeError, "threads is 1 for each run of train_many"),
        ({"workers": 0}, ValueError, "workers=0 must be at least 1"),
        ({"momentum": 0.9}, TypeError, "unexpected keyword argument 'momentum'"),
        ({"steps": 0}, ValueError, "steps=0 must be at least 1"),
    ],
)
def test_bad_input_is_refused(changes, error, message):
    settings = {"nets": NETS, "step_size": 0.1, "steps": 3} | changes
    with pytest.raises(error, match=message):
        train_many(settings.pop("nets"), X, Y, **settings)


def test_a_run_that_fails_stops_the_others_soon(monkeypatch, tmp_path):
    original = many.train

    def fails(net, *arguments, **settings):
        if net is NETS[1]:
            for _ in range(200):
                if (tmp_path / "run-0.npz").exists():
                    break
                time.sleep(0.1)
            raise KeyboardInterrupt
        return original(net, *arguments, **settings)

    monkeypatch.setattr(many, "train", fails)
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        train_many(
            NETS[:2],
            X,
            Y,
            step_size=0.1,
            steps=10**8,
            workers=2,
            checkpoint=tmp_path,
            checkpoint_seconds=0.0,
        )
    # The other run would take hours; it has left a checkpoint.
    assert time.perf_counter() - begin < 60
    assert (tmp_path / "run-0.npz").exists()
