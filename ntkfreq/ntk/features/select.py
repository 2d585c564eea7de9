"""Which waves a kernel is made up of: on a lattice, or those of a quadrature."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.equispaced import equispaced_nodes
from ntkfreq.ntk.features.nodes import Nodes, operator_error
from ntkfreq.ntk.features.quadrature import quadrature_nodes
from ntkfreq.problem.density import Density

# Equispaced frequencies so few that others are not looked for.
_FEW = 300
# Error of a kernel that is tried first where the strict one takes many waves.
_ROUGH = 1e-4


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
    at, rougher = max(tolerance, _ROUGH), np.inf
    while True:
        found = wave_nodes(density, extent, at, most, few)
        if found is None:
            # Too many: perhaps the step from the last error was too large.
            if not np.isfinite(rougher) or at >= rougher / 2:
                return None
            at = float(np.sqrt(at * rougher))
            continue
        if at <= tolerance:
            return found
        error = operator_error(density, found, x, weights, sigma_a)
        if error <= allowed:
            return found
        rougher, at = at, max(tolerance, at * min(0.8 * allowed / error, 0.5))


def wave_nodes(
    density: Density, extent: FloatArray, tolerance: float, most: float, few: float
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
    found = equispaced_nodes(density, extent, tolerance)
    if found is not None and found.count > most:
        found = None
    if found is not None and found.count <= _FEW:
        return found
    # Nodes off a lattice are worth it where all their modes can be computed.
    fewer = most if found is None else min(found.count, few)
    other = quadrature_nodes(density, extent, tolerance, fewer)
    return found if other is None else other
