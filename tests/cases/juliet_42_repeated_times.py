"""Two instruments, times not sorted, some nights observed by both: equal x with other values."""

from __future__ import annotations

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    Points,
    compare,
    error_spectrum,
    expected_losses,
    gram_flow,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    solve_frequency_pde,
    train,
)

from .dense import flow, losses, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="juliet issue 42, Lightcurve issue 114",
    kind="repeated x are refused, and the remedies lead in a circle",
    right="the dense flow of all 40 samples: repeats count by their number, the loss keeps their "
    "scatter",
)

RNG = np.random.default_rng(0)
FIRST = np.sort(RNG.uniform(-1, 1, 25))
X = np.r_[FIRST, FIRST[::5], RNG.uniform(-1, 1, 10)]
Y = np.sin(4 * X) + 0.1 * RNG.standard_normal(X.size)
RHO = Normal(scale=10.0)
T = [0.0, 1.0, 10.0]
RIGHT = losses(X, Y, 10.0, T)


@CASE.attempt("losses of all samples")
def all_samples():
    return judge(lambda: solve_frequency_pde(RHO, (X, Y), t=T).train_loss, RIGHT)


@CASE.attempt("means and weights, as once advised")
def means():
    places, inverse, counts = np.unique(X, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, Y) / counts
    scatter = ((Y - mean[inverse]) ** 2).mean()
    return judge(
        lambda: (
            solve_frequency_pde(RHO, (places, mean), measure=Points(places, counts), t=T).train_loss
            + scatter
        ),
        RIGHT,
    )


@CASE.attempt("output between the samples")
def output():
    new = np.array([-0.33, 0.2])
    gram = normal_ntk(X, X, 10.0)
    rates, modes = np.linalg.eigh(gram / len(X))
    # f(x', t) = K(x', x) / n times the time integral of -e.
    integral = modes @ (
        (modes.T @ Y) * -np.expm1(-rates * 10.0) / np.where(rates > 1e-13, rates, 1)
    )
    right = normal_ntk(new, X, 10.0) @ integral / len(X)
    return judge(lambda: solve_frequency_pde(RHO, (X, Y), t=T).output(new)[-1], right)


@CASE.attempt("in another order")
def order():
    shuffled = np.random.default_rng(1).permutation(X.size)
    return judge(
        lambda: solve_frequency_pde(RHO, (X[shuffled], Y[shuffled]), t=T).train_loss, RIGHT
    )


@CASE.attempt("expected losses")
def expected():
    return judge(
        lambda: expected_losses(RHO, (X, Y), sigma_a=0.0, t=T).train_mean,
        losses(X, Y, 10.0, T, sigma_a=0.0),
    )


@CASE.attempt("prediction beside the trained network")
def compared():
    net = FourierFeatureNet.sample(RHO, 4096, zero_output=True, rng=0)
    history = train(net, X, Y, step_size=0.1, steps=100)

    def agreement():
        found = compare(solve_frequency_pde(RHO, (X, Y), step_size=0.1, t=history.t), history)
        assert found is not None
        return history.train_loss

    gram = normal_ntk(X, X, 10.0)
    right = (flow(gram, Y, history.t, 0.1) ** 2).mean(axis=1)
    # The width of 4096 leaves some percents.
    return judge(agreement, right, rtol=0.05)


@CASE.attempt("products and their flow")
def products():
    return judge(
        lambda: (gram_flow(ntk_operator(RHO, X), -Y, T) ** 2).mean(axis=1), RIGHT, rtol=1e-5
    )


@CASE.attempt("kernel matrix")
def kernel():
    return judge(lambda: ntk_gram(RHO, X), normal_ntk(X, X, 10.0), rtol=1e-12)


@CASE.attempt("regression with a ridge")
def regression():
    right = normal_ntk([0.1], X, 10.0) @ np.linalg.solve(
        normal_ntk(X, X, 10.0) + 40 * 1e-2 * np.eye(40), Y
    )
    return judge(lambda: ntk_regression(RHO, X, Y, [0.1], ridge=1e-2), right)


@CASE.attempt("spectrum")
def spectrum():
    right = (np.exp(-1j * np.outer([3.0, 4.0], X)) @ Y / 40).real
    return judge(lambda: error_spectrum(X, Y, [3.0, 4.0]).real, right, rtol=1e-10)


@CASE.attempt("pixels of the plane seen twice")
def plane():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (30, 2))
    x = np.r_[x, x[:6]]
    y = np.sin(3 * x[:, 0]) * np.cos(x[:, 1]) + 0.1 * rng.standard_normal(36)
    return judge(
        lambda: solve_frequency_pde(Normal(scale=4.0, dim=2), (x, y), t=T).train_loss,
        losses(x, y, 4.0, T),
    )


@CASE.attempt("all samples at one place")
def one_place():
    x, y = np.full(5, 0.3), np.arange(5.0)
    return judge(lambda: solve_frequency_pde(RHO, (x, y), t=T).train_loss, losses(x, y, 10.0, T))


@CASE.attempt("repeats with weights")
def weights():
    w = np.random.default_rng(3).uniform(0.5, 2.0, X.size)
    w = w / w.sum()
    root = np.sqrt(w)
    rates, modes = np.linalg.eigh(root[:, None] * normal_ntk(X, X, 10.0) * root)
    start = modes.T @ (root * Y)
    right = [float(((np.exp(-rates * t) * start) ** 2).sum()) for t in T]
    return judge(
        lambda: solve_frequency_pde(RHO, (X, Y), measure=Points(X, w), t=T).train_loss, right
    )
