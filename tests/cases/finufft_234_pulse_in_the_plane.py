"""A pulse in the plane away from x = 0: the memory grows with its distance, up to 12 GB."""

from __future__ import annotations

import re

import numpy as np

from ntkfreq import Normal, Target, solve_frequency_pde

from .verdict import Case, judge

CASE = Case(
    source="finufft issue 234, in two dimensions",
    kind="a size is found out by running out of memory",
    right="inner weights frozen: int |y^|^2 exp(-8 pi^2 rho t) dxi / (2 pi)^2 wherever the pulse "
    "is (1.5708 0.4509 2.6e-05 at t = 0, 1, 10); or a refusal before the work",
)

T = [0.0, 1.0, 10.0]
# Radially: |y^|^2 = pi^2 exp(-r^2 / 2), rho the normal density of scale 3.
R = np.linspace(0, 40, 400_001)
RATE = (2 * np.pi) ** 2 * np.exp(-(R**2) / 18) / (18 * np.pi)
ENERGY = np.pi**2 * np.exp(-(R**2) / 2) * R * (R[1] - R[0]) / (2 * np.pi)
RIGHT = np.array([(ENERGY * np.exp(-2 * RATE * t)).sum() for t in T])
LIMITS = {"gigabytes": 4, "seconds": 100}


def pulse(centre):
    return lambda x: np.exp(-((x - centre) ** 2).sum(-1))


def solve(target, **options):
    return solve_frequency_pde(Normal(scale=3.0, dim=2), target, t=T, **options).train_loss


def moved(centre):
    """As a refusal advises: with the support named, or the pulse moved towards 0."""
    side = (centre - 9, centre + 9)
    try:
        return solve(Target.from_function(pulse(centre), support=(side, side)), sigma_a=0.0)
    except ValueError as error:
        if not re.search("(x - c|nearer to 0)", str(error)):
            raise
        return solve(pulse(0.0), sigma_a=0.0)


def frozen(centre):
    return judge(
        lambda: solve(pulse(centre), sigma_a=0.0),
        RIGHT,
        refusal="([GM]B|unknowns|elements|support)",
        remedy=lambda: moved(centre),
    )


@CASE.attempt("centre (0, 0)", **LIMITS)
def at_zero():
    return judge(lambda: solve(pulse(0.0), sigma_a=0.0), RIGHT)


@CASE.attempt("centre (10, 10)", **LIMITS)
def at_ten():
    return frozen(10.0)


@CASE.attempt("centre (20, 20)", **LIMITS)
def at_twenty():
    return frozen(20.0)


@CASE.attempt("centre (200, 200)", **LIMITS)
def at_two_hundred():
    return frozen(200.0)


@CASE.attempt("centre (20, 20), inner weights trained", **LIMITS)
def trained():
    return judge(
        lambda: solve(pulse(20.0))[0], np.pi / 2, refusal="([GM]B|unknowns|elements|support)"
    )
