"""Mean and spread of the output over initial networks: the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, brief, points, span
from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq._support.units import Units
from ntkfreq.files.labelled import about

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class ExpectedOutput(Described):
    """Mean and standard deviation of the output over networks; of :func:`ntkfreq.expected_output`.

    Attributes
    ----------
    t : ndarray, shape (T,)
        Times.
    x : ndarray, shape (n,), or (n, d) in more than one dimension
        Points; days where they were given as dates, see `axis`.
    mean, std : ndarray, shape (T, n)
        Of the output at the points.
    covariance : ndarray, shape (T, n, n), or None
        Between the outputs at two points, where it was asked for.
    samples : (ndarray, ndarray) or None
        Points and values of the data, as `x` and (N,); None on a box.
    axis : Axis
        What x is counted in.
    status : str
        Starts with "converged", "tolerance not met" or "limited by rounding", then the reason.
        Errors are those of the states, relative to the largest of target and initial outputs.
    """

    t: FloatArray
    x: FloatArray
    mean: FloatArray
    std: FloatArray
    covariance: FloatArray | None = None
    samples: tuple[FloatArray, FloatArray] | None = None
    axis: Axis = field(default_factory=Axis)
    status: str = ""

    def _facts(self) -> dict[str, str]:
        return {
            "t": span(self.t),
            "x": span(self.x) if self.x.ndim == 1 else points(self.x),
            "mean": span(self.mean),
            "std": span(self.std),
            **({} if self.covariance is None else {"covariance": brief(self.covariance)}),
            "status": self.status.partition(":")[0],
        }

    def plot(
        self, *, times: ArrayLike | None = None, deviations: float = 2.0, ax: Axes | None = None
    ) -> Axes:
        """Mean over x with a band of standard deviations, in one dimension.

        Parameters
        ----------
        times : float or array_like, optional
            Training times to show, the recorded ones nearest to these; default the last.
        deviations : float, default 2
            Half the width of the band, in standard deviations.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            See :func:`ntkfreq.plotting.plot_expected_output`.
        """
        from ntkfreq.plotting import plot_expected_output

        return plot_expected_output(self, times=times, deviations=deviations, ax=ax)

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset of means and standard deviations, with units.

        Returns
        -------
        xarray.Dataset
            `output_mean`, `output_std` and, where known, `output_covariance`. Dimensions `t` and
            `x`; in d dimensions `point`, with coordinates `x_0`, `x_1`, ...
            The second point of a covariance is `x_other` or `other`.
        """
        import xarray as xr

        units, flat = Units(self.axis), self.x.ndim == 1
        place, other = ("x", "x_other") if flat else ("point", "other")
        columns = [self.x] if flat else list(self.x.T)
        names = ["x"] if flat else [f"x_{k}" for k in range(len(columns))]
        variables: dict[str, Any] = {
            f"output_{name}": (("t", place), getattr(self, name), about(f"output_{name}", units))
            for name in ("mean", "std")
        }
        coords: dict[str, Any] = {"t": ("t", self.t, about("t", units))}
        coords |= {
            name: (place, column, {"units": self.axis.unit, "long_name": f"point, {name}"})
            for name, column in zip(names, columns, strict=True)
        }
        if self.covariance is not None:
            label = about("output_covariance", units)
            variables["output_covariance"] = (("t", place, other), self.covariance, label)
            if flat:
                coords[other] = (other, self.x, coords["x"][2] | {"long_name": "other point, x"})
        attrs = {"status": self.status}
        if self.axis.origin is not None:
            attrs["x"] = f"{self.axis.unit}s since {self.axis.origin}"
        return xr.Dataset(variables, coords, attrs)


def standard(covariance: FloatArray) -> FloatArray:
    """Standard deviations (T, n) from covariances (T, n, n).

    Examples
    --------
    >>> standard(np.array([[[4.0, 1.0], [1.0, 9.0]]]))
    array([[2., 3.]])
    """
    return np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
