"""A hundred thousand samples and more: the size needed is known before any work."""

from __future__ import annotations

import numpy as np

from ntkfreq import (
    Normal,
    expected_losses,
    gram_flow,
    ntk_gram,
    ntk_operator,
    solve_frequency_pde,
)

from .dense import losses
from .verdict import Case, at_once, judge

CASE = Case(
    source="neural-tangents issues 28 and 166",
    kind="a size is found out by running out of memory",
    right="losses as of the dense flow on 2000 samples of the same function, or within a second a "
    "sentence with the size and the call that works (products with ntk_operator)",
)

RHO = Normal(scale=20.0)
T = [0.0, 1.0, 10.0]


def samples(n):
    x = np.linspace(-1, 1, n)
    return x, np.sin(5 * x) + np.cos(40 * x)


def right():
    return losses(*samples(2000), 20.0, T)


def products(n):
    x, y = samples(n)
    return (gram_flow(ntk_operator(RHO, x), -y, T) ** 2).mean(axis=1)


def solve(n):
    # Means over n and over 2000 samples differ by 1 / 2000 of them.
    return at_once(
        lambda: judge(
            lambda: solve_frequency_pde(RHO, samples(n), t=T).train_loss,
            right(),
            rtol=2e-3,
            refusal="ntk_operator",
        ),
        5.0,
    )


@CASE.attempt("12001 samples", gigabytes=4, seconds=60)
def just_above():
    return solve(12001)


@CASE.attempt("20 000 samples", gigabytes=4, seconds=60)
def twenty_thousand():
    return solve(20_000)


@CASE.attempt("100 000 samples", gigabytes=4, seconds=60)
def many():
    return solve(100_000)


@CASE.attempt("1 200 000 samples", gigabytes=4, seconds=60)
def as_reported():
    return solve(1_200_000)


@CASE.attempt("expected losses of 20 000 samples", gigabytes=4, seconds=60)
def expected():
    right = losses(*samples(2000), 20.0, T, sigma_a=0.0)
    return at_once(
        lambda: judge(
            lambda: expected_losses(RHO, samples(20_000), sigma_a=0.0, t=T).train_mean,
            right,
            rtol=2e-3,
            refusal="(samples|points|GB|unknowns)",
        ),
        5.0,
    )


@CASE.attempt("kernel matrix of 100 000 samples", gigabytes=4, seconds=60)
def kernel():
    x, _ = samples(100_000)
    return at_once(
        lambda: judge(lambda: ntk_gram(RHO, x).shape, None, refusal="GB.*ntk_operator"), 5.0
    )


@CASE.attempt("the call that is advised, 20 000 samples", gigabytes=4, seconds=120)
def advised():
    return judge(lambda: products(20_000), right(), rtol=2e-3)
