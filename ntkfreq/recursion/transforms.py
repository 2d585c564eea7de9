"""The engine of fast transforms: sums over points and over nodes by non-uniform FFTs."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.recursion.cost import PARALLEL_SECONDS, StepWork
from ntkfreq.recursion.direct import curvature
from ntkfreq.recursion.node_kernels import move_kernel
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import SCALE, SCALE_NEXT
from ntkfreq.recursion.wave_plans import WavePlans

# Nodes of a chunk of moves, and their seconds from which on they are worth the threads.
_CHUNK, _PARALLEL_SECONDS = 512, PARALLEL_SECONDS

_move = {parallel: move_kernel(parallel) for parallel in (False, True)}


class TransformSums:
    """Steps, outputs and products by fast transforms.

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
        self._plans = WavePlans(problem, problem.x, work.side)
        self.parallel = work.node_seconds > _PARALLEL_SECONDS and allowed_threads() > 1

    def steps_at_once(self) -> int:
        """Steps of a call; every step is one of Python's."""
        return 64

    def descend(self, state: FollowedState, rows: FloatArray, base: FloatArray) -> None:
        """Take full-batch steps; `base` holds the initial output (n, N) at each."""
        problem = self.problem
        for row, first in zip(rows, base, strict=True):
            r = problem.weights * (first + state.output - problem.y)
            self.move(state, self.project(r, row[SCALE]), row, problem.floor)
            state.output[:] = self.evaluate(state.moves, row[SCALE_NEXT])

    def descend_batches(
        self, state: FollowedState, rows: FloatArray, base: FloatArray, batches: IntArray
    ) -> None:
        """Take steps on batches (n, B); the output is left as it was."""
        problem = self.problem
        for row, first, which in zip(rows, base, batches, strict=True):
            which = which[which >= 0]
            part = self.on(which)
            output = part.evaluate(state.moves, row[SCALE])
            r = (first[which] + output - problem.y[which]) / len(which)
            self.move(state, part.project(r, row[SCALE]), row, problem.floor)

    def on(self, which: IntArray) -> TransformSums:
        """The same on some of the points, alike in weight."""
        return TransformSums(self.problem.on(which), self.work)

    def project(self, r: FloatArray, scale: float) -> FloatArray:
        """Sums (M, 2 + 2 d) over the points of r, and of r x, times the waves of all nodes."""
        sums = self._plans.project(r, scale)
        pairs = np.zeros((self.problem.nodes.count, 2 + 2 * self.problem.dim))
        pairs[:, 0 : 2 * len(sums) : 2] = sums.real.T
        pairs[:, 1 : 2 * len(sums) : 2] = -sums.imag.T
        return pairs

    def move(
        self, state: FollowedState, sums: FloatArray, row: FloatArray, floor: FloatArray
    ) -> None:
        """One step of all nodes from their sums, of which those up to `floor` are zero."""
        problem = self.problem
        _move[self.parallel](
            problem.trained,
            problem.kind,
            problem.sigma,
            sums,
            floor,
            state.memory,
            state.moves,
            row,
            _CHUNK,
        )

    def evaluate(self, moves: FloatArray, scale: float) -> FloatArray:
        """Output (N,) of moves at frequencies times `scale`."""
        return self._plans.values(self._complex(moves), scale)

    def curvature(self, state: FollowedState, row: FloatArray) -> FloatArray:
        """Preconditioners (M, 2 + 3 d)."""
        return curvature(self.problem, state, row)

    def multiply(self, found: FloatArray, scale: float, r: FloatArray) -> FloatArray:
        """Product (N,) of the preconditioned kernel with r."""
        sums = self._plans.project(r, scale)
        z = np.empty_like(sums)
        z[0] = found[:, 0] * sums[0].real - 1j * found[:, 1] * sums[0].imag
        for k in range(1, len(sums)):
            cc, cs, ss = found[:, 3 * k - 1 : 3 * k + 2].T
            c, s = sums[k].real, -sums[k].imag
            z[k] = cc * c + cs * s + 1j * (cs * c + ss * s)
        return self._plans.values(z * self.problem.nodes.weights, scale)

    def _complex(self, moves: FloatArray) -> ComplexArray:
        """Weighted strengths (1 + d, M) of moves (M, 2 + 2 d)."""
        count = 2 * (1 + self.problem.trained)
        z = moves[:, 0:count:2] + 1j * moves[:, 1:count:2]
        return np.ascontiguousarray((z * self.problem.nodes.weights[:, None]).T)
