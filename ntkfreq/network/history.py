"""What a training run leaves behind: losses, spectra and outputs over time, and how it went."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq import results
from ntkfreq._types import ComplexArray, FloatArray, IntArray
from ntkfreq.bands import band_learning_time, pick_spectrum
from ntkfreq.network.fourier_features import FourierFeatureNet

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class TrainStats:
    """Cost of a run.

    Attributes
    ----------
    backend : str
        Engine that took the steps.
    backend_reason : str
        Why this engine.
    threads : int
        Cores a step occupied.
    steps_taken : int
        Steps taken by this call, without those found in a checkpoint.
    resumed_from : int
        Step at which a checkpoint was picked up, 0 without one.
    seconds : float
        Wall time of the steps, without compilation, records and checkpoints.
    compile_seconds : float
        Wall time of compiling the engine, or of loading it compiled.
    pairs_per_second : float
        Points times units times steps, over seconds; 0 if no step was taken.
    """

    backend: str
    backend_reason: str
    threads: int
    steps_taken: int
    resumed_from: int
    seconds: float
    compile_seconds: float
    pairs_per_second: float


@dataclass(frozen=True, eq=False, repr=False)
class TrainHistory:
    r"""A trained network and its path; R records, F frequencies, N training points.

    Attributes
    ----------
    step : ndarray of int, shape (R,)
        Recorded steps, from 0.
    t : ndarray, shape (R,)
        Training time, step size times step.
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
    x, y : ndarray, shape (N,) or (N, d), and (N,)
        Training data.
    test : (ndarray, ndarray) or None
        Test points and values.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies, radians per unit of x.
    net : FourierFeatureNet
        Network at the last record.
    initial_net : FourierFeatureNet
        Network as passed in.
    settings : dict
        Every setting of the run, and the versions that ran it.
    stats : TrainStats
        Cost of the run.
    status : str
        A sentence that starts with "completed" or with "diverged", then with the remedy.
    """

    step: IntArray
    t: FloatArray
    train_loss: FloatArray
    test_loss: FloatArray | None
    data_spectrum: ComplexArray
    spectrum: ComplexArray | None
    output: FloatArray
    train_output: FloatArray
    x: FloatArray
    y: FloatArray
    test: tuple[FloatArray, FloatArray] | None
    frequencies: FloatArray
    net: FourierFeatureNet
    initial_net: FourierFeatureNet
    settings: dict[str, Any]
    stats: TrainStats
    status: str

    def __repr__(self) -> str:
        return (
            f"TrainHistory(width {self.net.width}, {len(self.y)} points, {len(self.t)} records to "
            f"t = {self.t[-1]:g}, training loss {self.train_loss[-1]:.3g}; {self.status})"
        )

    def learning_time(
        self, band: tuple[float, float], fraction: float = 0.5, *, spectrum: str = "auto"
    ) -> float:
        r"""First time the RMS of the error spectrum over a band falls to a fraction of its start.

        Parameters
        ----------
        band : (low, high)
            Band of :math:`|\xi|`, radians per unit of x.
        fraction : float
            Between 0 and 1.
        spectrum : {"auto", "data", "test"}
            Which error; "auto" is that at the test points where there are any.

        Returns
        -------
        float
            Training time, infinite if the run does not get there.

        Raises
        ------
        ValueError
            For a band without initial energy, an unknown spectrum, or "test" without test points.

        Examples
        --------
        >>> from ntkfreq.network import FourierFeatureNet, train
        >>> net = FourierFeatureNet(w=[1.0], a=[0.0], b=[0.0])
        >>> run = train(net, [0.0], [1.0], step_size=0.1, steps=20, frequencies=[0.0])
        >>> round(run.learning_time((0.0, 1.0)), 4)  # 0.1 ln 2 / -ln 0.9
        0.6579
        """
        chosen = pick_spectrum(self.spectrum, self.data_spectrum, spectrum)
        return band_learning_time(self.t, self.frequencies, chosen, band, fraction)

    def to_xarray(self) -> xr.Dataset:
        """Losses and spectra as a labelled dataset, settings and stats as JSON-ready attributes.

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
        attrs = self.settings | asdict(self.stats) | {"status": self.status}
        data = results.dynamics_dataset(
            t=self.t,
            frequencies=self.frequencies,
            losses={"train_loss": self.train_loss, "test_loss": self.test_loss},
            spectra={"spectrum": self.spectrum, "data_spectrum": self.data_spectrum},
            attrs=results.json_ready(attrs),
        )
        return data.assign_coords(step=("t", np.array(self.step)))

    def plot(self) -> Any:
        """Figure of losses and error spectrum over time, by `ntkfreq.plotting.plot_dynamics`."""
        from ntkfreq.plotting import plot_dynamics

        return plot_dynamics(self)
