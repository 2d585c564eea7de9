"""Run the four cases of a profile, and tell what came out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ntkfreq._types import FloatArray
from ntkfreq.comparison import compare
from ntkfreq.network import train
from ntkfreq.plotting import even_bands
from ntkfreq.profile import Profile
from ntkfreq.report.cases import Case, on_line, on_points
from ntkfreq.report.settings import BAND_REACH, BANDS, Settings
from ntkfreq.results import json_ready

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Report:
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
        The four comparisons.
    seconds : float
        Wall time.
    """

    profile: Profile
    x: FloatArray
    y: FloatArray
    settings: Settings
    cases: tuple[Case, ...]
    seconds: float

    def case(self, density: str, data: str) -> Case:
        """The case of a density ("narrow", "wide") on data ("line", "points")."""
        return next(c for c in self.cases if (c.density, c.data) == (density, data))

    def table(self) -> str:
        """Table of bands with predicted and measured learning times and their ratio."""
        lines = [
            "time to halve the error in each band, in gradient descent steps",
            "",
            f"{'density':8s} {'|xi| band':>15s}   {'(a) line: PDE':>13s} {'network':>8s} "
            f"{'ratio':>6s}   {'(b) points':>10s} {'network':>8s} {'ratio':>6s}",
        ]
        for density in ("narrow", "wide"):
            line, points = self.case(density, "line"), self.case(density, "points")
            rows = {(row.low, row.high): ["", ""] for row in [*line.bands, *points.bands]}
            for column, case in enumerate((line, points)):
                step = float(case.comparison.history.settings["step_size"])
                first = 13 if column == 0 else 10
                for row in case.bands:
                    rows[row.low, row.high][column] = (
                        f"{_steps(row.predicted / step):>{first}s} "
                        f"{_steps(row.measured / step):>8s} {_ratio(row.ratio):>6s}"
                    )
            for (low, high), (left, right) in sorted(rows.items()):
                band = f"{low:6.1f} - {high:6.1f}"
                lines.append(f"{density:8s} {band:>15s}   {left:29s}   {right}".rstrip())
        lines += ["", "not yet: not halved by the last step; blank: nothing to learn there, or"]
        lines += ["beyond the Nyquist frequency of the samples"]
        return "\n".join(lines)

    def worst_ratio(self) -> float:
        """Largest deviation of a ratio of learning times from one; nan if no band was learned."""
        gaps = [abs(row.ratio - 1) for case in self.cases for row in case.bands]
        return max((gap for gap in gaps if np.isfinite(gap)), default=float("nan"))

    def verdict(self) -> str:
        """How far prediction and networks agree, in a sentence or two."""
        rows = [(case, row) for case in self.cases for row in case.bands]
        both = [(abs(row.ratio - 1), case, row) for case, row in rows if np.isfinite(row.ratio)]
        if not both:
            return f"no band was learned within {self.settings.steps} steps; use more --steps"
        gap, case, row = max(both, key=lambda item: item[0])
        text = (
            f"{len(both)} learning times; the largest difference between prediction and network is "
            f"{100 * gap:.1f} % ({case.density} density, {case.data}, band {row.low:.1f} - "
            f"{row.high:.1f})"
        )
        one_side = sum(np.isfinite(row.predicted) != np.isfinite(row.measured) for _, row in rows)
        if one_side:
            text += f"; {one_side} band(s) were halved by one side only"
        if gap > 0.1 or one_side:
            text += "; a larger --width brings networks closer"
        return text

    def to_xarray(self) -> xr.DataTree:
        """Tree with a labelled dataset a case, learning times and all settings included."""
        import xarray as xr

        tree: dict[str, Any] = {
            "/": xr.Dataset(
                {"y": ("x", self.y, {"long_name": "detrended, root mean square one"})},
                {"x": ("x", self.x, {"units": f"{self.profile.half_length:g} of the original"})},
                {"profile": self.profile.name, "settings": json_ready(vars(self.settings))},
            )
        }
        for case in self.cases:
            data = case.comparison.to_xarray()
            data["band_low"] = ("band", np.array([row.low for row in case.bands]))
            data["band_high"] = ("band", np.array([row.high for row in case.bands]))
            data["predicted_time"] = ("band", np.array([row.predicted for row in case.bands]))
            data["measured_time"] = ("band", np.array([row.measured for row in case.bands]))
            tree[f"{case.density}/{case.data}"] = data
        return xr.DataTree.from_dict(tree)


def _resolved_bands(scale: float, x: FloatArray, data: str) -> list[tuple[float, float]]:
    """Bands of a density; for the samples as they are only those below their Nyquist frequency."""
    bands = even_bands(BAND_REACH * scale, BANDS)
    nyquist = np.pi / float(np.median(np.diff(x)))
    return bands if data == "line" else [band for band in bands if band[1] <= nyquist]


def _steps(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "not yet"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"


def run_report(
    profile: Profile,
    settings: Settings | None = None,
    *,
    progress: bool = False,
) -> Report:
    """Predict and train the four cases of a profile.

    Parameters
    ----------
    profile : Profile
        The signal.
    settings : Settings, optional
        Densities, width, steps.
    progress : bool, default False
        Show a bar over the predictions and trainings, and one over the steps of each training.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        When the profile leaves nothing to learn.
    """
    begin = time.perf_counter()
    settings = settings or Settings()
    x, y = profile.scaled()
    cases = []
    with tqdm(total=8, disable=not progress, unit="stage") as bar:
        for name, scale in (("narrow", settings.narrow), ("wide", settings.wide)):
            for data, plan in (("line", on_line), ("points", on_points)):
                bar.set_description(f"{name}, {data}: predict")
                prediction, arguments = plan(x, y, scale, settings)
                bar.update()
                bar.set_description(f"{name}, {data}: train")
                history = train(**arguments, progress=progress)
                bar.update()
                comparison = compare(prediction, history)
                bands = comparison.learning_times(_resolved_bands(scale, x, data))
                cases.append(Case(name, data, scale, comparison, bands))
    return Report(profile, x, y, settings, tuple(cases), time.perf_counter() - begin)
