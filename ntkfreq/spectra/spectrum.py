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

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.guard import guarded
from ntkfreq._support.sizes import refuse_memory, refuse_work
from ntkfreq._support.threads import allowed_threads, one_thread
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray, PointsLike
from ntkfreq.spectra.phases import exact_waves, middle_of
from ntkfreq.spectra.waves import LARGEST_PHASE, largest_phase

# Above this many point-frequency pairs a type-3 NUFFT beats the dense exponential matrix, in one,
# two and three dimensions (measured: 0.6, 1 to 9, and 16 ms at least, against 40 ns a pair).
_DENSE_PAIRS = (20_000, 200_000, 1_000_000)
# Up to this many points and frequencies together, waking a second thread costs more than it saves:
# up to 80 ms where the transform takes one.
_SERIAL = 200_000
_CHUNK_PAIRS = 4_000_000
# A type-3 NUFFT works on a grid of (extent in x) * (extent in frequency) / pi cells an axis and
# some more, and within that on one of 2, 4, 8 times as many: 6 GB at most. A cell takes as long as
# a pair (0.1 microseconds each), so heavy-tailed frequencies, or few points far apart, are summed.
_MOST_CELLS = (1e8, 7e7, 4e7)
# Operations of a pair of point and frequency in a direct sum: a cosine and a sine, measured.
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
        The sums. Direct summation for few pairs, else FINUFFT type 3 at its tightest tolerance.
        The error is about 1e-14 of the sum of magnitudes, and 1e-16 of it times the largest phase
        that points and frequencies have about their middles. Their distance from 0 does not matter.

    Examples
    --------
    >>> import numpy as np
    >>> fourier_sum(np.array([[0.0], [1.0]]), np.array([1.0, 1.0]), np.array([[np.pi]])).real
    array([0.])
    """
    values = np.asarray(values)
    rows = values.reshape(-1, x.shape[0])
    if frequencies.shape[0] == 0 or x.shape[0] == 0:
        return np.zeros((*values.shape[:-1], frequencies.shape[0]), dtype=np.complex128)
    # With origin o and middle m of points and frequencies, xi.x = xi.o + m.x - m.o and the product
    # of xi - m and x - o, which has the smallest phases. The other three may be large, but are
    # exact: only the last is affected by the rounding of differences.
    origin, middle = middle_of(x, 0.5), middle_of(frequencies, 2.0)
    if middle.any():
        rows = (
            rows * (exact_waves(x, -middle[None]) * exact_waves(origin[None], middle[None]))[:, 0]
        )
    sums = _centred_sum(x - origin, rows, frequencies - middle, repeatable)
    if origin.any():
        sums *= exact_waves(frequencies, -origin[None])[:, 0]
    return sums.reshape(*values.shape[:-1], frequencies.shape[0])


def _centred_sum(
    x: FloatArray, rows: Any, frequencies: FloatArray, repeatable: bool
) -> ComplexArray:
    if _fast(x, frequencies):
        return _nufft(x, rows, frequencies, repeatable)
    sums = np.empty((rows.shape[0], frequencies.shape[0]), dtype=np.complex128)
    exact = largest_phase(x, frequencies) > LARGEST_PHASE
    step = max(1, (_CHUNK_PAIRS // 8 if exact else _CHUNK_PAIRS) // x.shape[0])
    for start in range(0, frequencies.shape[0], step):
        block = frequencies[start : start + step]
        if exact:
            wave = exact_waves(x, block)
            cosine, sine = wave.real, wave.imag
        else:
            phase = x @ block.T
            # Two real waves take a third of the time of one complex exponential.
            cosine, sine = np.cos(phase), np.sin(phase)
        with one_thread(repeatable):
            sums[:, start : start + step] = rows @ cosine - 1j * (rows @ sine)
    return sums


def _fast(x: FloatArray, frequencies: FloatArray) -> bool:
    """Whether a non-uniform FFT is possible, and faster than the sums themselves."""
    dim = x.shape[1]
    pairs = float(x.shape[0]) * frequencies.shape[0]
    if dim > 3 or pairs <= _DENSE_PAIRS[dim - 1]:
        return False
    return bool(_cells(x, frequencies) < min(_MOST_CELLS[dim - 1], pairs))


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


@guarded
def error_spectrum(
    x: PointsLike, values: ArrayLike, frequencies: ArrayLike, weights: ArrayLike | None = None
) -> ComplexArray:
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
    points = checks.points("x", x, axis=Axis.of("x", x))
    grid = checks.points("frequencies", frequencies, points.shape[1])
    array = checks.real_array("values", values, (1, 2))
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
    return fourier_sum(points, array * checks.weights_for("weights", weights, len(points)), grid)
