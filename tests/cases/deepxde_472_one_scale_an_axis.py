"""Space-time features: standard deviation 10 along x and 1 along t."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ntkfreq import FourierFeatureNet, Normal, Product, as_density, solve_frequency_pde, train

from .dense import flow, normal_kernel, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="deepxde issues 472 and 492",
    kind="a remedy that gives a wrong number",
    right="gradient descent on the dense kernel with trained inner weights: 0.3149 0.1230 0.0534 "
    "0.0153 after 0, 25, 50 and 100 steps of 0.2",
)

SCALES = np.array([10.0, 1.0])
X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
Y = np.sin(8 * X[:, 0]) * np.cos(X[:, 1])
STEP_SIZE = 0.2
T = STEP_SIZE * np.array([0, 25, 50, 100])
RIGHT = (flow(normal_ntk(X, X, SCALES), Y, T, STEP_SIZE) ** 2).mean(axis=1)
FROZEN = (flow(normal_kernel(X, X, SCALES), Y, T, STEP_SIZE) ** 2).mean(axis=1)


def solve(density, x=X, **options):
    return solve_frequency_pde(density, (x, Y), step_size=STEP_SIZE, t=T, **options).train_loss


def correlated():
    return stats.multivariate_normal([0, 0], np.diag(SCALES**2))


@CASE.each(
    scipy_normal_of_two_scales=lambda: solve(correlated()),
    as_density_of_it=lambda: solve(as_density(correlated())),
    a_list_of_scales=lambda: solve(Normal(scale=[10, 1], dim=2)),
    an_array_of_scales=lambda: solve(Normal(scale=SCALES, dim=2)),
    a_product=lambda: solve(Product([Normal(scale=10.0), Normal()])),
)
def two_scales(call):
    return judge(call, RIGHT)


@CASE.attempt("rescaled inputs, frozen inner weights")
def rescaled():
    return judge(lambda: solve(Normal(dim=2), X * SCALES, sigma_a=0.0), FROZEN)


@CASE.attempt("networks of such frequencies")
def network():
    rng = np.random.default_rng(1)
    w = rng.standard_normal((512, 2)) * SCALES
    a, b = rng.standard_normal((2, 512))
    net = FourierFeatureNet(w=np.r_[w, w], a=np.r_[a, -a], b=np.r_[b, -b], sigma_a=1.0)
    features = np.c_[np.cos(X @ w.T), np.sin(X @ w.T)] / np.sqrt(512)
    right = (flow(features @ features.T, Y, T, STEP_SIZE) ** 2).mean(axis=1)
    return judge(
        lambda: train(
            net, X, Y, step_size=STEP_SIZE, steps=100, record=[0, 25, 50, 100],
            freeze_frequencies=True,
        ).train_loss,
        right,
        rtol=1e-8,
    )  # fmt: skip


@CASE.attempt("a correlated normal density")
def tilted():
    covariance = np.array([[100.0, 5.0], [5.0, 1.0]])
    root, (variances, axes) = np.linalg.cholesky(covariance), np.linalg.eigh(covariance)
    x = X @ root
    right = (flow((1 + X @ X.T) * normal_kernel(x, x, 1.0), Y, T, STEP_SIZE) ** 2).mean(axis=1)
    return judge(
        lambda: solve(stats.multivariate_normal([0, 0], covariance)),
        right,
        refusal="numpy.linalg.eigh",
        remedy=lambda: solve(Normal(scale=np.sqrt(variances)), X @ axes),
    )
