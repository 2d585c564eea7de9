"""What Line, Grid and Box ask of a target and of an initial output: to decay, and to be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density import Density
from ntkfreq.problem.functions import evaluate, find_support, is_constant_zero, refuse_tiny
from ntkfreq.problem.measure import Box, Line, Measure
from ntkfreq.problem.rectangle import find_rectangle, tensor_points
from ntkfreq.problem.target import Target

_ELSEWHERE = "use measure=Box(lower, upper) or measure=Points(x)"


def refuse_unseen(target: Target, measure: Box) -> None:
    """Refuse a target of which no probe in the box sees anything."""
    if measure.dim > 2 or target.samples is not None:
        return
    count = (4001, 257)[measure.dim - 1]
    axes = [np.linspace(*side, count) for side in zip(measure.lower, measure.upper, strict=True)]
    probes = axes[0][:, None] if measure.dim == 1 else tensor_points(*axes)
    peak = float(np.abs(target.at(probes)).max())
    refuse_tiny("target", peak)
    if peak == 0 and not is_constant_zero(target.function, measure.dim):
        raise ValueError(
            f"target is 0 at all of {len(probes)} probes of {measure}: what is elsewhere was not "
            "seen; narrow the box to where it is not 0, or, if it is 0 everywhere, let it return "
            "the number 0.0"
        )


def decaying(density: Density, target: Target, measure: Measure) -> Target:
    """The target with a known support, or a refusal: on Line and Grid it must decay."""
    name = type(measure).__name__
    if not density.has_pdf:
        raise ValueError(
            f"rho_w={type(density).__name__} is a set of atoms, which {name} does not admit; "
            f"{_ELSEWHERE}, or pass the density the atoms were drawn from"
        )
    if density.dim > 1:
        return _decaying_beyond_one(density, target, measure)
    if target.radius is not None:
        kinks = (*target.kinks, *(-kink for kink in target.kinks))
        return Target(target.function, (-target.radius, target.radius), kinks)
    if target.support is not None:
        return target
    if target.samples is not None:
        x, y = target.samples
        ends = max(abs(y[x[:, 0].argmin()]), abs(y[x[:, 0].argmax()]))
        raise ValueError(
            f"target has samples that end at {ends:.3g}: they do not decay, so they have no "
            f"transform on {name}; taper them to zero, or {_ELSEWHERE}"
        )
    support = find_support(target.function)
    if support is None:
        raise ValueError(
            f"target does not decay within |x| < 16384, so it has no transform on {name}; "
            f"{_ELSEWHERE}, or give Target.from_function(f, support=(a, b))"
        )
    return Target(target.function, support, target.kinks)


def _decaying_beyond_one(density: Density, target: Target, measure: Measure) -> Target:
    """The same in more dimensions: two, or any if target and density are radial."""
    name, dim = type(measure).__name__, density.dim
    if target.rectangle is not None and dim != 2:
        raise ValueError(f"target has a support of dimension 2 and rho_w dimension {dim}; agree")
    if target.radius is not None:
        side = (-target.radius, target.radius)
        if dim == 2:
            return replace(target, rectangle=(side, side))
        if isinstance(measure, Line) and density.isotropic:
            return target
    if dim > 2:
        raise ValueError(
            f"measure={name}() with dim={dim} is solved where it reduces to one variable, that is "
            "for Line() with Target.from_radial(g) and an isotropic density about 0 (Normal, "
            "StudentT, a Mixture of these); else use measure=Points(x), which takes any dimension"
        )
    if target.samples is not None:
        raise ValueError(
            f"target is known at samples, between which it is unknown in dim=2; on {name} give it "
            "as a function, or use measure=Points(x)"
        )
    rectangle = target.rectangle or find_rectangle(target.function)
    if rectangle is None:
        raise ValueError(
            f"target does not decay within |x| < 1024, so it has no transform on {name}; "
            f"{_ELSEWHERE}, or give Target.from_function(f, support=((a1, b1), (a2, b2)))"
        )
    return replace(target, rectangle=rectangle)


def _is_rounding(first: Any, probes: FloatArray, target: Target) -> bool:
    """Whether an initial output is zero up to the rounding of sums of order one.

    A network of mirrored pairs is; it is not exactly zero, but nowhere more than that. Probes far
    out, where a pulse would be found, count as well.
    """
    unit = np.concatenate([[0.0], np.geomspace(2.0**-3, 2.0**14, 500)])
    wide = np.concatenate([-unit[::-1], unit])[:, None] * np.ones(probes.shape[1])
    peak = float(np.abs(target.at(probes)).max())
    for place in (probes, wide):
        values = np.abs(evaluate("initial_output", first, place))
        if values.max() > 1e-13 * peak or not np.any(values):
            return False
    return True


def decaying_start(first: Any, target: Target, measure: Measure) -> Any:
    """An initial output that decays, or None where it is zero to rounding."""
    if first is None or (isinstance(first, Target) and first.radius is not None):
        return first
    if target.support is not None:
        probes = np.linspace(*target.support, 513)[:, None]
    elif target.rectangle is not None:
        probes = tensor_points(*(np.linspace(low, high, 65) for low, high in target.rectangle))
    else:
        raise ValueError(
            "initial_output must be radial beside a radial target in this dimension; give "
            "Target.from_radial(g), or start from zero"
        )
    if is_constant_zero(first, probes.shape[1]) or _is_rounding(first, probes, target):
        return None
    if isinstance(first, Target) and (first.support or first.rectangle):
        return first
    plane = probes.shape[1] > 1
    name = "initial_output"
    found = find_rectangle(first, name) if plane else find_support(first, name)
    if found is None:
        raise ValueError(
            "initial_output does not decay, so it has no transform on "
            f"{type(measure).__name__}; {_ELSEWHERE}, or start from zero (zero_output=True for "
            "a network)"
        )
    return first
