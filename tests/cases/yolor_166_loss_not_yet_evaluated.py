"""A log whose validation loss is 0 until the first validation: it is not learned at the start."""

from __future__ import annotations

import numpy as np

from ntkfreq import grokking_onset

from .verdict import Case, judge

CASE = Case(
    source="yolor issue 166; logs of Weights and Biases with a validation every so many steps",
    kind="a first passage through a placeholder",
    right="test loss at 0.05 by 20 ln 20 = 59.9 steps, from the records that were evaluated; or a "
    "refusal that says to drop the others",
)

STEP = np.arange(0.0, 101.0)
TRAIN, TEST = np.exp(-STEP), np.exp(-STEP / 20)
RIGHT = 20 * np.log(20)
SEEN = STEP >= 3


def onset(test, keep=slice(None)):
    return grokking_onset(STEP[keep], TRAIN[keep], test[keep], threshold=0.05).t_test


@CASE.attempt("zero until the first validation")
def zeros():
    test = np.where(SEEN, TEST, 0.0)
    return judge(
        lambda: onset(test), RIGHT, rtol=1e-6, refusal="test_loss.*(0|zero)",
        remedy=lambda: onset(test, SEEN),
    )  # fmt: skip


@CASE.attempt("NaN where it was not evaluated")
def gaps():
    every = STEP % 10 == 0
    test = np.where(every, TEST, np.nan)
    return judge(
        lambda: onset(test), RIGHT, rtol=1e-6, refusal="test_loss.*(NaN|missing)",
        remedy=lambda: onset(test, every),
    )  # fmt: skip


@CASE.attempt("the last value repeated until the next")
def held():
    test = np.exp(-(STEP - STEP % 10) / 20)
    # The records say: not at step 59, and at step 60.
    return judge(lambda: onset(test), 60.0, rtol=0.02)
