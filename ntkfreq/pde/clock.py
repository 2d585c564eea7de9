"""Times and tolerance of every solver, checked, and the default times."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.method import Method
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.scheduled import ScheduledDynamics, tell_of_idle_steps

# Latest of the default times, in the unit of t or in fastest time scales, whichever is later.
_LATEST = 1e14
_RECORDS = 64


def checked_tolerance(rtol: float) -> float:
    """The tolerance, or a refusal of one that double precision cannot meet."""
    rtol = checks.positive("rtol", rtol)
    if not 1e-13 <= rtol < 1:
        raise ValueError(f"rtol={rtol:g} must lie in [1e-13, 1), the range of double precision")
    return rtol


def asked_times(method: Method[Any], t: Any, step_size: float | None) -> FloatArray:
    """The times (T,) of a user, or the default ones."""
    return default_times(method, step_size) if t is None else checks.times("t", t)


def dynamics_clock(method: Method[Any], dynamics: Dynamics, t: Any, steps: Any) -> FloatArray:
    """The times (T,) of a user, of the steps of a user, or the default ones."""
    if steps is None:
        if t is None and isinstance(dynamics, ScheduledDynamics):
            return dynamics.times(dynamics.default_steps(default_times(method, None)[-1]))
        return asked_times(method, t, dynamics.step_size)
    if t is not None:
        raise ValueError("t and steps say the same thing twice; give one of them")
    if dynamics.step_size is None:
        raise ValueError(
            f"steps={checks.show(steps)} needs step_size, the length of a step; without one "
            "gradient flow is solved at times t"
        )
    recorded = recorded_steps(steps)
    if isinstance(dynamics, ScheduledDynamics):
        tell_of_idle_steps(dynamics.schedule, int(recorded[-1]))
        return dynamics.times(recorded)
    return np.asarray(dynamics.step_size * recorded)


def recorded_steps(steps: Any) -> IntArray:
    """Steps to record: those given, or 64 up to the last, evenly in log(1 + step).

    Examples
    --------
    >>> recorded_steps([0, 3, 10]), len(recorded_steps(1000))
    (array([ 0,  3, 10]), 52)
    """
    if np.ndim(steps) == 0:
        last = checks.integer("steps", steps, 1)
        spaced = np.expm1(np.linspace(0.0, np.log1p(last), _RECORDS))
        return np.unique(np.rint(spaced).astype(np.int64))
    given = checks.real_array("steps", steps, 1)
    if np.any(given != np.rint(given)) or np.any(given < 0) or np.any(np.diff(given) <= 0):
        raise ValueError(
            f"steps={checks.show(given)} must be increasing whole numbers from 0 on, or the "
            "last step alone"
        )
    return given.astype(np.int64)


def default_times(method: Method[Any], step_size: float | None) -> FloatArray:
    """0 and 64 log-spaced times over six decades about the fastest time scale."""
    equation, fastest = method.equation, method.fastest_rate()
    last = 1e4 / fastest
    slowest = min(filter(None, (equation.decay.weight, equation.decay.frequency)), default=0.0)
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
