"""Where a solution is judged: the test measure behind `spectrum` and `test_loss`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.measure import Box, Grid, Line, Points
from ntkfreq.quadrature import gauss_legendre, panel_rule, subdivide

# Nodes along each axis at most, in one, two and three dimensions.
_MOST = (20_000, 160, 40)


@dataclass(frozen=True, eq=False)
class TestSet:
    """Points, weights (sum one) and target values that a solution is judged on."""

    __test__ = False  # not a test case, whatever pytest reads into the name

    x: FloatArray
    weights: FloatArray
    y: FloatArray


def resolve_test(equation: FrequencyEquation, test: Any) -> TestSet | str | None:
    """Resolve the argument `test`: a set of points, "data" for the data measure itself, or None.

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
        return _hull(equation) if isinstance(measure, Points) else "data"
    if isinstance(test, tuple) and len(test) == 2:
        x = _checks.points("test[0]", test[0], equation.dim)
        y = _checks.values_at("test[1]", test[1], len(x))
        return TestSet(x, np.full(len(x), 1 / len(x)), y)
    if not isinstance(test, Line | Box | Grid | Points):
        raise TypeError(
            f"test={_checks.show(test)} must be None, a pair (x_test, y_test) or a measure"
        )
    if test == measure:
        return "data"
    if equation.target.samples is not None:
        raise ValueError(
            f"test={_checks.show(test)} needs the target away from its samples, where it is "
            "unknown; pass test=(x_test, y_test)"
        )
    return _on_measure(equation, test)


def _on_measure(equation: FrequencyEquation, test: Line | Box | Grid | Points) -> TestSet:
    if isinstance(test, Points | Box) and test.dim != equation.dim:
        raise ValueError(f"test has dimension {test.dim}, rho_w {equation.dim}; they must agree")
    if isinstance(test, Points):
        x, weights = test.x, test.weights
    elif isinstance(test, Box):
        x, weights = _box_rule(equation, np.array(test.lower), np.array(test.upper))
    else:
        raise ValueError(
            f"test={test} has infinite volume, where the test loss of a network is infinite; use "
            "test=Box(lower, upper)"
        )
    return TestSet(x, weights, equation.target.at(x))


def _hull(equation: FrequencyEquation) -> TestSet | None:
    assert isinstance(equation.measure, Points)
    low, high = equation.measure.x.min(axis=0), equation.measure.x.max(axis=0)
    if np.any(low >= high):
        return None
    x, weights = _box_rule(equation, low, high)
    return TestSet(x, weights, equation.target.at(x))


def _box_rule(
    equation: FrequencyEquation, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre rule for the uniform measure on a box, fine enough for the density's reach."""
    dim = equation.dim
    reach = 2 * equation.density.radius(1e-4)
    axes = []
    for a, b in zip(low, high, strict=True):
        most = _MOST[dim - 1]
        if dim == 1:
            longest = max(4.0 / reach, 16 * (b - a) / most)
            kinks = [kink for kink in equation.target.kinks if a < kink < b]
            nodes, weights = panel_rule(subdivide([a, b, *kinks], longest))
        else:
            unit, weight = gauss_legendre(int(min(most, max(24, reach * (b - a) / 2 + 16))))
            nodes, weights = (a + b) / 2 + (b - a) / 2 * unit, (b - a) / 2 * weight
        axes.append((nodes, weights / (b - a)))
    x = np.stack(np.meshgrid(*(nodes for nodes, _ in axes), indexing="ij"), axis=-1)
    weights = axes[0][1]
    for _, more in axes[1:]:
        weights = np.multiply.outer(weights, more)
    return x.reshape(-1, dim), weights.ravel()
