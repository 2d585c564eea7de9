"""Targets of shape (N, 1), as every training loop has them, several columns, lists and tensors."""

from __future__ import annotations

import fractions

import numpy as np
import pandas as pd
import torch
import xarray as xr

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    gram_flow,
    ntk_gram,
    ntk_regression,
    solve_frequency_pde,
    train,
)

from .dense import flow, losses, normal_ntk
from .verdict import Case, both, judge

CASE = Case(
    source="neural-tangents issue 55, gama issue 63",
    kind="shapes and containers lead to messages in a circle",
    right="one column is taken as it is; several are taken by column or refused with that remedy; "
    "containers of real numbers are their numbers",
)

X = np.linspace(-1, 1, 40)
Y = np.sin(3 * X)
RHO = Normal(scale=10.0)
T = [0.0, 1.0, 10.0]
RIGHT = losses(X, Y, 10.0, T)
NET = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
RUN = train(NET, X, Y, step_size=0.1, steps=5).train_loss


def solve(x, y):
    return solve_frequency_pde(RHO, (x, y), t=T).train_loss


def learn(x, y):
    return train(NET, x, y, step_size=0.1, steps=5).train_loss


@CASE.each(
    columns=(X[:, None], Y[:, None]),
    column_of_y=(X, Y[:, None]),
    lists=(list(X), list(Y)),
    list_of_lists=([[x] for x in X], [[y] for y in Y]),
    pandas_series=(pd.Series(X), pd.Series(Y)),
    pandas_series_of_another_index=(pd.Series(X), pd.Series(Y, index=range(40, 0, -1))),
    pandas_frame=(pd.DataFrame({"x": X}), pd.DataFrame({"y": Y})),
    xarray=(xr.DataArray(X, dims="x"), xr.DataArray(Y, dims="x")),
    torch=(torch.tensor(X), torch.tensor(Y)),
    torch_that_requires_gradients=(
        torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True),
    ),
    torch_column=(torch.tensor(X)[:, None], torch.tensor(Y)[:, None]),
    fractions=(X, [fractions.Fraction(float(y)) for y in Y]),
    objects=(X.astype(object), Y.astype(object)),
    read_only=(np.broadcast_to(X, 40), np.broadcast_to(Y, 40)),
    big_endian=(X.astype(">f8"), Y.astype(">f8")),
    reversed_view=(X[::-1], Y[::-1]),
)  # fmt: skip
def containers(member):
    solved = judge(lambda: solve(*member), RIGHT)
    trained = judge(lambda: learn(*member), RUN, rtol=1e-9)
    return both(solved, trained)


@CASE.attempt("three columns")
def three():
    y = np.c_[Y, 2 * Y, 3 * Y]
    right = np.array([losses(X, column, 10.0, T) for column in y.T])

    def by_column():
        return np.array([solve(X, column) for column in y.T])

    solved = judge(lambda: solve(X, y), right, refusal="y.*column", remedy=by_column)
    trained = judge(
        lambda: learn(X, y), RUN, rtol=1e-9, refusal="y.*column", remedy=lambda: learn(X, y[:, 0])
    )
    return both(solved, trained)


@CASE.attempt("three columns of gram_flow")
def errors():
    y = np.c_[Y, 2 * Y]
    gram = ntk_gram(RHO, X)
    right = flow(normal_ntk(X, X, 10.0), Y, T)
    return judge(
        lambda: gram_flow(gram, -y, T)[..., 0],
        right,
        refusal="error0.*column",
        remedy=lambda: gram_flow(gram, -y[:, 0], T),
    )


@CASE.attempt("three columns of ntk_regression")
def regression():
    gram = normal_ntk(X, X, 10.0) + 40 * 1e-3 * np.eye(40)
    right = normal_ntk([0.1], X, 10.0) @ np.linalg.solve(gram, Y)
    return judge(
        lambda: ntk_regression(RHO, X, np.c_[Y, Y], [0.1], ridge=1e-3)[..., 0],
        right,
        refusal="y.*column",
        remedy=lambda: ntk_regression(RHO, X, Y, [0.1], ridge=1e-3),
    )


@CASE.attempt("x as a row")
def row():
    return judge(
        lambda: solve(X[None], Y), RIGHT, refusal=r"x.*\(1, 40\)|x.*transpose|x.*one row",
        remedy=lambda: solve(X[None].T, Y),
    )  # fmt: skip


@CASE.attempt("a list [x, y] as target")
def listed():
    return judge(
        lambda: solve_frequency_pde(RHO, [list(X), list(Y)], t=T).train_loss,
        RIGHT,
        refusal=r"target.*pair \(x, y\)",
        remedy=lambda: solve_frequency_pde(RHO, (list(X), list(Y)), t=T).train_loss,
    )


@CASE.attempt("an array of two columns as target")
def stacked():
    return judge(
        lambda: solve_frequency_pde(RHO, np.c_[X, Y], t=T).train_loss,
        RIGHT,
        refusal=r"target.*pair \(x, y\)",
    )


@CASE.each(
    complex=(X, Y + 1j * Y), complex_of_imaginary_part_zero=(X, Y + 0j),
    text=(X, [str(y) for y in Y]), booleans=(X, Y > 0),
)  # fmt: skip
def no_real_numbers(member):
    x, y = member
    real = np.real(np.asarray(y, dtype=complex if np.iscomplexobj(y) else float))
    right = losses(X, real, 10.0, T)
    return judge(lambda: solve(x, y), right, refusal="^y", remedy=lambda: solve(x, real))


@CASE.each(x_times_1e200=1e200, x_times_1e_minus_200=1e-200)
def huge(factor):
    solved = judge(lambda: solve(factor * X, Y), None, refusal=r"^x.*1e\+?-?\d+")
    trained = judge(lambda: learn(factor * X, Y), None, refusal=r"^x.*1e\+?-?\d+")
    return both(solved, trained)
