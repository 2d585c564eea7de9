"""Inputs that were accepted and silently meant something else."""

from __future__ import annotations

import numpy as np
from scipy import integrate

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Normal,
    Points,
    StudentT,
    Target,
    alias_shares,
    ntk_gram,
    solve_frequency_pde,
    train,
)

from .dense import losses
from .verdict import RIGHT, WRONG, Case, Verdict, both, judge

CASE = Case(
    source="found by trying extreme inputs; no report",
    kind="callables that write, numbers of other types, ends of double precision",
    right="as with a function that does not write; shares that sum to one at most; refusals",
)

X = np.linspace(-1, 1, 9)
Y = np.sin(3 * X)
RHO = Normal(scale=5.0)
T = [0.0, 1.0, 10.0]


def doubled(x):
    x *= 2.0
    return np.sin(x)


def shifted(x):
    x -= 0.5
    return np.exp(-(x**2)) * np.cos(4 * x)


def unshifted(x):
    return np.exp(-((x - 0.5) ** 2)) * np.cos(4 * (x - 0.5))


# NumPy names the reason where it meets the write: "output array is read-only".
READ_ONLY = "read-only"


@CASE.attempt("a target that writes, on points")
def writes_on_points():
    points = Points(X)
    found = judge(
        lambda: solve_frequency_pde(RHO, doubled, measure=points, t=T).train_loss,
        losses(X, np.sin(2 * X), 5.0, T),
        refusal=READ_ONLY,
    )
    same = np.array_equal(points.x[:, 0], X)
    return both(found, Verdict(RIGHT if same else WRONG, f"points are now {points.x[:, 0]}"))


@CASE.attempt("a target that writes, on a box")
def writes_on_a_box():
    right = integrate.quad(lambda x: unshifted(x) ** 2 / 2, -1, 1)[0]
    return judge(
        lambda: solve_frequency_pde(RHO, shifted, measure=Box(-1, 1), t=T).train_loss[0],
        right,
        refusal=READ_ONLY,
    )


@CASE.attempt("a target that writes, on the line")
def writes_on_the_line():
    right = integrate.quad(lambda x: unshifted(x) ** 2, -8, 9, limit=200)[0]
    return judge(
        lambda: solve_frequency_pde(RHO, shifted, t=[0.0, 0.01]).train_loss[0],
        right,
        refusal=READ_ONLY,
    )


@CASE.attempt("a target that writes, on a grid")
def writes_on_a_grid():
    at = 0.1 * np.arange(-200, 201)
    right = 0.1 * (unshifted(at) ** 2).sum()
    return judge(
        lambda: solve_frequency_pde(RHO, shifted, measure=Grid(0.1), t=[0.0, 0.01]).train_loss[0],
        right,
        refusal=READ_ONLY,
    )


@CASE.attempt("an initial output that writes")
def writes_at_the_start():
    return judge(
        lambda: solve_frequency_pde(RHO, (X, Y), initial_output=doubled, t=T).train_loss,
        losses(X, Y - np.sin(2 * X), 5.0, T),
        refusal=READ_ONLY,
    )


@CASE.attempt("a target that keeps what it is given")
def keeps():
    held = []

    def target(x):
        held.append(x)
        return np.sin(3 * x)

    points = Points(X)
    first = solve_frequency_pde(RHO, target, measure=points, t=T).train_loss
    for array in held:
        if array.flags.writeable:
            array[...] = 7.0
    found = judge(
        lambda: solve_frequency_pde(RHO, (points.x[:, 0], Y), t=T).train_loss,
        losses(X, Y, 5.0, T),
    )
    return both(found, judge(lambda: first, losses(X, Y, 5.0, T)))


@CASE.each(
    complex=np.complex128(1 + 5j), complex_real=np.complex128(1 + 0j), text=np.str_("2.5"),
    boolean=np.True_, array_of_text=np.array("1.0"), date=np.datetime64("2020-01-01"),
    duration=np.timedelta64(1, "s"), nan=np.float64("nan"), ten_to_400=10**400,
)  # fmt: skip
def scales(value):
    solved = judge(
        lambda: solve_frequency_pde(RHO, (X, Y), sigma_a=value, t=T).train_loss,
        None,
        refusal="sigma_a",
    )
    density = judge(lambda: Normal(scale=value), None, refusal="scale")
    net = FourierFeatureNet.sample(RHO, 8, rng=0)
    trained = judge(
        lambda: train(net, X, Y, step_size=value, steps=2).train_loss, None, refusal="step_size"
    )
    return both(solved, density, trained)


@CASE.attempt("weights of 1e308 each")
def weights():
    return judge(
        lambda: (
            solve_frequency_pde(RHO, (X, Y), measure=Points(X, np.full(9, 1e308)), t=T).train_loss
        ),
        losses(X, Y, 5.0, T),
        refusal="weights",
    )


@CASE.attempt("shares at a frequency of 1e20")
def shares():
    try:
        found = alias_shares(StudentT(1.0, loc=0, scale=3.0), 1e20, Grid(0.6))
    except ValueError as error:
        return Verdict("refused" if "freq" in str(error) else WRONG, str(error)[:110])
    total = float(found.shares.sum() + found.remainder)
    return Verdict(RIGHT if total <= 1 + 1e-9 else WRONG, f"shares that sum to {total:g}")


@CASE.attempt("values of 1e-160")
def tiny():
    return judge(
        lambda: solve_frequency_pde(RHO, (X, 1e-160 * Y), t=T).train_loss, None, refusal="^y.*1e-"
    )


@CASE.attempt("kernel of StudentT at 1e160")
def kernel():
    return judge(
        lambda: ntk_gram(StudentT(3.0), [0.0, 1e160], sigma_a=0.0), np.eye(2), refusal="x.*1e"
    )


@CASE.attempt("samples changed after they were given")
def changed():
    x, y = X.copy(), Y.copy()
    target = Target.from_samples(x, y)
    x += 1.0
    y[:] = 0.0
    return judge(
        lambda: solve_frequency_pde(RHO, target, measure=Points(X), t=T).train_loss,
        losses(X, Y, 5.0, T),
    )
