"""A one-dimensional signal to learn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.types import FloatArray
from ntkfreq.profile.units import per_unit


@dataclass(frozen=True, eq=False)
class Profile(Described):
    """Samples of a signal, and how to write about them.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        Positions, increasing, and values.
    name, x_label, y_label : str
        For titles and axes, units included.
    notes : tuple of str
        What reading it had to decide, in a few words each.
    x_unit, y_unit : str
        Units of `x` and `y`; "" where they are not known.
    """

    x: FloatArray
    y: FloatArray
    name: str
    x_label: str
    y_label: str
    notes: tuple[str, ...] = ()
    x_unit: str = ""
    y_unit: str = ""

    @property
    def understood(self) -> str:
        """What the profile was taken for, in one line: samples, axes, units, gaps, decisions.

        Examples
        --------
        >>> x = np.r_[0:20, 22:40]
        >>> Profile(x, x**2.0, "a.csv", "t (s)", "u (V)", ("comma-separated",)).understood
        'a.csv: 38 samples of u (V) against t (s), 1 gap, comma-separated'
        """
        parts = [f"{self.name}: {len(self.x)} samples of {self.y_label} against {self.x_label}"]
        return ", ".join([*parts, *self._spacing(), *self.notes])

    def _spacing(self) -> list[str]:
        steps = np.diff(self.x) / float(np.median(np.diff(self.x)))
        if np.mean(np.abs(steps - 1) < 0.1) < 0.9:
            return [f"unevenly spaced (largest step {steps.max():.3g} times the median)"]
        gaps = int(np.sum(steps > 1.5))
        return [f"{gaps} gap{'s' * (gaps > 1)}"] if gaps else []

    def scaled(self) -> tuple[FloatArray, FloatArray]:
        """Positions mapped to [-1, 1]; values without linear trend, with root mean square one.

        Raises
        ------
        ValueError
            When the values are a straight line, which leaves nothing to learn.
        """
        middle, half = (self.x[0] + self.x[-1]) / 2, (self.x[-1] - self.x[0]) / 2
        slope = np.polynomial.Polynomial.fit(self.x, self.y, 1)
        rest = self.y - slope(self.x)
        with np.errstate(over="ignore"):
            size = float(np.sqrt(np.mean(rest**2)))
        if not np.isfinite(size):
            raise ValueError(f"{self.name} has values too large to square; divide y by a constant")
        if size <= 1e-12 * max(float(np.abs(self.y).max()), 1e-300):
            raise ValueError(
                f"{self.name} is constant or a straight line: nothing is left after detrending"
            )
        return (self.x - middle) / half, rest / size

    @property
    def half_length(self) -> float:
        """Half the length of the profile, in the units of `x`: the unit of the scaled positions."""
        return float(self.x[-1] - self.x[0]) / 2

    def frequency_unit(self, *, cycles: bool = False) -> str:
        """Unit of frequencies over the positions: rad (or cycles) per unit of `x`, Hz over seconds.

        Examples
        --------
        >>> x = np.arange(20.0)
        >>> Profile(x, x, "a.csv", "t", "u", x_unit="s").frequency_unit(cycles=True)
        'Hz'
        """
        return per_unit(self.x_unit, cycles=cycles)

    def frequency(self, scaled: float, *, cycles: bool = False) -> float:
        """Frequency in :meth:`frequency_unit` of one in radians per half-length."""
        return scaled / self.half_length / (2 * np.pi if cycles else 1.0)

    def averaged(self, length: float) -> Profile:
        """Means of x and y over intervals of this length, which keep low frequencies.

        Intervals without samples are left out. Taking every tenth sample instead would alias.

        Parameters
        ----------
        length : float
            In the unit of `x`.

        Raises
        ------
        ValueError
            When fewer than 16 intervals have samples.

        Examples
        --------
        >>> fine = Profile(np.arange(64.0), np.arange(64.0) % 2, "a.csv", "t", "u")
        >>> coarse = fine.averaged(4)
        >>> coarse.x[:2], coarse.y[:2]
        (array([1.5, 5.5]), array([0.5, 0.5]))
        """
        length = checks.positive("length", length)
        reach = float(self.x[-1] - self.x[0])
        if reach / length > 1e15:
            raise ValueError(f"length={length:g} is too short for positions over {reach:g}")
        # Half an ulp more keeps a sample that lies on an edge in the interval that it begins.
        number = np.floor((self.x - self.x[0]) / length * (1 + 1e-12)).astype(np.int64)
        _, at, counts = np.unique(number, return_inverse=True, return_counts=True)
        if len(counts) < 16:
            raise ValueError(
                f"length={length:g} leaves {len(counts)} means of {len(self.x)} samples over "
                f"{reach:g}; at least 16 are needed, give a shorter one"
            )
        means = [np.bincount(at, values) / counts for values in (self.x - self.x[0], self.y)]
        unit = f" {self.x_unit}" if self.x_unit else ""
        note = f"means over {length:g}{unit} of {len(self.x)} samples"
        return replace(self, x=self.x[0] + means[0], y=means[1], notes=(*self.notes, note))
