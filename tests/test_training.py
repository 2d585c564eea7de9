"""Training: what is recorded, how it ends, what it refuses."""

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ntkfreq._support import threads
from ntkfreq._support.loaded import assuming
from ntkfreq.files.results import load_zarr, save_zarr
from ntkfreq.network import FourierFeatureNet, descent, train
from ntkfreq.network.backends import BACKENDS, Descent, load
from ntkfreq.network.stability import divergence_remedy, stable_step, top_eigenvalue
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.problem.density import Normal
from ntkfreq.problem.optimizers import Adam, GradientDescent, HeavyBall, Nesterov, Optimizer
from ntkfreq.problem.step_schedules import Warmup
from ntkfreq.spectra.spectrum import error_spectrum

X = np.linspace(-1, 1, 24)
Y = np.sin(3 * X) + 0.5 * np.cos(7 * X)
X_TEST = np.linspace(-0.95, 0.95, 31)
Y_TEST = np.sin(3 * X_TEST) + 0.5 * np.cos(7 * X_TEST)
NET = FourierFeatureNet.sample(Normal(scale=6.0), 400, rng=0)


def run(net=NET, x=X, y=Y, **changes):
    return train(net, x, y, **({"step_size": 0.4, "steps": 300, "record": 12} | changes))


def test_records_are_what_they_are_called():
    history = run(test=(X_TEST, Y_TEST), frequencies=[0.0, 3.0, 7.0])
    assert history.status == "completed 300 steps"
    assert history.step[0] == 0
    assert history.step[-1] == 300
    np.testing.assert_array_equal(history.t, 0.4 * history.step)
    np.testing.assert_allclose(history.train_output[0], NET(X), atol=1e-14)
    np.testing.assert_allclose(history.train_output[-1], history.net(X), atol=1e-13)
    np.testing.assert_allclose(history.output[-1], history.net(X_TEST), atol=1e-13)
    train_error, test_error = history.train_output - Y, history.output - Y_TEST
    np.testing.assert_allclose(history.train_loss, np.mean(train_error**2, axis=1))
    np.testing.assert_allclose(history.test_loss, np.mean(test_error**2, axis=1))
    np.testing.assert_allclose(
        history.data_spectrum, error_spectrum(X, train_error, [0.0, 3.0, 7.0])
    )
    np.testing.assert_allclose(
        history.spectrum, error_spectrum(X_TEST, test_error, [0.0, 3.0, 7.0])
    )
    assert history.train_loss[-1] < 0.02 * history.train_loss[0]
    assert history.initial_net is NET
    assert history.net.density == NET.density
    np.testing.assert_array_equal(history.x, X)


def test_without_test_points_output_is_that_of_the_training_points():
    history = run()
    assert history.test is None
    assert history.test_loss is None
    assert history.spectrum is None
    np.testing.assert_array_equal(history.output, history.train_output)


def test_frozen_training_is_the_exact_linear_recursion():
    history = run(freeze_frequencies=True)
    still = FourierFeatureNet(NET.w, 0 * NET.a, 0 * NET.b)
    rates, modes = np.linalg.eigh(empirical_ntk_gram(still, X) / X.size)
    start = modes.T @ (NET(X) - Y)
    for step, output in zip(history.step, history.train_output, strict=True):
        np.testing.assert_allclose(
            output - Y, modes @ ((1 - 0.4 * rates) ** step * start), atol=1e-11
        )
    np.testing.assert_array_equal(history.net.w, NET.w)


def test_decay_settings_change_the_run_and_start_keeps_the_frequencies():
    plain, decayed = run(), run(weight_decay=0.02, frequency_decay=0.02)
    towards_start = run(weight_decay=0.02, frequency_decay=0.02, decay_towards="start")
    spread = [np.linalg.norm(one.net.w - NET.w) for one in (plain, decayed, towards_start)]
    assert spread[1] > 5 * spread[0] > 5 * spread[2]
    only_weights = run(weight_decay=0.5, y=0 * Y, steps=400)
    assert np.abs(only_weights.net.a).max() < 1e-3 * np.abs(NET.a).max()


def test_default_frequencies_cover_network_and_error():
    history = run()
    assert history.frequencies[0] == 0
    assert history.frequencies[-1] >= np.quantile(np.abs(NET.w), 0.99)


def test_two_dimensional_data():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, 2))
    net = FourierFeatureNet.sample(Normal(scale=3.0, dim=2), 300, zero_output=True, rng=1)
    history = run(net, x, np.sin(2 * x[:, 0] + x[:, 1]), test=(x[:5], np.zeros(5)))
    assert history.frequencies.shape[1] == 2
    assert history.x.shape == (30, 2)
    assert history.train_loss[-1] < 0.05 * history.train_loss[0]


@pytest.mark.parametrize("record", [5, [0, 10, 300], [7, 9], np.array([300])])
def test_record_steps(record):
    history = run(record=record)
    assert history.step[0] == 0
    assert history.step[-1] == 300
    assert history.train_output.shape == (history.step.size, X.size)
    if not isinstance(record, int):
        assert set(np.asarray(record)) <= set(history.step)


def test_norms_distances_and_drift_are_those_of_the_networks():
    history = run(weight_decay=0.02, kernel_probe=5)
    for net, at in ((NET, 0), (history.net, -1)):
        weights = np.concatenate([net.a, net.b])
        np.testing.assert_allclose(history.weight_norm[at], np.linalg.norm(weights))
        np.testing.assert_allclose(history.frequency_norm[at], np.linalg.norm(net.w))
    moved = np.concatenate([history.net.a - NET.a, history.net.b - NET.b])
    np.testing.assert_allclose(history.weight_distance[-1], np.linalg.norm(moved))
    np.testing.assert_allclose(
        history.frequency_distance[-1], np.linalg.norm(history.net.w - NET.w)
    )
    probe = X[np.linspace(0, 23, 5).astype(int)]
    first, last = (empirical_ntk_gram(net, probe) for net in (NET, history.net))
    drift = np.linalg.norm(last - first) / np.linalg.norm(first)
    np.testing.assert_allclose(history.kernel_drift[-1], drift, rtol=1e-9)
    assert history.kernel_drift[0] == history.weight_distance[0] == 0
    assert run(kernel_probe=0).kernel_drift is None
    wider = FourierFeatureNet.sample(Normal(scale=6.0), 40_000, rng=0)
    assert run(wider, steps=100).kernel_drift[-1] < 0.3 * run(steps=100).kernel_drift[-1]


def test_schedule_counts_time_by_the_steps_taken():
    history = run(optimizer=GradientDescent(schedule=Warmup(4)), record=[1, 2, 4, 10], steps=10)
    np.testing.assert_allclose(history.t, 0.4 * np.array([0, 0.25, 0.75, 2.5, 8.5]))
    assert history.settings["optimizer"].startswith("GradientDescent(schedule=Warmup(steps=4")


@pytest.mark.parametrize("backend", ["reference", "direct", "nufft", "torch"])
def test_batches_train_and_repeat_by_their_seed(backend):
    same = [run(batch_size=6, rng=rng, backend=backend, threads=1) for rng in (1, 1, 2)]
    np.testing.assert_array_equal(same[0].output, same[1].output)
    assert not np.array_equal(same[0].net.a, same[2].net.a)
    assert same[0].train_loss[-1] < 0.1 * same[0].train_loss[0]
    np.testing.assert_allclose(same[0].net(X), same[0].train_output[-1], atol=1e-7)
    assert same[0].status == "completed 300 steps"


@pytest.mark.parametrize(("step_size", "loss"), [(1e3, "inf"), (10.0, r"\d")])
def test_diverging_batches_are_noticed_between_records(step_size, loss):
    settings = {"batch_size": 6, "rng": 0, "freeze_frequencies": True, "steps": 10**6, "record": 2}
    with pytest.warns(RuntimeWarning, match=rf"diverged by step \d+: .* to {loss}"):
        history = run(step_size=step_size, **settings)
    np.testing.assert_array_equal(history.step, [0])
    assert 1 < int(re.search(r"by step (\d+)", history.status)[1]) < 1000


def test_an_integer_rng_is_the_seed_and_any_seed_is_kept():
    settings = {"batch_size": 6, "steps": 20, "record": 2}
    one = run(rng=np.int64(7), **settings)
    assert one.settings["rng"] == one.settings["seed"] == 7
    drawn = run(rng=np.random.default_rng(3), **settings)
    again = run(rng=drawn.settings["seed"], **settings)
    np.testing.assert_array_equal(again.output, drawn.output)


def test_frozen_frequencies_stay_in_single_precision():
    single = {"dtype": "float32", "backend": "torch", "steps": 5, "threads": 1}
    frozen = run(freeze_frequencies=True, **single)
    assert frozen.frequency_distance.max() == 0
    np.testing.assert_array_equal(frozen.net.w, NET.w.astype(np.float32))
    assert run(**single).frequency_distance[0] == 0


@dataclass(frozen=True)
class CubeRoots(Optimizer):
    """A rule of the user's own."""

    def update(self, theta, slope, memory, rate, step):
        theta -= rate * np.cbrt(slope)


@pytest.mark.parametrize("backend", ["direct", "nufft"])
def test_a_rule_of_the_users_own_is_followed_by_every_backend(backend):
    settings = {"optimizer": CubeRoots(), "step_size": 0.01, "steps": 30}
    plain = run(backend="reference", **settings)
    np.testing.assert_allclose(run(backend=backend, **settings).output, plain.output, atol=1e-6)
    assert np.abs(run(step_size=0.01, steps=30).output - plain.output).max() > 0.1


def test_spectra_are_the_same_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    net = FourierFeatureNet.sample(Normal(scale=6.0, dim=2), 50, rng=0)
    x, grid = rng.uniform(-1, 1, (600, 2)), rng.uniform(-9, 9, (300, 2))
    settings = {"steps": 3, "frequencies": grid, "backend": "reference"}
    one, two = run(net, x, x[:, 0], **settings), None
    with threads.one_thread():
        two = run(net, x, x[:, 0], **settings)
    np.testing.assert_array_equal(one.data_spectrum, two.data_spectrum)


def test_far_test_points_are_taken_into_account():
    far = run(test=(1e8 * X_TEST, Y_TEST), backend="nufft", steps=20)
    assert far.stats["backend_reason"].endswith("direct sums instead of a grid of 2.5e+09 points")
    plain = run(test=(1e8 * X_TEST, Y_TEST), backend="reference", steps=20)
    # What the transforms of the training steps round, 1e-9 of w, grows by 1e8 there.
    np.testing.assert_allclose(far.test_loss[0], plain.test_loss[0], rtol=1e-6)
    np.testing.assert_allclose(far.test_loss, plain.test_loss, rtol=1e-2)
    wide = FourierFeatureNet.sample(Normal(scale=6.0), 30_000, rng=0)
    x = 1e8 * np.linspace(-1, 1, 20_000)
    with pytest.raises(ValueError, match=r"='nufft' needs a grid of .*use backend='direct'"):
        run(wide, x, x, backend="nufft")
    for backend in BACKENDS:
        with pytest.raises(
            ValueError, match=r"phases .w.x. reach .* x up to 9.5e.08.* from an origin"
        ):
            run(test=(1e9 * X_TEST, Y_TEST), backend=backend)


def test_learning_time_and_its_choice_of_spectrum():
    history = run(test=(X_TEST, Y_TEST), steps=600, record=100)
    data = history.learning_time((2.0, 4.0), spectrum="data")
    assert history.learning_time((2.0, 4.0)) == history.learning_time((2.0, 4.0), spectrum="test")
    assert 0 < data < history.learning_time((2.0, 4.0), 0.1, spectrum="data")
    assert run().learning_time((2.0, 4.0)) > 0
    with pytest.raises(ValueError, match="spectrum='test' is not there"):
        run().learning_time((2.0, 4.0), spectrum="test")
    with pytest.raises(ValueError, match="spectrum='all' must be one of"):
        history.learning_time((2.0, 4.0), spectrum="all")


def test_dataset_survives_zarr_and_json(tmp_path):
    history = run(test=(X_TEST, Y_TEST), rng=np.random.default_rng(0))
    data = history.to_xarray()
    json.dumps(data.attrs, allow_nan=False)
    back = load_zarr(save_zarr(data, tmp_path / "run.zarr"))
    np.testing.assert_array_equal(back["spectrum"].values, history.spectrum)
    np.testing.assert_array_equal(back["step"].values, history.step)
    assert back.attrs["step_size"] == 0.4
    assert back.attrs["status"] == history.status
    assert back.attrs["density"] == repr(NET.density)


def test_stats_say_what_ran():
    with assuming():
        small = run()
    forced = run(backend="direct")
    assert small.stats["backend"] == "reference"
    assert "expected: reference" in small.stats["backend_reason"]
    assert forced.stats["backend"] == forced.settings["backend"] == "direct"
    assert forced.stats["backend_reason"] == "as asked"
    large = run(steps=2000, record=2)
    assert large.stats["backend"] == "direct"
    assert large.stats["steps_taken"] == 2000
    assert small.stats["steps_taken"] == 300
    assert small.stats["threads"] == 1
    wide = FourierFeatureNet.sample(Normal(scale=6.0), 40_000, rng=0)
    threads = load("direct").threads(X.size, 40_000)
    assert run(wide, steps=2, backend="direct").stats["threads"] == threads
    assert run(wide, steps=2, backend="direct", threads=1).stats["threads"] == 1
    np.testing.assert_allclose(
        small.stats["pairs_per_second"], 300 * X.size * 400 / small.stats["seconds"]
    )
    assert forced.stats["compile_seconds"] > 0
    assert small.stats["record_seconds"] > 0
    for key in ("numpy", "ntkfreq", "threads", "steps", "record", "decay_towards", "optimizer"):
        assert key in small.settings
    assert "numba" in forced.settings


def test_backends_give_the_same_history():
    plain = run(backend="reference", test=(X_TEST, Y_TEST))
    fast = run(backend="direct", test=(X_TEST, Y_TEST))
    np.testing.assert_allclose(fast.output, plain.output, atol=1e-12)
    np.testing.assert_allclose(fast.spectrum, plain.spectrum, atol=1e-12)


def test_progress_bar_is_shown(capsys):
    run(progress=True)
    assert "300/300" in capsys.readouterr().err
    run()
    assert not capsys.readouterr().err


@pytest.mark.parametrize("frozen", [False, True])
def test_top_eigenvalue_is_that_of_the_dense_gram(frozen):
    net = FourierFeatureNet.sample(Normal(scale=4.0, dim=2), 200, sigma_a=1.5, rng=0)
    x = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    dense = FourierFeatureNet(net.w, 0 * net.a, 0 * net.b) if frozen else net
    expected = np.linalg.eigvalsh(empirical_ntk_gram(dense, x) / 40)[-1]
    value = top_eigenvalue(net.packed(), x, load("direct"), first=2 if frozen else 0)
    assert 0.98 * expected < value <= expected * (1 + 1e-12)


@pytest.mark.parametrize("backend", ["reference", "direct"])
@pytest.mark.parametrize(("frozen", "factor"), [(True, 2.2), (False, 100.0)])
def test_divergence_is_reported_with_the_stable_step(backend, frozen, factor):
    # With trained frequencies moderate steps above 2/lambda_max catapult to a flatter place.
    top = top_eigenvalue(NET.packed(), X[:, None], load("reference"), first=int(frozen))
    settings = {"record": 200, "steps": 1000, "backend": backend, "freeze_frequencies": frozen}
    with pytest.warns(RuntimeWarning, match="diverged by step"):
        history = run(step_size=factor / top, **settings)
    assert history.status.startswith("diverged")
    assert f"2/lambda_max = {2 / top:.3g}" in history.status
    assert 0 < history.step[-1] < 1000
    for array in (history.train_loss, history.data_spectrum, history.output, history.net.w):
        assert np.isfinite(array).all()
    assert history.train_loss.max() <= 1e6 * max(history.train_loss[0], np.mean(Y**2))
    np.testing.assert_allclose(history.net(X), history.train_output[-1], rtol=1e-9)
    stable = run(step_size=1.9 / top, **settings)
    assert stable.status == "completed 1000 steps"


def test_divergence_is_noticed_between_distant_records():
    with pytest.warns(RuntimeWarning, match="by step [1-9]: the largest frequency grew"):
        history = run(step_size=1e3, steps=10**9, record=2)
    np.testing.assert_array_equal(history.step, [0])


def test_remedy_names_decay_and_the_nonlinear_case():
    plain = NET.packed(), X[:, None], load("reference")
    top = top_eigenvalue(*plain)
    for rate in ("weight_decay", "frequency_decay"):
        text = divergence_remedy(*plain, Descent(100.0, **{rate: 0.5}))
        assert f"2/lambda_max = {2 / (top + 0.5):.3g}" in text
    for optimizer, gain in ((HeavyBall(0.5), 3.0), (Nesterov(0.5), 1.5)):
        text = divergence_remedy(*plain, Descent(100.0, optimizer=optimizer))
        assert f"above {gain:g}/lambda_max = {gain / top:.3g}" in text
    assert stable_step(HeavyBall(), 0.0) == np.inf
    text = divergence_remedy(*plain, Descent(100.0, optimizer=Adam()))
    assert "step_size=100 is what Adam moves every parameter by" in text
    text = divergence_remedy(*plain, Descent(0.1, batch_size=3))
    assert "batches of 3 have larger eigenvalues; use for instance 0.01" in text
    text = divergence_remedy(*plain, Descent(0.1))
    assert "left the linear regime; use for instance 0.01" in text


def test_a_loss_that_ends_above_its_start_is_mentioned():
    history = run(weight_decay=1.0, y=NET(X) + 0.01)
    assert history.status.startswith("completed 300 steps; the training loss ends above its start")


def test_zero_error_is_no_divergence():
    net = FourierFeatureNet.sample(Normal(), 40, zero_output=True, rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(net, X, 0 * Y, frequencies=[1.0]).status.startswith("completed")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"net": lambda x: x}, TypeError, "net=.*must be a FourierFeatureNet"),
        ({"x": X * np.nan}, ValueError, "x holds 24 NaN"),
        ({"y": Y[:-1]}, ValueError, r"y holds 23 value\(s\) for 24"),
        ({"y": np.r_[np.inf, Y[1:]]}, ValueError, "y holds 1 NaN or infinite"),
        ({"x": np.ones((24, 2))}, ValueError, "x holds points of dimension 2 .*but net"),
        ({"optimizer": "lion"}, ValueError, "optimizer='lion' must be an Optimizer"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be at least 1"),
        ({"batch_size": 25}, ValueError, "batch_size=25 is more than the 24 training points"),
        (
            {"batch_size": 4, "checkpoint": "run.npz"},
            ValueError,
            "rng=None draws other batches.*give an integer seed",
        ),
        ({"dtype": "float16"}, ValueError, "dtype='float16' must be one of"),
        (
            {"dtype": "float32", "backend": "direct"},
            ValueError,
            "dtype='float32', device=None need backend='torch'",
        ),
        ({"device": "cpu", "backend": "nufft"}, ValueError, "device='cpu' need backend='torch'"),
        ({"device": "moon"}, ValueError, "device='moon' is not available to PyTorch"),
        ({"tolerance": 1.0, "backend": "nufft"}, ValueError, "tolerance=1 must lie between"),
        ({"threads": 0}, ValueError, "threads=0 must be at least 1"),
        ({"kernel_probe": -1}, ValueError, "kernel_probe=-1 must be at least 0"),
        ({"checkpoint": 5}, TypeError, "checkpoint=5 must be a path, as text"),
        ({"checkpoint": __file__ + "/run.npz"}, ValueError, "checkpoint=.* cannot be written"),
        ({"checkpoint": str(Path(__file__).parent)}, ValueError, "exists and is not a file"),
        ({"checkpoint_seconds": -1.0}, ValueError, "checkpoint_seconds=-1.0 must not be neg"),
        ({"step_size": 0.0}, ValueError, "step_size=0.0 must be greater than 0"),
        ({"steps": 0}, ValueError, "steps=0 must be at least 1"),
        ({"steps": 1.5}, TypeError, "steps=1.5 must be an integer"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay=-1.0 must not be negative"),
        ({"frequency_decay": -1.0}, ValueError, "frequency_decay=-1.0 must not be negative"),
        ({"decay_towards": "end"}, ValueError, "decay_towards='end' must be one of"),
        ({"freeze_frequencies": 1}, TypeError, "freeze_frequencies=1 must be True or False"),
        (
            {"freeze_frequencies": True, "frequency_decay": 0.1},
            ValueError,
            "frequency_decay=0.1 must be 0 with freeze_frequencies=True",
        ),
        ({"test": X}, TypeError, "test=.*must be None or a pair"),
        ({"test": (X, Y[:3])}, ValueError, r"test\[1\] holds 3"),
        ({"test": (np.ones((3, 2)), Y[:3])}, ValueError, r"test\[0\] holds points of dimension 2"),
        ({"frequencies": [np.nan]}, ValueError, "frequencies holds 1 NaN"),
        ({"frequencies": np.ones((3, 2))}, ValueError, "frequencies holds points of dimension 2"),
        ({"record": 0}, ValueError, "record=0 must be at least 1"),
        ({"record": [0, [1, 2]]}, TypeError, "record=.*must be an array of real numbers"),
        ({"record": [3, 2]}, ValueError, "record=.*increasing integers"),
        ({"record": [1.5]}, ValueError, "record=.*increasing integers"),
        ({"record": [0, 301]}, ValueError, "within \\[0, steps=300\\]"),
        ({"backend": "jax"}, ValueError, "backend='jax' must be one of"),
        ({"backend": "direct", "x": 1e9 * X}, ValueError, r"phases .w.x. reach 2.*e.10, with f"),
        ({"rng": "seed"}, TypeError, "rng='seed' must be an integer"),
    ],
)
def test_bad_input_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run(**changes)


def test_probe_interval_is_part_of_the_result():
    # A history may not depend on timing: probes sit at fixed steps.
    assert descent.PROBE_STEPS == 200
