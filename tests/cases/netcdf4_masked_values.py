"""A series as netCDF4-python returns it: a masked array with the fill value -9999 underneath."""

from __future__ import annotations

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    Points,
    Target,
    band_energy,
    empirical_ntk_gram,
    error_spectrum,
    expected_losses,
    gram_flow,
    grokking_onset,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    solve_frequency_pde,
    train,
)

from .dense import flow, losses, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="netcdf4-python issue 932",
    kind="a mask is dropped on entry",
    right="the dense flow of the unmasked rows, or a refusal that says to drop them",
)

X = np.linspace(-1, 1, 40)
Y = np.sin(3 * X) + 0.5 * np.cos(12 * X)
MASK = np.zeros(40, bool)
MASK[[5, 17]] = True
GOOD = ~MASK
MASKED = np.ma.masked_array(np.where(MASK, -9999.0, Y), MASK, fill_value=-9999.0)
RHO = Normal(scale=10.0)
T = [0.0, 1.0, 10.0]
RIGHT = losses(X[GOOD], Y[GOOD], 10.0, T)
REFUSAL = "(mask|missing)"


def solved(x, y, **options):
    return solve_frequency_pde(RHO, (x, y), t=T, **options).train_loss


def dropped():
    return solved(X[GOOD], MASKED[GOOD].filled())


@CASE.each(
    masked_values=MASKED,
    masked_values_as_a_column=MASKED[:, None],
    masked_float32=MASKED.astype(np.float32),
)
def values(y):
    return judge(lambda: solved(X, y), RIGHT, refusal="y .*" + REFUSAL, remedy=dropped)


@CASE.attempt("masked positions")
def positions():
    x = np.ma.masked_array(np.where(MASK, -9999.0, X), MASK)
    return judge(lambda: solved(x, Y), RIGHT, refusal="x .*" + REFUSAL, remedy=dropped)


@CASE.attempt("NaN under the mask")
def nan_under_the_mask():
    y = np.ma.masked_invalid(np.where(MASK, np.nan, Y))
    return judge(lambda: solved(X, y), RIGHT, refusal="y .*" + REFUSAL, remedy=dropped)


@CASE.attempt("a mask that hides nothing")
def nothing_hidden():
    return judge(lambda: solved(X, np.ma.masked_array(Y)), losses(X, Y, 10.0, T))


@CASE.attempt("masked entries inside a list")
def masked_in_a_list():
    return judge(lambda: solved(X, list(MASKED)), RIGHT, refusal="y.*" + REFUSAL, remedy=dropped)


@CASE.attempt("masked target values of train")
def trained():
    net = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)

    def run(x, y):
        return train(net, x, y, step_size=0.2, steps=50).train_loss[[0, -1]]

    right = run(X[GOOD], Y[GOOD])
    return judge(
        lambda: run(X, MASKED),
        right,
        rtol=1e-9,
        refusal="y .*" + REFUSAL,
        remedy=lambda: run(X[GOOD], MASKED[GOOD]),
    )


@CASE.attempt("spectrum")
def spectrum():
    return judge(
        lambda: error_spectrum(X, MASKED, [0.0])[0].real,
        Y[GOOD].mean(),
        refusal="values .*" + REFUSAL,
        remedy=lambda: error_spectrum(X[GOOD], MASKED[GOOD], [0.0])[0].real,
    )


@CASE.attempt("regression")
def regression():
    gram = normal_ntk(X[GOOD], X[GOOD], 10.0) + 38 * 1e-3 * np.eye(38)
    right = normal_ntk([0.0], X[GOOD], 10.0) @ np.linalg.solve(gram, Y[GOOD])
    return judge(
        lambda: ntk_regression(RHO, X, MASKED, [0.0], ridge=1e-3),
        right,
        refusal="y .*" + REFUSAL,
        remedy=lambda: ntk_regression(RHO, X[GOOD], MASKED[GOOD], [0.0], ridge=1e-3),
    )


@CASE.attempt("expected losses")
def expected():
    def call(x, y):
        return expected_losses(RHO, (x, y), sigma_a=0.0, t=T).train_mean

    return judge(
        lambda: call(X, MASKED),
        losses(X[GOOD], Y[GOOD], 10.0, T, sigma_a=0.0),
        refusal="y .*" + REFUSAL,
        remedy=lambda: call(X[GOOD], MASKED[GOOD]),
    )


@CASE.attempt("an error for gram_flow")
def gram():
    right = flow(normal_ntk(X[GOOD], X[GOOD], 10.0), Y[GOOD], T)
    return judge(
        lambda: gram_flow(ntk_gram(RHO, X), -MASKED, T),
        right,
        refusal="error0 .*" + REFUSAL,
        remedy=lambda: gram_flow(ntk_gram(RHO, X[GOOD]), -MASKED[GOOD], T),
    )


# None of these has a number for hidden entries: they are refused by the name of the argument.
@CASE.each(
    test_values=(lambda: solved(X, Y, test=(X, MASKED)), r"(y_test|test\[1\])"),
    weights=(lambda: Points(X, np.ma.masked_array(np.ones(40), MASK)), "weights"),
    samples=(lambda: Target.from_samples(X, MASKED), "y"),
    times=(lambda: gram_flow(ntk_gram(RHO, X), -Y, np.ma.masked_array(T, [0, 1, 0])), "t"),
    losses_of_a_log=(
        lambda: grokking_onset(np.arange(40.0), np.ma.masked_array(np.abs(Y), MASK), Y**2,
                               threshold=0.1),
        "train_loss",
    ),
    spectrum_of_bands=(lambda: band_energy(X + 2, MASKED, [(0.0, 4.0)]), "spectrum"),
    points_of_a_kernel=(lambda: ntk_gram(RHO, np.ma.masked_array(X, MASK)), "x"),
    points_of_products=(lambda: ntk_operator(RHO, np.ma.masked_array(X, MASK)), "x"),
    points_of_a_network=(
        lambda: empirical_ntk_gram(
            FourierFeatureNet.sample(RHO, 8, rng=0), np.ma.masked_array(X, MASK)
        ),
        "x",
    ),
    weights_of_a_network=(
        lambda: FourierFeatureNet(
            w=np.ma.masked_array(np.ones((4, 1)), [[1], [0], [0], [0]]), a=np.ones(4), b=np.ones(4)
        ),
        "w",
    ),
)  # fmt: skip
def others(member):
    call, name = member
    return judge(call, None, refusal=rf"^{name}.*{REFUSAL}")
