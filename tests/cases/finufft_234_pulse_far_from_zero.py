"""A smooth pulse far from x = 0, on the whole line: no probe may take it for zero."""

from __future__ import annotations

import re

import numpy as np

from ntkfreq import Box, Grid, Normal, Target, solve_frequency_pde

from .verdict import Case, judge

CASE = Case(
    source="finufft issue 234",
    kind="a target that is not seen counts as zero",
    right="inner weights frozen: int |y^|^2 exp(-4 pi rho t) dxi / 2 pi wherever the pulse is "
    "(1.2533 0.2586 1.2e-06 at t = 0, 1, 10); or a refusal that asks for support=",
)

T = [0.0, 1.0, 10.0]
XI = np.linspace(-40, 40, 200_001)
RATE = 2 * np.pi * np.exp(-(XI**2) / 18) / np.sqrt(18 * np.pi)
ENERGY = np.pi * np.exp(-(XI**2) / 2)
RIGHT = np.array([(ENERGY * np.exp(-2 * RATE * t)).sum() for t in T]) * (XI[1] - XI[0]) / 2 / np.pi
REFUSAL = "support"


def pulse(centre):
    return lambda x: np.exp(-((x - centre) ** 2))


def solve(target, **options):
    return solve_frequency_pde(Normal(scale=3.0), target, sigma_a=0.0, t=T, **options)


def with_support(centre, **options):
    """As the refusal advises; and where that is refused for its size, the pulse moved to 0."""
    target = Target.from_function(pulse(centre), support=(centre - 9, centre + 9))
    try:
        return solve(target, **options).train_loss
    except ValueError as error:
        if not re.search("(x - c|nearer to 0)", str(error)):
            raise
        return solve(pulse(0.0), **options).train_loss


def line(centre):
    # Far out, phases of 1e6 rad cost digits: 1e-4 of the first loss is what is asked for.
    return judge(
        lambda: solve(pulse(centre)).train_loss,
        RIGHT,
        rtol=1e-4,
        refusal=REFUSAL,
        remedy=lambda: with_support(centre),
    )


def grid(centre):
    # Samples 0.1 apart resolve the pulse: their sums are the integrals.
    return judge(
        lambda: solve(pulse(centre), measure=Grid(0.1)).train_loss,
        RIGHT,
        rtol=1e-4,
        refusal=REFUSAL,
        remedy=lambda: with_support(centre, measure=Grid(0.1)),
    )


def add(centre, where, call):
    @CASE.attempt(f"at {centre:g}{where}", gigabytes=4, seconds=100)
    def attempt():
        return call(centre)

    return attempt


for at in (0.0, 500.0, 5e3, 1.7e4, -1.7e4, 1e5, 1e6):
    add(at, "", line)
for at in (2e4, 1e5):
    add(at, " on a grid", grid)


@CASE.attempt("a pulse narrower than any probe")
def narrow():
    target = lambda x: np.exp(-(((x - 777.7) / 1e-3) ** 2))  # noqa: E731
    return judge(
        lambda: solve(target).train_loss[0],
        1e-3 * np.sqrt(np.pi / 2),
        rtol=1e-4,
        refusal=REFUSAL,
        remedy=lambda: solve(Target.from_function(target, support=(777.69, 777.71))).train_loss[0],
    )


@CASE.attempt("zero itself")
def zero():
    return judge(lambda: solve(lambda x: 0 * x).train_loss, 0 * RIGHT, refusal=REFUSAL)


@CASE.attempt("far away on a box")
def box():
    # Gauss-Legendre: the mean square over the box of length 18.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    right = (weights * np.exp(-2 * (9 * nodes) ** 2)).sum() / 2
    return judge(
        lambda: solve(pulse(1e3), measure=Box(991.0, 1009.0)).train_loss[0], right, rtol=1e-6
    )


@CASE.attempt("plane, centre (2000, 2000)", gigabytes=4, seconds=60)
def plane():
    target = lambda x: np.exp(-((x - 2000.0) ** 2).sum(-1))  # noqa: E731
    return judge(
        lambda: solve_frequency_pde(Normal(scale=3.0, dim=2), target, t=[0.0, 1.0]).train_loss[0],
        np.pi / 2,
        rtol=1e-4,
        refusal=REFUSAL,
    )
