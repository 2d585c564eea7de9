"""Old forms of calls: taken for one release with a warning that tells the new form, or refused."""

from __future__ import annotations

import importlib
import inspect
from functools import partial

import numpy as np
import pytest

import ntkfreq
from ntkfreq import (
    FourierFeatureNet,
    Laplace,
    Normal,
    StudentT,
    Target,
    Uniform,
    gram_flow,
    ntk_gram,
    ntk_regression,
    train,
    train_many,
)
from ntkfreq.experiments import descend, fit, mlp

FAMILIES = [Normal, Laplace, Uniform, partial(StudentT, 3.0)]


def name_of(family):
    return getattr(family, "func", family).__name__


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_one_positional_number_is_refused_with_both_meanings(family):
    match = r"number would be loc, the centre; write \w+\(.*scale=18\) or \w+\(.*loc=18\)$"
    with pytest.raises(TypeError, match=match):
        family(18)
    with pytest.raises(TypeError, match=r"scale=18, dim=2\) or \w+\(.*loc=18, dim=2\)"):
        family(18, dim=2)


def test_the_refusal_is_one_sentence_with_the_calls_to_write():
    with pytest.raises(TypeError) as told:
        Normal(18)
    assert str(told.value) == (
        "Normal(18): one positional number would be loc, the centre; write Normal(scale=18) or "
        "Normal(loc=18)"
    )
    with pytest.raises(TypeError) as told:
        StudentT(3.0, 18)
    assert str(told.value) == (
        "StudentT(3.0, 18): a second positional number would be loc, the centre; write "
        "StudentT(3.0, scale=18) or StudentT(3.0, loc=18)"
    )


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_two_positional_numbers_are_taken_with_a_warning(family):
    new = family(loc=1.0, scale=2.0)
    with pytest.warns(
        FutureWarning, match=r"by keyword only; write .*loc=1.0, scale=2.0\)"
    ) as told:
        assert family(1.0, 2.0) == new
    assert told[0].filename == __file__
    with pytest.warns(FutureWarning, match=r"loc=1.0, scale=2.0, dim=2\)"):
        assert family(1.0, 2.0, 2) == family(loc=1.0, scale=2.0, dim=2)
    with pytest.warns(FutureWarning, match=r"loc=1.0, scale=2.0\)"):
        assert family(1.0, scale=2.0) == new


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_more_or_doubled_arguments_are_refused(family):
    with pytest.raises(TypeError, match="positional argument"):
        family(1.0, 2.0, 1, 5)
    with pytest.raises(TypeError, match=r"gives loc twice, .* by its name only"):
        family(1.0, 2.0, loc=1.0)


def test_signatures_say_by_keyword():
    kinds = [parameter.kind for parameter in inspect.signature(Normal).parameters.values()]
    assert set(kinds) == {inspect.Parameter.KEYWORD_ONLY}
    first, *rest = inspect.signature(StudentT).parameters.values()
    assert (first.name, first.kind) == ("df", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert {parameter.kind for parameter in rest} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(
    ("old", "name", "write"),
    [
        ("ntkfreq.network.optimizers", "Adam", "from ntkfreq import Adam"),
        ("ntkfreq.network.optimizers", "as_optimizer", "from ntkfreq.problem.optimizers import"),
        ("ntkfreq.network.step_schedules", "Warmup", "from ntkfreq import Warmup"),
    ],
)
def test_names_are_found_at_their_old_places_with_a_warning(old, name, write):
    module = importlib.import_module(old)
    with pytest.warns(FutureWarning, match=f"{old}.{name} has moved; write {write}") as told:
        found = getattr(module, name)
    assert told[0].filename == __file__
    home = importlib.import_module(old.replace("network", "problem"))
    assert found is getattr(home, name)
    assert getattr(ntkfreq, name, found) is found
    with pytest.raises(AttributeError, match=f"module '{old}' has no attribute 'Lion'"):
        _ = module.Lion


X = np.linspace(-1, 1, 9)
Y = np.sin(3 * X)
RHO = Normal(scale=3.0)


def fitted(function, **more):
    return function(mlp([1, 1], rng=0), X, Y, step_size=0.1, steps=3, **more).test_output


# The call by its old name, the call by its new one, and what the warning says.
RENAMED = {
    "gram_flow": (
        lambda: gram_flow(ntk_gram(RHO, X), Y, [1.0], method="lanczos", tolerance=1e-3),
        lambda: gram_flow(ntk_gram(RHO, X), Y, [1.0], method="lanczos", rtol=1e-3),
        "gram_flow: tolerance= is now rtol=; the old name works for one release",
    ),
    "ntk_regression's tolerance": (
        lambda: ntk_regression(RHO, X, Y, method="cg", ridge=1e-2, tolerance=1e-3),
        lambda: ntk_regression(RHO, X, Y, method="cg", ridge=1e-2, rtol=1e-3),
        "ntk_regression: tolerance= is now rtol=;",
    ),
    "ntk_regression's points": (
        lambda: ntk_regression(RHO, X, Y, x2=[0.1]),
        lambda: ntk_regression(RHO, X, Y, x_test=[0.1]),
        "ntk_regression: x2= is now x_test=;",
    ),
    "fit": (
        lambda: fitted(fit, x_test=X, y_test=Y),
        lambda: fitted(fit, test=(X, Y)),
        "fit: x_test=, y_test= is now test=(x_test, y_test);",
    ),
    "descend": (
        lambda: fitted(descend, x_test=X),
        lambda: fitted(descend, test=(X, None)),
        "descend: x_test= is now test=(x_test, y_test);",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), RENAMED.values(), ids=list(RENAMED))
def test_old_names_work_with_a_warning_that_tells_the_new(old, new, message):
    with pytest.warns(FutureWarning) as told:
        found = old()
    assert str(told[0].message).startswith(message)
    assert told[0].filename == __file__
    np.testing.assert_array_equal(found, new())


def test_a_name_and_its_old_one_are_refused_together():
    match = "gram_flow: tolerance= is the old name of rtol=, which is given as well; drop tolerance"
    with pytest.raises(TypeError, match=match):
        gram_flow(np.eye(2), [1.0, 1.0], [1.0], rtol=1e-3, tolerance=1e-3)


def test_points_and_values_are_given_as_two_or_as_one_pair():
    net = FourierFeatureNet.sample(RHO, 20, rng=0)
    settings = {"step_size": 0.1, "steps": 5, "backend": "reference"}
    for pair in ((X, Y), [X, Y], Target.from_samples(X, Y)):
        np.testing.assert_array_equal(
            train(net, pair, **settings).output, train(net, X, Y, **settings).output
        )
        (many,) = train_many([net], pair, **settings)
        np.testing.assert_array_equal(many.output, train(net, X, Y, **settings).output)
        np.testing.assert_array_equal(
            ntk_regression(RHO, pair, x_test=[0.1]), ntk_regression(RHO, X, Y, [0.1])
        )
    runs = [
        function(mlp([1, 1], rng=0), *given, step_size=0.1, steps=3).output
        for function in (fit, descend)
        for given in ((X, Y), ((X, Y),))
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[2], runs[3])


@pytest.mark.parametrize("x", [X, [1.0, 2.0], Target.from_function(np.sin)])
def test_values_left_out_are_missed(x):
    with pytest.raises(TypeError, match=r"y is missing; give x and y, or the pair \(x, y\)"):
        ntk_regression(RHO, x)
