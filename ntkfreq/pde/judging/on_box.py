"""Quadrature of the uniform measure on a box, on which a function is tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import gauss_legendre, panel_rule, resolve, subdivide
from ntkfreq.pde.judging.testset import TestSet, target_on
from ntkfreq.problem.equation import FrequencyEquation

# Nodes along each axis at most, in one, two and three dimensions.
_MOST = (20_000, 160, 40)


def on_box(
    equation: FrequencyEquation, low: FloatArray, high: FloatArray, highest: float
) -> TestSet:
    """Points between two corners (d,) that resolve density, target and frequencies."""
    reach = max(2 * equation.density.radius(1e-4), highest)
    if equation.dim == 1:
        return _on_interval(equation, float(low[0]), float(high[0]), reach)
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


def _on_interval(equation: FrequencyEquation, low: float, high: float, reach: float) -> TestSet:
    marks = [kink for kink in equation.target.kinks if low < kink < high]
    resolved = resolve(
        lambda x: equation.target.at(np.asarray(x)[:, None]),
        [low, high, *marks],
        max_panels=max(_MOST[0] // 16, 4 * len(marks)),
    )
    longest = max(4.0 / reach, 16 * (high - low) / _MOST[0])
    x, weights = panel_rule(subdivide(resolved.breaks, longest))
    found = target_on(equation, x[:, None], weights / (high - low))
    return replace(found, converged=resolved.converged)


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
    return target_on(equation, x, weights.ravel())
