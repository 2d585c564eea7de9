"""Points with weights: the data, or a quadrature rule for a measure, in any dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# A function of points (n,) in one dimension and (n, d) otherwise, its values, or None for zero.
Values = Callable[[np.ndarray], Any] | np.ndarray | None


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points x (n, d) with weights (n,): a measure, or a quadrature rule for one."""

    x: np.ndarray
    weights: np.ndarray

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return int(self.x.shape[1])


def tensor_nodes(axes: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> Nodes:
    """Product rule of one-dimensional nodes and weights, one pair per coordinate."""
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    total = weights[0]
    for weight in weights[1:]:
        total = np.multiply.outer(total, weight)
    return Nodes(x, np.ravel(total))


def lattice_nodes(spacing: float, half_width: float, *, origin: float = 0.0, dim: int = 1) -> Nodes:
    """Lattice origin + spacing k within half_width of 0, weights spacing^d.

    The data of Grid(spacing, origin), cut; or the trapezoid rule for Lebesgue measure on Line.
    """
    low = np.ceil((-half_width - origin) / spacing - 1e-9)
    high = np.floor((half_width - origin) / spacing + 1e-9)
    axis = origin + spacing * np.arange(low, high + 1)
    return tensor_nodes([axis] * dim, [np.full(axis.size, spacing)] * dim)


def cell_nodes(
    spacing: float, half_width: float, *, origin: float = 0.0, dim: int = 1, order: int = 12
) -> Nodes:
    """Gauss-Legendre rule of `order` nodes on each cell of that lattice, for Lebesgue measure.

    The output on a Grid has the kinks of its kernel at lattice points only, so this rule converges
    exponentially in the order where a trapezoid rule would not.
    """
    corners = lattice_nodes(spacing, half_width, origin=origin).x[:, 0]
    unit, weight = np.polynomial.legendre.leggauss(order)
    axis = ((corners[:-1] + corners[1:])[:, None] / 2 + spacing / 2 * unit).ravel()
    weight = np.tile(spacing / 2 * weight, corners.size - 1)
    return tensor_nodes([axis] * dim, [weight] * dim)


def box_nodes(count: int, lower: Any, upper: Any) -> Nodes:
    """Gauss-Legendre rule of `count` nodes per coordinate for the mean over a box."""
    lower, upper = np.atleast_1d(lower).astype(float), np.atleast_1d(upper).astype(float)
    unit, weight = np.polynomial.legendre.leggauss(count)
    axes = [(a + b) / 2 + (b - a) / 2 * unit for a, b in zip(lower, upper, strict=True)]
    return tensor_nodes(axes, [weight / 2] * lower.size)


def points_nodes(x: Any, weights: Any = None) -> Nodes:
    """Scattered points (n,) or (n, d), weights normalized to sum one (default equal)."""
    x = np.asarray(x, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    return Nodes(x, weights / weights.sum())


def as_points(x: Any, dim: int) -> np.ndarray:
    """Points of shape (n,) or (n, d) as (n, d)."""
    return np.asarray(x, dtype=float).reshape(-1, dim)


def values(function: Values, x: np.ndarray) -> np.ndarray:
    """Values (n,) at points (n, d)."""
    if function is None:
        return np.zeros(len(x))
    if callable(function):
        return np.broadcast_to(np.asarray(function(x[:, 0] if x.shape[1] == 1 else x)), len(x))
    return np.asarray(function, dtype=float)


def transform(nodes: Nodes, errors: np.ndarray, xi: Any) -> np.ndarray:
    """Sum_j w_j e_j exp(-i xi.x_j) for errors (T, n) and frequencies (F,) or (F, d)."""
    wave = np.exp(-1j * (nodes.x @ as_points(xi, nodes.dim).T))
    return np.asarray((errors * nodes.weights) @ wave)


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors (T, n) on nodes, and their loss and spectrum against the measure of these nodes."""

    nodes: Nodes
    errors: np.ndarray

    @property
    def x(self) -> np.ndarray:
        """Nodes, (n,) in one dimension."""
        return self.nodes.x[:, 0] if self.nodes.dim == 1 else self.nodes.x

    @property
    def loss(self) -> np.ndarray:
        """Integral of e^2 against the measure: a mean on box and points."""
        return np.asarray(self.errors**2 @ self.nodes.weights)

    def spectrum(self, xi: Any) -> np.ndarray:
        """Spectrum (T, F) of the errors against the measure."""
        return transform(self.nodes, self.errors, xi)


@dataclass(frozen=True, eq=False)
class DenseFlow(Errors):
    """Errors on the data, the output anywhere, and errors on any other rule.

    `output` takes points (m,) or (m, d) to (T, m); `y` has to be a callable where errors elsewhere
    are asked for.
    """

    y: Values
    f0: Values
    output: Callable[[Any], np.ndarray]

    @property
    def train_loss(self) -> np.ndarray:
        """Loss (T,) on the data."""
        return self.loss

    @property
    def initial(self) -> np.ndarray:
        """Error (n,) before training."""
        return np.asarray(values(self.f0, self.nodes.x) - values(self.y, self.nodes.x))

    def output_change(self, x: Any) -> np.ndarray:
        """Output less the initial one, at points (m,) or (m, d): (T, m)."""
        return np.asarray(self.output(x) - values(self.f0, as_points(x, self.nodes.dim)))

    def on(self, rule: Nodes) -> Errors:
        """Errors on another rule, the test measure."""
        return Errors(rule, self.output(rule.x) - values(self.y, rule.x))
