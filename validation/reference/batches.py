"""Every sequence of batches there is, one after the other: means without a formula."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np


def kernel(scale: float, x: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """Kernel of normal frequencies, trained, sigma_a = 1, one dimension; (n, n2)."""
    apart = x[:, None] - x2
    return np.asarray(np.exp(-((scale * apart) ** 2) / 2) * (1 + np.outer(x, x2)))


def steps_of(order: str, points: int, size: int) -> list[list[tuple[int, ...]]]:
    """Equally likely batches of a step, or of all steps of an epoch, as lists of batches."""
    places = range(points)
    if order == "independent":
        return [[batch] for batch in combinations(places, size)]
    if order == "repeated":
        return [[batch] for batch in product(places, repeat=size)]
    return [
        [row[begin : begin + size] for begin in range(0, points, size)]
        for row in permutations(places)
    ]


def enumerated_losses(
    gram: np.ndarray,
    start: np.ndarray,
    steps: list[float],
    order: str,
    size: int,
    momentum: float = 0.0,
    nesterov: bool = False,
    tested: np.ndarray | None = None,
    test_start: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean losses (T + 1,) of training and test over all sequences of batches.

    Parameters
    ----------
    gram : ndarray, shape (N, N)
        Kernel between the samples.
    start : ndarray, shape (N,)
        Initial error.
    steps : list of float
        Size of each step.
    order : {"independent", "repeated", "shuffled"}
        How batches are drawn.
    size : int
        Samples of a batch.
    momentum, nesterov : float, bool
        Heavy ball or Nesterov's momentum.
    tested : ndarray, shape (n, N), optional
        Kernel between test points and samples.
    test_start : ndarray, shape (n,), optional
        Initial error at the test points.
    """
    if tested is None or test_start is None:
        tested, test_start = gram, start
    # All states that sequences so far have led to: error, error at test points, velocity.
    error, off, velocity = start[None], test_start[None], np.zeros((1, len(start)))
    train, test = [np.mean(error**2)], [np.mean(off**2)]
    choices = steps_of(order, len(start), size)
    epoch = len(choices[0])
    assert len(steps) % epoch == 0, "whole epochs only"
    for begin in range(0, len(steps), epoch):
        parts = [(error, off, velocity)] * len(choices)
        for place in range(epoch):
            eta, after = steps[begin + place], []
            for choice, (e, f, v) in zip(choices, parts, strict=True):
                slope = np.zeros_like(e)
                for k in choice[place]:
                    slope[:, k] += e[:, k] / len(choice[place])
                moved = momentum * v + slope
                move = slope + momentum * moved if nesterov else moved
                after.append((e - eta * move @ gram, f - eta * move @ tested.T, moved))
            parts = after
            train.append(np.mean([np.mean(e**2) for e, _, _ in parts]))
            test.append(np.mean([np.mean(f**2) for _, f, _ in parts]))
        error, off, velocity = (np.concatenate(column) for column in zip(*parts, strict=True))
    return np.array(train), np.array(test)
