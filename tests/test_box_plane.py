"""Box in two dimensions: tables of Legendre coefficients against tensor Gauss-Legendre Nystrom.

The reference is written here, in numpy alone, as a dense flow of about 1700 nodes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from ntkfreq import (
    Box,
    Empirical,
    Laplace,
    Mixture,
    Normal,
    StudentT,
    Uniform,
    solve_frequency_pde,
)

SIGMA_A = 0.8
T = np.array([0.0, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4])
OFF_CENTRE = ((-0.3, 0.2), (1.2, 0.9))
CENTRED = ((-1.0, -0.5), (1.0, 0.5))
NODES = (48, 36)
XI = np.stack(
    np.meshgrid(np.linspace(-20, 20, 9), np.linspace(-25, 25, 7), indexing="ij"), axis=-1
).reshape(-1, 2)
OUTSIDE = np.array([[-0.5, 0.4], [1.21, 0.5], [0.4, 0.95], [1.5, 1.3], [0.3, -0.2], [-0.31, 0.19]])


def y(x):
    return np.sin(5 * x[:, 0]) + 0.5 * np.cos(3 * x[:, 0] + 11 * x[:, 1]) + 0.3 * x[:, 1]


def f_0(x):
    return 0.5 * np.cos(4 * x[:, 0] - 6 * x[:, 1] + 1)


def square(z):
    return np.sum(z**2, axis=-1)


def normal(scale, loc=(0.0, 0.0)):
    return lambda z: np.cos(z @ np.array(loc)) * np.exp(-0.5 * scale**2 * square(z))


def laplace(scale):
    return lambda z: np.prod(1 / (1 + (scale * z) ** 2), axis=-1)


def uniform(scale):
    return lambda z: np.prod(np.sinc(scale * z / np.pi), axis=-1)


def studentt3(scale):
    def kernel(z):
        u = np.sqrt(3 * square(z)) * scale
        return (1 + u) * np.exp(-u)

    return kernel


class Dense:
    """Flow of the error on tensor Gauss-Legendre nodes, by one eigendecomposition."""

    def __init__(self, kernel, box, nodes=NODES, first=None, step_size=None, t=T):
        self.kernel = kernel
        (x_1, w_1), (x_2, w_2) = map(np.polynomial.legendre.leggauss, nodes)
        low, high = np.array(box)
        axes = [(low + high)[k] / 2 + (high - low)[k] / 2 * x for k, x in enumerate((x_1, x_2))]
        self.x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        self.weights = np.outer(w_1, w_2).ravel() / 4
        self.initial = (0.0 if first is None else first(self.x)) - y(self.x)
        root = np.sqrt(self.weights)
        rates, modes = np.linalg.eigh(root[:, None] * self.columns(self.x) * root)
        self.rates = np.maximum(rates, 0.0)
        start = modes.T @ (root * self.initial)
        product = np.multiply.outer(t, self.rates)
        if step_size is None:
            factor, deficit = np.exp(-product), -np.expm1(-product)
        else:
            factor = (1 - step_size * self.rates) ** np.rint(t / step_size)[:, None]
            deficit = 1 - factor
        still = self.rates < 1e-300
        integral = np.where(still, t[:, None], deficit / np.where(still, 1.0, self.rates))
        self.errors = (factor * start) @ modes.T / root
        self.integral = (integral * start) @ modes.T / root

    def columns(self, x):
        gram = 1 + SIGMA_A**2 * (self.x @ x.T)
        for rows in np.array_split(np.arange(len(gram)), 8):
            gram[rows] *= self.kernel(self.x[rows, None, :] - x)
        return gram

    @property
    def loss(self):
        return self.errors**2 @ self.weights

    def spectrum(self, xi):
        return (self.errors * self.weights) @ np.exp(-1j * (self.x @ xi.T))

    def output_change(self, x):
        return -(self.integral * self.weights) @ self.columns(x)


# Density, kernel, tolerance relative to the initial error. The references converge to 1e-9 and
# better, but for StudentT(3), whose kernel has a kink on the diagonal: its Nystrom matrix is off
# by 3e-6, by the check below.
CASES = {
    "normal": (Normal(scale=8.0, dim=2), normal(8.0), 1e-8),
    "shifted normal": (Normal((7.0, -4.0), 3.0, 2), normal(3.0, (7.0, -4.0)), 1e-8),
    "laplace": (Laplace(scale=4.0, dim=2), laplace(4.0), 1e-8),
    "uniform": (Uniform(scale=12.0, dim=2), uniform(12.0), 1e-8),
    "studentt3": (StudentT(3.0, scale=4.0, dim=2), studentt3(4.0), 1e-5),
}
each_case = pytest.mark.parametrize("name", CASES)


@lru_cache
def dense(name, nodes=NODES):
    return Dense(CASES[name][1], OFF_CENTRE, nodes)


@lru_cache
def solved(name):
    return solve_frequency_pde(
        CASES[name][0], y, sigma_a=SIGMA_A, measure=Box(*OFF_CENTRE), t=T, frequencies=XI, rtol=1e-9
    )


if __name__ == "__main__":
    import time
    for name in CASES:
        t0=time.time(); d=dense(name); t1=time.time(); c=dense(name,(40,30)); 
        print(name,'ref time',t1-t0,'ref diff', np.abs(c.loss-d.loss).max()/d.loss[0], np.abs(c.output_change(OUTSIDE)-d.output_change(OUTSIDE)).max(), np.abs(c.spectrum(XI)-d.spectrum(XI)).max())
        t0=time.time(); s=solved(name); t1=time.time()
        print('   ', t1-t0, s.stats['modes'], s.stats['unknowns'], s.stats['estimated_error'], 'loss', np.abs(s.train_loss-d.loss).max()/d.loss[0], 'spec', np.abs(s.data_spectrum-d.spectrum(XI)).max(),
          'in', np.abs(s.error(d.x)-d.errors).max(), 'rms', np.sqrt(((s.error(d.x)-d.errors)**2@d.weights).max()/d.loss[0]), 'out', np.abs(s.output(OUTSIDE)-d.output_change(OUTSIDE)).max(), d.loss[-1], flush=True)
