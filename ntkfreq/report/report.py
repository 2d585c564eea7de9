"""The result of the main job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.display import Described, brief
from ntkfreq._support.types import FloatArray
from ntkfreq.files.labelled import plain_attributes
from ntkfreq.profile import Profile
from ntkfreq.report import words
from ntkfreq.report.cases import Case
from ntkfreq.report.settings import Settings

if TYPE_CHECKING:
    import xarray as xr

# Fields of `BandTime`, what they are, and their units.
_OF_BANDS = (
    ("low", "lower end of the band", "rad per half-length"),
    ("high", "upper end of the band", "rad per half-length"),
    ("predicted", "predicted time to halve the error", "1"),
    ("measured", "time in which the network halves the error", "1"),
)


@dataclass(frozen=True, eq=False)
class Report(Described):
    """Everything the main job found out about a profile.

    Attributes
    ----------
    profile : Profile
        The signal.
    x, y : ndarray, shape (n,)
        Its scaled samples.
    settings : Settings
        What it was run with.
    cases : tuple of Case
        The comparisons, six of them unless some are left out.
    seconds : float
        Wall time.
    left_out : tuple of str
        Which comparisons could not be made and why, in sentences.
    """

    profile: Profile
    x: FloatArray
    y: FloatArray
    settings: Settings
    cases: tuple[Case, ...]
    seconds: float
    left_out: tuple[str, ...] = ()

    def _facts(self) -> dict[str, str]:
        return {
            "profile": self.profile.understood,
            "settings": brief(self.settings),
            "cases": ", ".join(f"{case.density} on {case.data}" for case in self.cases),
            "left_out": brief(self.left_out),
            "seconds": f"{self.seconds:.3g}",
        }

    def case(self, density: str, data: str) -> Case:
        """The case of a density ("narrow", "wide") on data ("line", "points", "descent", "adam").

        Raises
        ------
        ValueError
            When there is none, or it was left out.
        """
        found = self.find(density, data)
        if found is None:
            raise ValueError(
                f"no case density={density!r}, data={data!r}; "
                + (
                    " ".join(self.left_out)
                    or 'densities are "narrow" and "wide", data "line" and "points", of the narrow '
                    'one also "descent" and "adam"'
                )
            )
        return found

    def find(self, density: str, data: str) -> Case | None:
        """The same, or None."""
        return next((c for c in self.cases if (c.density, c.data) == (density, data)), None)

    def table(self, *, cycles: bool = False) -> str:
        """Tables of bands with predicted and measured learning times.

        Parameters
        ----------
        cycles : bool, default False
            Give bands in cycles per unit of x (Hz over seconds) instead of radians.
        """
        return words.table(self.profile, self.cases, self.left_out, cycles=cycles)

    def verdict(self, *, cycles: bool = False) -> str:
        """How far prediction and networks agree, in a sentence or two."""
        return words.verdict(self.profile, self.cases, self.settings.steps, cycles=cycles)

    def worst_ratio(self) -> float:
        """Largest deviation of a ratio of learning times from one; nan if no band was learned."""
        gaps = [abs(row.ratio - 1) for case in self.cases for row in case.bands]
        return max((gap for gap in gaps if np.isfinite(gap)), default=float("nan"))

    def to_xarray(self) -> xr.DataTree:
        """Tree with a labelled dataset a case, learning times and all settings included."""
        import xarray as xr

        tree: dict[str, Any] = {
            "/": xr.Dataset(
                {
                    "y": (
                        "x",
                        self.y,
                        {"long_name": "detrended, root mean square one", "units": "1"},
                    )
                },
                {"x": ("x", self.x, {"long_name": "position", "units": "half-lengths"})},
                plain_attributes(
                    {
                        "profile": self.profile.name,
                        "understood": self.profile.understood,
                        "half_length": self.profile.half_length,
                        "x_unit": self.profile.x_unit,
                        "y_unit": self.profile.y_unit,
                        "left_out": self.left_out,
                        "settings": vars(self.settings),
                    }
                ),
            )
        }
        for case in self.cases:
            data = case.comparison.to_xarray()
            for name, title, unit in _OF_BANDS:
                values = np.array([getattr(row, name) for row in case.bands])
                variable = f"band_{name}" if name in ("low", "high") else f"{name}_time"
                data[variable] = ("band", values, {"long_name": title, "units": unit})
            tree[f"{case.density}/{case.data}"] = data
        return xr.DataTree.from_dict(tree)
