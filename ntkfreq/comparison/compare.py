"""Where prediction and trained network meet, and the only place where they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, span
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq._support.units import Units
from ntkfreq.comparison.clock import common_clock
from ntkfreq.comparison.drawn import drawn_like
from ntkfreq.comparison.pairing import (
    momentum_of,
    refuse_mismatch,
    refuse_other_training,
    refuse_unfaithful_samples,
)
from ntkfreq.files.labelled import about, dynamics_dataset
from ntkfreq.network.history import TrainHistory
from ntkfreq.pde.solution.linear import LinearSolution
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.stepped.solution import SteppedSolution
from ntkfreq.spectra.band_window import DEPARTS, SWAMPED, BandReader
from ntkfreq.spectra.bands import (
    EmptyBandError,
    along_axes,
    band_frequencies,
    band_rms,
    checked_fraction,
    first_passage,
    frequencies_in,
)
from ntkfreq.spectra.spectrum import fourier_sum

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

A = TypeVar("A")


class BandTime(NamedTuple):
    """Learning time of one band, predicted and measured, on the clock of the training run.

    `interval` is that of a single network of the width, where it was asked for.
    """

    low: float
    high: float
    predicted: float
    measured: float
    interval: tuple[float, float] | None = None

    @property
    def ratio(self) -> float:
        """Measured over predicted time; nan where either is infinite."""
        finite = np.isfinite(self.predicted) and np.isfinite(self.measured)
        return self.measured / self.predicted if finite else float("nan")


@dataclass(frozen=True, eq=False)
class Comparison(Portable, Described):
    """A prediction evaluated at the recorded steps of a training run, in common units.

    Attributes
    ----------
    solution : FrequencySolution
        The prediction, at the run's own times and frequencies.
    history : TrainHistory
        The run.
    t : ndarray, shape (R,)
        Times on the clock of the run, step size times step.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies, radians per unit of x.
    predicted, measured : ndarray, shape (R, F), complex
        Data spectrum of the error, in the units of the solution.
    predicted_loss, measured_loss : ndarray, shape (R,)
        Training loss, in the units of the solution.
    output_error : ndarray, shape (R,)
        Relative L2 distance of the network's output from the predicted one, at the run's test
        points or, without them, its training points.
    clock : str
        How the two clocks were brought together.
    """

    solution: FrequencySolution
    history: TrainHistory
    t: FloatArray
    frequencies: FloatArray
    predicted: ComplexArray
    measured: ComplexArray
    predicted_loss: FloatArray
    measured_loss: FloatArray
    output_error: FloatArray
    clock: str

    def learning_times(
        self,
        bands: Sequence[tuple[float, float]],
        fraction: float = 0.5,
        *,
        level: float | None = None,
    ) -> list[BandTime]:
        r"""Predicted and measured learning time of each band that the data have energy in.

        Parameters
        ----------
        bands : sequence of (low, high)
            Bands of :math:`|\xi|`, radians per unit of x. Those with nothing of their own have
            nothing to learn and are left out, and those whose part is swamped by what the network
            makes of strong waves otherwise than predicted.
        fraction : float, default 0.5
            Remaining share of the RMS that counts as learned.
        level : float, optional
            Share of networks that an interval beside each prediction is to cover, see
            `finite_width` of the solution; default none.

        Returns
        -------
        list of BandTime

        Raises
        ------
        ValueError
            For a level with a prediction that has no intervals: off samples, under decay, or of
            one network.
        """
        rows, networks = [], None
        if level is not None:
            networks = drawn_like(self.solution, self.history)
        for band in bands:
            predicted, measured = self._own(band)
            if not (np.isnan(predicted).any() or np.isnan(measured).any()):
                early, late = (
                    first_passage(self.t, side, checked_fraction(fraction, self.t) * side[0])
                    for side in (predicted, measured)
                )
                row = BandTime(*band, early, late)
                if networks is not None and level is not None:
                    ends = networks.learning_time(band, fraction, level=level, spectrum="data")
                    row = row._replace(interval=(ends.low, ends.high))
                rows.append(row)
        return rows

    def remaining(self, bands: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
        """Share of each band's initial RMS still to learn, predicted and measured, each (R, B).

        NaN where `learning_times` leaves a band out, for figures to do so too.
        """
        pairs = [self._own(band) for band in bands]
        predicted, measured = (
            np.stack([pair[k] / pair[k][0] for pair in pairs], axis=1) for k in (0, 1)
        )
        return predicted, measured

    def _own(self, band: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
        """RMS over a band of its own part, predicted and measured, (R,) each; NaN if it is empty.

        What the network makes of other bands cannot be seen apart; what is predicted of
        them is taken off its error, and the same off the prediction, which leaves the part.
        """
        if not isinstance(self.solution, LinearSolution):
            return self._of_whole_errors(band)
        parts = self.solution.own_parts
        some = band_frequencies(parts.frequencies, band, self.history.axis.frequency_unit)
        if not parts.needed:
            return self._exact(band)
        try:
            part = parts.part(band)
        except EmptyBandError:
            return (np.full(len(self.t), np.nan),) * 2
        own = part.data_spectrum(some)
        departure = self._departed(band, some)
        curves = band_rms(own), band_rms(own + departure)
        if band_rms(departure).max() <= DEPARTS * curves[0][0] or not self._reader.flooded(band):
            return curves
        # What the network makes of strong waves otherwise than predicted leaks into the band.
        inside = part.error(self._reader.x)
        departed = self._departure
        weights, most = self._reader.steady(band, departed)
        if most > SWAMPED:
            return (np.full(len(self.t), np.nan),) * 2
        return (
            self._reader.rms(weights * inside, band),
            self._reader.rms(weights * (inside + departed), band),
        )

    def _of_whole_errors(self, band: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
        """The same where no part of the error evolves by itself: read off both errors alike."""
        errors = self.solution.error(self.history.x), self.history.train_output - self.history.y
        try:
            predicted, measured = (self._reader.curve(side, band) for side in errors)
        except ValueError:
            return (np.full(len(self.t), np.nan),) * 2
        return predicted, measured

    @cached_property
    def _departure(self) -> FloatArray:
        """Measured less predicted error at the training points, (R, N)."""
        found = self.history.train_output - self.history.y
        return np.asarray(found - self.solution.error(self.history.x))

    def _departed(self, band: tuple[float, float], some: FloatArray) -> ComplexArray:
        """Measured less predicted spectrum in a band, (R, K)."""
        grid = self._grid
        if along_axes(grid):
            return fourier_sum(self._reader.x, self._departure / len(self._reader.x), some)
        inside = frequencies_in(grid, band, self.history.axis.frequency_unit)
        return np.asarray(self.measured[:, inside] - self.predicted[:, inside])

    def _exact(self, band: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
        """The same where spectra do not leak: in one dimension."""
        sides = self.predicted, self.measured
        largest = max(np.abs(side[0]).max() for side in sides)
        grid = self._grid
        some = frequencies_in(grid, band, self.history.axis.frequency_unit)
        curves = [band_rms(side[:, some]) for side in sides]
        if min(curve[0] for curve in curves) < 1.001e-3 * largest:
            return (np.full(len(self.t), np.nan),) * 2
        return curves[0], curves[1]

    @property
    def _grid(self) -> FloatArray:
        return self.frequencies.reshape(-1, self.solution.equation.dim)

    @cached_property
    def _reader(self) -> BandReader:
        x = checks.points("history.x", self.history.x)
        start = self.history.train_output[0] - self.history.y
        return BandReader(x, start, self._grid)

    def _facts(self) -> dict[str, str]:
        return {
            "t": span(self.t),
            "frequencies": span(self.frequencies, self.history.axis.frequency_unit),
            "output_error": f"at most {100 * float(self.output_error.max()):.2g} %",
            "clock": self.clock,
        }

    @property
    def units(self) -> Units:
        """Units of losses and spectra, those of the solution, and of times, those of the run."""
        return replace(self.solution.units, axis=self.history.axis, time_volume=0)

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset with predicted and measured spectra and losses and all settings.

        The attributes `prediction` and `training` are JSON text. Spectra are complex: see
        :meth:`ntkfreq.FrequencySolution.to_xarray` on how to write them.
        """
        data = dynamics_dataset(
            t=self.t,
            frequencies=self.frequencies,
            losses={
                "predicted_loss": self.predicted_loss,
                "measured_loss": self.measured_loss,
                "output_error": self.output_error,
            },
            spectra={"predicted_spectrum": self.predicted, "measured_spectrum": self.measured},
            attrs={
                "clock": self.clock,
                "prediction": self.solution.settings() | {"status": self.solution.status},
                "training": self.history.settings | {"status": self.history.status},
            },
            units=self.units,
        )
        data["step"] = ("t", self.history.step, about("step"))
        return data

    @overload
    def plot(self, *, bands: Any = None, ax: None = None) -> Figure: ...

    @overload
    def plot(self, *, bands: Any = None, ax: A) -> A: ...

    def plot(self, *, bands: Any = None, ax: Any = None) -> Any:
        """Error left as predicted and as measured, learning times, losses.

        Parameters
        ----------
        bands : int or sequence of (low, high), optional
            How many bands of frequencies at most, or which.
        ax : sequence of four matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.figure.Figure, or what was given as `ax`
            See :func:`ntkfreq.plotting.plot_comparison`.
        """
        from ntkfreq.plotting import plot_comparison

        return plot_comparison(self, bands=bands, ax=ax)


def compare(
    solution: FrequencySolution, history: TrainHistory, *, discrete: bool = True
) -> Comparison:
    """Lay a prediction over a training run, at the run's own steps.

    The prediction is evaluated, not interpolated, at the recorded times and frequencies. The
    clocks agree for Points and Box; for Line and Grid a run on N regular samples of spacing
    h is slower by N h, which is converted (decay rates are per unit of each clock).

    Parameters
    ----------
    solution : FrequencySolution
        Must reach the end of the run (on the converted clock).
    history : TrainHistory
        Full-batch gradient descent, heavy ball or Nesterov, or the very training that was followed
        step by step (rule, step size, width, batches); from the same f_0, on the same data,
        under the same decay. A deep network is compared with the two-layer prediction all the
        same, whatever the sigma_a of the solution; how far apart the two are is then a finding.
    discrete : bool, default True
        Predict the run's own steps and momentum, exactly. False lays the gradient
        flow over the run; learning times are then 5 % too long at step size x rate = 0.1. Under
        decay it is always the flow.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When the two do not describe the same training: other data, f_0, sigma_a, density,
        decay, or clocks that cannot be converted; for an optimizer without prediction; on Line
        also when the samples alias, or the steps were too large to be stable on them.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import FourierFeatureNet, Normal, solve_frequency_pde, train
    >>> x = np.linspace(-1, 1, 24)
    >>> net = FourierFeatureNet.sample(Normal(scale=6.0), 4096, rng=0)
    >>> run = train(net, x, np.sin(5 * x), step_size=0.2, steps=300)
    >>> prediction = solve_frequency_pde(Normal(scale=6.0), (x, np.sin(5 * x)), initial_output=net)
    >>> both = compare(prediction, run)
    >>> bool(both.output_error.max() < 0.2), both.clock
    (True, 'the same: step size times steps')
    """
    if not isinstance(solution, FrequencySolution):
        raise TypeError(f"solution={checks.show(solution)} must come from solve_frequency_pde")
    if not isinstance(history, TrainHistory):
        raise TypeError(f"history={checks.show(history)} must come from train")
    x = checks.points("history.x", history.x)
    factor, clock = common_clock(solution, x)
    refuse_mismatch(solution, history, x)
    evaluated = _evaluated(solution, history, factor, discrete)
    refuse_unfaithful_samples(evaluated, history, x, history.data_spectrum / factor)
    where = x if history.test is None else checks.points("test", history.test[0])
    predicted_output = evaluated.output(where if where.shape[1] > 1 else where[:, 0])
    gap = np.linalg.norm(history.output - predicted_output, axis=1)
    size = np.linalg.norm(predicted_output, axis=1)
    return Comparison(
        solution=evaluated,
        history=history,
        t=history.t,
        frequencies=history.frequencies,
        predicted=evaluated.data_spectrum,
        measured=history.data_spectrum / factor,
        predicted_loss=evaluated.train_loss,
        measured_loss=history.train_loss / factor,
        output_error=gap / np.where(size > 0, size, 1.0),
        clock=clock,
    )


def _evaluated(
    solution: FrequencySolution, history: TrainHistory, factor: float, discrete: bool
) -> FrequencySolution:
    """The prediction at the recorded steps of a run, on the clock of the solution."""
    if isinstance(solution, SteppedSolution):
        refuse_other_training(solution.training, history)
        return solution.at(steps=history.step, frequencies=history.frequencies)
    # Under decay the equation is a flow, which small steps follow.
    stepwise = discrete and not solution.equation.decay.active
    momentum_of(history, stepwise)
    return solution.at(
        t=history.t * factor,
        frequencies=history.frequencies,
        step_size=history.descent.step_size * factor if stepwise else None,
        optimizer=history.optimizer if stepwise else None,
    )
