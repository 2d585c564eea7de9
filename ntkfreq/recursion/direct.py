"""The engine of direct sums: compiled, fused loops over pairs of node and point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.recursion import kernels
from ntkfreq.recursion.buffers import APART
from ntkfreq.recursion.cost import StepWork
from ntkfreq.recursion.node_kernels import curvature_kernel, move_kernel
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.project_kernels import project_kernel

# Pairs in a chunk at least (a chunk costs a microsecond beside), and at most so many chunks.
_CHUNK_PAIRS, _MAX_CHUNKS = 8192, 64
# Longest lap, after which Python handles Ctrl-C.
_LAP_SECONDS = 0.4

_descend = {parallel: kernels.descend_kernel(parallel) for parallel in (False, True)}
_evaluate = {parallel: kernels.evaluate_kernel(parallel) for parallel in (False, True)}
_batches = {parallel: kernels.batch_kernel(parallel) for parallel in (False, True)}
_multiply = {parallel: kernels.multiply_kernel(parallel) for parallel in (False, True)}
_project = {parallel: project_kernel(parallel) for parallel in (False, True)}
_move = {parallel: move_kernel(parallel) for parallel in (False, True)}
_curvature = curvature_kernel()


class DirectSums:
    """Steps, outputs and products by direct sums.

    Parameters
    ----------
    problem : FollowedProblem
        What is followed.
    work : StepWork
        Cost of a step.
    """

    factor: float = 1.0
    clipped_steps: int | None = None

    def __init__(self, problem: FollowedProblem, work: StepWork) -> None:
        self.problem, self.work = problem, work
        self._axes = (0,) * problem.dim
        self._nodes = np.array(problem.nodes.frequencies.T, order="C")
        self._shares = np.array(problem.nodes.weights)
        self._x = _apart(problem.x.T)

    def steps_at_once(self) -> int:
        """Steps of a call, after which Python handles Ctrl-C."""
        return max(1, int(_LAP_SECONDS / self.work.seconds("direct")))

    def descend(self, state: FollowedState, rows: FloatArray, base: FloatArray) -> None:
        """Take full-batch steps; `base` holds the initial output (n, N) at each."""
        problem, laps, parts = self.problem, self._laps(), self._parts(len(self.problem.y))
        for step in range(0, len(rows), 1 if len(laps) > 1 else len(rows)):
            part = slice(step, step + 1 if len(laps) > 1 else None)
            for lap in laps:
                with self._kernel(_descend) as kernel:
                    kernel(
                        self._axes,
                        problem.kind,
                        problem.frozen,
                        problem.sigma,
                        self._nodes,
                        self._shares,
                        self._x,
                        problem.y,
                        problem.weights,
                        base[part],
                        problem.floor,
                        state.memory,
                        state.moves,
                        state.output,
                        rows[part],
                        parts,
                        self._chunk(len(problem.y)),
                        lap,
                    )

    def descend_batches(
        self, state: FollowedState, rows: FloatArray, base: FloatArray, batches: IntArray
    ) -> None:
        """Take steps on batches (n, B); the output is left as it was."""
        problem = self.problem
        with self._kernel(_batches) as kernel:
            kernel(
                self._axes,
                problem.kind,
                problem.frozen,
                problem.sigma,
                self._nodes,
                self._shares,
                self._x,
                problem.y,
                batches,
                base,
                problem.floor,
                state.memory,
                state.moves,
                rows,
                self._chunk(batches.shape[1]),
            )

    def evaluate(self, moves: FloatArray, scale: float) -> FloatArray:
        """Output (N,) of moves at frequencies times `scale`."""
        count = len(self.problem.y)
        output, parts = np.empty(count), self._parts(count)
        for lap in self._laps():
            with self._kernel(_evaluate) as kernel:
                kernel(
                    self._axes,
                    self.problem.frozen,
                    scale,
                    self._nodes,
                    self._shares,
                    self._x,
                    moves,
                    output,
                    parts,
                    self._chunk(count),
                    lap,
                )
        return output

    def on(self, which: IntArray) -> DirectSums:
        """The same on some of the points, alike in weight."""
        return DirectSums(self.problem.on(which), self.work)

    def project(self, r: FloatArray, scale: float) -> FloatArray:
        """Sums (M, 2 + 2 d) over the points of r, and of r x, times the waves of all nodes."""
        sums, r = np.zeros((self._shares.size, 2 + 2 * self.problem.dim)), _apart(r)
        for lap in self._laps():
            with self._kernel(_project) as kernel:
                kernel(
                    self._axes,
                    self.problem.frozen,
                    scale,
                    self._nodes,
                    self._x,
                    r,
                    sums,
                    self._chunk(r.size),
                    lap,
                )
        return sums

    def move(
        self, state: FollowedState, sums: FloatArray, row: FloatArray, floor: FloatArray
    ) -> None:
        """One step of all nodes from their sums, of which those up to `floor` are zero."""
        problem = self.problem
        with self._kernel(_move) as kernel:
            kernel(
                problem.trained,
                problem.kind,
                problem.sigma,
                sums,
                floor,
                state.memory,
                state.moves,
                row,
                self._chunk(len(problem.y)),
            )

    def curvature(self, state: FollowedState, row: FloatArray) -> FloatArray:
        """Preconditioners (M, 2 + 3 d)."""
        return curvature(self.problem, state, row)

    def multiply(self, found: FloatArray, scale: float, r: FloatArray) -> FloatArray:
        """Product (N,) of the preconditioned kernel with r."""
        product = np.empty(r.size)
        with self._kernel(_multiply) as kernel:
            kernel(
                self._axes,
                self.problem.frozen,
                scale,
                self._nodes,
                self._shares,
                self._x,
                _apart(r),
                found,
                product,
                self._parts(r.size),
                self._chunk(r.size),
            )
        return product

    def _chunk(self, points: int) -> int:
        return max(-(-_CHUNK_PAIRS // points), -(-self._shares.size // _MAX_CHUNKS))

    def _parts(self, points: int) -> FloatArray:
        return np.zeros((-(-self._shares.size // self._chunk(points)), points))

    def _laps(self) -> list[tuple[int, int]]:
        most = self._chunk(len(self.problem.y))
        count = min(max(1, math.ceil(self.work.seconds("direct") / _LAP_SECONDS)), most)
        return [(k, count) for k in range(count)]

    @contextmanager
    def _kernel(self, pair: dict[bool, Callable[..., Any]]) -> Iterator[Callable[..., Any]]:
        """The kernel for this problem, while the right number of threads is set."""
        if not self.work.parallel:
            yield pair[False]
            return
        before = numba.get_num_threads()
        numba.set_num_threads(min(before, allowed_threads()))
        try:
            yield pair[True]
        finally:
            numba.set_num_threads(before)


def _apart(values: FloatArray) -> FloatArray:
    """A copy that is no neighbour of other buffers."""
    room = np.empty(values.size + APART)[: values.size].reshape(values.shape)
    room[...] = values
    return room


def curvature(problem: FollowedProblem, state: FollowedState, row: FloatArray) -> FloatArray:
    """Rates over preconditioners (M, 2 + 3 d) of all nodes."""
    found = np.zeros((problem.nodes.count, 2 + 3 * problem.dim))
    _curvature(problem.trained, problem.kind, problem.sigma, state.memory, row, found)
    return found
