"""Plain dense references with weight decay.

In x, with rates g_a of decay on the output weights and g_w on the frequencies,

    df/dt = -int K_t(x, x') e(x') dmu(x') - g_a f - g_w x . grad f,
    K_t(x, x') = (1 + sigma_a^2 exp(-2 g_a t) x . x') k(exp(-g_w t) (x - x')),     e = f - y,

or, where frequencies decay towards their start (`towards="start"`), the sum of two fields

    df_1/dt = -int k(x - x') e dmu - g_a f_1,                                      f_1(0) = f_0,
    df_2/dt = -sigma_a^2 exp(-2 g_a t) int x . x' k(x - x') e dmu - (g_a + g_w) f_2,    f_2(0) = 0.

Three ways that share nothing but the nodes: `decay_flow` (an adaptive Runge-Kutta method where the
nodes close among themselves), `volterra_flow` (collocation in time of the integral equation along
characteristics, any nodes) and `transport_flow` or `fourier_flow` (f on a smooth grid of its own,
with differentiation). Nothing here imports ntkfreq.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy import linalg
from scipy.integrate import solve_ivp

from validation.reference.dense import learning_rates
from validation.reference.kernels import Kernel, kernel_sum
from validation.reference.nodes import DenseFlow, Nodes, Values, as_points, tensor_nodes, values
from validation.reference.quadrature import chebyshev, interpolation, panels, radau

Method = Literal["DOP853", "Radau"]
Slope = Callable[[float, np.ndarray], np.ndarray]


def clock(t: Any) -> np.ndarray:
    """Times as an array."""
    t = np.atleast_1d(np.asarray(t, dtype=float))
    if np.any(np.diff(t) < 0) or t[0] < 0:
        raise ValueError("times must ascend from 0 or later")
    return np.asarray(t)


def _march(
    slope: Slope, state: np.ndarray, t: np.ndarray, method: Method, rtol: float, atol: float
) -> np.ndarray:
    """States (T, ...) at times t of a system that starts at 0.

    One call of the integrator per time: at its own steps it has full order, between them the dense
    output has less.
    """
    shape, now, states = state.shape, 0.0, []
    step: float | None = None
    state = state.ravel()

    def flat(time: float, values: np.ndarray) -> np.ndarray:
        return slope(time, values.reshape(shape)).ravel()

    for time in t:
        if time > now:
            first = None if step is None else min(step, time - now)
            path = solve_ivp(
                flat, (now, time), state, method=method, rtol=rtol, atol=atol, first_step=first
            )
            if not path.success:
                raise RuntimeError(path.message)
            # The last step was cut to end at `time`; the largest of the last few was not.
            step = float(np.diff(path.t)[-3:].max())
            state, now = path.y[:, -1], time
        states.append(state.reshape(shape))
    return np.array(states)


def two_fields(
    kernel: Kernel,
    nodes: Nodes,
    y: np.ndarray,
    f0: np.ndarray,
    sigma_a: float,
    t: np.ndarray,
    rates: tuple[float, float],
    *,
    diagonal: Any = 0.0,
    method: Method = "DOP853",
    rtol: float,
    atol: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output f on the nodes and the integrals P, Q (T, n, c) for columns y and f0 (n, c).

    P(t) = int exp(-g_a (t - s)) e(s) ds, Q(t) = int exp(-g_x (t - s)) exp(-2 g_a s) e(s) ds, with
    `rates` g_a and g_x, which damps the field of the moving frequencies: what the output at other
    points needs.
    """
    gamma_a, gamma_x = rates
    x = nodes.x
    extra = np.broadcast_to(np.asarray(diagonal, dtype=float), len(x))
    first = (kernel(x[:, None, :] - x[None, :, :]) + np.diag(extra)) * nodes.weights
    second = sigma_a**2 * (x @ x.T) * first

    def slope(time: float, state: np.ndarray) -> np.ndarray:
        f1, f2, p, q = state
        e = f1 + f2 - y
        fade = np.exp(-2 * gamma_a * time)
        return np.stack(
            [
                -first @ e - gamma_a * f1,
                -fade * (second @ e) - gamma_x * f2,
                e - gamma_a * p,
                fade * e - gamma_x * q,
            ]
        )

    zero = np.zeros_like(f0)
    states = _march(slope, np.stack([f0, zero, zero, zero]), t, method, rtol, atol)
    return states[:, 0] + states[:, 1], states[:, 2], states[:, 3]


def decay_flow(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    *,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
    towards: str = "zero",
    f0: Values = None,
    diagonal: Any = 0.0,
    method: Method = "DOP853",
    rtol: float = 1e-11,
    atol: float = 1e-13,
) -> DenseFlow:
    """Flow with decay where the nodes close: gamma_w = 0, or decay of w towards its start.

    Any nodes in any dimension; output at new points wants f0 as a callable. `diagonal` is added to
    k(0), as in `dense_flow`. "Radau" is for stiff small problems, with rtol 1e-9.

    The time integration leaves 5e-12 (16 points, rates 0.01) to 2e-10 (no decay). The nodes leave:
    Box, normal of scale 8 with 30 nodes 1e-10, Laplace of scale 4 with 44 nodes 8e-10, StudentT of
    scale 6 with its correction 5e-8 with 100 nodes and 4e-9 with 150; Line, normal of scale 2 with
    half-width 16 and spacing 0.25 2e-9 in spectra and 1e-13 in outputs; Grid, as `dense_flow`.
    """
    if gamma_w and towards != "start":
        raise ValueError("nodes do not close under transport: use volterra_flow or transport_flow")
    t = clock(t)
    start = values(f0, nodes.x)[:, None]
    goal = values(y, nodes.x)[:, None]
    f, p, q = two_fields(
        kernel,
        nodes,
        goal,
        start,
        sigma_a,
        t,
        (gamma_a, gamma_a + gamma_w),
        diagonal=diagonal,
        method=method,
        rtol=rtol,
        atol=atol,
    )

    def output(x_new: Any) -> np.ndarray:
        x_new = as_points(x_new, nodes.dim)
        charges = p[:, :, 0] * nodes.weights
        dipoles = sigma_a**2 * (q[:, :, 0] * nodes.weights)[:, :, None] * nodes.x
        own = np.exp(-gamma_a * t)[:, None] * values(f0, x_new)
        return np.asarray(own - kernel_sum(kernel, x_new, nodes.x, charges, dipoles))

    return DenseFlow(nodes, (f - goal)[:, :, 0], y, f0, output)


def volterra_flow(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    *,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
    towards: str = "zero",
    f0: Values = None,
    order: int = 10,
    growth: float = 1.5,
    longest: float | None = None,
    shortest: float | None = None,
) -> DenseFlow:
    """Flow with any decay in any dimension, by the integral equation along characteristics.

    A point that is at x at time t was at x exp(-g_w (t - s)) at time s, so with decay to zero

        f(x, t) = exp(-g_a t) f_0(x exp(-g_w t)) - sum_j w_j int_0^t exp(-g_a (t - s))
            [1 + sigma_a^2 exp(-2 g_a s - g_w (t - s)) x . x_j]
            k(exp(-g_w t) x - exp(-g_w s) x_j) e_j(s) ds.

    Radau collocation of the given order on panels that start at a fraction of the fastest rate
    and grow geometrically; exponentially accurate in the order. The history is summed anew at
    each node of time: for up to some 60 nodes. Box and Line are points of their rules' weights.

    Refining order, growth and longest changes 3e-14 (16 points, scale 12, rates 0.01, t to 171).
    """
    t = clock(t)
    x, weights, n = nodes.x, nodes.weights, len(nodes.x)
    goal = values(y, x)
    fastest = float(learning_rates(kernel, nodes, sigma_a)[-1])
    slow = max(gamma_a, gamma_w)
    longest = longest or (0.5 / slow if slow else np.inf)
    breaks = panels(t, shortest or min(0.5 / fastest, longest), growth, longest)
    unit, share, lagrange = radau(order)
    inner, inner_weight = np.polynomial.legendre.leggauss(order + 2)
    inner, inner_weight = (inner + 1) / 2, inner_weight / 2

    def influence(x_new: np.ndarray, time: float, past: np.ndarray) -> np.ndarray:
        """Kernel of the integral equation, (S, m, n), for the times `past` (S,)."""
        gap = (time - past)[:, None, None]
        product = sigma_a**2 * (x_new @ x.T) * np.exp(-2 * gamma_a * past)[:, None, None]
        product = product * np.exp(-gamma_w * gap)
        if towards == "start":
            moved = kernel(x_new[:, None, :] - x[None, :, :])
        else:
            moving = np.exp(-gamma_w * past)[:, None, None, None] * x
            moved = kernel(np.exp(-gamma_w * time) * x_new[:, None, :] - moving)
        return np.asarray(np.exp(-gamma_a * gap) * (1 + product) * moved * weights)

    def free(x_new: np.ndarray, time: float) -> np.ndarray:
        back = np.exp(-gamma_w * time) if towards == "zero" else 1.0
        return np.asarray(np.exp(-gamma_a * time) * values(f0, back * x_new))

    past, charges = np.zeros(0), np.zeros((0, n))  # charges: errors times weights in time
    ends = {0.0: free(x, 0.0) - goal}
    for low, high in pairwise(breaks):
        length = high - low
        times = low + length * unit
        matrix, right = np.eye(order * n), np.empty((order, n))
        for i, (time, c) in enumerate(zip(times, unit, strict=True)):
            history = np.einsum("smn,sn->m", influence(x, time, past), charges)
            right[i] = free(x, time) - goal - history
            local = influence(x, time, low + length * c * inner)
            basis = np.polynomial.legendre.legvander(2 * c * inner - 1, order - 1) @ lagrange
            blocks = np.einsum("l,lq,lmn->mqn", length * c * inner_weight, basis, local)
            matrix[i * n : (i + 1) * n] += blocks.reshape(n, order * n)
        e = np.linalg.solve(matrix, right.ravel()).reshape(order, n)
        past = np.concatenate([past, times])
        charges = np.concatenate([charges, length * share[:, None] * e])
        ends[high] = e[-1]

    def output(x_new: Any) -> np.ndarray:
        x_new = as_points(x_new, nodes.dim)
        rows = []
        for time in t:
            known = past <= time
            seen = influence(x_new, time, past[known])
            rows.append(free(x_new, time) - np.einsum("smn,sn->m", seen, charges[known]))
        return np.array(rows)

    return DenseFlow(nodes, np.array([ends[time] for time in t]), y, f0, output)


def transport_flow(
    kernel: Kernel,
    nodes: Nodes,
    y: Values,
    sigma_a: float,
    t: Any,
    *,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
    f0: Values = None,
    count: int = 40,
    reach: Any = None,
    method: Method = "DOP853",
    rtol: float = 1e-11,
    atol: float = 1e-13,
) -> DenseFlow:
    """Flow with decay to zero in one or two dimensions, f carried on `count`^d Chebyshev points.

    They span the hull of the nodes, the origin and `reach` = (lower, upper): characteristics come
    from nearer the origin, so no value at the edge is wanted. The output is known inside only:
    on a box, pass its corners as `reach`, for its nodes end before them.

    Against `volterra_flow`, 16 points, scale 12: 1e-6 with 60, 4e-10 with 80, 4e-11 with 100. Box,
    losses and outputs: normal of scale 8 with 30 nodes and count 50 1e-10 and 2e-9, Laplace of
    scale 4 with 44 and 60 5e-11 and 1e-9; StudentT of scale 6, limited by its kink, 8e-6 and
    2e-5 with 80 nodes, 2e-6 and 4e-6 with 120.
    """
    t = clock(t)
    extra = np.zeros((0, nodes.dim)) if reach is None else np.reshape(reach, (2, nodes.dim))
    held = np.concatenate([nodes.x, np.zeros((1, nodes.dim)), extra])
    axes = [chebyshev(a, b, count) for a, b in zip(held.min(0), held.max(0), strict=True)]

    def spread(x_new: np.ndarray) -> np.ndarray:
        matrix = np.ones((len(x_new), 1))
        for axis, (points, weight, _) in enumerate(axes):
            part = interpolation(points, weight, x_new[:, axis])
            matrix = (matrix[:, :, None] * part[:, None, :]).reshape(len(x_new), -1)
        return matrix

    x = tensor_nodes([axis[0] for axis in axes], [axis[1] for axis in axes]).x
    transport = np.zeros((len(x), len(x)))
    for axis in range(nodes.dim):
        factors = [a[2] if k == axis else np.eye(count) for k, a in enumerate(axes)]
        transport += gamma_w * x[:, axis, None] * reduce(np.kron, factors)
    damping = transport + gamma_a * np.eye(len(x))
    to_data, goal = spread(nodes.x), values(y, nodes.x)
    distance, inner = x[:, None, :] - nodes.x[None, :, :], sigma_a**2 * (x @ nodes.x.T)

    def slope_of(time: float, f: np.ndarray) -> np.ndarray:
        source = nodes.weights * (to_data @ f - goal)
        moved = kernel(np.exp(-gamma_w * time) * distance)
        return np.asarray(
            -((1 + np.exp(-2 * gamma_a * time) * inner) * moved) @ source - damping @ f
        )

    states = _march(slope_of, np.array(values(f0, x)), t, method, rtol, atol)

    def output(x_new: Any) -> np.ndarray:
        x_new = as_points(x_new, nodes.dim)
        if np.any(x_new < held.min(0) - 1e-12) or np.any(x_new > held.max(0) + 1e-12):
            raise ValueError("the output is carried on the hull of nodes, origin and reach only")
        return np.asarray(states @ spread(x_new).T)

    return DenseFlow(nodes, states @ to_data.T - goal, y, f0, output)


def fourier_flow(
    kernel: Kernel,
    y: Values,
    sigma_a: float,
    t: Any,
    *,
    half_width: float,
    spacing: float,
    gamma_a: float = 0.0,
    gamma_w: float = 0.0,
    f0: Values = None,
    method: Method = "DOP853",
    rtol: float = 1e-11,
    atol: float = 1e-13,
) -> DenseFlow:
    """Line in one dimension with decay to zero, f on a periodic grid with an FFT derivative.

    f stretches like exp(gamma_w t) and has to stay inside the half-width: what data and decay
    leave unlearned at high frequencies gives it long tails. `errors` holds at the grid's points,
    the output is their trigonometric interpolation.

    Normal of scale 2, rates 0.05 and 0.02, tones at 1 and 2, t to 10: half-width 20 and spacing
    0.16 leave 1e-12 in losses, 1e-9 in outputs and spectra. At gamma_w = 0.05 outputs have 4e-7,
    with tones at 4 and t = 30 only 1e-5.
    """
    t = clock(t)
    count = 2 * round(half_width / spacing)
    x = spacing * (np.arange(count) - count // 2)
    nodes = Nodes(x[:, None], np.full(count, spacing))
    wave = 2 * np.pi * np.fft.rfftfreq(count, spacing)
    wave[-1] = 0.0  # the sawtooth has no derivative on the grid
    goal = values(y, nodes.x)

    def slope(time: float, f: np.ndarray) -> np.ndarray:
        e = spacing * (f - goal)
        column = kernel(np.exp(-gamma_w * time) * (x - x[0])[:, None])
        both = linalg.matmul_toeplitz(column, np.stack([e, x * e], axis=1))
        drift = x * np.fft.irfft(1j * wave * np.fft.rfft(f), count)
        fade = sigma_a**2 * np.exp(-2 * gamma_a * time)
        return np.asarray(-both[:, 0] - fade * x * both[:, 1] - gamma_a * f - gamma_w * drift)

    states = _march(slope, np.array(values(f0, nodes.x)), t, method, rtol, atol)

    def output(x_new: Any) -> np.ndarray:
        shift = (np.ravel(x_new)[:, None] - x) / spacing
        # The periodic sinc of an even number of points, whose sawtooth is a cosine.
        near = np.abs(shift) < 1e-12
        angle = np.pi * np.where(near, 0.5, shift) / count
        cardinal = np.where(near, 1.0, np.sin(np.pi * shift) / (count * np.tan(angle)))
        return states @ cardinal.T

    return DenseFlow(nodes, states - goal, y, f0, output)
