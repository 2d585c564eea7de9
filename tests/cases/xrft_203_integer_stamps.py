"""The log of an oscilloscope: integer nanoseconds since 1970, more digits than a double holds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ntkfreq import Normal, Points, error_spectrum, ntk_gram, solve_frequency_pde

from .dense import losses, normal_kernel
from .verdict import Case, judge

CASE = Case(
    source="xrft issue 203, stamps of dtype int64",
    kind="integers lose their digits",
    right="gaps of 1000 stay 1000, distinct stamps stay distinct; or a refusal that says to "
    "subtract the first stamp, after which they do",
)

START = 1_600_000_000_000_000_000
COUNT = 64
Y = np.sin(np.arange(COUNT) / 3)
REFUSAL = "x.*(subtract|digits|2\\*\\*53)"


def stamps(step):
    return START + step * np.arange(COUNT, dtype=np.int64)


def gaps(x):
    return np.unique(np.diff(Points(x).x[:, 0]))


@CASE.each(every_1000_ns=1000, every_100_ns=100, every_ns=1)
def points(step):
    x = stamps(step)
    return judge(
        lambda: gaps(x), np.array([float(step)]), refusal=REFUSAL, remedy=lambda: gaps(x - x[0])
    )


@CASE.each(
    unsigned=stamps(100).astype(np.uint64),
    list_of_integers=[int(i) for i in stamps(100)],
    pandas=pd.Series(stamps(100)),
    pandas_nullable=pd.Series(stamps(100), dtype="Int64"),
    objects=stamps(100).astype(object),
)
def containers(x):
    return judge(
        lambda: gaps(x),
        np.array([100.0]),
        refusal=REFUSAL,
        remedy=lambda: gaps(np.array([int(i) - START for i in x])),
    )


@CASE.attempt("losses")
def loss():
    x = stamps(100)
    t = [0.0, 1.0, 10.0]
    right = losses(x - x[0], Y, 1e-3, t, sigma_a=0.0)

    def call(x):
        return solve_frequency_pde(Normal(scale=1e-3), (x, Y), sigma_a=0.0, t=t).train_loss

    return judge(lambda: call(x), right, refusal=REFUSAL, remedy=lambda: call(x - x[0]))


@CASE.attempt("kernel")
def kernel():
    x = stamps(100)
    right = normal_kernel(x[:3] - x[0], x[:3] - x[0], 1e-3)

    def call(x):
        return ntk_gram(Normal(scale=1e-3), x, sigma_a=0.0)

    return judge(lambda: call(x[:3]), right, refusal=REFUSAL, remedy=lambda: call(x[:3] - x[0]))


@CASE.attempt("spectrum")
def spectrum():
    x = stamps(100)
    grid = np.linspace(1e-3, 6e-3, 2001)

    def peak(x):
        return grid[np.abs(error_spectrum(x, Y, grid)).argmax()]

    return judge(
        lambda: peak(x), 1 / 300, rtol=0.01, refusal=REFUSAL, remedy=lambda: peak(x - x[0])
    )


@CASE.attempt("datetime64[ns] of the same log")
def dates():
    x = stamps(100).astype("datetime64[ns]")
    days = 100 / 86400e9
    return judge(lambda: np.diff(Points(x).x[:, 0]), np.full(COUNT - 1, days), rtol=1e-9)


@CASE.attempt("milliseconds: few enough digits")
def milliseconds():
    return judge(lambda: gaps(1_600_000_000_000 + np.arange(COUNT)), np.array([1.0]))


@CASE.attempt("floats that hold the stamps exactly")
def floats():
    x = np.array([2.0**60 + 1024.0 * k for k in range(COUNT)])
    return judge(lambda: gaps(x), np.array([1024.0]))
