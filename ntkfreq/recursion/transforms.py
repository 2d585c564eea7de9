r"""The engine of fast transforms: sums over points and over nodes by non-uniform FFTs.

.. math:: \sum_i r_i e^{-iw_j\cdot x_i} = C_j - iS_j, \qquad
          f(x) = \mathrm{Re}\sum_j \rho_j\,(z_j + x\cdot z'_j)\,e^{-iw_j\cdot x},
          \quad z = \alpha + i\beta,

of type 1 and 2 where the nodes are equispaced, of type 3 otherwise. The plans are kept over all
steps; only frequencies that decay take new ones at each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.recursion.cost import StepWork
from ntkfreq.recursion.direct import curvature
from ntkfreq.recursion.node_kernels import move_kernel
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import SCALE, SCALE_NEXT
from ntkfreq.spectra.spectrum import nufft_threads

# Error of a transform relative to the sum of the magnitudes.
_EPS = 1e-10
# Nodes of a chunk of moves, and their seconds from which on they are worth the threads.
_CHUNK, _PARALLEL_SECONDS = 512, 1e-3

_move = {parallel: move_kernel(parallel) for parallel in (False, True)}


class WavePlans:
    """Plans of both directions between points (n, d) and nodes, for frequencies times `scale`.

    Parameters
    ----------
    problem : FollowedProblem
        Nodes, and whether their frequencies are trained.
    x : ndarray, shape (n, d)
        Points.
    """

    def __init__(self, problem: FollowedProblem, x: FloatArray) -> None:
        self.nodes, self.x = problem.nodes, x
        self.rows = 1 + problem.trained
        self._scale = 0.0
        self._plans: tuple[Any, Any] = (None, None)
        if self.nodes.index is not None:
            low, high = self.nodes.index.min(axis=0), self.nodes.index.max(axis=0)
            self._shape = tuple(int(size) for size in high - low + 1)
            # Of an axis of n modes FINUFFT's first is -(n // 2).
            self._first = low + np.array(self._shape) // 2 + 0.5
            self._places = tuple((self.nodes.index - low).T)

    def _set(self, scale: float) -> None:
        """Set the points of both plans."""
        if scale == self._scale:
            return
        import finufft

        self._scale = scale
        threads = nufft_threads(len(self.x) + self.nodes.count)
        options = {"n_trans": self.rows, "eps": _EPS, "isign": -1, "nthreads": threads}
        points = [np.ascontiguousarray(line) for line in (self.x * scale).T]
        if self.nodes.index is not None:
            assert self.nodes.step is not None
            there, back = (finufft.Plan(kind, self._shape, **options) for kind in (1, 2))
            phases = [line * h for line, h in zip(points, self.nodes.step, strict=True)]
            there.setpts(*phases)
            back.setpts(*phases)
            shift = sum(first * line for first, line in zip(self._first, phases, strict=True))
            self._shift = np.cos(shift) - 1j * np.sin(shift)
        else:
            there, back = (finufft.Plan(3, self.nodes.dim, **options) for _ in range(2))
            w = [np.ascontiguousarray(line) for line in self.nodes.frequencies.T]
            none = [None] * (3 - self.nodes.dim)
            there.setpts(*points, *none, *w)
            back.setpts(*w, *none, *points)
            self._shift = np.ones(len(self.x), dtype=np.complex128)
        self._plans = there, back

    def project(self, r: FloatArray, scale: float) -> ComplexArray:
        """Sums over the points of r and r x times e^{-iwx}, shape (1 + d, M); (1, M) if frozen."""
        self._set(scale)
        strengths = np.empty((self.rows, len(r)), dtype=np.complex128)
        strengths[0] = r * self._shift
        strengths[1:] = strengths[0] * self.x.T[: self.rows - 1]
        sums = self._plans[0].execute(strengths[0] if self.rows == 1 else strengths)
        sums = sums.reshape(self.rows, *sums.shape[-self._axes :])
        if self.nodes.index is None:
            return np.asarray(sums)
        return np.asarray(sums[(slice(None), *self._places)])

    def values(self, z: ComplexArray, scale: float) -> FloatArray:
        """Real part at the points of the sum over nodes of z (1 + d, M), the others times x."""
        self._set(scale)
        if self.nodes.index is not None:
            cells = np.zeros((self.rows, *self._shape), dtype=np.complex128)
            cells[(slice(None), *self._places)] = z
            z = cells
        sums = self._plans[1].execute(z[0] if self.rows == 1 else z).reshape(self.rows, -1)
        sums *= self._shift
        total = sums[0].real
        for k in range(1, self.rows):
            total = total + self.x[:, k - 1] * sums[k].real
        return np.asarray(total)

    @property
    def _axes(self) -> int:
        return 1 if self.nodes.index is None else self.nodes.dim


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
        self._plans = WavePlans(problem, problem.x)
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
