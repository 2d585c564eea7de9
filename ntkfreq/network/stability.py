"""The largest step size for which training of a network is stable."""

from __future__ import annotations

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.network.backends import Backend, Descent
from ntkfreq.network.fourier_features import FourierFeatureNet

# The answer is a hint for the next run: a tenth of a percent is plenty, a subset of points will do.
_ITERATIONS = 50
_RTOL = 1e-3
_MOST_POINTS = 2000


def top_eigenvalue(
    net: FourierFeatureNet, x: FloatArray, backend: Backend, *, freeze_frequencies: bool = False
) -> float:
    r"""Largest eigenvalue of :math:`K/N`, K the empirical NTK on the points, by power iteration.

    Matrix-free: with the Jacobian J of the outputs in the parameters, :math:`K = J J^T`. A product
    with J is a network evaluation with other output weights, and a product with
    :math:`J^T` one in which points and frequencies have changed places.

    Parameters
    ----------
    net : FourierFeatureNet
        The network.
    x : ndarray, shape (N, d)
        Points; above 2000 an even selection of them.
    backend : Backend
        Engine of the evaluations.
    freeze_frequencies : bool
        Leave out the derivatives in w.

    Returns
    -------
    float
        The eigenvalue, from below, to about 1e-3.

    Examples
    --------
    >>> from ntkfreq.network.backends import load
    >>> net = FourierFeatureNet(w=[0.0, 0.0], a=[1.0, -1.0], b=[0.0, 0.0])
    >>> round(top_eigenvalue(net, np.array([[-1.0], [1.0]]), load("reference")), 9)
    1.0
    """
    x = x[:: -(-x.shape[0] // _MOST_POINTS)]
    n = x.shape[0]
    to_points = np.sqrt(n / net.width)
    zeros = np.zeros(n)

    def gram(u: FloatArray) -> FloatArray:
        cosines = backend.evaluate(x, u, zeros, net.w) * to_points
        sines = backend.evaluate(x, zeros, u, net.w) * to_points
        product = backend.evaluate(net.w, cosines, sines, x)
        for k in range(0 if freeze_frequencies else net.dim):
            cosines = backend.evaluate(x, u * x[:, k], zeros, net.w) * to_points
            sines = backend.evaluate(x, zeros, u * x[:, k], net.w) * to_points
            pull = net.b * cosines - net.a * sines
            product += x[:, k] * backend.evaluate(net.w, net.b * pull, -net.a * pull, x)
        return np.asarray(product / n, dtype=np.float64)

    vector: FloatArray = np.random.default_rng(0).standard_normal((n,))
    value = 0.0
    for _ in range(_ITERATIONS):
        vector = np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
        image = gram(vector)
        previous, value = value, float(vector @ image)
        if value - previous <= _RTOL * value or not np.any(image):
            break
        vector = image
    return value


def divergence_remedy(
    net: FourierFeatureNet, x: FloatArray, backend: Backend, descent: Descent
) -> str:
    r"""Advice after a divergence: the stable step size :math:`2 / (\lambda_{\max} + \gamma)`.

    Parameters are those of :func:`top_eigenvalue`, and the constants of the step.

    Examples
    --------
    >>> from ntkfreq.network.backends import load
    >>> net = FourierFeatureNet(w=[0.0], a=[1.0], b=[0.0])
    >>> divergence_remedy(net, np.array([[0.0]]), load("reference"), Descent(step_size=3.0))
    'step_size=3 is above 2/lambda_max = 2 of the initial network; use less, for instance 1'
    """
    top = top_eigenvalue(net, x, backend, freeze_frequencies=descent.freeze_frequencies)
    top += max(descent.weight_decay, descent.frequency_decay)
    stable = 2.0 / top if top > 0 else float("inf")
    if stable <= descent.step_size:
        return (
            f"step_size={descent.step_size:g} is above 2/lambda_max = {stable:.3g} of the initial "
            f"network; use less, for instance {0.5 * stable:.2g}"
        )
    return (
        f"step_size={descent.step_size:g} is below 2/lambda_max = {stable:.3g} of the initial "
        f"network, which then left the linear regime; use for instance "
        f"{0.1 * descent.step_size:.2g}, or more units"
    )
