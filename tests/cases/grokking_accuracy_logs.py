"""A log of accuracies that reach 100 %: one minus them are losses that are exactly zero."""

from __future__ import annotations

import numpy as np

from ntkfreq import grokking_onset

from .verdict import Case, both, judge

CASE = Case(
    source="logs of the public grokking repositories, an accuracy every 1000 steps",
    kind="a first passage through an exact zero",
    right="training passes 95 % between its records of 50 % at 1000 and 100 % at 2000 (1900 where "
    "the accuracy is a line between them), test between 3000 and 4000: comprehension, not "
    "grokking",
)

STEP = np.arange(0, 9000, 1000.0)
TRAIN = np.array([0.01, 0.50, 1, 1, 1, 1, 1, 1, 1])
TEST = np.array([0.01, 0.05, 0.3, 0.6, 0.97, 1, 1, 1, 1])
# A loss between 0.4 and 0.03 is known to be at 0.05 by its logarithm (3803) or as a line (3946).
LATEST = np.interp(0.95, TEST[:5], STEP[:5])


def times(onset):
    return np.array([onset.t_train, onset.t_test])


def passages(train, test, threshold=0.05):
    """Training at 1900 within 2 %, test within a bound that admits both interpolations."""
    found = judge(
        lambda: grokking_onset(STEP, train, test, threshold=threshold).t_train, 1900.0, rtol=0.02
    )
    tested = judge(
        lambda: grokking_onset(STEP, train, test, threshold=threshold).t_test, LATEST, rtol=0.04
    )
    phase = judge(
        lambda: grokking_onset(STEP, train, test, threshold=threshold).phase == "comprehension",
        True,
    )
    return both(found, tested, phase)


@CASE.attempt("one minus the accuracies")
def one_minus():
    return passages(1 - TRAIN, 1 - TEST)


@CASE.attempt("hundred minus percentages")
def percent():
    return passages(100 - 100 * TRAIN, 100 - 100 * TEST, threshold=5.0)


@CASE.attempt("numbers of errors among 512")
def counts():
    return passages(512 * (1 - TRAIN), 512 * (1 - TEST), threshold=0.05 * 512)


@CASE.attempt("rounding leaves 1e-17 in place of 0")
def nearly_zero():
    return passages(np.maximum(1 - TRAIN, 1e-17), np.maximum(1 - TEST, 1e-17))


@CASE.each(
    accuracies=(TRAIN, TEST, 0.95), percentages=(100 * TRAIN, 100 * TEST, 95.0),
    accuracies_and_a_small_threshold=(TRAIN, TEST, 0.05),
)  # fmt: skip
def as_losses(member):
    train, test, threshold = member
    level = 0.95 if train.max() == 1 else 95.0
    return judge(
        lambda: grokking_onset(STEP, train, test, threshold=threshold).t_train,
        1900.0,
        rtol=0.02,
        refusal="train_loss.*kind='accuracy'",
        remedy=lambda: grokking_onset(STEP, train, test, threshold=level, kind="accuracy").t_train,
    )


@CASE.attempt("fitted at the first record already")
def at_start():
    onset = grokking_onset(STEP, 0 * TRAIN, 1 - TEST, threshold=0.05)
    return judge(lambda: onset.t_train, 0.0)


@CASE.attempt("one decaying exponential: the logarithm")
def exponential():
    t = np.linspace(0, 10, 11)
    return judge(
        lambda: times(grokking_onset(t, np.exp(-2 * t), np.exp(-t), threshold=0.05)),
        np.log(20) / np.array([2.0, 1.0]),
        rtol=1e-9,
    )
