"""The frequencies at which spectra are taken when the user names none."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.spectrum import fourier_sum


def default_frequencies(x: FloatArray, values: FloatArray, reach: float) -> FloatArray:
    r"""Frequencies that resolve data of this extent and hold its energy.

    In one dimension an even grid from 0 with spacing :math:`\pi/S`, S the extent of the
    data (twice as fine as the resolution :math:`2\pi/S` of a window of length S), up to the larger
    of `reach` and the frequency below which 99.9 % of the spectral energy of
    the values lies (searched up to the Nyquist frequency of the median spacing).
    In d dimensions one such half-line along each axis. At most 2048 points an axis.
    Spectra of real functions are Hermitian: negative frequencies are redundant.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Points.
    values : ndarray, shape (n,)
        Values there, e.g. the initial error.
    reach : float
        Frequency up to which the density carries weight.

    Returns
    -------
    ndarray, shape (F,) if d = 1, else (F, d)

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 101)[:, None]
    >>> grid = default_frequencies(x, np.exp(-9 * x[:, 0] ** 2), reach=30.0)
    >>> bool(grid[0] == 0), bool(30 <= grid[-1] < 33), round(float(grid[1]), 6)
    (True, True, 1.570796)
    """
    axes = []
    dim = x.shape[1]
    for k in range(dim):
        line = np.unique(x[:, k])
        extent = float(line[-1] - line[0]) if line.size > 1 else 1.0
        # The mean spacing along an axis that so many points in d dimensions can have.
        spacing = extent / max(len(x) ** (1 / dim) - 1, 1)
        step = np.pi / extent
        count = int(min(max(np.ceil(np.pi / spacing / step), 1), 2048))
        along = np.zeros((count + 1, dim))
        along[:, k] = step * np.arange(count + 1)
        # A Hann window, or the jump at the data's ends would look like high-frequency energy.
        window = np.cos(np.pi / extent * (x[:, k] - (line[0] + line[-1]) / 2)) ** 2
        energy = np.cumsum(np.abs(fourier_sum(x, window * (values - values.mean()), along)) ** 2)
        holds = int(np.searchsorted(energy, 0.999 * energy[-1])) if energy[-1] > 0 else 0
        wanted = int(min(max(np.ceil(reach / step), holds, 8), 2048))
        grid = np.zeros((wanted + 1, dim))
        grid[:, k] = step * np.arange(wanted + 1)
        axes.append(grid if k == 0 else grid[1:])
    frequencies = np.concatenate(axes)
    return frequencies[:, 0] if dim == 1 else frequencies
