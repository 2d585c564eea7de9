r"""Cosines and sines of products that are too large for a rounded phase.

A phase :math:`w x` rounded to double precision is off by up to :math:`\varepsilon |w x|/2`: at
times of 1.6e9 seconds and a frequency of one by 1e-7. Here the product is kept as the sum of two
numbers, its rounded value and the exact remainder (Dekker's product), and NumPy reduces arguments
of any size. The remaining error is the rounding of the cosine.

References
----------
Dekker, Numer. Math. 18 (1971), 224-242.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray

_SPLITTER = 2.0**27 + 1


def two_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Product of two arrays (broadcast) as its rounded value and the exact remainder.

    Examples
    --------
    >>> import numpy as np
    >>> high, low = two_product(np.array(1 + 2.0**-30), np.array(1 - 2.0**-30))
    >>> float(high), float(low) == -(2.0**-60)
    (1.0, True)
    """
    high = np.asarray(a * b)
    (a1, a2), (b1, b2) = _split(a), _split(b)
    return high, np.asarray(((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2)


def _split(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Halves of 26 digits each."""
    scaled = _SPLITTER * a
    first = scaled - (scaled - a)
    return first, a - first


def exact_wave(a: FloatArray, b: FloatArray) -> ComplexArray:
    r"""The wave :math:`e^{i a b}` of arrays (broadcast), to rounding for products of any size.

    Examples
    --------
    The phase 1e22 is a double, and its cosine is 0.5232147853951389.

    >>> import numpy as np
    >>> exact_wave(np.array(1e11), np.array(1e11)).real.round(9)
    np.float64(0.523214785)
    """
    high, low = two_product(a, b)
    wave = np.cos(high) + 1j * np.sin(high)
    return np.asarray(wave * (np.cos(low) + 1j * np.sin(low)))


def exact_waves(x: FloatArray, w: FloatArray) -> ComplexArray:
    r"""Waves :math:`e^{i w_j \cdot x_i}` of points (n, d) and frequencies (m, d), shape (n, m).

    Examples
    --------
    >>> import numpy as np
    >>> exact_waves(np.array([[np.pi, 2.0]]), np.array([[1.0, 0.0]])).round(12)
    array([[-1.+0.j]])
    """
    wave = np.ones((len(x), len(w)), dtype=np.complex128)
    for line, along in zip(x.T, w.T, strict=True):
        wave *= exact_wave(line[:, None], along)
    return wave


def middle_of(points: FloatArray, share: float) -> FloatArray:
    """Middle (d,) of the extent of points (n, d); 0 along axes where it is below a share of half.

    Examples
    --------
    >>> import numpy as np
    >>> middle_of(np.array([[9.0, -1.0], [11.0, 1.5]]), 0.5)
    array([10.,  0.])
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    return np.asarray(np.where(np.abs(middle) > share * half, middle, 0.0))
