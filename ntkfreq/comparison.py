"""Where prediction and trained network meet, and the only place where they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import ComplexArray, FloatArray
from ntkfreq.density import Density
from ntkfreq.measure import Box, Line, Points
from ntkfreq.network.history import TrainHistory
from ntkfreq.pde.solution import FrequencySolution
from ntkfreq.results import dynamics_dataset, json_ready
from ntkfreq.spectrum import band_energy, band_learning_time

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


class BandTime(NamedTuple):
    """Learning time of one band, predicted and measured, on the clock of the training run."""

    low: float
    high: float
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """Measured over predicted time; nan where either is infinite."""
        finite = np.isfinite(self.predicted) and np.isfinite(self.measured)
        return self.measured / self.predicted if finite else float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
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
        self, bands: Sequence[tuple[float, float]], fraction: float = 0.5
    ) -> list[BandTime]:
        r"""Predicted and measured learning time of each band that the data have energy in.

        Parameters
        ----------
        bands : sequence of (low, high)
            Bands of :math:`|\xi|`. Those whose initial RMS is below 1e-3 of the largest
            magnitude have nothing to learn and are left out.
        fraction : float, default 0.5
            Remaining share of the RMS that counts as learned.

        Returns
        -------
        list of BandTime
        """
        largest = np.abs(self.predicted[0]).max()
        rows = []
        for low, high in bands:
            start = np.sqrt(band_energy(self.frequencies, self.predicted[0], [(low, high)])[0])
            if start < 1e-3 * largest:
                continue
            both = [
                band_learning_time(self.t, self.frequencies, values, (low, high), fraction)
                for values in (self.predicted, self.measured)
            ]
            rows.append(BandTime(low, high, *both))
        return rows

    def remaining(self, bands: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
        """Share of each band's initial RMS still to learn, predicted and measured, each (R, B)."""
        shares = []
        for values in (self.predicted, self.measured):
            rms = np.sqrt(band_energy(self.frequencies, values, bands))
            shares.append(rms / np.maximum(rms[0], np.finfo(np.float64).tiny))
        return shares[0], shares[1]

    def __repr__(self) -> str:
        return (
            f"Comparison({len(self.t)} times to t = {self.t[-1]:g}, output within "
            f"{100 * float(self.output_error.max()):.2g} % of the prediction)"
        )

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset with predicted and measured spectra and losses and all settings."""
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
                "training": json_ready(self.history.settings) | {"status": self.history.status},
            },
        )
        data["step"] = ("t", self.history.step)
        return data

    def plot(self) -> Figure:
        """Figure: remaining error by band over time, learning times, losses."""
        from ntkfreq.plotting import plot_comparison

        return plot_comparison(self)


def compare(
    solution: FrequencySolution, history: TrainHistory, *, discrete: bool = True
) -> Comparison:
    """Lay a prediction over a training run, at the run's own steps.

    The prediction is evaluated, not interpolated, at the recorded times and frequencies. The
    clocks agree for Points and Box; for Line a run on N regular samples of spacing
    h is slower by N h, which is converted.

    Parameters
    ----------
    solution : FrequencySolution
        Must reach the end of the run (on the converted clock).
    history : TrainHistory
        Plain gradient descent without decay, from the same f_0, on the same data.
    discrete : bool, default True
        Predict gradient descent with the run's own step size, exactly. False lays the gradient
        flow over the run; learning times are then 5 % too long at step size x rate = 0.1.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When the two do not describe the same training: other data, f_0, sigma_a, density,
        decay, or clocks that cannot be converted.

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
        raise TypeError(f"solution={_checks.show(solution)} must come from solve_frequency_pde")
    if not isinstance(history, TrainHistory):
        raise TypeError(f"history={_checks.show(history)} must come from train")
    x = _checks.points("history.x", history.x)
    factor, clock = _clock(solution, x)
    _same_problem(solution, history, x)
    step_size = float(history.settings["step_size"])
    times = history.t * factor
    evaluated = solution.at(
        t=times,
        frequencies=history.frequencies,
        step_size=step_size * factor if discrete else None,
    )
    where = x if history.test is None else _checks.points("test", history.test[0])
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


def _clock(solution: FrequencySolution, x: FloatArray) -> tuple[float, str]:
    """Solution time per unit of training time, and a sentence about it."""
    measure = solution.equation.measure
    if isinstance(measure, Points):
        equal = np.ptp(measure.weights) <= 1e-12 * measure.weights.max()
        if not (equal and np.array_equal(measure.x, x)):
            raise ValueError(
                f"solution has {len(measure.x)} points and history {len(x)}: they must be the same "
                "points with equal weights; solve with target=(history.x, history.y)"
            )
        return 1.0, "the same: step size times steps"
    spacing = _spacing(x)
    if isinstance(measure, Box):
        low, high = measure.lower[0], measure.upper[0]
        if x.min() - low > spacing or high - x.max() > spacing or x.min() < low or x.max() > high:
            raise ValueError(
                f"history has points on [{x.min():g}, {x.max():g}], the box is "
                f"[{low:g}, {high:g}]; train on regular samples of the whole box"
            )
        return 1.0, "the same: regular samples stand for the uniform measure of the box"
    assert isinstance(measure, Line)
    support = solution.equation.initial_error.support
    if support is not None and not _covers(x, support, solution, spacing):
        raise ValueError(
            f"history has points on [{x.min():g}, {x.max():g}], which do not cover the target; "
            "train on regular samples of the target and of its zero surroundings"
        )
    volume = len(x) * spacing
    return (
        1 / volume,
        f"solution time = training time / {volume:.6g}, the sampled length N h",
    )


def _covers(
    x: FloatArray, support: tuple[float, float], solution: FrequencySolution, spacing: float
) -> bool:
    """Whether the target is (nearly) zero outside the samples."""
    probe = np.linspace(*support, 1001)
    values = np.abs(solution.equation.target.at(probe[:, None]))
    outside = (probe < x.min() - spacing) | (probe > x.max() + spacing)
    return bool(values[outside].max(initial=0.0) <= 1e-3 * values.max())


def _spacing(x: FloatArray) -> float:
    """Spacing of regular one-dimensional samples; refuses others."""
    steps = np.diff(np.sort(x[:, 0]))
    if x.shape[1] > 1 or len(x) < 3 or np.ptp(steps) > 1e-6 * steps.mean():
        raise ValueError(
            "history has points that are not regularly spaced, so its clock cannot be converted to "
            "that of the solution; solve with target=(history.x, history.y), which uses Points"
        )
    return float(steps.mean())


def _same_problem(solution: FrequencySolution, history: TrainHistory, x: FloatArray) -> None:
    problem, settings, net = solution.equation, history.settings, history.initial_net
    for rate in ("weight_decay", "frequency_decay"):
        if settings[rate] != 0:
            raise ValueError(
                f"history was trained with {rate}={settings[rate]:g}, which the solver does not "
                "have in this version; train without decay"
            )
    y = problem.target.at(x)
    if np.abs(y - history.y).max() > 1e-6 * max(np.abs(y).max(), 1e-300):
        raise ValueError(
            f"history.y differs from the target of the solution by up to "
            f"{np.abs(y - history.y).max():.3g}; train on the same values"
        )
    own, theirs = problem.initial_output_at(x), history.train_output[0]
    gap = float(np.abs(own - theirs).max())
    if gap > 1e-8 * max(1.0, float(np.abs(theirs).max())):
        raise ValueError(
            f"solution and history start from outputs f_0 that differ by {gap:.3g}; solve with "
            "initial_output=net, or sample the network with zero_output=True"
        )
    sigma_a = 0.0 if settings["freeze_frequencies"] else net.sigma_a
    if sigma_a is not None and abs(sigma_a - problem.sigma_a) > 1e-12 * max(sigma_a, 1.0):
        raise ValueError(
            f"history has sigma_a={sigma_a:g} (0 for frozen frequencies), the solution "
            f"{problem.sigma_a:g}; use the same"
        )
    if isinstance(net.density, Density) and net.density != problem.density:
        raise ValueError(
            f"history drew its frequencies from {net.density!r}, the solution has "
            f"{problem.density!r}; use the same"
        )
