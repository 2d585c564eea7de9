"""Dense references without decay: gradient flow in x on nodes with weights, ``de/dt = -K W e``.

By a symmetric eigendecomposition, in any dimension and for any measure; on points by the matrix
exponential as well, and on the line for a uniform density by a cosine series. What each
discretization leaves as error is measured by halving in `tests/test_references.py` and stated in
the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy import linalg

from validation.reference.kernels import Kernel, gram, kernel_sum
from validation.reference.nodes import (
    DenseFlow,
    Nodes,
    Values,
    as_points,
    box_nodes,
    lattice_nodes,
    values,
)


def _sectors(nodes: Nodes, parity: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
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
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    *,
    f0: Values = None,
    parity: bool = False,
    diagonal: Any = 0.0,
    step_size: float | None = None,
) -> DenseFlow:
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
        at_rest = rates < 1e-300
        area = np.where(at_rest, t, deficit / np.where(at_rest, 1.0, rates))
        for target, time_part in ((errors, factor), (integral, area)):
            part = (time_part * amplitude) @ modes.T * scale
            for image, sign in zip(images, signs, strict=True):
                # A node on a mirror is its own image: each of them adds its share.
                np.add.at(target.T, image, sign * part.T)
    errors, charges = errors / root, integral * root

    def output(x_new: Any) -> np.ndarray:
        x_new = as_points(x_new, nodes.dim)
        dipoles = sigma_a**2 * charges[:, :, None] * x
        return np.asarray(values(f0, x_new) - kernel_sum(kernel, x_new, x, charges, dipoles))

    return DenseFlow(nodes, errors, y, f0, output)


def line_flow(
    kernel: Kernel,
    y: Callable[[np.ndarray], np.ndarray],
    sigma_a: float,
    t: Any,
    *,
    half_width: float,
    spacing: float,
    f0: Values = None,
    step_size: float | None = None,
) -> DenseFlow:
    """Gradient flow of (1/2) int e^2 dx on a regular grid of [-half_width, half_width].

    The trapezoid sum is spectrally accurate for smooth decaying integrands; a kink of the kernel
    on the diagonal costs a power of the spacing, and cutting the line costs what the error holds
    beyond the half-width. Both are measured where this is used.
    """
    nodes = lattice_nodes(spacing, half_width)
    return dense_flow(kernel, nodes, y, sigma_a, t, f0=f0, step_size=step_size)


def box_flow(
    kernel: Kernel,
    y: Callable[[np.ndarray], np.ndarray],
    sigma_a: float,
    t: Any,
    *,
    nodes: int,
    lower: float,
    upper: float,
    f0: Values = None,
    step_size: float | None = None,
) -> DenseFlow:
    """Gradient flow of (1/2) mean(e^2) over an interval by Gauss-Legendre Nystrom collocation."""
    rule = box_nodes(nodes, lower, upper)
    return dense_flow(kernel, rule, y, sigma_a, t, f0=f0, step_size=step_size)


def learning_rates(kernel: Kernel, nodes: Nodes, sigma_a: float) -> np.ndarray:
    """Eigenvalues (n,) of the flow on nodes, ascending."""
    root = np.sqrt(nodes.weights)
    return np.asarray(
        linalg.eigvalsh(root[:, None] * gram(kernel, nodes.x, nodes.x, sigma_a) * root)
    )


def points_flow(
    kernel: Kernel,
    x: np.ndarray,
    error0: np.ndarray,
    sigma_a: float,
    t: Any,
    *,
    weights: np.ndarray | None = None,
    x_new: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Errors at the points (T, n), and the change of the output at x_new, by default there too.

    By the matrix exponential (scaling and squaring, no eigenvectors) of the augmented
    [[-K W, 0], [I, 0]], whose lower half integrates the error over time.
    """
    n = len(x)
    weights = np.full(n, 1 / n) if weights is None else weights / np.sum(weights)
    operator = gram(kernel, x, x, sigma_a) * weights
    generator = np.zeros((2 * n, 2 * n))
    generator[:n, :n] = -operator
    generator[n:, :n] = np.eye(n)
    start = np.concatenate([error0, np.zeros(n)])
    states = np.array([linalg.expm(generator * time) @ start for time in t])
    errors, integral = states[:, :n], states[:, n:]
    columns = gram(kernel, x, x if x_new is None else x_new, sigma_a)
    return errors, -(integral * weights) @ columns


def uniform_line_spectrum(
    initial: Callable[[np.ndarray], np.ndarray],
    sigma_a: float,
    scale: float,
    t: np.ndarray,
    xi: np.ndarray,
) -> np.ndarray:
    """Line equation for the uniform density on [-scale, scale], as a cosine and a sine series.

    With constant rho = 1/(2 scale) and no flux at the edge the even part is spanned by
    cos(k pi xi / scale) and the odd one by sin((k + 1/2) pi xi / scale), with rates
    2 pi rho (1 + sigma_a^2 kappa^2); outside the support nothing moves. `initial` is the transform
    of the initial error; its real part is even, its imaginary part odd. The 150 terms suffice for
    t > 0 only: the initial data have a slope at the edge, which the cosines do not.
    """
    unit, weight = np.polynomial.legendre.leggauss(400)
    nodes, weight = scale * (unit + 1) / 2, scale * weight / 2
    order = np.arange(150)
    values = np.broadcast_to(initial(xi), (len(t), len(xi))).copy()
    inside = np.abs(xi) <= scale
    values[:, inside] = 0.0
    for part, wave, kappa in (
        (np.real, np.cos, order * np.pi / scale),
        (np.imag, np.sin, (order + 0.5) * np.pi / scale),
    ):
        norm = np.where(kappa == 0, scale, scale / 2)
        amplitude = wave(np.outer(kappa, nodes)) @ (weight * part(initial(nodes))) / norm
        decay = np.exp(-np.outer(t, np.pi / scale * (1 + (sigma_a * kappa) ** 2)))
        series = (decay * amplitude) @ wave(np.outer(kappa, xi[inside]))
        values[:, inside] += series if part is np.real else 1j * series
    return values


def ridge_limit(kernel: Kernel, nodes: Nodes, y: Values, gamma_a: float, x_new: Any) -> np.ndarray:
    """Where decay of the output weights alone ends: kernel ridge regression with k, not K.

    k(x, X) (k(X, X) + gamma_a W^-1)^-1 y; W^-1 = N for N equal weights.
    """
    x, x_new = nodes.x, as_points(x_new, nodes.dim)
    gram = kernel(x[:, None, :] - x[None, :, :]) + gamma_a * np.diag(1 / nodes.weights)
    return kernel(x_new[:, None, :] - x[None, :, :]) @ linalg.solve(
        gram, values(y, x), assume_a="pos"
    )
