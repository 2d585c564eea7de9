"""Activations of users: functions of arrays, integrated numerically."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.arrays import brief
from ntkfreq._support.guard import users_own
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.numerics.quadrature import ORDER, ResolvedFunction, gauss_legendre, panel_rule, resolve
from ntkfreq.problem.layers.hermite import (
    REACH,
    HermiteDual,
    HermiteSeries,
    hermite_coefficients,
    trimmed,
)

# Most Hermite coefficients. They are doubled until what is missing is below the share _ENOUGH.
_FIRST, _MOST = 128, 4096
_ENOUGH = 1e-14
# A function that differs by the share _JUMP of its size over the distance _STEP has a jump there.
_JUMP, _STEP = 1e-6, 1e-12
# Share of the largest integrand that may be left where the quadrature ends.
_EDGE = 1e-10


@dataclass(frozen=True, eq=False)
class FunctionDual(HermiteDual):
    """Of a user's function; its error is estimated, and large where there are corners.

    With corners the coefficients fall like a power, and some thousand of them leave out a share of
    the derivative where z and z' are nearly equal. `deficits` holds what is missing there, where
    it is largest.

    Examples
    --------
    >>> dual = FunctionDual(lambda z: z**3)
    >>> dual.covariance([0.5, 1.0], 1.0), max(dual.deficits(1.0)) < 1e-12
    (array([0.35, 1.  ]), True)
    """

    function: Function

    _functions: ClassVar = MappingProxyType({"function": "use 'relu', 'tanh' or 'sine'"})

    @property
    def name(self) -> str:
        """What messages call the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @cached_property
    def gain_square(self) -> float:
        r"""Square of the gain :math:`c_\varphi`."""
        resolved = self._resolved(1.0)
        square = _mean_square(resolved)
        if square <= 0:
            raise ValueError(
                f"activation={self.name} is 0 for all inputs; give a function that is not"
            )
        return 1 / square

    def values(self, y: FloatArray) -> FloatArray:
        """The function at numbers (n,), checked."""
        try:
            with users_own():
                found = np.asarray(self.function(y.copy()), dtype=np.float64)
        except Exception as error:
            raise ValueError(
                f"activation={self.name} failed: {brief(error)}; give a function of an array of "
                "numbers, such as numpy.tanh"
            ) from error
        if found.shape != y.shape:
            raise ValueError(
                f"activation={self.name} returned shape {found.shape} for {y.size} numbers; return "
                "one value for each"
            )
        if not np.all(np.isfinite(found)):
            raise ValueError(
                f"activation={self.name} is not finite at some numbers up to "
                f"{np.abs(y).max():.3g}; give a function that is"
            )
        return found

    def _resolved(self, p: float) -> ResolvedFunction:
        """The function times the root of the normal weight, on panels that resolve it."""
        steep = p**0.5

        def weighted(z: FloatArray) -> FloatArray:
            return np.asarray(self.values(steep * z) * np.exp(-(z**2) / 4))

        resolved = resolve(weighted, (-REACH, 0.0, REACH))
        edges = resolved.breaks
        sizes = np.abs(weighted(edges))
        largest = float(np.abs(resolved.rule()[2]).max())
        if max(sizes[0], sizes[-1]) > _EDGE * largest:
            raise ValueError(
                f"activation={self.name} grows too fast for inputs of variance {p:.3g}; give one "
                "that grows like a power, or smaller sigma_w and sigma_b"
            )
        step = _STEP * np.maximum(np.abs(edges), 1.0)
        jumps = np.abs(weighted(edges + step) - weighted(edges - step))
        if jumps.max() > _JUMP * largest:
            raise ValueError(
                f"activation={self.name} jumps at {steep * edges[int(jumps.argmax())]:.3g}, where "
                "it has no derivative to train with; give a continuous function"
            )
        return resolved

    def _made(self, p: float) -> HermiteSeries:
        resolved, gain = self._resolved(p), self.gain_square
        total = gain * _mean_square(resolved)
        steepness = gain * _mean_square_slope(resolved)
        nodes, weights, values = resolved.rule(_MOST**0.5)
        terms = _FIRST // 2
        lost = np.array([np.inf, np.inf])
        while terms < _MOST and np.any(lost > _ENOUGH):
            terms *= 2
            squares = gain * hermite_coefficients(nodes, weights * values, terms) ** 2
            sums = squares.sum(), np.arange(terms) @ squares
            lost = np.array([1 - sums[0] / total, 1 - sums[1] / max(steepness, 1e-300)])
        missing = np.maximum(lost, 0.0) * np.array([total, steepness])
        off = missing + (resolved.noise + 1e-15) * np.array([total, steepness])
        kept = completed(squares, *missing) if terms == _MOST else trimmed(squares)
        return HermiteSeries(kept, (float(off[0]), float(off[1]) / p))


def completed(squares: FloatArray, missing: float, missing_slope: float) -> FloatArray:
    """Coefficients with one more of each parity, which have the sums that are missing at 1.

    So equal points have the right kernel whatever is left out, and only points next to each other
    a less accurate one.

    Examples
    --------
    >>> completed(np.array([0.0, 0.5, 0.0, 0.5]), 0.1, 0.5)
    array([0. , 0.5, 0. , 0.5, 0. , 0.1])
    """
    terms = len(squares)
    power = int(np.clip(missing_slope / max(missing, 1e-300), terms, 8 * terms))
    last = squares[-64:]
    tails = np.array([last[-2::-2].sum(), last[-1::-2].sum()])
    longer = np.zeros(power + 2)
    longer[:terms] = squares
    for parity, tail in zip((terms % 2, 1 - terms % 2), tails, strict=True):
        n = power + (power + parity) % 2
        longer[n] += missing_slope / n * tail / max(tails.sum(), 1e-300)
    return trimmed(longer)


def _mean_square(resolved: ResolvedFunction) -> float:
    _, weights, values = resolved.rule()
    return float(weights @ values**2) / float(np.sqrt(2 * np.pi))


def _mean_square_slope(resolved: ResolvedFunction) -> float:
    """Mean square of the derivative in z of the function without its weight, panel by panel."""
    nodes, weights = panel_rule(resolved.breaks)
    values = resolved.function(nodes)
    unit, weight = gauss_legendre(ORDER)
    basis = legendre.legvander(unit, ORDER - 1)
    analysis = (np.arange(ORDER) + 0.5)[:, None] * basis.T * weight
    differences = basis[:, :-1] @ legendre.legder(analysis)
    half = np.diff(resolved.breaks)[:, None] / 2
    slopes = (values.reshape(-1, ORDER) @ differences.T / half).ravel() + nodes / 2 * values
    return float(weights @ slopes**2) / float(np.sqrt(2 * np.pi))
