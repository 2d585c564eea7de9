"""Run the cases of a profile: those that can be run, and a sentence on each that cannot."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from tqdm import tqdm

from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray
from ntkfreq.comparison.compare import compare
from ntkfreq.network import train
from ntkfreq.plotting import even_bands
from ntkfreq.profile import Profile
from ntkfreq.report.cases import (
    Case,
    Plan,
    TooRoughError,
    by_adam,
    by_descent,
    dense_samples,
    on_line,
    on_points,
    tapered,
)
from ntkfreq.report.report import Report
from ntkfreq.report.settings import BAND_REACH, BANDS, Settings

# Most samples of part (b): records of a training hold its outputs at all of them.
MOST_SAMPLES = 200_000
_PARTS: Mapping[str, dict[str, Plan]] = MappingProxyType(
    {
        "narrow": {
            "line": on_line,
            "points": on_points,
            "descent": by_descent,
            "adam": by_adam,
        },
        "wide": {"line": on_line, "points": on_points},
    }
)


def run_report(
    profile: Profile,
    settings: Settings | None = None,
    *,
    progress: bool = False,
) -> Report:
    """Predict and train the six cases of a profile: four by gradient descent, and two rules.

    A case that the profile is too rough or too long for is left out; the report says why and
    what to do.

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
        When the profile leaves nothing to learn, or no case can be run.
    """
    begin = time.perf_counter()
    settings = settings or Settings()
    x, y = profile.scaled()
    cases = []
    left_out: list[str] = []
    if len(x) > MOST_SAMPLES:
        left_out.append(_too_many(profile))
    plans = [
        (name, part)
        for name in _PARTS
        for part in _PARTS[name]
        if part == "line" or len(x) <= MOST_SAMPLES
    ]
    with tqdm(total=2 * len(plans), disable=not progress, unit="stage") as bar:
        for name, data in plans:
            scale = float(getattr(settings, name))
            bar.set_description(f"{name}, {data}: predict")
            try:
                prediction, arguments = _PARTS[name][data](x, y, scale, settings)
            except TooRoughError as error:
                left_out.append(_too_rough(profile, name, scale, error))
                bar.update(2)
                continue
            except SizeError as error:
                if data != "adam":
                    raise
                left_out.append(f"(c) is left out: {error}")
                bar.update(2)
                continue
            bar.update()
            bar.set_description(f"{name}, {data}: train")
            history = train(**arguments, progress=progress)
            bar.update()
            comparison = compare(prediction, history)
            bands = comparison.learning_times(_resolved_bands(scale, x, data))
            cases.append(Case(name, data, scale, comparison, bands))
    if not cases:
        raise ValueError("; ".join(left_out))
    seconds = time.perf_counter() - begin
    return Report(profile, x, y, settings, tuple(cases), seconds, tuple(left_out))


def _resolved_bands(scale: float, x: FloatArray, data: str) -> list[tuple[float, float]]:
    """Bands of a density; for the samples as they are only those below their Nyquist frequency."""
    bands = even_bands(BAND_REACH * scale, BANDS)
    nyquist = np.pi / float(np.median(np.diff(x)))
    return bands if data == "line" else [band for band in bands if band[1] <= nyquist]


def _too_many(profile: Profile) -> str:
    count = len(profile.x)
    return (
        f"(b) and (c) are left out: {count} samples, above {MOST_SAMPLES}, which training records; "
        f"{_remedy(profile, 2 * count / MOST_SAMPLES)} takes means over intervals, which keep low "
        "frequencies"
    )


def _too_rough(profile: Profile, name: str, scale: float, error: TooRoughError) -> str:
    for factor in (2, 3, 5, 10, 20, 50, 100):
        try:
            x, y = profile.averaged(factor * _spacing(profile)).scaled()
            dense_samples(tapered(x, y), scale)
        except ValueError:
            continue
        return f"(a) is left out for the {name} density: {error}, by {_remedy(profile, factor)}"
    return f"(a) is left out for the {name} density: {error}"


def _remedy(profile: Profile, factor: float) -> str:
    unit = f" ({profile.x_unit})" if profile.x_unit else ""
    # Three digits, without an exponent where a reader can do without.
    length = float(f"{np.ceil(factor) * _spacing(profile):.3g}")
    return f"--average {length:g}{unit}"


def _spacing(profile: Profile) -> float:
    return float(np.median(np.diff(profile.x)))
