"""What is written down at a recorded step, and what comes of it in a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._support.sizes import interruptible
from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends import Backend, NetworkState

# Products of a Gram matrix that take about a second.
_LONG = 1e9
SERIES = (
    "step",
    "train_output",
    "test_output",
    "weight_norm",
    "frequency_norm",
    "weight_distance",
    "frequency_distance",
    "kernel_drift",
)


@dataclass
class Records:
    """Series over the recorded steps, by name; those that do not apply stay empty."""

    series: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SERIES})

    def __getitem__(self, name: str) -> list[Any]:
        return self.series[name]

    def append(self, row: dict[str, Any]) -> None:
        """Add what was measured at one step."""
        for name, value in row.items():
            self.series[name].append(value)

    def cut(self, count: int) -> None:
        """Drop what comes after so many steps."""
        for values in self.series.values():
            del values[count:]

    def arrays(self) -> dict[str, Any]:
        """As arrays, for a checkpoint."""
        return {f"recorded_{name}": np.array(values) for name, values in self.series.items()}

    @classmethod
    def of(cls, arrays: dict[str, Any]) -> Records:
        """From the arrays of a checkpoint."""
        return cls({name: list(arrays[f"recorded_{name}"]) for name in SERIES})


@dataclass(frozen=True, eq=False)
class Recorder:
    """Measures a state against the one the run began with.

    Attributes
    ----------
    backend : Backend
        Engine of the evaluations.
    x, x_test, probe : ndarray, shape (n, d), or None
        Training points, test points, and the points of the kernel's Gram matrix.
    theta : ndarray
        Parameters at the start.
    frequency_rows, first : int
        Rows that hold frequencies; first trained row.
    gram : ndarray or None
        Gram matrix of the kernel at the start.
    """

    backend: Backend
    x: FloatArray
    x_test: FloatArray | None
    probe: FloatArray | None
    theta: FloatArray
    frequency_rows: int
    first: int
    gram: FloatArray | None

    @classmethod
    def start(
        cls,
        backend: Backend,
        x: FloatArray,
        x_test: FloatArray | None,
        probe: FloatArray | None,
        state: NetworkState,
        first: int,
    ) -> Recorder:
        """A recorder of the run that begins in this state."""
        theta = state.theta.copy()
        gram = None if probe is None else _gram(backend, theta, probe, first)
        return cls(backend, x, x_test, probe, theta, state.frequency_rows, first, gram)

    def shapes(self, count: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the series after so many records."""
        tests = 0 if self.x_test is None else len(self.x_test)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(SERIES, (count,))
        shapes["train_output"] = (count, len(self.x))
        shapes["test_output"] = (count, tests) if tests else (0,)
        return shapes | ({} if self.probe is not None else {"kernel_drift": (0,)})

    def measured(self, state: NetworkState, output: FloatArray) -> dict[str, Any]:
        """What is recorded of a state with this output at the training points, by series."""
        row: dict[str, Any] = {"step": state.step, "train_output": output.copy()}
        if self.x_test is not None:
            row["test_output"] = self.backend.evaluate(state.theta, self.x_test)
        moved = state.theta - self.theta
        for name, rows in (
            ("frequency", slice(0, self.frequency_rows)),
            ("weight", slice(self.frequency_rows, None)),
        ):
            row[f"{name}_norm"] = _length(state.theta[rows])
            row[f"{name}_distance"] = _length(moved[rows])
        if self.probe is not None and self.gram is not None:
            change = _gram(self.backend, state.theta, self.probe, self.first) - self.gram
            # Relative to the largest entry, or squares would overflow or vanish.
            unit = max(float(np.abs(self.gram).max()), 1e-300)
            size = max(float(np.linalg.norm(self.gram / unit)), 1e-300)
            row["kernel_drift"] = float(np.linalg.norm(change / unit)) / size
        return row


def _gram(backend: Backend, theta: FloatArray, probe: FloatArray, first: int) -> FloatArray:
    """Gram matrix of the kernel; Ctrl-C interrupts it where it takes long."""
    if len(probe) ** 2 * theta.size < _LONG:
        return backend.gram(theta, probe, first)

    def compute() -> FloatArray:
        with np.errstate(over="ignore", invalid="ignore"):
            return backend.gram(theta, probe, first)

    return interruptible(compute)


def _length(values: FloatArray) -> float:
    """Euclidean norm; without BLAS, whose last bit depends on its number of threads."""
    return float(np.sqrt(np.sum(values * values)))


def probe_points(x: FloatArray, count: int) -> FloatArray | None:
    """Up to `count` of the points x (n, d), evenly by place; None for count = 0."""
    if count == 0:
        return None
    chosen = np.unique(np.linspace(0, len(x) - 1, min(count, len(x))).astype(int))
    return np.asarray(x[chosen], dtype=np.float64)
