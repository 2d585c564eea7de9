"""Which waves a kernel is made up of: on a lattice, or those of a quadrature."""

from __future__ import annotations

import numpy as np
from scipy import special

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.equispaced import equispaced_nodes, spacing
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.features.operator_error import operator_error, tail_norm
from ntkfreq.ntk.features.quadrature import quadrature_nodes
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.reaches import reaches

# Equispaced frequencies so few that others are not looked for.
_FEW = 300
# Error of a kernel that is tried first where the strict one takes many waves.
_ROUGH = 1e-4
# By what power of the error of the kernel that of the operator falls, until it is seen: 1 for light
# tails, 5/3 for those of three degrees of freedom in the plane.
_SLOPE = 1.3


def waves_for(
    density: Density,
    x: FloatArray,
    weights: FloatArray,
    sigma_a: float,
    extent: FloatArray,
    tolerance: float,
    allowed: float,
    most: float,
    few: float,
) -> Nodes | None:
    """Waves for weighted points (n, d), whose operator has at most an allowed error; None if none.

    A kernel error within the tolerance does; a larger one where what it does to the operator is
    small: of a heavy tail that is left out most entries of a Gram matrix do not notice.
    """
    found = wave_nodes(density, extent, tolerance, min(_FEW, most), few)
    if found is not None:
        return found
    at, rougher, tried = max(tolerance, _ROUGH), np.inf, 0.0
    slope = _SLOPE
    while True:
        found = wave_nodes(density, extent, at, most, few, copies=tolerance)
        if found is None:
            # Too many: perhaps the step from the last error was too large.
            if not np.isfinite(rougher) or at >= rougher / 2:
                return None
            at = float(np.sqrt(at * rougher))
            continue
        if at <= tolerance:
            return found
        error = operator_error(density, found, x, weights, sigma_a, allowed)
        if error <= allowed:
            return found
        if 0 < error < tried and at < rougher:
            slope = float(np.clip(np.log(tried / error) / np.log(rougher / at), 0.5, 3.0))
        rougher, tried = at, error
        at = max(tolerance, at * min((0.8 * allowed / error) ** (1 / slope), 0.7))


def waves_needed(
    density: Density,
    x: FloatArray,
    weights: FloatArray,
    sigma_a: float,
    extent: FloatArray,
    tolerance: float,
    allowed: float,
) -> tuple[float, float]:
    """About how many waves `waves_for` needs on a lattice, and cells of an FFT; before any is made.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import StudentT
    >>> x = np.random.default_rng(0).uniform(-1, 1, (10_000, 2))
    >>> weights, extent = np.full(10_000, 1e-4), np.array([2.0, 2.0])
    >>> wide = StudentT(3, scale=20.0, dim=2)
    >>> waves, _ = waves_needed(wide, x, weights, 0.0, extent, 1e-12, 1e-12)
    >>> bool(waves > 1e7)
    True
    """
    step = spacing(density, extent, tolerance)
    if step is None:
        return np.inf, np.inf
    dim, most = len(extent), float(1 + sigma_a**2 * np.sum(np.max(x**2, axis=0)))
    reach = density.radius(tolerance / 4)
    for tail in np.geomspace(_ROUGH, tolerance, 24) if tolerance < _ROUGH else ():
        closer = density.radius(tail / 4)
        if most * tail_norm(density, x, weights, closer) <= 0.8 * allowed:
            reach = min(reach, closer)
            break
    ball, sides = np.pi ** (dim / 2) / special.gamma(dim / 2 + 1), reaches(density, tolerance / 4)
    turns = np.minimum(reach, sides) / step
    return float(ball / 2 * np.prod(turns)), float(np.prod(4 * turns + 1))


def wave_nodes(
    density: Density,
    extent: FloatArray,
    tolerance: float,
    most: float,
    few: float,
    copies: float | None = None,
) -> Nodes | None:
    """The fewest waves that make up a kernel over an extent (d,), if they are at most so many.

    Parameters
    ----------
    density : Density
        Density of the frequencies; waves serve those with a pdf in up to three dimensions.
    extent : ndarray, shape (d,)
        Largest difference along each axis.
    tolerance : float
        Error of the kernel.
    most : float
        Most waves.
    few : float
        How many have all their modes computed: for more, those on a lattice are faster.
    copies : float, optional
        Error of the kernel by its copies, if less than the tolerance; see
        :mod:`ntkfreq.ntk.features.equispaced`.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Laplace, Normal
    >>> extent = np.array([2.0])
    >>> [wave_nodes(rho, extent, 1e-9, 1e5, 1e3).step is None for rho in (Normal(), Laplace())]
    [False, True]
    """
    if not density.has_pdf or density.dim > 3:
        return None
    found = equispaced_nodes(density, extent, tolerance, copies=copies)
    if found is None and copies is not None:
        found = equispaced_nodes(density, extent, tolerance)
    if found is not None and found.count > most:
        found = None
    if found is not None and found.count <= _FEW:
        return found
    # Nodes off a lattice are worth it where all their modes can be computed.
    fewer = most if found is None else min(found.count, few)
    other = quadrature_nodes(density, extent, tolerance, fewer)
    return found if other is None else other
