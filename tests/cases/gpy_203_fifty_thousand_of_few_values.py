"""Fifty thousand samples at the whole numbers from 0 to 100: a matrix of them all is 20 GB."""

from __future__ import annotations

import numpy as np

from ntkfreq import Normal, ntk_regression, solve_frequency_pde

from .dense import flow, normal_kernel
from .verdict import Case, at_once, judge

CASE = Case(
    source="GPy issue 203",
    kind="samples at few places are treated as if all were different, and memory ends",
    right="regression and flow of the 101 places with their counts as weights, by dense linear "
    "algebra: f = K (K + N ridge / counts)^-1 of the mean values",
)

RNG = np.random.default_rng(0)
X = RNG.integers(0, 101, 50_000).astype(float)
Y = 7500 + 500 * np.sin(X / 7) + 300 * RNG.standard_normal(X.size)
RHO, SCALE, RIDGE = Normal(scale=0.2), 0.2, 1e-4
PLACES, INVERSE, COUNTS = np.unique(X, return_inverse=True, return_counts=True)
MEANS = np.bincount(INVERSE, Y) / COUNTS
GRAM = normal_kernel(PLACES, PLACES, SCALE)


@CASE.attempt("regression on all samples", gigabytes=4, seconds=60)
def regression():
    shares = np.linalg.solve(GRAM + np.diag(X.size * RIDGE / COUNTS), MEANS)
    new = np.array([0.5, 33.3, 100.0])
    right = normal_kernel(new, PLACES, SCALE) @ shares
    return at_once(
        lambda: judge(
            lambda: ntk_regression(RHO, X, Y, new, sigma_a=0.0, ridge=RIDGE), right, rtol=1e-7
        ),
        5.0,
    )


@CASE.attempt("losses on all samples", gigabytes=4, seconds=60)
def losses():
    times, root = [0.0, 1.0, 30.0], np.sqrt(COUNTS / X.size)
    # Scaled by the roots of the weights the flow is symmetric; `flow` divides by their number.
    errors = flow(len(PLACES) * root[:, None] * GRAM * root, root * MEANS, times)
    right = (errors**2).sum(axis=1) + ((Y - MEANS[INVERSE]) ** 2).mean()
    return at_once(
        lambda: judge(
            lambda: solve_frequency_pde(RHO, (X, Y), sigma_a=0.0, t=times).train_loss, right
        ),
        5.0,
    )
