"""The closed recursion: against a plain loop, exact linear dynamics, and trained networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntkfreq import FourierFeatureNet, Normal, train
from ntkfreq.problem.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Optimizer,
)
from ntkfreq.problem.step_schedules import Cosine, Warmup
from ntkfreq.recursion.batches import epoch_batches
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.rules import Rates
from validation.reference import recursion as plain

STEPS = 15


class RMSProp(Optimizer):
    """Stands for the package's, by its name and attributes."""

    normalized = True
    alpha, epsilon, momentum = 0.9, 1e-8, 0.5


class SignDescent(Optimizer):
    normalized = True
    decoupled = True
    momentum = 0.6


RULES = {
    "gradient descent": (GradientDescent(), plain.heavy_ball(0.0)),
    "heavy ball": (HeavyBall(0.8), plain.heavy_ball(0.8)),
    "Nesterov": (Nesterov(0.8), plain.nesterov(0.8)),
    "Adam": (Adam(beta2=0.98), plain.adam(0.9, 0.98)),
    "RMSProp": (RMSProp(), plain.rms_prop(0.9, 0.5)),
    "signs": (SignDescent(), plain.signs(0.6)),
}


def problem(dim, nodes=10, points=9):
    """Few nodes and points at which nothing is special."""
    rng = np.random.default_rng(dim)
    w, shares = 6 * rng.standard_normal((nodes, dim)), rng.uniform(0.5, 1, nodes)
    x = rng.uniform(-1, 1, (points, dim))
    y = np.sin(3 * x[:, 0]) + 0.4 * np.cos(7 * x.sum(axis=1) + 0.3)
    return FrequencyNodes(w, shares / shares.sum()), x, y, rng.uniform(-1, 1, (5, dim))


def both(
    dim, optimizer, rule, *, epsilon=0.0, sigma_a=1.3, engine="direct", tight=1e-10, **options
):
    """Compare outputs at the points and elsewhere with those of the plain loop."""
    nodes, x, y, other = problem(dim)
    pairs = options.get("readout_weights")
    nodes = replace(nodes, readout=pairs)
    decay_a, decay_w = options.pop("decay_a", 0.0), options.pop("decay_w", 0.0)
    f0, batches = options.pop("f0", None), options.pop("batches", None)
    expected = plain.recursion(
        nodes.frequencies,
        nodes.weights,
        x,
        y,
        rule,
        STEPS,
        rate=0.05,
        sigma_a=sigma_a,
        epsilon=epsilon,
        decay_a=decay_a,
        decay_w=decay_w,
        f0=f0,
        batches=None if batches is None else [row[row >= 0] for row in batches],
        factors=[optimizer.schedule.factor(n) for n in range(STEPS)],
        x_other=other,
        **options,
    )
    path = follow(
        nodes,
        x,
        y,
        optimizer=optimizer,
        rates=Rates(
            0.05,
            options.get("frequency_rate", float("nan")),
            epsilon,
            readout_decay=decay_a,
            frequency_decay=decay_w,
        ),
        steps=STEPS,
        sigma_a=sigma_a,
        freeze_frequencies=options.get("frozen", False),
        initial=None if f0 is None else lambda z: f0(z.reshape(len(z), -1)),
        batches=batches,
        record=np.arange(STEPS + 1),
        engine=engine,
    )
    for found, known in zip((path.output, path.outputs(other)), expected, strict=True):
        assert found == pytest.approx(known, abs=tight)


def start(z):
    return 0.3 * np.cos(2 * z[:, 0] + z[:, -1])


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    both(1, *RULES[name])


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3, 1.0])
def test_epsilon(epsilon):
    both(1, *RULES["Adam"], epsilon=epsilon)


@pytest.mark.parametrize("dim", [2, 3])
def test_dimensions(dim):
    both(dim, *RULES["Adam"], epsilon=1e-3)


def test_frozen():
    both(2, *RULES["RMSProp"], frozen=True)


def test_schedule():
    both(1, Adam(beta2=0.98, schedule=Warmup(5, Cosine(8, 0.1))), plain.adam(0.9, 0.98))


def output_weights(nodes=10):
    return np.random.default_rng(7).standard_normal((nodes, 2))


@pytest.mark.parametrize("name", RULES)
def test_units(name):
    both(1, *RULES[name], readout_weights=output_weights(), epsilon=1e-3)


@pytest.mark.parametrize("engine", ["direct", "nufft"])
def test_units_under_decay_and_batches(engine):
    batches = epoch_batches(9, 4, STEPS, seed=3)
    options = {"decay_a": 0.02, "decay_w": 0.01, "batches": batches, "f0": start}
    pairs = output_weights()
    both(
        2,
        AdamW(beta2=0.98),
        plain.adam(0.9, 0.98),
        readout_weights=pairs,
        engine=engine,
        tight=1e-8,
        **options,
    )


def test_units_are_the_linear_network():
    """A plain linear model of the parameters, each moved by Adam on its own."""
    rng = np.random.default_rng(1)
    w, pairs = 6 * rng.standard_normal(8), rng.standard_normal((8, 2))
    x = np.linspace(-1, 1, 9)
    y, phase = np.sin(3 * x), np.outer(x, w)
    a, b = pairs.T
    slope = x[:, None] * (b * np.cos(phase) - a * np.sin(phase))
    jacobian = np.concatenate([np.cos(phase), np.sin(phase), slope], axis=1) / np.sqrt(8)
    moved, mean, square = np.zeros(24), np.zeros(24), np.zeros(24)
    for n in range(1, 41):
        gradient = jacobian.T @ (jacobian @ moved - y) / len(x)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        root = np.sqrt(square / (1 - 0.999**n)) + 1e-8
        moved = moved - 0.01 * mean / (1 - 0.9**n) / root
    rates = Rates.scaled(Adam(), 0.01, 8)
    path = follow(own_nodes(w, a, b), x, y, optimizer=Adam(), rates=rates, steps=40, sharpness=True)
    # Rounding of small gradients becomes that of whole steps: 2e-12 seen with another BLAS.
    assert path.output[-1] == pytest.approx(jacobian @ moved, abs=1e-10)
    # The sharpness is that of the preconditioned Jacobian.
    scaled = jacobian / np.sqrt(root)
    largest = 0.01 * np.linalg.eigvalsh(scaled @ scaled.T / len(x))[-1]
    assert path.sharpness[-1] == pytest.approx(largest, rel=1e-4)


def test_twins_are_one_unit():
    net = FourierFeatureNet.sample(Normal(scale=4.0), 12, zero_output=True, rng=0)
    nodes = own_nodes(net.w, net.a, net.b)
    assert nodes.count == 6
    assert nodes.weights.sum() == pytest.approx(1, abs=1e-15)
    assert own_nodes(net.w, net.a, np.abs(net.b)).count == 12


def test_rates_of_its_own_for_w():
    both(1, *RULES["Adam"], frequency_rate=0.004)


@pytest.mark.parametrize("engine", ["direct", "nufft"])
def test_decay_batches_and_initial_output(engine):
    """Everything at once. A fast transform has an error of 1e-10 a sum."""
    both(
        2,
        AdamW(beta2=0.98, schedule=Warmup(5, Cosine(8, 0.1))),
        plain.adam(0.9, 0.98),
        epsilon=1e-4,
        decay_a=0.02,
        decay_w=0.03,
        f0=start,
        batches=epoch_batches(9, 4, STEPS, seed=3),
        engine=engine,
        tight=1e-10 if engine == "direct" else 1e-8,
    )


@pytest.mark.parametrize("options", [{"decay_a": 0.02}, {"decay_a": 0.02, "decay_w": 0.03}])
def test_decay(options):
    both(1, AdamW(), plain.adam(), f0=start, **options)
    both(1, GradientDescent(), plain.heavy_ball(0.0), f0=start, **options)


def test_transforms_of_either_kind():
    """Nodes that are equispaced, and such that are not."""
    x = np.random.default_rng(0).uniform(-1, 1, (50, 1))
    y = np.sin(4 * x[:, 0])
    for nodes in (density_nodes(Normal(scale=5.0), x, 1e-2), own_nodes(np.linspace(-9, 8, 40))):
        paths = [
            follow(nodes, x, y, optimizer=Adam(), rates=Rates(0.05), steps=30, engine=engine)
            for engine in ("direct", "nufft")
        ]
        assert paths[1].output == pytest.approx(paths[0].output, abs=1e-8)
        # At the first steps it hangs on nodes whose gradient is nearly zero.
        assert paths[1].sharpness[3:] == pytest.approx(paths[0].sharpness[3:], rel=1e-3)


@pytest.mark.parametrize(
    ("optimizer", "beta", "nesterov"),
    [(GradientDescent(), 0.0, 0), (HeavyBall(0.9), 0.9, 0), (Nesterov(0.9), 0.9, 1)],
)
def test_linear_rules_are_exact_linear_dynamics(optimizer, beta, nesterov):
    nodes, x, y, _ = problem(2, points=20)
    phase = x @ nodes.frequencies.T
    k = (np.cos(phase) * nodes.weights) @ np.cos(phase).T
    k += (np.sin(phase) * nodes.weights) @ np.sin(phase).T
    k *= 1 + 0.8**2 * x @ x.T
    e, v, eta = -y, np.zeros(20), 0.3
    expected = [e]
    for _ in range(60):
        g = k @ e / 20
        v = beta * v + g
        e = e - eta * (g + beta * v if nesterov else v)
        expected.append(e)
    path = follow(
        nodes,
        x,
        y,
        optimizer=optimizer,
        rates=Rates(eta),
        steps=60,
        sigma_a=0.8,
        record=np.arange(61),
    )
    assert path.errors == pytest.approx(np.array(expected), abs=1e-12)
    assert path.loss == pytest.approx(np.mean(np.square(expected), axis=1), abs=1e-12)


def tones(x):
    return np.sin(np.pi * x) + 0.3 * np.sin(3 * np.pi * x + 0.4) + 0.1 * np.cos(5 * np.pi * x)


@pytest.mark.parametrize("optimizer", [Adam(), AdamW(beta2=0.98, schedule=Warmup(20))])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_a_network_with_frozen_frequencies_is_the_recursion(optimizer, batch_size):
    """At any width, exactly: here decay, batches and an initial output as well."""
    x = np.linspace(-1, 1, 12)
    net = FourierFeatureNet.sample(Normal(scale=10.0), 256, rng=1)
    decay = 5.0 if optimizer.decoupled else 0.0
    run = train(
        net,
        x,
        tones(x),
        step_size=3e-3,
        steps=200,
        optimizer=optimizer,
        weight_decay=decay,
        freeze_frequencies=True,
        batch_size=batch_size,
        rng=7,
        record=8,
    )
    path = follow(
        own_nodes(net.w),
        x,
        tones(x),
        optimizer=optimizer,
        rates=Rates.scaled(optimizer, 3e-3, 256, weight_decay=decay),
        steps=200,
        freeze_frequencies=True,
        initial=net,
        batches=None if batch_size is None else epoch_batches(12, batch_size, 200, seed=7),
        record=8,
    )
    assert path.output == pytest.approx(run.train_output, abs=1e-10)


CASES = {
    "Adam": (Adam(), {}),
    "batches": (Adam(), {"batch_size": 8}),
    "AdamW": (AdamW(), {"weight_decay": 0.01, "frequency_decay": 0.01}),
    "epsilon": (Adam(epsilon=1 / 128), {}),
    "heavy ball": (HeavyBall(0.9), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_wide_trained_networks(name):
    """Width 16384, all parameters trained: 1.5 % of rms(y) at every record before any edge."""
    width, x = 16384, np.linspace(-1, 1, 32)
    optimizer, options = CASES[name]
    options = dict(options)
    step = 0.02 if name == "heavy ball" else 0.05 / np.sqrt(width)
    batch_size = options.pop("batch_size", None)
    decays = {key: share / step for key, share in options.items()}
    net = FourierFeatureNet.sample(Normal(scale=10.0), width, zero_output=not decays, rng=1)
    run = train(
        net,
        x,
        tones(x),
        step_size=step,
        steps=150,
        optimizer=optimizer,
        batch_size=batch_size,
        rng=5,
        record=20,
        threads=1,
        kernel_probe=0,
        **decays,
    )
    path = follow(
        density_nodes(Normal(scale=10.0), x[:, None], 1e-3),
        x,
        tones(x),
        optimizer=optimizer,
        rates=Rates.scaled(optimizer, step, width, **decays),
        steps=150,
        initial=net if decays else None,
        batches=None if batch_size is None else epoch_batches(32, batch_size, 150, seed=5),
        record=20,
    )
    off = np.sqrt(np.mean((path.output - run.train_output) ** 2, axis=1))
    assert off.max() < 0.015 * np.sqrt(np.mean(tones(x) ** 2))


def test_wide_trained_network_in_the_plane():
    """Its own frequencies as nodes: 0.7 % seen at width 16384."""
    axis = np.linspace(-1, 1, 7)
    x = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    y = np.sin(np.pi * x[:, 0] + 0.3) + 0.4 * np.cos(4 * x[:, 1] - 2 * x[:, 0])
    net = FourierFeatureNet.sample(Normal(scale=4.0, dim=2), 16384, zero_output=True, rng=1)
    step = 0.05 / 128
    run = train(
        net, x, y, step_size=step, steps=40, optimizer=Adam(), record=10, threads=1, kernel_probe=0
    )
    path = follow(
        own_nodes(net.w),
        x,
        y,
        optimizer=Adam(),
        rates=Rates.scaled(Adam(), step, 16384),
        steps=40,
        record=10,
        sharpness=False,
    )
    off = np.sqrt(np.mean((path.output - run.train_output) ** 2, axis=1) / np.mean(y**2))
    assert off.max() < 0.015


def test_frequencies_move_by_output_weights_after_their_decay():
    """In a step the gradient sees them before it: with equal factors the error stays, at 0.0035."""
    width, x = 32768, np.linspace(-1, 1, 24)
    step = 0.02 / np.sqrt(width)
    net = FourierFeatureNet.sample(Normal(scale=6.0), width, sigma_a=2.0, rng=0)
    decay = 0.2 / step
    run = train(
        net,
        x,
        tones(x),
        step_size=step,
        steps=10,
        optimizer=AdamW(),
        weight_decay=decay,
        record=np.arange(11),
        threads=1,
        kernel_probe=0,
    )
    path = follow(
        own_nodes(net.w),
        x,
        tones(x),
        optimizer=AdamW(),
        rates=Rates.scaled(AdamW(), step, width, weight_decay=decay),
        steps=10,
        sigma_a=2.0,
        initial=net,
        record=np.arange(11),
        sharpness=False,
    )
    off = np.sqrt(np.mean((path.output - run.train_output) ** 2) / np.mean(tones(x) ** 2))
    assert off < 5e-4


@pytest.mark.parametrize("power", [-3, 5])
def test_scaling_of_values_and_step(power):
    """(y, eta0) to (c y, c eta0) multiplies the path by c, for powers of two to the last bit."""
    nodes, x, y, _ = problem(1)
    c = 2.0**power
    first, second = (
        follow(nodes, x, s * y, optimizer=Adam(), rates=Rates(0.05 * s), steps=100)
        for s in (1.0, c)
    )
    assert (second.output == c * first.output).all()
    # Measured 9e-15 for factors that round.
    third = follow(nodes, x, 3 * y, optimizer=Adam(), rates=Rates(0.15), steps=100)
    assert third.output == pytest.approx(3 * first.output, rel=1e-9, abs=1e-9)


def test_rounding_does_not_move_what_has_no_gradient():
    """An odd target on even points: the cosines, whose gradients are rounding, stay."""
    x = np.linspace(-1, 1, 33)
    nodes = density_nodes(Normal(scale=10.0), x[:, None], 1e-2)
    path = follow(nodes, x, np.sin(3 * x) + x, optimizer=Adam(), rates=Rates(0.05), steps=200)
    assert abs(path.moves[..., 0]).max() == 0.0
    assert path.output[-1] == pytest.approx(-path.output[-1][::-1], abs=1e-12)
