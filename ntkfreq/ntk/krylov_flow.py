"""Gradient flow from products with the kernel: Lanczos, restarted when memory is used up."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.lanczos import LanczosSpace, flow_deficit, lanczos

# Numbers in the basis of one Krylov space: half a gigabyte, 600 vectors of 1e5 points.
_MOST_NUMBERS = 60_000_000
_LEAST_VECTORS, _MOST_TURNS = 20, 200


def krylov_flow(operator: Any, start: FloatArray, t: FloatArray, rtol: float) -> FloatArray:
    """Errors (T, n) at times `t`, within `rtol` of the norm of `start`."""
    size = float(np.linalg.norm(start))
    _refuse_rough_kernel(operator, float(t[-1]), rtol)
    errors = np.empty((len(t), start.size))
    most = max(_LEAST_VECTORS, _MOST_NUMBERS // start.size)
    state, now, filled, turn = start, 0.0, 0, 0

    def action(v: FloatArray) -> FloatArray:
        return np.asarray(operator.matvec(v)) / start.size

    while filled < len(t):
        turn += 1
        if turn > _MOST_TURNS:
            raise ValueError(
                f"t={t[-1]:g} is too long: {_MOST_TURNS} spaces of {most} vectors have reached "
                f"t={now:.3g}; end there, accept a larger rtol, or use fewer points"
            )
        # The flow contracts, so that the errors of all turns add up: shares of sum one.
        allowed = rtol * size * 6 / (np.pi * turn) ** 2
        ahead = t[filled:] - now
        watched = np.union1d(ahead, ahead[-1] * np.geomspace(1e-6, 1.0, 31))
        space = lanczos(action, state, watched, allowed, most)
        _refuse_negative(operator, space)
        reach = _reach(space, watched, allowed, full=len(space.basis) == most)
        done = int(np.searchsorted(ahead, reach, side="right"))
        times = np.append(ahead[:done], reach)
        states = state + space.change(flow_deficit, times) @ space.basis
        errors[filled : filled + done] = states[:-1]
        state, now, filled = states[-1], now + reach, filled + done
    return errors


def _reach(space: LanczosSpace, t: FloatArray, allowed: float, *, full: bool) -> float:
    """Last time at which the space meets what is allowed; all of them unless it was cut short."""
    if not full or space.residual <= allowed:
        return float(t[-1])
    # A short time always meets it: the residual begins like t to the power m - 1.
    fine = t[-1] * np.geomspace(1e-12, 1.0, 600)
    late = np.flatnonzero(np.maximum.accumulate(space.residual_at(fine)) > allowed)
    return float(fine[max(int(late[0]) - 1, 0)]) if late.size else float(t[-1])


def _kernel_error(operator: Any) -> float:
    """Bound on the norm of K - K~ over n, for operators with a known error of the kernel."""
    known = getattr(operator, "kernel_error", 0.0)
    return float(known * operator.diagonal().max()) if known else 0.0


def _refuse_rough_kernel(operator: Any, end: float, rtol: float) -> None:
    error = _kernel_error(operator)
    if end * error > rtol:
        raise ValueError(
            f"gram has an error of {error:.2g}, which after t={end:g} may reach {end * error:.2g} "
            f"of the initial error, above rtol={rtol:g}; give ntk_operator a smaller "
            "tolerance, end earlier, or accept a larger rtol"
        )


def _refuse_negative(operator: Any, space: LanczosSpace) -> None:
    slack = 1e-8 * float(space.rates.max(initial=0.0)) + 2 * _kernel_error(operator)
    if space.lowest < -slack:
        raise ValueError(
            f"gram has a negative eigenvalue near {space.lowest * space.basis.shape[1]:.3g}; "
            "a kernel's is >= 0"
        )
