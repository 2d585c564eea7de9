r"""Bands of recorded errors: a window where other bands leak.

Of a trained network only the whole error is known over time. Its spectrum on finitely many points
leaks, and what leaks is learned at times of its own. A window that falls to zero at the ends of the
data (Kaiser's) keeps a band's reading free of distant strong waves and of the layers at the ends
where they are learned last; it widens every band, so there is none unless it is needed. What each
window lets in is known at the start, where the error is split into waves
(:mod:`ntkfreq.wave_fit`). On scattered points no window helps: a band that is mostly leakage there
is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._types import FloatArray
from ntkfreq.bands import band_rms, frequencies_in, refuse_empty
from ntkfreq.spectrum import fourier_sum
from ntkfreq.wave_fit import WaveSum, fit_waves

# Shapes of Kaiser's window, from none to one whose side lobes are at -100 dB.
_SHAPES = (0.0, 3.0, 6.0, 8.0, 10.0, 12.0)
# What leaks at the start, relative to the band's own, both in RMS: enough is the first window that
# leaves at most the first; above the second a time would be that of the leak.
_ENOUGH, _MOST = 0.03, 0.5


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
    """

    x: FloatArray
    start: FloatArray
    frequencies: FloatArray

    @cached_property
    def waves(self) -> WaveSum:
        """The error at the start as a sum of waves."""
        return fit_waves(self.x, self.start[None], self.frequencies)[0]

    @cached_property
    def _cell(self) -> float:
        """Frequencies closer than this cannot be told apart by spectra of the data."""
        extent = float(np.ptp(self.x, axis=0).max())
        return 2 * np.pi / extent if extent > 0 else np.inf

    def own(self, band: tuple[float, float]) -> FloatArray:
        """The band's part of the error at the start, shape (n,), or a refusal."""
        part = self.waves.band(*band)(self.x)
        refuse_empty(band, part, self.waves(self.x), float(self.waves.lattice.magnitude.max()))
        return part

    def foreign(self, band: tuple[float, float]) -> FloatArray:
        """What is more than one resolution cell away from the band, shape (n,)."""
        wide = self.waves.band(band[0] - self._cell, band[1] + self._cell)
        return np.asarray(self.start - wide(self.x))

    def window(
        self, band: tuple[float, float], foreign: FloatArray, enough: float = _ENOUGH
    ) -> tuple[FloatArray, float]:
        """The weakest window that keeps `foreign` (n,) out of the band, and what leaks of it.

        Weights of mean one, shape (n,), and RMS relative to that of the band's own part.
        """
        own, best = self.own(band), (np.ones(len(self.x)), np.inf)
        for shape in _SHAPES:
            weights = kaiser(self.x, shape)
            leak = float(self.rms(weights * foreign, band) / self.rms(weights * own, band))
            if leak < best[1]:
                best = weights, leak
            if leak <= enough:
                break
        return best

    def rms(self, errors: FloatArray, band: tuple[float, float]) -> FloatArray:
        """RMS over a band of the spectrum of errors (..., n)."""
        some = self.frequencies[frequencies_in(self.frequencies, band)]
        return band_rms(fourier_sum(self.x, errors / len(self.x), some))

    def curve(self, errors: FloatArray, band: tuple[float, float]) -> FloatArray:
        """RMS over a band of errors (T, n) over time, the first of them that at the start.

        Raises
        ------
        ValueError
            When the band holds none of the frequencies, or nothing of its own, or other bands leak
            into it more than half of what is its own.
        """
        frequencies_in(self.frequencies, band)
        weights, leak = self.window(band, self.foreign(band))
        if leak > _MOST:
            raise ValueError(
                f"band=({band[0]:g}, {band[1]:g}) rad per unit of x cannot be read off errors at "
                f"these points: other bands leak {leak:.2g} times its own part into it, whatever "
                "the window; take mean, trend or the strong tones off y before training, or use "
                "compare(solution, history).learning_times, which subtracts what is predicted of "
                "other bands"
            )
        return self.rms(weights * errors, band)


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
