"""Neural tangent kernel of a finite network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray

# Numbers in one block of features: 16 MB each, large enough for BLAS to run at full speed.
_BLOCK = 2_000_000


def empirical_ntk_gram(net: Any, x: Any, x2: Any = None) -> FloatArray:
    r"""Gram matrix of the neural tangent kernel of a Fourier-feature network as it stands.

    .. math:: K(x, x') = \frac1m \sum_j \bigl[ c_j c_j' + s_j s_j'
              + (x \cdot x') (b_j c_j - a_j s_j)(b_j c_j' - a_j s_j') \bigr],

    :math:`c_j = \cos(w_j \cdot x)`, :math:`s_j = \sin(w_j \cdot x)`: the inner products of the
    gradients of :math:`f` in a, b and w.

    Parameters
    ----------
    net : FourierFeatureNet
        Network, or any object with arrays w (m, d), a (m,), b (m,).
    x : array_like, shape (n,) for d = 1, else (n, d)
        Points.
    x2 : array_like, shape (n2,) or (n2, d), optional
        Second set of points. Default: `x`.

    Returns
    -------
    ndarray, shape (n, n2)

    Raises
    ------
    TypeError, ValueError
        When `net` has no such arrays or they do not fit the points.

    References
    ----------
    Jacot, Gabriel and Hongler (2018). Its limit at infinite width is `ntk_gram`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> net = SimpleNamespace(w=[[0.0]], a=[1.0], b=[2.0])
    >>> empirical_ntk_gram(net, [1.0, 3.0])
    array([[ 5., 13.],
           [13., 37.]])
    """
    w, a, b = _parameters(net)
    first = _points("x", x, w.shape[1])
    second = first if x2 is None else _points("x2", x2, w.shape[1])
    features = np.zeros((first.shape[0], second.shape[0]))
    slopes = np.zeros_like(features)
    size = max(1, _BLOCK // max(first.shape[0], second.shape[0]))
    for start in range(0, a.size, size):
        units = slice(start, start + size)
        c, s = _waves(first, w[units])
        c2, s2 = (c, s) if x2 is None else _waves(second, w[units])
        features += c @ c2.T + s @ s2.T
        slopes += (b[units] * c - a[units] * s) @ (b[units] * c2 - a[units] * s2).T
    return (features + (first @ second.T) * slopes) / a.size


def _waves(x: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    phase = x @ w.T
    return np.cos(phase), np.sin(phase)


def _parameters(net: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    missing = [name for name in ("w", "a", "b") if not hasattr(net, name)]
    if missing:
        raise TypeError(
            f"net={_checks.show(net)} has no {', '.join(missing)}; pass a FourierFeatureNet, or an "
            "object with arrays w (m, d), a (m,), b (m,)"
        )
    w = _checks.points("net.w", net.w)
    return w, _checks.values_at("net.a", net.a, len(w)), _checks.values_at("net.b", net.b, len(w))


def _points(name: str, x: Any, dim: int) -> FloatArray:
    array = _checks.points(name, x)
    if array.shape[1] != dim:
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]}, but net takes dimension {dim}; "
            f"pass shape (n,) for dimension 1, else (n, {dim})"
        )
    return array
