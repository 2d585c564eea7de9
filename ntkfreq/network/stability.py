"""The largest step size for which training of a network is stable."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends import Backend, Descent
from ntkfreq.problem.optimizers import Optimizer

# The answer is a hint for the next run: a tenth of a percent is plenty, a subset of points will do.
_ITERATIONS = 50
_RTOL = 1e-3
_MOST_POINTS = 2000
# Pairs of point and unit of one product, a fraction of a second: beyond, some of the units do too.
_MOST_PAIRS = 20_000_000
_FEWEST_UNITS = 1000
_MOST_PRODUCTS = 2_000_000_000


def top_eigenvalue(
    theta: FloatArray,
    x: FloatArray,
    backend: Backend,
    first: int = 0,
    scale: FloatArray | None = None,
) -> float:
    r"""Largest eigenvalue of :math:`K/N`, K the empirical NTK on the points, by power iteration.

    Matrix-free: :math:`K = J J^T` with the Jacobian J of the outputs in the parameters, whose
    products are the backend's `tangent` and `gradient`.

    Parameters
    ----------
    theta : ndarray
        Parameters, as packed.
    x : ndarray, shape (N, d)
        Points; above 2000 an even selection of them, and of the units where there are many.
    backend : Backend
        Engine of the products.
    first : int
        First trained row of theta.
    scale : ndarray, optional
        Factors of theta over the parameters in which the rule steps, of which J then is.

    Returns
    -------
    float
        The eigenvalue, from below, to about 1e-3; NaN where it overflows.

    Examples
    --------
    >>> from ntkfreq.network.backends import load
    >>> theta = np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0]])
    >>> round(top_eigenvalue(theta, np.array([[-1.0], [1.0]]), load("reference")), 9)
    1.0
    """
    x = x[:: -(-x.shape[0] // _MOST_POINTS)]
    if theta.ndim == 2:
        # K is a mean over units.
        most = max(_FEWEST_UNITS, _MOST_PAIRS // x.shape[0])
        theta = np.ascontiguousarray(theta[:, :: -(-theta.shape[1] // most)])
    else:
        x = x[:: -(-x.shape[0] * theta.size // _MOST_PRODUCTS)]
    vector: FloatArray = np.random.default_rng(0).standard_normal((x.shape[0],))
    value = 0.0
    for _ in range(_ITERATIONS):
        vector = vector / np.abs(vector).max()  # or its square may overflow
        vector = np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
        pulled = backend.gradient(theta, x, vector, first)
        if scale is not None:
            pulled = pulled * scale[first:] ** 2
        image = backend.tangent(theta, pulled, x, first) / x.shape[0]
        previous, value = value, float(vector @ image)
        if not np.isfinite(image).all() or not np.isfinite(value):
            return float("nan")
        if value - previous <= _RTOL * value or not np.any(image):
            break
        vector = image
    return value


def stable_step(optimizer: Optimizer, rate: float) -> float:
    r"""Largest stable step for a mode of this rate, :math:`c / \lambda`, infinite for rate 0.

    c is 2 for gradient descent, :math:`2(1+\beta)` for the heavy ball and
    :math:`2(1+\beta)/(1+2\beta)` for Nesterov's momentum.

    Examples
    --------
    >>> from ntkfreq import HeavyBall, Nesterov
    >>> stable_step(HeavyBall(0.5), 1.0), stable_step(Nesterov(0.5), 1.0)
    (3.0, 1.5)
    """
    if rate <= 0:
        return float("inf")
    # Of rules that are not linear nothing is known; gradient descent is the nearest.
    beta, nesterov = optimizer.momentum_if_linear() or (0.0, False)
    gain = 2 * (1 + beta)
    return gain / (1 + 2 * beta) / rate if nesterov else gain / rate


def divergence_remedy(
    theta: FloatArray,
    x: FloatArray,
    backend: Backend,
    descent: Descent,
    first: int = 0,
    scale: FloatArray | None = None,
) -> str:
    r"""Advice after a divergence: the stable step size of :math:`\lambda_{\max} + \gamma`.

    Parameters are those of :func:`top_eigenvalue`, and the rule of the step.

    Examples
    --------
    >>> from ntkfreq.network.backends import load
    >>> theta = np.array([[0.0], [1.0], [0.0]])
    >>> divergence_remedy(theta, np.array([[0.0]]), load("reference"), Descent(step_size=3.0))
    'step_size=3 is above 2/lambda_max = 2 of the initial network; use less, for instance 1'
    """
    if descent.optimizer.normalized:
        return (
            f"step_size={descent.step_size:g} is what "
            f"{type(descent.optimizer).__name__} moves every parameter by in a step; "
            f"use less, for instance {0.1 * descent.step_size:.2g}"
        )
    top = top_eigenvalue(theta, x, backend, first, scale)
    top += descent.largest_decay
    stable = stable_step(descent.optimizer, top)
    if not np.isfinite(top) or stable == 0:
        return (
            f"step_size={descent.step_size:g} cannot be compared with the kernel, which overflows; "
            "choose units in which x and y are of order one"
        )
    if np.isinf(stable):
        return (
            f"step_size={descent.step_size:g} is not bounded by the kernel of the initial network, "
            f"which is 0; use less, for instance {0.1 * descent.step_size:.2g}"
        )
    gain = f"{stable * top:.3g}/lambda_max = {stable:.3g}"
    if stable <= descent.step_size:
        return (
            f"step_size={descent.step_size:g} is above {gain} of the initial "
            f"network; use less, for instance {0.5 * stable:.2g}"
        )
    if descent.batch_size is not None:
        return (
            f"step_size={descent.step_size:g} is below {gain} of the initial network on all "
            f"points, but batches of {descent.batch_size} have larger eigenvalues; use for "
            f"instance {0.1 * descent.step_size:.2g}, or larger batches"
        )
    return (
        f"step_size={descent.step_size:g} is below {gain} of the initial "
        f"network, which then left the linear regime; use for instance "
        f"{0.1 * descent.step_size:.2g}, or more units"
    )
