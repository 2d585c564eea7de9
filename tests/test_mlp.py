"""Deep networks: their formula, their training against torch.optim, their records, refusals."""

import copy
import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from ntkfreq import compare, solve_frequency_pde
from ntkfreq.network import FourierFeatureMLP, FourierFeatureNet, checkpoint, train, train_many
from ntkfreq.network.backends import load
from ntkfreq.network.backends.cost import PARALLEL_PRODUCTS
from ntkfreq.network.backends.torch_threads import at_most
from ntkfreq.network.mlp_formula import ACTIVATIONS
from ntkfreq.network.stability import top_eigenvalue
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.problem.density import Normal
from ntkfreq.problem.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    RMSProp,
    SignDescent,
)
from ntkfreq.problem.step_schedules import Cosine, Warmup

X = np.linspace(-1, 1, 24)
Y = np.sin(3 * X) + 0.5 * np.cos(7 * X)
X_TEST = np.linspace(-0.95, 0.95, 9)
TEST = (X_TEST, np.sin(3 * X_TEST))
RHO = Normal(scale=4.0)
PLANE = np.random.default_rng(0).uniform(-1, 1, (11, 2))


def sampled(rho=RHO, width=20, **options):
    return FourierFeatureMLP.sample(rho, width, **({"sigma_b": 0.3, "rng": 0} | options))


NET = sampled()


def run(net=NET, x=X, y=Y, **changes):
    return train(net, x, y, **({"step_size": 0.1, "steps": 40, "record": 5} | changes))


def plain_output(net, x):
    """The docstring's formula, one network at a time and one point at a time."""
    function = {"tanh": np.tanh, "relu": lambda z: z * (z > 0), "sine": np.sin}[net.activation]
    square = {"tanh": 0.39429449039784117, "relu": 0.5, "sine": 0.5 * (1 - np.exp(-2))}
    total = np.zeros(len(x))
    branches = [np.split(part, net.branches) for part in (net.w, net.readout)]
    inner = [[np.split(part, net.branches) for part in layer] for layer in net.layers]
    for k in range(net.branches):
        w, readout = branches[0][k], branches[1][k]
        for i, point in enumerate(x):
            phase = [sum(point * row) for row in w]
            h = np.sqrt(2) * np.array([np.cos(p) for p in phase] + [np.sin(p) for p in phase])
            for weights, bias in inner:
                z = weights[k] @ h / np.sqrt(h.size) + bias[k]
                h = function(z) / np.sqrt(square[net.activation])
            total[i] += readout @ h / np.sqrt(h.size)
    return total / np.sqrt(net.branches)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("twins", [False, True])
def test_output_is_that_of_the_formula(activation, depth, twins):
    net = sampled(
        Normal(scale=2.0, dim=2), depth=depth, hidden=14, activation=activation, zero_output=twins
    )
    moved = net.unpacked(net.packed() + 0.1 * np.sin(np.arange(net.parameters)))
    expected = plain_output(moved, PLANE)
    np.testing.assert_allclose(moved(PLANE), expected, atol=1e-13)
    assert np.abs(expected).max() > 1e-3
    by_torch = load("torch", forward=moved.forward, units=moved.units)
    np.testing.assert_allclose(by_torch.evaluate(moved.packed(), PLANE), expected, atol=1e-13)
    module = moved.to_module()
    np.testing.assert_allclose(module(torch.tensor(PLANE)).detach().numpy(), expected, atol=1e-13)
    assert sum(p.numel() for p in module.parameters()) == moved.parameters == moved.packed().size
    if twins:
        np.testing.assert_array_equal(net(PLANE), np.zeros(11))


def test_without_hidden_layers_it_is_the_two_layer_network():
    deep, shallow = sampled(width=30, depth=0), FourierFeatureNet.sample(RHO, 30, rng=0)
    np.testing.assert_array_equal(deep.w, shallow.w)
    np.testing.assert_array_equal(deep.readout, np.r_[shallow.a, shallow.b])
    np.testing.assert_allclose(deep(X), shallow(X), atol=1e-14)
    settings = {"optimizer": HeavyBall(0.5, clip=0.5), "weight_decay": 0.1, "frequency_decay": 0.2}
    one, other = run(deep, **settings), run(shallow, **settings)
    for name in ("output", "data_spectrum", "kernel_drift", "weight_norm", "frequency_distance"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.net.w, other.net.w, atol=1e-12)
    twins = sampled(width=30, depth=0, zero_output=True)
    gram = load("torch", forward=twins.forward).gram(twins.packed(), X[:, None], 0)
    half = FourierFeatureNet.sample(RHO, 15, rng=0)
    np.testing.assert_allclose(gram, empirical_ntk_gram(half, X), atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_variance_at_the_start_is_one_in_every_layer(activation):
    z, weights = np.polynomial.hermite_e.hermegauss(120)
    rule = ACTIVATIONS[activation]
    square = weights @ (rule.gain * rule.on_arrays(z)) ** 2 / weights.sum()
    assert square == pytest.approx(1.0, abs=1e-12 if activation != "relu" else 1e-3)
    options = {"activation": activation, "sigma_b": 0.0, "width": 200}
    rng, squares = np.random.default_rng(0), []
    for seed in range(30):
        net = sampled(rng=seed, depth=3, **options)
        drawn = 2.0 * rng.standard_normal((50, 200))
        squares += [np.mean(replace(net, readout=readout)(X[::6]) ** 2) for readout in drawn]
    # Fluctuations of order 1/width from layer to layer, and 1500 output weights: a tenth.
    assert np.mean(squares) == pytest.approx(4.0, rel=0.1)
    deep = [sampled(rng=seed, depth=12, **options)(X[::6]) for seed in range(30)]
    assert 0.3 < np.mean(np.square(deep)) < 3.0


def test_twins_keep_the_kernel_of_the_network_drawn():
    twins, one = sampled(zero_output=True, hidden=12), sampled(width=10, hidden=6)
    grams = [
        load("torch", forward=net.forward, units=net.units).gram(net.packed(), X[:, None], 0)
        for net in (twins, one)
    ]
    np.testing.assert_allclose(grams[0], grams[1], rtol=1e-11)


def jacobian(net, theta, x, first=0):
    """Derivatives of the outputs in all parameters, (n, P), by central differences."""
    step, rows = 1e-5, []
    for k in range(first, theta.size):
        away = np.zeros_like(theta)
        away[k] = step
        rows.append((plain(net, theta + away, x) - plain(net, theta - away, x)) / (2 * step))
    return np.array(rows).T


def plain(net, theta, x):
    return net.unpacked(theta)(x)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("frozen", [False, True])
def test_derivatives_are_those_of_finite_differences(activation, frozen, monkeypatch):
    net = sampled(Normal(scale=2.0, dim=2), width=6, hidden=4, activation=activation)
    theta, first = net.packed(), net.frequency_rows if frozen else 0
    engine = load("torch", forward=net.forward, units=net.units)
    slopes = jacobian(net, theta, PLANE, first)
    rng = np.random.default_rng(1)
    r, direction = rng.normal(size=11), rng.normal(size=slopes.shape[1])
    np.testing.assert_allclose(engine.gradient(theta, PLANE, r, first), r @ slopes, atol=1e-8)
    np.testing.assert_allclose(
        engine.tangent(theta, direction, PLANE, first), slopes @ direction, atol=1e-8
    )
    gram = engine.gram(theta, PLANE, first)
    np.testing.assert_allclose(gram, slopes @ slopes.T, atol=1e-8)
    monkeypatch.setattr("ntkfreq.network.backends.torch._GRAM_NUMBERS", 0)
    np.testing.assert_allclose(engine.gram(theta, PLANE, first), gram, atol=1e-12)
    top = top_eigenvalue(theta, PLANE, engine, first)
    assert 0.98 * top < np.linalg.eigvalsh(gram / 11)[-1] <= top * 1.02


def by_hand(net, optimizer, steps, closure=None):
    """The loop that a user of PyTorch writes."""
    module = net.to_module()
    x, y = torch.tensor(X), torch.tensor(Y)
    rule = optimizer(module)
    for _ in range(steps):
        rule.zero_grad()
        (0.5 * torch.mean((module(x) - y) ** 2)).backward()
        if closure is not None:
            closure(module)
        rule.step()
    return module


def groups(module, weight_decay, frequency_decay):
    rest = [p for name, p in module.named_parameters() if name != "w"]
    return [
        {"params": [module.w], "weight_decay": frequency_decay},
        {"params": rest, "weight_decay": weight_decay},
    ]


LOOPS = {
    "gd": ("gd", 0.1, lambda g: torch.optim.SGD(g, lr=0.1)),
    "nesterov": (
        Nesterov(0.8, clip=0.1),
        0.05,
        lambda g: torch.optim.SGD(g, lr=0.05, momentum=0.8, nesterov=True),
    ),
    "adam": (Adam(beta2=0.98), 0.01, lambda g: torch.optim.Adam(g, lr=0.01, betas=(0.9, 0.98))),
    "adamw": ("adamw", 0.01, lambda g: torch.optim.AdamW(g, lr=0.01)),
    "rmsprop": (
        RMSProp(0.9, momentum=0.5),
        0.001,
        lambda g: torch.optim.RMSprop(g, lr=0.001, alpha=0.9, momentum=0.5),
    ),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("twins", [False, True])
def test_training_is_that_of_torch_optim(name, twins):
    optimizer, step_size, rule = LOOPS[name]
    net = sampled(activation="sine", zero_output=twins)
    clip = getattr(optimizer, "clip", None)
    shorten = (
        None if clip is None else lambda m: torch.nn.utils.clip_grad_norm_(m.parameters(), clip)
    )
    module = by_hand(net, lambda m: rule(groups(m, 0.3, 0.05)), 60, shorten)
    history = run(
        net,
        steps=60,
        step_size=step_size,
        optimizer=optimizer,
        weight_decay=0.3,
        frequency_decay=0.05,
    )
    trained = history.net
    pairs = [(trained.w, module.w), (trained.readout, module.readout)]
    pairs += [(layer[0], p) for layer, p in zip(trained.layers, module.weights, strict=True)]
    pairs += [(layer[1], p) for layer, p in zip(trained.layers, module.biases, strict=True)]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-10)
    moved = [np.abs(a - b).max() for a, b in zip(trained.layers[0], net.layers[0], strict=True)]
    assert min(moved) > 1e-3


def test_records_are_those_of_the_networks():
    history = run(test=TEST, frequencies=[0.0, 3.0], weight_decay=0.1, kernel_probe=5)
    first, last = NET, history.net
    assert history.initial_net is NET
    assert last.density == NET.density
    np.testing.assert_allclose(history.train_output[0], NET(X), atol=1e-13)
    np.testing.assert_allclose(history.train_output[-1], last(X), atol=1e-13)
    np.testing.assert_allclose(history.output[-1], last(X_TEST), atol=1e-13)
    np.testing.assert_allclose(history.frequency_norm[-1], np.linalg.norm(last.w))
    rest = [net.packed()[NET.frequency_rows :] for net in (first, last)]
    np.testing.assert_allclose(
        history.weight_norm[[0, -1]], [np.linalg.norm(part) for part in rest]
    )
    np.testing.assert_allclose(history.weight_distance[-1], np.linalg.norm(rest[1] - rest[0]))
    np.testing.assert_allclose(history.frequency_distance[-1], np.linalg.norm(last.w - first.w))
    probe = X[np.linspace(0, 23, 5).astype(int)]
    grams = []
    for net in (first, last):
        slopes = jacobian(net, net.packed(), probe)
        grams.append(slopes @ slopes.T)
    drift = np.linalg.norm(grams[1] - grams[0]) / np.linalg.norm(grams[0])
    assert history.kernel_drift[-1] == pytest.approx(drift, rel=1e-6)
    assert history.settings["architecture"] == NET.architecture
    assert [history.settings[f"sigma_{k}"] for k in "awb"] == [1.0, 1.0, 0.3]
    assert history.stats["backend"] == "torch"
    assert "automatically" in history.stats["backend_reason"]
    taken = history.stats["steps_taken"] * X.size * NET.units
    assert NET.units == 60
    assert history.stats["pairs_per_second"] == pytest.approx(taken / history.stats["seconds"])
    assert history.to_xarray().attrs["architecture"] == NET.architecture


def test_frozen_frequencies_stay_and_decay_towards_the_start_is_slower():
    np.testing.assert_array_equal(run(freeze_frequencies=True, weight_decay=0.1).net.w, NET.w)
    settings = {"frequency_decay": 0.2, "steps": 100}
    spread = [
        np.linalg.norm(run(decay_towards=towards, **settings).net.w - NET.w)
        for towards in ("zero", "start")
    ]
    assert spread[0] > 3 * spread[1]


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    "settings",
    [
        {"decay_towards": "start", "frequency_decay": 0.01, "freeze_frequencies": False},
        {"optimizer": AdamW(schedule=Warmup(30, Cosine(60))), "weight_decay": 0.1},
        {"optimizer": HeavyBall(clip=0.05), "batch_size": 7, "rng": 5},
        {"optimizer": "adam", "dtype": "float32"},
        {"optimizer": SignDescent(0.5), "step_size": 0.001},
    ],
)
def test_killed_run_resumes_bit_for_bit(tmp_path, monkeypatch, settings):
    settings = {"step_size": 0.02, "steps": 90, "test": TEST, "threads": 1} | settings
    path, original = tmp_path / "run.npz", checkpoint.write
    whole = run(**settings)

    def dies(*arguments):
        original(*arguments)
        if int(arguments[2]["step"]) >= 20:
            raise KilledError

    monkeypatch.setattr(checkpoint, "write", dies)
    with pytest.raises(KilledError):
        run(checkpoint=path, checkpoint_seconds=0, **settings)
    monkeypatch.setattr(checkpoint, "write", original)
    resumed = run(checkpoint=path, **settings)
    assert 20 <= resumed.stats["resumed_from"] < 90
    for name in ("output", "train_output", "spectrum", "weight_norm", "kernel_drift"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    np.testing.assert_array_equal(resumed.net.packed(), whole.net.packed())


@pytest.mark.parametrize("changes", [{"activation": "relu"}, {"hidden": 19}, {"depth": 1}])
def test_checkpoint_of_another_architecture_is_refused(tmp_path, changes):
    run(checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match="belongs to a run with other data"):
        run(sampled(**changes), checkpoint=tmp_path / "run.npz")
    # Same parameters, other meaning.
    other = FourierFeatureMLP(NET.w, NET.layers, NET.readout, "sine")
    with pytest.raises(ValueError, match="belongs to a run with other data"):
        run(other, checkpoint=tmp_path / "run.npz")


def test_single_precision_and_schedules_are_taken():
    settings = {"optimizer": GradientDescent(schedule=Warmup(10)), "steps": 30}
    double, single = run(**settings), run(dtype="float32", **settings)
    gap = np.abs(double.output - single.output).max()
    assert 1e-8 < gap < 1e-4
    assert double.t[-1] == pytest.approx(0.1 * (5.5 + 20))


def test_many_runs_are_those_of_train_to_the_last_bit():
    # Enough parameters for BLAS to share out a sum among its threads.
    nets = [sampled(width=100, hidden=100, rng=seed) for seed in range(3)]
    shared = {"steps": 15, "record": 4, "test": TEST}
    before = torch.get_num_threads()
    runs = train_many(nets, X, Y, step_size=[0.1, 0.2, 0.3], **shared)
    assert torch.get_num_threads() == before
    for net, step_size, many in zip(nets, (0.1, 0.2, 0.3), runs, strict=True):
        alone = train(net, X, Y, step_size=step_size, threads=1, **shared)
        for name in ("output", "spectrum", "weight_norm", "weight_distance", "kernel_drift"):
            np.testing.assert_array_equal(getattr(many, name), getattr(alone, name))
        assert many.stats["threads"] == 1


def test_threads_that_overlap_leave_the_number_as_it_was():
    """The second enters while the first has lowered the number, and leaves after it."""
    before, seen = torch.get_num_threads(), {}
    entered, left = threading.Event(), threading.Event()

    def second():
        with at_most(1):
            entered.set()
            left.wait(10)
            seen["inside"] = torch.get_num_threads()
        seen["after"] = torch.get_num_threads()

    worker = threading.Thread(target=second)
    with at_most(1):
        worker.start()
        assert entered.wait(10)
    left.set()
    worker.join()
    fresh = threading.Thread(target=lambda: seen.update(fresh=torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert seen == {"inside": 1, "after": before, "fresh": before}
    assert torch.get_num_threads() == before


def test_small_deep_networks_take_one_core_unless_told():
    assert NET.parameters * X.size < PARALLEL_PRODUCTS
    assert run(steps=1).stats["threads"] == 1
    available = torch.get_num_threads()
    assert run(steps=1, threads=64).stats["threads"] == min(64, available)


def test_low_frequencies_are_learned_first_under_a_narrow_density():
    y = np.sin(3 * X) + np.sin(9 * X)
    frequencies = np.linspace(0, 14, 57)
    net = sampled(Normal(scale=2.0), 256, sigma_b=0.0, zero_output=True)
    history = run(
        net, y=y, frequencies=frequencies, steps=500, step_size=1.0, record=60, kernel_probe=0
    )
    low, high = (history.learning_time(band) for band in ((2.0, 4.0), (8.0, 10.0)))
    assert 5 * low < high


def test_diverging_run_names_the_stable_step():
    net = sampled(width=64, sigma_b=0.0)
    engine = load("torch", forward=net.forward, units=net.units)
    top = top_eigenvalue(net.packed(), X[:, None], engine)
    with pytest.warns(RuntimeWarning, match="diverged by step"):
        history = run(net, step_size=1e4 / top, steps=300, record=300)
    assert f"2/lambda_max = {2 / top:.3g}" in history.status


@pytest.mark.parametrize("settings", [{}, {"freeze_frequencies": True}, {"dtype": "float32"}])
def test_compared_with_the_two_layer_prediction(settings):
    """Data, f_0 and density are checked, sigma_a is not; single precision is no other f_0."""
    history = run(sampled(sigma_a=0.7), **settings)
    prediction = solve_frequency_pde(RHO, (X, Y), initial_output=history.initial_net, t=[0.0, 10.0])
    both = compare(prediction, history)
    assert both.output_error[0] < 1e-5
    assert both.output_error[-1] > 1e-3
    with pytest.raises(ValueError, match="start from outputs f_0 that differ"):
        compare(solve_frequency_pde(RHO, (X, Y), t=[0.0, 10.0]), history)
    other = solve_frequency_pde(
        Normal(scale=5.0), (X, Y), initial_output=history.initial_net, t=[0.0, 10.0]
    )
    with pytest.raises(ValueError, match="history drew its frequencies from"):
        compare(other, history)


def test_without_hidden_layers_sigma_a_is_compared():
    history = run(sampled(width=2000, depth=0, zero_output=True, sigma_a=0.7))
    prediction = solve_frequency_pde(RHO, (X, Y), sigma_a=0.7, t=[0.0, 10.0])
    assert compare(prediction, history).output_error.max() < 0.1
    with pytest.raises(ValueError, match=r"history has sigma_a=0\.7"):
        compare(solve_frequency_pde(RHO, (X, Y), t=[0.0, 10.0]), history)


def test_arrays_are_copied_and_read_only():
    weights = np.ones((2, 6))
    net = FourierFeatureMLP([1.0, 2.0, 3.0], [(weights, np.zeros(2))], [1.0, 1.0])
    weights[:] = 0
    assert net.layers[0][0].sum() == 12
    for array in (net.w, *net.layers[0], net.readout):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    assert repr(net) == "FourierFeatureMLP(width=3, layers=1 x 2 tanh, dim=1)"
    uneven = FourierFeatureMLP(
        [1.0], [(np.ones((3, 2)), np.ones(3)), (np.ones((2, 3)), np.ones(2))], [1.0, 1.0], "relu"
    )
    assert "3 - 2 relu" in uneven.architecture


def test_module_can_be_copied_and_pickled():
    module = NET.to_module()
    x = torch.tensor(X)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(other(x), module(x), rtol=0, atol=0)
    assert module.float()(x.float()).dtype == torch.float32
    assert set(dict(module.named_parameters())) == {
        "w", "weights.0", "weights.1", "biases.0", "biases.1", "readout",
    }  # fmt: skip


BUILT = {
    "w": [1.0, 2.0],
    "layers": [(np.ones((2, 4)), np.zeros(2))],
    "readout": [1.0, 1.0],
}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"w": [np.nan, 1.0]}, ValueError, "w holds 1 NaN"),
        ({"layers": 3}, TypeError, r"layers=3 must be a list of \(weights, biases\)"),
        ({"layers": [np.ones((3, 4))]}, TypeError, r"layers\[0\]=.*must be a pair"),
        ({"layers": [(np.ones(4), np.ones(1))]}, ValueError, r"layers\[0\]\[0\] has shape \(4,\)"),
        (
            {"layers": [(np.ones((2, 3)), np.ones(2))]},
            ValueError,
            r"layers\[0\]\[0\] has 3 columns for 4 unit.* in 1 branch.*; it must have 4",
        ),
        ({"layers": [(np.ones((2, 4)), [1.0])]}, ValueError, r"layers\[0\]\[1\] holds 1 value"),
        ({"readout": [1.0]}, ValueError, r"readout holds 1 value\(s\) for 2"),
        ({"activation": "gelu"}, ValueError, "activation='gelu' must be one of 'tanh', 'relu'"),
        ({"branches": 0}, ValueError, "branches=0 must be at least 1"),
        ({"branches": 3}, ValueError, "w has 2 rows, which branches=3 must divide"),
        (
            {"branches": 2, "layers": [(np.ones((3, 2)), np.ones(3))]},
            ValueError,
            r"layers\[0\]\[0\] has 3 rows, which branches=2 must divide",
        ),
        ({"sigma_w": -1.0}, ValueError, "sigma_w=-1.0 must not be negative"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        FourierFeatureMLP(**(BUILT | changes))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"width": 0}, ValueError, "width=0 must be at least 1"),
        ({"depth": -1}, ValueError, "depth=-1 must be at least 0"),
        ({"hidden": 0}, ValueError, "hidden=0 must be at least 1"),
        ({"sigma_a": -1.0}, ValueError, "sigma_a=-1.0 must not be negative"),
        ({"sigma_b": np.inf}, ValueError, "sigma_b=inf must be finite"),
        ({"activation": "cosine"}, ValueError, "activation='cosine' must be one of"),
        ({"width": 7, "zero_output": True}, ValueError, "width=7 must be even.*use 8"),
        ({"hidden": 5, "zero_output": True}, ValueError, "hidden=5 must be even.*use 6"),
        ({"rng": "seed"}, TypeError, "rng='seed' must be an integer"),
    ],
)
def test_bad_samples_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        sampled(**changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"backend": "direct"}, ValueError, "backend='direct' trains a FourierFeatureNet only"),
        ({"net": NET.to_module()}, TypeError, "must be a FourierFeatureNet or a FourierFeatureMLP"),
        ({"x": np.ones((24, 2))}, ValueError, "x holds points of dimension 2 .*, but net"),
        ({"device": "moon"}, ValueError, "device='moon' is not available to PyTorch"),
    ],
)
def test_bad_training_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run(**changes)


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("ntkfreq.network.engine.find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"pip install '\.\[torch\]' in a checkout of the project"
    ):
        run()


def test_points_of_other_dimension_are_refused():
    with pytest.raises(ValueError, match="x holds points of dimension 2, but the density"):
        NET(PLANE)
