"""Cosines and sines of all pairs of points and frequencies, as two matrices.

Light to import: Numba loads when there are enough pairs to pay for it.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.phases import exact_waves, middle_of

# Beyond this phase the vectorized sine may lose digits, and the rounding of the phase is 1e-8.
LARGEST_PHASE = 1e8
# Phases above this are reduced or made exact; below, their rounding is no more than 1e-13.
_ROUNDED = 1e3
# Points are moved to their middle if that is farther from 0 than this multiple of their half
# extent.
_MOVED = 8.0
_EXACT_PAIRS = 500_000
# NumPy takes 34 ns a pair, the vectorized sine 0.9 on two cores. This many pairs take NumPy 50 ms.
# Importing Numba takes ten times that, but so many pairs are rarely needed only once.
_FEW_PAIRS = 1_500_000


def largest_phase(x: FloatArray, w: FloatArray) -> float:
    """Bound on ``|w . x|`` over points x (n, d) and frequencies w (m, d)."""
    return float(np.abs(w).max(axis=0, initial=0.0) @ np.abs(x).max(axis=0, initial=0.0))


def cos_sin_matrices(
    x: FloatArray, w: FloatArray, out: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines of ``x @ w.T``.

    Points far from 0 are moved to their middle and the waves turned back by exact phases; phases
    that are large even so are exact products. Both take some ten times as long.

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
        Accurate to 2e-15 plus 1e-16 times the phase, which is at most 1e8 here.

    Examples
    --------
    >>> import numpy as np
    >>> c, s = cos_sin_matrices(np.array([[0.0], [0.5]]), np.array([[np.pi]]))
    >>> c.round(12).tolist(), s.tolist()
    ([[1.0], [0.0]], [[0.0], [1.0]])
    """
    shape = (x.shape[0], w.shape[0])
    c, s = (np.empty(shape), np.empty(shape)) if out is None else out
    if largest_phase(x, w) > _ROUNDED:
        _far(x, w, c, s)
    else:
        _near(x, w, c, s)
    return c, s


def _near(x: FloatArray, w: FloatArray, c: FloatArray, s: FloatArray) -> None:
    # The choice depends on the arguments alone, or repeated calls would differ in the last digit.
    if c.size < _FEW_PAIRS:
        np.matmul(x, w.T, out=s)
        np.cos(s, out=c)
        np.sin(s, out=s)
        return
    from ntkfreq.spectra import sincos

    sincos.cos_sin_rows(np.ascontiguousarray(x), np.ascontiguousarray(w.T), c, s)


def _far(x: FloatArray, w: FloatArray, c: FloatArray, s: FloatArray) -> None:
    """Large phases: points are moved to their middle where that makes the phases small."""
    middle = middle_of(x, _MOVED)
    moved = x - middle
    exact = largest_phase(moved, w) > LARGEST_PHASE
    step = max(1, _EXACT_PAIRS // max(len(w), 1))
    if not exact and not middle.any():
        _near(x, w, c, s)
        return
    turn = exact_waves(middle[None], w)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        if exact:
            wave = exact_waves(x[part], w)
        else:
            _near(moved[part], w, c[part], s[part])
            wave = (c[part] + 1j * s[part]) * turn
        c[part], s[part] = wave.real, wave.imag
