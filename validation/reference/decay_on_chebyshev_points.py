r"""The equation under decay by plain means: Chebyshev points in x, a library's implicit method.

With rates g_a on the output weights and g_w on the frequencies, and the stationary kernel k of a
normal density, decay towards zero obeys

    df/dt = -(1/N) sum_j K_t(x, x_j) e_j - g_a f - g_w x df/dx,
    K_t(x, x') = (1 + sigma_a^2 exp(-2 g_a t) x x') k(exp(-g_w t) (x - x')).

Towards the start nothing contracts, but what was learned through the output weights and through
the frequencies fades at two rates: f = f_1 + f_2, with f_1 from f_0 and f_2 from zero,

    df_1/dt = -(1/N) sum_j k(x - x_j) e_j - g_a f_1,
    df_2/dt = -(1/N) sum_j sigma_a^2 exp(-2 g_a t) x x_j k(x - x_j) e_j - (g_a + g_w) f_2.

Nothing here is shared with the package's solver, which steps memories on the points themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from scipy.integrate import solve_ivp

# f_0 holds frequencies up to five standard deviations of 12: 60 unknowns, and as many to spare.
NODES = 120


def differentiation(nodes: np.ndarray) -> np.ndarray:
    """Derivative matrix at Chebyshev nodes."""
    series = chebyshev.chebvander(nodes, len(nodes) - 1)
    slopes = np.stack(
        [chebyshev.chebval(nodes, chebyshev.chebder(row)) for row in np.eye(len(nodes))]
    )
    return np.linalg.solve(series.T, slopes).T


def output(
    f0: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    t: np.ndarray,
    x_test: np.ndarray,
    *,
    scale: float,
    sigma_a: float,
    rates: tuple[float, float],
    towards: str,
) -> np.ndarray:
    """Output at x_test, shape (n, T), from the initial output f0 and data x, y in [-1, 1]."""
    weight, frequency = rates
    start = towards == "start"
    nodes = -np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES) / np.cos(np.pi / 2 / NODES)
    series = chebyshev.chebvander(nodes, NODES - 1)
    to_data, to_test = (
        np.linalg.solve(series.T, chebyshev.chebvander(where, NODES - 1).T).T
        for where in (x, x_test)
    )
    nothing = np.zeros((NODES, NODES))
    drift = -weight * np.eye(NODES)
    if start:
        drift = np.block([[drift, nothing], [nothing, drift - frequency * np.eye(NODES)]])
        to_data, to_test = np.hstack([to_data, to_data]), np.hstack([to_test, to_test])
    else:
        drift = drift - frequency * nodes[:, None] * differentiation(nodes)
    distance, product = nodes[:, None] - x, sigma_a**2 * np.outer(nodes, x)

    def operator(time: float) -> np.ndarray:
        spread = scale * (1.0 if start else np.exp(-frequency * time))
        kernel = np.exp(-0.5 * (spread * distance) ** 2) / x.size
        moving = kernel * product * np.exp(-2 * weight * time)
        return np.vstack([kernel, moving]) if start else kernel + moving

    def slope(time: float, f: np.ndarray) -> np.ndarray:
        return np.asarray(drift @ f - operator(time) @ (to_data @ f - y))

    def jacobian(time: float, _: np.ndarray) -> np.ndarray:
        return drift - operator(time) @ to_data

    begin = np.concatenate([f0(nodes), np.zeros(NODES)]) if start else f0(nodes)
    path = solve_ivp(
        slope, (0, t[-1]), begin, method="BDF", t_eval=t, jac=jacobian, rtol=1e-9, atol=1e-11
    )
    return np.asarray(to_test @ path.y)
