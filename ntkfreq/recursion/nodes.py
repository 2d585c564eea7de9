r"""Nodes in w: frequencies and shares that stand for a density, or for a drawn network.

Under a rule that normalizes gradients every frequency moves as fast as any, however little the
error has there, and at the first steps the integrand is a sign. So tails count, and high orders do
not pay. In one dimension the nodes are equispaced cells out to where hardly any probability is left
(Gauss rules and quantiles err 10 to 100 times more at the same number). In two and three they lie
on spheres whose radii are quantiles of a wider density, at directions of a Kronecker sequence of
generalized golden ratios; in two dimensions that is a sunflower, which errs 5 times less than a
lattice of the same size. Since data are real, the halves w and -w move alike: one is kept.

The error falls like the power 1.45, 0.85 and 0.75 of the number of nodes in 1, 2 and 3 dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray, PointsLike
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.reaches import reaches, sizes

# Spacing times half-extent at a tolerance of 1e-3 in one dimension, and its power of the tolerance.
_SPACING, _POWER = 0.1, 0.7
# In 2 and 3 dimensions: nodes at a tolerance of 1e-3 where the median frequency times the
# half-extent is 6; powers of that product and of the tolerance; how far the radii are widened.
_NODES, _SIZED, _FALLING, _WIDER = (12_000, 55_000), (0.9, 1.0), (1.18, 1.3), (1.75, 1.5)
_TYPICAL = 6.0
# Powers of the number of nodes by which the error falls.
ORDERS = 1.45, 0.85, 0.75
# Probability beyond the reach over the tolerance: a tail moves at each of some hundred steps.
_TAIL = 1e-3
# Mean distance of probability from the middle of its cell, over the length of the cell, from which
# on nodes lie where it is: a peak within one cell.
_OFF_CENTRE = 0.03
# Most nodes; fewest in space.
_MOST, _FEWEST = 5e6, 64
# Radii and directions at which the mass of a density in space is summed.
_RADII, _DIRECTIONS = 4000, 64
# Points further from 0 than so many times half of what they span are better moved.
_FAR = 4.0
# What it takes to move them: a user's choice, since it is another training.
TRAIN_NEARER = (
    "give x - c with c among the data, and train on x - c as well: the origin of x counts (cosines "
    "and sines learn apart, and frequencies by x times the error), so moving it here alone would "
    "predict another training"
)
# Golden ratio and plastic number: their powers of -1, -2 are the most irrational shifts.
_GOLDEN, _PLASTIC = 1.618033988749895, 1.324717957244746


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
    readout : ndarray, shape (M, 2), or None
        Output weights a, b of each node where it is one unit; None for nodes that stand for units
        of all output weights.

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
    readout: FloatArray | None = None

    @property
    def count(self) -> int:
        """Number of nodes, M."""
        return len(self.weights)

    @property
    def dim(self) -> int:
        """Dimension d of the frequencies."""
        return int(self.frequencies.shape[1])


def own_nodes(
    w: PointsLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> FrequencyNodes:
    """A network's units as nodes of equal shares: with frozen w that is the network itself.

    Parameters
    ----------
    w : array_like, shape (m,) or (m, d)
        Frequencies.
    a, b : array_like, shape (m,), optional
        Output weights. With them a node is a unit that does not move far, and what is left of a
        network is that its units do; without them a node stands for units of all output weights.
        Of neighbours of equal w and opposite a and b, which move the output alike, one is kept.

    Examples
    --------
    >>> own_nodes([3.0, -1.0]).weights
    array([0.5, 0.5])
    >>> own_nodes([3.0, -1.0], [1.0, 0.0], [0.0, 1.0]).readout.shape
    (2, 2)
    """
    frequencies = checks.points("w", w)
    m = len(frequencies)
    readout = None
    if a is not None or b is not None:
        pairs = [checks.values_at(name, one, m) for name, one in (("a", a), ("b", b))]
        readout = np.column_stack(pairs)
        twins = m % 2 == 0 and np.array_equal(frequencies[::2], frequencies[1::2])
        if twins and np.array_equal(readout[::2], -readout[1::2]):
            frequencies, readout, m = frequencies[::2], readout[::2], m // 2
    return FrequencyNodes(frequencies, np.full(m, 1 / m), readout=readout)


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
        Factor of the distance between nodes, for a second set that tells the error of the first.

    Returns
    -------
    FrequencyNodes

    Raises
    ------
    SizeError
        Where more than 5e6 nodes would be needed.

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
    extent = max(float(np.abs(x).max()), 1e-300)
    reach = density.radius(_TAIL * tolerance)
    if density.dim == 1:
        # At the fewest nodes as well the coarser ones are others.
        spacing = coarser * min(_SPACING * (tolerance / 1e-3) ** _POWER / extent, reach / 4)
        _refuse_many(reach / spacing, tolerance, reach, x)
        return _on_a_line(density, reach, spacing, tolerance)
    k = density.dim - 2
    size = density.radius(0.5) * extent / _TYPICAL
    count = _NODES[k] * max(size, 0.1) ** _SIZED[k] * (1e-3 / tolerance) ** _FALLING[k]
    count = max(count, _FEWEST) / coarser**density.dim
    _refuse_many(count, tolerance, reach, x)
    # Distances from 0 are counted in units of how far the density reaches along each axis.
    stretch = sizes(density, 0.5)
    stretch /= stretch.max()
    near, far = density.radius(0.01), reach
    if stretch.min() < 1:
        near, far = (
            float(np.linalg.norm(sides / stretch))
            for sides in (sizes(density, 0.01), reaches(density, _TAIL * tolerance))
        )
    mass = (stretch, *_radial_mass(density, stretch, min(near, far), far))
    nodes = _in_space(density, int(count), *mass, tolerance)
    # Where the density is not alike in all directions some nodes count more than others.
    equal = float(1 / np.sum(nodes.weights**2))
    if equal > 0.8 * count:
        return nodes
    _refuse_many(count**2 / equal, tolerance, reach, x)
    return _in_space(density, int(count**2 / equal), *mass, tolerance)


def _refuse_many(count: float, tolerance: float, reach: float, x: FloatArray) -> None:
    if not count <= _MOST:
        extent = max(float(np.abs(x).max()), 1e-300)
        far = _FAR * float(np.ptp(x / extent, axis=0).max()) / 2 < 1
        remedy = "take a larger tolerance (rtol), or follow the units of a network (initial)"
        raise SizeError(
            f"tolerance={tolerance:g} with rho_w up to {reach:.3g} and x up to {extent:.3g} from 0 "
            f"takes {count:.2g} nodes, above {_MOST:.0e}; " + (TRAIN_NEARER if far else remedy)
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
    share = weight * density.even_values(xi)
    mass = np.bincount(cell, share, len(starts))
    kept, gaps, middles = mass > 0, ends - starts, (starts + ends) / 2
    centres = np.bincount(cell, share * xi, len(starts))[kept] / mass[kept]
    shifts = np.abs(centres - middles[kept]) / gaps[kept]
    if mass[kept] @ shifts > _OFF_CENTRE * mass.sum():
        return FrequencyNodes(centres[:, None], mass[kept] / mass.sum(), tolerance=tolerance)
    even = bool(np.ptp(gaps) < 1e-9 * gaps[0]) and len(edges) == 1 and edges[0][0] == 0
    return FrequencyNodes(
        middles[kept, None],
        mass[kept] / mass.sum(),
        gaps[:1] if even else None,
        np.flatnonzero(kept)[:, None] if even else None,
        tolerance,
    )


def _radial_mass(
    density: Density, stretch: FloatArray, near: float, reach: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Radii up to `reach`, probability beyond each, and the mean density over directions there."""
    radii = np.unique(
        np.concatenate([np.linspace(0.0, near, _RADII), np.geomspace(1e-3 * near, reach, _RADII)])
    )
    mean = np.zeros(len(radii))
    for direction in _directions(_DIRECTIONS, density.dim):
        mean += density.even_values(radii[:, None] * (stretch * direction)) / _DIRECTIONS
    shell = mean * radii ** (density.dim - 1)
    steps = np.diff(radii) * (shell[1:] + shell[:-1]) / 2
    beyond = np.append(np.cumsum(steps[::-1])[::-1], 0.0)
    return radii, beyond / beyond[0], mean


def _directions(count: int, dim: int) -> FloatArray:
    """Unit vectors (count, d) of the half-space of positive first coordinate, evenly spread."""
    k = np.arange(count)
    if dim == 2:
        angle = np.pi * ((k / _GOLDEN + 0.5) % 1 - 0.5)
        return np.column_stack([np.cos(angle), np.sin(angle)])
    height, turn = (k / _PLASTIC + 0.5) % 1, 2 * np.pi * ((k / _PLASTIC**2 + 0.5) % 1)
    side = np.sqrt(1 - height**2)
    return np.column_stack([height, side * np.cos(turn), side * np.sin(turn)])


def _in_space(
    density: Density,
    count: int,
    stretch: FloatArray,
    radii: FloatArray,
    beyond: FloatArray,
    mean: FloatArray,
    tolerance: float,
) -> FrequencyNodes:
    """Nodes at quantiles of the radius, those of a wider density, and even directions."""
    wider = _WIDER[density.dim - 2]
    share = (np.arange(count) + 0.5) / count
    r = np.interp(share**wider, beyond[::-1], radii[::-1])
    frequencies = r[:, None] * _directions(count, density.dim) * stretch
    # Of a density that is alike in all directions the first factor is one.
    alike = density.even_values(frequencies) / np.maximum(np.interp(r, radii, mean), 1e-300)
    mass = alike * share ** (wider - 1)
    kept = mass > 0
    return FrequencyNodes(frequencies[kept], mass[kept] / mass.sum(), tolerance=tolerance)
