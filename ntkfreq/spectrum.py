r"""The Fourier convention of the package, in one place.

Frequencies are angular (radians per unit of x) and the transform carries no
prefactor,

.. math:: \hat u(\xi) = \int u(x)\, e^{-i \xi \cdot x} \, dx, \qquad
          u(x) = (2\pi)^{-d} \int \hat u(\xi)\, e^{i \xi \cdot x} \, d\xi .

No other module writes an exponential of its own for a spectrum: all go through
:func:`fourier_sum`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._sizes import refuse_memory, refuse_work
from ntkfreq._threads import allowed_threads, one_thread
from ntkfreq._types import ComplexArray, FloatArray

# Above this many point-frequency pairs a type-3 NUFFT beats the dense exponential matrix, in one,
# two and three dimensions (measured: 0.6, 1 to 9, and 16 ms at least, against 40 ns a pair).
_DENSE_PAIRS = (20_000, 200_000, 1_000_000)
# Up to this many points and frequencies together, waking a second thread costs more than it saves:
# up to 80 ms where the transform takes one.
_SERIAL = 200_000
_CHUNK_PAIRS = 4_000_000
# A type-3 NUFFT works on a grid of (extent in x) * (extent in frequency) / pi cells an axis and
# some more. Heavy-tailed frequencies would make it larger than the sums are; 1.6 GB at most.
_MOST_CELLS = 1e8
# What a pair of point and frequency costs in a direct sum: a cosine and a sine, measured.
_OPERATIONS = 250.0


def fourier_sum(
    x: FloatArray, values: Any, frequencies: FloatArray, *, repeatable: bool = False
) -> ComplexArray:
    r"""Evaluate :math:`\sum_i v_i e^{-i \xi_k \cdot x_i}` without any check of its input.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Points.
    values : ndarray, shape (..., n)
        Real or complex strengths, one row a transform.
    frequencies : ndarray, shape (F, d)
        Angular frequencies.
    repeatable : bool
        Stay on one thread, so that the last bit does not depend on their number.

    Returns
    -------
    ndarray, shape (..., F)
        The sums. Direct summation for few pairs, else FINUFFT type 3 at its tightest
        tolerance (error about 1e-14 of the sum of magnitudes).

    Examples
    --------
    >>> import numpy as np
    >>> fourier_sum(np.array([[0.0], [1.0]]), np.array([1.0, 1.0]), np.array([[np.pi]])).real
    array([0.])
    """
    values = np.asarray(values)
    rows = values.reshape(-1, x.shape[0])
    if _fast(x, frequencies):
        sums = _nufft(x, rows, frequencies, repeatable)
    else:
        sums = np.empty((rows.shape[0], frequencies.shape[0]), dtype=np.complex128)
        step = max(1, _CHUNK_PAIRS // x.shape[0])
        for start in range(0, frequencies.shape[0], step):
            phase = x @ frequencies[start : start + step].T
            # Two real waves take a third of the time of one complex exponential.
            with one_thread(repeatable):
                sums[:, start : start + step] = rows @ np.cos(phase) - 1j * (rows @ np.sin(phase))
    return sums.reshape(*values.shape[:-1], frequencies.shape[0])


def _fast(x: FloatArray, frequencies: FloatArray) -> bool:
    """Whether a non-uniform FFT is possible, and faster than the sums themselves."""
    dim = x.shape[1]
    many = dim <= 3 and x.shape[0] * frequencies.shape[0] > _DENSE_PAIRS[dim - 1]
    return many and _cells(x, frequencies) < _MOST_CELLS


def _cells(x: FloatArray, frequencies: FloatArray) -> float:
    return float(np.prod(20 + np.ptp(x, axis=0) * np.ptp(frequencies, axis=0) / np.pi))


def nufft_threads(size: int) -> int:
    """FINUFFT's `nthreads` for so many points and frequencies together."""
    return 1 if size <= _SERIAL else allowed_threads()


def _nufft(x: FloatArray, rows: Any, frequencies: FloatArray, repeatable: bool) -> ComplexArray:
    import finufft

    dim = x.shape[1]
    transform = (finufft.nufft1d3, finufft.nufft2d3, finufft.nufft3d3)[dim - 1]
    sources = [np.ascontiguousarray(x[:, k]) for k in range(dim)]
    targets = [np.ascontiguousarray(frequencies[:, k]) for k in range(dim)]
    strengths = np.ascontiguousarray(rows, dtype=np.complex128)
    threads = 1 if repeatable else nufft_threads(x.shape[0] + frequencies.shape[0])
    sums = transform(*sources, strengths, *targets, isign=-1, eps=1e-14, nthreads=threads)
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
    rows = array.size // len(points)
    refuse_memory(
        f"x has {len(points)} points, values {rows} row(s) and frequencies {len(grid)} entries",
        32.0 * rows * (len(points) + len(grid)),
        "give fewer frequencies, or some of the rows at a time",
    )
    if not _fast(points, grid):
        refuse_work(
            f"x has {len(points)} points and frequencies {len(grid)} entries",
            _OPERATIONS * (1.0 + 0.02 * rows) * len(points) * len(grid),
            "give fewer of either, or frequencies that reach less far",
        )
    return fourier_sum(points, array * _checks.weights_for("weights", weights, len(points)), grid)
