"""Radau IIA with fading memories, against closed forms, matrix exponentials and library solvers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, sparse
from scipy.integrate import solve_ivp

from ntkfreq.pde.time.fading.feature_memory import FeatureMemory
from ntkfreq.pde.time.fading.memory import ConstantMemory
from ntkfreq.pde.time.fading.radau import integrate
from ntkfreq.pde.time.fading.stages import radau

ROOT6 = np.sqrt(6.0)
# Hairer, Wanner, Solving Ordinary Differential Equations II, tables 5.5 and 5.6.
TABULATED = {
    2: [[5 / 12, -1 / 12], [3 / 4, 1 / 4]],
    3: [
        [(88 - 7 * ROOT6) / 360, (296 - 169 * ROOT6) / 1800, (-2 + 3 * ROOT6) / 225],
        [(296 + 169 * ROOT6) / 1800, (88 + 7 * ROOT6) / 360, (-2 - 3 * ROOT6) / 225],
        [(16 - ROOT6) / 36, (16 + ROOT6) / 36, 1 / 9],
    ],
}


def one(t):
    return np.ones_like(t)


def steady(value):
    """A load that does not change, of shape (n, r)."""
    return lambda t: np.broadcast_to(value, (*t.shape, *np.shape(value)))


def fading(rate, first, target):
    """exp(-rate t) f_0 - y, for values (n, r)."""
    return lambda t: np.exp(-rate * t)[..., None, None] * first - target


def psd(rng, n, low, high, count=None):
    """Random symmetric matrices with eigenvalues 10^low to 10^high."""
    shape = (n, n) if count is None else (count, n, n)
    basis = np.linalg.qr(rng.standard_normal(shape))[0]
    return (basis * np.logspace(low, high, n)) @ np.swapaxes(basis, -1, -2)


def relative(problem, trajectory, t, expected):
    """Largest error at the times, in the norm of the mass, over that of g(0)."""
    gap = trajectory.error(t) - expected
    mass = problem.mass
    weighted = gap if mass is None else np.stack([mass @ row for row in gap])
    return float(np.sqrt(np.sum(gap * weighted, axis=1).max()) / trajectory.scale)


# Rates over sixteen decades and one mode that is never seen.
RATES = np.concatenate([[0.0], np.logspace(-12, 4, 39)])


def diagonal(rate, seed=0):
    """One memory, uncoupled modes, and e by formula: q' = -(rate + RATES) q + g."""
    rng = np.random.default_rng(seed)
    first, target = rng.standard_normal((2, RATES.size))
    problem = ConstantMemory(
        (np.diag(RATES),), None, [rate], (one,), fading(rate, first[:, None], target[:, None])
    )

    def exact(t):
        t = np.asarray(t)[:, None]
        both = RATES + rate
        own = -np.expm1(-RATES * t)
        share = np.where(both > 0, -np.expm1(-both * t) / np.where(both > 0, both, 1.0), t)
        error = np.exp(-rate * t) * first * (1 - own) - target * (1 - RATES * share)
        return error[..., None]

    return problem, exact


def by_exponential(operators, mass, rates, decay, first, target, t):
    """e and the q_k for c_k = 1, from the exponential of the whole autonomous system."""
    n, count = len(first), len(operators)
    inverse = np.linalg.inv(np.eye(n) if mass is None else mass)
    size = count * n + 2
    generator = np.zeros((size, size))
    for k in range(count):
        rows = slice(k * n, (k + 1) * n)
        for j in range(count):
            generator[rows, j * n : (j + 1) * n] = -inverse @ operators[j]
        generator[rows, rows] -= rates[k] * np.eye(n)
        generator[rows, -2], generator[rows, -1] = first, -target
    generator[-2, -2] = -decay
    start = np.zeros(size)
    start[-2:] = 1.0
    states = np.array([linalg.expm(generator * time) @ start for time in t])
    memory = states[:, :-2].reshape(len(t), count, n)
    error = states[:, -2:-1] * first - target
    for k in range(count):
        error = error - memory[:, k] @ (inverse @ operators[k]).T
    return error, memory


def by_library(problem, t, method="LSODA", rtol=1e-12):
    """e and the q_k (T, n) by a library method on the memories; one column, no mass."""
    operators, rates = problem.operators, np.asarray(problem.rates)

    def error(time, memory):
        total = problem.free(np.array([[time]]))[0, 0, :, 0].copy()
        for operator, q in zip(operators, memory, strict=True):
            total -= operator @ q
        return total

    def slope(time, flat):
        memory = flat.reshape(len(operators), -1)
        e = error(time, memory)
        c = np.array([f(np.array([[time]]))[0, 0] for f in problem.coefficients])
        return (-rates[:, None] * memory + c[:, None] * e).ravel()

    n = operators[0].shape[0]
    path = solve_ivp(
        slope, (0, t[-1]), np.zeros(len(operators) * n), method, t, rtol=rtol, atol=1e-14
    )
    memory = path.y.T.reshape(len(t), len(operators), n)
    return np.array([error(*pair) for pair in zip(t, memory, strict=True)]), memory


def small(seed=0, n=5, decay=0.3, fade=(0.3, 0.7), growth=(0.0, -0.6), high=1.0):
    """Two memories of which the coefficients change, one column, dense, no mass."""
    rng = np.random.default_rng(seed)
    first, target = rng.standard_normal((2, n, 1))
    operators = psd(rng, n, -2, high), psd(rng, n, -2, high)
    coefficients = tuple((lambda t, a=a: np.exp(a * t)) for a in growth)
    return ConstantMemory(operators, None, fade, coefficients, fading(decay, first, target))


def march(problem, end, count, stages):
    """Steps of one length: starts, length, and e at the nodes of each (count, s + 1, n, r)."""
    tableau, state, h = radau(stages), problem.initial(), end / count
    rows = []
    for k in range(count):
        step = problem.step(np.array([0]), np.array([k * h]), np.array([h]), state, tableau)
        rows.append(np.concatenate([state.error[:, None], step.error], axis=1)[0])
        state = type(state)(
            step.error[:, -1],
            tuple(q[:, -1] for q in step.memory),
            tuple(q[:, -1] for q in step.slope),
        )
    return h * np.arange(count), h, np.array(rows)


@pytest.mark.parametrize("stages", TABULATED)
def test_coefficients_are_the_tabulated_ones(stages):
    np.testing.assert_allclose(radau(stages).matrix, TABULATED[stages], rtol=0, atol=2e-15)


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 5, 7, 9])
def test_coefficients_integrate_polynomials(stages):
    """Stages: degrees up to s - 1; step ends: up to 2 s - 2. The last stage is the step's end."""
    tableau = radau(stages)
    c, matrix = tableau.times[1:-1], tableau.matrix
    assert c[-1] == 1.0
    for power in range(stages):
        np.testing.assert_allclose(matrix @ c**power, c ** (power + 1) / (power + 1), atol=1e-14)
    for power in range(2 * stages - 1):
        assert matrix[-1] @ c**power == pytest.approx(1 / (power + 1), abs=1e-14)
    np.testing.assert_allclose(tableau.weights(tableau.times[:-1]), np.eye(stages + 1), atol=1e-14)
    assert tableau.weights(0.3).sum() == pytest.approx(1.0)


# The first step, where most happens, has the largest error in between, so its order shows later.
@pytest.mark.parametrize(
    ("stages", "counts", "inner_counts"),
    [(2, (32, 64), (64, 128)), (3, (16, 32), (32, 64)), (5, (4, 6), (16, 24))],
)
def test_orders(stages, counts, inner_counts):
    """2 s - 1 at the ends of steps; s + 1 in between, for s = 2 no more than that."""
    problem, end = small(high=-0.3), 2.0
    tau = np.linspace(0, 1, 21)[1:]

    def errors(count):
        begin, h, nodes = march(problem, end, count, stages)
        dense = np.einsum("ts,ksnr->ktnr", radau(stages).weights(tau), nodes)[..., 0]
        t = (begin[:, None] + h * tau).ravel()
        exact = by_library(problem, t, "DOP853", 1e-13)[0]
        gap = np.abs(dense.reshape(t.size, -1) - exact).max(axis=1)
        return gap[-1], gap.max()

    for which, pair, order in ((0, counts, 2 * stages - 1), (1, inner_counts, stages + 1)):
        coarse, fine = (errors(count)[which] for count in pair)
        found = np.log(coarse / fine) / np.log(pair[1] / pair[0])
        assert found == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("stages", [3, 5, 7, 9])
def test_decaying_modes_are_damped_and_keep_their_sign(stages):
    """One step over z = h lambda: below one and positive for every z, below 1e-8 for a huge one."""
    z = np.logspace(-3, 12, 60)
    problem = ConstantMemory((np.diag(z),), None, [0.0], (one,), steady(np.ones((z.size, 1))))
    nodes = march(problem, 1.0, 1, stages)[2][0, :, :, 0]
    assert np.all(nodes[-1] < 1)
    assert np.all(nodes[-1] > 0)
    assert np.all(np.abs(nodes[1:, z > 1e10]) < 1e-8)
    # And over many steps of a stiff problem nothing grows.
    path = march(problem, 20.0, 20, stages)[2][:, -1, :, 0]
    assert np.all(np.diff(path, axis=0) < 1e-14)


@pytest.mark.parametrize("tol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.3])
def test_tolerance_holds_at_any_time(rate, tol):
    """200 random times over fourteen decades; neither missed nor wasted; 12 steps a decade."""
    problem, exact = diagonal(rate)
    t = np.sort(10.0 ** np.random.default_rng(1).uniform(-4, 10, 200))
    trajectory = integrate(problem, 1e10, tol)
    gap = relative(problem, trajectory, t, exact(t))
    assert tol / 20 < gap < tol
    assert gap < trajectory.error_bound < 20 * tol
    assert trajectory.error_bound <= 1.5 * trajectory.estimated_error
    assert trajectory.rounding < 0.1 * tol
    assert trajectory.steps < 12 * 14
    assert trajectory.rejected < 0.3 * trajectory.steps


@pytest.mark.parametrize("stages", [2, 3, 4, 5, 7, 9])
def test_tolerance_holds_with_any_stages(stages):
    problem, exact = diagonal(0.01)
    t = np.logspace(-3, 6, 200)
    trajectory = integrate(problem, 1e6, 1e-5, stages=stages)
    assert relative(problem, trajectory, t, exact(t)) < 1e-5


@pytest.mark.parametrize("tol", [1e-5, 1e-9])
def test_two_memories_against_the_matrix_exponential(tol):
    """With a mass matrix, rates that differ, and the memories themselves."""
    rng = np.random.default_rng(3)
    operators, mass = (psd(rng, 6, -4, 2), psd(rng, 6, -3, 1)), psd(rng, 6, -0.5, 0.5)
    first, target = rng.standard_normal((2, 6))
    rates, decay, t = (0.05, 0.4), 0.2, np.logspace(-3, 2, 60)
    error, memory = by_exponential(operators, mass, rates, decay, first, target, t)
    load = fading(decay, (mass @ first)[:, None], (mass @ target)[:, None])
    problem = ConstantMemory(operators, mass, rates, (one, one), load)
    trajectory = integrate(problem, t[-1], tol)
    assert relative(problem, trajectory, t, error[..., None]) < tol
    for k, q in enumerate(trajectory.memory(t)):
        assert np.abs(q[..., 0] - memory[:, k]).max() < 50 * tol * np.abs(memory[:, k]).max()
    assert trajectory.scale == pytest.approx(
        np.sqrt((first - target) @ mass @ (first - target)), rel=1e-12
    )


CHANGING = {
    "weight decay": {"fade": (0.05, 0.05), "decay": 0.05, "growth": (0.0, -0.1)},
    "rates differ": {"fade": (0.01, 0.3), "decay": 0.01, "growth": (0.0, -0.02)},
    "growing": {"fade": (0.05, 0.05), "decay": 0.05, "growth": (0.05, -0.05)},
    "no fading": {"fade": (0.0, 0.0), "decay": 0.05, "growth": (0.0, -0.1)},
}


@pytest.mark.parametrize("tol", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("case", CHANGING)
def test_changing_coefficients_against_a_library_method(case, tol):
    problem = small(seed=4, high=2.0, **CHANGING[case])
    t = np.unique(np.append(np.logspace(-3, 2, 120), np.linspace(1, 100, 80)))
    error, memory = by_library(problem, t)
    trajectory = integrate(problem, t[-1], tol)
    gap = relative(problem, trajectory, t, error[..., None])
    assert tol / 20 < gap < tol
    assert gap < trajectory.error_bound
    for k, q in enumerate(trajectory.memory(t)):
        assert np.abs(q[..., 0] - memory[:, k]).max() < 50 * tol * np.abs(memory[:, k]).max()


def moving(fade):
    """Points and tones that contract; `fade` is a number or one rate a feature."""
    rng = np.random.default_rng(5)
    x, w, phase = rng.uniform(-1, 1, 5), rng.normal(0, 8, 30), rng.uniform(0, 6, 30)
    first, target = rng.standard_normal((2, 5, 1))
    rates = np.broadcast_to(fade, 30).astype(float)

    def jacobian(t):
        return np.cos(np.outer(x, w * np.exp(-0.1 * t)) + phase) * np.exp(-0.05 * t)

    return FeatureMemory(jacobian, rates, fading(0.1, first, target))


@pytest.mark.parametrize("tol", [1e-4, 1e-6, 1e-8])
def test_features_against_a_library_method(tol):
    problem = moving(np.linspace(0.0, 0.5, 30))
    t = np.unique(np.append(np.logspace(-3, 1.5, 100), np.linspace(0.5, 31, 80)))

    def error(time, theta):
        free = problem.free(np.array([[time]]))[0, 0, :, 0]
        return free - problem.jacobian(time) @ theta

    def slope(time, theta):
        return -problem.rates * theta + problem.jacobian(time).T @ error(time, theta)

    path = solve_ivp(slope, (0, t[-1]), np.zeros(30), "LSODA", t, rtol=1e-12, atol=1e-14)
    expected = np.array([error(*pair) for pair in zip(t, path.y.T, strict=True)])
    trajectory = integrate(problem, t[-1], tol)
    gap = np.linalg.norm(trajectory.error(t)[..., 0] - expected, axis=1).max() / trajectory.scale
    assert tol / 20 < gap < tol
    assert gap < trajectory.error_bound
    features = trajectory.memory(t)[0][..., 0]
    assert np.abs(features - path.y.T).max() < 50 * tol * np.abs(path.y).max()


def test_constant_features_are_a_memory():
    """e = g - J theta with theta = J^T q and operator J J^T."""
    still = moving(0.2).jacobian(0.0)
    load = fading(0.1, np.ones((5, 2)), np.arange(10.0).reshape(5, 2))
    t = np.logspace(-3, 4, 50)
    features = integrate(FeatureMemory(lambda t: still, np.full(30, 0.2), load), 1e4, 1e-9)
    problem = ConstantMemory((still @ still.T,), None, [0.2], (one,), load)
    memory = integrate(problem, 1e4, 1e-9)
    np.testing.assert_allclose(features.error(t), memory.error(t), atol=5e-8)
    np.testing.assert_allclose(features.memory(t)[0], still.T @ memory.memory(t)[0], atol=5e-7)


def elements(n=60, seed=6):
    """A mass and two operators of bandwidth 7, columns that differ, weight decay."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n)

    def band(values):
        factor = sparse.diags_array(
            [values[: n - k] / (1 + k) for k in range(4)], offsets=range(4), format="csr"
        )
        return sparse.csr_array(factor @ factor.T)

    mass = band(0.1 + 0.05 * np.cos(7 * x)) + 0.01 * sparse.eye_array(n)
    operators = band(np.exp(-4 * x)), 30 * band(np.exp(-9 * x))
    first, target = rng.standard_normal((2, n, 2))
    load = fading(0.05, mass @ first, mass @ target)
    return operators, mass, [0.05, 0.05], (one, lambda t: np.exp(-0.1 * t)), load


@pytest.mark.parametrize("with_mass", [True, False])
def test_sparse_is_dense(with_mass):
    operators, mass, *rest = elements()
    t = np.logspace(-4, 6, 80)
    found = integrate(ConstantMemory(operators, mass if with_mass else None, *rest), 1e6, 1e-7)
    arrays = tuple(part.toarray() for part in operators)
    expected = integrate(
        ConstantMemory(arrays, mass.toarray() if with_mass else None, *rest), 1e6, 1e-7
    )
    assert found.steps == expected.steps
    np.testing.assert_allclose(found.error(t), expected.error(t), rtol=0, atol=1e-10)
    for one_way, other in zip(found.memory(t), expected.memory(t), strict=True):
        np.testing.assert_allclose(one_way, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shared", ["nothing", "operators", "rates"])
def test_batch_is_one_by_one(shared):
    """Every equation with its own end and steps, more of them than fit the cache at a time."""
    rng, count, n = np.random.default_rng(7), 70, 16
    operators = tuple(psd(rng, n, -4, 2, None if shared == "operators" else count) for _ in "ab")
    mass = psd(rng, n, -0.3, 0.3) if shared == "operators" else None
    first, target = rng.standard_normal((2, count, 1, n, 1))
    rate = np.full(count, 0.1) if shared == "rates" else 10.0 ** rng.uniform(-3, 0, count)
    fade = [0.1, 0.2] if shared == "rates" else np.column_stack([rate, 2 * rate])
    decay = rate[:, None]
    batch = ConstantMemory(
        operators,
        mass,
        fade,
        (one, lambda t: np.exp(-2 * decay * t)),
        lambda t: np.exp(-decay * t)[..., None, None] * first - target,
    )
    end = 10.0 ** rng.uniform(2, 4, count)
    t = end[:, None] * np.logspace(-5, 0, 20)
    whole = integrate(batch, end, 1e-6)
    errors, memories = whole.error(t), whole.memory(t)
    assert errors.shape == (count, 20, n, 1)
    np.testing.assert_allclose(whole.error(t[0, :3])[0], errors[0, :3])
    for i in range(0, count, 9):
        single = integrate(
            ConstantMemory(
                operators if shared == "operators" else tuple(part[i] for part in operators),
                mass,
                fade if shared == "rates" else fade[i],
                (one, lambda t, i=i: np.exp(-2 * rate[i] * t)),
                fading(rate[i], first[i, 0], target[i, 0]),
            ),
            end[i],
            1e-6,
        )
        assert (single.steps, single.rejected) == (whole.steps[i], whole.rejected[i])
        assert single.error_bound == pytest.approx(whole.error_bound[i], rel=1e-3)
        np.testing.assert_allclose(errors[i], single.error(t[i]), rtol=0, atol=1e-10)
        for k, part in enumerate(single.memory(t[i])):
            np.testing.assert_allclose(memories[k][i], part, rtol=1e-9, atol=1e-9)


def test_columns_share_steps():
    """A copy or an empty column changes nothing; the hardest column sets the steps."""
    problem = small(decay=0.1)
    t = np.logspace(-3, 2, 30)
    alone = integrate(problem, 100.0, 1e-7)

    def columns(*factors):
        many = ConstantMemory(
            problem.operators,
            None,
            problem.rates,
            problem.coefficients,
            lambda t: np.concatenate([f * problem.free(t) for f in factors], axis=-1),
        )
        return integrate(many, 100.0, 1e-7)

    for factors in ((1.0, 1.0), (1.0, 0.0), (-0.5, 1.0)):
        many = columns(*factors)
        assert many.steps == alone.steps
        np.testing.assert_allclose(many.error(t), alone.error(t) * factors, rtol=0, atol=1e-11)


def test_spike_is_resolved_and_does_not_ring():
    """A fast mode of 1e3 times the others' size: within the tolerance of *its* size, positive."""
    rates, start = np.logspace(0, 8, 20), np.ones((20, 1))
    start[-1] = 1e3
    problem = ConstantMemory((np.diag(rates),), None, [0.0], (one,), steady(start))
    trajectory = integrate(problem, 1e10, 1e-8)
    t = np.concatenate([[0.0], np.logspace(-11, 10, 500)])
    exact = np.exp(-rates * t[:, None])[..., None] * start
    assert relative(problem, trajectory, t, exact) < 1e-8
    assert trajectory.steps < 12 * 10
    assert trajectory.error(t)[:, -1].min() > -1e-8 * 1e3


def test_what_a_stiff_mode_inherits_is_not_resolved_again():
    """A step may end off the slow path by its allowed error; no shorter step reduces that."""
    rates, decay = np.array([1e3, 8e4]), 0.02
    first, target = np.array([[1.0], [0.5]]), np.array([[0.3], [-0.6]])
    problem = ConstantMemory((np.diag(rates),), None, [0.0], (one,), fading(decay, first, target))
    t = np.logspace(-7, 4, 300)
    slow = rates - decay
    error = (
        np.exp(-rates * t[:, None]) * (first - target)[:, 0]
        + decay * np.exp(-decay * t[:, None]) * np.expm1(-slow * t[:, None]) / slow * first[:, 0]
    )
    for tol in np.logspace(-9, -6, 13):
        trajectory = integrate(problem, 1e4, tol)
        assert relative(problem, trajectory, t, error[..., None]) < tol
        assert trajectory.rejected < 20


@pytest.mark.parametrize("seed", range(12))
def test_random_problems_against_a_library_method(seed):
    rng = np.random.default_rng(seed)
    decay, *fade = 10.0 ** rng.uniform(-3, 0.5, 3)
    end = 10.0 ** rng.uniform(0, 3)
    growth = (min(10.0 ** rng.uniform(-3, 0), 3 / end), -(10.0 ** rng.uniform(-3, 0.5)))
    problem = small(seed, 4, decay, fade, growth, high=rng.uniform(-1, 4))
    t = np.unique(np.append(end * np.logspace(-6, 0, 60), np.linspace(0.05 * end, end, 40)))
    error = by_library(problem, t)[0]
    for tol in (1e-4, 1e-7):
        trajectory = integrate(problem, end, tol)
        gap = relative(problem, trajectory, t, error[..., None])
        assert gap < tol
        assert gap < trajectory.error_bound


def test_steps_grow_without_bound_once_nothing_changes():
    problem = diagonal(0.3)[0]
    near, far = integrate(problem, 1e3, 1e-8), integrate(problem, 1e10, 1e-8)
    assert far.steps - near.steps <= 10
    settled = far.error([1e6, 1e10])
    np.testing.assert_allclose(settled[0], settled[1], atol=1e-8)


def test_load_that_starts_at_zero():
    """The norm is then the largest of the load: here e rises and is forgotten."""
    rates, start = np.logspace(0, 6, 10), np.ones((10, 1))
    problem = ConstantMemory(
        (np.diag(rates),), None, [0.0], (one,), lambda t: -np.expm1(-t)[..., None, None] * start
    )
    trajectory = integrate(problem, 1e8, 1e-8)
    t = np.logspace(-8, 8, 300)
    # q' = -lambda q + 1 - exp(-t); e = q'.
    gap = rates - 1.0
    early = np.where(
        gap > 0,
        np.exp(-t[:, None]) * -np.expm1(-gap * t[:, None]) / np.where(gap > 0, gap, 1.0),
        t[:, None] * np.exp(-t[:, None]),
    )
    assert trajectory.scale == pytest.approx(np.sqrt(10), rel=1e-3)
    assert np.linalg.norm(trajectory.error(t)[..., 0] - early, axis=1).max() < 1e-8 * np.sqrt(10)


def test_nothing_to_do_stays_zero():
    problem = ConstantMemory((np.eye(3),), None, [0.0], (one,), steady(np.zeros((3, 1))))
    trajectory = integrate(problem, 1e10, 1e-8)
    assert trajectory.scale == 1.0
    assert np.all(trajectory.error([0.0, 1.0, 1e10]) == 0.0)
    assert trajectory.estimated_error == 0.0


def test_without_operator_the_load_is_followed():
    """No rate tells how fast the load changes: the steps find out."""
    problem = ConstantMemory(
        (np.zeros((2, 2)),), None, [0.0], (one,), fading(1e3, np.ones((2, 1)), np.ones((2, 1)) / 3)
    )
    t = np.logspace(-6, 6, 200)
    found = integrate(problem, 1e6, 1e-8).error(t)
    assert np.abs(found - problem.free(t[None])[0]).max() < 1e-8


def test_rounding_errors_stop_neither_the_clock_nor_the_report():
    """An operator known to 1e4 eps moves a mode it does not see by 1e-4 until t = 1e8."""
    rng = np.random.default_rng(8)
    basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    rates, start = np.concatenate([[0.0], np.logspace(-8, 4, 11)]), rng.standard_normal((12, 1))
    problem = ConstantMemory(((basis * rates) @ basis.T,), None, [0.0], (one,), steady(start))
    trajectory = integrate(problem, 1e8, 1e-10)
    t = np.logspace(-3, 8, 100)
    exact = (np.exp(-rates * t[:, None]) * (basis.T @ start)[:, 0]) @ basis.T
    gap = relative(problem, trajectory, t, exact[..., None])
    assert trajectory.rounding > 1e-9
    assert gap < 100 * trajectory.rounding
    assert trajectory.steps < 250
    assert integrate(problem, 1.0, 1e-10).rounding < 1e-11


def test_figures_tell_what_was_done():
    problem = diagonal(0.01)[0]
    loose, tight = (integrate(problem, 1e4, tol) for tol in (1e-5, 1e-8))
    for trajectory in (loose, tight):
        assert trajectory.factorizations == trajectory.steps + trajectory.rejected
        assert isinstance(trajectory.steps, int)
        assert isinstance(trajectory.estimated_error, float)
    assert tight.estimated_error < 1e-2 * loose.estimated_error
    assert tight.error_bound < 1e-2 * loose.error_bound
    more = [integrate(problem, 1e4, 1e-8, stages=s) for s in (3, 5, 7)]
    assert more[0].steps > more[1].steps > more[2].steps
    longer = integrate(problem, 1e6, 1e-8)
    assert longer.steps > tight.steps
    assert longer.rounding >= tight.rounding > 0
    scaled = ConstantMemory(
        problem.operators, None, problem.rates, (one,), lambda t: 7 * problem.free(t)
    )
    assert integrate(scaled, 1e4, 1e-8).scale == pytest.approx(7 * tight.scale)
    # A kink in the load must be paid for by rejected steps.
    kink = ConstantMemory(
        (np.eye(1),), None, [0.0], (one,), lambda t: np.maximum(t, 3.0)[..., None, None]
    )
    assert integrate(kink, 100.0, 1e-8).rejected > 3


def test_what_was_solved_obeys_the_equation():
    """M e + sum A_k q_k = M g, to rounding at the ends of steps, to the tolerance in between."""
    operators, mass, *rest = elements()
    problem = ConstantMemory(operators, mass, *rest)
    trajectory = integrate(problem, 1e4, 1e-7)
    for t, bound in ((np.array([0.0, 1e4]), 1e-12), (np.logspace(-3, 4, 50), 1e-6)):
        total = np.stack([mass @ e for e in trajectory.error(t)])
        for operator, q in zip(operators, trajectory.memory(t), strict=True):
            total += np.stack([operator @ row for row in q])
        assert np.abs(total - rest[-1](t[None])[0]).max() < bound


def test_refusals():
    problem = diagonal(0.01)[0]
    for tol in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="tol"):
            integrate(problem, 1.0, tol)
    with pytest.raises(ValueError, match="t_end"):
        integrate(problem, 0.0, 1e-6)
    with pytest.raises(ValueError, match="stages"):
        integrate(problem, 1.0, 1e-6, stages=0)
    with pytest.raises(RuntimeError, match="max_steps=5 steps reached only t="):
        integrate(problem, 1e3, 1e-6, max_steps=5)
    done = integrate(problem, 1.0, 1e-6)
    for t in ([2.0], [-1.0]):
        with pytest.raises(ValueError, match="later t_end"):
            done.error(t)
    with pytest.raises(ValueError, match="rows for 1 equation"):
        done.error(np.ones((2, 3)))
    broken = ConstantMemory(
        (np.eye(1),), None, [0.0], (one,), lambda t: np.where(t > 1, np.nan, 1.0)[..., None, None]
    )
    with pytest.raises(RuntimeError, match="not finite"):
        integrate(broken, 10.0, 1e-6)
    jump = ConstantMemory(
        (np.eye(1),), None, [0.0], (one,), lambda t: np.where(t > 1, 2.0, 1.0)[..., None, None]
    )
    with pytest.raises(RuntimeError, match="changes too fast"):
        integrate(jump, 10.0, 1e-8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"operators": (np.eye(2), np.eye(3))}, "one n"),
        ({"operators": (np.ones((2, 3)),) * 2}, "one n"),
        ({"mass": np.eye(3)}, "one n"),
        ({"rates": [0.0]}, "one of each"),
        ({"coefficients": (one,)}, "one of each"),
        ({"mass": sparse.eye_array(2)}, "partly sparse"),
        ({"rates": np.zeros((3, 2)), "operators": (np.ones((4, 2, 2)),) * 2}, "must agree"),
        (
            {"rates": np.zeros((3, 2)), "operators": (sparse.eye_array(2),) * 2},
            "solve sparse equations one by one",
        ),
        ({"free": lambda t: np.ones((*t.shape, 2))}, "one axis of columns"),
    ],
)
def test_refusals_of_the_problem(change, reason):
    parts = {
        "operators": (np.eye(2), np.eye(2)),
        "mass": None,
        "rates": [0.0, 0.0],
        "coefficients": (one, one),
        "free": steady(np.ones((2, 1))),
    }
    with pytest.raises(ValueError, match=reason):
        integrate(ConstantMemory(**parts | change), 1.0, 1e-6)


def test_refusal_of_features():
    with pytest.raises(ValueError, match="must be"):
        FeatureMemory(lambda t: np.ones((2, 3)), np.zeros(2), steady(np.ones((2, 1))))
