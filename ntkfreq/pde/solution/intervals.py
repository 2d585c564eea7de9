"""Intervals for a single network from draws of some, and the prediction of infinite width."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ntkfreq.pde.solution.solution import FrequencySolution

# Bands of a figure at most.
_BARS = 16

_Ends: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]


class Interval(NamedTuple):
    """Ends of an interval for a single network, and the prediction of infinite width."""

    low: float
    predicted: float
    high: float


class Intervals(NamedTuple):
    """Ends of intervals, one for every place of an array, and the predictions."""

    low: FloatArray
    predicted: FloatArray
    high: FloatArray


class NetworkIntervals(Portable, Described, abc.ABC):
    """Intervals for what one network of a width does, beside a prediction of infinite width."""

    width: int

    @abc.abstractmethod
    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> Interval:
        """Interval for a single network's learning time, see `FrequencySolution.learning_time`.

        Parameters
        ----------
        band : (low, high)
            Band of frequencies.
        fraction : float, default 0.5
            Share of its RMS that is left.
        level : float, default 0.9
            Share of networks that the interval is to cover.
        spectrum, units : str
            As for the learning time itself.

        Returns
        -------
        Interval
            `high` is inf where many networks have not learned it within the recorded times. Where
            some draws have not, the ends are those of the draws, on the safe side for wide ones.

        Raises
        ------
        ValueError
            As the learning time itself does.
        """

    @abc.abstractmethod
    def train_loss(self, level: float = 0.9) -> Intervals:
        """Interval for a single network's training loss, arrays of shape (T,)."""

    @abc.abstractmethod
    def test_loss(self, level: float = 0.9) -> Intervals:
        """The same of the test loss; refused where there is no test set."""

    @abc.abstractmethod
    def plot(
        self,
        bands: int | Sequence[tuple[float, float]] | None = None,
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        ax: Axes | None = None,
    ) -> Axes:
        """Learning times of bands with their intervals, against frequency.

        Parameters
        ----------
        bands : int or sequence of (low, high), optional
            Bands, or how many of equal width; those that hold nothing are left out.
        fraction, level : float
            As for `learning_time`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """

    def _drawn(
        self,
        solution: FrequencySolution,
        of: Callable[[tuple[float, float]], Interval],
        bands: int | Sequence[tuple[float, float]] | None,
        ax: Axes | None,
        words: tuple[str, str, str],
    ) -> Axes:
        """Intervals of bands; in words the ordinate, the label, and what to say without any."""
        from ntkfreq.plotting.bands import chosen_bands
        from ntkfreq.plotting.frames import single

        (axes, rows), (ordinate, label, nothing) = (single(ax, (5.2, 3.6)), []), words
        for band in chosen_bands(bands, solution.frequencies, _BARS):
            try:
                ends = of(band)
            except ValueError:
                continue
            if np.isfinite(ends.predicted):
                rows.append((sum(band) / 2, *ends))
        if not rows:
            raise ValueError(nothing)
        at, low, middle, high = np.array(rows).T
        # Intervals without end go out of the figure.
        top = np.where(np.isfinite(high), high, 1e3 * middle)
        reach = np.stack([np.maximum(middle - low, 0), np.maximum(top - middle, 0)])
        axes.errorbar(at, middle, reach, fmt="o", ms=3, capsize=2, lw=1, label=label)
        finite = np.append(high[np.isfinite(high)], middle)
        axes.set(
            xlabel=f"frequency ({solution.axis.frequency_unit})",
            ylabel=ordinate,
            yscale="log",
            ylim=(0.8 * low.min(), 1.25 * finite.max()),
        )
        axes.legend()
        return axes


def checked_level(level: float) -> float:
    """Share of networks that an interval is to cover."""
    level = checks.positive("level", level)
    if level >= 1:
        raise ValueError(f"level={level:g} must be below 1, the share of networks to cover")
    return level


def of_values(limit: FloatArray, drawn: FloatArray, level: float, shrinks: float = 1.0) -> _Ends:
    """Student's interval for one more draw.

    Parameters
    ----------
    limit : ndarray
        Prediction of infinite width.
    drawn : ndarray, shape (K, ...)
        The same of K draws.
    level : float
        Share of networks to cover.
    shrinks : float
        Deviation of a network over that of a draw, where draws are narrower.
    """
    from scipy import stats

    level, count = checked_level(level), len(drawn)
    mean = limit + shrinks**2 * (drawn.mean(axis=0) - limit)
    spread = shrinks * drawn.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count)
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * spread
    return mean - reach, limit, mean + reach


def of_logarithms(
    limit: FloatArray, drawn: FloatArray, level: float, shrinks: float = 1.0
) -> _Ends:
    """The same of positive quantities, whose deviations are relative; infinite ones by ranks."""
    if not (np.isfinite(limit).all() and np.isfinite(drawn).all()):
        return of_ranks(limit, drawn, level)
    tiny = np.finfo(np.float64).tiny
    low, _, high = of_values(
        np.log(np.maximum(limit, tiny)), np.log(np.maximum(drawn, tiny)), level, shrinks
    )
    return np.exp(low), limit, np.exp(high)


def of_ranks(limit: FloatArray, drawn: FloatArray, level: float) -> _Ends:
    """The same where some draws never get there: by their order, the last of them infinite.

    Not scaled to the width: of a network wider than the draws it is wider than need be.
    """
    tail, count = (1 - checked_level(level)) / 2, len(drawn)
    rows = np.sort(np.where(np.isnan(drawn), np.inf, drawn), axis=0)
    low = rows[int(tail * count)]
    high = rows[min(int(np.ceil((1 - tail) * count)), count - 1)]
    return np.minimum(low, limit), limit, np.maximum(high, limit)
