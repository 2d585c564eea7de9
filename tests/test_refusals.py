"""Every public argument of the solver is checked: argument, value and remedy are in the message."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import ntkfreq
from ntkfreq import (
    Box,
    Empirical,
    FourierFeatureNet,
    FrequencyEquation,
    Grid,
    Line,
    Mixture,
    Normal,
    Points,
    Target,
    Uniform,
    as_density,
    solve_frequency_pde,
)

X = np.linspace(-1, 1, 11)
DATA = (X, np.sin(3 * X))


def bump(x):
    return np.exp(-(x**2))


def bump_2d(x):
    return np.exp(-np.sum(x**2, axis=1))


def solve(rho=None, target=DATA, **options):
    return lambda: solve_frequency_pde(Normal() if rho is None else rho, target, **options)


def network():
    return FourierFeatureNet.sample(Normal(), 10, rng=0)


REFUSED = {
    # rho_w
    "rho number": (solve(3.0), TypeError, "rho_w=3.0 is no density; pass a ntkfreq density"),
    "rho class": (solve(Normal), TypeError, "rho_w=<class .*Normal'> is no density"),
    "rho discrete": (solve(stats.poisson(3)), TypeError, "is no density"),
    "rho unnormalized": (
        solve(lambda w: 2 * np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)), ValueError,
        "rho_w=<lambda> integrates to 2, not 1; name its corners .*, or divide the",
    ),
    "rho kinks": (
        lambda: as_density(stats.triang(0.5), kinks="a"), TypeError, "kinks='a' must be an array",
    ),
    "mixture of no list": (
        lambda: Mixture(Normal()), TypeError, "components=Normal.* must be a list of densities",
    ),
    "rho of atoms on Line": (
        solve(Empirical([1.0, 2.0]), bump), ValueError,
        "rho_w=Empirical is a set of atoms, which Line does not admit; use measure=Box.*or pass",
    ),
    "rho of atoms on Grid": (
        solve(Empirical([1.0, 2.0]), bump, measure=Grid(0.5)), ValueError,
        "rho_w=Empirical is a set of atoms, which Grid does not admit",
    ),
    # target
    "target text": (solve(target="abc"), TypeError, r"target='abc' must be a Target, a function"),
    "target none": (solve(target=None), TypeError, "target=None must be a Target"),
    "target matrix": (
        solve(target=np.array([X, X])), TypeError, r"a pair \(x, y\) of arrays",
    ),
    "target triple": (solve(target=(X, X, X)), TypeError, r"a pair \(x, y\) of arrays"),
    "target nan": (solve(target=(X, X * np.nan)), ValueError, "y holds 11 NaN or infinite"),
    "target lengths": (solve(target=(X, X[1:])), ValueError, r"y holds 10 value\(s\) for 11"),
    "target sine on Line": (
        solve(target=np.sin), ValueError,
        r"target does not decay .*no transform on Line; use measure=Box\(lower, upper\) or measure"
        r"=Points\(x\), or give Target.from_function",
    ),
    "target network on Line": (
        solve(target=network()), ValueError, "target does not decay .*use measure=Box",
    ),
    "target samples on Line": (
        solve(target=(X, X), measure=Line()), ValueError,
        "target has samples that end at 1: they do not decay.*taper them to zero, or use",
    ),
    "target samples beside Points": (
        solve(measure=Points(X + 1)), ValueError, "measure has 11 points that differ.*leave",
    ),
    "target samples within Box": (
        solve(measure=Box(-2, 1)), ValueError, r"measure=Box.* reaches beyond the samples.*shrink",
    ),
    "target few samples on Box": (
        solve(target=([-1.0, 0.0, 1.0], [1.0, 2.0, 1.0]), measure=Box(-1, 1)), ValueError,
        r"target has 3 sample\(s\); a Box needs at least 4",
    ),
    "target of another dimension": (
        solve(Normal(dim=2), (X, X), measure=Box([0, 0], [1, 1])), ValueError,
        "target has samples of dimension 1 and rho_w dimension 2; give the density dim=1",
    ),
    "target fails": (
        solve(target=lambda x: x[:, 1], measure=Points(X)), ValueError, "target failed on an array",
    ),
    "target shape": (
        solve(target=lambda x: np.ones((len(x), 2)), measure=Box(-1, 1)), ValueError,
        r"target returned shape .* it must return one value for each",
    ),
    "target infinite": (
        solve(target=lambda x: np.where(x > 0.5, np.inf, x), measure=Points(X)), ValueError,
        r"target is NaN or infinite at \d+ point",
    ),
    "target complex": (
        solve(target=lambda x: np.exp(1j * x), measure=Points(X)), ValueError, "target failed",
    ),
    # sigma_a
    "sigma_a negative": (solve(sigma_a=-0.5), ValueError, "sigma_a=-0.5 must not be negative"),
    "sigma_a nan": (solve(sigma_a=np.nan), ValueError, "sigma_a=nan must be finite"),
    "sigma_a text": (solve(sigma_a="1"), TypeError, "sigma_a='1' must be a real number, not str"),
    # measure
    "measure text": (solve(measure="line"), TypeError, r"measure='line' must be Line\(\), Box"),
    "measure class": (solve(measure=Line), TypeError, r"measure=<class .* must be Line\(\)"),
    "measure Points of another dimension": (
        solve(Normal(dim=2), bump_2d, measure=Points(X)), ValueError,
        "measure has dimension 1 and rho_w dimension 2; .*give the density dim=1",
    ),
    "measure Box of another dimension": (
        solve(Normal(), bump, measure=Box([0, 0], [1, 1])), ValueError,
        "measure has dimension 2 and rho_w dimension 1",
    ),
    "measure Grid with shrinking frequencies": (
        solve(target=bump, measure=Grid(0.5), frequency_decay=0.1), ValueError,
        r"frequency_decay=0.1 towards zero on Grid\(spacing=0.5.*not close; use measure=Points",
    ),
    "measure Grid of an edge it aliases": (
        solve(Uniform(scale=8.0), bump, measure=Grid(0.5)), ValueError,
        r"rho_w jumps at \|frequency\| .*, which Grid\(spacing=0.5.* aliases",
    ),
    "measure Grid too fine for memory": (
        solve(target=bump, measure=Grid(1e-30)), ValueError,
        r"measure=Grid\(spacing=1e-30.* samples on the support: this takes .* a wider spacing",
    ),
    "measure Box of samples in two dimensions": (
        solve(Normal(dim=2), (np.eye(2), X[:2]), measure=Box([-1, -1], [2, 2])), ValueError,
        "target is known at samples.*in dim=2; on Box give it as a function, or leave measure out",
    ),
    "measure Box in three dimensions": (
        solve(Normal(dim=3), bump_2d, measure=Box([0, 0, 0], [1, 1, 1])), ValueError,
        r"measure=Box.* has dimension 3; .*one and two dimensions: use measure=Points\(x\)",
    ),
    "measure Box in two dimensions with shrinking frequencies": (
        solve(Normal(dim=2), bump_2d, measure=Box([0, 0], [1, 1]), frequency_decay=0.1),
        ValueError, "frequency_decay=0.1 towards zero on Box.*use measure=Points.*, or decay_tow",
    ),
    "measure Line in three dimensions": (
        solve(Normal(dim=3), bump_2d), ValueError,
        r"measure=Line\(\) with dim=3 is solved where it reduces to one variable.*measure=Points",
    ),
    # initial_output
    "initial_output number": (
        solve(initial_output=3.0), TypeError, "initial_output=3.0 must be None or a function",
    ),
    "initial_output network on Line": (
        solve(target=bump, initial_output=network()), ValueError,
        "initial_output does not decay, so it has no transform on Line; use measure=Box.*"
        "zero_output=True",
    ),
    "initial_output shape": (
        solve(initial_output=lambda x: np.ones(3)), ValueError, "initial_output returned shape",
    ),
    "initial_output nan": (
        solve(initial_output=lambda x: x * np.nan), ValueError, "initial_output is NaN",
    ),
    # decay
    "decay with finite steps": (
        solve(weight_decay=0.1, step_size=0.1), ValueError,
        "step_size=0.1 with weight_decay=0.1.* solved as gradient flow; leave step_size out",
    ),
    "weight_decay negative": (solve(weight_decay=-1.0), ValueError, "weight_decay=-1.0 must not"),
    "frequency_decay negative": (
        solve(frequency_decay=-1.0), ValueError, "frequency_decay=-1.0 must not be negative",
    ),
    "decay_towards": (
        solve(decay_towards="end"), ValueError, "decay_towards='end' must be one of 'zero', 's",
    ),
    # t
    "t unsorted": (solve(t=[0.0, 2.0, 1.0]), ValueError, "t=.* must be strictly increasing; use"),
    "t repeated": (solve(t=[0.0, 1.0, 1.0]), ValueError, r"use numpy.unique\(t\)"),
    "t negative": (solve(t=[-1.0, 1.0]), ValueError, "t starts at -1; .*give t >= 0"),
    "t nan": (solve(t=[0.0, np.nan]), ValueError, "t holds 1 NaN or infinite"),
    "t empty": (solve(t=[]), ValueError, "t is empty; give at least one value"),
    "t text": (solve(t="soon"), TypeError, "t='soon' must be an array of real numbers"),
    "t shape": (solve(t=np.eye(2)), ValueError, r"t has shape \(2, 2\); it must have 0 or 1"),
    # frequencies
    "frequencies dim": (
        solve(frequencies=np.eye(2)), ValueError,
        r"frequencies holds points of dimension 2, .*pass shape \(n,\)",
    ),
    "frequencies empty": (solve(frequencies=[]), ValueError, "frequencies is empty"),
    "frequencies inf": (solve(frequencies=[np.inf]), ValueError, "frequencies holds 1 NaN"),
    # test
    "test text": (solve(test="hull"), TypeError, r"test='hull' must be None, a pair"),
    "test lengths": (
        solve(test=([1.0, 2.0], [3.0])), ValueError, r"test\[1\] holds 1 value\(s\) for 2 point",
    ),
    "test pair dim": (
        solve(test=(np.eye(2), [1.0, 2.0])), ValueError, r"test\[0\] holds points of dimension 2",
    ),
    "test pair nan": (solve(test=([1.0], [np.nan])), ValueError, r"test\[1\] holds 1 NaN"),
    "test Line": (
        solve(target=np.sin, measure=Points(X), test=Line()), ValueError,
        r"test=Line\(\) has infinite volume.*use test=Box",
    ),
    "test Grid": (
        solve(target=np.sin, measure=Points(X), test=Grid(0.5)), ValueError, "infinite volume",
    ),
    "test of samples": (
        solve(test=Box(-1, 1)), ValueError,
        r"test=Box.* needs the target away from its samples.*pass test=\(x_test, y_test\)",
    ),
    "test Box dim": (
        solve(target=np.sin, measure=Points(X), test=Box([0, 0], [1, 1])), ValueError,
        "test has dimension 2, rho_w 1; they must agree",
    ),
    "test Points dim": (
        solve(target=np.sin, measure=Points(X), test=Points(np.eye(2))), ValueError,
        "test has dimension 2, rho_w 1; they must agree",
    ),
    # step_size, momentum, nesterov
    "step_size zero": (solve(step_size=0.0), ValueError, "step_size=0.0 must be greater than 0"),
    "step_size negative": (solve(step_size=-1.0), ValueError, "step_size=-1.0 must be greater"),
    "step_size nan": (solve(step_size=np.nan), ValueError, "step_size=nan must be finite"),
    "step_size text": (solve(step_size="1"), TypeError, "step_size='1' must be a real number"),
    "step_size large on Points": (
        solve(step_size=100.0), ValueError, "step_size=100 exceeds .*2/largest rate.*smaller step",
    ),
    "step_size large on Box": (
        solve(target=np.sin, measure=Box(-1, 1), step_size=100.0), ValueError, "step_size=100 exc",
    ),
    "step_size large on Line": (
        solve(target=bump, step_size=1e6), ValueError, r"step_size=1e\+06 exceeds",
    ),
    "t between steps": (
        solve(step_size=0.1, t=[0.0, 0.15]), ValueError,
        r"t=0.15 is no multiple of step_size=0.1; use t = step_size \* numpy.unique\(steps\)",
    ),
    "momentum": (
        solve(momentum=0.9), ValueError, "momentum=0.9 needs a step_size: .*give step_size, or",
    ),
    "momentum negative": (solve(momentum=-0.9), ValueError, "momentum=-0.9 must not be negative"),
    "nesterov": (
        solve(nesterov=True, step_size=0.1), ValueError, "nesterov=True needs momentum above 0.*",
    ),
    # rtol
    "rtol zero": (solve(rtol=0.0), ValueError, "rtol=0.0 must be greater than 0"),
    "rtol large": (solve(rtol=1.0), ValueError, r"rtol=1 must lie in \[1e-13, 1\)"),
    "rtol small": (solve(rtol=1e-15), ValueError, "rtol=1e-15 must lie in .*double precision"),
    "rtol text": (solve(rtol="tight"), TypeError, "rtol='tight' must be a real number"),
    # the equation by itself
    "equation": (
        lambda: FrequencyEquation.create(Normal(), "abc"), TypeError, "target='abc' must be",
    ),
    "equation decay": (
        lambda: FrequencyEquation.create(Normal(), DATA, frequency_decay=np.inf), ValueError,
        "frequency_decay=inf must be finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_objects_refuse_at_the_end_of_the_pipe_too():
    solution = solve()()
    with pytest.raises(ValueError, match="x holds points of dimension 2"):
        solution.output(np.eye(2))
    with pytest.raises(ValueError, match="x holds 1 NaN"):
        solution.output([np.nan])
    with pytest.raises(ValueError, match=r"known at its samples|x holds points"):
        solve(Normal(dim=2), (np.eye(2), [0.0, 1.0]))().error([[0.3, 0.3]])
    with pytest.raises(
        ValueError, match=r"band=\(500, 600\) rad per unit of x holds none of the .*frequencies"
    ):
        solution.learning_time((500, 600))
    with pytest.raises(ValueError, match=r"fraction=2.0 must be below 1"):
        solution.learning_time((0, 5), 2.0)
    with pytest.raises(ValueError, match=r"t starts at 1; .*include t = 0"):
        solve(t=[1.0, 2.0])().learning_time((0, 5))


def test_unknown_name_in_the_package():
    with pytest.raises(AttributeError, match="module 'ntkfreq' has no attribute 'solve'"):
        _ = ntkfreq.solve


def test_a_target_may_say_its_support_where_probing_would_fail():
    """A narrow feature far away, between the probes of the search for a support."""
    narrow = Target.from_function(
        lambda x: np.exp(-(((x - 9000.1) / 0.01) ** 2)), support=(9000.0, 9000.2)
    )
    assert FrequencyEquation.create(Normal(), narrow).target.support == (9000.0, 9000.2)
