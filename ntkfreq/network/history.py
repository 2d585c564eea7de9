"""The path of a training run: losses, spectra and outputs over time, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, brief, course, points, span
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq._support.units import Units
from ntkfreq.files.labelled import about, dynamics_dataset
from ntkfreq.network.backends.state import Descent
from ntkfreq.network.engine import Precision
from ntkfreq.network.linear_path import LinearPath
from ntkfreq.plotting.methods import PlotsDynamics
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.spectra.band_window import BandReader
from ntkfreq.spectra.bands import checked_fraction, first_passage, pick_spectrum
from ntkfreq.spectra.wave_fit import WaveSum

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class TrainHistory(Portable, PlotsDynamics, Described):
    r"""A trained network and its path; R records, F frequencies, N training points.

    Attributes
    ----------
    step : ndarray of int, shape (R,)
        Recorded steps, from 0.
    t : ndarray, shape (R,)
        Training time, step size times step (with a schedule, the sum of the step sizes).
    train_loss, test_loss : ndarray, shape (R,)
        Mean squared errors, without the 1/2 of the loss; `test_loss` is None without test points.
    data_spectrum : ndarray, shape (R, F), complex
        :math:`\hat v(\xi) = N^{-1} \sum_i (f(x_i) - y_i)\, e^{-i \xi \cdot x_i}` over the
        training points.
    spectrum : ndarray, shape (R, F), complex
        The same over the test points, equally weighted; None without test points.
    output : ndarray, shape (R, n)
        Network output at the test points; without them at the training points.
    train_output : ndarray, shape (R, N)
        Network output at the training points.
    weight_norm, frequency_norm : ndarray, shape (R,)
        Euclidean norms of the output weights a, b (in deep networks: of all but w), and of w.
    weight_distance, frequency_distance : ndarray, shape (R,)
        The same norms of the difference from the start.
    kernel_drift : ndarray, shape (R,), or None
        Change of the empirical NTK on the probe points, relative in the Frobenius norm; of order
        width to the -1/2 where the theory holds. None without probe points.
    x, y : ndarray, shape (N,) or (N, d), and (N,)
        Training data.
    test : (ndarray, ndarray) or None
        Test points and values.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies, radians per unit of x.
    net : FourierFeatureNet or FourierFeatureMLP
        Network at the last record.
    initial_net : FourierFeatureNet or FourierFeatureMLP
        Network as passed in.
    descent : Descent
        The rule by which the run stepped: optimizer, step size, batches, decay.
    decay_towards : {"zero", "start"}
        What the frequencies decayed towards.
    precision : Precision
        Numbers that the engine computed in, and its tolerance.
    settings : dict
        Every setting of the run, and the versions that ran it, to be read.
    stats : dict
        `backend` and `backend_reason`: the engine and why; `threads` a step occupied;
        `steps_taken` by this call, `resumed_from` which step of a checkpoint (0 without one);
        `seconds` of the steps, `record_seconds` of the records and their spectra,
        `compile_seconds` of compiling or loading the engine; `pairs_per_second`, points seen times
        units (of all layers) times steps over seconds.
    status : str
        A sentence that starts with "completed" or with "diverged", then with the remedy.
    axis : Axis
        What the numbers of x mean: days since a date where x was given at dates.
    """

    drawn_as: ClassVar[tuple[str, str]] = ("trained network", "o")
    bands_quick: ClassVar[bool] = True

    step: IntArray
    t: FloatArray
    train_loss: FloatArray
    test_loss: FloatArray | None
    data_spectrum: ComplexArray
    spectrum: ComplexArray | None
    output: FloatArray
    train_output: FloatArray
    weight_norm: FloatArray
    frequency_norm: FloatArray
    weight_distance: FloatArray
    frequency_distance: FloatArray
    kernel_drift: FloatArray | None
    x: FloatArray
    y: FloatArray
    test: tuple[FloatArray, FloatArray] | None
    frequencies: FloatArray
    net: Any
    initial_net: Any
    descent: Descent
    decay_towards: str
    precision: Precision
    settings: dict[str, Any]
    stats: dict[str, Any]
    status: str
    axis: Axis = field(default_factory=Axis)

    def _facts(self) -> dict[str, str]:
        tested = {} if self.test_loss is None else {"test_loss": course(self.test_loss)}
        return {
            "net": brief(self.net),
            "x": points(self.x),
            "t": span(self.t),
            "train_loss": course(self.train_loss),
            **tested,
            "status": self.status,
        }

    @property
    def optimizer(self) -> Optimizer:
        """The update rule."""
        return self.descent.optimizer

    def batch(self, step: int) -> IntArray | None:
        """Places in x of the points that a step saw; None where it saw all.

        Parameters
        ----------
        step : int
            The step from `step` to `step` + 1, from 0 to the last record.

        Returns
        -------
        ndarray of int, shape (B,), or None

        Raises
        ------
        TypeError, ValueError
            For a step that is none of the run's.

        Examples
        --------
        >>> from ntkfreq.network import FourierFeatureNet, train
        >>> net = FourierFeatureNet(w=[1.0], a=[0.0], b=[0.0])
        >>> run = train(net, [0.0, 1.0], [1.0, 1.0], step_size=0.1, steps=2, order=[[1], [0]])
        >>> run.batch(0)
        array([1])
        """
        taken = checks.integer("step", step, 0, max(int(self.step[-1]) - 1, 0))
        return self.descent.batch(taken, len(self.y), {})

    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> float:
        r"""First time the RMS of the error spectrum over a band falls to a fraction of its start.

        Where waves of other bands would leak in, what the network's own kernel at the start makes
        of them is taken off (two layers, full batches without decay, few thousand points); else
        the errors are windowed, which smooths over neighbouring frequencies and weighs the
        middle of the data more (``ntkfreq.spectra.band_window``).

        Parameters
        ----------
        band : (low, high)
            Band of :math:`|\xi|`, in `units`.
        fraction : float
            Between 0 and 1.
        spectrum : {"auto", "data", "test"}
            Which error; "auto" is that at the test points where there are any.
        units : {"rad", "cycles", "Hz"}
            Of the band: radians or cycles per unit of x (per day where x is dates), or per second.

        Returns
        -------
        float
            Training time, infinite if the run does not get there.

        Raises
        ------
        ValueError
            For a band with nothing of its own, or one into which other bands leak more than half
            of that whatever the window (on scattered points); for an unknown spectrum, or "test"
            without test points.

        Examples
        --------
        >>> from ntkfreq.network import FourierFeatureNet, train
        >>> net = FourierFeatureNet(w=[1.0], a=[0.0], b=[0.0])
        >>> run = train(net, [0.0], [1.0], step_size=0.1, steps=20, frequencies=[0.0])
        >>> round(run.learning_time((0.0, 1.0)), 4)  # 0.1 ln 2 / -ln 0.9
        0.6579
        """
        band = self.axis.band(checks.interval("band", band), units)
        chosen = pick_spectrum(self.spectrum, self.data_spectrum, spectrum)
        fraction = checked_fraction(fraction, self.t)
        rms = self.band_curve(band, chosen is not self.data_spectrum)
        return first_passage(self.t, rms, fraction * rms[0])

    def band_curve(self, band: tuple[float, float], on_test: bool) -> FloatArray:
        """RMS of the error over a band at the recorded steps, of its own part where others leak."""
        path = self._linear_test_path if on_test else self._linear_path
        reader = self._test_reader if on_test else self._data_reader

        def others(part: WaveSum) -> FloatArray:
            assert path is not None
            left = self.train_output[0] - self.y - part(self._columns(self.x))
            inside, outside = path.of_part(left)
            if on_test:
                return np.asarray(reader.start - part(reader.x) + outside)
            return np.asarray(left + inside)

        errors = self.output - self.test[1] if on_test and self.test else self.train_output - self.y
        return reader.curve(errors, band, None if path is None else others)

    @cached_property
    def _linear_path(self) -> LinearPath | None:
        return LinearPath.of(self, None)

    @cached_property
    def _linear_test_path(self) -> LinearPath | None:
        assert self.test is not None
        return LinearPath.of(self, self._columns(self.test[0]))

    def band_shares(self, bands: Sequence[tuple[float, float]]) -> FloatArray:
        """Remaining share of each band (R, B) for figures; NaN where it cannot be read."""
        columns = []
        for band in bands:
            try:
                rms = self.band_curve(band, self.spectrum is not None)
                columns.append(rms / rms[0])
            except ValueError:
                columns.append(np.full(len(self.t), np.nan))
        return np.stack(columns, axis=1)

    @cached_property
    def _data_reader(self) -> BandReader:
        x = self._columns(self.x)
        return self._reader(x, self.train_output[0] - self.y)

    @cached_property
    def _test_reader(self) -> BandReader:
        assert self.test is not None
        x, start = self._columns(self.test[0]), self.output[0] - self.test[1]
        return self._reader(x, start, (self._columns(self.x), self.train_output[0] - self.y))

    @property
    def units(self) -> Units:
        """Units of times, losses and spectra."""
        return Units(self.axis)

    def _columns(self, x: Any) -> FloatArray:
        return checks.points("x", x, axis=self.axis)

    def _reader(self, x: FloatArray, start: FloatArray, beside: Any = None) -> BandReader:
        grid = self.frequencies.reshape(-1, x.shape[1])
        return BandReader(x, start, grid, self.axis.frequency_unit, beside)

    def to_xarray(self) -> xr.Dataset:
        """Losses, norms and spectra as a labelled dataset, settings and stats as its attributes.

        All variables have a `long_name` and `units`. Spectra are complex: see
        :meth:`ntkfreq.FrequencySolution.to_xarray` on how to write them.

        Returns
        -------
        xarray.Dataset
            Dimensions `t` and `frequency`.

        Examples
        --------
        >>> from ntkfreq.network import FourierFeatureNet, train
        >>> net = FourierFeatureNet(w=[1.0], a=[0.0], b=[0.0])
        >>> run = train(net, [0.0], [1.0], step_size=0.1, steps=2, frequencies=[0.0, 1.0])
        >>> dict(run.to_xarray().sizes)
        {'t': 3, 'frequency': 2}
        """
        attrs = self.settings | self.stats | {"status": self.status}
        names = ("train_loss", "test_loss", "weight_norm", "frequency_norm", "weight_distance")
        series = {name: getattr(self, name) for name in (*names, "frequency_distance")}
        data = dynamics_dataset(
            t=self.t,
            frequencies=self.frequencies,
            losses=series | {"kernel_drift": self.kernel_drift},
            spectra={"spectrum": self.spectrum, "data_spectrum": self.data_spectrum},
            attrs=attrs,
            units=self.units,
        )
        if getattr(self.net, "depth", 0) > 0:  # weights of hidden layers are numbers
            for name in ("weight_norm", "weight_distance"):
                data[name].attrs["units"] = "1"
        return data.assign_coords(step=("t", np.array(self.step), about("step")))
