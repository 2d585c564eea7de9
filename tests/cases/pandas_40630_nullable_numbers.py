"""Columns of pandas' nullable types, with and without missing entries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ntkfreq import FourierFeatureNet, Normal, error_spectrum, solve_frequency_pde, train

from .dense import losses
from .verdict import Case, both, judge

CASE = Case(
    source="pandas issue 40630, scikit-learn issues 16498 and 34538",
    kind="a missing entry ends in another library's error",
    right="the dense flow of the rows that are there, or a refusal that names the argument and "
    "says to drop the missing ones",
)

X = np.linspace(-1, 1, 32)
Y = np.round(100 * np.sin(3 * X) + 20) / 100
GOOD = np.arange(32) % 7 != 3
RHO = Normal(scale=5.0)
NET = FourierFeatureNet.sample(RHO, 32, zero_output=True, rng=0)
T = [0.0, 1.0, 10.0]
MISSING = "(missing|NaN)"


def solve(x, y):
    return solve_frequency_pde(RHO, (x, y), t=T).train_loss


@CASE.each(Float64="Float64", Float32="Float32")
def complete(dtype):
    y = pd.Series(Y, dtype=dtype)
    held = y.to_numpy(dtype=float)
    solved = judge(lambda: solve(X, y), losses(X, held, 5.0, T))
    return both(solved, judge(lambda: error_spectrum(X, y, [0.0])[0].real, held.mean(), rtol=1e-9))


@CASE.attempt("Int64 as x")
def integers():
    x = pd.Series(np.arange(32), dtype="Int64")
    return judge(lambda: solve(x, Y), losses(np.arange(32), Y, 5.0, T))


@CASE.each(
    Float64_with_NA=pd.Series(np.where(GOOD, Y, np.nan), dtype="Float64"),
    Int64_with_NA=pd.Series(np.where(GOOD, np.round(100 * Y), np.nan), dtype="Int64"),
    float64_with_NaN=pd.Series(np.where(GOOD, Y, np.nan)),
    objects_with_None=pd.Series([y if good else None for y, good in zip(Y, GOOD, strict=True)],
                                dtype=object),
)  # fmt: skip
def missing(y):
    held = np.asarray(y[GOOD].to_numpy(dtype=float))

    def dropped():
        return solve(X[GOOD], y[GOOD])

    solved = judge(
        lambda: solve(X, y), losses(X[GOOD], held, 5.0, T), refusal="^y.*" + MISSING, remedy=dropped
    )
    trained = judge(
        lambda: train(NET, X, y, step_size=0.1, steps=2).train_loss, None, refusal="^y.*" + MISSING
    )
    return both(solved, trained)


@CASE.attempt("missing dates")
def dates():
    x = pd.Series(pd.date_range("2024-01-01", periods=32)).where(GOOD)
    days = np.arange(32.0)[GOOD]
    return judge(
        lambda: solve(x, Y),
        losses(days, Y[GOOD], 5.0, T),
        refusal="^x.*(missing|NaT)",
        remedy=lambda: solve(x[GOOD], Y[GOOD]),
    )
