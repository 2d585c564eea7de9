"""The training loop: steps up to the next record, probe or checkpoint, and what to do there."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._types import FloatArray, IntArray
from ntkfreq.network import checkpoint
from ntkfreq.network.backends import Backend, Descent, NetworkState

# Steps at whose multiples the loss is looked at between records; fixed, so that the outcome of
# a diverging run depends neither on timing nor on where it was resumed.
PROBE_STEPS = 200
CHECKPOINT_SECONDS = 10.0
# Growth of the loss beyond which training counts as diverged.
DIVERGED = 1e6
# Longest call of a backend, after which checkpoints and the progress bar get their turn.
_CALL_SECONDS = 1.0


@dataclass(frozen=True)
class Problem:
    """A checked training problem; x (N, d), y (N,), test points (n, d) or None."""

    x: FloatArray
    y: FloatArray
    x_test: FloatArray | None
    descent: Descent
    records: IntArray
    mark: str
    checkpoint: str | os.PathLike[str] | None
    progress: bool


@dataclass
class Path:
    """The path of one run: where it stands, what it recorded, what it cost."""

    state: NetworkState
    # Parameters (w, a, b) at the last record.
    kept: tuple[FloatArray, FloatArray, FloatArray]
    step: int = 0
    recorded: list[int] = field(default_factory=list)
    train_output: list[FloatArray] = field(default_factory=list)
    test_output: list[FloatArray] = field(default_factory=list)
    resumed_from: int = 0
    seconds: float = 0.0
    diverged_loss: float | None = None


def mean_square(output: FloatArray, y: FloatArray) -> float:
    """Mean squared error; infinite where the output overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.mean((output - y) ** 2))
    return value if np.isfinite(value) else float("inf")


def descend(problem: Problem, state: NetworkState, backend: Backend) -> Path:
    """Run, or resume, gradient descent to the last record or until it diverges."""
    path = _resume(problem, state) or Path(state, state.parameters())
    if path.step == 0 and not path.recorded:
        _record(path, problem, backend)
    last = int(problem.records[-1])
    first_loss = mean_square(path.train_output[0], problem.y)
    limit = DIVERGED * max(first_loss, float(np.mean(problem.y**2)))
    saved, taken = time.perf_counter(), 0
    with _bar(problem.progress, path.step, last) as bar:
        while path.step < last:
            next_record = int(problem.records[np.searchsorted(problem.records, path.step, "right")])
            probe = (path.step // PROBE_STEPS + 1) * PROBE_STEPS
            pace = path.seconds / taken if taken else _CALL_SECONDS
            stop = min(next_record, probe, path.step + max(1, int(_CALL_SECONDS / max(pace, 1e-9))))
            count = stop - path.step
            started = time.perf_counter()
            backend.advance(path.state, problem.x, problem.y, problem.descent, count)
            path.seconds += time.perf_counter() - started
            path.step, taken = stop, taken + count
            if bar is not None:
                bar.update(count)
            if stop in (next_record, probe):
                now = mean_square(path.state.output, problem.y)
                if now > limit or not path.state.is_finite():
                    path.diverged_loss = now
                    return path
            if stop == next_record:
                _record(path, problem, backend)
            if problem.checkpoint is not None and (
                stop == last or time.perf_counter() - saved >= CHECKPOINT_SECONDS
            ):
                _save(path, problem)
                saved = time.perf_counter()
    return path


def _bar(progress: bool, step: int, steps: int) -> AbstractContextManager[Any]:
    if not progress:
        return nullcontext()
    from tqdm import tqdm

    return tqdm(total=steps, initial=step, unit="step", desc="train")


def _record(path: Path, problem: Problem, backend: Backend) -> None:
    state = path.state
    path.recorded.append(path.step)
    path.train_output.append(state.output.copy())
    if problem.x_test is not None:
        path.test_output.append(backend.evaluate(state.w, state.a, state.b, problem.x_test))
    path.kept = state.parameters()


def _save(path: Path, problem: Problem) -> None:
    if problem.checkpoint is None:
        return
    state = path.state
    arrays = {
        "step": np.int64(path.step),
        "recorded": np.array(path.recorded),
        "train_output": np.array(path.train_output),
        "test_output": np.array(path.test_output),
        "w": state.w,
        "a": state.a,
        "b": state.b,
        "output": state.output,
    }
    arrays |= dict(zip(("kept_w", "kept_a", "kept_b"), path.kept, strict=True))
    checkpoint.write(problem.checkpoint, problem.mark, arrays)


def _resume(problem: Problem, state: NetworkState) -> Path | None:
    if problem.checkpoint is None:
        return None
    saved = checkpoint.read(problem.checkpoint, problem.mark)
    if saved is None:
        return None
    step = int(saved["step"])
    return Path(
        state=NetworkState(saved["w"], saved["a"], saved["b"], state.anchor, saved["output"]),
        step=step,
        recorded=[int(one) for one in saved["recorded"]],
        train_output=list(saved["train_output"]),
        test_output=list(saved["test_output"]),
        kept=(saved["kept_w"], saved["kept_a"], saved["kept_b"]),
        resumed_from=step,
    )
