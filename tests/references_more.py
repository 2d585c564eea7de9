"""Plain dense references beyond one dimension, on lattices, and over draws of the initial output.

Everything is gradient flow in x on nodes with weights, ``de/dt = -K W e``, solved by a symmetric
eigendecomposition; nothing here imports ntkfreq. Callables get points of shape (n,) in one
dimension and (n, d) otherwise. What each discretization leaves as error is measured by halving in
`test_references.py` and stated in the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import linalg


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points x (n, d) with weights (n,): a measure, or a quadrature rule for one."""

    x: np.ndarray
    weights: np.ndarray

    @property
    def dim(self):
        return self.x.shape[1]


def tensor_nodes(axes, weights):
    """Product rule of one-dimensional nodes and weights, one pair per coordinate."""
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    total = weights[0]
    for weight in weights[1:]:
        total = np.multiply.outer(total, weight)
    return Nodes(x, np.ravel(total))


def lattice_nodes(spacing, half_width, *, origin=0.0, dim=1):
    """Lattice origin + spacing k within half_width of 0, weights spacing^d.

    The data of Grid(spacing, origin), cut; or the trapezoid rule for Lebesgue measure on Line.
    """
    low = np.ceil((-half_width - origin) / spacing - 1e-9)
    high = np.floor((half_width - origin) / spacing + 1e-9)
    axis = origin + spacing * np.arange(low, high + 1)
    return tensor_nodes([axis] * dim, [np.full(axis.size, spacing)] * dim)


def cell_nodes(spacing, half_width, *, origin=0.0, dim=1, order=12):
    """Gauss-Legendre rule of `order` nodes on each cell of that lattice, for Lebesgue measure.

    The output on a Grid has the kinks of its kernel at lattice points only, so this rule converges
    exponentially in the order where a trapezoid rule would not.
    """
    corners = lattice_nodes(spacing, half_width, origin=origin).x[:, 0]
    unit, weight = np.polynomial.legendre.leggauss(order)
    axis = ((corners[:-1] + corners[1:])[:, None] / 2 + spacing / 2 * unit).ravel()
    weight = np.tile(spacing / 2 * weight, corners.size - 1)
    return tensor_nodes([axis] * dim, [weight] * dim)


def box_nodes(count, lower, upper):
    """Gauss-Legendre rule of `count` nodes per coordinate for the mean over a box."""
    lower, upper = np.atleast_1d(lower).astype(float), np.atleast_1d(upper).astype(float)
    unit, weight = np.polynomial.legendre.leggauss(count)
    axes = [(a + b) / 2 + (b - a) / 2 * unit for a, b in zip(lower, upper, strict=True)]
    return tensor_nodes(axes, [weight / 2] * lower.size)


def points_nodes(x, weights=None):
    """Scattered points (n,) or (n, d), weights normalized to sum one (default equal)."""
    x = np.asarray(x, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    return Nodes(x, weights / weights.sum())


def as_points(x, dim):
    """Points of shape (n,) or (n, d) as (n, d)."""
    return np.asarray(x, dtype=float).reshape(-1, dim)


def values(function, x):
    """Values (n,) at points (n, d) of a callable, an array of such values, or None for zero."""
    if function is None:
        return np.zeros(len(x))
    if callable(function):
        return np.broadcast_to(np.asarray(function(x[:, 0] if x.shape[1] == 1 else x)), len(x))
    return np.asarray(function, dtype=float)


def transform(nodes, errors, xi):
    """Sum_j w_j e_j exp(-i xi.x_j) for errors (T, n) and frequencies (F,) or (F, d)."""
    return (errors * nodes.weights) @ np.exp(-1j * (nodes.x @ as_points(xi, nodes.dim).T))


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors (T, n) on nodes, and their loss and spectrum against the measure of these nodes."""

    nodes: Nodes
    errors: np.ndarray

    @property
    def loss(self):
        """Integral of e^2 against the measure: a mean on box and points."""
        return self.errors**2 @ self.nodes.weights

    def spectrum(self, xi):
        return transform(self.nodes, self.errors, xi)


@dataclass(frozen=True, eq=False)
class DenseFlow(Errors):
    """Errors on the data, the output anywhere, and errors on any other rule."""

    y: Callable
    output: Callable  # of points (m,) or (m, d), to (T, m)

    @property
    def train_loss(self):
        return self.loss

    def on(self, rule):
        """Errors on another rule, the test measure; y has to be a callable."""
        return Errors(rule, self.output(rule.x) - values(self.y, rule.x))


def kernel_sum(kernel, x_new, x, charges, extra=None, *, chunk=2_000_000):
    """Sum_j k(x_new - x_j) [charges_j + x_new . extra_j], shape (T, m).

    Of charges (T, n) and extra (T, n, d); in slices of x_new, so that no array has more than about
    `chunk` displacements.
    """
    out = np.empty((len(charges), len(x_new)))
    width = max(1, chunk // len(x))
    for start in range(0, len(x_new), width):
        part = x_new[start : start + width]
        columns = kernel(x[:, None, :] - part[None, :, :])
        out[:, start : start + width] = charges @ columns
        if extra is not None:
            for axis in range(x.shape[1]):
                out[:, start : start + width] += (extra[:, :, axis] @ columns) * part[:, axis]
    return out


def _sectors(nodes, parity):
    """Orthonormal bases of even and odd functions on nodes symmetric in every coordinate.

    Yields (images, signs, scale): basis vector i of a sector is the sum over reflections r of
    signs[r] at node images[r, i], times scale[i]. Without parity one sector, of all functions.
    """
    n, dim = nodes.x.shape
    if not parity:
        yield np.arange(n)[None], np.ones(1), np.ones(n)
        return
    rounded = np.round(nodes.x, 9)
    place = {tuple(point): k for k, point in enumerate(rounded)}
    flips = np.array(list(product((1.0, -1.0), repeat=dim)))
    first = rounded[np.all(rounded >= 0, axis=1)]
    images = np.array([[place[tuple(point)] for point in first * flip] for flip in flips])
    for odd in product((False, True), repeat=dim):
        signs = np.prod(np.where(odd, flips, 1.0), axis=1)
        kept = images[:, ~np.any((first == 0) & np.array(odd), axis=1)]
        fixed = np.sum(kept == kept[0], axis=0)
        yield kept, signs, 1 / np.sqrt(len(flips) * fixed)


def dense_flow(
    kernel, nodes, y, sigma_a, t, *, f0=None, parity=False, diagonal=0.0, step_size=None
):
    """Gradient flow of (1/2) sum_j w_j e(x_j)^2 by eigenvectors, in any dimension.

    Line, Grid, Box and Points alike: the measure is in the nodes. With `parity` the nodes must be
    symmetric in each coordinate and the kernel even in each: the even and odd parts then move by
    themselves, in 2^d eigenproblems of size n / 2^d. `diagonal` is added to k(0) in the matrix
    (see `kink_correction`; the output elsewhere does not know of it). With `step_size`, gradient
    descent at whole steps.

    What the nodes leave, relative to the start (sigma_a 0.7; half-width R, spacing h):
    Grid 1-D, spacing 0.6, R = 15 normal and StudentT(3) of scale 3, R = 24 a mixture of normals:
    1e-14 in losses, 1e-12 in spectra, on the data and on `cell_nodes` (12 nodes; in 2-D 8 nodes
    leave 2e-8 for StudentT). Laplace of scale 3, R = 80:
    train loss 2e-11, data spectrum 7e-8, test loss 8e-9 (like 1/R: extrapolated 1e-11), test
    spectrum 3e-5 away from the reciprocal lattice, where it jumps.
    Grid 2-D, spacing 0.9, R = 9, scale 2: normal and StudentT(3) losses 1e-12, spectra 2e-7 and
    test spectra 9e-7; Laplace losses 4e-6 and spectra 3e-4 only, for its tails.
    Line 2-D, parity: normal of scale 2, R = 9, h = 0.375: losses 4e-12, spectra 4e-7 (R = 10.5:
    5e-9); StudentT(3) of scale 1.5, R = 6, h = 0.25, corrected: losses 2e-6, 2e-7 extrapolated
    (h^7); Laplace of scale 1, tones at (2.5, 3), R = 9, h = 0.3: losses 2e-7, spectra 1e-5.
    Box 2-D on [-1, 1]^2: normal of scale 6 or Laplace of scale 2 with 28^2 nodes 2e-12; StudentT(3)
    of scale 2, corrected, 1.5e-7 with 28^2 and 3e-8 with 36^2.
    """
    x, root = nodes.x, np.sqrt(nodes.weights)
    t = np.atleast_1d(np.asarray(t, dtype=float))[:, None]
    start = root * (values(f0, x) - values(y, x))
    extra = np.broadcast_to(np.asarray(diagonal, dtype=float), len(x))
    errors = np.zeros((len(t), len(x)))
    integral = np.zeros_like(errors)
    for images, signs, scale in _sectors(nodes, parity):
        own = x[images[0]]
        matrix = np.zeros((len(own), len(own)))
        for image, sign in zip(images, signs, strict=True):
            other = x[image]
            damping = kernel(own[:, None, :] - other[None, :, :])
            damping += extra[images[0]][:, None] * (images[0][:, None] == image[None, :])
            matrix += sign * (1 + sigma_a**2 * (own @ other.T)) * damping
        outer = np.sqrt(len(signs)) * scale * root[images[0]]
        rates, modes = linalg.eigh(outer[:, None] * matrix * outer)
        rates = np.maximum(rates, 0.0)
        amplitude = ((signs @ start[images]) * scale) @ modes
        if step_size is None:
            factor, deficit = np.exp(-t * rates), -np.expm1(-t * rates)
        else:
            factor = (1 - step_size * rates) ** np.rint(t / step_size)
            deficit = 1 - factor
        still = rates < 1e-300
        area = np.where(still, t, deficit / np.where(still, 1.0, rates))
        for target, time_part in ((errors, factor), (integral, area)):
            part = (time_part * amplitude) @ modes.T * scale
            for image, sign in zip(images, signs, strict=True):
                # A node on a mirror is its own image: each of them adds its share.
                np.add.at(target, (slice(None), image), sign * part)
    errors, charges = errors / root, integral * root

    def output(x_new):
        x_new = as_points(x_new, nodes.dim)
        dipoles = sigma_a**2 * charges[:, :, None] * x
        return values(f0, x_new) - kernel_sum(kernel, x_new, x, charges, dipoles)

    return DenseFlow(nodes, errors, y, output)


def kink_correction(kernel, spacing, mass, *, dim=1, half_width):
    """What to add to k(0) so that the trapezoid rule integrates k itself exactly.

    `mass` is the integral of k over R^d. A kernel like |z|^3 at 0 (StudentT with 3 degrees of
    freedom) then costs spacing^(d + 5) instead of spacing^(d + 3). `half_width` is where k is zero
    to rounding.
    """
    lattice = lattice_nodes(spacing, half_width, dim=dim)
    return mass / spacing**dim - kernel(lattice.x).sum()


def box_kink_correction(kernel, nodes, mass):
    """The same on a box: what to add to k(0) at each node, for the means `mass` (n,) of k there.

    mass[i] is the mean over the box of k(x_i - x'), x' running.
    """
    ruled = kernel(nodes.x[:, None, :] - nodes.x[None, :, :]) @ nodes.weights
    return (mass - ruled) / nodes.weights


def box_means(kernel, x, lower, upper, *, order=24):
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
    return total / np.prod(upper - lower)


def extrapolated(coarse, fine, ratio, order):
    """Richardson: cancels the error term h^order of two results whose h differ by `ratio` > 1."""
    return fine + (fine - coarse) / (ratio**order - 1)


def chebyshev(low, high, count):
    """Chebyshev points of [low, high], barycentric weights, differentiation matrix."""
    angle = np.pi * np.arange(count) / (count - 1)
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    weight = (-1.0) ** np.arange(count)
    weight[[0, -1]] /= 2
    distance = x[:, None] - x + np.eye(count)
    matrix = weight / weight[:, None] / distance
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return x, weight, matrix


def interpolation(x, weight, x_new):
    """Barycentric interpolation matrix from Chebyshev points x to x_new."""
    distance = x_new[:, None] - x
    exact = np.abs(distance) < 1e-14 * np.abs(x).max()
    terms = weight / np.where(exact, 1.0, distance)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    rows = exact.any(axis=1)
    matrix[rows] = exact[rows]
    return matrix


def radau_rule(order):
    """Right Radau rule on (0, 1]: nodes with the last at 1, weights, Lagrange coefficients."""
    legendre = np.polynomial.legendre.Legendre
    left = np.sort((legendre.basis(order) + legendre.basis(order - 1)).roots().real)
    nodes = np.sort((1 - left) / 2)
    nodes[-1] = 1.0
    vander = np.polynomial.legendre.legvander(2 * nodes - 1, order - 1)
    weights = np.linalg.solve(vander.T, np.eye(order)[0])
    return nodes, weights, np.linalg.inv(vander)


def ridge_limit(kernel, nodes, y, gamma_a, x_new):
    """Where decay of the output weights alone ends: kernel ridge regression with k, not K.

    k(x, X) (k(X, X) + gamma_a W^-1)^-1 y; W^-1 = N for N equal weights.
    """
    x, x_new = nodes.x, as_points(x_new, nodes.dim)
    gram = kernel(x[:, None, :] - x[None, :, :]) + gamma_a * np.diag(1 / nodes.weights)
    return kernel(x_new[:, None, :] - x[None, :, :]) @ linalg.solve(
        gram, values(y, x), assume_a="pos"
    )
