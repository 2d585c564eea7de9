"""Which backend is fastest for a problem: a cost model with measured constants.

The constants are seconds on one core of a server of 2023 with AVX-512; `benchmarks/training.py`
measures them anew. Machines differ, but less in the ratios, which alone decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ntkfreq._threads import allowed_threads
from ntkfreq._types import FloatArray
from ntkfreq.spectrum import nufft_threads
from ntkfreq.waves import LARGEST_PHASE, largest_phase

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
# Points of the fine grid of a fast transform beyond which it does not fit: 16 bytes each.
LARGEST_GRID = 2e8


@dataclass(frozen=True)
class Work:
    """What evaluating or training a two-layer network takes.

    Attributes
    ----------
    points, units, dim, steps : int
        Sizes.
    phase : float
        Bound on ``|w . x|``.
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
    phase: float
    grid: float
    threads: int

    @classmethod
    def of(cls, w: FloatArray, x: FloatArray, steps: int = 1, threads: int | None = None) -> Work:
        """Of frequencies w (m, d), points x (n, d), a number of steps and of threads."""
        extent = np.ptp(w, axis=0) * np.ptp(x, axis=0)
        return cls(
            points=len(x),
            units=len(w),
            dim=x.shape[1],
            steps=steps,
            phase=largest_phase(x, w),
            grid=float(np.prod(extent / np.pi + 12)),
            threads=min(threads or allowed_threads(), allowed_threads()),
        )

    @property
    def pairs(self) -> int:
        """Pairs of point and unit."""
        return self.points * self.units


def step_seconds(name: str, work: Work) -> float:
    """Expected time of one full-batch step; infinite where the backend cannot take it.

    Examples
    --------
    >>> many = Work(10**5, 10**6, 1, 1, 100.0, 80.0, 2)
    >>> step_seconds("nufft", many) < 0.01 * step_seconds("direct", many)
    True
    """
    if name == "reference":
        return _REFERENCE[0] + _REFERENCE[1] * work.pairs
    if name == "direct":
        if work.phase > LARGEST_PHASE:
            return math.inf
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
    >>> choose(Work(512, 65536, 4, 1000, 30.0, 1e5, 2))[0]
    'direct'
    >>> choose(Work(20, 100, 1, 50, 30.0, 30.0, 2))[0]
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
