"""GPS seconds of nine digits before the point and samples a millisecond apart; single precision."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from ntkfreq import Normal, error_spectrum, ntk_gram, solve_frequency_pde

from .dense import losses, normal_kernel
from .verdict import Case, both, judge

CASE = Case(
    source="gwpy issue 257, furax pull request 145",
    kind="an offset takes the digits",
    right="sums in 40 digits at the stamps that a double holds; the kernel of differences; stamps "
    "that single precision has made equal are not repeats: a refusal that says to subtract first",
)

START = 1_142_726_468.0
STAMPS = START + 0.001 * np.arange(400)
# What a double holds: multiples of 2**-22 s.
HELD = STAMPS - START
Y = np.sin(2 * np.pi * 30 * HELD) + 0.5 * np.cos(2 * np.pi * 110 * HELD)
T = [0.0, 1.0, 10.0]


@CASE.attempt("spectrum")
def spectrum():
    grid = 2 * np.pi * np.array([30.0, 110.0])
    with mp.workdps(40):
        right = [
            complex(
                mp.fsum(
                    mp.mpf(float(y)) * mp.expj(-mp.mpf(float(xi)) * mp.mpf(float(x)))
                    for x, y in zip(STAMPS, Y, strict=True)
                )
                / 400
            )
            for xi in grid
        ]
    right = np.array(right)
    # The common phase of 8e11 rad is known to 1e-4 in double precision, magnitudes to all digits.
    magnitudes = judge(lambda: np.abs(error_spectrum(STAMPS, Y, grid)), np.abs(right), rtol=1e-9)
    phases = judge(
        lambda: error_spectrum(STAMPS, Y, grid).view(float), right.view(float), rtol=1e-3
    )
    return both(magnitudes, phases)


@CASE.attempt("kernel without its origin")
def kernel():
    right = normal_kernel(HELD[:40], HELD[:40], 200.0)
    return judge(lambda: ntk_gram(Normal(scale=200.0), STAMPS[:40], sigma_a=0.0), right, rtol=1e-9)


@CASE.attempt("losses, inner weights frozen")
def frozen():
    right = losses(HELD, Y, 200.0, T, sigma_a=0.0)
    return judge(
        lambda: solve_frequency_pde(Normal(scale=200.0), (STAMPS, Y), sigma_a=0.0, t=T).train_loss,
        right,
        rtol=1e-6,
    )


@CASE.attempt("losses, inner weights trained")
def trained():
    # x.x' is 1e18: all is learned at once along one mode and limits the digits of the others.
    def call():
        found = solve_frequency_pde(Normal(scale=200.0), (STAMPS, Y), t=T)
        if not found.status.startswith("converged"):
            raise ValueError(f"x: {found.status}")
        return found.train_loss[0]

    return judge(call, (Y**2).mean(), refusal="x.*(centre|subtract|rounding|limited)")


@CASE.attempt("the same in single precision")
def single():
    stamps = STAMPS.astype(np.float32)
    right = losses(HELD, Y, 200.0, T, sigma_a=0.0)
    return judge(
        lambda: solve_frequency_pde(Normal(scale=200.0), (stamps, Y), sigma_a=0.0, t=T).train_loss,
        right,
        refusal="^x.*(subtract|float32|single)",
        remedy=lambda: (
            solve_frequency_pde(
                Normal(scale=200.0), ((STAMPS - START).astype(np.float32), Y), sigma_a=0.0, t=T
            ).train_loss
        ),
    )
