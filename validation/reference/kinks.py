"""What a kernel with a kink on the diagonal costs a quadrature rule, and how it is made good."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from validation.reference.kernels import Kernel
from validation.reference.nodes import Nodes, lattice_nodes


def kink_correction(
    kernel: Kernel, spacing: float, mass: float, *, dim: int = 1, half_width: float
) -> float:
    """What to add to k(0) so that the trapezoid rule integrates k itself exactly.

    `mass` is the integral of k over R^d. A kernel like |z|^3 at 0 (StudentT with 3 degrees of
    freedom) then costs spacing^(d + 5) instead of spacing^(d + 3). `half_width` is where k is zero
    to rounding.
    """
    lattice = lattice_nodes(spacing, half_width, dim=dim)
    return float(mass / spacing**dim - kernel(lattice.x).sum())


def box_kink_correction(kernel: Kernel, nodes: Nodes, mass: np.ndarray) -> np.ndarray:
    """The same on a box: what to add to k(0) at each node, for the means `mass` (n,) of k there.

    mass[i] is the mean over the box of k(x_i - x'), x' running.
    """
    ruled = kernel(nodes.x[:, None, :] - nodes.x[None, :, :]) @ nodes.weights
    return np.asarray((mass - ruled) / nodes.weights)


def box_means(
    kernel: Kernel, x: np.ndarray, lower: Any, upper: Any, *, order: int = 24
) -> np.ndarray:
    """Mean over a box in one or two dimensions of k(x_i - x') around each x_i (n, d).

    The box is cut at x_i, in two dimensions into eight triangles with a corner there, each mapped
    to a square on which the kernel has no kink (kernels even in each coordinate).
    """
    lower, upper = np.atleast_1d(lower).astype(float), np.atleast_1d(upper).astype(float)
    unit, weight = np.polynomial.legendre.leggauss(order)
    unit, weight = (unit + 1) / 2, weight / 2
    if lower.size == 1:
        shapes = [unit[:, None]]
    else:
        u, v = (part.ravel() for part in np.meshgrid(unit, unit, indexing="ij"))
        shapes = [np.stack([u, u * v], axis=-1), np.stack([u * v, u], axis=-1)]
        weight = np.outer(weight * unit, weight).ravel()
    total = np.zeros(len(x))
    for corner in product(*zip(lower, upper, strict=True)):
        sides = np.abs(np.array(corner) - x)
        for shape in shapes:
            total += np.prod(sides, axis=1) * (kernel(sides[:, None, :] * shape) @ weight)
    return np.asarray(total / np.prod(upper - lower))


def extrapolated(coarse: Any, fine: Any, ratio: float, order: float) -> Any:
    """Richardson: cancels the error term h^order of two results whose h differ by `ratio` > 1."""
    return fine + (fine - coarse) / (ratio**order - 1)
