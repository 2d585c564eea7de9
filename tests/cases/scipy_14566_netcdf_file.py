"""Variables of scipy.io.netcdf_file: big-endian, masked, and mapped from a file that closes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from scipy.io import netcdf_file

from ntkfreq import FourierFeatureNet, Normal, solve_frequency_pde, train

from .dense import losses
from .verdict import Case, both, judge

CASE = Case(
    source="scipy issue 14566, netcdf4-python issue 410",
    kind="arrays of another byte order, masks of fill values",
    right="the dense flow of the rows that are not filled, or a refusal that says to drop them",
)

X = np.linspace(-1, 1, 40)
Y = np.sin(3 * X) + 0.5 * np.cos(9 * X)
FILLED = np.arange(40) % 9 == 4
RHO = Normal(scale=6.0)
NET = FourierFeatureNet.sample(RHO, 32, zero_output=True, rng=0)
T = [0.0, 1.0, 10.0]


def write(path):
    with netcdf_file(path, "w") as file:
        file.createDimension("x", 40)
        position = file.createVariable("x", "f8", ("x",))
        position[:] = X
        whole = file.createVariable("whole", "f8", ("x",))
        whole[:] = Y
        value = file.createVariable("value", "f8", ("x",))
        value._FillValue = np.float64(9.96921e36)
        value[:] = np.where(FILLED, 9.96921e36, Y)


def variables(names, mmap=False):
    """Copies of variables, as the module gives them; of mapped ones the arrays themselves."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.nc"
        write(str(path))
        with netcdf_file(str(path), "r", mmap=mmap, maskandscale=True) as file:
            return [file.variables[name][:].copy() for name in names]


@CASE.attempt("no fill values")
def whole():
    x, y = variables(["x", "whole"])
    run = train(NET, X, Y, step_size=0.1, steps=3).train_loss
    solved = judge(lambda: solve_frequency_pde(RHO, (x, y), t=T).train_loss, losses(X, Y, 6.0, T))
    trained = judge(lambda: train(NET, x, y, step_size=0.1, steps=3).train_loss, run, rtol=1e-9)
    return both(solved, trained)


@CASE.attempt("fill values under a mask")
def filled():
    x, y = variables(["x", "value"])
    good = ~np.ma.getmaskarray(y)
    return judge(
        lambda: solve_frequency_pde(RHO, (x, y), t=T).train_loss,
        losses(X[~FILLED], Y[~FILLED], 6.0, T),
        refusal="^y.*(mask|missing)",
        remedy=lambda: solve_frequency_pde(RHO, (x[good], y[good]), t=T).train_loss,
    )


@CASE.attempt("fill values in the plain array")
def plain():
    x, y = variables(["x", "value"])
    # 1e37 is a number; its square is far from what the flow can keep.
    return judge(
        lambda: solve_frequency_pde(RHO, (x, np.asarray(y.data)), t=T).train_loss[0],
        (np.where(FILLED, 9.96921e36, Y) ** 2).mean(),
        refusal="^y",
    )
