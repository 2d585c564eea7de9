"""Cosines and sines of all pairs of points and frequencies, as two matrices.

Light to import: Numba loads when there are enough pairs to pay for it.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._types import FloatArray

# Beyond this phase the vectorized sine may lose digits; NumPy reduces any argument exactly.
LARGEST_PHASE = 1e8
# NumPy takes 34 ns a pair, the vectorized sine 0.9 on two cores. This many pairs keep NumPy busy
# for 50 ms; importing Numba takes ten times that, but who asks for so many rarely asks once.
_FEW_PAIRS = 1_500_000


def largest_phase(x: FloatArray, w: FloatArray) -> float:
    """Bound on ``|w . x|`` over points x (n, d) and frequencies w (m, d)."""
    return float(np.abs(w).max(axis=0, initial=0.0) @ np.abs(x).max(axis=0, initial=0.0))


def cos_sin_matrices(
    x: FloatArray, w: FloatArray, out: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines of ``x @ w.T``.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Points.
    w : ndarray, shape (m, d)
        Frequencies, radians per unit of x.
    out : pair of ndarray, shape (n, m), optional
        Where to write; new memory costs five times what the waves do.

    Returns
    -------
    tuple of ndarray, shape (n, m)
        Accurate to about 2e-15 plus the rounding of the phase itself.

    Examples
    --------
    >>> import numpy as np
    >>> c, s = cos_sin_matrices(np.array([[0.0], [0.5]]), np.array([[np.pi]]))
    >>> c.round(12).tolist(), s.tolist()
    ([[1.0], [0.0]], [[0.0], [1.0]])
    """
    shape = (x.shape[0], w.shape[0])
    c, s = (np.empty(shape), np.empty(shape)) if out is None else out
    # The choice hangs on the arguments alone, or the same call would differ in its last digit.
    if shape[0] * shape[1] < _FEW_PAIRS or largest_phase(x, w) > LARGEST_PHASE:
        np.matmul(x, w.T, out=s)
        np.cos(s, out=c)
        np.sin(s, out=s)
        return c, s
    from ntkfreq import sincos

    sincos.cos_sin_rows(np.ascontiguousarray(x), np.ascontiguousarray(w.T), c, s)
    return c, s
