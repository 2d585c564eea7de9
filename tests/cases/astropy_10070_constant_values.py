"""Values that are all the same: a window function, and NaN where a spread is divided by."""

from __future__ import annotations

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    band_energy,
    compare,
    error_spectrum,
    expected_losses,
    grokking_onset,
    ntk_regression,
    solve_frequency_pde,
    spectral_mismatch,
    train,
)

from .dense import flow, losses, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="astropy issue 10070",
    kind="ratios of numbers that can be constant or zero",
    right="dense flow of a constant, spectrum of the window; of y = 0 there is nothing to learn: "
    "losses 0, and times of learning refused",
)

X = np.arange(40) / 20 - 1 + np.random.default_rng(1).normal(0, 0.01, 40)
ONES, ZEROS = np.ones(40), np.zeros(40)
RHO = Normal(scale=5.0)
T = [0.0, 1.0, 10.0, 100.0]


def solve(y, **options):
    return solve_frequency_pde(RHO, (X, y), t=T, **options)


@CASE.attempt("losses of a constant")
def constant():
    return judge(lambda: solve(ONES).train_loss, losses(X, ONES, 5.0, T))


@CASE.attempt("spectrum of a constant: the window")
def window():
    grid = np.linspace(0, 60, 101)
    right = np.abs(np.exp(-1j * np.outer(grid, X)).mean(axis=1))
    return judge(lambda: np.abs(error_spectrum(X, ONES, grid)), right, rtol=1e-10)


@CASE.attempt("the band of a constant")
def band():
    spectrum = flow(normal_ntk(X, X, 5.0), ONES, np.linspace(0, 10, 2001)) @ np.exp(
        -1j * np.outer(X, np.linspace(0, 1.5, 31))
    )
    rms = np.sqrt((np.abs(spectrum) ** 2).mean(axis=1))
    right = np.linspace(0, 10, 2001)[np.flatnonzero(rms <= rms[0] / 2)[0]]
    return judge(
        lambda: solve_frequency_pde(RHO, (X, ONES), t=np.linspace(0, 10, 401)).learning_time(
            (0.0, 1.5)
        ),
        right,
        rtol=0.05,
    )


@CASE.attempt("losses of zero")
def zero():
    return judge(lambda: solve(ZEROS).train_loss, np.zeros(4))


@CASE.attempt("learning time of zero")
def nothing():
    return judge(
        lambda: solve(ZEROS).learning_time((0.0, 3.0)), None, refusal="band=.*(nothing|no energy)"
    )


@CASE.attempt("expected losses of zero, frozen")
def expected():
    return judge(lambda: expected_losses(RHO, (X, ZEROS), sigma_a=0.0, t=T).train_mean, np.zeros(4))


@CASE.attempt("regression of zero")
def regression():
    return judge(lambda: ntk_regression(RHO, X, ZEROS, [0.1, 0.2]), np.zeros(2))


@CASE.attempt("trained on zero from zero, compared")
def trained():
    net = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)

    def run():
        history = train(net, X, ZEROS, step_size=0.1, steps=10)
        prediction = solve_frequency_pde(RHO, (X, ZEROS), step_size=0.1, t=history.t)
        found = compare(prediction, history)
        assert "nan" not in str(found).lower()
        # Outputs of a net whose halves cancel are zero up to the rounding of one.
        return np.where(history.train_loss < 1e-30, 0.0, history.train_loss)

    return judge(run, np.zeros(11), refusal="(zero|nothing|0)")


@CASE.attempt("onset of losses that are zero throughout")
def onset():
    clock = np.arange(1.0, 6.0)
    return judge(lambda: grokking_onset(clock, np.zeros(5), np.zeros(5), threshold=0.1).delay, 0.0)


@CASE.attempt("onset of losses that never move")
def flat():
    clock = np.arange(1.0, 6.0)
    return judge(
        lambda: grokking_onset(clock, np.ones(5), np.ones(5), threshold=0.1).phase == "confusion",
        True,
    )


@CASE.attempt("energy of no spectrum")
def energy():
    return judge(lambda: band_energy([1.0, 2.0], [0.0, 0.0], [(0.5, 3.0)]), np.zeros(1))


@CASE.attempt("mismatch of two zero spectra")
def mismatch():
    return judge(
        lambda: spectral_mismatch(np.zeros(5), np.zeros(5)), 0.0, refusal="(zero|nothing|0)"
    )
