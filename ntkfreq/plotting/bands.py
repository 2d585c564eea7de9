"""Bands of frequencies for figures, and the times at which they are learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.bands import first_passage

Band = tuple[float, float]


def even_bands(top: float, count: int) -> list[Band]:
    """`count` bands of equal width from 0 to `top`.

    Examples
    --------
    >>> even_bands(4.0, 2)
    [(0.0, 2.0), (2.0, 4.0)]
    """
    edges = np.linspace(0.0, top, count + 1)
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def drawable_bands(frequencies: FloatArray, most: int = 48) -> list[Band]:
    """Equal bands over the frequencies (F,) or (F, d), a third as many at most, none of them empty.

    Examples
    --------
    >>> drawable_bands(np.arange(7.0))
    [(0.0, 3.0), (3.0, 6.0)]
    """
    magnitude = _magnitude(frequencies)
    count = int(np.clip(magnitude.size // 3, 1, most))
    bands = even_bands(float(magnitude.max()), count)
    return [(low, high) for low, high in bands if np.any((magnitude >= low) & (magnitude <= high))]


def chosen_bands(bands: Any, frequencies: FloatArray, most: int) -> list[Band]:
    """Bands as a user gives them: increasing (low, high), a number of them, or None.

    Examples
    --------
    >>> chosen_bands(1, np.arange(7.0), 48), chosen_bands([(1, 2), (2, 6)], np.arange(7.0), 48)
    ([(0.0, 6.0)], [(1.0, 2.0), (2.0, 6.0)])
    """
    if bands is None:
        return drawable_bands(frequencies, most)
    if not isinstance(bands, Sequence | np.ndarray) or isinstance(bands, str):
        return drawable_bands(frequencies, checks.integer("bands", bands, 1))
    listed = [checks.interval(f"bands[{k}]", band) for k, band in enumerate(bands)]
    if not listed or any(one[1] > other[0] for one, other in pairwise(listed)):
        raise ValueError(
            f"bands={checks.show(bands)} must be pairs (low, high), each beginning where the one "
            "before ends or later; or the number of bands"
        )
    return listed


def band_learning_times(
    t: FloatArray, bands: Sequence[Band], share: FloatArray, fraction: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """Centres of the bands and the times at which their share falls to `fraction`.

    Parameters
    ----------
    t : ndarray, shape (T,)
        Times.
    bands : sequence of (low, high), length B
        Bands of the magnitude of the frequency.
    share : ndarray, shape (T, B)
        What is left of each; NaN throughout for a band that is left out.
    fraction : float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (B,), and ndarray, shape (B,)
        Centres, and times; infinite where the share stays above `fraction` or is NaN.

    Examples
    --------
    >>> t = np.linspace(0, 2, 9)
    >>> centres, times = band_learning_times(t, [(0, 2), (2, 4)], np.exp(-np.outer(t, [1.0, 0.1])))
    >>> centres, times.round(4)
    (array([1., 3.]), array([0.6931,    inf]))
    """
    centres = np.array([(low + high) / 2 for low, high in bands])
    times = np.array([first_passage(t, share[:, k], fraction) for k in range(len(bands))])
    return centres, times


def _magnitude(frequencies: FloatArray) -> FloatArray:
    return np.abs(frequencies) if frequencies.ndim == 1 else np.linalg.norm(frequencies, axis=1)
