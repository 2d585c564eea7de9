"""What is drawn of a result: its label, its times, losses, and shares of bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq._support.units import Units
from ntkfreq.plotting.bands import Band, band_learning_times, chosen_bands
from ntkfreq.plotting.palette import CYCLE, frequency_label

# Bands of a figure: of cheap ones, and of such that each take a solve.
MANY, FEW = 48, 12


@dataclass(frozen=True, eq=False)
class Curves:
    """One result among those of a figure.

    Attributes
    ----------
    label : str
        "" where it is the only one.
    color, marker : str
        A marker of "" is a line.
    t : ndarray, shape (T,)
    units : Units
    frequency : str
        Label of the axis of frequencies.
    train : ndarray, shape (T,)
    test : ndarray, shape (T,), or None
        Losses.
    bands : list of (low, high), length B
    share : ndarray, shape (T, B)
        What is left of each band; NaN where there is nothing to learn. Without bands empty.
    """

    label: str
    color: str
    marker: str
    t: FloatArray
    units: Units
    frequency: str
    train: FloatArray
    test: FloatArray | None
    bands: list[Band]
    share: FloatArray

    def learning_times(self) -> tuple[FloatArray, FloatArray]:
        """Centres of the bands, and times at which their shares are halved."""
        return band_learning_times(self.t, self.bands, self.share)

    def losses(self) -> dict[str, tuple[FloatArray, str, str]]:
        """Training and test loss with their styles, by their names in a legend."""
        style, other = (self.marker, "s") if self.marker else ("-", "--")
        first, second = (
            (f"{self.label}: training", f"{self.label}: test")
            if self.label
            else ("training", "test")
        )
        color = self.color if self.label else CYCLE[1]
        known = {first: (self.train, style, self.color)}
        return known if self.test is None else known | {second: (self.test, other, color)}


def curves_of(
    results: Any, labels: Any = None, *, bands: Any = None, banded: bool = True
) -> list[Curves]:
    """Results to draw in one picture, each with its label, colour and marker.

    Raises
    ------
    TypeError, ValueError
        For what is no result, for labels that are not one for each, and for results in different
        units, whose axes would mean two things.

    Examples
    --------
    >>> curves_of([3.0])
    Traceback (most recent call last):
    TypeError: results[0]=3.0 must be a FrequencySolution or a TrainHistory
    """
    listed = list(results) if isinstance(results, list | tuple) else [results]
    if not listed:
        raise ValueError("results is empty; give one solution or history at least")
    for k, result in enumerate(listed):
        if not hasattr(result, "drawn_as"):
            raise TypeError(
                f"results[{k}]={checks.show(result)} must be a FrequencySolution or a TrainHistory"
            )
    for kind in ("time", "loss", "frequency"):
        found = [result.units.of(kind) for result in listed]
        if len(set(found)) > 1:
            raise ValueError(
                f"results have different units of {kind}, {' and '.join(sorted(set(found)))}; draw "
                "them in figures of their own, or lay a run over its prediction by compare"
            )
    names = _labels(listed, labels)
    return [_curves(result, names[k], k, bands, banded=banded) for k, result in enumerate(listed)]


def _curves(result: Any, label: str, place: int, bands: Any, *, banded: bool) -> Curves:
    grid = result.frequencies
    drawn = chosen_bands(bands, grid, MANY if result.bands_quick else FEW) if banded else []
    return Curves(
        label=label,
        color=CYCLE[place % len(CYCLE)],
        marker=result.drawn_as[1] if label else "",
        t=result.t,
        units=result.units,
        frequency=frequency_label(result.units.axis, 1 if grid.ndim == 1 else grid.shape[1]),
        train=result.train_loss,
        test=result.test_loss,
        bands=drawn,
        share=result.band_shares(drawn) if banded else np.empty((len(result.t), 0)),
    )


def _labels(results: Sequence[Any], labels: Any) -> list[str]:
    kinds = [str(result.drawn_as[0]) for result in results]
    if labels is None and len(results) == 1:
        return [""]
    if labels is None:
        return [
            kind if kinds.count(kind) == 1 else f"{kind} {kinds[: k + 1].count(kind)}"
            for k, kind in enumerate(kinds)
        ]
    listed = [labels] if isinstance(labels, str) else [str(label) for label in labels]
    if len(listed) != len(results) or len(set(listed)) < len(listed):
        raise ValueError(
            f"labels={checks.show(labels)} must be different texts, one for each of the "
            f"{len(results)} result(s)"
        )
    return listed
