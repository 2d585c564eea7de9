"""The training loop: steps up to the next record, probe or checkpoint, and what to do there."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from threading import Event

import numpy as np

from ntkfreq._types import FloatArray, IntArray
from ntkfreq.network import checkpoint
from ntkfreq.network.backends import Backend, Descent, NetworkState
from ntkfreq.network.progress import progress_bar
from ntkfreq.network.recording import Recorder, Records

# Steps at whose multiples the loss is looked at between records; fixed, so that the outcome of
# a diverging run depends neither on timing nor on where it was resumed.
PROBE_STEPS = 200
# Growth of the loss beyond which training counts as diverged.
DIVERGED = 1e6
# Longest call of a backend, after which checkpoints and the progress bar get their turn.
_CALL_SECONDS = 1.0
# Set in a run of several: once the event is set, the run ends at its next call of a backend.
STOP: ContextVar[Event | None] = ContextVar("STOP", default=None)


class StoppedError(RuntimeError):
    """A run was told to stop by the call that it is part of."""


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
    """The path of one run: where it stands, what it recorded, what it cost."""

    state: NetworkState
    # Parameters at the last record.
    kept: FloatArray
    records: Records = field(default_factory=Records)
    resumed_from: int = 0
    seconds: float = 0.0
    record_seconds: float = 0.0
    diverged_loss: float | None = None


def mean_square(output: FloatArray, y: FloatArray) -> float:
    """Mean squared error; infinite where the output overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.mean((output - y) ** 2))
    return value if np.isfinite(value) else float("inf")


def descend(problem: Problem, state: NetworkState, backend: Backend, recorder: Recorder) -> Path:
    """Run, or resume, to the last record or until it diverges."""
    path = _resume(problem, state) or Path(state, state.theta.copy())
    state = path.state
    if not path.records["step"]:
        _record(path, recorder, state.output)
    last = int(problem.records[-1])
    limit = DIVERGED * max(
        mean_square(path.records["train_output"][0], problem.y), float(np.mean(problem.y**2))
    )
    saved = time.perf_counter()
    with progress_bar(problem.progress, last, "step", state.step) as bar:
        while state.step < last:
            asked = STOP.get()
            if asked is not None and asked.is_set():
                raise StoppedError("a run of the same call has failed or was interrupted")
            stop = _next_stop(problem, path)
            count = stop.at - state.step
            started = time.perf_counter()
            backend.advance(state, problem.x, problem.y, problem.descent, count)
            path.seconds += time.perf_counter() - started
            if bar is not None:
                bar.update(count)
            if stop.record or stop.probe:
                finite = bool(np.isfinite(state.theta).all())
                output = _output(problem, state, backend) if finite else state.output
                now = mean_square(output, problem.y) if finite else float("inf")
                if now > limit:
                    path.diverged_loss = now
                    return path
                if stop.record:
                    _record(path, recorder, output)
            if problem.checkpoint is not None and (
                state.step == last or time.perf_counter() - saved >= problem.checkpoint_seconds
            ):
                _save(path, problem)
                saved = time.perf_counter()
    return path


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


def _record(path: Path, recorder: Recorder, output: FloatArray) -> None:
    started = time.perf_counter()
    recorder.record(path.records, path.state, output)
    path.kept = path.state.theta.copy()
    path.record_seconds += time.perf_counter() - started


def _save(path: Path, problem: Problem) -> None:
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
    checkpoint.write(problem.checkpoint, problem.mark, arrays | path.records.arrays())


def _resume(problem: Problem, state: NetworkState) -> Path | None:
    if problem.checkpoint is None:
        return None
    saved = checkpoint.read(problem.checkpoint, problem.mark)
    if saved is None:
        return None
    step = int(saved["step"])
    resumed = NetworkState(
        theta=saved["theta"],
        frequency_rows=state.frequency_rows,
        anchor=state.anchor,
        memory=saved["memory"],
        output=saved["output"],
        step=step,
    )
    return Path(resumed, saved["kept"], Records.of(saved), resumed_from=step)
