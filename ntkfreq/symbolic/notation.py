"""The symbols of the derivations, and the operators written with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ntkfreq._support import checks
from ntkfreq.symbolic.steps import equation

XI = sp.Symbol("xi", real=True)
"""Frequency in one dimension."""
TIME = sp.Symbol("t", nonnegative=True)
"""Training time."""
SIGMA_A = sp.Symbol("sigma_a", positive=True)
"""Standard deviation of the outer weights at the start."""
GAMMA_A = sp.Symbol("gamma_a", nonnegative=True)
"""Decay rate of the outer weights."""
GAMMA_W = sp.Symbol("gamma_w", nonnegative=True)
"""Decay rate of the inner weights."""

DENSITY = sp.Function("rho_w", real=True)
FOLDED = sp.Function("rho_fold", real=True)

Coordinates = tuple[Any, ...]


def coordinates(name: str, dim: int) -> Coordinates:
    """`dim` real symbols; without an index in one dimension."""
    dim = checks.integer("dim", dim, 1)
    names = [name] if dim == 1 else [f"{name}_{j}" for j in range(1, dim + 1)]
    return tuple(sp.Symbol(entry, real=True) for entry in names)


def dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    """The scalar product."""
    return sp.Add(*(a * b for a, b in zip(one, other, strict=True)))


def scaled(factor: Any, vector: Sequence[Any]) -> Coordinates:
    """Each entry times a factor."""
    return tuple(factor * entry for entry in vector)


def minus(one: Sequence[Any], other: Sequence[Any]) -> Coordinates:
    """The difference of two vectors."""
    return tuple(a - b for a, b in zip(one, other, strict=True))


def gradient(field: Any, at: Coordinates) -> Coordinates:
    """The gradient, with its derivatives not carried out."""
    return tuple(sp.Derivative(field, entry) for entry in at)


def divergence(vector: Sequence[Any], at: Coordinates) -> Any:
    """The divergence, with its derivatives not carried out."""
    return sp.Add(*(sp.Derivative(v, entry) for v, entry in zip(vector, at, strict=True)))


def integral(field: Any, over: Coordinates) -> Any:
    """The integral over the whole space."""
    return sp.Integral(field, *((entry, -sp.oo, sp.oo) for entry in over))


def heat(diffused: Any, damped: Any, density: Any, variance: Any, at: Coordinates) -> Any:
    r"""Right-hand side :math:`(2\pi)^d[\sigma^2\nabla\cdot(\rho\nabla u) - \rho\,v]`.

    The diffused field u and the damped field v are the same except for time integrals.
    """
    flux = scaled(density, gradient(diffused, at))
    return (2 * sp.pi) ** len(at) * (variance * divergence(flux, at) - density * damped)


def rate(field: Any, right: Any) -> sp.Eq:
    """The equation of motion of a field."""
    return equation(sp.Derivative(field, TIME), right)
