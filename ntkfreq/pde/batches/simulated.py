"""Losses of many runs of the linear recursion, each with batches of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.batches.modes import BatchModes
from ntkfreq.pde.batches.rule import BatchRule

# Numbers that a part of the runs holds at once.
_HELD = 4_000_000
# A batch of this share of the samples is masked in all of them, a smaller one is gathered, where
# one multiplication takes about so many times as long.
_GATHERED = 8


def refuse_long(modes: BatchModes, steps: int, runs: int, size: int) -> None:
    """Refuse runs that take too long."""
    points, count = modes.count, len(modes.rates)
    rows = min(points, _GATHERED * size)
    refuse_work(
        f"draws={runs} runs of {points} samples, {count} modes, for {steps} steps",
        4.0 * runs * steps * (rows * count + 10.0 * points),
        "give fewer draws or fewer steps",
    )


def simulate(
    modes: BatchModes,
    rule: BatchRule,
    etas: FloatArray,
    records: IntArray,
    batches: Callable[[int], Iterator[IntArray]],
    runs: int,
    rng: np.random.Generator,
    size: int,
) -> tuple[FloatArray, FloatArray | None]:
    """Losses (T, runs) at the samples and at test points.

    `batches` gives, for a number of runs, the batches (runs, B) of one step after the other.
    """
    gathered = size * len(modes.rates) if _GATHERED * size < modes.count else 0
    part = max(1, min(runs, _HELD // max(modes.count, gathered)))
    train, test = [], []
    for begin in range(0, runs, part):
        count = min(part, runs - begin)
        zeta = rng.standard_normal((count, modes.start.shape[1]))
        zeta[:, -1] = 1.0
        first, second = _some(modes, rule, etas, records, batches(count), zeta, size)
        train.append(first)
        test.append(second)
    if modes.tested is None:
        return np.concatenate(train, axis=1), None
    return np.concatenate(train, axis=1), np.concatenate(test, axis=1)


def _some(
    modes: BatchModes,
    rule: BatchRule,
    etas: FloatArray,
    records: IntArray,
    batches: Iterator[IntArray],
    zeta: FloatArray,
    size: int,
) -> tuple[FloatArray, FloatArray]:
    """Losses (T, c) of runs with initial outputs zeta (c, q)."""
    z, rest = zeta @ modes.start.T, zeta @ modes.rest.T
    velocity, steps = np.zeros_like(z), np.zeros_like(z)
    still = np.sum(rest**2, axis=1)
    losses = np.empty((2, len(records), len(z)))
    begin = None if modes.test_start is None else zeta @ modes.test_start.T
    row, last = 0, int(records[-1])
    for step in range(last + 1):
        loss = (np.sum(z**2, axis=1) + still) / modes.count
        rule.refuse_growth(float(np.mean(loss)) / modes.first_loss, step, size)
        while row < len(records) and records[row] == step:
            losses[0, row] = loss
            if begin is not None and modes.tested is not None:
                assert modes.test_weights is not None
                losses[1, row] = (begin + steps @ modes.tested.T) ** 2 @ modes.test_weights
            row += 1
        if step == last:
            break
        slope = _slope(modes, z, rest, next(batches))
        move = rule.of_gradient * slope + rule.of_velocity * velocity
        velocity = rule.beta * velocity + slope
        steps -= etas[step] * move
        z -= etas[step] * modes.rates * move
    return losses[0], losses[1]


def _slope(modes: BatchModes, z: FloatArray, rest: FloatArray, batch: IntArray) -> FloatArray:
    """Gradient of a batch (c, B) in modes, (c, r)."""
    runs, size = batch.shape
    if _GATHERED * size < modes.count:
        seen = modes.vectors[batch]
        error = (seen @ z[:, :, None])[:, :, 0] + np.take_along_axis(rest, batch, axis=1)
        return np.asarray((error[:, None, :] @ seen)[:, 0] / size)
    times = np.zeros((runs, modes.count))
    # Samples may be several times in a batch.
    np.add.at(times, (np.arange(runs)[:, None], batch), 1 / size)
    error = z @ modes.vectors.T + rest
    return np.asarray((times * error) @ modes.vectors)
