"""Where a solution is judged: the test measure behind `spectrum` and `test_loss`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import gauss_legendre, panel_rule, resolve, subdivide
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.equation import FrequencyEquation, measure_on
from ntkfreq.problem.measure import Box, Grid, Line, Points

# Nodes along each axis at most, in one, two and three dimensions.
_MOST = (20_000, 160, 40)


@dataclass(frozen=True, eq=False)
class TestSet:
    """Points, weights (sum one) and target values that a solution is judged on."""

    __test__ = False  # not a test case, whatever pytest reads into the name

    x: FloatArray
    weights: FloatArray
    y: FloatArray
    converged: bool = True


def resolve_test(equation: FrequencyEquation, test: Any, highest: float) -> TestSet | str | None:
    """Resolve the argument `test`: a set of points, "data" for the data measure itself, or None.

    On Grid "line" is the whole line, between the samples as well. Spectra of the error will be
    asked for up to the frequency `highest`.

    Raises
    ------
    ValueError, TypeError
        When the target is unknown on the measure, or the measure does not apply.
    """
    measure = equation.measure
    if test is None:
        if isinstance(measure, Line | Box):
            return "data"
        if equation.target.samples is not None or equation.dim > 3:
            return None
        assert isinstance(measure, Points | Grid)
        return _hull(equation, highest) if isinstance(measure, Points) else _whole_line(equation)
    if isinstance(test, tuple | list) and len(test) == 2:
        x = checks.points("test[0]", test[0], equation.dim, equation.axis)
        y = checks.values_at("test[1]", test[1], len(x))
        return TestSet(x, np.full(len(x), 1 / len(x)), y)
    if not isinstance(test, Line | Box | Grid | Points):
        raise TypeError(
            f"test={checks.show(test)} must be None, a pair (x_test, y_test) or a measure"
        )
    if not isinstance(test, Line):
        test = measure_on(test, equation.axis)
    if test == measure or (
        isinstance(test, Points)
        and isinstance(measure, Points)
        and np.array_equal(test.x, measure.x)
        and np.array_equal(test.weights, measure.weights)
    ):
        return "data"
    if equation.target.samples is not None:
        raise ValueError(
            f"test={checks.show(test)} needs the target away from its samples, where it is "
            "unknown; pass test=(x_test, y_test)"
        )
    if isinstance(test, Line) and isinstance(measure, Grid):
        return _whole_line(equation)
    return _on_measure(equation, test, highest)


def _whole_line(equation: FrequencyEquation) -> str:
    """On Grid the whole line, or a refusal where the output does not decay between samples."""
    assert isinstance(equation.measure, Grid)
    if equation.sigma_a > 0:
        sides = [equation.density.along(axis) for axis in range(equation.dim)]
        spacing = equation.measure.spacing
        jumps = [jump for side in sides for jump in FoldedDensity(side, spacing).shared_jumps]
        if jumps:
            raise ValueError(
                f"rho_w jumps at |frequency| {jumps[0]:g}, which {equation.measure} aliases: with "
                "sigma_a > 0 the output holds a wave of that frequency that does not decay, and "
                "the test loss on the whole line is infinite; pass test=Box(lower, upper) or "
                "test=(x_test, y_test), or freeze the frequencies with sigma_a=0"
            )
    return "line"


def _on_measure(
    equation: FrequencyEquation, test: Line | Box | Grid | Points, highest: float
) -> TestSet:
    if isinstance(test, Points | Box) and test.dim != equation.dim:
        raise ValueError(f"test has dimension {test.dim}, rho_w {equation.dim}; they must agree")
    if isinstance(test, Points):
        return TestSet(test.x, test.weights, equation.target.at(test.x))
    if isinstance(test, Box):
        return _on_box(equation, np.array(test.lower), np.array(test.upper), highest)
    raise ValueError(
        f"test={test} has infinite volume, where the test loss of a network is infinite; use "
        "test=Box(lower, upper)"
    )


def _hull(equation: FrequencyEquation, highest: float) -> TestSet | None:
    assert isinstance(equation.measure, Points)
    low, high = equation.measure.x.min(axis=0), equation.measure.x.max(axis=0)
    return None if np.any(low >= high) else _on_box(equation, low, high, highest)


def _on_box(
    equation: FrequencyEquation, low: FloatArray, high: FloatArray, highest: float
) -> TestSet:
    """Quadrature of the uniform measure on a box: resolves density, target and frequencies."""
    reach = max(2 * equation.density.radius(1e-4), highest)
    if equation.dim == 1:
        ends = float(low[0]), float(high[0])
        marks = [kink for kink in equation.target.kinks if ends[0] < kink < ends[1]]
        resolved = resolve(
            lambda x: equation.target.at(np.asarray(x)[:, None]),
            [*ends, *marks],
            max_panels=max(_MOST[0] // 16, 4 * len(marks)),
        )
        longest = max(4.0 / reach, 16 * float(high[0] - low[0]) / _MOST[0])
        x, weights = panel_rule(subdivide(resolved.breaks, longest))
        weights = weights / float(high[0] - low[0])
        return TestSet(x[:, None], weights, equation.target.at(x[:, None]), resolved.converged)
    most = _MOST[equation.dim - 1]
    side = float((high - low).max())
    count = int(min(most, max(24, reach * side / 2 + 16)))
    rule = _tensor_rule(equation, low, high, 3 * count // 4)
    while True:
        finer = _tensor_rule(equation, low, high, count)
        before, after = (float(part.weights @ part.y**2) for part in (rule, finer))
        settled = abs(after - before) <= 1e-6 * max(after, 1e-300)
        if settled or count >= most:
            return replace(finer, converged=settled)
        rule, count = finer, min(most, 4 * count // 3)


def _tensor_rule(
    equation: FrequencyEquation, low: FloatArray, high: FloatArray, count: int
) -> TestSet:
    unit, weight = gauss_legendre(count)
    middle, half = (low + high) / 2, (high - low) / 2
    axes = [m + h * unit for m, h in zip(middle, half, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, equation.dim)
    weights = weight / 2
    for _ in range(1, equation.dim):
        weights = np.multiply.outer(weights, weight / 2)
    return TestSet(x, weights.ravel(), equation.target.at(x))
