"""What public objects look like, as text and in notebooks: short, quick, and safe to embed."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

import ntkfreq
from ntkfreq import (
    Axis,
    Box,
    Empirical,
    FourierFeatureMLP,
    FourierFeatureNet,
    FrequencyEquation,
    Grid,
    HiddenLayers,
    Laplace,
    LayerRates,
    Line,
    Mixture,
    Normal,
    Points,
    Product,
    StudentT,
    Target,
    Uniform,
    alias_shares,
    as_density,
    batch_losses,
    compare,
    deep_density,
    expected_losses,
    expected_output,
    extrapolate_width,
    grokking_onset,
    image_samples,
    learning_steps,
    ntk_operator,
    ntk_spectrum,
    solve_frequency_pde,
    solve_image,
    train,
    train_linearized,
)
from ntkfreq._support.display import LONGEST, brief
from ntkfreq.experiments import Run
from ntkfreq.problem.density import Density
from ntkfreq.problem.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    RMSProp,
    SignDescent,
)
from ntkfreq.problem.step_schedules import Constant, Cosine, Exponential, Warmup
from ntkfreq.profile import Profile
from ntkfreq.report.settings import Settings
from validation.engine import Execution

X = np.linspace(-1, 1, 24)
MANY = 100_000
LONG = np.linspace(-1, 1, MANY)
WIDE = np.ones((30, MANY))
RHO = Normal(scale=6.0)


@cache
def results():
    """A solution, a run, and their comparison."""
    net = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
    run = train(net, X, np.sin(5 * X), step_size=0.2, steps=20, test=(X, np.sin(5 * X)))
    solution = solve_frequency_pde(RHO, (X, np.sin(5 * X)), t=[0.0, 1.0, 9.0], test=(X, X))
    return solution, run, compare(solution, run)


@cache
def small():
    solution, run, comparison = results()
    return [
        solution, run, comparison, solution.equation, solution.equation.target, run.net, RHO,
        Uniform(), Laplace(loc=(1.0, 2.0), dim=2), StudentT(2.0), Mixture([RHO, Normal()]),
        Normal(scale=(10, 1)), Product([RHO, StudentT(2.0)]),
        solve_frequency_pde(
            RHO, (X, np.sin(5 * X)), optimizer="adam", step_size=1e-3, width=64, steps=5
        ),
        solve_frequency_pde(
            RHO, (X, np.sin(5 * X)), optimizer="adam", step_size=1e-3, width=64, steps=5
        ).finite_width(draws=2),
        solve_frequency_pde(RHO, (X, np.sin(5 * X)), depth=1).finite_width(64, draws=2),
        learning_steps(
            (X, np.sin(5 * X)), RHO, optimizer="adam", step_size=1e-3, width=64, frequencies=[5.0]
        ),
        batch_losses(RHO, (X, np.sin(5 * X)), step_size=0.2, batch_size=4, steps=5, draws=9),
        Empirical(X, 1 + X**2), as_density(lambda w: np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)),
        Line(), Box(-1, 1), Grid(0.5), Points(X), Axis("day", np.datetime64("2022-03-01")),
        FourierFeatureMLP.sample(RHO, 8, rng=0), expected_losses(RHO, (X, X), t=[0.0, 1.0]),
        train_linearized(
            FourierFeatureMLP.sample(RHO, 8, rng=0), X, np.sin(5 * X), step_size=1e-3, steps=3
        ),
        expected_output(RHO, (X, X), X, t=[0.0, 1.0], covariance=True),
        image_samples(np.eye(6)), solve_image(Normal(scale=3.0, dim=2), np.eye(6), t=[0.0, 1.0]),
        alias_shares(RHO, 8.0, Grid(0.6)), ntk_operator(RHO, X), ntk_spectrum(RHO, X),
        HiddenLayers(2), LayerRates(), deep_density(RHO, 2), deep_density(RHO, 2).damping,
        ntk_operator(RHO, X, depth=2),
        grokking_onset([0.0, 1.0, 2.0], [1.0, 0.1, 0.0], [1.0, 1.0, 0.5], threshold=0.1),
        extrapolate_width([10, 100], np.arange(6.0).reshape(2, 3)), GradientDescent(), HeavyBall(),
        Nesterov(), Adam(), AdamW(), RMSProp(), SignDescent(), Constant(), Warmup(3), Cosine(5),
        Exponential(0.5),
        Profile(X, X**2, "tide.csv", "t (h)", "level (m)"), Settings(), Execution(),
        Run(np.arange(3), X[:3], X[:3], X[:3], None, None, None, {"loss": "squared"}),
        Target.from_radial(lambda r: np.exp(-(r**2))),
        Target.from_function(lambda x: np.exp(-np.sum(x**2, 1)), support=((-5, 5), (-5, 5))),
    ]  # fmt: skip


@cache
def large():
    solution, run, comparison = results()
    losses, spectrum = expected_losses(RHO, (X, X), t=[0.0, 1.0]), ntk_spectrum(RHO, X)
    return [
        replace(solution, frequencies=LONG, data_spectrum=WIDE + 0j, t=LONG, train_loss=LONG),
        replace(run, frequencies=LONG, output=WIDE, train_output=WIDE, x=LONG, y=LONG, t=LONG),
        replace(comparison, frequencies=LONG, predicted=WIDE + 0j, measured=WIDE + 0j),
        FrequencyEquation.create(RHO, (LONG, LONG)), Target.from_samples(LONG, LONG),
        Points(LONG), Empirical(LONG), Empirical(LONG, 1 + LONG**2),
        Mixture([Normal(scale=k + 1.0) for k in range(999)]), Normal(loc=LONG, dim=MANY),
        FourierFeatureNet.sample(RHO, MANY, rng=0), ntk_operator(RHO, LONG),
        FourierFeatureMLP.sample(RHO, 16, depth=12, rng=0),
        replace(losses, t=LONG, train_mean=LONG),
        replace(spectrum, x=LONG[:, None], eigenvectors=WIDE.T),
        Profile(LONG, LONG**2, "n" * 5000, "t" * 5000, "level", ("note " * 999,) * 99),
        Run(np.arange(MANY), LONG, WIDE.T, LONG, WIDE.T, LONG, None, {"loss": "squared"}),
        alias_shares(StudentT(0.5, scale=3.0), 8.0, Grid(0.6), least=1e-7),
        Axis("very long unit " * 99),
    ]  # fmt: skip


def test_text_and_table_are_short_and_quick():
    for thing in small() + large():
        # Targets and solutions are shown by the name that users know, whatever class they are of.
        kind = getattr(type(thing), "_shown_as", "") or type(thing).__name__
        start = time.process_time()
        text, table = repr(thing), thing._repr_html_()
        assert time.process_time() - start < 0.1, kind
        assert len(text) <= LONGEST == 400, kind
        assert text.startswith(f"{kind}(")
        for wrong in ("\n", "array(", " object at 0x"):
            assert wrong not in text
        rows = table.count("<tr>")
        assert table.startswith("<table>")
        assert f"<b>{kind}</b>" in table
        assert rows <= 10, kind
        assert len(table) < 250 + 250 * rows, kind


def test_every_public_class_is_among_them():
    public = [getattr(ntkfreq, name) for name in ntkfreq.__all__]
    wanted = {kind for kind in public if inspect.isclass(kind)}
    assert {kind for kind in wanted if not any(isinstance(one, kind) for one in small())} == set()


def test_table_has_the_facts_of_the_text():
    for thing in small():
        text, table = repr(thing), thing._repr_html_()
        for name in thing._facts():
            assert f"{name}=" in text or len(text) == LONGEST
            assert f">{name}</th>" in table


def test_numbers_of_a_solution_are_those_it_has():
    solution = results()[0]
    text = repr(solution)
    assert "measure=Points(x=24 of dimension 1)" in text
    assert "t=3 from 0 to 9" in text
    assert f"train_loss={solution.train_loss[0]:.4g} to {solution.train_loss[-1]:.4g}" in text
    assert text.endswith("status=converged)")
    assert "rad per unit of x" in text


def test_texts_of_users_are_escaped():
    title = "<script>alert('x')</script>"
    for thing in (Axis(title), Profile(X, X, title, title, "y")):
        table = thing._repr_html_()
        assert "<script>" not in table
        assert "&lt;script&gt;" in table


def test_densities_of_a_users_own_are_short_too():
    class Plain(Density):
        """A density of somebody's own, no dataclass."""

        dim = 1
        _pdf = kernel_values = _sample = radius = lambda self, *rest: np.ones(1)

        def __init__(self, values):
            self.values, self._hidden = values, values

        @cached_property
        def looked_at(self):
            """Not a fact, but computed and kept."""
            return 1

    @dataclass(frozen=True)
    class Frozen(Plain):
        values: object

    @dataclass(frozen=True)
    class Told(Plain):
        values: object

        def __repr__(self):
            return "mine"

    class Later(Told):
        """Has the text of its parent."""

    shown = "values=100000 from -1 to 1)"
    plain = Plain(LONG)
    assert plain.looked_at == 1
    assert repr(plain) == f"Plain({shown}"
    assert repr(Frozen(LONG)) == f"Frozen({shown}"
    assert repr(Told(LONG)) == repr(Later(LONG)) == "mine"
    assert Later(LONG)._repr_html_().count("<tr>") == 1


def test_values_in_a_few_words():
    assert brief(np.float64(0.1)) == "0.1"
    assert brief({"a": 1, "b": 2}) == "2 entries"
    assert brief((1.0,)) == "(1.0,)"
    assert brief(np.array(["a"])).startswith("1 of type <U1")
    assert brief(np.zeros((0, 2))) == "0 x 2 of type float64"
    assert brief(tuple(range(9))) == "(0, 1, 2, ... 9 in all)"
    assert brief(("a",) * 5) == "('a', 'a', 'a', ... 5 in all)"
    assert len(brief("x" * 1000)) == 62


def test_texts_that_tell_runs_apart_are_whole():
    """Checkpoints know a run by the text of its rule and of its axis."""
    assert repr(Adam(beta2=0.123456789012345)).endswith("beta2=0.123456789012345, epsilon=1e-08)")
    assert repr(Axis("h")) == "Axis(unit='h')"
