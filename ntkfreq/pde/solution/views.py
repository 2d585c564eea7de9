"""How a solution is shown: as text, in figures, and as a labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described, brief, course, span
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq._support.units import Units
from ntkfreq.files.labelled import dynamics_dataset
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.plotting.methods import PlotsDynamics
from ntkfreq.problem.equation import FrequencyEquation

if TYPE_CHECKING:
    import xarray as xr


class SolutionViews(PlotsDynamics, Described):
    """Text, figures and datasets from the fields of :class:`ntkfreq.FrequencySolution`."""

    drawn_as: ClassVar[tuple[str, str]] = ("predicted", "")

    equation: FrequencyEquation
    t: FloatArray
    frequencies: FloatArray
    data_spectrum: ComplexArray
    spectrum: ComplexArray | None
    train_loss: FloatArray
    test_loss: FloatArray | None
    step_size: float | None
    rtol: float
    status: str
    stats: dict[str, Any]
    _test: Tested

    def _facts(self) -> dict[str, str]:
        tested = {} if self.test_loss is None else {"test_loss": course(self.test_loss)}
        return {
            "measure": brief(self.equation.measure),
            "density": brief(self.equation.density),
            **({} if self.equation.layers is None else {"depth": str(self.equation.layers.depth)}),
            **({"dropped": "constant"} if self.equation.drop_constant else {}),
            "t": span(self.t),
            "frequencies": span(self.frequencies, self.axis.frequency_unit),
            "train_loss": course(self.train_loss),
            **tested,
            "status": self.status.partition(":")[0],
        }

    @property
    def axis(self) -> Axis:
        """What the numbers of x mean: days since a date where the data were given at dates."""
        return self.equation.axis

    @property
    def units(self) -> Units:
        """Units of times, losses and spectra."""
        volume = self.equation.dim if self.equation.measure.infinite else 0
        return Units(self.axis, volume, volume if self._test.points is None else 0)

    def to_xarray(self) -> xr.Dataset:
        """Labelled dataset of losses and spectra, with the settings as attributes.

        All variables have a `long_name` and `units`. The attribute `stats` is JSON text. Spectra
        are complex: :func:`ntkfreq.save_zarr` keeps them as they are; netCDF takes real numbers
        only, ``data.real.to_netcdf(path)`` and ``data.imag``, or the losses alone.

        Returns
        -------
        xarray.Dataset
            Dimensions `t` and `frequency`. In one dimension both are indexed; in d there are
            coordinates `xi_0`, `xi_1`, ... along `frequency`.

        Examples
        --------
        >>> from ntkfreq import Normal, solve_frequency_pde
        >>> data = solve_frequency_pde(Normal(scale=3.0), ([0.0, 1.0], [1.0, -1.0])).to_xarray()
        >>> abs(data.data_spectrum).sel(t=0.0, frequency=3.0, method="nearest").item()
        1.0
        >>> data.train_loss.attrs
        {'long_name': 'training loss', 'units': '(unit of y)^2'}
        """
        return dynamics_dataset(
            t=self.t,
            frequencies=self.frequencies,
            losses={"train_loss": self.train_loss, "test_loss": self.test_loss},
            spectra={"spectrum": self.spectrum, "data_spectrum": self.data_spectrum},
            attrs=self.settings() | {"status": self.status, "stats": self.stats},
            units=self.units,
        )

    def settings(self) -> dict[str, Any]:
        """What determined the solution, as JSON values."""
        raise NotImplementedError
