"""Clipped gradients in the recursion: a plain loop, the kernel, networks, and the edge."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import FourierFeatureNet, Normal, train
from ntkfreq.problem.optimizers import Adam, AdamW, GradientDescent, HeavyBall, RMSProp, SignDescent
from ntkfreq.problem.step_schedules import Cosine, Warmup
from ntkfreq.recursion import cost, direct
from ntkfreq.recursion.batches import epoch_batches
from ntkfreq.recursion.clipped import ClippedSums, gradient_norm
from ntkfreq.recursion.cost import StepWork, seconds
from ntkfreq.recursion.direct import DirectSums
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import LINEAR, Rates, closed_rule, step_rows
from ntkfreq.recursion.sharpness import LASTS, EdgeWatch
from ntkfreq.recursion.transforms import TransformSums
from validation.reference import recursion as plain

STEPS = 15
X = np.linspace(-1, 1, 32)
Y = np.sin(np.pi * X + 0.5) + 0.3 * np.sin(3 * np.pi * X + 1.4) + 0.1 * np.sin(5 * np.pi * X)
NODES = density_nodes(Normal(scale=10.0), X[:, None], 1e-2)
# The norm at the start is about 0.2 in the problems below: some steps are shortened, some are not.
RULES = {
    "gradient descent": (GradientDescent(clip=0.15), plain.heavy_ball(0.0), 0.5),
    "heavy ball": (HeavyBall(0.8, clip=0.15), plain.heavy_ball(0.8), 0.3),
    "Adam": (Adam(beta2=0.98, clip=0.15), plain.adam(0.9, 0.98), 0.05),
    "RMSProp": (RMSProp(0.9, momentum=0.5, clip=0.15), plain.rms_prop(0.9, 0.5), 0.02),
    "signs": (SignDescent(0.6, clip=0.15), plain.signs(0.6), 0.02),
}


def problem(dim):
    """Few nodes and points at which nothing is special."""
    rng = np.random.default_rng(dim)
    w, shares = 6 * rng.standard_normal((10, dim)), rng.uniform(0.5, 1, 10)
    x = rng.uniform(-1, 1, (9, dim))
    y = np.sin(3 * x[:, 0]) + 0.4 * np.cos(7 * x.sum(axis=1) + 0.3)
    return FrequencyNodes(w, shares / shares.sum()), x, y


def both(name, dim, *, engine="direct", **options):
    """Outputs of the recursion and of the plain loop, and the path."""
    optimizer, rule, rate = RULES[name]
    nodes, x, y = problem(dim)
    decay_a, decay_w = options.pop("decay_a", 0.0), options.pop("decay_w", 0.0)
    f0, batches = options.pop("f0", None), options.pop("batches", None)
    schedule = options.pop("schedule", optimizer.schedule)
    optimizer = type(optimizer)(**{**optimizer.__dict__, "schedule": schedule})
    if decay_w:
        optimizer = AdamW(beta2=0.98, clip=optimizer.clip, schedule=schedule)
    slow, readout = options.get("frequency_rate", float("nan")), options.get("readout_norm", 1.0)
    expected, _ = plain.recursion(
        nodes.frequencies,
        nodes.weights,
        x,
        y,
        rule,
        STEPS,
        rate=rate,
        sigma_a=1.3,
        epsilon=1e-2,
        decay_a=decay_a,
        decay_w=decay_w,
        f0=f0,
        factors=[schedule.factor(n) for n in range(STEPS)],
        batches=None if batches is None else [row[row >= 0] for row in batches],
        clip=optimizer.clip,
        **options,
    )
    path = follow(
        nodes,
        x,
        y,
        optimizer=optimizer,
        rates=Rates(rate, slow, 1e-2, 1e-2, decay_a, decay_w, readout),
        steps=STEPS,
        sigma_a=1.3,
        freeze_frequencies=options.get("frozen", False),
        initial=None if f0 is None else lambda z: f0(z.reshape(len(z), -1)),
        batches=batches,
        record=np.arange(STEPS + 1),
        engine=engine,
    )
    return path.output, expected, path


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("name", RULES)
def test_rules_are_those_of_the_plain_loop(name, dim, frozen):
    found, expected, path = both(name, dim, frozen=frozen)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert 0 < path.clipped_steps <= STEPS


@pytest.mark.parametrize("name", ["gradient descent", "heavy ball", "Adam"])
@pytest.mark.parametrize("batches", [None, epoch_batches(9, 4, STEPS, seed=3)])
@pytest.mark.parametrize("dim", [1, 2])
def test_both_engines(name, dim, batches):
    """A fast transform has an error of 1e-10 of the sum of magnitudes, a sum, over 15 steps."""
    for engine, tight in (("direct", 1e-10), ("nufft", 1e-9)):
        found, expected, _ = both(name, dim, engine=engine, batches=batches)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tight)


def test_decay_schedule_initial_output_and_the_scale_of_the_standard_parametrization():
    """Everything at once: decay comes after clipping, and shrinks the part of w in the norm."""
    options = {
        "decay_a": 0.05,
        "decay_w": 0.03,
        "f0": lambda z: 0.3 * np.cos(2 * z[:, 0] + z[:, -1]),
        "batches": epoch_batches(9, 4, STEPS, seed=3),
        "schedule": Warmup(5, Cosine(8, 0.1)),
        "frequency_rate": 0.01,
        "readout_norm": 0.4,
    }
    found, expected, _ = both("Adam", 2, **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    # Each of the two counts.
    for name, other in (("readout_norm", 1.0), ("decay_a", 0.0)):
        off, _, _ = both("Adam", 2, **options | {name: other})
        assert np.abs(off - found).max() > 1e-4


def gram(nodes, x, sigma):
    phase = x @ nodes.frequencies.T
    k = (np.cos(phase) * nodes.weights) @ np.cos(phase).T
    k += (np.sin(phase) * nodes.weights) @ np.sin(phase).T
    return k * (1 + sigma**2 * x @ x.T)


@pytest.mark.parametrize("beta", [0.0, 0.8])
def test_linear_rules_are_a_recursion_of_the_error_by_its_kernel(beta):
    """The squared norm of the gradient is the error's quadratic form in the kernel."""
    nodes, x, y = problem(2)
    k, e, v, expected = gram(nodes, x, 0.8), -y, 0.0, [-y]
    for _ in range(60):
        norm = np.sqrt(e @ k @ e) / len(y)
        v = beta * v + min(1.0, 0.1 / (norm + 1e-6)) * (k @ e) / len(y)
        e = e - 0.3 * v
        expected.append(e)
    path = follow(
        nodes, x, y, optimizer=HeavyBall(beta, clip=0.1), rates=Rates(0.3), steps=60, sigma_a=0.8,
        record=np.arange(61),
    )  # fmt: skip
    np.testing.assert_allclose(path.errors, expected, rtol=0, atol=1e-12)
    assert 5 < path.clipped_steps < 60


def test_a_clip_that_is_never_reached_changes_nothing():
    for engine, same in (("direct", 1e-13), ("nufft", 0.0)):
        options = {"rates": Rates(0.05), "steps": 40, "engine": engine}
        free = follow(NODES, X, Y, optimizer=Adam(), **options)
        held = follow(NODES, X, Y, optimizer=Adam(clip=1e3), **options)
        # Other kernels take the sums in another order; transforms are the same.
        np.testing.assert_allclose(held.output, free.output, rtol=0, atol=same)
        assert (held.clipped_steps, free.clipped_steps) == (0, None)


def test_a_factor_that_stays_changes_nothing_where_gradients_are_normalized():
    """Without epsilon: of the first step of Adam, and of all of signs without memory."""
    options = {"rates": Rates(0.02), "steps": 12, "record": np.arange(13), "sharpness": False}
    signs = [
        follow(NODES, X, Y, optimizer=SignDescent(0.0, clip=clip), **options).output
        for clip in (None, 1e-9)
    ]
    # Sums of other kernels: signs are those of sums above rounding.
    np.testing.assert_allclose(signs[0], signs[1], rtol=0, atol=1e-12)
    adam = [
        follow(NODES, X, Y, optimizer=Adam(clip=clip), **options).output for clip in (None, 1e-9)
    ]
    np.testing.assert_allclose(adam[0][1], adam[1][1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("batches", [None, epoch_batches(32, 5, 20, seed=0)])
def test_threads_and_laps_change_nothing(monkeypatch, batches):
    options = {
        "optimizer": Adam(clip=0.1), "rates": Rates(0.05), "steps": 20, "record": 4,
        "batches": batches, "engine": "direct",
    }  # fmt: skip
    whole = follow(NODES, X, Y, **options)
    monkeypatch.setattr(direct, "_LAP_SECONDS", 2e-5)
    laps = follow(NODES, X, Y, **options)
    np.testing.assert_array_equal(laps.output, whole.output)
    monkeypatch.setattr(cost, "PARALLEL_SECONDS", 0.0)
    monkeypatch.setattr(cost, "allowed_threads", lambda: 2)
    threads = follow(NODES, X, Y, **options)
    # Another kernel, which may round otherwise.
    np.testing.assert_allclose(threads.output, whole.output, rtol=0, atol=1e-12)
    assert threads.clipped_steps == whole.clipped_steps > 0


def test_the_cost_of_a_second_pass_is_counted():
    x = X[:, None]
    plain_step, clipped = seconds(NODES, x, 100), seconds(NODES, x, 100, clipped=True)
    assert 1.1 < clipped / plain_step < 3
    many = np.random.default_rng(0).uniform(-1, 1, (100_000, 1))
    work = StepWork.of(NODES, many, False, False, clipped=True)
    free = StepWork.of(NODES, many, False, False)
    # Transforms take all sums before a step in any case.
    assert work.seconds("nufft") == free.seconds("nufft")
    assert work.seconds("direct") > 1.3 * free.seconds("direct")
    with pytest.raises(ValueError, match=r"above the .* seconds that one call may last"):
        follow(
            NODES, X, Y, optimizer=Adam(clip=1.0), rates=Rates(0.1), steps=100,
            most_seconds=0.9 * clipped, engine="direct",
        )  # fmt: skip


def measured(dim, engine, scale=1.0):
    """Sums of a problem at its start, and the problem."""
    nodes, x, y = problem(dim)
    shares = np.full(len(x), 1 / len(x))
    found = FollowedProblem(nodes, x, scale * y, shares, LINEAR, 1.3, False, np.zeros(1 + dim))
    sums = engine(found, StepWork.of(nodes, x, False, False)).project(-scale * y / len(x), 1.0)
    return found, sums


@pytest.mark.parametrize("engine", [DirectSums, TransformSums])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_sums_and_their_norm_by_definition(dim, engine):
    found, sums = measured(dim, engine)
    phase, e = found.x @ found.nodes.frequencies.T, -found.y / len(found.y)
    expected = [e @ np.cos(phase), e @ np.sin(phase)]
    for k in range(dim):
        expected += [(e * found.x[:, k]) @ np.cos(phase), (e * found.x[:, k]) @ np.sin(phase)]
    # Transforms: 1e-10 of the sum of magnitudes.
    np.testing.assert_allclose(sums, np.transpose(expected), rtol=0, atol=1e-9)
    square = e @ gram(found.nodes, found.x, 1.3) @ e
    assert gradient_norm(found, sums, 1.0) == pytest.approx(np.sqrt(square), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_norms_whose_squares_leave_the_range_of_numbers(scale):
    found, sums = measured(1, DirectSums)
    small = gradient_norm(found, sums, 1.0)
    far, others = measured(1, DirectSums, scale)
    assert gradient_norm(far, others, 1.0) == pytest.approx(scale * small, rel=1e-12)


@pytest.mark.parametrize("parametrization", ["ntk", "standard"])
def test_norm_of_a_wide_network(parametrization):
    """At width 65536 within 2 %. By finite steps of `train` without a memory."""
    net = FourierFeatureNet.sample(Normal(scale=10.0), 65536, zero_output=True, rng=0)
    step = 1e-3 / (65536 if parametrization == "standard" else 1)
    run = train(
        net, X, Y, step_size=step, steps=1, parametrization=parametrization, record=[0, 1],
        kernel_probe=0, threads=1,
    )  # fmt: skip
    scale = np.sqrt(65536) if parametrization == "standard" else 1.0
    parts = [(run.net.w - net.w).ravel() / step]
    parts += [(after - before) / (scale * step)
              for after, before in ((run.net.a, net.a), (run.net.b, net.b))]  # fmt: skip
    rates = Rates.scaled(GradientDescent(), step, 65536, parametrization=parametrization)
    x = X[:, None]
    found = FollowedProblem(
        NODES, x, Y, np.full(32, 1 / 32), LINEAR, 1.0, False, np.zeros(2)
    )  # fmt: skip
    sums = DirectSums(found, StepWork.of(NODES, x, False, False)).project(-Y / 32, 1.0)
    norm = gradient_norm(found, sums, 1.0, rates.readout_norm)
    assert np.linalg.norm(np.concatenate(parts)) == pytest.approx(norm, rel=0.02)
    if parametrization == "standard":
        assert norm == pytest.approx(256 * gradient_norm(found, np.c_[sums[:, :2], 0 * sums[:, 2:]],
                                                         1.0), rel=1e-4)  # fmt: skip


FROZEN = [
    ("ntk", GradientDescent(clip=0.1), 0.5, 0.0),
    ("ntk", HeavyBall(0.8, clip=0.1), 0.1, 0.0),
    ("ntk", Adam(clip=0.1), 3e-3, 0.0),
    ("ntk", AdamW(clip=0.1), 3e-3, 5.0),
    ("ntk", GradientDescent(clip=0.1), 0.3, 0.2),
    ("standard", GradientDescent(clip=1.0), 2e-3, 0.3),
    ("standard", HeavyBall(0.8, clip=1.0), 4e-4, 0.0),
    ("standard", Adam(clip=1.0), 3e-4, 0.0),
]


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize(("parametrization", "optimizer", "step", "decay"), FROZEN)
def test_a_network_with_frozen_frequencies_is_the_recursion(
    parametrization, optimizer, step, decay, batch_size
):
    """At any width, exactly."""
    x, y = X[::3], Y[::3]
    net = FourierFeatureNet.sample(Normal(scale=10.0), 256, rng=1)
    run = train(
        net, x, y, step_size=step, steps=100, optimizer=optimizer, weight_decay=decay,
        freeze_frequencies=True, batch_size=batch_size, rng=7, record=8,
        parametrization=parametrization,
    )  # fmt: skip
    rates = Rates.scaled(
        optimizer, step, 256, parametrization=parametrization, weight_decay=decay
    )  # fmt: skip
    path = follow(
        own_nodes(net.w), x, y, optimizer=optimizer, rates=rates, steps=100, initial=net,
        freeze_frequencies=True, record=8,
        batches=None if batch_size is None else epoch_batches(len(x), batch_size, 100, seed=7),
    )  # fmt: skip
    np.testing.assert_allclose(path.output, run.train_output, rtol=0, atol=1e-10)
    assert path.clipped_steps > 0


def test_swings_of_clipped_modes_begin_where_they_are_looked_for():
    """Modes of a sharpness above the edge, by themselves: the least mean that a swing has."""
    rng = np.random.default_rng(0)
    for rule in (GradientDescent(), HeavyBall(0.5), HeavyBall(0.9)):
        closed = closed_rule(rule)
        beta = closed.mean[0]
        least = closed.edge if closed.swing is None else closed.swing
        for times, modes in ((1.05, [1.0]), (1.5, [1.0, 0.3, 0.1]), (10.0, [1.0, 0.7, 0.2])):
            rate = np.array(modes)
            x, v, factors = 10 * rng.standard_normal(len(modes)), np.zeros(len(modes)), []
            for _ in range(2000):
                factors.append(min(1.0, 1 / np.sqrt(rate @ x**2)))
                v = beta * v + factors[-1] * x
                x = x - times * closed.edge * rate * v
            means = np.convolve(factors[-1000:], np.full(LASTS, 1 / LASTS), "valid")
            assert means.min() * times * closed.edge > (1 - 1e-3) * least


def test_the_edge_of_rules_that_clip():
    """A step above 2 over the largest rate is stable while it is clipped, and then swings."""
    largest = np.linalg.eigvalsh(gram(NODES, X[:, None], 1.0))[-1] / 32
    options = {"steps": 300, "record": np.arange(301)}
    rates = Rates(2 * 1.2 / largest)
    path = follow(NODES, X, Y, optimizer=GradientDescent(clip=0.01), rates=rates, **options)
    assert not path.diverged
    assert path.edge == 2.0
    # The step that was taken: shortened at first, and about the edge at the end.
    assert path.sharpness[1] < 0.5
    assert path.sharpness[-1] == pytest.approx(2.0, rel=0.1)
    assert 5 < path.edge_step < 200
    before = path.loss[: path.edge_step - LASTS]
    assert (np.diff(before) < 0).all()
    # Below the edge clipping ends, and the sharpness is that of the whole step.
    calm = follow(
        NODES, X, Y, optimizer=GradientDescent(clip=0.05), rates=Rates(1 / largest), **options
    )
    assert calm.edge_step is None
    assert calm.sharpness[-1] == pytest.approx(1.0, rel=1e-3)
    # Without clip the same step grows without bound.
    free = follow(NODES, X, Y, optimizer=GradientDescent(), rates=rates, **options)
    assert free.diverged
    ball = Rates(1.5 * 2 * 1.8 / largest)
    swing = follow(NODES, X, Y, optimizer=HeavyBall(0.8, clip=0.2), rates=ball, **options)
    assert swing.edge_step is not None
    assert swing.sharpness[-1] < swing.edge


def test_clipping_falls_out_of_the_sharpness_of_rules_that_normalize():
    """A tenth of the gradient at each step: 1 % seen while the factor hardly changes."""
    options = {"rates": Rates(0.02), "steps": 8, "record": np.arange(9)}
    free, held = (
        follow(NODES, X, Y, optimizer=Adam(clip=clip), **options) for clip in (None, 0.02)
    )
    assert held.clipped_steps == 8
    assert held.sharpness[1] == pytest.approx(free.sharpness[1], rel=1e-3)
    assert held.sharpness[2:] == pytest.approx(free.sharpness[2:], rel=0.03)


class TestWatch:
    def test_looks_while_clipping_holds_a_rule(self):
        watch = EdgeWatch(GradientDescent(), closed_rule(GradientDescent()))
        watch.see(100, 0.5, 0.1)
        assert (watch.next_look, watch.step) == (100 + LASTS, None)
        watch.see(120, 0.5, 0.5)
        assert watch.next_look > 120 + LASTS

    def test_a_swing_that_lasts(self):
        watch = EdgeWatch(HeavyBall(0.8), closed_rule(HeavyBall(0.8)))
        for step in range(1, 120):
            watch.see(step, 0.5 if step > 60 else 0.39, 0.1)
        assert watch.step == 61
        # Without clipping the edge is that of the rule.
        calm = EdgeWatch(HeavyBall(0.8), closed_rule(HeavyBall(0.8)))
        for step in range(1, 120):
            calm.see(step, 0.5)
        assert calm.step is None


def test_steps_of_the_engine_by_themselves():
    """The factor is the mean of the last steps, and none before the first."""
    found, _ = measured(1, DirectSums)
    engine = ClippedSums(DirectSums(found, StepWork.of(found.nodes, found.x, False, False)), 0.1, 1)
    assert (engine.factor, engine.clipped_steps) == (1.0, 0)
    state = FollowedState.start(found)
    rows = step_rows(GradientDescent(), Rates(0.01), 0, 3, state.contraction)
    engine.descend(state, rows, np.zeros((3, 9)))
    assert engine.clipped_steps == 3
    assert 0.1 < engine.factor < 0.9


def test_norm_of_single_units_is_that_of_their_jacobian():
    rng = np.random.default_rng(4)
    w, a, b = 6 * rng.standard_normal((7, 2)), *rng.standard_normal((2, 7))
    x, y = rng.uniform(-1, 1, (9, 2)), rng.standard_normal(9)
    c, s = np.cos(x @ w.T), np.sin(x @ w.T)
    slope = [x[:, k : k + 1] * (b * c - a * s) for k in range(2)]
    gradient = np.concatenate([c, s, *slope], axis=1).T @ (-y / 9) / np.sqrt(7)
    norm = float(np.linalg.norm(gradient))
    # Clipped to a tenth of the norm, a step of gradient descent is a tenth as long.
    outputs = [
        follow(
            own_nodes(w, a, b),
            x,
            y,
            optimizer=GradientDescent(clip=clip),
            rates=Rates(0.1),
            steps=1,
        ).output[-1]
        for clip in (10.0 * norm, 0.1 * norm)
    ]
    assert outputs[1] == pytest.approx(0.1 * outputs[0], rel=2e-6 / norm)
