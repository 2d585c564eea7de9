r"""Follow the output of an infinitely wide network under an optimizer, step by step.

With :math:`C = \langle e\cos w\cdot x\rangle`, :math:`S = \langle e\sin w\cdot x\rangle` and, for
every coordinate, :math:`C' = s\langle e\,x\cos w\cdot x\rangle`, S' alike, the output obeys

.. math:: f \leftarrow (1 - d_a) f - \eta_0 \int\rho_w\,[\cos(w\cdot x) D_C + \sin(w\cdot x) D_S
          + s_+\, x\cdot(\cos(w\cdot x) P + \sin(w\cdot x) Q)]\,dw,

D being the rule's direction of the history of each (`rules`), (P, Q) its mean over the units of a
node (`ellipse`, `damped`), :math:`d_a` the share by which output weights decay and s their
contraction so far, :math:`s_+` after the step. What moved is kept per node, at frequencies that
contract where w decays; so the output is known anywhere.

References
----------
Limits of adaptive optimizers in general: Yang, Littwin, arXiv 2308.01814.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.progress import progress_bar
from ntkfreq._support.sizes import MOST_SECONDS, refuse_memory, shown_seconds
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray, PointsLike
from ntkfreq.problem.functions import evaluate
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.recursion.batches import checked_batches
from ntkfreq.recursion.clipped import ClippedSums, ProjectedSums
from ntkfreq.recursion.cost import StepWork, refuse_long
from ntkfreq.recursion.nodes import TRAIN_NEARER, FrequencyNodes
from ntkfreq.recursion.predicted import PredictedPath
from ntkfreq.recursion.problem import FollowedProblem, FollowedState, rounding_floor
from ntkfreq.recursion.recording import PathRecords
from ntkfreq.recursion.rules import (
    OF_UNITS,
    SCALE,
    SHRUNK,
    Rates,
    closed_rule,
    refuse_coupled_decay,
    step_rows,
)
from ntkfreq.recursion.sharpness import EdgeWatch, SharpnessMeter, Sums

# Largest phase w.x of which sine and cosine keep their digits.
_LARGEST_PHASE = 1e6
# Values of an initial output that are evaluated at once where frequencies contract.
_VALUES = 200_000
# A loss so many times the first ends a path.
_DIVERGED = 1e12


def follow(
    nodes: FrequencyNodes,
    x: PointsLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer,
    rates: Rates,
    steps: int,
    sigma_a: float = 1.0,
    freeze_frequencies: bool = False,
    initial: FloatArray | Callable[[FloatArray], FloatArray] | None = None,
    weights: ArrayLike | None = None,
    batches: IntArray | None = None,
    record: int | ArrayLike = 64,
    sharpness: bool = True,
    engine: str = "auto",
    progress: bool = False,
    most_seconds: float = MOST_SECONDS,
) -> PredictedPath:
    """Follow the output of an infinitely wide network.

    Parameters
    ----------
    nodes : FrequencyNodes
        Frequencies and their shares, see `density_nodes` and `own_nodes`.
    x : array_like, shape (N,) or (N, d), d up to 3
        Training points; their origin counts, for cosines and sines are normalized apart.
    y : array_like, shape (N,)
        Values there.
    optimizer : Optimizer
        Update rule with its schedule.
    rates : Rates
        Step sizes, epsilons and decay in the limit, see `Rates.scaled`.
    steps : int
        Number of steps.
    sigma_a : float
        Standard deviation of the initial output weights, of order one.
    freeze_frequencies : bool
        Train a and b only.
    initial : array_like (N,) or callable, optional
        Initial output at the points, or as a function of points (n, d); default 0. It has to be
        a function where frequencies decay, or the output elsewhere is asked for.
    weights : array_like, shape (N,), optional
        Weights of the loss; default equal.
    batches : ndarray of int, shape (steps, B), optional
        Points that each step sees, -1 where a batch is smaller; see `epoch_batches`.
    record : int or array_like of int
        Number of records, evenly in log(1 + step), or the steps to record.
    sharpness : bool
        Whether to look for the edge of stability.
    engine : {"auto", "direct", "nufft"}
        Direct sums, or fast transforms of relative error 1e-10.
    progress : bool
        Show a progress bar.
    most_seconds : float
        Longest run that is begun, by the estimate of `seconds`.

    Returns
    -------
    PredictedPath
        Also where the loss grows without bound: then up to the last record before.

    Raises
    ------
    TypeError, ValueError
        On bad input, on rules and decay that have no closed recursion, and on a run that takes
        too much memory or time.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> from ntkfreq.problem.optimizers import Adam
    >>> from ntkfreq.recursion.nodes import density_nodes
    >>> x = np.linspace(-1, 1, 16)[:, None]
    >>> nodes = density_nodes(Normal(scale=4.0), x, 1e-2)
    >>> rates = Rates.scaled(Adam(), 1e-3, width=1024)
    >>> path = follow(nodes, x, np.sin(3 * x[:, 0]), optimizer=Adam(), rates=rates, steps=100)
    >>> path.output.shape[1], bool(path.loss[-1] < 0.05 * path.loss[0]), path.edge_step
    (16, True, None)
    """
    points = checks.points("x", x, nodes.dim)
    values = checks.values_at("y", y, len(points))
    _refuse_unfit(nodes, points)
    steps = checks.integer("steps", steps, 1)
    sigma_a = checks.non_negative("sigma_a", sigma_a)
    rule = closed_rule(optimizer)
    refuse_coupled_decay(optimizer, rates)
    frozen = freeze_frequencies or sigma_a == 0 or rates.frequency == 0
    rates = rates.frozen() if freeze_frequencies else rates
    start = _InitialOutput(initial, points, rates.frequency_decay > 0)
    batches = None if batches is None else checked_batches(batches, steps, len(points))
    floor = rounding_floor(rule.kind, points, start.at_points - values)
    shares = checks.weights_for("weights", weights, len(points))
    kind = rule.kind if nodes.readout is None else rule.kind + OF_UNITS
    problem = FollowedProblem(nodes, points, values, shares, kind, sigma_a, frozen, floor)
    damped = max(rates.readout_epsilon, rates.frequency_epsilon) > 0
    seen = points if batches is None else points[: batches.shape[1]]
    kinds = {
        "batched": batches is not None,
        "decays": rates.frequency_decay > 0,
        "clipped": optimizer.clip is not None,
    }
    work = StepWork.of(nodes, seen, frozen, damped, **kinds)
    name = checks.choice("engine", engine, ("auto", "direct", "nufft"))
    name = work.faster() if name == "auto" else name
    records = record_steps(record, steps)
    told = work.seconds(name) * steps
    _refuse_large(problem, len(records))
    refuse_long(nodes, len(points), steps, told, most_seconds)
    sums = _engine(name, problem, work, optimizer.clip, rates.readout_norm)
    run = _Run(problem, optimizer, rates, start, batches, sums, steps)
    began = time.perf_counter()
    what = f"follow {nodes.count} nodes, about {shown_seconds(told)}"
    with progress_bar(progress, steps, "step", what=what) as bar:
        found = run.to_the_end(records, sharpness, bar)
    took = time.perf_counter() - began
    return found.path(problem, rates, start.function, name, sums.clipped_steps, took)


class _InitialOutput:
    """The initial output, at the points and where contracted frequencies see them."""

    def __init__(self, initial: Any, x: FloatArray, moves: bool) -> None:
        self.x, self.function = x, initial if callable(initial) else None
        if callable(initial):
            self.at_points = evaluate("initial", initial, x)
        elif initial is None:
            self.at_points = np.zeros(len(x))
        else:
            self.at_points = checks.values_at("initial", initial, len(x))
            if moves and self.at_points.any():
                raise ValueError(
                    "initial must be a function where frequencies decay: it is needed nearer to "
                    "the origin than the points; pass the network itself"
                )
        self.zero = not self.at_points.any() and not (moves and callable(initial))
        self.moves = moves and not self.zero

    def rows(self, rows: FloatArray) -> FloatArray:
        """Initial output (n, N) as it has decayed before each of n steps."""
        if not self.moves:
            return rows[:, SHRUNK, None] * self.at_points
        assert self.function is not None
        x = (rows[:, SCALE, None, None] * self.x).reshape(-1, self.x.shape[1])
        return rows[:, SHRUNK, None] * evaluate("initial", self.function, x).reshape(len(rows), -1)

    def after(self, shrunk: float, scale: float) -> FloatArray:
        """Initial output (N,) as it has decayed."""
        row = np.zeros((1, max(SHRUNK, SCALE) + 1))
        row[0, SHRUNK], row[0, SCALE] = shrunk, scale
        return np.asarray(self.rows(row)[0])


class _Run:
    """One path: its state, and the steps to the next record."""

    def __init__(
        self,
        problem: FollowedProblem,
        optimizer: Optimizer,
        rates: Rates,
        start: _InitialOutput,
        batches: IntArray | None,
        engine: Sums,
        steps: int,
    ) -> None:
        self.problem, self.optimizer, self.rates = problem, optimizer, rates
        self.start, self.batches, self.engine, self.steps = start, batches, engine, steps
        self.state = FollowedState.start(problem)
        self.last_row = np.zeros(0)

    def to_the_end(self, records: IntArray, sharpness: bool, bar: Any) -> PathRecords:
        """All steps, with records on the way; fewer where the loss grows without bound."""
        rule = closed_rule(self.optimizer)
        watch = EdgeWatch(self.optimizer, rule) if sharpness and rule.edge is not None else None
        meter = None if watch is None else SharpnessMeter(self.problem, self.engine)
        found = PathRecords(watch, meter)
        self._record(found)
        first = max(found.loss, float(self.problem.weights @ self.problem.y**2))
        while self.state.step < self.steps:
            due = int(records[np.searchsorted(records, self.state.step, "right")])
            look = due if watch is None or watch.step is not None else watch.next_look
            before = self.state.step
            self._advance(min(due, max(look, before + 1)) - before)
            if bar is not None:
                bar.update(self.state.step - before)
            if self.state.step == due:
                self._record(found)
                if not found.loss <= _DIVERGED * first:
                    found.drop_last()
                    break
            elif watch is not None and self.state.step == watch.next_look:
                found.look(self.state, self.last_row)
        return found

    def _advance(self, count: int) -> None:
        """Take at most `count` steps, as many as one call may."""
        most = self.engine.steps_at_once()
        if self.start.moves:
            most = min(most, max(1, _VALUES // len(self.problem.y)))
        count, step, state = min(count, most), self.state.step, self.state
        rows = step_rows(self.optimizer, self.rates, step, count, state.contraction)
        base = self.start.rows(rows)
        if self.batches is None:
            self.engine.descend(state, rows, base)
        else:
            self.engine.descend_batches(state, rows, base, self.batches[step : step + count])
        state.step += count
        self.last_row = rows[-1]

    def _record(self, found: PathRecords) -> None:
        state = self.state
        if self.batches is not None and state.step > 0:
            state.output = self.engine.evaluate(state.moves, state.contraction.scale)
        contraction = state.contraction
        initial = self.start.after(contraction.shrunk, contraction.scale)
        found.append(self.problem, state, initial, self._sharpness_row())

    def _sharpness_row(self) -> FloatArray | None:
        """Coefficients of the last step; None before the first."""
        return self.last_row if self.state.step else None


def _engine(
    name: str, problem: FollowedProblem, work: StepWork, clip: float | None, readout_norm: float
) -> Sums:
    sums: ProjectedSums
    if name == "direct":
        from ntkfreq.recursion.direct import DirectSums

        sums = DirectSums(problem, work)
    else:
        from ntkfreq.recursion.transforms import TransformSums

        sums = TransformSums(problem, work)
    return sums if clip is None else ClippedSums(sums, clip, readout_norm)


def _refuse_unfit(nodes: FrequencyNodes, x: FloatArray) -> None:
    if nodes.dim > 3:
        raise ValueError(
            f"nodes have dimension {nodes.dim}; the recursion takes up to 3: train networks"
        )
    phase = float((np.abs(nodes.frequencies).max(axis=0) * np.abs(x).max(axis=0)).sum())
    if phase > _LARGEST_PHASE:
        raise ValueError(
            f"x reaches {np.abs(x).max():.3g} and frequencies "
            f"{np.abs(nodes.frequencies).max():.3g}: phases up to {phase:.2g} lose their digits; "
            + TRAIN_NEARER
        )


def _refuse_large(problem: FollowedProblem, records: int) -> None:
    m, n = problem.nodes.count, len(problem.y)
    refuse_memory(
        f"{m} nodes and {n} points with {records} records",
        8.0 * (records * (n + m * (2 + 2 * problem.trained)) + m * (10 + 11 * problem.dim)),
        "record fewer steps, or take nodes of a larger tolerance",
    )


def record_steps(record: Any, steps: int) -> IntArray:
    """Steps to record: about `record` of them, evenly in log(1 + step), or those given.

    Examples
    --------
    >>> record_steps(4, 100), record_steps([10], 20)
    (array([  0,   4,  21, 100]), array([ 0, 10, 20]))
    """
    if np.ndim(record) == 0:
        count = max(2, checks.integer("record", record, 1, 10**6))
        spaced = np.rint(np.expm1(np.linspace(0.0, np.log1p(steps), count)))
        return np.unique(spaced.astype(np.int64))
    given = checks.real_array("record", record, 1)
    if np.any(given != np.rint(given)) or given.min() < 0 or given.max() > steps:
        raise ValueError(f"record={checks.show(given)} must hold integers from 0 to steps={steps}")
    return np.unique(np.concatenate([[0], given.astype(np.int64), [steps]]))
