r"""The main job: predict a profile's learning spectrum, train networks, and lay both side by side.

For a narrow and a wide density, twice each:

(a) *line*: the profile tapered smoothly to zero, predicted by finite elements on the whole
    line; the network is trained on dense samples of it and of its zero surroundings;
(b) *points*: the samples as they are, predicted on those points; the network is trained on them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.interpolate import CubicSpline
from tqdm import tqdm

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.comparison import BandTime, Comparison, compare
from ntkfreq.density import Normal
from ntkfreq.measure import Line
from ntkfreq.network import FourierFeatureNet, train
from ntkfreq.pde.solution import FrequencySolution
from ntkfreq.pde.solve import solve_frequency_pde
from ntkfreq.plotting import even_bands
from ntkfreq.profile import Profile
from ntkfreq.results import json_ready
from ntkfreq.target import Target

if TYPE_CHECKING:
    import xarray as xr

# Share of each half of the profile over which the taper falls from one to zero.
_TAPER = 0.25
# Surroundings and aliases: the kernel has decayed, and the density folded by sampling is the
# density to 1e-3, at these multiples of the density's standard deviation.
_SURROUNDINGS = 8.0
_FREQUENCIES_KEPT = 6.5
_FEWEST_SAMPLES = 256
BANDS = 8
BAND_REACH = 2.5


@dataclass(frozen=True)
class Settings:
    """What the main job is run with; scales are in radians per half-length of the profile.

    Attributes
    ----------
    narrow, wide : float
        Standard deviations of the two normal densities.
    sigma_a : float
        Standard deviation of the output weights.
    width : int
        Hidden units of the networks in (a), in mirrored pairs; those in (b) have half as many.
    steps : int
        Gradient descent steps.
    rate : float
        Step size times the largest rate of the prediction, below 2.
    seed : int
        Seed of the networks.
    """

    narrow: float = 20.0
    wide: float = 100.0
    sigma_a: float = 1.0
    width: int = 131072
    steps: int = 320
    rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("narrow", "wide", "rate"):
            _checks.positive(name, getattr(self, name))
        _checks.non_negative("sigma_a", self.sigma_a)
        _checks.integer("steps", self.steps, 10)
        _checks.integer("seed", self.seed, 0)
        if self.narrow >= self.wide:
            raise ValueError(f"narrow={self.narrow:g} must be below wide={self.wide:g}")
        if self.rate >= 2:
            raise ValueError(f"rate={self.rate:g} must be below 2, or gradient descent diverges")
        if _checks.integer("width", self.width, 2) % 2:
            raise ValueError(f"width={self.width} must be even: (a) uses mirrored pairs of units")


@dataclass(frozen=True, eq=False)
class Case:
    """One comparison of the report.

    Attributes
    ----------
    density : str
        "narrow" or "wide".
    data : str
        "line" for (a), "points" for (b).
    scale : float
        Standard deviation of the density.
    comparison : Comparison
        Prediction and run.
    bands : list of BandTime
        Learning times of the bands up to 2.5 standard deviations that have energy.
    """

    density: str
    data: str
    scale: float
    comparison: Comparison
    bands: list[BandTime]


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
        return "\n".join(lines)

    def worst_ratio(self) -> float:
        """Largest deviation of a ratio of learning times from one, over all learned bands."""
        ratios = [row.ratio for case in self.cases for row in case.bands]
        return float(np.nanmax(np.abs(np.array(ratios) - 1)))

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


def _steps(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "not yet"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"


def tapered(x: FloatArray, y: FloatArray) -> Target:
    """The samples' spline times a smooth window that is zero, with all derivatives, at both ends.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)
    >>> tapered(x, np.cos(9 * x))([-1.0, 0.0]).round(4)
    array([0., 1.])
    """
    spline = CubicSpline(x, y)

    def window(s: FloatArray) -> FloatArray:
        inner = np.clip((1 - np.abs(s)) / _TAPER, 1e-3, 1 - 1e-3)
        rise, fall = np.exp(-1 / inner), np.exp(-1 / (1 - inner))
        return np.where(np.abs(s) < 1, rise / (rise + fall), 0.0)

    return Target.from_function(lambda s: window(s) * spline(s), support=(-1.0, 1.0))


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
            for data, plan in (("line", _on_line), ("points", _on_points)):
                bar.set_description(f"{name}, {data}: predict")
                prediction, arguments = plan(x, y, scale, settings)
                bar.update()
                bar.set_description(f"{name}, {data}: train")
                history = train(**arguments, progress=progress)
                bar.update()
                comparison = compare(prediction, history)
                bands = comparison.learning_times(even_bands(BAND_REACH * scale, BANDS))
                cases.append(Case(name, data, scale, comparison, bands))
    return Report(profile, x, y, settings, tuple(cases), time.perf_counter() - begin)


def _frequencies(scale: float, x: FloatArray) -> FloatArray:
    """Frequencies up to 3 standard deviations, at a quarter of the resolution of the data."""
    spacing = np.pi / 2 / float(np.ptp(x))
    return np.arange(0.0, 3 * scale + spacing, spacing)


def _on_line(
    x: FloatArray, y: FloatArray, scale: float, settings: Settings
) -> tuple[FrequencySolution, dict[str, Any]]:
    """Prediction on the line, and the arguments of the training run it is held against."""
    target = tapered(x, y)
    half = 1 + _SURROUNDINGS / scale
    # Two replicas of the density must not meet below the highest band.
    spacing = 2 * np.pi / ((BAND_REACH + _FREQUENCIES_KEPT) * scale)
    count = max(int(np.ceil(2 * half / spacing)), _FEWEST_SAMPLES)
    grid, spacing = np.linspace(-half, half, count, retstep=True)
    volume = count * float(spacing)
    rho = Normal(scale=scale)
    fastest = 2 * np.pi * float(rho.pdf([0.0])[0]) * (1 + settings.sigma_a**2)
    step_size = settings.rate / fastest
    prediction = solve_frequency_pde(
        rho,
        target,
        sigma_a=settings.sigma_a,
        measure=Line(),
        t=step_size * np.array([0.0, settings.steps]),
        frequencies=_frequencies(scale, grid),
        step_size=step_size,
        rtol=1e-5,
    )
    net = FourierFeatureNet.sample(
        rho, settings.width, sigma_a=settings.sigma_a, zero_output=True, rng=settings.seed
    )
    return prediction, {
        "net": net,
        "x": grid,
        "y": target(grid),
        "step_size": step_size * volume,
        "steps": settings.steps,
        "frequencies": prediction.frequencies,
    }


def _on_points(
    x: FloatArray, y: FloatArray, scale: float, settings: Settings
) -> tuple[FrequencySolution, dict[str, Any]]:
    """Prediction on the samples, and the arguments of the training run it is held against."""
    rho = Normal(scale=scale)
    # Half the units of (a), where they come in mirrored pairs: as many different frequencies.
    net = FourierFeatureNet.sample(
        rho, settings.width // 2, sigma_a=settings.sigma_a, rng=settings.seed + 1
    )
    prediction = solve_frequency_pde(
        rho,
        (x, y),
        sigma_a=settings.sigma_a,
        initial_output=net,
        t=[0.0, 1.0],
        frequencies=_frequencies(scale, x),
    )
    return prediction, {
        "net": net,
        "x": x,
        "y": y,
        "step_size": settings.rate * prediction.max_step_size / 2,
        "steps": settings.steps,
        "frequencies": prediction.frequencies,
    }
