"""Gradient flow on finitely many points under a fixed kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq import _checks
from ntkfreq._types import FloatArray


def gram_flow(gram: Any, error0: Any, t: Any) -> FloatArray:
    r"""Errors on the training points under kernel gradient flow, :math:`e(t) = e^{-tK/N} e(0)`.

    Parameters
    ----------
    gram : array_like, shape (n, n)
        Symmetric positive semi-definite Gram matrix K.
    error0 : array_like, shape (n,)
        Initial errors :math:`f_0(x_i) - y_i`.
    t : array_like, shape (T,)
        Times, the clock of the loss :math:`\tfrac12\,\mathrm{mean}(e^2)`: step size times steps.

    Returns
    -------
    ndarray, shape (T, n)
        Errors at each time.

    Raises
    ------
    ValueError
        When the matrix is not square, not symmetric, or not positive semi-definite.

    References
    ----------
    Jacot, Gabriel, Hongler, arXiv 1806.07572, section 5.

    Examples
    --------
    >>> gram_flow([[2.0, 0.0], [0.0, 0.0]], [1.0, 1.0], [0.0, 1.0])
    array([[1.     , 1.     ],
           [0.36788, 1.     ]])
    """
    matrix = _checks.real_array("gram", gram, 2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"gram has shape {matrix.shape}; it must be square, K(x, x)")
    scale = float(np.abs(matrix).max())
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > 1e-10 * scale:
        raise ValueError(f"gram differs from its transpose by {asymmetry:.3g}; pass K(x, x)")
    start = _checks.values_at("error0", error0, len(matrix))
    clock = _checks.times("t", t)
    rates, modes = linalg.eigh(matrix / len(matrix))
    if rates[0] < -1e-8 * max(rates[-1], 1e-300):
        raise ValueError(
            f"gram has a negative eigenvalue {rates[0] * len(matrix):.3g}; a kernel's is >= 0"
        )
    coefficients = modes.T @ start
    decay = np.exp(-clock[:, None] * np.maximum(rates, 0.0))
    return np.asarray((decay * coefficients) @ modes.T)
