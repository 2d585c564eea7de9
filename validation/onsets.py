"""When losses fall: training until both are small, and how far the times of two sides are apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ntkfreq import FourierFeatureNet, Onset, grokking_onset, train
from ntkfreq.grokking import PHASES

TIMES = ("t_train", "t_test")


def train_until_small(
    net: FourierFeatureNet,
    x: np.ndarray,
    y: np.ndarray,
    parts: Iterable[tuple[float, int, Any]],
    *,
    test: tuple[np.ndarray, np.ndarray],
    threshold: float,
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
) -> tuple[Onset, int]:
    """Gradient descent, part after part, until training and test loss have both fallen.

    Stopping looks at the network's own losses only; a phase is known by then.

    Parameters
    ----------
    net : FourierFeatureNet
        The initial network.
    x, y : ndarray, shape (n,) or (n, d), and (n,)
        Training data.
    parts : iterable of (float, int, record)
        Step size, number of steps and what to record of each part.
    test : tuple of ndarray
        Test points and values.
    threshold : float
        Loss that counts as small.
    weight_decay, frequency_decay : float
        Rates of decay of output weights and frequencies.

    Returns
    -------
    (Onset, int)
        When the losses fell, and how many steps were taken.
    """
    nowhere = np.zeros((1, 1 if x.ndim == 1 else x.shape[1]))
    rows, start, done = [np.empty((0, 3))], 0.0, 0
    for step_size, steps, record in parts:
        # Descent has no memory: it goes on where the last part stopped.
        history = train(
            net,
            x,
            y,
            step_size=step_size,
            steps=steps,
            test=test,
            record=record,
            frequencies=nowhere,
            kernel_probe=0,
            backend="direct",
            weight_decay=weight_decay,
            frequency_decay=frequency_decay,
        )
        assert history.test_loss is not None
        found = np.column_stack([history.t + start, history.train_loss, history.test_loss])
        rows.append(found[(1 if done else 0) :])
        net, start, done = history.net, float(found[-1, 0]), done + steps
        t, train_loss, test_loss = np.concatenate(rows).T
        onset = grokking_onset(t, train_loss, test_loss, threshold=threshold)
        if np.isfinite([onset.t_train, onset.t_test]).all():
            break
    return onset, done


def columns(onset: Onset, side: str = "") -> dict[str, Any]:
    """Times of an onset, and its phase as a place in `PHASES`, by names that end in the side.

    Examples
    --------
    >>> losses = [1.0, 0.1, 0.1]
    >>> columns(grokking_onset([0.0, 1.0, 2.0], losses, losses, threshold=0.1), "trained")
    {'t_train_trained': 1.0, 't_test_trained': 1.0, 'phase_trained': 3}
    """
    end = f"_{side}" if side else ""
    times = {f"{name}{end}": getattr(onset, name) for name in TIMES}
    return times | {f"phase{end}": PHASES.index(onset.phase)}


def log_ratios(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|ln(one / other)| where either time is finite: infinite where only one of them is."""
    either = np.isfinite(one) | np.isfinite(other)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(np.log(one[either]) - np.log(other[either])))


def percentile(values: np.ndarray, share: float) -> float:
    """Order statistic with at least that share at or below it; infinite values are the largest."""
    return float(np.sort(values)[int(np.ceil(share * values.size)) - 1])


def table(ours: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """How many problems have which predicted (rows) and trained (columns) phase."""
    counts = np.zeros((len(PHASES), len(PHASES)), dtype=int)
    np.add.at(counts, (ours, trained), 1)
    return counts
