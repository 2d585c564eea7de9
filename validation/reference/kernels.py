"""Characteristic functions of densities by formula, and the kernel of the network made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of displacements (..., d), to values (...).
Kernel = Callable[[np.ndarray], np.ndarray]

SQRT3 = np.sqrt(3.0)


def normal(z: np.ndarray, scale: float) -> np.ndarray:
    """Characteristic function of N(0, scale^2 I) at displacements z (..., d)."""
    return np.asarray(np.exp(-0.5 * scale**2 * np.sum(z**2, axis=-1)))


def laplace(z: np.ndarray, scale: float) -> np.ndarray:
    """Of independent Laplace coordinates with density exp(-|w|/s) / (2 s)."""
    return np.asarray(np.prod(1.0 / (1.0 + (scale * z) ** 2), axis=-1))


def studentt3(z: np.ndarray, scale: float) -> np.ndarray:
    """Of the (multivariate) Student t with 3 degrees of freedom: the Matern-3/2 function."""
    u = SQRT3 * scale * np.sqrt(np.sum(z**2, axis=-1))
    return np.asarray((1 + u) * np.exp(-u))


def uniform(z: np.ndarray, scale: float) -> np.ndarray:
    """Of the uniform density on the cube of half-width `scale`."""
    u = scale * z
    safe = np.where(np.abs(u) < 1e-8, 1.0, u)
    wave = np.where(np.abs(u) < 1e-8, 1.0 - u**2 / 6, np.sin(safe) / safe)
    return np.asarray(np.prod(wave, axis=-1))


KERNELS = {"normal": normal, "laplace": laplace, "studentt3": studentt3, "uniform": uniform}


def gram(kernel: Kernel, x: np.ndarray, x2: np.ndarray, sigma_a: float) -> np.ndarray:
    """(1 + sigma_a^2 x.x') k(x - x') for points (n, d) and a kernel of displacements (..., d)."""
    return np.asarray((1 + sigma_a**2 * (x @ x2.T)) * kernel(x[:, None, :] - x2[None, :, :]))


def kernel_sum(
    kernel: Kernel,
    x_new: np.ndarray,
    x: np.ndarray,
    charges: np.ndarray,
    extra: np.ndarray | None = None,
    *,
    chunk: int = 2_000_000,
) -> np.ndarray:
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
