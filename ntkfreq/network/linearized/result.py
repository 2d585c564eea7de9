"""The path of a linearized network, and how far the network itself departs from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, brief, course, points
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.spectra.band_window import BandReader
from ntkfreq.spectra.bands import checked_fraction, first_passage

# Departure up to which half-times are those of the trained network to some per cent: in 24
# runs of width 256, two to four layers of rectifiers, Adam at 1e-3 and 1e-4, all 192 within 15 %.
FAITHFUL = 0.15


@dataclass(frozen=True, eq=False)
class LinearizedRun(Portable, Described):
    r"""The training of a network's linearization; R records, N training points.

    Attributes
    ----------
    step : ndarray of int, shape (R,)
        Recorded steps, from 0.
    train_loss, test_loss : ndarray, shape (R,)
        Mean squared errors of the linearized output; `test_loss` is None without test points.
    train_output : ndarray, shape (R, N)
        Linearized output at the training points.
    output : ndarray, shape (R, n)
        The same at the test points; without them at the training points.
    departure : ndarray, shape (R,)
        RMS over the training points of the difference between the network itself, with the
        parameters of the linearized run, and the linearized output; relative to the RMS of the
        error at the start.
    x, y : ndarray, shape (N,) or (N, d), and (N,)
        Training data.
    test : (ndarray, ndarray) or None
        Test points and values.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies at which bands are read, radians per unit of x.
    optimizer : Optimizer
        The update rule.
    step_size : float
    parameters : int
        Number of trained parameters.
    """

    step: IntArray
    train_loss: FloatArray
    test_loss: FloatArray | None
    train_output: FloatArray
    output: FloatArray
    departure: FloatArray
    x: FloatArray
    y: FloatArray
    test: tuple[FloatArray, FloatArray] | None
    frequencies: FloatArray
    optimizer: Optimizer
    step_size: float
    parameters: int

    @property
    def faithful(self) -> bool:
        """Whether the departure stays below 0.15, where half-times are the trained network's."""
        return bool(self.departure.max() <= FAITHFUL)

    def _facts(self) -> dict[str, str]:
        return {
            "parameters": brief(self.parameters),
            "x": points(self.x),
            "steps": brief(int(self.step[-1])),
            "train_loss": course(self.train_loss),
            "departure": f"at most {self.departure.max():.2g}",
        }

    def learning_step(self, band: tuple[float, float], fraction: float = 0.5) -> float:
        r"""Steps until the RMS of the training error over a band is a fraction of its start.

        Parameters
        ----------
        band : (low, high)
            Band of :math:`|\xi|`, radians per unit of x.
        fraction : float
            Between 0 and 1.

        Returns
        -------
        float
            Between two records it is interpolated; infinite if the run does not get there.

        Raises
        ------
        ValueError
            For a band with nothing of its own, or one into which other bands leak more than half
            of that (``ntkfreq.spectra.band_window``).
        """
        steps = self.step.astype(np.float64)
        fraction = checked_fraction(fraction, steps)
        curve = self._reader.curve(self.train_output - self.y, checks.interval("band", band))
        return first_passage(steps, curve, fraction * curve[0])

    @cached_property
    def _reader(self) -> BandReader:
        x = self.x.reshape(len(self.x), -1)
        grid = self.frequencies.reshape(-1, x.shape[1])
        return BandReader(x, self.train_output[0] - self.y, grid)
