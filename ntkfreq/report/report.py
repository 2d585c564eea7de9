"""What came out of the main job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.display import Described, brief
from ntkfreq._support.types import FloatArray
from ntkfreq.files.results import json_ready
from ntkfreq.profile import Profile
from ntkfreq.report import words
from ntkfreq.report.cases import Case
from ntkfreq.report.settings import Settings

if TYPE_CHECKING:
    import xarray as xr


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
        The comparisons, four of them unless some are left out.
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
        """The case of a density ("narrow", "wide") on data ("line", "points").

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
                    or 'densities are "narrow" and "wide", data "line" and "points"'
                )
            )
        return found

    def find(self, density: str, data: str) -> Case | None:
        """The same, or None."""
        return next((c for c in self.cases if (c.density, c.data) == (density, data)), None)

    def table(self, *, cycles: bool = False) -> str:
        """Table of bands with predicted and measured learning times and their ratio.

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
                {"y": ("x", self.y, {"long_name": "detrended, root mean square one"})},
                {"x": ("x", self.x, {"units": f"{self.profile.half_length:g} of the original"})},
                {
                    "profile": self.profile.name,
                    "understood": self.profile.understood,
                    "half_length": self.profile.half_length,
                    "x_unit": self.profile.x_unit,
                    "y_unit": self.profile.y_unit,
                    "left_out": list(self.left_out),
                    "settings": json_ready(vars(self.settings)),
                },
            )
        }
        for case in self.cases:
            data = case.comparison.to_xarray()
            units = {"units": "rad per half-length"}
            data["band_low"] = ("band", np.array([row.low for row in case.bands]), units)
            data["band_high"] = ("band", np.array([row.high for row in case.bands]), units)
            data["predicted_time"] = ("band", np.array([row.predicted for row in case.bands]))
            data["measured_time"] = ("band", np.array([row.measured for row in case.bands]))
            tree[f"{case.density}/{case.data}"] = data
        return xr.DataTree.from_dict(tree)
