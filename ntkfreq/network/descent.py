"""The training loop: steps up to the next record, probe or checkpoint, which it then makes."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from threading import Event
from typing import Any

import numpy as np

from ntkfreq._support.progress import progress_bar
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.network import checkpoint
from ntkfreq.network.backends import LARGEST_GRID, Backend, Descent, NetworkState
from ntkfreq.network.backends.limits import LARGEST_WEIGHT
from ntkfreq.network.recording import Recorder, Records

# Steps at whose multiples the loss is checked between records; fixed, so that the outcome of
# a diverging run depends neither on timing nor on where it was resumed.
PROBE_STEPS = 200
# Growth of the loss beyond which training counts as diverged.
DIVERGED = 1e6
# Longest call of a backend, after which checkpoints and the progress bar get their turn.
_CALL_SECONDS = 1.0
# Set in a run of several: once the event is set, the run ends at its next call of a backend.
STOP: ContextVar[Event | None] = ContextVar("STOP", default=None)


class StoppedError(RuntimeError):
    """A run was stopped by the call that it is part of."""


@dataclass(frozen=True)
class Problem:
    """A checked training problem; x (N, d), y (N,)."""

    x: FloatArray
    y: FloatArray
    descent: Descent
    records: IntArray
    mark: str
    checkpoint: FilePath | None = None
    checkpoint_seconds: float = 10.0
    progress: bool = False


@dataclass
class Path:
    """The path of one run: its state, its records, and their cost."""

    state: NetworkState
    # Parameters at the last record.
    kept: FloatArray
    records: Records = field(default_factory=Records)
    resumed_from: int = 0
    seconds: float = 0.0
    record_seconds: float = 0.0
    # How the run diverged, as part of a sentence; why the last checkpoint could not be written.
    diverged: str | None = None
    unsaved: str | None = None


def mean_square(output: FloatArray, y: FloatArray) -> float:
    """Mean squared error; infinite where the output overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.mean((output - y) ** 2))
    return value if np.isfinite(value) else float("inf")


def descend(problem: Problem, state: NetworkState, backend: Backend, recorder: Recorder) -> Path:
    """Run, or resume, to the last record or until it diverges.

    Whatever interrupts it leaves a checkpoint of the last whole step.
    """
    path = _resume(problem, state, recorder) or Path(state, state.theta.copy())
    if not path.records["step"] and not _record(path, recorder, path.state.output):
        raise ValueError(
            "net, x and y are so large together that squares of the first outputs or of the "
            "kernel overflow; choose other units for x or y, or smaller weights"
        )
    last = int(problem.records[-1])
    limit = DIVERGED * max(
        mean_square(path.records["train_output"][0], problem.y), float(np.mean(problem.y**2))
    )
    saved = time.perf_counter()
    with progress_bar(problem.progress, last, "step", path.state.step) as bar:
        while path.state.step < last and path.diverged is None:
            before = _Before.of(problem, path)
            try:
                _go_on(problem, path, backend, recorder, limit)
            except BaseException:
                before.restore(path)
                _save(path, problem)
                raise
            if bar is not None:
                bar.update(path.state.step - before.step)
            if path.diverged is None and (
                path.state.step == last or time.perf_counter() - saved >= problem.checkpoint_seconds
            ):
                _save(path, problem)
                saved = time.perf_counter()
    return path


@dataclass(frozen=True)
class _Before:
    """A path at a whole step, with all its records; without a checkpoint nothing is kept of it."""

    step: int
    count: int
    state: NetworkState | None
    kept: FloatArray

    @classmethod
    def of(cls, problem: Problem, path: Path) -> _Before:
        state = None if problem.checkpoint is None else path.state.copy()
        return cls(path.state.step, len(path.records["step"]), state, path.kept)

    def restore(self, path: Path) -> None:
        """Return to it."""
        if self.state is not None:
            path.state, path.kept = self.state, self.kept
            path.records.cut(self.count)


def _go_on(
    problem: Problem, path: Path, backend: Backend, recorder: Recorder, limit: float
) -> None:
    """Take the next steps, and check their result where that is due."""
    asked = STOP.get()
    if asked is not None and asked.is_set():
        raise StoppedError("a run of the same call has failed or was interrupted")
    state, stop, started = path.state, _next_stop(problem, path), time.perf_counter()
    backend.advance(state, problem.x, problem.y, problem.descent, stop.at - state.step)
    path.seconds += time.perf_counter() - started
    if state.escaped:
        path.diverged = _escape(problem, path)
    elif stop.record or stop.probe:
        output = _output(problem, state, backend)
        now = mean_square(output, problem.y)
        held = now <= limit and bool(np.isfinite(state.memory).all())
        if not held or (stop.record and not _record(path, recorder, output)):
            path.diverged = _loss_rose(problem, path, now)


def _loss_rose(problem: Problem, path: Path, now: float) -> str:
    start = mean_square(path.records["train_output"][0], problem.y)
    return f"the training loss rose from {start:.3g} to {now:.3g}"


def _escape(problem: Problem, path: Path) -> str:
    """How the last step left the limits."""
    theta, rows = path.state.theta, path.state.frequency_rows
    weights = np.abs(theta[rows:]).max()
    if not (np.isfinite(theta).all() and weights <= LARGEST_WEIGHT):
        return _loss_rose(problem, path, float("inf"))
    largest = [float(np.abs(one[:rows]).max()) for one in (path.kept, theta)]
    grown = f"the largest frequency grew from {largest[0]:.3g} to {largest[1]:.3g}"
    if path.state.within():
        return (
            f"{grown}, and the grid of a fast transform to more than {LARGEST_GRID:.0e} points "
            "(direct sums would take seconds a step: backend='direct')"
        )
    return f"{grown}, where double precision does not hold the phases w.x any more"


@dataclass(frozen=True)
class _Stop:
    at: int
    record: bool
    probe: bool


def _next_stop(problem: Problem, path: Path) -> _Stop:
    step = path.state.step
    record = int(problem.records[np.searchsorted(problem.records, step, "right")])
    probe = (step // PROBE_STEPS + 1) * PROBE_STEPS
    taken = step - path.resumed_from
    pace = path.seconds / taken if taken else _CALL_SECONDS
    at = min(record, probe, step + max(1, int(_CALL_SECONDS / max(pace, 1e-9))))
    return _Stop(at, at == record, at == probe)


def _output(problem: Problem, state: NetworkState, backend: Backend) -> FloatArray:
    """Output at the training points, which with batches is not at hand."""
    if problem.descent.batch_size is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            state.output[:] = backend.evaluate(state.theta, problem.x)
    return state.output


def _record(path: Path, recorder: Recorder, output: FloatArray) -> bool:
    """Whether the state could be recorded: all that is measured of it is finite."""
    started = time.perf_counter()
    row = recorder.measured(path.state, output)
    finite = all(np.isfinite(value).all() for value in row.values())
    if finite:
        path.records.append(row)
        path.kept = path.state.theta.copy()
    path.record_seconds += time.perf_counter() - started
    return finite


def _save(path: Path, problem: Problem) -> None:
    """Write a checkpoint; the run goes on where the disk refuses, and says so at its end."""
    if problem.checkpoint is None:
        return
    state = path.state
    arrays = {
        "step": np.int64(state.step),
        "theta": state.theta,
        "memory": state.memory,
        "output": state.output,
        "kept": path.kept,
    }
    try:
        checkpoint.write(problem.checkpoint, problem.mark, arrays | path.records.arrays())
        path.unsaved = None
    except OSError as error:
        path.unsaved = (
            f"checkpoint={str(problem.checkpoint)!r} could not be written at step {state.step} "
            f"({error.strerror or error})"
        )


def _resume(problem: Problem, state: NetworkState, recorder: Recorder) -> Path | None:
    if problem.checkpoint is None:
        return None
    saved = checkpoint.read(problem.checkpoint, problem.mark)
    if saved is None:
        return None
    _refuse_misfits(problem, state, recorder, saved)
    step = int(saved["step"])
    resumed = NetworkState(
        theta=saved["theta"],
        frequency_rows=state.frequency_rows,
        anchor=state.anchor,
        memory=saved["memory"],
        output=saved["output"],
        step=step,
        bound=state.bound,
        scale=state.scale,
        readout_rows=state.readout_rows,
    )
    return Path(resumed, saved["kept"], Records.of(saved), resumed_from=step)


def _refuse_misfits(
    problem: Problem, state: NetworkState, recorder: Recorder, saved: dict[str, Any]
) -> None:
    """Refuse arrays that no checkpoint of this run can hold."""
    assert problem.checkpoint is not None
    step = saved.get("step", np.zeros(0))
    shapes = {
        "step": (),
        "theta": state.theta.shape,
        "memory": state.memory.shape,
        "output": state.output.shape,
        "kept": state.theta.shape,
    }
    if step.shape == () and step.dtype == np.int64 and 0 <= step <= problem.records[-1]:
        count = int(np.searchsorted(problem.records, step, "right"))
        shapes |= {f"recorded_{name}": one for name, one in recorder.shapes(count).items()}
    whole = saved.keys() == shapes.keys() and all(
        saved[name].shape == shape
        and saved[name].dtype == (np.int64 if name.endswith("step") else np.float64)
        and (name == "memory" or np.isfinite(saved[name]).all())
        for name, shape in shapes.items()
    )
    if not (whole and np.array_equal(saved["recorded_step"], problem.records[:count])):
        raise checkpoint.damaged(problem.checkpoint)
