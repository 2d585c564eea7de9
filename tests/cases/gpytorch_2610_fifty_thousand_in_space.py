"""Fifty thousand samples in three dimensions: a grid for interpolation takes more than 190 GB."""

from __future__ import annotations

import numpy as np

from ntkfreq import Normal, ntk_regression

from .dense import normal_kernel
from .verdict import Case, at_once, judge

CASE = Case(
    source="GPyTorch issue 2610",
    kind="samples by the ten thousand in space end the memory",
    right="on 4000 samples f = K (K + N ridge)^-1 y by dense linear algebra; on all of them the "
    "function that was sampled, within 2 % (noise of 1 %)",
)

RHO, SCALE, RIDGE = Normal(scale=8.0, dim=3), 8.0, 1e-5


def wave(x):
    return np.sin(2 * np.pi * x.sum(axis=1))


def samples(n):
    rng = np.random.default_rng(0)
    x = rng.random((n, 3))
    return x, wave(x) + 0.01 * rng.standard_normal(n), rng.uniform(0.1, 0.9, (200, 3))


@CASE.attempt("50 000 samples, as reported", gigabytes=6, seconds=120)
def as_reported():
    x, y, new = samples(50_000)
    return at_once(
        lambda: judge(
            lambda: ntk_regression(RHO, x, y, new, sigma_a=0.0, ridge=RIDGE, rtol=1e-4),
            wave(new),
            rtol=0.02,
        ),
        60.0,
    )


@CASE.attempt("4000 samples, beside the matrix", gigabytes=4, seconds=120)
def beside_the_matrix():
    x, y, new = samples(4000)
    shares = np.linalg.solve(normal_kernel(x, x, SCALE) + 4000 * RIDGE * np.eye(4000), y)
    right = normal_kernel(new, x, SCALE) @ shares
    return judge(
        lambda: ntk_regression(RHO, x, y, new, sigma_a=0.0, ridge=RIDGE, rtol=1e-6),
        right,
        rtol=1e-4,
    )
