"""Mean losses under batches: the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.display import Described, course, span
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq._support.units import Units
from ntkfreq.files.labelled import about, plain_attributes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_NAMES = {
    "train_mean": "mean training loss over batches",
    "train_std": "standard deviation of the training loss over batches",
    "train_error": "standard error of the mean training loss",
    "test_mean": "mean test loss over batches",
    "test_std": "standard deviation of the test loss over batches",
    "test_error": "standard error of the mean test loss",
}


@dataclass(frozen=True, eq=False)
class BatchLosses(Described):
    """Mean losses over the batches of training; made by :func:`ntkfreq.batch_losses`.

    Attributes
    ----------
    step : ndarray of int, shape (T,)
        Recorded steps.
    t : ndarray, shape (T,)
        Training time, the sum of the step sizes before.
    train_mean : ndarray, shape (T,)
        Mean over the batches of the training loss, a mean square over all samples.
    test_mean : ndarray, shape (T,), or None
        The same of the test loss.
    train_std, test_std : ndarray, shape (T,), or None
        Standard deviation of the loss of one run, where runs were simulated.
    train_error, test_error : ndarray, shape (T,), or None
        Standard error of the mean, where it is one of simulated runs.
    method : {"moments", "simulation", "given order"}
        How they were found.
    status : str
        Starts with "exact" or "simulated", then says how well the means are known.
    stats : dict
        samples, modes, left_out (by modes that do not move, relative), draws, largest_share (of
        one run in a simulated mean), seconds.
    """

    step: IntArray
    t: FloatArray
    train_mean: FloatArray
    test_mean: FloatArray | None
    train_std: FloatArray | None
    test_std: FloatArray | None
    train_error: FloatArray | None
    test_error: FloatArray | None
    method: str
    status: str = ""
    stats: dict[str, Any] = field(default_factory=dict, repr=False)

    def _facts(self) -> dict[str, str]:
        facts = {"step": span(self.step), "train_mean": course(self.train_mean)}
        if self.test_mean is not None:
            facts["test_mean"] = course(self.test_mean)
        return facts | {"method": self.method, "status": self.status.partition(":")[0]}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Means against steps, with bands of one standard deviation where runs were simulated.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ntkfreq.plotting.frames import single
        from ntkfreq.plotting.palette import BLUE, ORANGE, loss_label

        axes = single(ax, (5.6, 4.0))
        sides = [("training", "-", BLUE, self.train_mean, self.train_std)]
        if self.test_mean is not None:
            sides.append(("test", "--", ORANGE, self.test_mean, self.test_std))
        for name, style, color, mean, std in sides:
            axes.plot(self.step, mean, style, color=color, label=f"{name}: mean over batches")
            if std is not None:
                # A spread larger than the mean reaches below every number of a logarithmic axis.
                low = np.maximum(mean - std, 1e-3 * mean)
                label = "one standard deviation" if name == sides[-1][0] else None
                axes.fill_between(
                    self.step, low, mean + std, color=color, alpha=0.2, linewidth=0, label=label
                )
        axes.set(yscale="log", xlabel="step", ylabel=loss_label(Units()))
        axes.legend(frameon=False)
        return axes

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset of what is known, over steps, with units."""
        import xarray as xr

        units = Units()
        known = {name: getattr(self, name) for name in _NAMES}
        return xr.Dataset(
            {
                name: (
                    "step",
                    row,
                    {
                        "long_name": _NAMES[name],
                        "units": units.of("loss" if name.startswith("train") else "test_loss"),
                    },
                )
                for name, row in known.items()
                if row is not None
            },
            {"step": ("step", self.step, about("step")), "t": ("step", self.t, about("t"))},
            plain_attributes({"status": self.status, "method": self.method} | self.stats),
        )
