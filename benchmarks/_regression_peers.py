r"""The problem, its truth, and one function a solver for `regression_peers.py`.

All solve the same system, :math:`f = K (K + N \lambda)^{-1} y` with
:math:`k(x, x') = \exp(-s^2 |x - x'|^2 / 2)`, and return f at the samples and at points held out. A
solver that has the shares :math:`\alpha = (K + N \lambda)^{-1} y` of the samples at hand gives
:math:`f = y - N \lambda \alpha` there, which costs nothing.

Landmarks of GPyTorch's SGPR are an even grid. Ordered samples, which HODLR needs in one dimension,
are ordered inside the clock. KeOps compiles before it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq import Normal, ntk_regression

RIDGE = 1e-4
SCALES = {1: 20.0, 2: 10.0}
HELD_OUT = 1000
DENSE_MOST = 10_000
TRUTH_RTOL = 1e-11
# Kernel values held at once where they are summed directly.
_ENTRIES = 10_000_000

Fitted = tuple[Any, Any]


@dataclass(frozen=True, eq=False)
class Samples:
    """Scattered samples of two tones with noise on [-1, 1]^dim, and points held out."""

    x: Any
    y: Any
    held_out: Any

    @classmethod
    def draw(cls, dim: int, count: int) -> Samples:
        rng = np.random.default_rng(0)
        x, held_out = rng.uniform(-1, 1, (count, dim)), rng.uniform(-1, 1, (HELD_OUT, dim))
        clean = np.sin(7 * x[:, 0]) + 0.5 * np.cos((31 if dim == 1 else 13) * x[:, -1])
        return cls(x, clean + 0.1 * rng.standard_normal(count), held_out)

    @property
    def dim(self) -> int:
        return int(self.x.shape[1])

    @property
    def scale(self) -> float:
        return SCALES[self.dim]

    @property
    def noise(self) -> float:
        return len(self.x) * RIDGE

    def kernel(self, some: Any) -> Any:
        """Kernel values between some points and the samples."""
        square = sum((some[:, None, k] - self.x[None, :, k]) ** 2 for k in range(self.dim))
        return np.exp(-(self.scale**2) / 2 * square)

    def dense(self) -> Fitted:
        """By Cholesky of the matrix of all pairs."""
        matrix = self.kernel(self.x)
        matrix[np.diag_indices(len(matrix))] += self.noise
        factor = linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        shares = linalg.cho_solve(factor, self.y)
        return self.y - self.noise * shares, self.kernel(self.held_out) @ shares

    def direct(self, fitted: Fitted, count: int = 200) -> float:
        r"""Largest misfit of f and of :math:`k(x, \cdot) (y - f)/(N\lambda)`, summed directly.

        At some samples and some points held out, relative to the root mean square of f. At the
        samples its norm bounds the error of f.
        """
        shares = (self.y - fitted[0]) / self.noise
        chosen = np.random.default_rng(1).choice(len(self.x), count, replace=False)
        points = np.concatenate([self.x[chosen], self.held_out[:count]])
        values = np.concatenate([fitted[0][chosen], fitted[1][:count]])
        step = max(1, _ENTRIES // len(self.x))
        starts = range(0, len(points), step)
        sums = np.concatenate([self.kernel(points[i : i + step]) @ shares for i in starts])
        return float(np.abs(sums - values).max() / np.sqrt(np.mean(fitted[0] ** 2)))


def ntkfreq_waves(samples: Samples, rtol: float, method: str = "auto") -> Fitted:
    """The package."""
    found = ntk_regression(
        Normal(scale=samples.scale, dim=samples.dim),
        samples.x,
        samples.y,
        np.concatenate([samples.x, samples.held_out]),
        sigma_a=0.0,
        ridge=RIDGE,
        method=method,
        rtol=rtol,
    )
    return found[: len(samples.x)], found[len(samples.x) :]


def kernel_ridge(samples: Samples, _: None) -> Fitted:
    """scikit-learn's exact one."""
    from sklearn.kernel_ridge import KernelRidge

    model = KernelRidge(alpha=samples.noise, kernel="rbf", gamma=samples.scale**2 / 2)
    model.fit(samples.x, samples.y)
    return samples.y - samples.noise * model.dual_coef_, model.predict(samples.held_out)


def _linear(samples: Samples, features: Any) -> Fitted:
    from sklearn.linear_model import Ridge

    inputs = features.fit_transform(samples.x)
    model = Ridge(alpha=samples.noise, fit_intercept=False, copy_X=False, solver="cholesky")
    model.fit(inputs, samples.y)
    return model.predict(inputs), model.predict(features.transform(samples.held_out))


def nystroem(samples: Samples, landmarks: int) -> Fitted:
    """scikit-learn; landmarks are random samples."""
    from sklearn.kernel_approximation import Nystroem

    gamma = samples.scale**2 / 2
    return _linear(samples, Nystroem(gamma=gamma, n_components=landmarks, random_state=0))


def random_features(samples: Samples, count: int) -> Fitted:
    """scikit-learn; random Fourier features."""
    from sklearn.kernel_approximation import RBFSampler

    gamma = samples.scale**2 / 2
    return _linear(samples, RBFSampler(gamma=gamma, n_components=count, random_state=0))


def keops(samples: Samples, eps: float) -> Fitted:
    """Conjugate gradients on sums over all pairs; stops at this root mean square of the rest."""
    from pykeops.numpy import LazyTensor

    factor = samples.scale / np.sqrt(2)
    x, others = factor * samples.x, factor * samples.held_out
    columns = LazyTensor(x[None, :, :])
    matrix = (-LazyTensor(x[:, None, :]).sqdist(columns)).exp()
    shares = matrix.solve(samples.y[:, None], alpha=samples.noise, eps=eps)
    new = (-LazyTensor(others[:, None, :]).sqdist(columns)).exp() @ shares
    return samples.y - samples.noise * shares[:, 0], new[:, 0]


def _gpytorch(samples: Samples, kernel: Any, *settings: Any) -> Fitted:
    """Solution with a kernel of GPyTorch, by what it takes for the best way."""
    import torch

    x, y, others = (torch.from_numpy(a) for a in (samples.x, samples.y, samples.held_out))
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for setting in settings:
            stack.enter_context(setting)
        kernel.eval()
        system = kernel(x).evaluate_kernel().add_diagonal(torch.tensor(samples.noise).to(y))
        shares = system.solve(y)
        new = kernel(others, x).evaluate_kernel() @ shares
    return samples.y - samples.noise * shares.numpy(), new.numpy()


def _rbf(samples: Samples, maker: Any) -> Any:
    kernel = maker().double()
    kernel.lengthscale = 1 / samples.scale
    return kernel


def gpytorch_keops(samples: Samples, setting: tuple[int, int]) -> Fitted:
    """Rank of the preconditioner (pivoted Cholesky), iterations of conjugate gradients."""
    from gpytorch import settings
    from gpytorch.kernels.keops import RBFKernel

    rank, iterations = setting
    return _gpytorch(
        samples,
        _rbf(samples, RBFKernel),
        settings.min_preconditioning_size(1),
        settings.max_preconditioner_size(rank),
        settings.max_cg_iterations(iterations),
        settings.max_lanczos_quadrature_iterations(iterations),
        settings.cg_tolerance(1e-8),
    )


def gpytorch_grid(samples: Samples, setting: tuple[int, int, float]) -> Fitted:
    """KISS-GP: points of the grid along each axis, rank of the preconditioner, tolerance."""
    from gpytorch import kernels, settings

    side, rank, tolerance = setting
    # Cubic interpolation wants two more nodes on either side.
    end = 1 + 4 / (side - 4)
    kernel = kernels.GridInterpolationKernel(
        _rbf(samples, kernels.RBFKernel), grid_size=side, grid_bounds=((-end, end),) * samples.dim
    )
    return _gpytorch(
        samples,
        kernel.double(),
        settings.min_preconditioning_size(1),
        settings.max_preconditioner_size(rank),
        settings.cg_tolerance(tolerance),
        settings.max_cg_iterations(2000),
        settings.use_toeplitz(True),
    )


def gpytorch_sgpr(samples: Samples, side: int) -> Fitted:
    """Landmarks along each axis."""
    import torch
    from gpytorch import kernels, likelihoods, settings

    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    landmarks = torch.cartesian_prod(*[axis] * samples.dim).reshape(-1, samples.dim)
    likelihood = likelihoods.GaussianLikelihood()
    kernel = kernels.InducingPointKernel(_rbf(samples, kernels.RBFKernel), landmarks, likelihood)
    return _gpytorch(samples, kernel, settings.sgpr_diagonal_correction(False))


def george_hodlr(samples: Samples, tol: float) -> Fitted:
    """george; tolerance of the blocks off the diagonal."""
    import george

    order = np.argsort(samples.x[:, 0])
    x, y = samples.x[order], samples.y[order]
    kernel = george.kernels.ExpSquaredKernel(samples.scale**-2, ndim=samples.dim)
    noise = {"white_noise": np.log(samples.noise), "fit_white_noise": False}
    process = george.GP(kernel, solver=george.HODLRSolver, tol=tol, **noise)
    process.compute(x, 0.0)
    shares = process.apply_inverse(y)
    at_samples = np.empty(len(y))
    at_samples[order] = y - samples.noise * shares
    step = max(1, _ENTRIES // len(y))
    parts = [samples.held_out[i : i + step] for i in range(0, HELD_OUT, step)]
    return at_samples, np.concatenate([kernel.get_value(part, x) @ shares for part in parts])


@dataclass(frozen=True)
class Peer:
    """A solver, what it needs, and its settings by dimension, cheapest first."""

    label: str
    fit: Callable[[Samples, Any], Fitted]
    packages: tuple[str, ...]
    settings: dict[int, list[Any]]
    knob: str
    marker: str

    @property
    def missing(self) -> list[str]:
        return [name for name in self.packages if find_spec(name) is None]


_RTOLS = [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8]
_EPS = [1e-1, 1e-2, 1e-3, 5e-4, 1e-4]
PEERS = {
    "ntkfreq": Peer("ntkfreq", ntkfreq_waves, ("ntkfreq",), {1: _RTOLS, 2: _RTOLS}, "rtol", "o"),
    "sgpr": Peer(
        "GPyTorch, SGPR",
        gpytorch_sgpr,
        ("gpytorch", "torch"),
        {1: [30, 40, 50, 60, 80, 100], 2: [16, 20, 24, 26, 28, 32, 36]},
        "landmarks along each axis, on a grid",
        "s",
    ),
    "nystroem": Peer(
        "scikit-learn, Nystroem",
        nystroem,
        ("sklearn",),
        {1: [40, 60, 80, 120, 160], 2: [400, 800, 1200, 1400, 1600, 2000]},
        "landmarks, at random",
        "D",
    ),
    "hodlr": Peer(
        "george, HODLR",
        george_hodlr,
        ("george",),
        {1: [1e-1, 1e-2, 1e-3, 1e-4, 1e-6], 2: [1e-3, 1e-4, 1e-5, 1e-6, 1e-8]},
        "tolerance of the blocks",
        "v",
    ),
    "grid": Peer(
        "GPyTorch, KISS-GP",
        gpytorch_grid,
        ("gpytorch", "torch"),
        {
            1: [(100, 0, 1e-3), (150, 0, 5e-4), (200, 0, 5e-4), (400, 0, 1e-4), (400, 30, 1e-4)],
            2: [(40, 0, 1e-3), (50, 0, 5e-4), (60, 0, 5e-4), (80, 0, 5e-4), (160, 0, 1e-4)],
        },
        "nodes along each axis, rank of the preconditioner, tolerance",
        "P",
    ),
    "gpytorch keops": Peer(
        "GPyTorch, KeOps",
        gpytorch_keops,
        ("gpytorch", "torch", "pykeops"),
        {
            1: [(30, 1), (40, 1), (60, 1), (80, 1), (80, 3)],
            2: [(200, 4), (400, 3), (400, 6), (600, 3), (600, 6)],
        },
        "rank of the preconditioner, iterations",
        "X",
    ),
    "keops": Peer(
        "KeOps", keops, ("pykeops",), {1: _EPS, 2: _EPS}, "tolerance of conjugate gradients", "<"
    ),
    "random features": Peer(
        "scikit-learn, RBFSampler",
        random_features,
        ("sklearn",),
        {1: [100, 300, 1000, 3000], 2: [300, 1000, 3000]},
        "random features",
        "^",
    ),
    "kernel ridge": Peer(
        "scikit-learn, KernelRidge",
        kernel_ridge,
        ("sklearn",),
        {1: [None], 2: [None]},
        "none: exact",
        "*",
    ),
}
