"""Following a path: the edge of stability, batches, long runs, and what is refused."""

from __future__ import annotations

import pickle
import threading
import time
from _thread import interrupt_main

import numpy as np
import pytest

from ntkfreq import FourierFeatureNet, Normal
from ntkfreq.network.backends.state import Descent
from ntkfreq.problem.optimizers import Adam, AdamW, GradientDescent, HeavyBall, Optimizer
from ntkfreq.problem.step_schedules import Warmup
from ntkfreq.recursion import cost, direct
from ntkfreq.recursion.batches import epoch_batches
from ntkfreq.recursion.cost import StepWork, seconds
from ntkfreq.recursion.direct import DirectSums
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import ROOT, Contraction, Rates, closed_rule, step_rows
from ntkfreq.recursion.sharpness import EdgeWatch, SharpnessMeter

X = np.linspace(-1, 1, 32)
Y = np.sin(np.pi * X + 0.5) + 0.3 * np.sin(3 * np.pi * X + 1.4) + 0.1 * np.sin(5 * np.pi * X)
NODES = density_nodes(Normal(scale=10.0), X[:, None], 1e-2)
ADAM = {"optimizer": Adam(), "rates": Rates(0.05), "steps": 20}


@pytest.mark.parametrize("frozen", [True, False])
def test_adam_goes_to_the_edge_of_stability_and_stays(frozen):
    """Sharpness 38 = 2 (1 + beta1) / (1 - beta1), then about it: 35.8 and 37.8 seen."""
    path = follow(
        density_nodes(Normal(scale=10.0), X[:, None], 1e-3),
        X,
        Y,
        optimizer=Adam(),
        rates=Rates(0.5),
        steps=1500,
        freeze_frequencies=frozen,
        record=np.arange(0, 1501, 25),
    )
    assert path.edge == pytest.approx(38, rel=1e-12)
    assert 300 < path.edge_step < 800
    assert np.median(path.sharpness[path.steps > path.edge_step + 100]) == pytest.approx(38, abs=3)
    before = (path.steps >= 50) & (path.steps < path.edge_step)
    assert (np.diff(path.sharpness[before]) > 0).all()


def test_parity_leaves_out_what_never_had_a_gradient():
    """An odd target on even points: one over epsilon is no curvature of the cosines."""
    for epsilon in (0.0, 1e-7):
        path = follow(
            NODES, X, np.sin(np.pi * X), optimizer=Adam(), rates=Rates(0.1, 0.1, epsilon), steps=80
        )
        assert path.edge_step is None
        assert path.sharpness.max() < 5


def test_sharpness_is_the_largest_eigenvalue():
    """Against the matrix, by products with unit vectors and by its definition."""
    x = np.random.default_rng(0).uniform(-1, 1, (14, 2))
    w = np.random.default_rng(1).standard_normal((30, 2)) * 5
    weights = np.linspace(1, 2, 14) / np.linspace(1, 2, 14).sum()
    nodes = FrequencyNodes(w, np.full(30, 1 / 30))
    problem = FollowedProblem(nodes, x, np.sin(5 * x[:, 0]), weights, ROOT, 1.0, False, np.zeros(3))
    engine = DirectSums(problem, StepWork.of(nodes, x, False, False))
    state = FollowedState.start(problem)
    rows = step_rows(Adam(), Rates(0.3, 0.2), 0, 12, state.contraction)
    engine.descend(state, rows, np.zeros((12, 14)))
    found = engine.curvature(state, rows[-1])
    phase = x @ w.T
    c, s = np.cos(phase), np.sin(phase)
    matrix = (c * found[:, 0]) @ c.T + (s * found[:, 1]) @ s.T
    for k in range(2):
        cc, cs, ss = found[:, 2 + 3 * k : 5 + 3 * k].T
        part = (c * cc) @ c.T + (s * ss) @ s.T + (c * cs) @ s.T + (s * cs) @ c.T
        matrix += np.outer(x[:, k], x[:, k]) * part
    root = np.sqrt(weights)
    largest = np.linalg.eigvalsh(root[:, None] * matrix * root / 30)[-1]
    assert SharpnessMeter(problem, engine).measure(state, rows[-1]) == pytest.approx(
        largest, rel=1e-3
    )
    # The preconditioner of the cosines is one over the root of the corrected mean square.
    square = state.memory[:, 1] / (1 - 0.999**12)
    assert found[:, 0] == pytest.approx(0.3 / np.sqrt(square), rel=1e-12)


def test_sharpness_of_gradient_descent_is_that_of_the_kernel():
    x = X[:, None]
    path = follow(
        NODES, X, Y, optimizer=HeavyBall(0.5), rates=Rates(0.3), steps=10, sigma_a=0.8, record=3
    )
    k = np.cos((x - x.T)[..., None] * NODES.frequencies[:, 0]) @ NODES.weights
    largest = np.linalg.eigvalsh(k * (1 + 0.64 * x @ x.T))[-1] / 32
    assert path.sharpness[1:] == pytest.approx(0.3 * largest, rel=1e-3)
    assert path.edge == 3.0


def test_a_step_that_is_too_large_ends_the_path():
    path = follow(NODES, X, Y, optimizer=GradientDescent(), rates=Rates(60.0), steps=400)
    assert path.diverged
    assert path.steps[-1] < 400
    assert np.isfinite(path.output).all()
    assert len(path.output) == len(path.moves) == len(path.sharpness) == len(path.steps)


class TestWatch:
    def watch(self, optimizer=None):
        optimizer = Adam(beta2=0.9) if optimizer is None else optimizer
        return EdgeWatch(optimizer, closed_rule(optimizer))

    def test_a_crossing_that_lasts(self):
        watch = self.watch()
        for step in range(1, 120):
            watch.see(step, 40.0 if step > 60 else 37.9)
        assert watch.step == 61

    def test_a_crossing_that_does_not(self):
        watch = self.watch()
        for step in range(1, 120):
            watch.see(step, 40.0 if 60 < step < 80 or step < 50 else 37.9)
        assert watch.step is None

    def test_looks_are_rare_while_it_cannot_cross(self):
        """Mean squares fade by beta2 a step: from half the edge it takes 14 steps at 0.9."""
        watch = self.watch()
        watch.see(1000, 19.0)
        assert watch.next_look == 1014
        warm = self.watch(Adam(beta2=0.9999, schedule=Warmup(2000)))
        warm.see(1000, 19.0)
        assert 1600 < warm.next_look <= 2000 or warm.next_look == 1500


def test_batches_are_those_of_training():
    descent, orders = Descent(0.1, batch_size=4, seed=11), {}
    rows = epoch_batches(10, 4, 8, seed=11)
    for step, row in enumerate(rows):
        assert row[row >= 0].tolist() == descent.batch(step, 10, orders).tolist()


def test_weights_of_the_loss():
    """A point twice, or once with twice the weight."""
    x, y = np.append(X, X[5]), np.append(Y, Y[5])
    weights = np.ones(32)
    weights[5] = 2
    one = follow(NODES, x, y, **ADAM)
    other = follow(NODES, X, Y, weights=weights, **ADAM)
    assert other.output == pytest.approx(one.output[:, :32], abs=1e-10)
    assert other.loss == pytest.approx(one.loss, abs=1e-12)


def numpy_network(width, step_size, steps):
    """Adam in the standard parametrization, all parameters trained, in plain NumPy."""
    rng = np.random.default_rng(0)
    w = 6 * rng.standard_normal(width)
    theta = [w, *rng.standard_normal((2, width)) / np.sqrt(width)]
    first, memory, outputs = [t.copy() for t in theta], [[0.0, 0.0] for _ in theta], []

    def output(w, a, b, x):
        return np.cos(np.outer(x, w)) @ a + np.sin(np.outer(x, w)) @ b

    for n in range(steps + 1):
        outputs.append(output(*theta, X))
        e = (outputs[-1] - Y) / X.size
        w, a, b = theta
        c, s = np.cos(np.outer(X, w)), np.sin(np.outer(X, w))
        slopes = (e * X) @ (b * c - a * s), e @ c, e @ s
        for k, g in enumerate(slopes):
            memory[k] = [0.9 * memory[k][0] + 0.1 * g, 0.999 * memory[k][1] + 0.001 * g * g]
            mean, square = (
                memory[k][0] / (1 - 0.9 ** (n + 1)),
                memory[k][1] / (1 - 0.999 ** (n + 1)),
            )
            theta[k] = theta[k] - step_size * mean / (np.sqrt(square) + 1e-8)
    return first, np.array(outputs), output


def test_standard_parametrization():
    """Its two rates, by a network of width 8192: 1 % of rms(y)."""
    first, outputs, output = numpy_network(8192, 2e-5, 30)
    rates = Rates.scaled(Adam(), 2e-5, 8192, parametrization="standard")
    assert rates.readout == pytest.approx(0.16384)
    assert rates.frequency == pytest.approx(2e-5 * np.sqrt(8192))
    path = follow(
        own_nodes(first[0]),
        X,
        Y,
        optimizer=Adam(),
        rates=rates,
        steps=30,
        initial=lambda x: output(*first, x),
        record=np.arange(31),
        sharpness=False,
    )
    off = np.sqrt(np.mean((path.output - outputs) ** 2, axis=1) / np.mean(Y**2))
    assert off.max() < 0.01


def test_scaled_rates():
    rates = Rates.scaled(AdamW(epsilon=1e-6), 1e-3, 400, weight_decay=2.0, frequency_decay=3.0)
    assert (rates.readout, rates.readout_epsilon) == pytest.approx((0.02, 2e-5))
    assert (rates.readout_decay, rates.frequency_decay) == pytest.approx((2e-3, 3e-3))
    standard = Rates.scaled(Adam(epsilon=1e-6), 1e-3, 400, parametrization="standard")
    assert (standard.readout_epsilon, standard.frequency_epsilon) == pytest.approx((1e-6, 2e-5))
    plain = Rates.scaled(GradientDescent(), 0.1, 400)
    assert (plain.readout, plain.frequency) == (0.1, 0.1)
    plain = Rates.scaled(GradientDescent(), 0.1, 400, parametrization="standard")
    assert (plain.readout, plain.frequency) == (40.0, 0.1)


@pytest.mark.parametrize("batches", [None, epoch_batches(32, 5, 20, seed=0)])
def test_threads_and_laps_change_nothing(monkeypatch, batches):
    """Chunks and their order are those of the problem."""
    options = ADAM | {"record": 4, "batches": batches, "engine": "direct"}
    plain = follow(NODES, X, Y, **options)
    monkeypatch.setattr(direct, "_LAP_SECONDS", 2e-5)
    laps = follow(NODES, X, Y, **options)
    assert (laps.output == plain.output).all()
    monkeypatch.setattr(cost, "PARALLEL_SECONDS", 0.0)
    monkeypatch.setattr(cost, "allowed_threads", lambda: 2)
    threads = follow(NODES, X, Y, **options)
    # Another kernel, which may round otherwise.
    assert threads.output == pytest.approx(plain.output, abs=1e-12)
    assert threads.sharpness == pytest.approx(plain.sharpness, rel=1e-6)


def test_transforms_move_nodes_on_threads_as_well(monkeypatch):
    plain = follow(NODES, X, Y, engine="nufft", **ADAM)
    monkeypatch.setattr("ntkfreq.recursion.transforms._PARALLEL_SECONDS", 0.0)
    threads = follow(NODES, X, Y, engine="nufft", **ADAM)
    assert threads.output == pytest.approx(plain.output, abs=1e-12)


@pytest.mark.parametrize("engine", ["direct", "nufft"])
def test_interrupted_within_a_second(engine):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (3000, 1))
    nodes = own_nodes(50 * rng.standard_normal(10000))
    follow(nodes, x, x[:, 0], optimizer=Adam(), rates=Rates(0.1), steps=1, engine=engine)
    timer = threading.Timer(0.5, interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        follow(
            nodes,
            x,
            x[:, 0],
            optimizer=Adam(),
            rates=Rates(0.1),
            steps=30000,
            engine=engine,
            most_seconds=1e6,
        )
    asked = time.perf_counter()
    timer.join()
    assert time.perf_counter() - asked < 1.5


def test_cost_is_known_before():
    small, large = NODES, density_nodes(Normal(scale=10.0), X[:, None], 1e-4)
    x = X[:, None]
    assert seconds(large, x, 600) > seconds(small, x, 600)
    assert seconds(large, x, 600, frozen=True) < seconds(large, x, 600)
    assert seconds(large, x, 600, damped=True) > seconds(large, x, 600)
    assert seconds(large, x, 1200) == pytest.approx(2 * seconds(large, x, 600))
    many = np.random.default_rng(0).uniform(-1, 1, (100_000, 1))
    assert StepWork.of(large, many, False, False).faster() == "nufft"
    assert StepWork.of(large, x, False, False).faster() == "direct"
    far = StepWork.of(own_nodes([1.0, 1e9]), np.array([[0.0], [1.0]]), True, False)
    assert far.faster() == "direct"


def test_output_elsewhere(capsys):
    net = FourierFeatureNet.sample(Normal(scale=5.0), 100, rng=0)
    path = follow(NODES, X, Y, initial=net, progress=True, **ADAM)
    assert "follow" in capsys.readouterr().err
    assert path.outputs(X) == pytest.approx(path.output, abs=1e-10)
    assert path.outputs([0.3])[0] == pytest.approx(net([0.3]), abs=1e-12)
    given = follow(NODES, X, Y, initial=net(X), **ADAM)
    assert given.output == pytest.approx(path.output, abs=1e-12)
    with pytest.raises(ValueError, match="known at the training points only; pass initial as a"):
        given.outputs([0.3])
    assert "edge_step=None" in repr(path)
    again = pickle.loads(pickle.dumps(path))
    assert (again.outputs([0.3]) == path.outputs([0.3])).all()


class OwnRule(Optimizer):
    """A user's rule."""


REFUSED = [
    ({"optimizer": OwnRule()}, "has no closed recursion: GradientDescent, HeavyBall"),
    ({"rates": Rates(0.1, readout_decay=0.1)}, "optimizer=Adam adds decay to the gradient"),
    (
        {"optimizer": HeavyBall(), "rates": Rates(0.1, frequency_decay=0.1)},
        "optimizer=HeavyBall adds decay to the gradient",
    ),
    ({"batches": np.zeros((20, 2))}, r"must be integers of shape \(steps, B\)"),
    ({"batches": np.zeros((3, 2), int)}, r"holds 3 step\(s\), fewer than steps=20"),
    ({"batches": np.full((20, 2), 32)}, "runs from 32 to 32; each row must number at least one"),
    ({"batches": np.full((20, 2), -1)}, "each row must number at least one of the 32 points"),
    ({"record": [3, 21]}, r"must hold integers from 0 to steps=20"),
    ({"engine": "gpu"}, "engine='gpu' must be one of"),
    ({"most_seconds": 1e-9}, "above the 1e-09 seconds that one call may last; take nodes of"),
    (
        {
            "optimizer": AdamW(),
            "rates": Rates(0.1, frequency_decay=0.1),
            "initial": np.ones(32),
        },
        "initial must be a function where frequencies decay",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        follow(NODES, X, Y, **(ADAM | options))


def test_refused_nodes_and_rates():
    with pytest.raises(ValueError, match="nodes have dimension 4; the recursion takes up to 3"):
        follow(own_nodes(np.ones((3, 4))), np.ones((2, 4)), [1.0, 2.0], **ADAM)
    with pytest.raises(ValueError, match=r"phases up to 2e\+06 lose their digits; give x - c with"):
        follow(own_nodes([2e3]), [0.0, 1e3], [1.0, 2.0], **ADAM)
    with pytest.raises(ValueError, match="readout_decay=1 must be below 1"):
        Rates(0.1, readout_decay=1.0)
    with pytest.raises(ValueError, match=r"this takes .* GB of memory"):
        follow(
            own_nodes(np.ones(10**6)), X, Y, **(ADAM | {"steps": 10**5, "record": np.arange(10**4)})
        )


def test_contraction_goes_on_over_calls():
    whole, parts = Contraction(), Contraction()
    optimizer, rates = AdamW(schedule=Warmup(7)), Rates(0.1, 0.1, 0.1, 0.1, 0.02, 0.03)
    rows = step_rows(optimizer, rates, 0, 10, whole)
    cut = [step_rows(optimizer, rates, start, 5, parts) for start in (0, 5)]
    assert np.concatenate(cut) == pytest.approx(rows, rel=1e-15)
    assert (parts.shrunk, parts.scale) == pytest.approx((whole.shrunk, whole.scale))
