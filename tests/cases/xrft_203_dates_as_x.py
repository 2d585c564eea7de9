"""Daily readings with a weekly and a three-day tone, the time axis as dates of several units."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Normal,
    error_spectrum,
    expected_losses,
    gram_flow,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    solve_frequency_pde,
    train,
)

from .dense import losses, normal_ntk
from .verdict import Case, both, judge

CASE = Case(
    source="xrft issue 203",
    kind="dates as x lose their unit",
    right="as if x were given in days since the first date: peak at 2 pi / 7 rad per day, and the "
    "losses of the dense flow on 0, 1, ..., 89",
)

DAYS = np.arange(90.0)
Y = np.sin(2 * np.pi * DAYS / 7) + 0.5 * np.cos(2 * np.pi * DAYS / 3)
DATES = np.datetime64("2022-01-01") + DAYS.astype("timedelta64[D]")
RHO = Normal(scale=1.0)
T = [0.0, 1.0, 10.0]


def answers(x):
    """Peak of the spectrum, a kernel value and losses for dates x."""
    grid = np.linspace(0.2, 3, 2001)
    spectrum = judge(
        lambda: grid[np.abs(error_spectrum(x, Y, grid)).argmax()], 2 * np.pi / 7, rtol=2e-3
    )
    kernel = judge(lambda: ntk_gram(RHO, x[:2], sigma_a=0)[0, 1], np.exp(-0.5), rtol=1e-12)
    loss = judge(
        lambda: solve_frequency_pde(RHO, (x, Y), sigma_a=0, t=T).train_loss,
        losses(DAYS, Y, 1.0, T, sigma_a=0.0),
    )
    return both(spectrum, kernel, loss)


@CASE.each(
    **{f"datetime64[{unit}]": unit for unit in ("D", "h", "m", "s", "ms", "us", "ns")},
)
def numpy_dates(unit):
    return answers(DATES.astype(f"datetime64[{unit}]"))


@CASE.each(
    pandas_index=pd.date_range("2022-01-01", periods=90, freq="D"),
    pandas_series=pd.Series(DATES.astype("datetime64[ns]")),
    pandas_index_with_a_zone=pd.date_range("2022-01-01", periods=90, freq="D", tz="UTC"),
    python_datetimes=[
        datetime.datetime(2022, 1, 1) + datetime.timedelta(days=k) for k in range(90)
    ],
    python_dates=[datetime.date(2022, 1, 1) + datetime.timedelta(days=k) for k in range(90)],
)
def containers(x):
    return answers(x)


@CASE.attempt("timedelta64[h]: elapsed time")
def elapsed():
    return answers((24 * DAYS).astype("timedelta64[h]"))


@CASE.attempt("readings every six hours")
def six_hours():
    x = DATES[0] + (6 * np.arange(80)).astype("timedelta64[h]")
    days = np.arange(80) / 4
    y = np.cos(2 * np.pi * days)
    right = losses(days, y, 2 * np.pi, T)
    return judge(
        lambda: solve_frequency_pde(Normal(scale=2 * np.pi), (x, y), t=T).train_loss, right
    )


@CASE.attempt("trained networks")
def trained():
    net = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
    right = train(net, DAYS, Y, step_size=1e-4, steps=20).train_loss
    return judge(
        lambda: train(net, DATES.astype("datetime64[s]"), Y, step_size=1e-4, steps=20).train_loss,
        right,
        rtol=1e-9,
    )


@CASE.attempt("expected losses and products")
def others():
    x = DATES.astype("datetime64[s]")
    right = losses(DAYS, Y, 1.0, T, sigma_a=0.0)
    expected = judge(
        lambda: expected_losses(RHO, (x, Y), sigma_a=0.0, t=T).train_mean, right, rtol=1e-6
    )
    operator = judge(
        lambda: (gram_flow(ntk_operator(RHO, x, sigma_a=0.0), -Y, T) ** 2).mean(1), right, rtol=1e-5
    )
    return both(expected, operator)


@CASE.attempt("regression between the dates")
def regression():
    right = (
        normal_ntk([10.5], DAYS, 1.0, 0.0)
        @ np.linalg.solve(normal_ntk(DAYS, DAYS, 1.0, 0.0) + 90 * 1e-3 * np.eye(90), Y)
    )[0]
    x = DATES.astype("datetime64[h]")
    new = np.array(["2022-01-11T12"], dtype="datetime64[h]")
    return judge(
        lambda: ntk_regression(RHO, x, Y, new, sigma_a=0.0, ridge=1e-3)[0], right, rtol=1e-6
    )


@CASE.attempt("NaT among the dates")
def nat():
    x = DATES.copy()
    x[3] = np.datetime64("NaT")
    keep = ~np.isnat(x)
    right = losses(DAYS[keep], Y[keep], 1.0, T, sigma_a=0.0)
    return judge(
        lambda: solve_frequency_pde(RHO, (x, Y), sigma_a=0, t=T).train_loss,
        right,
        refusal="x .*(NaT|missing)",
        remedy=lambda: solve_frequency_pde(RHO, (x[keep], Y[keep]), sigma_a=0, t=T).train_loss,
    )


@CASE.attempt("dates as y")
def dates_as_y():
    return judge(lambda: solve_frequency_pde(RHO, (DAYS, DATES), t=T).train_loss, None, refusal="y")


@CASE.attempt("an interval between two dates")
def interval():
    # The mean of sin^2 over nine days.
    return judge(
        lambda: solve_frequency_pde(
            RHO, np.sin, measure=Box(DATES[0], DATES[9]), t=[0.0, 1.0]
        ).train_loss[0],
        0.5 - np.sin(18.0) / 36,
        refusal="lower",
    )
