"""Plain dense references for the tests: kernels by formula, flows by dense linear algebra.

Nothing here imports ntkfreq: a reference must not share code with what it judges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

SQRT3 = np.sqrt(3.0)


def normal(z, scale):
    """Characteristic function of N(0, scale^2 I) at displacements z (..., d)."""
    return np.exp(-0.5 * scale**2 * np.sum(z**2, axis=-1))


def laplace(z, scale):
    """Of independent Laplace coordinates with density exp(-|w|/s) / (2 s)."""
    return np.prod(1.0 / (1.0 + (scale * z) ** 2), axis=-1)


def studentt3(z, scale):
    """Of the (multivariate) Student t with 3 degrees of freedom: the Matern-3/2 function."""
    u = SQRT3 * scale * np.sqrt(np.sum(z**2, axis=-1))
    return (1 + u) * np.exp(-u)


def uniform(z, scale):
    """Of the uniform density on the cube of half-width `scale`."""
    u = scale * z
    safe = np.where(np.abs(u) < 1e-8, 1.0, u)
    return np.prod(np.where(np.abs(u) < 1e-8, 1.0 - u**2 / 6, np.sin(safe) / safe), axis=-1)


KERNELS = {"normal": normal, "laplace": laplace, "studentt3": studentt3, "uniform": uniform}


def gram(kernel, x, x2, sigma_a):
    """(1 + sigma_a^2 x.x') k(x - x') for points (n, d) and a kernel of displacements (..., d)."""
    return (1 + sigma_a**2 * (x @ x2.T)) * kernel(x[:, None, :] - x2[None, :, :])


@dataclass
class Flow:
    """Errors (T, n) on nodes x (n,) with quadrature weights (n,), and what follows from them."""

    x: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    initial: np.ndarray
    rates: np.ndarray
    integral: np.ndarray
    kernel_to: object

    @property
    def loss(self):
        return self.errors**2 @ self.weights

    def spectrum(self, xi):
        return (self.errors * self.weights) @ np.exp(-1j * np.outer(self.x, xi))

    def output_change(self, x_new):
        """f(x, t) - f_0(x) anywhere: minus the kernel against the time integral of the error."""
        return -(self.integral * self.weights) @ self.kernel_to(np.asarray(x_new))


def _dense_flow(kernel, x, weights, initial, sigma_a, t, step_size=None):
    """Flow of W^1/2 e under the symmetric matrix W^1/2 K W^1/2, by its eigenvectors."""

    def columns(x_new):
        return gram(kernel, x[:, None], x_new[:, None], sigma_a)

    root = np.sqrt(weights)
    matrix = root[:, None] * columns(x) * root
    rates, modes = linalg.eigh(matrix)
    rates = np.maximum(rates, 0.0)
    start = modes.T @ (root * initial)
    t = np.atleast_1d(np.asarray(t, dtype=float))[:, None]
    if step_size is None:
        factor, deficit = np.exp(-t * rates), -np.expm1(-t * rates)
    else:
        factor = (1 - step_size * rates) ** np.rint(t / step_size)
        deficit = 1 - factor
    still = rates < 1e-300
    integral = np.where(still, t, deficit / np.where(still, 1.0, rates))
    return Flow(
        x,
        weights,
        (factor * start) @ modes.T / root,
        initial,
        rates,
        (integral * start) @ modes.T / root,
        columns,
    )


def line_flow(kernel, y, sigma_a, t, *, half_width, spacing, first=None, step_size=None):
    """Gradient flow of (1/2) int e^2 dx on a regular grid of [-half_width, half_width].

    The trapezoid sum is spectrally accurate for smooth decaying integrands; a kink of the kernel
    on the diagonal costs a power of the spacing, and cutting the line costs what the error holds
    beyond the half-width. Both are measured where this is used.
    """
    count = round(half_width / spacing)
    x = spacing * np.arange(-count, count + 1)
    initial = -y(x) if first is None else first(x) - y(x)
    return _dense_flow(kernel, x, np.full(x.size, spacing), initial, sigma_a, t, step_size)


def box_flow(kernel, y, sigma_a, t, *, nodes, lower, upper, first=None, step_size=None):
    """Gradient flow of (1/2) mean(e^2) over a box by Gauss-Legendre Nystrom collocation."""
    unit, weight = np.polynomial.legendre.leggauss(nodes)
    x = (lower + upper) / 2 + (upper - lower) / 2 * unit
    initial = -y(x) if first is None else first(x) - y(x)
    return _dense_flow(kernel, x, weight / 2, initial, sigma_a, t, step_size)


def points_flow(kernel, x, error0, sigma_a, t, *, weights=None, x_new=None):
    """Errors at the points (T, n), and the change of the output at x_new (T, n_new).

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
    if x_new is None:
        return errors
    return errors, -(integral * weights) @ gram(kernel, x, x_new, sigma_a)


def uniform_line_spectrum(initial, sigma_a, scale, t, xi):
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
