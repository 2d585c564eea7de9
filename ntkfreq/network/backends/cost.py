"""Which backend is fastest for a problem: a cost model with measured constants.

The constants are seconds on one core of a server of 2023 with AVX-512; `benchmarks/training.py`
compares the choice with all backends. Machines differ, but less in the ratios, which alone decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends.loading import loaded_parts, loading_seconds
from ntkfreq.spectra.spectrum import nufft_threads

# NumPy: a step, and a pair of point and unit in one dimension and in more.
_REFERENCE = 3e-5, (6.2e-8, 6.8e-8)
# Numba: a step; a unit and a pair in 1, 2, 3 dimensions; what each further dimension adds to them.
_DIRECT = 1e-5, ((2.6e-8, 8e-10), (2.4e-8, 9.7e-10), (7e-8, 1.45e-9)), (1.2e-8, 2.8e-10)
# FINUFFT in 1, 2, 3 dimensions: a step, a point or unit, and a point of the fine grid.
_NUFFT = ((5e-4, 2.0e-7, 1e-8), (6.5e-4, 5.5e-7, 1.2e-7), (2.3e-3, 5.8e-6, 5e-8))
# Direct sums in place of a transform: a step, and its cost against that of the direct backend,
# which sums output and gradient at once.
_IN_PLACE = 5e-5, 1.25
# An output against a step, which also takes the gradient.
_EVALUATION = 0.6
# Gram matrix of the kernel, a unit: for each of its points in NumPy; compiled, for each point and
# for each entry.
_GRAM = 3.4e-8, (2e-9, 4.5e-10)
# Of the choice between a transform and direct sums within a run. It decides the last bits of
# results, so these two stay as they are when the others are measured anew: a pair in Numba, and a
# point of the grid in 1, 2, 3 dimensions.
_SUMS_PAIR = 1.35e-9
_SUMS_CELL = 1e-8, 4e-8, 6e-8
# Below this many pairs Numba takes one core: half a millisecond. On two idle cores threads would
# gain 1.9 times from 2e4 on, but where another program wants a core a step waits 10 ms for it.
PARALLEL_PAIRS = 200_000
# Below this many products of point and parameter a deep network takes one core: 5 ms a step, in
# which PyTorch meets its threads some fifty times. Where another program wants a core each meeting
# waits for it, and two threads took 5 to 30 times as long as one (measured, 48 to 512 points).
PARALLEL_PRODUCTS = 10_000_000
# Dimensions from which on the kernels of the direct sums are the same.
MOST_AXES = 4
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
    records, probe, tests : int
        Records beside the steps; points of the Gram matrix and test points that each of them takes.
    """

    points: int
    units: int
    dim: int
    steps: int
    grid: float
    threads: int
    records: int = 0
    probe: int = 0
    tests: int = 0

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

    @property
    def parallel(self) -> bool:
        """Whether direct sums take several threads."""
        return self.threads > 1 and self.pairs >= PARALLEL_PAIRS


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
    return grid > _SMALL_GRID and _SUMS_PAIR * pairs < _SUMS_CELL[dim - 1] * grid


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
        return _REFERENCE[0] + _REFERENCE[1][work.dim > 1] * work.pairs
    if name == "direct":
        step, places, further = _DIRECT
        beyond = max(0, work.dim - 3)
        unit, pair = (
            one + beyond * more
            for one, more in zip(places[min(work.dim, 3) - 1], further, strict=True)
        )
        busy = work.threads if work.parallel else 1
        return step + (unit * work.units + pair * work.pairs) / busy
    if work.dim > 3 or work.grid > LARGEST_GRID:
        return math.inf
    if by_direct_sums(work.pairs, work.grid, work.dim):
        return _IN_PLACE[0] + _IN_PLACE[1] * step_seconds("direct", work)
    step, place, cell = _NUFFT[work.dim - 1]
    size = work.points + work.units
    busy = work.threads if nufft_threads(size) != 1 else 1
    return step + (place * size + cell * work.grid) / busy


def record_seconds(name: str, work: Work) -> float:
    """Expected time of a record.

    Examples
    --------
    >>> recorded = Work(100, 1000, 1, 50, 30.0, 2, records=10, probe=8)
    >>> record_seconds("direct", recorded) < 0.3 * record_seconds("reference", recorded)
    True
    """
    compiled = work.probe * (_GRAM[1][0] + work.probe * _GRAM[1][1])
    gram = work.units * (work.probe * _GRAM[0] if name == "reference" else compiled)
    if work.tests == 0:
        return gram
    return gram + _EVALUATION * step_seconds(name, replace(work, points=work.tests))


def choose(work: Work, parts: frozenset[str] | None = None) -> tuple[str, str]:
    """Name of the fastest backend for a problem, loading it included, and the reason in words.

    Parameters
    ----------
    work : Work
        The problem.
    parts : frozenset of str, optional
        Parts of the engines that count as loaded, see `loading`; default those that are.

    Examples
    --------
    >>> choose(Work(512, 65536, 4, 1000, 1e5, 2))[0]
    'direct'
    >>> choose(Work(20, 100, 1, 50, 30.0, 2), frozenset())[0]
    'reference'
    >>> choose(Work(20, 100, 1, 50, 30.0, 2), frozenset({"numba", "functions", "kernels"}))[0]
    'direct'
    """
    if parts is None:
        parts = loaded_parts(min(work.dim, MOST_AXES), work.parallel)
    loading = {
        name: loading_seconds(name, parts, work.parallel)
        for name in ("reference", "direct", "nufft")
    }
    costs = {
        name: seconds
        + work.steps * step_seconds(name, work)
        + work.records * record_seconds(name, work)
        for name, seconds in loading.items()
    }
    ranked = sorted(costs, key=costs.__getitem__)
    expected = ", ".join(
        f"{name} {costs[name]:.2g} s"
        + (f" ({loading[name]:.2g} s of it to load it)" if loading[name] > 0 else "")
        for name in ranked
    )
    return ranked[0], (
        f"{work.points} points x {work.units} units x {work.steps} steps in {work.dim}-D; "
        f"expected: {expected}"
    )
