"""From the path of a finished run to its history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.network.backends import Descent, NetworkState
from ntkfreq.network.backends.limits import phase_bound
from ntkfreq.network.descent import Path
from ntkfreq.network.engine import Engine
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.inputs import TrainingData
from ntkfreq.spectra.frequency_grid import default_frequencies
from ntkfreq.spectra.spectrum import fourier_sum

# Steps whose sizes are summed at a time.
_STEPS = 100_000


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A finished run."""

    net: Any
    data: TrainingData
    descent: Descent
    path: Path
    engine: Engine

    def history(
        self,
        frequencies: FloatArray | None,
        settings: dict[str, Any],
        decay_towards: str,
        status: str,
    ) -> TrainHistory:
        """Its path, evaluated at the records."""
        started = time.perf_counter()
        data, records = self.data, self.path.records
        step = np.array(records["step"], dtype=np.int64)
        train_output = np.array(records["train_output"])
        train_error = train_output - data.y
        if frequencies is None:
            reach = float(np.quantile(np.linalg.norm(self.net.w, axis=1), 0.99))
            frequencies = default_frequencies(data.x, train_error[0], reach)
        test, test_loss, spectrum, output = None, None, None, train_output
        if data.x_test is not None and data.y_test is not None:
            output = np.array(records["test_output"])
            test_error = output - data.y_test
            test = (_as_given(data.x_test), data.y_test)
            test_loss = np.mean(test_error**2, axis=1)
            spectrum = _spectrum(data.x_test, test_error, frequencies)
        data_spectrum = _spectrum(data.x, train_error, frequencies)
        self.path.record_seconds += time.perf_counter() - started
        return TrainHistory(
            step=step,
            t=_training_time(self.descent, step),
            train_loss=np.mean(train_error**2, axis=1),
            test_loss=test_loss,
            data_spectrum=data_spectrum,
            spectrum=spectrum,
            output=output,
            train_output=train_output,
            weight_norm=np.array(records["weight_norm"]),
            frequency_norm=np.array(records["frequency_norm"]),
            weight_distance=np.array(records["weight_distance"]),
            frequency_distance=np.array(records["frequency_distance"]),
            kernel_drift=np.array(records["kernel_drift"]) if records["kernel_drift"] else None,
            x=_as_given(data.x),
            y=data.y,
            test=test,
            frequencies=frequencies,
            net=self.net.unpacked(self.path.kept),
            initial_net=self.net,
            descent=self.descent,
            decay_towards=decay_towards,
            precision=self.engine.precision,
            settings=settings,
            stats=self._stats(),
            status=status,
            axis=data.axis,
        )

    def _stats(self) -> dict[str, Any]:
        path, points = self.path, self.data.y.size
        seen = min(points, self.descent.batch_size or points)
        taken = path.state.step - path.resumed_from
        return {
            "backend": self.engine.name,
            "backend_reason": self.engine.reason,
            "threads": self.engine.backend.threads(seen, self.net.width),
            "steps_taken": taken,
            "resumed_from": path.resumed_from,
            "seconds": path.seconds,
            "record_seconds": path.record_seconds,
            "compile_seconds": self.engine.compile_seconds,
            "pairs_per_second": seen * self.net.units * taken / path.seconds if taken else 0.0,
        }


def start_state(
    theta: FloatArray,
    net: Any,
    data: TrainingData,
    engine: Engine,
    descent: Descent,
    decay_towards: str,
) -> NetworkState:
    """State before the first step, with the limits of the run's points."""
    points = data.x if data.x_test is None else np.concatenate([data.x, data.x_test])
    return NetworkState.start(
        theta,
        net.frequency_rows,
        engine.backend.evaluate(theta, data.x),
        descent,
        towards_start=decay_towards == "start",
        bound=phase_bound(points, engine.precision.dtype),
        scale=net.standard_scale() if descent.parametrization == "standard" else None,
        readout_rows=getattr(net, "readout_rows", 0),
    )


def _spectrum(x: FloatArray, error: FloatArray, frequencies: FloatArray) -> ComplexArray:
    """As `error_spectrum`, the same to the last bit on any number of threads."""
    grid = frequencies[:, None] if frequencies.ndim == 1 else frequencies
    return fourier_sum(x, error / len(x), grid, repeatable=True)


def _training_time(descent: Descent, step: IntArray) -> FloatArray:
    """Sum of the step sizes before each step."""
    if descent.optimizer.schedule.constant:
        return np.asarray(descent.step_size * step, dtype=np.float64)
    times, now, start = np.zeros(len(step)), 0.0, 0
    for k, stop in enumerate(step):
        # In the order of the steps, and without all of them at once.
        for first in range(start, int(stop), _STEPS):
            rates = [descent.rate(n) for n in range(first, min(first + _STEPS, int(stop)))]
            now = float(np.cumsum([now, *rates])[-1])
        times[k], start = now, int(stop)
    return times


def _as_given(points: FloatArray) -> FloatArray:
    return points[:, 0] if points.shape[1] == 1 else points
