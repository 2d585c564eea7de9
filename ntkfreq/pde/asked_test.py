"""From the argument `test` to what a solution is judged on."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.pde.judging.on_box import on_box
from ntkfreq.pde.judging.testset import OnData, Tested, TestSet, target_on
from ntkfreq.pde.method import Method
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box, Line, Measure, Points, is_measure


def resolve_test(method: Method[Any], test: Any, highest: float) -> Tested:
    """What a solution is judged on, from the argument `test`.

    Spectra of the error will be asked for up to the frequency `highest`.

    Raises
    ------
    ValueError, TypeError
        When the target is unknown on the measure, or the measure does not apply.
    """
    equation = method.equation
    if test is None:
        return method.default_test(highest)
    if isinstance(test, tuple | list) and len(test) == 2:
        x = checks.points("test[0]", test[0], equation.dim, equation.axis)
        return TestSet.even(x, checks.values_at("test[1]", test[1], len(x)))
    if not is_measure(test):
        raise TypeError(
            f"test={checks.show(test)} must be None, a pair (x_test, y_test) or a measure"
        )
    test = test.counted_on(equation.axis)
    if test == method.measure:
        return OnData()
    if not equation.target.known_everywhere:
        raise ValueError(
            f"test={checks.show(test)} needs the target away from its samples, where it is "
            "unknown; pass test=(x_test, y_test)"
        )
    if test.dim is not None and test.dim != equation.dim:
        raise ValueError(f"test has dimension {test.dim}, rho_w {equation.dim}; they must agree")
    return _on(test, method, equation, highest)


@singledispatch
def _on(test: Measure, method: Method[Any], equation: FrequencyEquation, highest: float) -> Tested:
    """The test measure as points, where it has finite volume."""
    raise ValueError(
        f"test={test} has infinite volume, where the test loss of a network is infinite; use "
        "test=Box(lower, upper)"
    )


@_on.register
def _(test: Line, method: Method[Any], equation: FrequencyEquation, highest: float) -> Tested:
    if method.measure.infinite:
        # The samples are on a lattice: otherwise the line would be the data measure.
        return method.default_test(highest)
    return _on.dispatch(Measure)(test, method, equation, highest)


@_on.register
def _(test: Points, method: Method[Any], equation: FrequencyEquation, highest: float) -> Tested:
    return target_on(equation, test.x, test.weights)


@_on.register
def _(test: Box, method: Method[Any], equation: FrequencyEquation, highest: float) -> Tested:
    return on_box(equation, np.array(test.lower), np.array(test.upper), highest)
