"""Elements in the distance from 0: where they end, and how long they are."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.hankel import log_sphere, radial_transform
from ntkfreq.numerics.quadrature import subdivide
from ntkfreq.pde.radial.system import log_rate
from ntkfreq.problem.equation import FrequencyEquation

DEGREE = 12
# Element length times extent in x that this degree resolves to 1e-4, as on the plane.
_PHASE_AT_1E4 = 27.0
# From dimension HIGH on the mesh begins at _NEAR_ZERO over the extent in x, below which the
# spectrum is constant to 1e-5. Within an element r^{d-1} varies by at most _LOG_WEIGHT powers of e,
# or the polynomials would be linearly dependent to rounding.
HIGH, _LOG_WEIGHT, _NEAR_ZERO = 4, 6.0, 0.01


def radial_start(equation: FrequencyEquation, extent: float) -> float:
    """Distance at which the mesh begins: 0, or in high dimensions where there is volume."""
    return 0.0 if equation.dim < HIGH else _NEAR_ZERO / extent


def longest_element(extent: float, rtol: float) -> float:
    """Length of an element that resolves data of this extent to the tolerance."""
    return float(_PHASE_AT_1E4 * (rtol / 1e-4) ** (1 / (DEGREE + 1)) / extent)


def radial_nodes(equation: FrequencyEquation, low: float, end: float, longest: float) -> FloatArray:
    """Elements from `low` to `end`, short where the density or the volume varies."""
    narrow = min(equation.density.widths)
    kinks = equation.density.along(0).landmarks().kinks
    marks = [mark for mark in narrow * np.array([1.0, 2.0, 4.0, 8.0]) if low < mark < end]
    edges = [low, *(marks if narrow < longest / 2 else []), end]
    edges += [kink for kink in kinks if low < kink < end]
    if low > 0:
        ratio = 1 + _LOG_WEIGHT / (equation.dim - 1)
        count = np.ceil(np.log(end / low) / np.log(ratio))
        edges += [mark for mark in low * ratio ** np.arange(1, count) if mark < end / ratio**0.3]
    return subdivide(edges, longest)


def reach_in_x(equation: FrequencyEquation, rtol: float) -> float:
    """How far from 0 in x the error reaches, weighted by volume."""
    r, weights, values = equation.initial_error.resolved_radius.rule()
    with np.errstate(divide="ignore"):
        log = 2 * np.log(np.abs(values)) + (equation.dim - 1) * np.log(r)
    energy = weights * np.exp(log - log.max()) if np.isfinite(log.max()) else weights
    beyond = np.cumsum(energy[::-1])[::-1]
    reach = float(r[beyond > rtol**2 * beyond[0]].max())
    return reach + 4.0 / max(equation.density.widths)


def radial_end(equation: FrequencyEquation, extent: float, t_end: float, rtol: float) -> float:
    """Distance beyond which the solution is its initial state, to a tenth of the tolerance."""
    density = equation.density
    log_strength = np.log((1 + (equation.sigma_a * extent) ** 2) * max(t_end, 1e-300))
    settled = max(density.radius(1e-3), 1e-300)
    highest = density.along(0).landmarks().support[-1][1]
    while settled < highest and np.any(
        log_strength + log_rate(density, settled * np.linspace(1.0, 1.5, 16)) > np.log(0.1 * rtol)
    ):
        settled *= 1.1
    # Windows are doubled until the data are negligible in the last octave.
    profile, step, count = equation.initial_error.resolved_radius, 0.5 / extent, 128
    while True:
        r: FloatArray = step * (np.arange(count, dtype=np.float64) + 0.5)
        log_weight = log_sphere(equation.dim) + (equation.dim - 1) * np.log(r)
        size = np.abs(radial_transform(profile, equation.dim, r, 0.0))
        with np.errstate(divide="ignore"):
            log = 2 * np.log(size) + log_weight
        energy = np.exp(log - log.max()) if np.isfinite(log.max()) else np.zeros(count)
        least = max(0.03 * rtol, 1e-13) ** 2 * energy.sum()
        above = np.flatnonzero(np.cumsum(energy[::-1])[::-1] > least)
        reach = float(r[above[-1]]) if above.size else step
        if reach < r[-1] / 2 or r[-1] > 2 * settled:
            break
        count *= 2
    return float(min(settled, highest, reach + equation.sigma_a * np.log(100 / rtol) + step))
