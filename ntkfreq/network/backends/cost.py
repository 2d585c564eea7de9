"""Which backend is fastest for a problem: a cost model with measured constants.

The constants are seconds on one core of a server of 2023 with AVX-512; `benchmarks/training.py`
measures them anew. Machines differ, but less in the ratios, which alone decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.spectrum import nufft_threads

# NumPy: a step, and a pair of point and unit.
_REFERENCE = 4e-5, 6.0e-8
# Numba: loading it, a step, a unit, and a pair in no dimension and for each.
_DIRECT = 1.0, 8e-6, 3e-8, 1.35e-9, 0.45e-9
# FINUFFT in 1, 2, 3 dimensions: loading it, a step, a point or unit, and a point of the fine grid.
_NUFFT = (
    (0.5, 6e-4, 2.4e-7, 1e-8),
    (0.5, 9e-4, 5.5e-7, 4e-8),
    (0.5, 2e-3, 7.0e-6, 6e-8),
)
# Below this many pairs Numba takes one core: half a millisecond. On two idle cores threads would
# gain 1.9 times from 2e4 on, but where another program wants a core a step waits 10 ms for it.
PARALLEL_PAIRS = 200_000
# Below this many products of point and parameter a deep network takes one core: 5 ms a step, in
# which PyTorch meets its threads some fifty times. Where another program wants a core each meeting
# waits for it, and two threads took 5 to 30 times as long as one (measured, 48 to 512 points).
PARALLEL_PRODUCTS = 10_000_000
# Points of the grid of a fast transform beyond which it does not fit: 75 to 200 bytes each (in
# 1-D and in 3-D), and about two seconds a transform.
LARGEST_GRID = 2e7
# Up to this grid a fast transform is fast enough, whatever direct sums would take.
_SMALL_GRID = 1e5
# Pairs whose direct sums take about a second.
_SECOND_OF_PAIRS = 5e8


@dataclass(frozen=True)
class Work:
    """What evaluating or training a two-layer network takes.

    Attributes
    ----------
    points, units, dim, steps : int
        Sizes.
    grid : float
        Points of the fine grid of a fast transform: the product over the coordinates of the extent
        of x times that of w, about 1/pi each, and the width of the spreading kernel.
    threads : int
        Cores to use.
    """

    points: int
    units: int
    dim: int
    steps: int
    grid: float
    threads: int

    @classmethod
    def of(cls, w: FloatArray, x: FloatArray, steps: int = 1, threads: int | None = None) -> Work:
        """Of frequencies w (m, d), points x (n, d), a number of steps and of threads."""
        return cls(
            points=len(x),
            units=len(w),
            dim=x.shape[1],
            steps=steps,
            grid=grid_points(np.ptp(w, axis=0), np.ptp(x, axis=0)),
            threads=min(threads or allowed_threads(), allowed_threads()),
        )

    @property
    def pairs(self) -> int:
        """Pairs of point and unit."""
        return self.points * self.units


def grid_points(extent_w: FloatArray, extent_x: FloatArray) -> float:
    """Points of the grid of a fast transform between frequencies and points of these extents.

    Examples
    --------
    >>> grid_points(np.array([np.pi]), np.array([88.0]))
    100.0
    """
    with np.errstate(over="ignore"):
        return float(np.prod(extent_w * extent_x / np.pi + 12))


def by_direct_sums(pairs: int, grid: float, dim: int) -> bool:
    """Whether a sum with this grid is left to direct sums: the grid is too large, or costs more.

    Examples
    --------
    >>> by_direct_sums(400, 1e7, 1), by_direct_sums(10**10, 1e7, 1), by_direct_sums(400, 100.0, 1)
    (True, False, False)
    """
    if grid > LARGEST_GRID:
        return True
    return grid > _SMALL_GRID and _DIRECT[3] * pairs < _NUFFT[dim - 1][3] * grid


def out_of_reach(pairs: int, grid: float) -> bool:
    """Whether neither a fast transform nor direct sums give a step in a second or two.

    Examples
    --------
    >>> out_of_reach(10**10, 1e9), out_of_reach(10**10, 1e6), out_of_reach(10**6, 1e9)
    (True, False, False)
    """
    return grid > LARGEST_GRID and pairs > _SECOND_OF_PAIRS


def step_seconds(name: str, work: Work) -> float:
    """Expected time of one full-batch step; infinite where the backend cannot take it.

    Examples
    --------
    >>> many = Work(10**5, 10**6, 1, 1, 80.0, 2)
    >>> step_seconds("nufft", many) < 0.01 * step_seconds("direct", many)
    True
    """
    if name == "reference":
        return _REFERENCE[0] + _REFERENCE[1] * work.pairs
    if name == "direct":
        _, step, unit, pair, along = _DIRECT
        busy = work.threads if work.pairs >= PARALLEL_PAIRS else 1
        return step + (unit * work.units + (pair + along * work.dim) * work.pairs) / busy
    if work.dim > 3 or work.grid > LARGEST_GRID:
        return math.inf
    _, step, place, cell = _NUFFT[work.dim - 1]
    places = work.points + work.units
    busy = work.threads if nufft_threads(places) != 1 else 1
    return step + (place * places + cell * work.grid) / busy


def choose(work: Work) -> tuple[str, str]:
    """Name of the fastest backend for a problem, loading it included, and the reason in words.

    Examples
    --------
    >>> choose(Work(512, 65536, 4, 1000, 1e5, 2))[0]
    'direct'
    >>> choose(Work(20, 100, 1, 50, 30.0, 2))[0]
    'reference'
    """
    loading = {"reference": 0.0, "direct": _DIRECT[0], "nufft": _NUFFT[0][0]}
    costs = {
        name: seconds + work.steps * step_seconds(name, work) for name, seconds in loading.items()
    }
    ranked = sorted(costs, key=costs.__getitem__)
    expected = ", ".join(f"{name} {costs[name]:.2g} s" for name in ranked)
    return ranked[0], (
        f"{work.points} points x {work.units} units x {work.steps} steps in {work.dim}-D; "
        f"expected: {expected}"
    )
