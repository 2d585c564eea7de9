"""Training at the ends of double precision, memory and disk: right, or a sentence."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ntkfreq import FourierFeatureMLP, FourierFeatureNet, Normal, train, train_many
from ntkfreq.network import backends, checkpoint
from ntkfreq.network.backends import Descent, NetworkState, cost, direct, limits
from ntkfreq.network.stability import divergence_remedy, top_eigenvalue
from ntkfreq.problem.optimizers import GradientDescent, Optimizer
from ntkfreq.problem.step_schedules import Exponential, Schedule
from tests.training_extremes import cases

X = np.linspace(-1, 1, 12)
Y = np.sin(3 * X)
NET = FourierFeatureNet.sample(Normal(scale=5.0), 32, rng=0)
HERE = Path(__file__).parent


def run(net=NET, x=X, y=Y, **changes):
    return train(net, x, y, **({"step_size": 0.1, "steps": 20} | changes))


class Lost(Schedule):
    def factor(self, step):
        return np.nan


@pytest.fixture(scope="module")
def outcomes():
    """How each backend ends each extreme run, all of one backend in a process of their own."""
    script = str(HERE / "training_extremes.py")
    started = {
        name: subprocess.Popen(
            [sys.executable, script, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in backends.BACKENDS
    }
    found = {}
    for name, process in started.items():
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, f"{name} ended by {process.returncode}: {err[-2000:]}"
        found[name] = {line[0]: line[1:] for line in map(json.loads, out.splitlines())}
    return found


# What training from one state gives on two backends parts after some steps of chaos.
CHAOS = "frequencies that grow"


@pytest.mark.parametrize("case", cases())
def test_all_backends_end_alike(outcomes, case):
    kinds = {name: found[case][0] for name, found in outcomes.items()}
    assert set(kinds.values()) in ({"completed"}, {"diverged"}, {"refused"}), kinds
    plain = outcomes["reference"][case]
    for kind, text, loss in (found[case] for found in outcomes.values()):
        if kind == "completed" or (kind == "diverged" and case != CHAOS):
            np.testing.assert_allclose(loss, plain[2], rtol=3e-5, atol=1e-12)
        if kind == "diverged":
            assert "records end at step" in text
            assert "use less" in text or "use for instance" in text
    if kinds["direct"] == "refused":
        assert plain[1] == outcomes["nufft"][case][1]


@pytest.mark.parametrize(
    ("case", "kind", "text"),
    [
        ("plain", "completed", "completed 400 steps"),
        ("decay 30", "diverged", "the largest frequency grew from .* does not hold the phases"),
        ("step 1e50", "diverged", "grew from 11.6 to 1.49e.49"),
        ("frozen", "diverged", "the training loss rose from"),
        ("x at 1e9", "refused", "phases .w.x. reach 1.86e.10.*from an origin within the data"),
        ("x at 1e8", "completed", "phases .w.x. reach 1.16e.09, which float64 holds to 1e-07"),
        ("x 5e-324", "refused", "x has a largest magnitude of 4.94e-324"),
    ],
)
def test_endings_are_told(outcomes, case, kind, text):
    for found in outcomes.values():
        assert found[case][0] == kind
        assert re.search(text, found[case][1])


def test_points_far_from_0_train_as_the_remedy_says():
    # The message: "give x from an origin within the data, x - c".
    stamps = 1.6e9 + 3600.0 * np.arange(12)
    net = FourierFeatureNet.sample(Normal(scale=2 * np.pi), 200, zero_output=True, rng=0)
    with pytest.raises(ValueError, match="from an origin within the data, x - c"):
        run(net, stamps)
    moved = (stamps - stamps.mean()) / 3600.0
    history = run(net, moved, steps=1)
    kernel = (np.cos(np.subtract.outer(moved, moved)[..., None] * net.w[:, 0])).mean(-1)
    slopes = net.b * np.cos(np.outer(moved, net.w)) - net.a * np.sin(np.outer(moved, net.w))
    kernel += np.outer(moved, moved) * (slopes @ slopes.T) / 200
    expected = -Y + 0.1 * kernel @ Y / 12
    np.testing.assert_allclose(history.train_output[-1] - Y, expected, atol=0.2 * abs(Y).max())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: FourierFeatureNet.sample(Normal(), 2**63), ValueError, "width=9223.* at most"),
        (lambda: FourierFeatureNet.sample(Normal(), 2**40), ValueError, "width=109.*memory.*fewer"),
        (lambda: FourierFeatureMLP.sample(Normal(), 4, depth=10**400), ValueError, "depth=1000"),
        (lambda: FourierFeatureMLP.sample(Normal(), 4, depth=1001), ValueError, "most 1000"),
        (
            lambda: FourierFeatureMLP.sample(Normal(), 10**6),
            ValueError,
            "width=1000000, depth=2 and hidden=1000000 make 3e.12 parameters: .*memory.*fewer",
        ),
        (lambda: run(steps=10**400), ValueError, "steps=1000.* must be at most"),
        (lambda: run(record=10**9), ValueError, "record=1000000000 must be at most 10000000"),
        (lambda: run(kernel_probe=10**30), ValueError, "kernel_probe=1000"),
        (lambda: run(checkpoint_seconds=10**400), ValueError, "checkpoint_seconds=.* finite"),
        (lambda: run(batch_size=10**400), ValueError, "batch_size=1000"),
        (lambda: run(threads=10**400), ValueError, "threads=1000"),
        (lambda: run(step_size=1e51), ValueError, "step_size=1e.51 must be of magnitude"),
        (lambda: run(weight_decay=1e-60), ValueError, "weight_decay=1e-60 must be from 1e-50"),
        (lambda: GradientDescent(clip=1e300), ValueError, "clip=1e.300 must be of magnitude"),
        (lambda: Exponential(10.0**60), ValueError, "ratio=1e.60 must be of magnitude"),
        (lambda: run(optimizer=Optimizer()), TypeError, "optimizer=.* has no rule of its own"),
        (
            lambda: run(optimizer=GradientDescent(schedule=Schedule())),
            TypeError,
            "optimizer=.* has a schedule without a rule; use one such as Constant",
        ),
        (
            lambda: run(optimizer=GradientDescent(schedule=Lost())),
            ValueError,
            r"the schedule's factor\(0\)=nan must be finite",
        ),
        (lambda: run(dtype="float32", y=1e40 * Y), ValueError, "y has a largest .*'float32'"),
        (lambda: run(dtype="float32", x=1e-40 * X), ValueError, "x has a largest .*'float32'"),
        (lambda: run(dtype="float32", x=1e5 * X), ValueError, "use dtype='float64'"),
        (lambda: NET([1e9]), ValueError, "phases .w.x. reach 1.*e.10"),
        (lambda: run(y=np.ones((12, 2))), ValueError, "y has shape .12, 2.*one column after"),
    ],
)
def test_ends_are_refused_at_once(call, error, message):
    started = time.process_time()
    with pytest.raises(error, match=message):
        call()
    assert time.process_time() - started < 5


def test_a_start_that_overflows_is_refused(monkeypatch):
    monkeypatch.setattr("ntkfreq.network.recording._length", lambda values: np.inf)
    with pytest.raises(ValueError, match="net, x and y are so large together that squares"):
        run()


def test_sizes_of_a_run_are_known_before_it():
    x = np.linspace(-1, 1, 100_000)
    with pytest.raises(ValueError, match=r"records of 100000 outputs .* GB.* use record=\d+, or"):
        run(x=x, y=x, steps=10**6, record=10**6)
    with pytest.raises(ValueError, match=r"kernel_probe=100000 asks for .* GB.*kernel_probe=8"):
        run(x=x, y=x, kernel_probe=10**9)
    with pytest.raises(ValueError, match=r"kernel_probe=10000 asks for .* this takes about .*or 0"):
        run(x=x, y=x, kernel_probe=10_000)
    with pytest.raises(ValueError, match=r"9000 runs with .* records of 100000 outputs .*or runs"):
        train_many([NET] * 9000, x, x, step_size=0.1, steps=100)


def test_parameters_of_a_run_are_counted_before_it(monkeypatch):
    monkeypatch.setattr("ntkfreq._support.sizes.MOST_MEMORY", 1e8)
    wide = FourierFeatureNet(np.ones(600_000), np.ones(600_000), np.ones(600_000))
    with pytest.raises(ValueError, match=r"net has 1800000 parameters: .*MB.* of fewer units"):
        run(wide)


def test_many_workers_are_no_more_than_there_are_runs():
    runs = train_many([NET] * 2, X, Y, step_size=0.1, steps=3, workers=10**9)
    np.testing.assert_array_equal(runs[0].output, runs[1].output)


def test_columns_lists_and_repeated_points_are_taken():
    plain = run(x=[*X, 0.5], y=[*Y, 1.0], batch_size=4, rng=0)
    column = run(x=np.r_[X, 0.5][:, None], y=np.r_[Y, 1.0][:, None], batch_size=4, rng=0)
    np.testing.assert_array_equal(plain.output, column.output)
    twice = run(x=[0.5, 0.5, 0.1], y=[1.0, 0.0, 2.0], steps=4000, step_size=0.5)
    # Two values at one point: the network takes their mean, the scatter stays in the loss.
    np.testing.assert_allclose(twice.train_output[-1], [0.5, 0.5, 2.0], atol=1e-3)
    np.testing.assert_allclose(twice.train_loss[-1], 0.5 / 3, atol=1e-4)


def test_a_history_has_arrays_of_its_own():
    x, y, grid, record = X.copy(), Y.copy(), np.array([1.0, 2.0]), np.array([2, 5])
    x_test, y_test = X[:3] + 0.01, Y[:3].copy()
    before = [array.copy() for array in (x, y, grid, record, x_test, y_test)]
    history = run(x=x, y=y, frequencies=grid, record=record, test=(x_test, y_test))
    for array, old in zip((x, y, grid, record, x_test, y_test), before, strict=True):
        np.testing.assert_array_equal(array, old)
        array[:] = 7
    for kept, old in (
        (history.x, before[0]),
        (history.y, before[1]),
        (history.frequencies, before[2]),
        (history.test[0], before[4]),
        (history.test[1], before[5]),
    ):
        np.testing.assert_array_equal(kept, old)
    assert history.settings["record"] == [0, 2, 5, 20]
    np.testing.assert_array_equal(history.initial_net.w, NET.w)
    assert history.initial_net is NET


@pytest.mark.parametrize(("width", "pairs"), [(60, 300.0), (9000, 5e4)])
def test_laps_change_no_bit(monkeypatch, width, pairs):
    rng = np.random.default_rng(0)
    theta, x = rng.normal(0, 3, (4, width)), rng.uniform(-1, 1, (40, 2))
    r, descent = x[:, 0], Descent(0.3, 0.01, 0.01)
    results = []
    for most in (2e8, pairs):
        monkeypatch.setattr(direct, "_LAP_PAIRS", most)
        engine = backends.load("direct")
        state = NetworkState.start(theta, 2, engine.evaluate(theta, x), descent)
        engine.advance(state, x, r, descent, 5)
        assert state.step == 5
        results.append([state.theta, state.output, engine.gradient(theta, x, r, 0)])
    assert len(engine._laps(40, width)) > 1
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("pairs", [2e8, 20.0])
def test_a_step_that_leaves_the_limits_is_the_last(monkeypatch, pairs):
    monkeypatch.setattr(direct, "_LAP_PAIRS", pairs)
    states = []
    for name in ("direct", "reference"):
        engine, descent = backends.load(name), Descent(0.1, frequency_decay=30.0)
        bound = limits.phase_bound(X[:, None])
        theta = NET.packed()
        output = engine.evaluate(theta, X[:, None])
        states.append(NetworkState.start(theta, 1, output, descent, bound=bound))
        engine.advance(states[-1], X[:, None], Y, descent, 100)
        assert states[-1].escaped
    assert states[0].step == states[1].step == 29
    np.testing.assert_allclose(states[0].theta, states[1].theta, rtol=1e-4, atol=1e-4)


def test_nufft_takes_direct_sums_where_they_cost_less(monkeypatch):
    theta = np.concatenate([1e4 * NET.w.T, NET.a[None], NET.b[None]])
    x, r = X[:, None], np.sin(7 * X)
    fast, plain = backends.load("nufft", tolerance=1e-12), backends.load("reference")

    def refuse(*arguments):
        raise AssertionError("a transform of 1e5 points for 400 pairs")

    monkeypatch.setattr("finufft.nufft1d3", refuse)
    np.testing.assert_allclose(fast.evaluate(theta, x), plain.evaluate(theta, x), atol=1e-10)
    np.testing.assert_allclose(
        fast.gradient(theta, x, r, 0), plain.gradient(theta, x, r, 0), atol=1e-10
    )


def test_nufft_ends_where_neither_transform_nor_sums_are_quick(monkeypatch):
    monkeypatch.setattr(cost, "LARGEST_GRID", 50.0)
    monkeypatch.setattr(cost, "_SECOND_OF_PAIRS", 100)
    with pytest.warns(RuntimeWarning, match="and the grid of a fast transform to more than .*dire"):
        history = run(backend="nufft", frequency_decay=22.0, steps=200)
    assert history.status.startswith("diverged by step")
    assert np.isfinite(history.train_loss).all()


@np.errstate(invalid="ignore")
def test_numbers_that_are_none_never_reach_a_transform():
    theta = NET.packed()
    for value in (np.nan, np.inf):
        for row in range(3):
            broken = theta.copy()
            broken[row, 0] = value
            assert not np.isfinite(backends.load("nufft").evaluate(broken, X[:, None])).all()
    strengths = np.where(X > 0, np.inf, 1.0)
    assert np.isnan(backends.load("nufft").gradient(theta, X[:, None], strengths, 0)).all()


def test_a_gradient_whose_square_overflows_is_clipped_to_its_length():
    theta = np.array([[0.0], [0.0], [0.0]])
    state = NetworkState.start(theta, 1, np.zeros(1), Descent(1.0))
    descent = Descent(1.0, optimizer=GradientDescent(clip=2.0))
    engine = backends.load("reference")
    engine.advance(state, np.zeros((1, 1)), np.array([1e200]), descent, 1)
    np.testing.assert_allclose(np.abs(state.theta).max(), 2.0)


# ---- disk


def test_a_disk_that_is_full_costs_the_checkpoint_only(tmp_path, monkeypatch):
    # The same backend with and without a checkpoint, whatever ran before.
    whole = run(steps=50, backend="reference")

    def full(file, **arrays):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", full)
        with pytest.warns(RuntimeWarning, match="could not be written at step 50 .*No space left"):
            history = run(
                steps=50,
                backend="reference",
                checkpoint=tmp_path / "run.npz",
                checkpoint_seconds=0,
            )
    np.testing.assert_array_equal(history.output, whole.output)
    assert history.status.startswith("completed 50 steps; checkpoint='")
    assert "make room there, or name a file elsewhere" in history.status
    assert list(tmp_path.iterdir()) == []
    assert run(steps=50, checkpoint=tmp_path / "run.npz").status == "completed 50 steps"


def test_a_run_that_is_going_on_keeps_its_checkpoint(tmp_path):
    with (
        checkpoint.held(tmp_path / "run.npz"),
        pytest.raises(ValueError, match=r"checkpoint=.* is being written by process"),
    ):
        run(checkpoint=tmp_path / "run.npz")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/dev/null", ValueError, "checkpoint='/dev/null' exists and is not a file"),
        ("a\0b", ValueError, "checkpoint=.*character that no file name can have"),
        ("\ud800", ValueError, "checkpoint=.*character that no file name can have"),
        ("a" * 300, ValueError, "checkpoint=.* has a name of 300 bytes"),
        (b"run.npz", TypeError, "checkpoint=.*must be a path"),
    ],
)
def test_files_that_cannot_be_written_are_refused_before_the_run(path, error, message):
    with pytest.raises(error, match=message):
        run(checkpoint=path, steps=10**9)


def test_every_damage_is_one_sentence(tmp_path):
    path = tmp_path / "run.npz"
    run(checkpoint=path, record=4)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    mark, whole = str(arrays["fingerprint"]), path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 600):
        for data in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ rng.integers(1, 256)]) + whole[place + 1 :],
            whole[:place] + whole[place + 1 :],
        ):
            path.write_bytes(data)
            try:
                found = checkpoint.read(path, mark)
            except ValueError as error:
                assert "is damaged, truncated or no checkpoint" in str(error)  # noqa: PT017
                refused += 1
                continue
            # Times and the like: nothing that is read.
            for name, array in found.items():
                np.testing.assert_array_equal(array, arrays[name])
    assert refused > 1500


def crafted(arrays, name, value):
    return {key: array for key, array in (arrays | {name: value}).items() if array is not None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theta", None),
        ("step", None),
        ("theta", np.zeros((3, 31))),
        ("theta", np.full((3, 32), np.nan)),
        ("theta", np.zeros((3, 32), dtype=np.float32)),
        ("memory", np.zeros((1, 3, 32))),
        ("output", np.zeros(11)),
        ("kept", np.zeros(3)),
        ("step", np.int64(-1)),
        ("step", np.int64(21)),
        ("step", np.float64(20)),
        ("step", np.array([20])),
        ("recorded_step", np.array([0, 2, 3, 20])),
        ("recorded_train_output", np.zeros((4, 11))),
        ("recorded_weight_norm", np.zeros(3)),
        ("recorded_kernel_drift", np.array(["a"] * 4)),
        ("something_else", np.zeros(3)),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, name, value):
    path = tmp_path / "run.npz"
    run(checkpoint=path, record=4)
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    np.savez(path, **crafted(arrays, name, value))
    with pytest.raises(ValueError, match=r"checkpoint=.* is damaged, truncated or no checkpoint"):
        run(checkpoint=path, record=4)


STOPPED = """
import sys
import numpy as np
from ntkfreq import FourierFeatureNet, Normal, train
x = np.linspace(-1, 1, {points})
net = FourierFeatureNet.sample(Normal(scale=5.0), {units}, rng=0)
train(net, x, x, step_size=1e-3, steps=1, backend="direct", record=2)  # compiles
print("ready", flush=True)
run = train(net, x, np.sin(5 * x), step_size=1e-3, steps={steps}, backend="{backend}", record=2,
            checkpoint=sys.argv[1], kernel_probe=0)
print(run.output.tobytes().hex()[:2000], run.stats["resumed_from"])
"""


@pytest.mark.parametrize(
    ("backend", "points", "units"),
    [("direct", 1000, 400_000), ("reference", 200, 2000), ("nufft", 2000, 20_000)],
)
def test_ctrl_c_stops_a_long_run_and_leaves_a_checkpoint(tmp_path, backend, points, units):
    # A step of the first takes about a second, of the others milliseconds.
    text = STOPPED.format(backend=backend, points=points, units=units, steps=10**7)
    path = tmp_path / "run.npz"
    with subprocess.Popen(
        [sys.executable, "-c", text, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NUMBA_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout.readline().strip() == "ready"
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        started = time.perf_counter()
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        # Half a second, where the machine has nothing else to do.
        assert time.perf_counter() - started < 10
    assert "KeyboardInterrupt" in err.splitlines()[-1]
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]
    with np.load(path) as file:
        assert file["step"] >= 0
        assert np.isfinite(file["theta"]).all()


def test_an_interrupted_step_is_taken_back(tmp_path, monkeypatch):
    settings = {"steps": 60, "record": [20, 40], "optimizer": "adam", "backend": "reference"}
    whole = run(**settings)
    path = tmp_path / "run.npz"
    from ntkfreq.network.backends import reference

    original, calls = reference.Reference.evaluate, [0]

    def evaluate(self, theta, x):
        calls[0] += 1
        if calls[0] == 31:
            raise KeyboardInterrupt
        return original(self, theta, x)

    with monkeypatch.context() as patch:
        patch.setattr(reference.Reference, "evaluate", evaluate)
        with pytest.raises(KeyboardInterrupt):
            run(**settings, checkpoint=path)
    resumed = run(**settings, checkpoint=path)
    assert 0 < resumed.stats["resumed_from"] < 60
    for name in ("output", "train_loss", "weight_norm", "kernel_drift"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))


def test_a_kernel_that_is_zero_huge_or_overflows_still_has_advice(monkeypatch):
    plain = backends.load("reference")
    huge = np.array([[1.0], [1e80], [1e80]])
    slope = 1e80 * X * (np.cos(X) - np.sin(X))
    top = np.linalg.eigvalsh(np.outer(slope, slope) / 12)[-1]
    np.testing.assert_allclose(top_eigenvalue(huge, X[:, None], plain), top, rtol=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr("ntkfreq.network.stability.top_eigenvalue", lambda *arguments: 0.0)
        text = divergence_remedy(huge, X[:, None], plain, Descent(4.0))
    assert text.startswith("step_size=4 is not bounded by the kernel of the initial network")
    assert text.endswith("which is 0; use less, for instance 0.4")
    with np.errstate(over="ignore", invalid="ignore"):
        text = divergence_remedy(1e120 * huge, X[:, None], plain, Descent(4.0))
    assert text.startswith(
        "step_size=4 cannot be compared with the kernel, which overflows; choose"
    )


def test_seeds_have_an_end():
    with pytest.raises(ValueError, match=r"rng=.* must be at most 3402823"):
        run(rng=10**5000)
    assert run(rng=2**128 - 1, batch_size=3).settings["seed"] == 2**128 - 1
