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
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.network.backends import kernels
from ntkfreq.network.backends.cost import PARALLEL_PAIRS
from ntkfreq.network.backends.state import Descent, NetworkState
from ntkfreq.network.backends.stepping import take_steps
from ntkfreq.network.backends.two_layer import TwoLayer
from ntkfreq.network.step_schedules import Constant

# Units a chunk; at most _MAX_CHUNKS buffers of N numbers, fewer where they would take 64 MB.
_MIN_CHUNK, _CHUNK_PAIRS = 32, 10_000
_MAX_CHUNKS = 64
_BUFFER = 8_000_000

_descend = {parallel: kernels.descend_kernel(parallel) for parallel in (False, True)}
_evaluate = {parallel: kernels.evaluate_kernel(parallel) for parallel in (False, True)}
_gradient = {parallel: kernels.gradient_kernel(parallel) for parallel in (False, True)}


def _chunk(points: int, units: int) -> int:
    smallest = max(1, min(_MIN_CHUNK, _CHUNK_PAIRS // points))
    chunks = max(8, min(_MAX_CHUNKS, _BUFFER // points))
    return max(smallest, -(-units // chunks))


def _constants(descent: Descent, step: int, steps: int) -> FloatArray:
    """Step size and coefficients of the optimizer at each of the steps."""
    optimizer = descent.optimizer
    steady = isinstance(optimizer.schedule, Constant) and optimizer.slots < 2
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
        Largest number of threads; default Numba's. The number changes no bit of the result.
    """

    most_threads: int | None = None

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        output, size = np.empty(x.shape[0]), (x.shape[0], theta.shape[1])
        # Fresh arrays: read-only ones are another type to Numba and would compile a second time.
        arguments = np.array(theta), np.array(x.T, order="C"), output, _chunk(*size)
        self._run(_evaluate, size, *arguments)
        return output

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        slope = np.empty((theta.shape[0] - first, theta.shape[1]))
        r = r / math.sqrt(theta.shape[1])
        across = np.array(x.T, order="C")
        size = x.shape[0], theta.shape[1]
        self._run(_gradient, size, np.array(theta), across, r, r * across, first, slope)
        return slope

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take `steps` steps in place."""
        if descent.optimizer.clip is not None or descent.batch_size is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                take_steps(self.evaluate, self.gradient, state, x, y, descent, steps)
            return
        constants = _constants(descent, state.step, steps)
        self._run(
            _descend,
            (y.size, state.theta.shape[1]),
            state.theta,
            state.anchor,
            state.memory,
            state.decay(descent)[:, 0],
            descent.optimizer.decoupled,
            descent.freeze_frequencies,
            constants,
            np.array(x.T, order="C"),
            np.array(y),
            state.output,
            _chunk(y.size, state.theta.shape[1]),
        )
        state.step += steps

    def threads(self, points: int, units: int) -> int:
        """Cores that a step occupies."""
        if points * units < PARALLEL_PAIRS:
            return 1
        available = int(numba.get_num_threads())
        return available if self.most_threads is None else min(available, self.most_threads)

    def warm_up(self, points: int, units: int) -> None:
        """Compile, or load from the cache, what a problem of this size will call."""
        parallel = self.threads(points, units) > 1
        one, grid, theta = np.ones(1), np.ones((1, 1)), np.ones((3, 1))
        _evaluate[parallel](theta, grid, one.copy(), 1)
        _gradient[parallel](theta, grid, one, grid, 0, theta.copy())
        constants = np.zeros((0, 1))
        _descend[parallel](
            theta,
            theta,
            np.zeros((0, 3, 1)),
            np.zeros(3),
            False,
            False,
            constants,
            grid,
            one,
            one.copy(),
            1,
        )

    def _run(
        self, kernel: dict[bool, Callable[..., None]], size: tuple[int, int], *arguments: object
    ) -> None:
        threads = self.threads(*size)
        if threads == 1:
            kernel[False](*arguments)
            return
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            kernel[True](*arguments)
        finally:
            numba.set_num_threads(before)
