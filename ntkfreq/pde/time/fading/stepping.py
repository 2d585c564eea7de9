"""Implicit stepping: work estimated beforehand, a bounded number of steps, failures as errors."""

from __future__ import annotations

from ntkfreq._support.sizes import MOST_SECONDS, PER_SECOND, refuse_memory, refuse_work
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.fading.radau import MemoryEquations, Trajectory, integrate, stages_for

# Steps that a trajectory takes typically, for estimates of the work, and at most: no well-posed
# problem has needed that many.
_STEPS, _MOST_STEPS = 40, 1500
# Where the steps fail, the tolerance is raised by this factor, for this many attempts.
_RAISED, _ATTEMPTS = 100.0, 3
# Largest tolerance relative to the state.
_LARGEST = 1e-3
# Largest product of the last time, the fastest rate and the rounding unit that is tried.
_HOPELESS = 1e8


def scale_of(norm: float, tolerance: float) -> float:
    """What errors are relative to, for an absolute tolerance: the norm, unless that is tiny.

    Examples
    --------
    >>> scale_of(2.0, 1e-6), round(scale_of(0.0, 1e-6), 9)
    (2.0, 0.001)
    """
    return max(norm, tolerance / _LARGEST, 1e-300)


def refuse_steps(unknowns: int, tol: float, *, costly: bool = True) -> None:
    """Refuse dense equations of so many unknowns that their steps take too much time or memory."""
    stages = stages_for(tol, costly)
    rows = float(unknowns) * stages
    what = f"the equation with decay has {unknowns} unknowns that its operators do not reduce"
    limit = int((MOST_SECONDS * PER_SECOND / _STEPS * 1.5) ** (1 / 3) / stages)
    remedy = f"give fewer samples, at most {limit}, a smoother density, or a larger rtol"
    refuse_work(what, _STEPS * 2 / 3 * rows**3, remedy)
    refuse_memory(what, 16.0 * rows**2, remedy)


def refuse_rates(rate: float, t_end: float) -> None:
    """Refuse a rate so fast that its rounding errors exceed all slow modes.

    Examples
    --------
    >>> refuse_rates(1e16, 300.0)
    >>> refuse_rates(1e29, 300.0)
    Traceback (most recent call last):
    ValueError: t ends at 300, to which the equation with decay is not advanced: its fastest ...
    """
    if 2.2e-16 * rate * t_end > _HOPELESS:
        raise _stuck(t_end, f"its fastest rate is {rate:.3g}, too fast for double precision")


def advanced(problem: MemoryEquations, t_end: FloatArray, tolerance: float) -> Trajectory:
    """Advance a batch to its last times, or refuse it where the steps fail.

    Raises
    ------
    ValueError
        When the steps become too many or too small.
    """
    try:
        return integrate(problem, t_end, tolerance, max_steps=_MOST_STEPS)
    except RuntimeError as error:
        raise _stuck(float(t_end.max()), str(error)) from error


def integrated(
    problem: MemoryEquations, t_end: float, tolerance: float, scale: float, least: float = 1e-12
) -> Trajectory:
    """Advance to `t_end` with an absolute error of `tolerance`; of more if steps become too many.

    Rounding limits the accuracy of data that move through features, and at late times no step
    meets a tolerance below it. `Trajectory.error_bound` is the accuracy that was reached.
    `least` is the smallest tolerance relative to `scale` that the rounding of the data allows.

    Raises
    ------
    ValueError
        When no tolerance gets the equation to the last time.
    """
    asked, reason = max(tolerance / scale, least), ""
    for _ in range(_ATTEMPTS):
        try:
            return integrate(
                problem, t_end, min(asked, _LARGEST), max_steps=_MOST_STEPS, scale=scale
            )
        except RuntimeError as error:
            reason = str(error)
        if asked >= _LARGEST:
            break
        asked *= _RAISED
    raise _stuck(t_end, reason)


def _stuck(t_end: float, reason: str) -> ValueError:
    return ValueError(
        f"t ends at {t_end:g}, to which the equation with decay is not advanced: {reason}. Shorten "
        "t, or make sigma_a, the decay rates or x less extreme"
    )
