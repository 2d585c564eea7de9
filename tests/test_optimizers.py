"""Update rules and schedules against torch.optim, and the fused steps against the plain ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ntkfreq.network.backends import Descent, NetworkState, direct, load
from ntkfreq.problem.optimizers import (
    OPTIMIZERS,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Optimizer,
    RMSProp,
    SignDescent,
    as_optimizer,
)
from ntkfreq.problem.step_schedules import Constant, Cosine, Exponential, Schedule, Warmup


class Signs(torch.optim.Optimizer):
    """Steps along signs, as algorithms 1 and 2 of arXiv 1802.04434, with decay apart from them."""

    def __init__(self, parameters, lr, momentum=0.0, weight_decay=0.0):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                beta = group["momentum"]
                mean = self.state[p].get("mean", torch.zeros_like(p))
                self.state[p]["mean"] = mean = beta * mean + (1 - beta) * p.grad
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.sign(mean))


RULES = {
    "gd": (GradientDescent(), lambda p, lr: torch.optim.SGD(p, lr)),
    "heavy_ball": (HeavyBall(0.8), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.8)),
    "nesterov": (
        Nesterov(0.8),
        lambda p, lr: torch.optim.SGD(p, lr, momentum=0.8, nesterov=True),
    ),
    "adam": (
        Adam(0.8, 0.95, 1e-6),
        lambda p, lr: torch.optim.Adam(p, lr, betas=(0.8, 0.95), eps=1e-6),
    ),
    "adamw": (
        AdamW(0.8, 0.95, 1e-6),
        lambda p, lr: torch.optim.AdamW(p, lr, betas=(0.8, 0.95), eps=1e-6),
    ),
    "rmsprop": (RMSProp(0.9, 1e-6), lambda p, lr: torch.optim.RMSprop(p, lr, 0.9, 1e-6)),
    "rmsprop with momentum": (
        RMSProp(0.9, 1e-6, 0.5),
        lambda p, lr: torch.optim.RMSprop(p, lr, 0.9, 1e-6, momentum=0.5),
    ),
    "sign": (SignDescent(), Signs),
    "signum": (SignDescent(0.8), lambda p, lr: Signs(p, lr, 0.8)),
}
BACKENDS = {"reference": {}, "direct": {}, "nufft": {"tolerance": 1e-14}, "torch": {}}


def problem(dim=2, width=30, points=17, seed=0):
    rng = np.random.default_rng(seed)
    theta = np.concatenate([rng.normal(0, 6, (dim, width)), rng.normal(size=(2, width))])
    x = rng.uniform(-1, 1, (points, dim))
    return theta, x, np.sin(3 * x[:, 0]) + 0.3


def named(rule):
    """The rule of a name with its defaults, or one of those above."""
    return as_optimizer(rule) if rule in OPTIMIZERS else RULES[rule][0]


def trained(name, parts, descent, steps, *, start=False, calls=1, **options):
    theta, x, y = parts
    engine = load(name, **options)
    output = engine.evaluate(theta, x)
    state = NetworkState.start(theta, x.shape[1], output, descent, towards_start=start)
    for _ in range(calls):
        engine.advance(state, x, y, descent, steps // calls)
    return state


def by_torch(parts, rule, descent, steps, scheduler=None):
    """torch.optim on the same problem, its own decay, its own clipping."""
    theta, x, y = (torch.tensor(part) for part in parts)
    dim = x.shape[1]
    w = theta[:dim].clone().requires_grad_()
    ab = theta[dim:].clone().requires_grad_()
    groups = [{"params": [ab], "weight_decay": descent.weight_decay}]
    if not descent.freeze_frequencies:
        groups.append({"params": [w], "weight_decay": descent.frequency_decay})
    optimizer = RULES[rule][1](groups, descent.step_size)
    turn = None if scheduler is None else scheduler(optimizer)

    def output():
        return (torch.cos(x @ w) @ ab[0] + torch.sin(x @ w) @ ab[1]) / w.shape[1] ** 0.5

    for step in range(steps):
        rows = descent.batch(step, len(y), {})
        rows = slice(None) if rows is None else torch.tensor(rows)
        optimizer.zero_grad()
        (0.5 * torch.mean((output()[rows] - y[rows]) ** 2)).backward()
        if descent.optimizer.clip is not None:
            moving = [p for group in groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(moving, descent.optimizer.clip)
        optimizer.step()
        if turn is not None:
            turn.step()
    return np.concatenate([w.detach().numpy(), ab.detach().numpy()]), output().detach().numpy()


SETTINGS = {
    "plain": {},
    "decay": {"weight_decay": 0.05, "frequency_decay": 0.02},
    "frozen": {"weight_decay": 0.03, "freeze_frequencies": True},
    "clipped": {"clip": 0.03, "weight_decay": 0.02},
    "batches": {"batch_size": 5, "seed": 3, "frequency_decay": 0.02},
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_each_rule_is_that_of_torch(backend, rule, setting):
    options = dict(SETTINGS[setting])
    optimizer = RULES[rule][0]
    if "clip" in options:
        optimizer = replace(optimizer, clip=options.pop("clip"))
    descent = Descent(0.02 if optimizer.normalized else 0.3, optimizer=optimizer, **options)
    parts = problem()
    state = trained(backend, parts, descent, 30, **BACKENDS[backend])
    theta, output = by_torch(parts, rule, descent, 30)
    np.testing.assert_allclose(state.theta, theta, atol=1e-10)
    if descent.batch_size is None:
        np.testing.assert_allclose(state.output, output, atol=1e-10)
    assert state.step == 30


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize(
    ("backend", "bound"), [("direct", 1e-12), ("nufft", 1e-8), ("torch", 1e-12)]
)
def test_backends_agree_after_200_steps(dim, rule, backend, bound):
    # nufft at its default tolerance of 1e-9 a sum, 200 steps of them.
    optimizer = as_optimizer(rule)
    # Long steps of these rules go to and fro about 0, where rounding decides on their direction.
    short = isinstance(optimizer, RMSProp | SignDescent)
    rates = (0.001 if short else 0.01 if optimizer.normalized else 0.2, 0.02, 0.01)
    batch_size = 7 if rule == "sgd" else None
    descent = Descent(*rates, optimizer=optimizer, batch_size=batch_size, seed=1)
    parts = problem(dim, 90, 40)
    plain, fast = trained("reference", parts, descent, 200), trained(backend, parts, descent, 200)
    for name in ("theta", "output"):
        scale = np.abs(getattr(plain, name)).max()
        assert np.abs(getattr(fast, name) - getattr(plain, name)).max() < bound * scale
    assert np.abs(plain.theta - parts[0]).max() > 0.01


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (
            Exponential(0.9),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
        ),
        (
            Exponential(0.5, steps=7),
            lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.5),
        ),
        (
            Cosine(20, final=0.1),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.03),
        ),
        (
            Warmup(5),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / 5, 1.0, total_iters=4),
        ),
        (
            Warmup(4, Exponential(0.8)),
            lambda o: torch.optim.lr_scheduler.LambdaLR(
                o, lambda n: (n + 1) / 4 if n < 4 else 0.8 ** (n - 4)
            ),
        ),
    ],
)
@pytest.mark.parametrize("rule", ["heavy_ball", "adamw"])
@pytest.mark.parametrize("backend", ["reference", "direct"])
def test_schedules_are_those_of_torch(schedule, theirs, rule, backend):
    optimizer = replace(RULES[rule][0], schedule=schedule)
    descent = Descent(0.3, 0.02, 0.01, optimizer=optimizer)
    parts = problem()
    state = trained(backend, parts, descent, 20)
    theta, _ = by_torch(parts, rule, descent, 20, theirs)
    np.testing.assert_allclose(state.theta, theta, atol=1e-10)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("setting", ["decay", "clipped", "batches"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_splitting_a_run_into_calls_changes_no_bit(rule, setting, backend):
    options = dict(SETTINGS[setting])
    optimizer = replace(RULES[rule][0], clip=options.pop("clip", None))
    descent = Descent(0.05, optimizer=optimizer, **options)
    once, often = (trained(backend, problem(), descent, 24, calls=calls) for calls in (1, 8))
    np.testing.assert_array_equal(once.theta, often.theta)
    np.testing.assert_array_equal(once.memory, often.memory)


@pytest.mark.parametrize("rule", RULES)
def test_fused_steps_are_the_plain_ones_towards_the_start_and_with_large_turns(rule):
    # Steps that turn phases by more than the small-phase polynomial holds.
    descent = Descent(8.0 if rule == "gd" else 0.5, 0.01, 0.02, optimizer=named(rule))
    parts = problem(2, 6)
    plain = trained("reference", parts, descent, 3, start=True)
    fast = trained("direct", parts, descent, 3, start=True)
    turns = np.abs(plain.theta - parts[0])[:2].max()
    assert turns > direct.kernels.SMALL_PHASE
    np.testing.assert_allclose(fast.theta, plain.theta, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "rule",
    [
        Adam(epsilon=0.0),
        Adam(0.0, 0.0, 0.0),
        AdamW(epsilon=0.0),
        RMSProp(epsilon=0.0),
        RMSProp(epsilon=0.0, momentum=0.5),
        SignDescent(),
        SignDescent(0.9),
    ],
    ids=repr,
)
def test_parameters_without_gradient_stay(backend, rule):
    # At x = 0 the sine and the phase do not depend on w, nor the output on b.
    theta = problem(1, 6)[0]
    parts = theta, np.zeros((3, 1)), np.ones(3)
    state = trained(backend, parts, Descent(0.01, optimizer=rule), 20, **BACKENDS[backend])
    # What a fast transform makes of the sine of 0 is 0 up to its tolerance only.
    still = [0] if backend == "nufft" else [0, 2]
    np.testing.assert_array_equal(state.theta[still], theta[still])
    moved = np.abs(state.theta[1] - theta[1])
    # Twenty steps of the step size; of RMSProp, whose mean starts at 0, of more.
    assert (moved > 0.05).all()
    assert np.isfinite(state.memory).all()


def test_size_that_underflows_takes_no_infinite_step():
    # The squares of these gradients are 0 in double precision.
    for rule in (Adam(epsilon=0.0), RMSProp(epsilon=0.0)):
        theta, memory = np.ones(2), np.zeros((rule.slots, 2))
        rule.update(theta, np.array([1e-170, -1e-170]), memory, 0.1, 0)
        np.testing.assert_array_equal(theta, 1.0)


def test_what_is_no_number_is_passed_on():
    for rule in (Adam(epsilon=0.0), RMSProp(epsilon=0.0), SignDescent()):
        theta, memory = np.ones(2), np.zeros((rule.slots, 2))
        rule.update(theta, np.array([np.nan, 1.0]), memory, 0.1, 0)
        assert np.isnan(theta).tolist() == [True, False]


def test_batches_cover_every_epoch_and_depend_on_the_seed_alone():
    descent, kept = Descent(0.1, batch_size=4, seed=7), {}
    epochs = [[descent.batch(step, 10, kept) for step in range(k, k + 3)] for k in (0, 3)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(np.concatenate(epoch)) == list(range(10))
    assert list(kept) == [1]
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))
    assert not np.array_equal(Descent(0.1, batch_size=4, seed=8).batch(0, 10, {}), epochs[0][0])
    np.testing.assert_array_equal(descent.batch(0, 10, {}), epochs[0][0])
    assert Descent(0.1).batch(0, 10, {}) is None


def test_memories_of_any_size_are_taken():
    assert Adam(beta1=1e-60, beta2=-0.0).beta1 == 1e-60
    assert str(HeavyBall(-0.0).momentum) == "0.0"


def test_names_and_objects():
    for name, kind in OPTIMIZERS.items():
        assert as_optimizer(name) == kind()
    assert as_optimizer(Adam(0.5)).beta1 == 0.5
    assert Constant().factor(3) == 1.0
    for base, call in ((Schedule, "factor"),):
        with pytest.raises(NotImplementedError):
            getattr(base(), call)(0)


class Halved(Optimizer):
    """A rule of the user's own."""

    def update(self, theta, slope, memory, rate, step):
        theta -= rate * slope / 2


def test_rules_say_what_a_prediction_may_know_of_them():
    assert GradientDescent().predicted_momentum() == (0.0, False)
    assert HeavyBall(0.5).predicted_momentum() == (0.5, False)
    assert Nesterov(0.5).predicted_momentum() == (0.5, True)
    assert Nesterov(0.0).predicted_momentum() == (0.0, False)
    for rule in (Adam(), AdamW(), RMSProp(), SignDescent(), Halved()):
        assert rule.momentum_if_linear() is rule.predicted_momentum() is None
    for more in ({"clip": 1.0}, {"schedule": Warmup(3)}):
        assert HeavyBall(0.5, **more).predicted_momentum() is None
        assert HeavyBall(0.5, **more).momentum_if_linear() == (0.5, False)
    assert Adam().normalized
    assert RMSProp().normalized
    assert SignDescent().normalized
    assert not HeavyBall().normalized


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: as_optimizer("lion"), ValueError, "optimizer='lion' must be an Optimizer"),
        (lambda: as_optimizer(3), ValueError, "optimizer=3 must be an Optimizer"),
        (lambda: HeavyBall(1.0), ValueError, "momentum=1.0 must be below 1"),
        (lambda: Nesterov(-0.1), ValueError, "momentum=-0.1 must not be negative"),
        (lambda: Adam(beta2=1.0), ValueError, "beta2=1.0 must be below 1"),
        (lambda: Adam(epsilon=-1e-8), ValueError, "epsilon=-1e-08 must not be negative"),
        (lambda: AdamW(epsilon=-1.0), ValueError, "epsilon=-1.0 must not be negative"),
        (lambda: RMSProp(epsilon=-1.0), ValueError, "epsilon=-1.0 must not be negative"),
        (lambda: Adam(beta1=-0.1), ValueError, "beta1=-0.1 must not be negative; 0 keeps no mem"),
        (lambda: Adam(beta1=np.nan), ValueError, "beta1=nan must be finite"),
        (lambda: RMSProp(alpha=1.0), ValueError, "alpha=1.0 must be below 1"),
        (lambda: RMSProp(momentum=1.0), ValueError, "momentum=1.0 must be below 1"),
        (lambda: SignDescent(1.5), ValueError, "momentum=1.5 must be below 1"),
        (lambda: Adam(clip=0.0), ValueError, "clip=0.0 must be greater than 0"),
        (lambda: Adam(schedule=3), TypeError, "schedule=3 must be a Schedule"),
        (lambda: Warmup(0), ValueError, "steps=0 must be at least 1"),
        (lambda: Warmup(3, then=1.0), TypeError, "then=1.0 must be a Schedule"),
        (lambda: Cosine(0), ValueError, "steps=0 must be at least 1"),
        (lambda: Cosine(3, final=-1.0), ValueError, "final=-1.0 must not be negative"),
        (lambda: Exponential(0.0), ValueError, "ratio=0.0 must be greater than 0"),
        (lambda: Exponential(0.5, steps=0), ValueError, "steps=0 must be at least 1"),
    ],
)
def test_bad_rules_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
