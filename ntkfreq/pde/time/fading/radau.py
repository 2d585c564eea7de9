r"""Radau IIA collocation in time for linear equations with fading memory.

The stages of a step are solved for directly, since the equations are linear; steps adapt to the
error of the *dense output*; a trajectory keeps the collocation data and can be read at any time.
With an odd number of stages the method neither amplifies a decaying mode nor turns its sign,
at any step: the numerator of its stability function has even degree and no real zero.

References
----------
Hairer, Wanner, *Solving Ordinary Differential Equations II*, sections IV.5 and IV.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import BoolArray, FloatArray, IntArray
from ntkfreq.pde.time.fading.stages import RadauStep, State, Tableau, radau

# Share of the tolerance one step may use. The errors of few steps add up in one mode: measured on
# many spectra, the largest error at any time is 0.3 to 0.6 of the tolerance.
_SHARE = 0.5
# An error that a step inherits from the one before may be this multiple of the allowed error.
_INHERITED = 1.6
# Rounding errors contribute about this multiple of themselves to an estimate, at any step length.
_NOISE = 10.0
# Error bounds are estimates times this factor: what first-order estimates neglect was measured at
# up to a fifth of them.
_CAUTION = 1.5
# Step control: the safety factor, and the least and largest ratio of successive step lengths.
_SAFETY, _SHRINK, _GROWTH = 0.9, 0.05, 10.0
# Numbers gathered at a time when a trajectory is read.
_CHUNK = 4_000_000


class MemoryEquations(Protocol):
    """Linear equations with memory, b of them, that `integrate` can advance."""

    @property
    def batched(self) -> bool:
        """Whether results carry the axis of equations."""
        ...

    @property
    def costly(self) -> bool:
        """Whether factorizing takes so long that fewer stages and more steps are faster."""
        ...

    def initial(self) -> State:
        """Everything at t = 0."""
        ...

    def scale(self, end: FloatArray) -> FloatArray:
        """The norm that errors are relative to, shape (b,)."""
        ...

    def fastest(self) -> FloatArray:
        """About the largest rate at t = 0, shape (b,)."""
        ...

    def step(
        self, which: IntArray, t: FloatArray, h: FloatArray, state: State, tableau: Tableau
    ) -> RadauStep:
        """Stages of the equations `which` (b',); `t`, `h` (b,) and `state` are those of all."""
        ...


class _Rows(NamedTuple):
    """Accepted steps sorted by equation, then by time; those of equation i begin at first[i]."""

    first: IntArray
    begin: FloatArray
    length: FloatArray
    nodes: tuple[FloatArray, ...]

    def holding(self, times: FloatArray) -> IntArray:
        """Row of the step that holds each of the times (b, T)."""
        where = np.empty(times.shape, dtype=np.int64)
        for i, row in enumerate(times):
            begin = self.begin[self.first[i] : self.first[i + 1]]
            where[i] = self.first[i] + np.searchsorted(begin, row, side="right") - 1
        return where


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Collocation data of every step: e and the memories at any time.

    Attributes
    ----------
    steps, rejected, factorizations : int
        Accepted and rejected steps, and linear systems factorized; arrays (b,) of a batch.
    estimated_error : float
        Sum of the estimated errors of the accepted steps, relative to `scale`; (b,) of a batch.
        Some twenty times the error, since most of a step's error ends with the step.
    error_bound : float
        Largest sum of a step's estimated error and of what all steps before it carried over,
        half as much again, relative to `scale`; (b,) of a batch. Measured: the largest error in
        time is a tenth of it or more, and never above it, as long as `rounding` is below both.
    rounding : float
        Largest rounding error found in a step, relative to `scale`; (b,) of a batch. Above the
        tolerance it is what limits the accuracy: it grows as time times the fastest rate.
    scale : float
        The norm that errors are relative to; (b,) of a batch.
    end : ndarray, shape (b,)
        Last time.
    """

    steps: Any
    rejected: Any
    factorizations: Any
    estimated_error: Any
    error_bound: Any
    rounding: Any
    scale: Any
    end: FloatArray
    _tableau: Tableau
    _batched: bool
    _rows: _Rows

    @property
    def figures(self) -> Trajectory:
        """The trajectory whose counts and error bounds hold: this one."""
        return self

    def error(self, t: Any) -> FloatArray:
        """Return e at times `t` (T,), shape (T, n, r); of a batch (b, T, n, r), `t` may be (b, T).

        Raises
        ------
        ValueError
            For times outside [0, end].
        """
        return self._read(t, self._rows.nodes[0])

    def memory(self, t: Any) -> tuple[FloatArray, ...]:
        """Return each q_k at times `t`, shape (T, m, r); of a batch (b, T, m, r)."""
        return tuple(self._read(t, nodes) for nodes in self._rows.nodes[1:])

    def _read(self, t: Any, nodes: FloatArray) -> FloatArray:
        count = len(self.end)
        times = np.atleast_1d(checks.real_array("t", t, (0, 1, 2)))
        if times.ndim == 2 and len(times) != count:
            raise ValueError(f"t has {len(times)} rows for {count} equation(s); give one each")
        times = np.broadcast_to(times, (count, times.shape[-1]))
        if np.any((times < 0) | (times > self.end[:, None])):
            raise ValueError(
                f"t reaches from {times.min():g} to {times.max():g}; integrated was from 0 to "
                f"{self.end.min():g}, give times in between or a later t_end"
            )
        where = self._rows.holding(times).ravel()
        tau = (times.ravel() - self._rows.begin[where]) / self._rows.length[where]
        weights = self._tableau.weights(tau)
        out = np.empty((where.size, *nodes.shape[2:]))
        size = max(1, _CHUNK // nodes[0].size)
        for k in range(0, where.size, size):
            part = slice(k, k + size)
            out[part] = np.einsum("ts,tsnr->tnr", weights[part], nodes[where[part]])
        return out.reshape(*(times.shape if self._batched else times.shape[1:]), *out.shape[1:])


class _Clock:
    """Step control: time and step length of every equation, accepted steps and the next length."""

    def __init__(self, end: FloatArray, rate: FloatArray, order: int) -> None:
        self.end = end
        self.t = np.zeros_like(end)
        self.h = 1.0 / np.maximum(rate, 1.0 / end)
        self.attempts = np.zeros((2, len(end)), dtype=np.int64)
        self._order = order
        self._last_h, self._last_size = np.ones_like(end), np.ones_like(end)
        self._steady = np.zeros(len(end), dtype=bool)
        self._refused = np.full_like(end, np.inf)

    @property
    def active(self) -> IntArray:
        """Equations that have not reached their end."""
        return np.flatnonzero(self.t < self.end).astype(np.int64)

    def accept(self, active: IntArray, size: FloatArray) -> BoolArray:
        """Advance where `size`, the estimated error over the allowed one, is at most one."""
        # An error that a stiff mode inherits from the step before is not reduced by a shorter
        # step. It is below the tolerance and gone by the end of the step, so it is accepted.
        inherited = (size <= _INHERITED) & (size >= 0.8 * self._refused[active])
        good = (size <= 1) | inherited
        self._refused[active] = np.where(good, np.inf, size)
        done, h = active[good], self.h[active]
        size = np.maximum(size, 1e-12)
        factor = _SAFETY * size ** (-1 / self._order)
        # Steps grow with time all along: extrapolate the trend of the last two (Gustafsson),
        # else the estimates stay far below what is allowed.
        trend = (self._last_size[active] / size**2) ** (1 / self._order) / self._last_h[active]
        steady = good & self._steady[active]
        factor = np.where(steady, np.minimum(_SAFETY * h * trend, 2 * factor), factor)
        self._last_h[done], self._last_size[done] = h[good], size[good]
        self._steady[active] = good
        self.attempts[0, done] += 1
        self.attempts[1, active[~good]] += 1
        if np.any(self.t[active] + h == self.t[active]):
            raise RuntimeError(
                f"the step fell to {h.min():g} at t={self.t[active].max():g}, below the spacing of "
                "times there; the load or a coefficient changes too fast, or tol is too small"
            )
        left = self.end[done] - self.t[done]
        self.t[done] = np.where(h[good] >= left, self.end[done], self.t[done] + h[good])
        self.h[active] = h * np.clip(factor, _SHRINK, _GROWTH)
        last = self.t + 1.01 * self.h >= self.end
        self.h = np.where(last, self.end - self.t, self.h)
        return good


def stages_for(tol: float, costly: bool) -> int:
    """Number of stages that took the fewest seconds in measurements.

    Where the factorization is costly its growth with the cube of the stages weighs more.
    """
    if costly:
        return 3 if tol >= 3e-7 else 5
    return 3 if tol >= 3e-5 else 5 if tol >= 3e-9 else 7


def integrate(
    problem: MemoryEquations,
    t_end: Any,
    tol: float,
    *,
    stages: int | None = None,
    max_steps: int = 20_000,
    scale: float | None = None,
) -> Trajectory:
    r"""Advance linear equations with memory from 0 to `t_end`.

    The error of e at any time, in its norm relative to that of g(0), stays below `tol`, unless
    rounding errors are larger, which no step avoids: see `Trajectory.rounding`. Rounding errors of
    the load itself are not estimated and must be smaller.

    Parameters
    ----------
    problem : MemoryEquations
        One equation or a batch, each with its own steps.
    t_end : float or array_like, shape (b,)
        Last time, positive.
    tol : float
        Relative tolerance, from 1e-3 down to 1e-12.
    stages : int, optional
        Stages of the method, odd so that no mode oscillates; by the tolerance if not given.
    max_steps : int, default 20000
        Steps, accepted or not, that one equation may take.
    scale : float, optional
        The norm that errors are relative to; that of g(0) if not given.

    Returns
    -------
    Trajectory
        Everything at all times.

    Raises
    ------
    RuntimeError
        When the steps are used up, become too small, or the problem yields a NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq.pde.time.fading.memory import ConstantMemory
    >>> one = ConstantMemory(
    ...     (np.eye(1),), None, [0.0], (np.ones_like,), lambda t: np.ones((*t.shape, 1, 1))
    ... )
    >>> integrate(one, 10.0, 1e-8).error([0.0, 1.0])[:, 0, 0]
    array([1.        , 0.36787944])
    """
    tol = checks.positive("tol", tol)
    max_steps = checks.integer("max_steps", max_steps, 1)
    stages = stages_for(tol, problem.costly) if stages is None else stages
    tableau = radau(checks.integer("stages", stages, 1))
    state = problem.initial()
    end = np.broadcast_to(checks.real_array("t_end", t_end, (0, 1)), (len(state.error),))
    checks.positive("t_end", end.min())
    clock = _Clock(end, problem.fastest(), tableau.stages + 1)
    sizes = problem.scale(end) if scale is None or scale <= 0 else np.full(len(end), float(scale))
    estimated, carried, bound, rounding = np.zeros((4, len(sizes)))
    record: list[tuple[Any, ...]] = []
    while (active := clock.active).size:
        if clock.attempts.sum(axis=0).max() >= max_steps:
            raise RuntimeError(
                f"max_steps={max_steps} steps reached only t={clock.t.min():g}; "
                "raise max_steps or tol (which rounding errors of the load may exceed), or shorten "
                "t_end"
            )
        step = problem.step(active, clock.t, clock.h, state, tableau)
        if not np.all(np.isfinite(step.estimate)):
            raise RuntimeError(
                f"the step from t={clock.t[active].max():g} is not finite; neither is the load, "
                "a coefficient or an operator, or a coefficient grows beyond the floating range"
            )
        allowed = np.maximum(tol * _SHARE * sizes[active], _NOISE * step.noise)
        begin, length = clock.t[active], clock.h[active]
        good = clock.accept(active, step.estimate / allowed)
        done = active[good]
        local = step.estimate[good] / sizes[done]
        estimated[done] += local
        bound[done] = np.maximum(bound[done], carried[done] + local)
        carried[done] += step.carried[good] / sizes[done]
        rounding[done] = np.maximum(rounding[done], step.noise[good] / sizes[done])
        record.append((done, begin[good], length[good], *_hand_over(state, step, done, good)))
    kept = (clock.attempts[0], clock.attempts[1], clock.attempts.sum(axis=0))
    figures = (*kept, estimated, _CAUTION * bound, rounding, sizes)
    if not problem.batched:
        figures = tuple(figure[0].item() for figure in figures)
    return Trajectory(*figures, end, tableau, problem.batched, _sorted_rows(record, len(end)))


def _hand_over(
    state: State, step: RadauStep, done: IntArray, good: BoolArray
) -> tuple[FloatArray, ...]:
    """Start and stages of the accepted steps, (b', s + 1, ...) each; `state` moves to their end."""
    olds = (state.error, *state.memory, *state.slope)
    news = [new[good] for new in (step.error, *step.memory, *step.slope)]
    nodes = tuple(
        np.concatenate([old[done][:, None], new], axis=1)
        for old, new in zip(olds[: 1 + len(state.memory)], news, strict=False)
    )
    for old, new in zip(olds, news, strict=True):
        old[done] = new[:, -1]
    return nodes


def _sorted_rows(record: list[tuple[Any, ...]], count: int) -> _Rows:
    """The accepted steps, which come as one entry a sweep over the active equations."""
    key, begin, length, *nodes = (np.concatenate(column) for column in zip(*record, strict=True))
    order = np.argsort(key, kind="stable")
    first = np.append(0, np.cumsum(np.bincount(key, minlength=count)))
    return _Rows(first, begin[order], length[order], tuple(values[order] for values in nodes))
