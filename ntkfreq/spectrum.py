r"""The Fourier convention of the package, in one place, and what is read off spectra.

Frequencies are angular (radians per unit of x) and the transform carries no
prefactor,

.. math:: \hat u(\xi) = \int u(x)\, e^{-i \xi \cdot x} \, dx, \qquad
          u(x) = (2\pi)^{-d} \int \hat u(\xi)\, e^{i \xi \cdot x} \, d\xi .

No other module writes an exponential of its own for a spectrum: all go through
:func:`fourier_sum`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import ComplexArray, FloatArray

# Above this many point-frequency pairs a type-3 NUFFT beats the dense exponential matrix.
_DENSE_PAIRS = 1_000_000
_CHUNK_PAIRS = 4_000_000


def fourier_sum(x: FloatArray, values: Any, frequencies: FloatArray) -> ComplexArray:
    r"""Evaluate :math:`\sum_i v_i e^{-i \xi_k \cdot x_i}` without any check of its input.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Points.
    values : ndarray, shape (..., n)
        Real or complex strengths, one row a transform.
    frequencies : ndarray, shape (F, d)
        Angular frequencies.

    Returns
    -------
    ndarray, shape (..., F)
        The sums. Direct summation for up to 1e6 pairs, else FINUFFT type 3 at
        its tightest tolerance (relative error about 1e-13).

    Examples
    --------
    >>> import numpy as np
    >>> fourier_sum(np.array([[0.0], [1.0]]), np.array([1.0, 1.0]), np.array([[np.pi]])).real
    array([0.])
    """
    values = np.asarray(values)
    rows = values.reshape(-1, x.shape[0])
    if x.shape[0] * frequencies.shape[0] > _DENSE_PAIRS and x.shape[1] <= 3:
        sums = _nufft(x, rows, frequencies)
    else:
        sums = np.empty((rows.shape[0], frequencies.shape[0]), dtype=np.complex128)
        step = max(1, _CHUNK_PAIRS // x.shape[0])
        for start in range(0, frequencies.shape[0], step):
            block = frequencies[start : start + step]
            sums[:, start : start + step] = rows @ np.exp(-1j * (x @ block.T))
    return sums.reshape(*values.shape[:-1], frequencies.shape[0])


def _nufft(x: FloatArray, rows: Any, frequencies: FloatArray) -> ComplexArray:
    import finufft

    dim = x.shape[1]
    transform = (finufft.nufft1d3, finufft.nufft2d3, finufft.nufft3d3)[dim - 1]
    sources = [np.ascontiguousarray(x[:, k]) for k in range(dim)]
    targets = [np.ascontiguousarray(frequencies[:, k]) for k in range(dim)]
    strengths = np.ascontiguousarray(rows, dtype=np.complex128)
    sums = transform(*sources, strengths, *targets, isign=-1, eps=1e-14)
    return np.asarray(sums, dtype=np.complex128).reshape(rows.shape[0], -1)


def error_spectrum(x: Any, values: Any, frequencies: Any, weights: Any = None) -> ComplexArray:
    r"""Spectrum of values at points, :math:`\hat v(\xi) = \sum_i w_i\, v_i\, e^{-i\xi\cdot x_i}`.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Points.
    values : array_like, shape (n,) or (T, n)
        Values at the points, for instance the error ``f(x) - y(x)``.
    frequencies : array_like, shape (F,) or (F, d)
        Angular frequencies, radians per unit of `x`.
    weights : array_like, shape (n,), optional
        Positive quadrature weights, normalized here to sum to one. Default: 1/n each.

    Returns
    -------
    ndarray, shape (F,) or (T, F), complex
        The spectrum against the probability measure of the points.

    Raises
    ------
    ValueError, TypeError
        On NaN, empty or mismatched input.

    Notes
    -----
    The non-uniform discrete Fourier transform of arXiv 2405.17479, with angular
    frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-np.pi, np.pi, 200, endpoint=False)
    >>> np.abs(error_spectrum(x, np.sin(6 * x), [1.0, 6.0])).round(12)
    array([0. , 0.5])
    """
    points = _checks.points("x", x)
    grid = _checks.points("frequencies", frequencies, points.shape[1])
    array = _checks.real_array("values", values, (1, 2))
    if array.shape[-1] != points.shape[0]:
        raise ValueError(
            f"values has shape {array.shape}; its last axis must be the {points.shape[0]} points"
        )
    return fourier_sum(points, array * _checks.weights_for("weights", weights, len(points)), grid)


def band_energy(
    frequencies: Any, spectrum: Any, bands: Sequence[tuple[float, float]]
) -> FloatArray:
    r"""Mean of :math:`|\hat v(\xi)|^2` over each band :math:`low \le |\xi| \le high`.

    Parameters
    ----------
    frequencies : array_like, shape (F,) or (F, d)
        Angular frequencies.
    spectrum : array_like, shape (..., F)
        Complex spectrum at these frequencies.
    bands : sequence of (low, high)
        Bands of :math:`|\xi|`, radians per unit of x.

    Returns
    -------
    ndarray, shape (..., B)
        Mean squared magnitude in each band.

    Raises
    ------
    ValueError
        When a band is reversed or holds none of the frequencies.

    Examples
    --------
    >>> band_energy([1.0, 2.0, 5.0], [1.0, 1j, 3.0], [(0.0, 3.0), (4.0, 6.0)])
    array([1., 9.])
    """
    grid = _checks.points("frequencies", frequencies)
    array = np.asarray(spectrum, dtype=np.complex128)
    if array.shape[-1] != grid.shape[0]:
        raise ValueError(
            f"spectrum has shape {array.shape}; its last axis must be the {grid.shape[0]} "
            "frequencies"
        )
    magnitude = np.linalg.norm(grid, axis=1)
    energies = []
    for band in bands:
        low, high = _checks.interval("band", band)
        inside = (magnitude >= low) & (magnitude <= high)
        if not inside.any():
            raise ValueError(
                f"band=({low:g}, {high:g}) holds none of the {magnitude.size} frequencies between "
                f"{magnitude.min():g} and {magnitude.max():g}; widen it or pass finer frequencies="
            )
        energies.append(np.mean(np.abs(array[..., inside]) ** 2, axis=-1))
    return np.stack(energies, axis=-1)


def first_passage(t: FloatArray, curve: FloatArray, level: float) -> float:
    """First time a positive curve falls to `level`; inf if it never does.

    Between two samples the logarithm of the curve is interpolated linearly in
    time, which is exact for one decaying exponential.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([0.0, 1.0, 3.0])
    >>> round(first_passage(t, np.exp(-2 * t), 0.01), 12)
    2.302585092994
    """
    below = np.flatnonzero(curve <= level)
    if below.size == 0:
        return float("inf")
    k = int(below[0])
    if k == 0:
        return float(t[0])
    tiny = np.finfo(np.float64).tiny
    upper, lower = np.log(max(curve[k - 1], tiny)), np.log(max(curve[k], tiny))
    share = (upper - np.log(max(level, tiny))) / (upper - lower)
    return float(t[k - 1] + share * (t[k] - t[k - 1]))


def band_learning_time(
    t: FloatArray,
    frequencies: FloatArray,
    spectrum: ComplexArray,
    band: tuple[float, float],
    fraction: float,
) -> float:
    """First time the RMS of `spectrum` over `band` falls to `fraction` of its start.

    Parameters
    ----------
    t : ndarray, shape (T,)
        Times; the first is the start.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies.
    spectrum : ndarray, shape (T, F)
        Error spectrum over time.
    band : (low, high)
        Band of the magnitude of the frequency.
    fraction : float
        Between 0 and 1.

    Returns
    -------
    float
        The time, infinite if the level is not reached.

    Raises
    ------
    ValueError
        When the times do not start at 0, or the band has no initial energy
        (RMS below 1e-3 of the largest magnitude of the initial spectrum).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 2, 9)
    >>> decay = np.exp(-t)[:, None] * np.ones(3)
    >>> round(band_learning_time(t, np.array([1.0, 2, 3]), decay + 0j, (0, 4), 0.5), 12)
    0.69314718056
    """
    fraction = _checks.positive("fraction", fraction)
    if fraction >= 1:
        raise ValueError(f"fraction={fraction} must be below 1")
    if t[0] != 0:
        raise ValueError(f"t starts at {t[0]:g}; a learning time needs the start, include t = 0")
    rms = np.sqrt(band_energy(frequencies, spectrum, [band])[:, 0])
    largest = float(np.abs(spectrum[0]).max())
    if rms[0] < 1e-3 * largest or largest == 0:
        raise ValueError(
            f"band=({band[0]:g}, {band[1]:g}) has an initial RMS of {rms[0]:.3g}, below 1e-3 of "
            f"the largest magnitude {largest:.3g}: nothing to learn there; choose another band"
        )
    return first_passage(t, rms, fraction * rms[0])


def default_frequencies(x: FloatArray, values: FloatArray, reach: float) -> FloatArray:
    r"""Frequencies that resolve data of this extent and hold its energy.

    In one dimension an even grid from 0 with spacing :math:`\pi/S`, S the extent of the
    data (twice as fine as the resolution :math:`2\pi/S` of a window of length S), up to the larger
    of `reach` and the frequency below which 99.9 % of the spectral energy of
    the values lies (looked for up to the Nyquist frequency of the median spacing).
    In d dimensions one such half-line along each axis. At most 2048 points an axis.
    Spectra of real functions are Hermitian: negative frequencies say nothing new.

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
        spacing = float(np.median(np.diff(line))) if line.size > 1 else 1.0
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
