"""The status of a solution in a sentence, and the refusal of numbers that overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.pde.method import Method
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics


def refuse_overflow(*arrays: Any) -> None:
    """Refuse results that are not finite; None is passed over."""
    for array in arrays:
        if array is not None and not np.all(np.isfinite(array)):
            raise ValueError(
                "target, x or t is so large that results overflow; give y / c (losses are then "
                "smaller by c^2), x / c with c times the scale of rho_w and c times sigma_a, or a "
                "shorter t"
            )


def status_of(
    method: Method[Any],
    discretized: Discretized,
    dynamics: Dynamics,
    test: Tested,
    t: FloatArray,
    rtol: float,
) -> str:
    """Whether the tolerance was met: one of three phrases, the reason, and the remedy."""
    rounding = discretized.rounding(dynamics, t, 0.3 * rtol)
    left = max(rounding, discretized.error)
    if discretized.error > rtol and discretized.error > 3 * rounding:
        return (
            f"tolerance not met: estimated error {discretized.error:.1e} against rtol={rtol:.1e}; "
            "the target or the density has features the largest discretization does not resolve"
        )
    if test.points is not None and not test.points.converged:
        return (
            f"tolerance not met: {len(test.points.x)} test points do not resolve the target, so "
            "test_loss and spectrum are rough; pass test=(x_test, y_test), or name kinks of the "
            "target"
        )
    if not discretized.target_resolved:
        return (
            "tolerance not met: the target has a jump or kink that quadrature does not resolve, or "
            "values rougher than rtol, as in single precision; name kinks in "
            "Target.from_function(f, kinks=...), in two dimensions smooth them, give values in "
            "double precision, or raise rtol"
        )
    if left > rtol:
        return (
            f"limited by rounding: at t={t[-1]:g} slow modes carry relative errors up to "
            f"{left:.1e}, above rtol={rtol:.1e}; shorten t or raise rtol"
        )
    phases = method.equation.density.phase_rounding(method.extent())
    if phases > rtol:
        return (
            f"limited by rounding: rho_w lies so far from 0 that the last digits of x move its "
            f"phases w.x by up to {phases:.1e}, above rtol={rtol:.1e}; give a narrower extent of "
            "x or raise rtol"
        )
    return f"converged: estimated error {discretized.error:.1e} within rtol={rtol:.1e}"
