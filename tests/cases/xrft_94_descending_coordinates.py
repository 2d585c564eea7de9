"""Latitudes from 32 down to 25: a coordinate that falls, and spacings that are negative."""

from __future__ import annotations

import numpy as np

from ntkfreq import (
    Box,
    Normal,
    Points,
    Target,
    band_energy,
    error_spectrum,
    expected_losses,
    solve_frequency_pde,
)

from .dense import losses
from .verdict import Case, judge

CASE = Case(
    source="xrft issue 94",
    kind="order and sign of a coordinate",
    right="what ascending latitudes give; negative weights and intervals from above to below are "
    "refused",
)

LATITUDE = np.linspace(32.0, 25.0, 71)
CENTRED = LATITUDE - 28.5
Y = np.sin(5 * CENTRED) + 0.3 * np.cos(11 * CENTRED)
RHO = Normal(scale=6.0)
T = [0.0, 1.0, 10.0]
RIGHT = losses(CENTRED[::-1], Y[::-1], 6.0, T)


@CASE.attempt("losses")
def loss():
    return judge(lambda: solve_frequency_pde(RHO, (CENTRED, Y), t=T).train_loss, RIGHT)


@CASE.attempt("expected losses")
def expected():
    right = losses(CENTRED[::-1], Y[::-1], 6.0, T, sigma_a=0.0)
    return judge(lambda: expected_losses(RHO, (CENTRED, Y), sigma_a=0.0, t=T).train_mean, right)


@CASE.attempt("a spline through the samples")
def spline():
    nodes, weights = np.polynomial.legendre.leggauss(60)
    at = 3 * nodes
    exact = np.sin(5 * at) + 0.3 * np.cos(11 * at)
    # The spline of samples 0.1 apart is good to some 1e-4 of the tone at 11.
    return judge(
        lambda: solve_frequency_pde(RHO, (CENTRED, Y), measure=Box(-3, 3), t=T).train_loss[0],
        (weights * exact**2).sum() / 2,
        rtol=2e-3,
    )


@CASE.attempt("samples given as a target")
def samples():
    return judge(
        lambda: (
            solve_frequency_pde(
                RHO, Target.from_samples(CENTRED, Y), measure=Points(CENTRED), t=T
            ).train_loss
        ),
        RIGHT,
    )


@CASE.attempt("energy of a band")
def energy():
    grid = np.linspace(4, 6, 41)
    right = (np.abs(np.exp(-1j * np.outer(grid, CENTRED)) @ Y / 71) ** 2).mean()
    return judge(
        lambda: band_energy(grid, error_spectrum(CENTRED, Y, grid), [(4.0, 6.0)])[0], right
    )


@CASE.attempt("spacings as weights")
def weights():
    spacing = np.gradient(LATITUDE)
    right = (np.exp(-5j * CENTRED) * Y * np.abs(spacing)).sum() / np.abs(spacing).sum()
    return judge(
        lambda: error_spectrum(CENTRED, Y, [5.0], weights=spacing)[0].imag,
        right.imag,
        refusal="weights.*positive",
        remedy=lambda: error_spectrum(CENTRED, Y, [5.0], weights=np.abs(spacing))[0].imag,
    )


@CASE.attempt("an interval from above to below")
def interval():
    return judge(lambda: Box(32.0, 25.0), None, refusal="lower.*32.*upper.*25|below")


@CASE.attempt("times that fall")
def times():
    return judge(
        lambda: solve_frequency_pde(RHO, (CENTRED, Y), t=T[::-1]).train_loss,
        None,
        refusal="^t.*increasing|^t ",
    )
