"""Dense references: flows of the error by linear algebra, in doubles and in many digits.

Each returns its numbers with an estimate of their own error. Nothing here imports the package that
is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
from scipy import linalg
from scipy.integrate import solve_ivp

from .kernels import Family, gram, gram_mp

_EPS = float(np.finfo(float).eps)
# Largest matrix whose eigenvectors many digits find within a second or two.
_FEW = 14


@dataclass
class Flow:
    """Errors (T, n) on nodes (n, d) with weights (n,), how well they are known (absolute), and
    those at the start, to which tolerances are relative.
    """

    x: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    uncertainty: float
    start: np.ndarray

    @property
    def loss(self) -> np.ndarray:
        """Of each time."""
        return self.errors**2 @ self.weights

    def spectrum(self, xi: np.ndarray) -> np.ndarray:
        """Sums against exp(-i xi.x), shape (T, F)."""
        return (self.errors * self.weights) @ np.exp(-1j * (self.x @ xi.T))


def flow(
    family: Family,
    x: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    sigma_a: float,
    t: np.ndarray,
    step: float | None = None,
) -> Flow | None:
    """Gradient flow or descent of the error; None where neither precision can follow it."""
    with np.errstate(all="ignore"):
        size = np.sqrt(weights)
        matrix = size[:, None] * gram(family, x, x, sigma_a) * size
        top = float(np.abs(matrix).sum(axis=1).max())
        phase = float(np.abs(x).max()) * family.far()
        lost = _EPS * (t[-1] * top + phase * min(1.0, t[-1] * top) + 10)
    if np.isfinite(lost) and lost < 1e-9 and np.all(np.isfinite(matrix)):
        return Flow(x, weights, _dense(matrix, size, start, t, step), lost * _norm(start), start)
    if len(x) > _FEW or family.name == "empirical" or step is not None:
        return None
    return _many_digits(family, x, weights, start, sigma_a, t)


def _norm(values: np.ndarray) -> float:
    return float(np.abs(values).max()) if values.size else 0.0


def _dense(
    matrix: np.ndarray, size: np.ndarray, start: np.ndarray, t: np.ndarray, step: float | None
) -> np.ndarray:
    rates, modes = linalg.eigh(matrix)
    rates = np.maximum(rates, 0.0)
    if step is None:
        left = np.exp(-t[:, None] * rates)
    else:
        # By logarithms: a power of 1 - 1e-17 would be one.
        change, count = -step * rates, np.rint(t[:, None] / step)
        size_of = np.exp(count * np.log1p(np.where(change > -1, change, -2 - change)))
        left = np.where((change < -1) & (count % 2 == 1), -size_of, size_of)
    return (left * (modes.T @ (size * start))) @ modes.T / size


def heavy_ball(
    family: Family,
    x: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    sigma_a: float,
    t: np.ndarray,
    step: float,
    momentum: float,
    nesterov: bool,
) -> Flow | None:
    """Errors under descent with momentum, step by step; None for too many steps."""
    counts = np.rint(t / step)
    if not counts[-1] < 5000:
        return None
    matrix = gram(family, x, x, sigma_a) * weights
    e, velocity = np.array(start, dtype=float), np.zeros(len(x))
    path = [e.copy()]
    for _ in range(int(counts[-1])):
        slope = matrix @ e
        velocity = momentum * velocity + slope
        e = e - step * (slope + momentum * velocity if nesterov else velocity)
        path.append(e.copy())
    errors = np.array(path)[counts.astype(int)]
    return Flow(x, weights, errors, 1e-11 * max(_norm(start), _norm(errors)), start)


def _many_digits(
    family: Family, x: np.ndarray, weights: np.ndarray, start: np.ndarray, sigma_a: float, t: Any
) -> Flow | None:
    biggest = max(abs(sigma_a), _norm(x), family.far(), float(t[-1]), 1.0)
    digits = 40 + int(4 * np.log10(biggest))
    if digits > 600:
        return None
    with mp.workdps(digits):
        full, _ = gram_mp(family, x, x, sigma_a)
        size = [mp.sqrt(mp.mpf(float(w))) for w in weights]
        n = len(x)
        matrix = mp.matrix(n, n)
        for i in range(n):
            for j in range(n):
                matrix[i, j] = size[i] * full[i, j] * size[j]
        rates, modes = mp.eigsy(matrix)
        first = modes.T * mp.matrix(
            [s * mp.mpf(float(e)) for s, e in zip(size, start, strict=True)]
        )
        rows = []
        for time in t:
            left = [mp.exp(-mp.mpf(float(time)) * max(rate, 0)) for rate in rates]
            e = modes * mp.matrix([a * b for a, b in zip(left, first, strict=True)])
            rows.append([float(value / s) for value, s in zip(e, size, strict=True)])
    return Flow(x, weights, np.array(rows), 1e-14 * _norm(start), start)


def decaying_flow(
    family: Family,
    x: np.ndarray,
    weights: np.ndarray,
    y: np.ndarray,
    first: np.ndarray,
    sigma_a: float,
    t: np.ndarray,
    rates: tuple[float, float],
    towards: str,
) -> Flow | None:
    """With decay of the output weights, and of the frequencies towards their start.

    Two fields, f_1 fed by k and f_2 by sigma_a^2 x.x' k, whose damping differs.
    """
    outer, inner = rates
    if inner and towards != "start":
        return None
    plain = family.kernel(x[:, None, :] - x[None, :, :]) * weights
    moving = sigma_a**2 * (x @ x.T) * plain
    top = float(np.abs(plain).sum(axis=1).max() + np.abs(moving).sum(axis=1).max())
    fast = (top + outer + inner) * float(t[-1])
    if not fast < 3e3:
        return None

    n = len(x)

    def slope(time: float, state: np.ndarray) -> np.ndarray:
        e = state[:n] + state[n:] - y
        fade = np.exp(-2 * outer * time)
        return np.concatenate(
            [-plain @ e - outer * state[:n], -fade * (moving @ e) - (outer + inner) * state[n:]]
        )

    size = max(_norm(y), _norm(first), 1e-300)
    path = solve_ivp(
        slope, (0.0, max(float(t[-1]), 1e-300)), np.concatenate([first, np.zeros(n)]), "DOP853", t,
        rtol=1e-10, atol=1e-12 * size,
    )  # fmt: skip
    if not path.success:
        return None
    return Flow(x, weights, path.y[:n].T + path.y[n:].T - y, 1e-7 * size, first - y)


def box_rule(lower: np.ndarray, upper: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes (n, d) and weights of the mean over a box."""
    unit, weight = np.polynomial.legendre.leggauss(count)
    axes = [(a + b) / 2 + (b - a) / 2 * unit for a, b in zip(lower, upper, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    total = np.array([1.0])
    for _ in axes:
        total = np.outer(total, weight / 2).ravel()
    return x, total


def lattice(spacing: float, origin: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of a lattice within a distance of 0, each with its share of the line."""
    low, high = np.ceil((-reach - origin) / spacing), np.floor((reach - origin) / spacing)
    x = origin + spacing * np.arange(low, high + 1)
    return x[:, None], np.full(x.size, spacing)


def expected_losses(
    family: Family, x: np.ndarray, y: np.ndarray, weights: np.ndarray, sigma_a: float, t: np.ndarray
) -> tuple[np.ndarray, float] | None:
    """Mean training loss over draws of the initial output, without decay; its error."""
    biggest = max(abs(sigma_a), _norm(x), family.far(), float(t[-1]), 1.0)
    digits = 40 + int(4 * np.log10(biggest))
    if len(x) > _FEW or digits > 400 or family.name == "empirical":
        return None
    with mp.workdps(digits):
        full, plain = gram_mp(family, x, x, sigma_a)
        n = len(x)
        size = [mp.sqrt(mp.mpf(float(w))) for w in weights]
        matrix, drawn = mp.matrix(n, n), mp.matrix(n, n)
        for i in range(n):
            for j in range(n):
                matrix[i, j] = size[i] * full[i, j] * size[j]
                drawn[i, j] = size[i] * plain[i, j] * size[j]
        rates, modes = mp.eigsy(matrix)
        goal = mp.matrix([s * mp.mpf(float(v)) for s, v in zip(size, y, strict=True)])
        g, spread = modes.T * goal, modes.T * drawn * modes
        found = []
        for time in t:
            left = [mp.exp(-mp.mpf(float(time)) * max(rate, 0)) for rate in rates]
            loss = mp.fsum(
                left[k] ** 2 * (g[k] ** 2 + mp.mpf(sigma_a) ** 2 * spread[k, k]) for k in range(n)
            )
            found.append(float(loss))
    return np.array(found), 1e-14
