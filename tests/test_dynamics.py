"""Momentum: closed forms against loops of the update rule, torch, and exact matrix powers."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntkfreq import Box, Normal, Points, solve_frequency_pde
from ntkfreq.pde.time.dynamics import (
    DescentDynamics,
    GradientFlow,
    HeavyBallDynamics,
    NesterovDynamics,
    dynamics_for,
)
from validation.reference.dense import box_flow, learning_rates
from validation.reference.kernels import KERNELS, gram

EPS = np.finfo(float).eps
KINDS = (HeavyBallDynamics, NesterovDynamics)
BETAS = (0.01, 0.5, 0.9, 0.99, 0.999)
each_kind = pytest.mark.parametrize("kind", KINDS)
each_beta = pytest.mark.parametrize("beta", BETAS)


def updates(kind, gradient, start, eta, beta, steps):
    """States, and what moves the output per minus the kernel, after the numbers of `steps`."""
    p, v = start, np.zeros_like(start)
    moved, velocity = np.zeros_like(start), np.zeros_like(start)
    kept = []
    for step in range(steps[-1] + 1):
        if step in steps:
            kept.append((p, moved))
        g = gradient(p)
        v, velocity = beta * v + g, beta * velocity + p
        if kind is HeavyBallDynamics:
            p, moved = p - eta * v, moved + eta * velocity
        else:
            p, moved = p - eta * (g + beta * v), moved + eta * (p + beta * velocity)
    return np.array([one for one, _ in kept]), np.array([other for _, other in kept])


def critical(kind, beta):
    """Products of step and rate at which both roots are one."""
    if kind is HeavyBallDynamics:
        return np.array([(1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2])
    return np.array([((1 - beta) / (1 + beta)) ** 2, 1.0])


def bound(kind, beta):
    return 2 * (1 + beta) if kind is HeavyBallDynamics else 2 * (1 + beta) / (1 + 2 * beta)


def products(kind, beta):
    """Of step and rate: 0, slow, about critical damping, oscillating, up to the limit."""
    off = np.array([-1e-2, -1e-9, -1e-15, 0.0, 1e-15, 1e-9, 1e-2])
    limit = bound(kind, beta)
    every = [
        [0.0, 1e-300, np.nextafter(1.0, 0.0), 1.0, np.nextafter(1.0, 2.0)],
        np.geomspace(1e-18, limit, 20),
        np.outer(critical(kind, beta), 1 + off).ravel(),
        limit * (1 - np.array([0.0, 1e-12, 1e-6, 1e-2])),
    ]
    h = np.unique(np.concatenate(every))
    return h[h <= limit]


def exact(kind, beta, h, steps):
    """First entry of the power of the step matrix, in the arithmetic of mpmath, by squaring."""
    if kind is HeavyBallDynamics:
        base = mpmath.matrix([[1 - h, -beta], [h, beta]])
    else:
        base = mpmath.matrix([[1 - h * (1 + beta), -(beta**2)], [h, beta]])
    power, steps = mpmath.eye(2), int(steps)
    while steps:
        if steps & 1:
            power = power * base
        base, steps = base * base, steps >> 1
    return power[0, 0]


@pytest.mark.slow
@each_kind
def test_factor_and_integral_are_those_of_the_loop(kind):
    """In extended precision: within ten roundings of the result, or of h and beta once each."""
    h = [products(kind, beta) for beta in BETAS]
    beta = np.repeat(BETAS, [len(part) for part in h]).astype(np.longdouble)
    h = np.concatenate(h).astype(np.longdouble)
    steps = [0, 1, 2, 3, 4, 7, 30, 101, 1000, 10_001, 100_000]
    every = np.concatenate([h, h * (1 + EPS), h])
    betas = np.concatenate([beta, beta, beta * (1 - EPS)])
    results = updates(kind, lambda p: every * p, np.ones_like(every), 1.0, betas, steps)
    t = np.array(steps, dtype=float)
    # The loop rounds in every step.
    own = 10 * EPS + t[:, None] * np.finfo(np.longdouble).eps
    for name, values in zip(("factor", "integral"), results, strict=True):
        truth, *others = np.split(values, 3, axis=1)
        change = sum(np.abs(other - truth) for other in others)
        allowed = own * np.maximum(np.abs(truth), 1.0) + 10 * change
        for one in BETAS:
            mine = beta == one
            found = getattr(kind(1.0, one), name)(h[mine].astype(float), t)
            assert np.all(np.abs(found - truth[:, mine]) <= allowed[:, mine])


def conditioned(kind, beta, h, steps):
    """Exact factor, and by how much rounding h and beta once each may change it."""
    value = exact(kind, beta, h, steps)
    moved = [
        exact(kind, beta * (1 + one * EPS), h * (1 + other * EPS), steps)
        for one, other in ((1, 0), (-1, 0), (0, 1))
    ]
    return value, sum(abs(other - value) for other in moved)


@pytest.mark.parametrize("beta", [0.01, 0.5, 0.9, 0.999, 1 - 1e-6])
@each_kind
def test_accuracy_is_that_of_the_rounded_input(kind, beta):
    """To 1e12 steps: off by ten roundings of the result, or of h and beta, at most.

    That is relative in the factor and in the deficit at once, so 1e-14 for slow modes. At 1e-20
    of its start a factor may be off by more, next to a zero of p_n.
    """
    steps = np.array([1, 2, 5, 33, 1001, 10**6, 10**10 + 1, 10**12])
    # Below, 50 digits of p leave too few of 1 - p.
    h = products(kind, beta)[2:]
    assert h[0] > 1e-19
    dynamics = kind(1.0, beta)
    factor, deficit = dynamics.factor(h, steps * 1.0), dynamics.deficit(h, steps * 1.0)
    with mpmath.workdps(50):
        one = mpmath.mpf(beta)
        for j, product in enumerate(h):
            for i, count in enumerate(steps):
                value, change = conditioned(kind, one, mpmath.mpf(float(product)), count)
                room = 10 * change + 1e-20
                assert abs(factor[i, j] - value) <= 10 * EPS * abs(value) + room
                room = 10 * change + 1e-300
                assert abs(deficit[i, j] - (1 - value)) <= 10 * EPS * abs(1 - value) + room


@pytest.mark.parametrize("beta", [0.1, 0.9, 0.999, 1 - 1e-9])
@each_kind
def test_deficit_of_slow_modes_is_relative(kind, beta):
    """Where the factor is close to one, to 1e10 steps: 1e-13, and 1e-12 is what is promised."""
    steps = np.array([1, 2, 10, 300, 10**5, 10**10])
    h = (1 - beta) * np.geomspace(1e-25, 1e-11, 8)
    deficit = kind(1.0, beta).deficit(h, steps * 1.0)
    with mpmath.workdps(80):
        truth = [
            [float(1 - exact(kind, mpmath.mpf(beta), mpmath.mpf(float(one)), n)) for one in h]
            for n in steps
        ]
    np.testing.assert_allclose(deficit, truth, rtol=1e-13)


@each_beta
@each_kind
def test_integral_at_rate_0_is_the_closed_form(kind, beta):
    """And the limit from rates that are hardly any."""
    n = np.array([0, 1, 2, 5, 1000, 10**10])
    power = beta if kind is HeavyBallDynamics else beta**2
    with mpmath.workdps(50):
        one, share = mpmath.mpf(beta), mpmath.mpf(power)
        closed = [
            float(0.5 / (1 - one) * (int(k) - share * (1 - one ** int(k)) / (1 - one))) for k in n
        ]
    values = kind(0.5, beta).integral(np.array([0.0, 1e-300, 1e-40]), 0.5 * n)
    for column in values.T:
        # beta^2 was rounded.
        np.testing.assert_allclose(column, closed, rtol=1e-13)
    assert not kind(0.5, beta).deficit(np.zeros(1), 0.5 * n).any()


@given(
    kind=st.sampled_from([HeavyBallDynamics, NesterovDynamics, DescentDynamics]),
    beta=st.floats(1e-6, 0.9999),
    share=st.one_of(st.floats(0, 1), st.floats(0, 1e-6)),
    steps=st.integers(0, 10**12),
    eta=st.floats(1e-3, 1e3),
)
def test_deficit_is_one_minus_the_factor(kind, beta, share, steps, eta):
    dynamics = kind(eta) if kind is DescentDynamics else kind(eta, beta)
    rates = np.array([share * dynamics.max_step_size(1.0) / eta])
    t = np.array([eta * steps])
    factor, deficit = dynamics.factor(rates, t)[0, 0], dynamics.deficit(rates, t)[0, 0]
    scale = 1 + abs(factor)
    assert abs(deficit - (1 - factor)) <= 1e-14 * scale
    assert dynamics.integral(rates, t)[0, 0] * rates[0] == pytest.approx(deficit, rel=1e-14)


@each_kind
def test_torch_takes_the_same_steps(kind):
    """torch.optim.SGD on two quadratics, diagonal and full."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    start, eta, beta = rng.standard_normal(6), 0.05, 0.8
    for matrix in (np.diag([0.0, 0.1, 0.5, 1.0, 5.0, 20.0]), root @ root.T / 6):
        rates, modes = np.linalg.eigh(matrix)
        p = torch.tensor(start, requires_grad=True)
        nesterov = kind is NesterovDynamics
        optimizer = torch.optim.SGD([p], lr=eta, momentum=beta, nesterov=nesterov)
        states = [start]
        for _ in range(200):
            optimizer.zero_grad()
            (0.5 * p @ torch.tensor(matrix) @ p).backward()
            optimizer.step()
            states.append(p.detach().numpy().copy())
        dynamics = dynamics_for(eta, beta, nesterov)
        assert dynamics == kind(eta, beta)
        factor = dynamics.factor(np.maximum(rates, 0.0), eta * np.arange(201))
        np.testing.assert_allclose((factor * (modes.T @ start)) @ modes.T, states, atol=1e-12)


@each_beta
@each_kind
def test_largest_step_is_where_a_root_passes_minus_one(kind, beta):
    rate = 3.0
    dynamics = kind(0.1, beta)
    limit = dynamics.max_step_size(rate)
    assert limit == pytest.approx(bound(kind, beta) / rate, rel=1e-15)

    def largest_root(eta):
        h = eta * rate
        if kind is HeavyBallDynamics:
            return np.abs(np.linalg.eigvals([[1 - h, -beta], [h, beta]])).max()
        return np.abs(np.linalg.eigvals([[1 - h * (1 + beta), -(beta**2)], [h, beta]])).max()

    assert largest_root(limit) == pytest.approx(1.0, abs=1e-12)
    assert largest_root(limit * (1 + 1e-6)) > 1 + 1e-8
    assert max(largest_root(share * limit) for share in np.linspace(1e-3, 1 - 1e-6, 300)) < 1
    kind(limit, beta).refuse_unstable(rate)
    with pytest.raises(ValueError, match=r"step_size=.* exceeds max_step_size=.*take a smaller"):
        kind(1.0001 * limit, beta).refuse_unstable(rate)


def test_limits_of_the_others():
    for dynamics in (GradientFlow(), DescentDynamics(0.1)):
        assert dynamics.max_step_size(4.0) == 0.5
        assert dynamics.max_step_size(0.0) == np.inf
        assert dynamics.acceleration == 1
    assert (
        HeavyBallDynamics(0.1, 0.5).max_step_size(0.0)
        == NesterovDynamics(0.1, 0.5).max_step_size(0.0)
        == np.inf
    )
    assert GradientFlow().step_size is None
    assert [type(dynamics_for(step, 0.0, False)) for step in (None, 1)] == [
        GradientFlow,
        DescentDynamics,
    ]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((0.1, 1.2, False), ValueError, r"momentum=1.2 must be below 1, .*take for instance 0.9"),
        ((0.1, 1.0, False), ValueError, r"momentum=1 must be below 1"),
        ((0.1, -0.1, False), ValueError, r"momentum=-0.1 must not be negative"),
        ((None, 0.9, True), ValueError, r"momentum=0.9 needs a step_size: .*give step_size, or"),
        ((0.1, 0.0, True), ValueError, r"nesterov=True needs momentum above 0.*for instance 0.9"),
        ((None, 0.0, True), ValueError, r"nesterov=True needs momentum"),
        ((0.1, 0.5, "yes"), TypeError, r"nesterov='yes' must be True or False"),
        ((0.0, 0.5, False), ValueError, r"step_size=0.0 must be greater than 0"),
    ],
)
def test_refusals(arguments, kind, message):
    with pytest.raises(kind, match=message):
        dynamics_for(*arguments)


def test_times_between_steps_are_refused():
    with pytest.raises(ValueError, match=r"t=0.15 is no multiple of step_size=0.1; use t = "):
        HeavyBallDynamics(0.1, 0.9).factor(np.ones(1), np.array([0.0, 0.15]))


STEPS = np.array([0, 1, 2, 3, 20, 400])


@pytest.mark.parametrize("share", [0.05, 0.6, 0.99])
@each_kind
def test_points_follow_the_loop_on_the_gram_matrix(kind, share):
    """Errors, losses and the output at new points, from an initial output."""
    rng = np.random.default_rng(1)
    x, new = rng.uniform(-1, 1, (25, 2)), rng.uniform(-2, 2, (9, 2))
    y, beta = rng.standard_normal(25), 0.85
    kernel = partial(KERNELS["normal"], scale=2.0)
    everywhere = np.concatenate([x, new])
    full = gram(kernel, everywhere, x, 0.6) / 25

    def first(u):
        return 0.7 * np.cos(2 * u @ np.ones(2))

    eta = share * bound(kind, beta) / np.linalg.eigvalsh(full[:25])[-1]
    # The output at x and at new points moves by the same rule, driven by the errors at x.
    f, v, kept = first(everywhere), np.zeros(34), []
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            kept.append(f)
        g = full @ (f[:25] - y)
        v = beta * v + g
        f = f - eta * (v if kind is HeavyBallDynamics else g + beta * v)
    kept = np.array(kept)
    options = {"momentum": beta, "nesterov": kind is NesterovDynamics}
    solution = solve_frequency_pde(
        Normal(scale=2.0, dim=2), (x, y), sigma_a=0.6, t=eta * STEPS, step_size=eta,
        initial_output=first, **options,
    )  # fmt: skip
    np.testing.assert_allclose(solution.error(x), kept[:, :25] - y, rtol=0, atol=1e-11)
    np.testing.assert_allclose(solution.output(new), kept[:, 25:], rtol=0, atol=1e-11)
    np.testing.assert_allclose(
        solution.train_loss, np.mean((kept[:, :25] - y) ** 2, axis=1), rtol=1e-10, atol=1e-13
    )
    assert solution.step_size == eta
    assert solution.max_step_size == pytest.approx(eta / share, rel=1e-12)
    flow = solve_frequency_pde(
        Normal(scale=2.0, dim=2), (x, y), sigma_a=0.6, t=[1.0], initial_output=first
    )
    again = flow.at(t=eta * STEPS, step_size=eta, **options)
    np.testing.assert_allclose(again.train_loss, solution.train_loss, rtol=1e-12)
    # Step and momentum as solved, or anew.
    np.testing.assert_array_equal(again.at().train_loss, again.train_loss)
    plain = again.at(step_size=0.5 * eta)
    expected = flow.at(t=eta * STEPS, step_size=0.5 * eta)
    np.testing.assert_array_equal(plain.train_loss, expected.train_loss)
    assert again.at(step_size=None).step_size is None
    # Naming one setting names an optimizer: heavy ball here, whose limit is the largest.
    other = again.at(momentum=0.95)
    assert other.max_step_size == pytest.approx(3.9 / np.linalg.eigvalsh(full[:25])[-1], rel=1e-12)


@each_kind
def test_box_follows_the_loop_on_nystrom_nodes(kind):
    """Slow modes move 1/(1 - beta) times as fast, so the basis must reach that much further."""

    def y(x):
        return np.sin(5 * x) + 0.5 * np.cos(23 * x) + 0.3 * x

    kernel, beta = partial(KERNELS["normal"], scale=20.0), 0.9
    flow = box_flow(kernel, y, 0.8, [0.0], nodes=200, lower=-1.0, upper=1.0)
    x, weights = flow.nodes.x, flow.nodes.weights
    eta = 0.5 * bound(kind, beta) / learning_rates(kernel, flow.nodes, 0.8)[-1]
    operator = gram(kernel, x, x, 0.8) * weights
    steps = np.array([0, 1, 10, 100, 3000])
    states, _ = updates(kind, lambda p: operator @ p, flow.initial, eta, beta, steps)
    solution = solve_frequency_pde(
        Normal(scale=20.0), y, sigma_a=0.8, measure=Box(-1, 1), t=eta * steps, step_size=eta,
        momentum=beta, nesterov=kind is NesterovDynamics, rtol=1e-9,
    )  # fmt: skip
    assert solution.status.startswith("converged")
    loss = states**2 @ weights
    assert np.abs(solution.train_loss - loss).max() < 1e-8 * loss[0]
    with pytest.raises(ValueError, match=r"t ends at .*, beyond .*, to which"):
        solution.at(t=eta * 2 * steps)
    again = solution.at(t=eta * steps[:-1])
    np.testing.assert_allclose(again.train_loss, solution.train_loss[:-1], rtol=1e-12)
    with pytest.raises(ValueError, match=r"momentum=0\.99 excites .*solved with 0\.9; solve again"):
        solution.at(momentum=0.99)


def test_too_large_a_step_names_the_bound_of_the_optimizer():
    solution = solve_frequency_pde(Normal(), np.sin, measure=Points([0.0, 1.0]), t=[1.0])
    for nesterov, rule in ((False, r"2 \(1 \+ momentum\)/l"), (True, r".*2 momentum\) largest")):
        options = {"step_size": 100.0, "momentum": 0.9, "nesterov": nesterov}
        message = rf"step_size=100 exceeds max_step_size=[\d.]+ = {rule}.*diverges"
        with pytest.raises(ValueError, match=message):
            solution.at(t=[100.0], **options)
        with pytest.raises(ValueError, match=message):
            solve_frequency_pde(Normal(), np.sin, measure=Points([0.0, 1.0]), t=[100.0], **options)
