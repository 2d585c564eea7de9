r"""Bands of recorded errors: a window where other bands leak.

Of a trained network only the whole error is known over time. Its spectrum on finitely many points
leaks, and the leakage decays at other times than the band. Its size is known at the start, where
the error is split into waves (:mod:`ntkfreq.spectra.wave_fit`). A small leakage is accepted.
Otherwise the part of the other bands is subtracted, where it is known from the linear regime of the
run. Where it is not, a window that falls to zero at the ends of the data (Kaiser's) suppresses
distant strong waves, and the layers at the ends where they are learned last; it widens every band,
so the weakest sufficient window is taken. On scattered points no window helps. A band that is
mostly leakage is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.spectra.bands import band_frequencies, band_rms, frequencies_in, refuse_empty
from ntkfreq.spectra.spectrum import fourier_sum
from ntkfreq.spectra.wave_fit import WaveSum, fit_waves

# Shapes of Kaiser's window, from none to one whose side lobes are at -100 dB.
_SHAPES = (0.0, 3.0, 6.0, 8.0, 10.0, 12.0)
# Leakage at the start, relative to the band's own part, both in RMS: a window is sufficient at or
# below the first; above the second a learning time would be that of the leakage.
_ENOUGH, SWAMPED = 0.05, 0.5
# Networks depart from the linear regime that is subtracted for the other bands; this share of the
# departure may be in the band.
DEPARTS = 0.2


@dataclass(frozen=True, eq=False)
class BandReader:
    """Reads bands off errors at points, given the error at the start.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Points.
    start : ndarray, shape (n,)
        Error at the start.
    frequencies : ndarray, shape (F, d)
        At which spectra are read.
    unit : str
        Of frequencies, for messages.
    beside : (ndarray, ndarray), optional
        More points and errors at the start, for the fit of the waves.
    """

    x: FloatArray
    start: FloatArray
    frequencies: FloatArray
    unit: str = "rad per unit of x"
    beside: tuple[FloatArray, FloatArray] | None = None

    @cached_property
    def waves(self) -> WaveSum:
        """The error at the start as a sum of waves."""
        x, start = self.x, self.start
        if self.beside is not None:
            x, start = np.concatenate([x, self.beside[0]]), np.append(start, self.beside[1])
        return fit_waves(x, start[None], self.frequencies)[0]

    @cached_property
    def _cell(self) -> float:
        """Frequencies closer than this are not resolved by spectra of the data."""
        extent = float(np.ptp(self.x, axis=0).max())
        return 2 * np.pi / extent if extent > 0 else np.inf

    def own(self, band: tuple[float, float]) -> FloatArray:
        """The band's part of the error at the start, shape (n,), or a refusal."""
        part = self.waves.band(*band)(self.x)
        highest = float(self.waves.lattice.magnitude.max())
        refuse_empty(band, part, self.waves(self.x), highest, self.unit)
        return part

    def foreign(self, band: tuple[float, float]) -> FloatArray:
        """The part more than one resolution cell away from the band, shape (n,)."""
        wide = self.waves.band(band[0] - self._cell, band[1] + self._cell)
        return np.asarray(self.start - wide(self.x))

    def flooded(self, band: tuple[float, float]) -> bool:
        """Whether more than half as much as the band's own leaks into it without a window."""
        leak = self.rms(self.foreign(band), band)
        return bool(leak > SWAMPED * self.rms(self.own(band), band))

    def steady(self, band: tuple[float, float], departure: FloatArray) -> tuple[FloatArray, float]:
        """Window (n,) for errors with a departure (T, n) from the linear regime.

        With it comes the share of the departure in the band, relative to the own part.
        """
        return self.window(band, departure, DEPARTS)

    def window(
        self, band: tuple[float, float], foreign: FloatArray, enough: float
    ) -> tuple[FloatArray, float]:
        """The weakest window that keeps `foreign` (..., n) out of the band, and what leaks of it.

        Weights of mean one, shape (n,), and the largest RMS relative to that of the band's own
        part.
        """
        own, best = self.own(band), (np.ones(len(self.x)), np.inf)
        for shape in _SHAPES:
            weights = kaiser(self.x, shape)
            size = max(float(self.rms(weights * own, band)), 1e-300)
            leak = float(np.max(self.rms(weights * foreign, band))) / size
            if leak < best[1]:
                best = weights, leak
            if leak <= enough:
                break
        return best

    def rms(self, errors: FloatArray, band: tuple[float, float]) -> FloatArray:
        """RMS over a band of the spectrum of errors (..., n)."""
        some = band_frequencies(self.frequencies, band, self.unit)
        return band_rms(fourier_sum(self.x, errors / len(self.x), some))

    def curve(
        self,
        errors: FloatArray,
        band: tuple[float, float],
        others: Callable[[WaveSum], FloatArray] | None = None,
    ) -> FloatArray:
        """RMS over a band of errors (T, n) over time, the first of them that at the start.

        `others` is the error of all but a band's part over time, (T, n), where that is known.

        Raises
        ------
        ValueError
            When the band holds none of the frequencies, or nothing of its own, or other bands leak
            into it more than half of what is its own.
        """
        frequencies_in(self.frequencies, band, self.unit)
        foreign, own = self.foreign(band), self.own(band)
        if others is not None and self.rms(foreign, band) > _ENOUGH * self.rms(own, band):
            part = self.waves.band(*band)
            nothing = WaveSum(part.lattice, np.zeros_like(part.coefficients))
            left = errors - others(part)
            if not self.flooded(band):
                return self.rms(left, band)
            weights, departed = self.steady(band, errors - others(nothing))
            if departed > SWAMPED:
                raise ValueError(self._refusal(band, departed))
            return self.rms(weights * left, band)
        weights, leak = self.window(band, foreign, _ENOUGH)
        if leak > SWAMPED:
            raise ValueError(self._refusal(band, leak))
        return self.rms(weights * errors, band)

    def _refusal(self, band: tuple[float, float], leak: float) -> str:
        return (
            f"band=({band[0]:g}, {band[1]:g}) {self.unit} cannot be read off these errors: other "
            f"bands leak {leak:.2g} times its own part into it, whatever the window; take mean, "
            "trend or the strong tones off y before training"
        )


def kaiser(x: FloatArray, shape: float) -> FloatArray:
    """Kaiser's window over the bounding box of points (n, d), mean one; 0 is none.

    Examples
    --------
    >>> import numpy as np
    >>> kaiser(np.linspace(0, 1, 3)[:, None], 6.0).round(2)
    array([0.04, 2.91, 0.04])
    """
    low, high = x.min(axis=0), x.max(axis=0)
    place = (2 * x - low - high) / np.where(high > low, high - low, 1.0)
    inside = np.sqrt(np.clip(1 - place**2, 0.0, 1.0))
    weights = np.prod(np.i0(shape * inside), axis=1)
    return np.asarray(weights / weights.mean())
