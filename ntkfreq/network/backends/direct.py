"""Numba backend: fused direct sums with a branch-free, vectorizing sine-cosine.

Each step recomputes the N x m sines and cosines instead of storing them: the
polynomial costs about 1 ns per pair and core, a stored matrix costs as much in
memory traffic and grows with N m. Within one unit the values are kept, and those at
its updated frequency follow by the addition theorem from the small change of phase. So a
full-batch step needs one sine-cosine a pair; clipping (which needs all of the gradient first)
and batches (which change the points) need two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends import kernels
from ntkfreq.network.backends.cost import MOST_AXES, PARALLEL_PAIRS
from ntkfreq.network.backends.fused_rules import ADAM, FUSED
from ntkfreq.network.backends.loading import note_kernels
from ntkfreq.network.backends.state import Descent, NetworkState
from ntkfreq.network.backends.stepping import take_steps
from ntkfreq.network.backends.two_layer import TwoLayer

# Pairs in a chunk at least (a chunk costs some microseconds beside), and at most so many chunks,
# each of which has a buffer of N numbers: fewer where all would take more than 64 MB.
_CHUNK_PAIRS = 32_768
_MAX_CHUNKS = 64
_BUFFER = 8_000_000
# Pairs of a lap at one thread, a quarter of a second: between two laps Python handles Ctrl-C.
_LAP_PAIRS = 1e8


_descend = {parallel: kernels.descend_kernel(parallel) for parallel in (False, True)}
_evaluate = {parallel: kernels.evaluate_kernel(parallel) for parallel in (False, True)}
_gradient = {parallel: kernels.gradient_kernel(parallel) for parallel in (False, True)}
_gram = kernels.gram_kernel()


def _axes(dim: int) -> tuple[int, ...]:
    return (0,) * min(dim, MOST_AXES)


def _chunk(points: int, units: int) -> int:
    chunks = max(8, min(_MAX_CHUNKS, _BUFFER // points))
    return max(-(-_CHUNK_PAIRS // points), -(-units // chunks))


def _parts(points: int, units: int) -> FloatArray:
    """Buffer for the output of each chunk."""
    return np.empty((-(-units // _chunk(points, units)), points))


def _constants(descent: Descent, step: int, steps: int) -> FloatArray:
    """Step size and coefficients of the optimizer at each of the steps."""
    optimizer = descent.optimizer
    # Adam corrects for the start of its means, by numbers that change from step to step.
    steady = optimizer.schedule.constant and FUSED[type(optimizer)] != ADAM
    rows = [
        (descent.rate(n), *optimizer.coefficients(n))
        for n in range(step, step + (1 if steady else steps))
    ]
    return np.repeat(np.array(rows), steps, axis=0) if steady else np.array(rows)


@dataclass(frozen=True)
class Direct(TwoLayer):
    """The compiled backend.

    Parameters
    ----------
    most_threads : int, optional
        Largest number of threads; default Numba's. One thread has a kernel of its own, which may
        round otherwise; several give the same bits, whatever their number.
    """

    most_threads: int | None = None

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        sizes = x.shape[0], theta.shape[1]
        output, parts, chunk = np.empty(x.shape[0]), _parts(*sizes), _chunk(*sizes)
        # Fresh arrays: read-only ones are another type to Numba and would compile again.
        arrays = np.array(theta), np.array(x.T, order="C")
        with self._kernel(_evaluate, theta, x) as kernel:
            for lap in self._laps(*sizes):
                kernel(_axes(x.shape[1]), *arrays, output, parts, chunk, lap)
        return output

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        slope = np.empty((theta.shape[0] - first, theta.shape[1]))
        r, chunk = r / math.sqrt(theta.shape[1]), _chunk(x.shape[0], theta.shape[1])
        arrays = np.array(theta), np.array(x.T, order="C")
        with self._kernel(_gradient, theta, x) as kernel:
            for lap in self._laps(x.shape[0], theta.shape[1]):
                kernel(_axes(x.shape[1]), *arrays, r, first, slope, chunk, lap)
        return slope

    def gram(self, theta: FloatArray, x: FloatArray, first: int) -> FloatArray:
        """Gram matrix (n, n) of the gradients at few points x: the empirical NTK."""
        out = np.empty((len(x), len(x)))
        _gram(np.array(theta), np.array(x.T, order="C"), first, out)
        return out

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take `steps` steps in place, or fewer: up to one that leaves the limits."""
        optimizer = descent.optimizer
        fused = type(optimizer) in FUSED and optimizer.clip is None
        if not fused or descent.batch_size is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                take_steps(self.evaluate, self.gradient, state, x, y, descent, steps)
            return
        constants, laps = _constants(descent, state.step, steps), self._laps(y.size, state.units)
        parts, across, values = _parts(y.size, state.units), np.array(x.T, order="C"), np.array(y)
        bound = np.zeros(x.shape[1]) if state.bound is None else state.bound
        scale = np.ones(len(state.theta)) if state.scale is None else state.scale[:, 0]
        # All steps in one call, or one step after the other in several.
        for rows in [constants] if len(laps) == 1 else constants[:, None]:
            with self._kernel(_descend, state.theta, x) as kernel:
                taken = [
                    kernel(
                        _axes(x.shape[1]),
                        state.theta,
                        state.anchor,
                        state.memory,
                        state.decay(descent)[:, 0],
                        scale,
                        optimizer.decoupled,
                        FUSED[type(optimizer)],
                        state.first(descent),
                        rows,
                        across,
                        values,
                        state.output,
                        parts,
                        _chunk(y.size, state.units),
                        lap,
                        bound,
                    )
                    for lap in laps
                ]
            state.step += abs(taken[-1])
            state.escaped = min(taken) < 0
            if state.escaped:
                return

    def _laps(self, points: int, units: int) -> list[tuple[int, int]]:
        """Parts of a call: number of each, and how many there are."""
        most = max(1, units // (-(-units // _chunk(points, units))))
        count = min(math.ceil(points * units / self.threads(points, units) / _LAP_PAIRS), most)
        return [(k, count) for k in range(count)]

    def threads(self, points: int, units: int) -> int:
        """Cores that a step occupies."""
        if points * units < PARALLEL_PAIRS:
            return 1
        available = int(numba.get_num_threads())
        return available if self.most_threads is None else min(available, self.most_threads)

    def warm_up(self, points: int, units: int, dim: int) -> None:
        """Compile, or load from the cache, what a problem of this size will call."""
        parallel = self.threads(points, units) > 1
        axes, one, point, theta = _axes(dim), np.ones(1), np.ones((dim, 1)), np.ones((dim + 2, 1))
        parts, lap = np.ones((1, 1)), (0, 1)
        _evaluate[parallel](axes, theta, point, one.copy(), parts, 1, lap)
        _gradient[parallel](axes, theta, point, one, 0, theta.copy(), 1, lap)
        _gram(theta, point, 0, np.empty((1, 1)))
        none, decay, memory = np.zeros((0, 1)), np.zeros(dim + 2), np.zeros((0, dim + 2, 1))
        _descend[parallel](
            axes,
            theta,
            theta,
            memory,
            decay,
            decay,
            False,
            0,
            0,
            none,
            point,
            one,
            one.copy(),
            parts,
            1,
            lap,
            np.zeros(dim),
        )
        note_kernels(len(axes), parallel)

    @contextmanager
    def _kernel(
        self, kernels: dict[bool, Callable[..., Any]], theta: FloatArray, x: FloatArray
    ) -> Iterator[Callable[..., Any]]:
        """The kernel for this problem, while the right number of threads is set."""
        threads = self.threads(x.shape[0], theta.shape[1])
        kernel = kernels[threads > 1]
        if threads == 1:
            yield kernel
            return
        # Only now: asking for the number starts the threads.
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            yield kernel
        finally:
            numba.set_num_threads(before)
