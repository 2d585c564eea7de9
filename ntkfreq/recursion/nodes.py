r"""Nodes in w: frequencies and shares that stand for a density, or for a drawn network.

Under a rule that normalizes gradients every frequency moves as fast as any, however little the
error has there, and at the first steps the integrand is a sign. So nodes are equispaced cells out
to where hardly any probability is left, and not a Gauss rule or quantiles, whose error is 10 to 100
times larger at the same number. Since data are real, the halves w and -w move alike: one is kept.

The error falls like the power 3/2 of the spacing in one dimension, as that of a jump does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray, IntArray, PointsLike
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.problem.density import Density

# Spacing times half-extent at a tolerance of 1e-3, in 1, 2, 3 dimensions, and the power of the
# tolerance that it follows.
_SPACING, _POWER = (0.1, 0.1, 0.1), 0.7
# Probability beyond the reach over the tolerance: a tail moves at each of some hundred steps.
_TAIL = 1e-3
# Most cells that are looked at.
_MOST_CELLS = 2e7
# Cells over the smallest width of the density, at least.
_RESOLVED = 2.0


@dataclass(frozen=True, eq=False)
class FrequencyNodes(Portable):
    """Frequencies with shares, one of each pair w, -w.

    Attributes
    ----------
    frequencies : ndarray, shape (M, d)
        Angular frequencies, radians per unit of x.
    weights : ndarray, shape (M,)
        Shares, of sum one.
    step : ndarray, shape (d,), or None
        Spacing of equispaced frequencies.
    index : ndarray of int, shape (M, d), or None
        Frequencies over the spacing, less one half.
    tolerance : float
        That for which they were chosen; 0 for frequencies that are meant as they are.

    Examples
    --------
    >>> nodes = FrequencyNodes(np.array([[1.0], [2.0]]), np.array([0.5, 0.5]))
    >>> nodes.count, nodes.dim
    (2, 1)
    """

    frequencies: FloatArray
    weights: FloatArray
    step: FloatArray | None = None
    index: IntArray | None = None
    tolerance: float = 0.0

    @property
    def count(self) -> int:
        """Number of nodes, M."""
        return len(self.weights)

    @property
    def dim(self) -> int:
        """Dimension d of the frequencies."""
        return int(self.frequencies.shape[1])


def own_nodes(w: PointsLike) -> FrequencyNodes:
    """A network's frequencies as nodes of equal shares: with frozen w that is the network itself.

    Parameters
    ----------
    w : array_like, shape (m,) or (m, d)
        Frequencies.

    Examples
    --------
    >>> own_nodes([3.0, -1.0]).weights
    array([0.5, 0.5])
    """
    frequencies = checks.points("w", w)
    return FrequencyNodes(frequencies, np.full(len(frequencies), 1 / len(frequencies)))


def density_nodes(
    density: Density, x: FloatArray, tolerance: float = 1e-3, *, coarser: float = 1.0
) -> FrequencyNodes:
    """Nodes for a density and data at points x.

    Parameters
    ----------
    density : Density
        Density of the frequencies; atoms are taken as they are.
    x : ndarray, shape (N, d)
        All points at which the output is asked for.
    tolerance : float
        Error of the output that is aimed at, as a root mean square over steps and points, relative
        to that of the values; see `ntkfreq.recursion.path.node_error`.
    coarser : float
        Factor of the spacing, for a second set that tells the error of the first.

    Returns
    -------
    FrequencyNodes

    Raises
    ------
    SizeError
        Where more than 2e7 cells would be needed.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> nodes = density_nodes(Normal(scale=10.0), np.array([[-1.0], [1.0]]), 1e-3)
    >>> nodes.count, round(float(nodes.step[0]), 3), round(float(nodes.weights.sum()), 12)
    (490, 0.1, 1.0)
    """
    tolerance = checks.positive("tolerance", tolerance)
    if density.atomic is not None:
        frequencies, shares = density.atomic
        return FrequencyNodes(np.asarray(frequencies), np.asarray(shares / shares.sum()))
    extent = np.maximum(np.abs(x).max(axis=0), 1e-300)
    reach = density.radius(_TAIL * tolerance)
    spacing = _SPACING[density.dim - 1] * (tolerance / 1e-3) ** _POWER * coarser / extent
    spacing = np.minimum(spacing, reach / 4)
    cells = float(np.prod(reach / spacing)) * 2.0 ** (density.dim - 1)
    if not cells <= _MOST_CELLS:
        raise SizeError(
            f"tolerance={tolerance:g} with frequencies up to {reach:.3g} and points up to "
            f"{extent.max():.3g} from 0 takes {cells:.2g} nodes, above {_MOST_CELLS:.0e}; take a "
            "larger tolerance, or a network's own frequencies as nodes"
        )
    return (
        _on_a_line(density, reach, float(spacing[0]), tolerance)
        if density.dim == 1
        else (_in_space(density, reach, spacing, tolerance))
    )


def _on_a_line(density: Density, reach: float, spacing: float, tolerance: float) -> FrequencyNodes:
    """Cells of the half-line between the kinks, with the probability in each of them."""
    marks = density.landmarks()
    edges = []
    for low, high in marks.support:
        top = min(high, reach)
        if top > low:
            kinks = [kink for kink in marks.kinks if low < kink < top]
            edges.append(subdivide([low, *kinks, top], spacing))
    starts = np.concatenate([part[:-1] for part in edges])
    ends = np.concatenate([part[1:] for part in edges])
    # The probability by panels that end at the edges of cells and wherever the density varies.
    breaks = np.unique(
        np.concatenate([*edges, *[marks.breaks(part[0], part[-1]) for part in edges]])
    )
    xi, weight = panel_rule(breaks, 4)
    cell = np.searchsorted(starts, xi, "right") - 1
    mass = np.bincount(cell, weight * density.even_values(xi), len(starts))
    kept, gaps = mass > 0, ends - starts
    even = bool(np.ptp(gaps) < 1e-9 * gaps[0]) and len(edges) == 1 and edges[0][0] == 0
    return FrequencyNodes(
        ((starts + ends) / 2)[kept, None],
        mass[kept] / mass.sum(),
        gaps[:1] if even else None,
        np.flatnonzero(kept)[:, None] if even else None,
        tolerance,
    )


def _in_space(
    density: Density, reach: float, spacing: FloatArray, tolerance: float
) -> FrequencyNodes:
    """Cells of a lattice in the half-space of positive first coordinate."""
    spacing = np.minimum(spacing, min(density.widths) / _RESOLVED)
    half = np.ceil(reach / spacing).astype(np.int64)
    axes = [np.arange(0 if k == 0 else -n, n) for k, n in enumerate(half)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(half))
    frequencies = (index + 0.5) * spacing
    inside = np.linalg.norm(frequencies, axis=1) <= reach
    index, frequencies = index[inside], frequencies[inside]
    mass = density.even_values(frequencies)
    kept = mass > 0
    return FrequencyNodes(
        frequencies[kept], mass[kept] / mass.sum(), spacing, index[kept], tolerance
    )
