"""Times and tolerance of every solver, checked, and the default times."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.method import Method

# Latest of the default times, in the unit of t or in fastest time scales, whichever is later.
_LATEST = 1e14


def checked_tolerance(rtol: float) -> float:
    """The tolerance, or a refusal of one that double precision cannot meet."""
    rtol = checks.positive("rtol", rtol)
    if not 1e-13 <= rtol < 1:
        raise ValueError(f"rtol={rtol:g} must lie in [1e-13, 1), the range of double precision")
    return rtol


def asked_times(method: Method[Any], t: Any, step_size: float | None) -> FloatArray:
    """The times (T,) of a user, or the default ones."""
    return default_times(method, step_size) if t is None else checks.times("t", t)


def default_times(method: Method[Any], step_size: float | None) -> FloatArray:
    """0 and 64 log-spaced times over six decades about the fastest time scale."""
    equation, fastest = method.equation, method.fastest_rate()
    last = 1e4 / fastest
    slowest = min(filter(None, (equation.weight_decay, equation.frequency_decay)), default=0.0)
    if slowest > 0:
        # Decay has taken effect after ten times its own time scale; frequencies that have shrunk
        # by e^5 no longer matter.
        last = max(last, 10 / slowest)
        if equation.decay.contracts:
            last = min(last, 5 / equation.frequency_decay)
        # By then every mode whose rate double precision resolves has been learned.
        last = min(last, _LATEST * max(1.0, 1 / fastest))
    times = np.geomspace(min(0.01 / fastest, 1e-3 * last), last, 64)
    if step_size is not None:
        times = step_size * np.unique(np.rint(times / step_size))
    return np.concatenate([[0.0], times[times > 0]])
