"""What a user holds pickles and copies, with the same numbers afterwards, and without ballast."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from scipy import stats

from ntkfreq import (
    Box,
    Density,
    Empirical,
    FourierFeatureMLP,
    FourierFeatureNet,
    FrequencyEquation,
    Grid,
    Laplace,
    Mixture,
    Normal,
    Points,
    StudentT,
    Target,
    Uniform,
    alias_shares,
    as_density,
    batch_losses,
    compare,
    expected_losses,
    expected_output,
    grokking_onset,
    ntk_spectrum,
    solve_frequency_pde,
    train,
)

RHO, PLANE_RHO = Normal(scale=3.0), Normal(scale=2.0, dim=2)
X = np.linspace(-1, 1, 12)
Y = np.sin(3 * X)
SCATTERED = np.random.default_rng(0).uniform(-1, 1, (20, 2))
T = np.array([0.0, 0.1, 1.0, 3.0])
SHORT = np.array([0.0, 0.01, 0.05])


def y(x):
    return np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.cos(6 * x))


def f_0(x):
    return 0.3 * np.exp(-(x**2) / 2)


def bump(x):
    return np.exp(-np.sum(x**2, axis=1) / 2) * np.cos(2 * x[:, 0])


def g(r):
    return np.exp(-(r**2) / 2)


def lower(r):
    return 0.3 * np.exp(-(r**2))


def tent(w):
    return np.maximum(1 - np.abs(w), 0.0)


BOTH = {
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
    "pickle by the first protocol": lambda given: pickle.loads(pickle.dumps(given, protocol=1)),
    "cloudpickle": lambda given: pickle.loads(cloudpickle.dumps(given)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
each_way = pytest.mark.parametrize("again", BOTH.values(), ids=list(BOTH))

SOLUTIONS = {
    "line": lambda: solve_frequency_pde(RHO, y, t=T),
    "line, from f_0": lambda: solve_frequency_pde(RHO, y, t=T, initial_output=f_0),
    "line, off 0": lambda: solve_frequency_pde(Normal(loc=2.0), y, t=T),
    "line, frozen": lambda: solve_frequency_pde(RHO, y, t=T, sigma_a=0.0),
    "line, outer decay": lambda: solve_frequency_pde(RHO, y, t=T, weight_decay=0.1),
    "line, decay": lambda: solve_frequency_pde(
        RHO, y, t=T, weight_decay=0.1, frequency_decay=0.1, rtol=1e-4
    ),
    "line, decay to the start": lambda: solve_frequency_pde(
        RHO, y, t=T, frequency_decay=0.1, decay_towards="start", rtol=1e-4
    ),
    "line, momentum": lambda: solve_frequency_pde(
        RHO, y, t=0.01 * np.arange(4), step_size=0.01, momentum=0.5
    ),
    "line, samples": lambda: solve_frequency_pde(
        RHO, Target.from_samples(x := np.linspace(-20, 20, 400), y(x)), measure=Grid(0.5), t=T
    ),
    "line in 2-D": lambda: solve_frequency_pde(PLANE_RHO, bump, t=SHORT, rtol=1e-3),
    "radial": lambda: solve_frequency_pde(PLANE_RHO, Target.from_radial(g), t=SHORT, rtol=1e-4),
    "radial, from f_0": lambda: solve_frequency_pde(
        PLANE_RHO, Target.from_radial(g), t=SHORT, rtol=1e-4,
        initial_output=Target.from_radial(lower),
    ),
    "grid": lambda: solve_frequency_pde(RHO, y, measure=Grid(0.6), t=T),
    "grid, decay": lambda: solve_frequency_pde(RHO, y, measure=Grid(0.6), t=T, weight_decay=0.1),
    "grid, heavy tail": lambda: solve_frequency_pde(
        StudentT(3.0, scale=3.0), y, measure=Grid(0.6), t=T, rtol=1e-4
    ),
    "grid in 2-D": lambda: solve_frequency_pde(
        PLANE_RHO, bump, measure=Grid(0.6), t=SHORT, rtol=1e-3
    ),
    "box": lambda: solve_frequency_pde(RHO, y, measure=Box(-1, 1), t=T),
    "box, decay": lambda: solve_frequency_pde(RHO, y, measure=Box(-1, 1), t=T, weight_decay=0.1),
    "box, frequencies decay": lambda: solve_frequency_pde(
        RHO, y, measure=Box(-1, 1), t=T, frequency_decay=0.1
    ),
    "box, momentum": lambda: solve_frequency_pde(
        RHO, y, measure=Box(-1, 1), t=0.1 * np.arange(4), step_size=0.1, momentum=0.5
    ),
    "box in 2-D": lambda: solve_frequency_pde(
        PLANE_RHO, bump, measure=Box([-1, -1], [1, 1]), t=T, rtol=1e-4
    ),
    "points": lambda: solve_frequency_pde(RHO, (X, Y), t=T),
    "points, function": lambda: solve_frequency_pde(RHO, y, measure=Points(X), t=T),
    "points, tested": lambda: solve_frequency_pde(RHO, (X, Y), t=T, test=(X + 0.03, Y)),
    "points in 2-D": lambda: solve_frequency_pde(PLANE_RHO, (SCATTERED, SCATTERED[:, 0]), t=T),
    "points, outer decay": lambda: solve_frequency_pde(RHO, (X, Y), t=T, weight_decay=0.1),
    "points, many under decay": lambda: solve_frequency_pde(
        RHO, (x := np.linspace(-1, 1, 150), np.sin(3 * x)), t=T, weight_decay=0.1
    ),
    "points, decay": lambda: solve_frequency_pde(RHO, (X, Y), t=T, frequency_decay=0.1),
    "points, decay to the start": lambda: solve_frequency_pde(
        RHO, (X, Y), t=T, frequency_decay=0.1, decay_towards="start"
    ),
    "points, momentum": lambda: solve_frequency_pde(
        RHO, (X, Y), t=0.1 * np.arange(4), step_size=0.1, momentum=0.5
    ),
    "points, a network": lambda: solve_frequency_pde(
        RHO, (X, Y), t=T, initial_output=FourierFeatureNet.sample(RHO, 20, rng=0)
    ),
    "points, a distribution": lambda: solve_frequency_pde(stats.gamma(2.0), (X, Y), t=T),
    "points, dates": lambda: solve_frequency_pde(
        RHO, (np.datetime64("2020-01-01") + np.arange(12), Y), t=T
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=SOLUTIONS.values(), ids=list(SOLUTIONS))
def solution(request):
    return request.param()


def asked(solution):
    """Numbers that a solution computes when asked."""
    plane = solution.equation.dim > 1
    x = SCATTERED[:3] if plane else X[:3]
    if solution.axis.timed:
        x = x + 1.0
    answers = [solution.output(x), solution.train_loss, solution.data_spectrum]
    earlier = solution.at(t=solution.t[:2])
    answers += [earlier.train_loss, earlier.output(x)]
    if solution.spectrum is not None:
        answers.append(earlier.spectrum)
    if not plane:
        try:
            answers.append(np.array(solution.learning_time((0.5, 4.0), 0.9)))
        except ValueError as error:  # a band may have nothing of its own
            answers.append(np.array(len(str(error))))
    return answers


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_solutions_give_the_same_numbers_again(solution, way):
    expected = asked(solution)
    other = BOTH[way](solution)
    assert other.status == solution.status
    # That of SciPy's distributions tells where they are in memory.
    settings = solution.settings() | {"density": other.settings()["density"]}
    assert other.settings() == settings
    assert other.stats == solution.stats
    for found, wanted in zip(asked(other), expected, strict=True):
        size = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13 * size)


def arrays(given, seen):
    """Bytes of all arrays that an object holds, however deep."""
    if id(given) in seen:
        return 0
    seen[id(given)] = given
    if isinstance(given, np.ndarray):
        return given.nbytes
    if isinstance(given, dict):
        return sum(arrays(one, seen) for one in given.values())
    if isinstance(given, list | tuple):
        return sum(arrays(one, seen) for one in given)
    return arrays(getattr(given, "__dict__", {}), seen)


def test_a_pickled_solution_is_as_large_as_when_it_was_new(solution):
    """What it computes for an answer is not stored."""
    fresh = len(pickle.dumps(solution))
    asked(solution)
    held = arrays(solution, {})
    assert len(pickle.dumps(solution)) <= 1.02 * fresh + 500
    assert fresh < held + 30_000


def test_a_pickled_solution_needs_no_more_than_its_matrices():
    x = np.linspace(-1, 1, 400)
    solution = solve_frequency_pde(RHO, (x, np.sin(3 * x)), t=T)
    solution.output(x)
    solution.learning_time((1.0, 5.0))
    # A_1, A_2 and the modes, (400, 400) each.
    assert len(pickle.dumps(solution)) < 1.1 * 3 * 8 * 400**2


NET = FourierFeatureNet.sample(RHO, 30, rng=0)


def trained(**settings):
    return train(NET, X, Y, step_size=0.1, steps=20, backend="reference", **settings)


HELD = {
    "normal": lambda: RHO,
    "student": lambda: StudentT(3.0, loc=[1.0, 2.0], dim=2),
    "uniform": lambda: Uniform(scale=2.0),
    "mixture": lambda: Mixture([Normal(), Laplace(scale=2.0)], [0.25, 0.75]),
    "atoms": lambda: Empirical([1.0, 2.0], [0.5, 0.5]),
    "gamma": lambda: as_density(stats.gamma(2.0, scale=3.0)),
    "beta": lambda: as_density(stats.beta(2.0, 3.0)),
    "pdf": lambda: as_density(tent, support=(-1, 1), kinks=(0,)),
    "target": lambda: Target.from_function(y, support=(-20, 20)),
    "radial target": lambda: Target.from_radial(g),
    "samples": lambda: Target.from_samples(X, Y),
    "equation": lambda: FrequencyEquation.create(RHO, y, initial_output=f_0),
    "measure": lambda: Points(X),
    "network": lambda: NET,
    "deep network": lambda: FourierFeatureMLP.sample(RHO, 20, depth=2, rng=0),
    "history": trained,
    "tested history": lambda: trained(test=(X, Y), frequencies=[1.0, 3.0]),
    "batch losses": lambda: batch_losses(
        RHO, (X, Y), step_size=0.1, batch_size=4, steps=5, draws=9
    ),
    "expected losses": lambda: expected_losses(RHO, (X, Y), t=T),
    "expected output": lambda: expected_output(RHO, (X, Y), X, t=T, covariance=True),
    "comparison": lambda: compare(solve_frequency_pde(RHO, (X, Y), initial_output=NET), trained()),
    "onset": lambda: grokking_onset(T, 1 - T / 4, 1 - T / 4, threshold=0.5),
    "aliases": lambda: alias_shares(RHO, 3.0, Grid(0.6)),
    "kernel spectrum": lambda: ntk_spectrum(RHO, X),
}
# What is asked of some of them.
ASKED = {
    "pdf": lambda density: [density.pdf([0.2]), density.kernel([1.0]), density.sample(3, 0)],
    "gamma": lambda density: [density.pdf([0.2]), density.kernel([1.0]), density.sample(3, 0)],
    "beta": lambda density: [density.pdf([0.2]), density.kernel([1.0]), density.sample(3, 0)],
    "samples": lambda target: [target(X), target([0.03])],
    "target": lambda target: [target(X), target.transform([2.0])],
    "radial target": lambda target: [target(X), target.transform([2.0])],
    "network": lambda net: [net(X)],
    "deep network": lambda net: [net(X)],
    "history": lambda run: [run.net(X), np.array(run.learning_time((1.0, 5.0), 0.9))],
    "comparison": lambda both: [np.array(both.remaining([(1.0, 5.0)]))],
}


@each_way
@pytest.mark.parametrize("name", HELD)
def test_the_rest_gives_the_same_numbers_again(name, again):
    given = HELD[name]()
    ask = ASKED.get(name, lambda given: [])
    expected = ask(given)
    other = again(given)
    assert type(other) is type(given)
    for found, wanted in zip(ask(other), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    for field, value in vars(given).items():
        if isinstance(value, np.ndarray) and not field.startswith("_"):
            np.testing.assert_array_equal(getattr(other, field), value)


def local(x):
    def inner(x):
        return y(x)

    return inner


LOCAL = {
    "lambda": (lambda: Target.from_function(lambda x: y(x)), "function=.*<lambda> of this Target"),
    "inner function": (
        lambda: Target.from_function(local(X)), "of this Target is defined inside another",
    ),
    "profile": (
        lambda: Target.from_radial(lambda r: g(r)), "profile=.*<lambda> of this Target is a lambda",
    ),
    "partial": (
        lambda: Target.from_function(partial(lambda a, x: a * y(x), 2)), "this Target is a lambda",
    ),
    "f_0": (
        lambda: FrequencyEquation.create(RHO, (X, Y), initial_output=lambda x: 0.1 * x),
        "initial_output=.*<lambda> of this FrequencyEquation is a lambda",
    ),
    "pdf": (
        lambda: as_density(lambda w: tent(w), support=(-1, 1), kinks=(0,)),
        "function=.*<lambda> of this NumericDensity is a lambda",
    ),
    "solution": (
        lambda: solve_frequency_pde(RHO, lambda x: y(x), measure=Points(X), t=T),
        "function=.*<lambda> of this Target is a lambda",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), LOCAL.values(), ids=list(LOCAL))
def test_functions_that_cannot_be_found_again_are_told_in_a_sentence(make, message):
    given = make()
    match = rf"{message}.*define it with def at the top level of a module, or (give|use) "
    with pytest.raises(pickle.PicklingError, match=match):
        pickle.dumps(given)
    # A copy shares the function, and picklers that store code know what to do.
    assert type(copy.deepcopy(given)) is type(given)
    assert type(copy.copy(given)) is type(given)
    assert type(pickle.loads(cloudpickle.dumps(given))) is type(given)


def test_the_remedy_is_right(tmp_path):
    """A target whose function is at the top of a module comes back in another file's call."""
    path = Path(tmp_path) / "target.pickle"
    path.write_bytes(pickle.dumps(Target.from_function(y)))
    np.testing.assert_array_equal(pickle.loads(path.read_bytes())(X), y(X))


class Slotted(Density):
    """A density of a user's own, with slots."""

    __slots__ = ("width",)
    dim = 1

    def __init__(self, width):
        self.width = width

    def pdf(self, w):
        return np.exp(-((w / self.width) ** 2) / 2) / (self.width * np.sqrt(2 * np.pi))

    def kernel(self, z):
        return np.exp(-((self.width * z) ** 2) / 2)

    def sample(self, size, rng=None):
        return self.width * np.random.default_rng(rng).standard_normal(size)


@each_way
def test_a_density_of_a_users_own_keeps_its_slots(again):
    given = Slotted(2.0)
    _ = given.even
    other = again(given)
    assert other.width == 2.0
    np.testing.assert_array_equal(other.pdf([0.3]), given.pdf([0.3]))
