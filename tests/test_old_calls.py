"""Old forms of calls: taken for one release with a warning that tells the new form, or refused."""

from __future__ import annotations

import importlib
import inspect
from functools import partial

import pytest

import ntkfreq
from ntkfreq import Laplace, Normal, StudentT, Uniform

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
