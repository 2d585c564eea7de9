"""Features cos(2 pi b x) in the paper and cos(b x) in the code: is the scale one of b or of w?"""

from __future__ import annotations

import numpy as np

from ntkfreq import FourierFeatureNet, Normal, ntk_gram, solve_frequency_pde

from .dense import flow, losses
from .verdict import Case, judge

CASE = Case(
    source="MultiscalePINNs issue 1",
    kind="units of a density",
    right="w = 2 pi b is what a density here is of: scale 2 pi times that of b gives the kernel of "
    "features cos(2 pi b x), sin(2 pi b x), summed over the density of b",
)

X = np.linspace(0, 1, 30)
SCALE = 3.0
# Evenly spaced b in place of a draw: the trapezoid rule is exact here to rounding.
NODES = np.linspace(-9, 9, 4001)
WEIGHTS = np.exp(-(NODES**2) / 2)
FEATURES = np.exp(2j * np.pi * SCALE * np.outer(X, NODES))
GRAM = (FEATURES * (WEIGHTS / WEIGHTS.sum()) @ FEATURES.conj().T).real


@CASE.attempt("kernel of features with 2 pi")
def kernel():
    return judge(lambda: ntk_gram(Normal(scale=2 * np.pi * SCALE), X, sigma_a=0.0), GRAM, rtol=1e-8)


@CASE.attempt("losses of features with 2 pi")
def loss():
    y, t = np.sign(np.sin(14 * X)), [0.0, 1.0, 10.0]
    right = (flow(GRAM, y, t) ** 2).mean(axis=1)
    return judge(
        lambda: (
            solve_frequency_pde(
                Normal(scale=2 * np.pi * SCALE), (X, y), sigma_a=0.0, t=t
            ).train_loss
        ),
        right,
    )


@CASE.attempt("x in periods, no 2 pi in the density")
def periods():
    y, t = np.sign(np.sin(14 * X)), [0.0, 1.0, 10.0]
    return judge(
        lambda: (
            solve_frequency_pde(
                Normal(scale=SCALE), (2 * np.pi * X, y), sigma_a=0.0, t=t
            ).train_loss
        ),
        losses(X, y, 2 * np.pi * SCALE, t, sigma_a=0.0),
    )


@CASE.attempt("standard deviation of drawn frequencies")
def drawn():
    net = FourierFeatureNet.sample(Normal(scale=2 * np.pi * SCALE), 20_000, rng=0)
    return judge(lambda: net.w.std(), 2 * np.pi * SCALE, rtol=0.02)
