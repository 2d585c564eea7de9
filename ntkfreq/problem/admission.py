"""What each measure requires of density, target and initial output, and its refusals."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.functions import evaluate, find_support, is_constant_zero, refuse_tiny
from ntkfreq.problem.measure import Box, Measure, Points
from ntkfreq.problem.rectangle import find_rectangle, tensor_points
from ntkfreq.problem.target import Everywhere, Target
from ntkfreq.problem.target.base import ELSEWHERE, Side


def admitted(density: Density, target: Target, first: Any, measure: Measure) -> tuple[Target, Any]:
    """Target and initial output as the measure takes them, or a refusal that names the remedy.

    On Line and Grid the target gets a known support, and an initial output that is zero to rounding
    becomes None.

    Raises
    ------
    ValueError
        When dimensions differ, a target does not decay where it must, or all probes of it are 0.
    """
    if measure.dim is not None and measure.dim != density.dim:
        raise ValueError(
            f"measure has dimension {measure.dim} and rho_w dimension {density.dim}; they must "
            f"agree: give the density dim={measure.dim}"
        )
    if target.samples is not None and target.samples[0].shape[1] != density.dim:
        raise ValueError(
            f"target has samples of dimension {target.samples[0].shape[1]} and rho_w dimension "
            f"{density.dim}; give the density dim={target.samples[0].shape[1]}"
        )
    if measure.infinite:
        name = type(measure).__name__
        if not density.has_pdf:
            raise ValueError(
                f"rho_w={type(density).__name__} is a set of atoms, which {name} does not admit; "
                f"{ELSEWHERE}, or pass the density the atoms were drawn from"
            )
        goal = target.decaying(density.dim, measure, density.isotropic)
        return goal, _decaying_start(first, goal, density.dim, name)
    _refuse_unfit(measure, target)
    return target, first


@singledispatch
def _refuse_unfit(measure: Measure, target: Target) -> None:
    """Refuse a target that does not fit a measure of finite volume."""
    raise NotImplementedError


@_refuse_unfit.register
def _(measure: Points, target: Target) -> None:
    if target.samples is None:
        return refuse_tiny("target", float(np.abs(target.at(measure.x)).max()))
    if np.array_equal(measure.x, target.samples[0]):
        return None
    raise ValueError(
        f"measure has {len(measure.x)} points that differ from the samples of the target; "
        "leave measure out, or give the target as a function"
    )


@_refuse_unfit.register
def _(measure: Box, target: Target) -> None:
    if target.samples is not None:
        _refuse_beyond_samples(target.samples[0], measure)
    elif measure.dim <= 2:
        _refuse_unseen(target, measure)


def _refuse_beyond_samples(x: FloatArray, measure: Box) -> None:
    """Refuse samples in a box that a spline through them does not cover."""
    if measure.dim > 1:
        raise ValueError(
            f"target is known at samples, between which it is unknown in dim={measure.dim}; on Box "
            "give it as a function, or leave measure out"
        )
    if len(x) < 4:
        raise ValueError(
            f"target has {len(x)} sample(s); a Box needs at least 4, to draw the cubic spline "
            "through them: leave measure out, or give the target as a function"
        )
    if measure.lower[0] < x.min() or measure.upper[0] > x.max():
        raise ValueError(
            f"measure={measure} reaches beyond the samples of the target, "
            f"[{x.min():g}, {x.max():g}]; shrink the box or give the target as a function"
        )


def _refuse_unseen(target: Target, measure: Box) -> None:
    """Refuse a target that is 0 at all probes in the box."""
    count = (4001, 257)[measure.dim - 1]
    axes = [np.linspace(*side, count) for side in zip(measure.lower, measure.upper, strict=True)]
    probes = axes[0][:, None] if measure.dim == 1 else tensor_points(*axes)
    peak = float(np.abs(target.at(probes)).max())
    refuse_tiny("target", peak)
    if peak == 0 and not is_constant_zero(target.function, measure.dim):
        raise ValueError(
            f"target is 0 at all of {len(probes)} probes of {measure}, and unknown elsewhere; "
            "narrow the box to where it is not 0, or, if it is 0 everywhere, let it return "
            "the number 0.0"
        )


def _is_rounding(first: Any, probes: FloatArray, target: Target) -> bool:
    """Whether an initial output is zero up to the rounding of sums of order one.

    The output of a network of mirrored pairs is zero up to that rounding, but not exactly. Probes
    far out, which would find a pulse, count as well.
    """
    unit = np.concatenate([[0.0], np.geomspace(2.0**-3, 2.0**14, 500)])
    wide = np.concatenate([-unit[::-1], unit])[:, None] * np.ones(probes.shape[1])
    peak = float(np.abs(target.at(probes)).max())
    for place in (probes, wide):
        values = np.abs(evaluate("initial_output", first, place))
        if values.max() > 1e-13 * peak or not np.any(values):
            return False
    return True


def _decaying_start(first: Any, target: Target, dim: int, name: str) -> Any:
    """An initial output that decays, or None where it is zero to rounding."""
    known = as_start(first)
    if known is None or known.radial:
        return first
    sides = target.sides(dim)
    if sides is None or dim > 2:
        raise ValueError(
            "initial_output must be radial beside a radial target in this dimension; give "
            "Target.from_radial(g), or start from zero"
        )
    probes = (
        np.linspace(*sides[0], 513)[:, None]
        if dim == 1
        else tensor_points(*(np.linspace(low, high, 65) for low, high in sides))
    )
    if is_constant_zero(first, dim) or _is_rounding(first, probes, target):
        return None
    if known.sides(dim) is None and found_sides(first, dim, "initial_output") is None:
        raise ValueError(
            f"initial_output does not decay, so it has no transform on {name}; {ELSEWHERE}, or "
            "start from zero (zero_output=True for a network)"
        )
    return first


def as_start(first: Any) -> Target | None:
    """An initial output as a target; None is zero."""
    if first is None or isinstance(first, Target):
        return first
    return Everywhere(first)


def found_sides(first: Any, dim: int, name: str) -> tuple[Side, ...] | None:
    """Intervals outside which a function of one or two coordinates vanishes, found by probes."""
    if dim == 1:
        support = find_support(first, name)
        return None if support is None else (support,)
    return find_rectangle(first, name)
