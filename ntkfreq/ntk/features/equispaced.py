r"""Equispaced frequencies: the trapezoid rule for :math:`\int\rho_w(w)\cos(w\cdot z)\,dw`.

With spacing h it gives the kernel plus its copies at distances :math:`2\pi/h`, which are below the
tolerance where k has decayed at :math:`2\pi/h - D`; frequencies beyond a reach are left out where
less than the tolerance lies there. All coefficients :math:`h^d\rho_w` are positive.

References
----------
Greengard, Rachh, Barnett, "Equispaced Fourier representations for efficient Gaussian process
regression from a billion data points", SIAM/ASA J. Uncertainty Quantification 13 (2025).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.nodes import Nodes, kernel_error
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.reaches import reaches

# The kernel is looked at up to this many times one over the smallest width of the density, at twice
# so many distances.
_FARTHEST, _LOOKS = 4096.0, 4000
# Directions in which the decay of a kernel is looked for, beyond the axes.
_DIRECTIONS = 8
# A cell of frequencies may hold this many numbers while it is made.
MOST_CELLS = 2**23


def spacing(density: Density, extent: FloatArray, tolerance: float) -> FloatArray | None:
    """Spacing (d,) at which the copies of the kernel are below a tolerance; None if it has a tail.

    Examples
    --------
    >>> from ntkfreq import Laplace, Normal
    >>> round(float(spacing(Normal(scale=20.0), np.array([2.0]), 1e-12)[0]), 1)
    2.6
    >>> spacing(Laplace(scale=20.0), np.array([2.0]), 1e-12) is None
    True
    """
    dim = len(extent)
    if dim > 1 and density.factors is not None:
        # The copies of a product are small where one of its factors is, each at its own distance.
        steps = []
        for axis, factor in enumerate(density.factors):
            step = spacing(factor, extent[axis : axis + 1], tolerance / 4 ** (dim - 1))
            if step is None:
                return None
            steps.append(float(step[0]))
        return np.array(steps)
    width = 1.0 / min(density.widths)
    far = _FARTHEST * width
    line = np.concatenate(
        [np.linspace(0.0, 64 * width, _LOOKS), np.geomspace(64 * width, far, _LOOKS)[1:]]
    )
    directions = np.concatenate(
        [np.eye(dim), np.random.default_rng(0).standard_normal((_DIRECTIONS * (dim > 1), dim))]
    )
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    z = (line[:, None, None] * directions).reshape(-1, dim)
    # A density off 0 has a kernel that oscillates: its envelope is what must decay.
    sizes = np.abs(density.kernel_values(z)).reshape(len(line), -1).max(axis=1)
    above = np.flatnonzero(sizes > tolerance / 4**dim)
    last = int(above[-1]) if above.size else 0
    if last >= len(line) - 1:
        return None
    return np.asarray(2 * np.pi / (extent + line[last + 1]))


def equispaced_nodes(
    density: Density,
    extent: FloatArray,
    tolerance: float,
    most: float = MOST_CELLS,
    *,
    copies: float | None = None,
) -> Nodes | None:
    """Equispaced frequencies for differences up to `extent` (d,); None where there are none.

    Parameters
    ----------
    density : Density
        With a pdf.
    extent : ndarray, shape (d,)
        Largest difference along each axis.
    tolerance : float
        Error of the kernel.
    most : float
        Most cells of the lattice.
    copies : float, optional
        Error of the kernel by its copies, if less than the tolerance.
    """
    if not density.has_pdf:
        return None
    copies = tolerance if copies is None else min(copies, tolerance)
    step = spacing(density, extent, copies)
    if step is None:
        return None
    reach = density.radius(tolerance / 4)
    sides = np.minimum(reach, reaches(density, tolerance / 4))
    half = np.ceil(sides / step)
    if np.prod(2 * half + 1) > most:
        return None
    axes = [np.arange(-count, count + 1).astype(np.int64) for count in half]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(step))
    # One of each pair: the first nonzero entry is positive.
    leading = np.zeros(len(index), dtype=np.int64)
    for column in index.T:
        leading = np.where(leading == 0, np.sign(column), leading)
    index = index[leading >= 0]
    frequencies = index * step
    inside = np.linalg.norm(frequencies, axis=1) <= reach
    index, frequencies = index[inside], frequencies[inside]
    both = density.pdf(frequencies) + density.pdf(-frequencies)
    weights = np.prod(step) * np.where(index.any(axis=1), both, both / 2)
    order = np.argsort(weights)
    few = int(np.searchsorted(np.cumsum(weights[order]), tolerance / 4))
    left, kept = order[:few], np.sort(order[few:])
    kept = kept[weights[kept] > 0]
    beyond = float(np.linalg.norm(frequencies[left], axis=1).min(initial=float(sides.min())))
    found = Nodes(frequencies[kept], weights[kept], step, index[kept], beyond=beyond, copies=copies)
    return replace(found, error=kernel_error(density, found, extent))
