"""Units of results, as on axes of figures and in attributes of datasets."""

from __future__ import annotations

from dataclasses import dataclass, field

from ntkfreq._support.axis import Axis


@dataclass(frozen=True)
class Units:
    r"""Units of times, frequencies, losses and spectra.

    Over a probability measure a loss is a mean square and a time is a step size times a number of
    steps, without a unit. Over :math:`dx` losses and spectra have a volume in their units, and
    times one over it.

    Attributes
    ----------
    axis : Axis
        What x is counted in.
    volume : int
        Power of the unit of x in the measure of the data: 0 for a probability, d for dx.
    test_volume : int
        The same of the test measure.
    time_volume : int or None
        The same of times, where they are not on the clock of `volume`.

    Examples
    --------
    >>> Units(Axis("day")).of("frequency"), Units().of("loss")
    ('rad per day', '(unit of y)^2')
    >>> line = Units(volume=1)
    >>> line.of("time"), line.of("spectrum"), line.of("test_loss")
    ('1 / (unit of x)', '(unit of y) (unit of x)', '(unit of y)^2')
    """

    axis: Axis = field(default_factory=Axis)
    volume: int = 0
    test_volume: int = 0
    time_volume: int | None = None

    def of(self, kind: str) -> str:
        """Unit of "frequency", "time", "rate", "loss", "test_loss", "spectrum" or "test_spectrum".

        And of "output", the values y, and of what has no unit, "number".
        """
        volume = self.test_volume if kind.startswith("test_") else self.volume
        if kind in ("time", "rate") and self.time_volume is not None:
            volume = self.time_volume
        extent = _power(self.axis.unit, volume)
        known = {
            "frequency": self.axis.frequency_unit,
            "time": f"1 / {extent}" if extent else "1",
            "rate": extent or "1",
            "loss": f"(unit of y)^2 {extent}".strip(),
            "spectrum": f"(unit of y) {extent}" if extent else "unit of y",
            "output": "unit of y",
            "number": "1",
        }
        return known[kind.removeprefix("test_")]


def _power(unit: str, exponent: int) -> str:
    if exponent == 0:
        return ""
    base = unit if unit.isalnum() else f"({unit})"
    return base if exponent == 1 else f"{base}^{exponent}"
