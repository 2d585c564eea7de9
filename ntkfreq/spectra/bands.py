"""Energy of spectra in bands, and the time at which a band is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ArrayLike, BoolArray, ComplexArray, FloatArray

# A squared error that falls by this factor between two samples is zero to rounding.
_RESOLVED = float(np.finfo(np.float64).eps) ** 2
# Least share of the initial error at which a band is distinguished from strong waves of others.
# Fits of tones beside others 1000 times as strong are accurate to a percent down to a tenth of it.
_DISTINCT = 3e-5


# Frequencies at which a ring or shell is read, and the turn from one to the next, which fills a
# circle evenly.
_ON_RING, _GOLDEN = 256, (np.sqrt(5.0) - 1) / 2
# Squares of larger values overflow.
_LARGEST = 1e150


def band_energy(
    frequencies: ArrayLike, spectrum: ArrayLike, bands: Sequence[tuple[float, float]]
) -> FloatArray:
    r"""Mean of :math:`|\hat v(\xi)|^2` over each band :math:`low \le |\xi| \le high`.

    The spectrum is not corrected. That of finitely many samples leaks: a constant or a strong
    tone fills every band. `learning_time` of solutions and runs, and
    ``Comparison.remaining``, follow what is a band's own.

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
        When a band is reversed or holds none of the frequencies, and for a spectrum above 1e150.

    Examples
    --------
    >>> band_energy([1.0, 2.0, 5.0], [1.0, 1j, 3.0], [(0.0, 3.0), (4.0, 6.0)])
    array([1., 9.])
    """
    grid = checks.points("frequencies", frequencies)
    array = checks.complex_array("spectrum", spectrum)
    checks.magnitude("spectrum", np.abs(array), 0.0, _LARGEST)
    if array.ndim == 0 or array.shape[-1] != grid.shape[0]:
        raise ValueError(
            f"spectrum has shape {array.shape}; its last axis must be the {grid.shape[0]} "
            "frequencies"
        )
    energies = [
        np.mean(np.abs(array[..., frequencies_in(grid, band)]) ** 2, axis=-1) for band in bands
    ]
    return np.stack(energies, axis=-1)


# The unit for plain numbers; dates have another one.
_UNIT = "rad per unit of x"


def frequencies_in(
    frequencies: FloatArray, band: tuple[float, float], unit: str = _UNIT
) -> BoolArray:
    """Which of the frequencies (F, d) lie in a band; refuses a band that holds none."""
    low, high = checks.interval("band", band)
    magnitude = np.linalg.norm(frequencies, axis=1)
    inside = (magnitude >= low) & (magnitude <= high)
    if not inside.any():
        raise ValueError(
            f"band=({low:g}, {high:g}) {unit} holds none of the {magnitude.size} "
            f"frequencies between {magnitude.min():g} and {magnitude.max():g}; widen it or pass "
            "finer frequencies="
        )
    return np.asarray(inside)


def along_axes(frequencies: FloatArray) -> bool:
    """Whether frequencies (F, d) of two or three dimensions all lie along the axes.

    In more dimensions waves are fitted at the frequencies themselves
    (`ntkfreq.spectra.wave_fit`).

    Examples
    --------
    >>> import numpy as np
    >>> along_axes(np.array([[0.0, 2.0], [3.0, 0.0]])), along_axes(np.array([[1.0, 2.0]]))
    (True, False)
    """
    return bool(frequencies.shape[1] in (2, 3) and np.count_nonzero(frequencies, axis=1).max() <= 1)


def band_frequencies(
    frequencies: FloatArray, band: tuple[float, float], unit: str = _UNIT
) -> FloatArray:
    r"""Where a band is read: at the frequencies (F, d) inside, or all over its ring or shell.

    In two and three dimensions frequencies that all lie along the axes, as the default ones do,
    show only the leakage of a wave in another direction. A band then is read at 256 directions and
    magnitudes spread evenly over a half of :math:`low \le |\xi| \le high` (the other half is
    conjugate), no further out than the frequencies reach.

    Examples
    --------
    >>> import numpy as np
    >>> band_frequencies(np.array([[1.0], [2.0], [5.0]]), (0.0, 3.0)).ravel()
    array([1., 2.])
    >>> axes = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 9.0]])
    >>> ring = band_frequencies(axes, (3.0, 20.0))
    >>> ring.shape, bool(np.linalg.norm(ring, axis=1).min() >= 3)
    ((256, 2), True)
    """
    inside = frequencies_in(frequencies, band, unit)
    if not along_axes(frequencies):
        return np.asarray(frequencies[inside])
    dim = frequencies.shape[1]
    end = min(float(band[1]), float(np.linalg.norm(frequencies, axis=1).max()))
    count = np.arange(_ON_RING)
    volume = (count + 0.5) / _ON_RING
    # Powers of the ratio, which is at most one: the magnitudes themselves may overflow.
    low = float(band[0]) / end if end > 0 else 0.0
    magnitude = end * (low**dim + volume * (1 - low**dim)) ** (1 / dim)
    if dim == 2:
        angle = np.pi * ((count * _GOLDEN) % 1.0)
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        directions = np.random.default_rng(0).standard_normal((_ON_RING, dim))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(magnitude[:, None] * directions)


def band_rms(spectrum: ComplexArray) -> FloatArray:
    """Root mean square over the last axis."""
    return np.asarray(np.sqrt(np.mean(np.abs(spectrum) ** 2, axis=-1)))


class EmptyBandError(ValueError):
    """A band that holds nothing to learn."""


def refuse_empty(
    band: tuple[float, float],
    own: FloatArray,
    whole: FloatArray,
    highest: float,
    unit: str = _UNIT,
) -> None:
    """Refuse a band whose own part of the initial error cannot be told from leakage.

    `highest` is the highest frequency that the points resolve.
    """
    size, total = (float(np.sqrt(np.mean(part**2))) for part in (own, whole))
    if size > _DISTINCT * total:
        return
    if band[0] > highest:
        raise EmptyBandError(
            f"band=({band[0]:g}, {band[1]:g}) {unit} lies above {highest:.4g}, the "
            "highest frequency that these points tell apart; choose a lower band, or denser points"
        )
    raise EmptyBandError(
        f"band=({band[0]:g}, {band[1]:g}) {unit} has {size:.3g} of its own in the "
        f"initial error of {total:.3g} (both RMS), below {_DISTINCT:g} of it, which cannot be told "
        "from what other bands leak: nothing to learn there; choose another band"
    )


def checked_fraction(fraction: float, t: FloatArray) -> float:
    """A remaining share between 0 and 1, of what is left at the first of the times, 0."""
    fraction = checks.finite_float("fraction", fraction)
    if fraction <= 0:
        raise ValueError(f"fraction={fraction} must be greater than 0, the share that is left")
    if fraction >= 1:
        raise ValueError(f"fraction={fraction} must be below 1, the share at the start")
    if t[0] != 0:
        raise ValueError(f"t starts at {t[0]:g}; a learning time needs the start, include t = 0")
    return fraction


def first_passage(t: FloatArray, curve: FloatArray, level: float, *, linear: bool = False) -> float:
    """First time a curve falls to `level`; inf if it never does.

    Between two samples the logarithm of the curve is interpolated linearly in time, which is exact
    for one decaying exponential. Where the later sample is a floor, the curve itself is
    interpolated: the logarithm of a floor is arbitrary, and would put the crossing next to the
    earlier sample. Floors are zero, falls by more than the square of the rounding unit
    (no squared error in double precision is known that far), and samples after which the curve is
    constant to the last digit, as it is where a user has replaced zeros by something small.

    Parameters
    ----------
    t : ndarray, shape (T,)
        Increasing times.
    curve : ndarray, shape (T,)
        Values; positive or zero unless `linear`.
    level : float
        The value that the curve falls to.
    linear : bool, default False
        Interpolate the curve itself everywhere, for shares of a count.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([0.0, 1.0, 3.0])
    >>> round(first_passage(t, np.exp(-2 * t), 0.01), 12)
    2.302585092994
    >>> first_passage(t, np.array([1.0, 0.5, 0.0]), 0.05)
    2.8
    """
    below = np.flatnonzero(curve <= level)
    if below.size == 0:
        return float("inf")
    k = int(below[0])
    if k == 0:
        return float(t[0])
    upper, lower = float(curve[k - 1]), float(curve[k])
    constant = k + 1 < len(curve) and curve[k + 1] == lower
    if linear or constant or lower <= _RESOLVED * upper:
        # Quotients first: differences of very large values would overflow.
        share = (1 - level / upper) / (1 - lower / upper) if upper else level / lower
    else:
        share = np.log(upper / level) / np.log(upper / lower)
    return float(t[k - 1] + min(max(share, 0.0), 1.0) * (t[k] - t[k - 1]))


def band_learning_time(
    t: FloatArray,
    frequencies: FloatArray,
    spectrum: ComplexArray,
    band: tuple[float, float],
    fraction: float,
    least: float = 1e-3,
    unit: str = _UNIT,
    largest: float | None = None,
) -> float:
    """First time the RMS of `spectrum` over `band` falls to `fraction` of its start.

    The spectrum is taken as it is, leakage included.

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
    least : float
        Initial RMS over the largest magnitude of the initial spectrum, below which the band is
        refused.
    unit : str
        Of frequencies, for messages.
    largest : float, optional
        That largest magnitude, where more frequencies are known than those given.

    Returns
    -------
    float
        The time, infinite if the level is not reached.

    Raises
    ------
    ValueError
        When the times do not start at 0, or the band has no initial energy
        (RMS below `least` of the largest magnitude of the initial spectrum).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 2, 9)
    >>> decay = np.exp(-t)[:, None] * np.ones(3)
    >>> round(band_learning_time(t, np.array([1.0, 2, 3]), decay + 0j, (0, 4), 0.5), 12)
    0.69314718056
    """
    fraction = checked_fraction(fraction, t)
    inside = frequencies_in(checks.points("frequencies", frequencies), band, unit)
    rms = band_rms(spectrum[:, inside])
    largest = float(np.abs(spectrum[0]).max()) if largest is None else largest
    if rms[0] < least * largest or largest == 0:
        raise ValueError(
            f"band=({band[0]:g}, {band[1]:g}) {unit} has an initial RMS of "
            f"{rms[0]:.3g}, below {least:g} of the largest magnitude {largest:.3g}: nothing to "
            "learn there; choose another band"
        )
    return first_passage(t, rms, fraction * rms[0])


def pick_spectrum(test: ComplexArray | None, data: ComplexArray, which: str) -> ComplexArray:
    """The spectrum a user names: "test", "data", or "auto" for the test spectrum if there is one.

    Raises
    ------
    ValueError
        For another name, and for "test" where there is none.
    """
    which = checks.choice("spectrum", which, ("auto", "data", "test"))
    if which == "test" and test is None:
        raise ValueError(
            "spectrum='test' is not there: the target is unknown off the data; pass "
            "test=(x_test, y_test), or use spectrum='data'"
        )
    return data if which == "data" or test is None else test
