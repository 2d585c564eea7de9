"""Ten undersampled problems for deep networks whose output weights alone decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq import (
    FourierFeatureMLP,
    FrequencySolution,
    Normal,
    Onset,
    grokking_onset,
    solve_frequency_pde,
    train,
)

# Share of the largest stable step; times in units of one over the decay; what counts as small.
SHARE, LONG, THRESHOLD, RECORDS = 0.2, 8.0, 0.1, 120
X_TEST = np.linspace(-1.0, 1.0, 101)


@dataclass(frozen=True)
class Problem:
    """A density, a network, samples of a sum of sines, and a decay."""

    scale: float
    activation: str
    depth: int
    tones: tuple[float, ...]
    samples: int
    decay: float
    sigma_a: float

    @property
    def density(self) -> Normal:
        """Of the frequencies."""
        return Normal(scale=self.scale)

    @property
    def x(self) -> np.ndarray:
        """Training points."""
        return np.linspace(-1.0, 1.0, self.samples)

    def y(self, x: np.ndarray) -> np.ndarray:
        """The target, of mean square one."""
        waves = np.sin(np.multiply.outer(x, self.tones)).sum(axis=-1)
        return np.asarray(waves / np.sqrt(len(self.tones) / 2))

    @property
    def name(self) -> str:
        """For tables."""
        tones = " and ".join(f"{tone:g}" for tone in self.tones)
        return (
            f"N(0, {self.scale:g}^2), {self.activation}, depth {self.depth}, tones {tones}, "
            f"{self.samples} samples, decay {self.decay:g}, sigma_a {self.sigma_a:g}"
        )

    def drawn(self, seed: int, width: int) -> FourierFeatureMLP:
        """A network, whose random initial output decay has to take away."""
        rng = np.random.default_rng([width, PROBLEMS.index(self), seed])
        return FourierFeatureMLP.sample(
            self.density, width, depth=self.depth, activation=self.activation,
            sigma_a=self.sigma_a, rng=rng,
        )  # fmt: skip

    def predicted(self, net: FourierFeatureMLP, t: np.ndarray | None = None) -> FrequencySolution:
        """By the kernels of infinite width, from the network's own initial output."""
        end = LONG / self.decay
        return solve_frequency_pde(
            self.density, (self.x, self.y(self.x)), depth=self.depth, activation=self.activation,
            sigma_a=self.sigma_a, readout_decay=self.decay, initial_output=net,
            test=(X_TEST, self.y(X_TEST)),
            t=np.append(0.0, np.geomspace(1e-3 * end, end, 20)) if t is None else t,
        )  # fmt: skip


PROBLEMS = [
    Problem(10.0, "tanh", 1, (3.0,), 14, 0.03, 1.5),
    Problem(8.0, "tanh", 1, (3.0,), 12, 0.02, 1.0),
    Problem(16.0, "relu", 1, (3.0,), 12, 0.02, 1.0),
    Problem(12.0, "relu", 2, (2.0,), 18, 0.05, 1.5),
    Problem(12.0, "tanh", 2, (3.0,), 16, 0.03, 1.5),
    Problem(4.0, "relu", 3, (3.0,), 12, 0.02, 1.0),
    Problem(8.0, "tanh", 3, (2.0, 4.0), 14, 0.03, 0.5),
    Problem(8.0, "tanh", 1, (16.0,), 10, 0.02, 0.5),
    Problem(4.0, "relu", 2, (20.0,), 24, 0.1, 0.5),
    Problem(30.0, "relu", 1, (3.0,), 8, 0.02, 0.5),
]


def onset_of(one: Any) -> Onset:
    """Phase and times of a solution or a history."""
    return grokking_onset(one.t, one.train_loss, one.test_loss, threshold=THRESHOLD)


def readout_cell(problem: int, seed: int, width: int) -> dict[str, Any]:
    """Phases and times, predicted and trained, and the losses of both (R,)."""
    task = PROBLEMS[problem]
    net = task.drawn(seed, width)
    step_size = SHARE * 2 / float(task.predicted(net).stats["fastest_rate"])
    last = int(np.ceil(LONG / task.decay / step_size))
    steps = np.unique(np.rint(np.append(0, np.geomspace(1, last, RECORDS))).astype(int))
    history = train(
        net, task.x, task.y(task.x), step_size=step_size, steps=last, record=steps,
        readout_decay=task.decay, test=(X_TEST, task.y(X_TEST)), kernel_probe=0,
    )  # fmt: skip
    solution = task.predicted(net, history.t)
    found: dict[str, Any] = {"steps": last}
    for side, one in (("predicted", solution), ("trained", history)):
        onset = onset_of(one)
        found |= {
            f"{side}_phase": onset.phase,
            f"{side}_train": onset.t_train,
            f"{side}_test": onset.t_test,
            f"{side}_losses": np.array([one.train_loss, one.test_loss])[:, _shown(len(one.t))],
        }
    return found | {"t": history.t[_shown(len(history.t))]}


def _shown(count: int) -> np.ndarray:
    """Forty of the records, for the figure."""
    return np.unique(np.linspace(0, count - 1, 40).astype(int))
