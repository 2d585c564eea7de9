"""Radial problems of any dimension: from a tolerance to a mesh in the distance from 0."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.hankel import log_sphere, radial_transform
from ntkfreq.numerics.quadrature import subdivide
from ntkfreq.pde.elements.axis import Axis
from ntkfreq.pde.radial.system import MAX_DIM, RadialSystem, log_rate
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.propagators import KrylovPropagator
from ntkfreq.problem.equation import FrequencyEquation

DEGREE = 12
# As on the plane: what one element of this degree resolves to 1e-4.
_PHASE_AT_1E4 = 27.0
# From this dimension on the mesh begins off 0, and r^{d-1} varies by so many powers of e within an
# element, or polynomials would be dependent to rounding. Times the extent in x the mesh begins
# here: the spectrum is constant to 1e-5 from there to 0.
_HIGH, _LOG_WEIGHT, _NEAR_ZERO = 4, 6.0, 0.01
_ATTEMPTS, _MOST_UNKNOWNS = 8, 8000
# Shares of the tolerance: for the mesh and for Krylov spaces.
_MESH, _KRYLOV = 0.5, 0.05


def refuse_radial(equation: FrequencyEquation) -> None:
    """Refuse dimensions beyond double precision."""
    if equation.dim > MAX_DIM:
        raise ValueError(
            f"rho_w has dim={equation.dim}: a radial problem on Line is solved up to "
            f"dim={MAX_DIM}, beyond which the volumes of spheres leave double precision; use "
            "measure=Points(x)"
        )


def refine_radial(
    equation: FrequencyEquation, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """Finite elements in the distance from 0 whose estimated error fits the tolerance."""
    t_end = dynamics.acceleration * float(t[-1])
    extent = _extent(equation, rtol)
    end = _truncation(equation, extent, t_end, rtol)
    low = 0.0 if equation.dim < _HIGH else _NEAR_ZERO / extent
    longest = _PHASE_AT_1E4 * (rtol / 1e-4) ** (1 / (DEGREE + 1)) / extent
    for attempt in range(_ATTEMPTS):
        nodes = _nodes(equation, low, end, longest)
        axis = Axis((nodes,), DEGREE, DEGREE + 6)
        system = RadialSystem(equation, axis)
        scale = initial_norm(system)
        fine = _propagated(system, t, dynamics, _KRYLOV * rtol * scale, _MESH * rtol * scale)
        error = _estimated(fine, t, dynamics, _KRYLOV * rtol * scale)
        crowded = axis.size > _MOST_UNKNOWNS
        if error <= _MESH * rtol or crowded or attempt == _ATTEMPTS - 1:
            break
        longest *= max(0.4, min(0.85, (0.25 * rtol / error) ** (1 / 8)))
    return Discretized(
        system,
        fine.propagators,
        error + fine.time_error,
        {
            "method": f"finite elements of degree {DEGREE} in the distance from 0",
            "elements": axis.elements,
            "truncation": end,
            "refinements": attempt,
            "target_resolved": equation.initial_error.resolved_radius.within(rtol),
        },
    )


def _nodes(equation: FrequencyEquation, low: float, end: float, longest: float) -> FloatArray:
    """Elements from `low` to `end`, short where the density or the volume varies."""
    narrow = min(equation.density.widths)
    marks = [mark for mark in narrow * np.array([1.0, 2.0, 4.0, 8.0]) if low < mark < end]
    edges = [low, *(marks if narrow < longest / 2 else []), end]
    if low > 0:
        ratio = 1 + _LOG_WEIGHT / (equation.dim - 1)
        count = np.ceil(np.log(end / low) / np.log(ratio))
        edges += [mark for mark in low * ratio ** np.arange(1, count) if mark < end / ratio**0.3]
    return subdivide(edges, longest)


def _propagated(
    system: RadialSystem,
    t: FloatArray,
    dynamics: Dynamics,
    tolerance: float,
    negligible: float,
    cap: float = np.inf,
) -> Discretized:
    """The system with its propagator.

    Where the volume varies over many powers of ten a dense eigendecomposition loses all digits of
    the matrices but those of the largest volume (1e-3 of the loss in 50 dimensions); a Krylov
    space, made by elimination, does not.
    """
    if system.dim < _HIGH:
        return Discretized.fitted(system, t, dynamics, tolerance, negligible, cap)
    part = KrylovPropagator(system.blocks[0], t, tolerance, negligible, cap=cap)
    part.evolve(dynamics, t)
    return Discretized(system, (part,))


def _extent(equation: FrequencyEquation, rtol: float) -> float:
    """How far from 0 in x the error reaches, weighted by volume."""
    r, weights, values = equation.initial_error.resolved_radius.rule()
    with np.errstate(divide="ignore"):
        log = 2 * np.log(np.abs(values)) + (equation.dim - 1) * np.log(r)
    energy = weights * np.exp(log - log.max()) if np.isfinite(log.max()) else weights
    beyond = np.cumsum(energy[::-1])[::-1]
    reach = float(r[beyond > rtol**2 * beyond[0]].max())
    return reach + 4.0 / max(equation.density.widths)


def _truncation(equation: FrequencyEquation, extent: float, t_end: float, rtol: float) -> float:
    """Distance beyond which the solution is its initial state, to a tenth of the tolerance."""
    density = equation.density
    log_strength = np.log((1 + (equation.sigma_a * extent) ** 2) * max(t_end, 1e-300))
    settled = max(density.radius(1e-3), 1e-300)
    while np.any(
        log_strength + log_rate(density, settled * np.linspace(1.0, 1.5, 16)) > np.log(0.1 * rtol)
    ):
        settled *= 1.1
    # In doubling windows until one octave holds nothing of the data.
    profile, step, count = equation.initial_error.resolved_radius, 0.5 / extent, 128
    while True:
        r: FloatArray = step * (np.arange(count, dtype=np.float64) + 0.5)
        log_weight = log_sphere(equation.dim) + (equation.dim - 1) * np.log(r)
        size = np.abs(radial_transform(profile, equation.dim, r, 0.0))
        with np.errstate(divide="ignore"):
            log = 2 * np.log(size) + log_weight
        energy = np.exp(log - log.max()) if np.isfinite(log.max()) else np.zeros(count)
        least = max(0.03 * rtol, 1e-13) ** 2 * energy.sum()
        loud = np.flatnonzero(np.cumsum(energy[::-1])[::-1] > least)
        reach = float(r[loud[-1]]) if loud.size else step
        if reach < r[-1] / 2 or r[-1] > 2 * settled:
            break
        count *= 2
    return float(min(settled, reach + equation.sigma_a * np.log(100 / rtol) + step))


def _estimated(fine: Discretized, t: FloatArray, dynamics: Dynamics, tolerance: float) -> float:
    """Extrapolate from degrees p - 4, p - 2 and p: the differences fall geometrically."""
    top = fine.system
    assert isinstance(top, RadialSystem)
    reference = fine.evolve(dynamics, t).change[0]
    mass = top.blocks[0].mass
    gaps = []
    for degree in (DEGREE - 4, DEGREE - 2):
        axis, place = top.axis.lower(degree)
        lower = Discretized.fitted(
            RadialSystem(top.equation, axis),
            t,
            dynamics,
            tolerance,
            0.0,
            fine.fastest_rate,
        )
        gap = reference.copy()
        gap[:, place] -= lower.evolve(dynamics, t).change[0]
        gaps.append(float(np.sqrt(max((gap * (mass @ gap.T).T).sum(axis=1).max(), 0.0))))
    scale = initial_norm(top)
    ratio = min(gaps[1] / gaps[0], 1.0) if gaps[0] > 0 else 0.0
    return gaps[1] * ratio / scale if scale > 0 else 0.0
