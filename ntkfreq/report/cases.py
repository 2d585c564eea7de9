r"""The main job: predict a profile's learning spectrum, train networks, and lay both side by side.

For a narrow and a wide density, twice each:

(a) *line*: the profile tapered smoothly to zero, predicted by finite elements on the whole
    line; the network is trained on dense samples of it and of its zero surroundings;
(b) *points*: the samples as they are, predicted on those points; the network is trained on them.

For the narrow density also

(c) *descent*, *adam*: the samples again, from an output of zero, by gradient descent and by Adam.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from ntkfreq._support.display import Described
from ntkfreq._support.types import FloatArray
from ntkfreq.comparison.compare import BandTime, Comparison
from ntkfreq.network import FourierFeatureNet
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.solve import solve_frequency_pde
from ntkfreq.plotting import even_bands
from ntkfreq.problem.density import Normal
from ntkfreq.problem.measure import Line
from ntkfreq.problem.optimizers import Adam
from ntkfreq.problem.target import Target
from ntkfreq.report.settings import BAND_REACH, BANDS, Settings
from ntkfreq.spectra.bands import band_energy
from ntkfreq.spectra.spectrum import fourier_sum

# Share of each half of the profile over which the taper falls from one to zero.
_TAPER = 0.25
# Surroundings and aliases: the kernel has decayed, and the density folded by sampling is the
# density to 1e-3, at these multiples of the density's standard deviation.
_SURROUNDINGS = 8.0
_FREQUENCIES_KEPT = 6.5
_FEWEST_SAMPLES = 256
_MOST_SAMPLES = 32768
# How far a step of Adam moves the output, whose target has a root mean square of one.
_ADAM_MOVE = 0.05
# Energy of aliases that a band may hold, as a share of its amplitude.
_ALIASED = 0.01


# Of x, y, scale and settings: the prediction, and the arguments of its training run.
Plan = Callable[[FloatArray, FloatArray, float, Settings], tuple[FrequencySolution, dict[str, Any]]]


class TooRoughError(ValueError):
    """The curve through a profile's samples needs too many samples itself."""


@dataclass(frozen=True, eq=False)
class Case(Described):
    """One comparison of the report.

    Attributes
    ----------
    density : str
        "narrow" or "wide".
    data : str
        "line" for (a), "points" for (b), "descent" and "adam" for (c).
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


def tapered(x: FloatArray, y: FloatArray) -> Target:
    """Interpolated samples times a smooth window that is zero, with all derivatives, at the ends.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)
    >>> tapered(x, np.cos(9 * x))([-1.0, 0.0]).round(4)
    array([0., 1.])
    """
    steps = np.diff(x)
    # Across a gap a cubic spline would overshoot by far more than the data vary.
    gaps = steps.max() > 3 * np.median(steps)
    spline = PchipInterpolator(x, y) if gaps else CubicSpline(x, y)

    def window(s: FloatArray) -> FloatArray:
        inner = np.clip((1 - np.abs(s)) / _TAPER, 1e-3, 1 - 1e-3)
        rise, fall = np.exp(-1 / inner), np.exp(-1 / (1 - inner))
        return np.where(np.abs(s) < 1, rise / (rise + fall), 0.0)

    return Target.from_function(lambda s: window(s) * spline(s), support=(-1.0, 1.0))


def _frequencies(scale: float, x: FloatArray) -> FloatArray:
    """Frequencies up to 3 standard deviations: eight a band, and four to the data's resolution."""
    spacing = min(np.pi / 2 / float(np.ptp(x)), BAND_REACH * scale / BANDS / 8)
    return np.arange(0.0, 3 * scale + spacing, spacing)


def dense_samples(target: Target, scale: float) -> tuple[FloatArray, float]:
    """Regular samples of a target on [-1, 1] and its surroundings, and their spacing.

    Dense enough that the replicas of the density, and those of the target's own
    spectrum, stay out of every band: a noisy profile needs more than a smooth one.

    Raises
    ------
    TooRoughError
        When 32768 samples are not enough.
    """
    half = 1 + _SURROUNDINGS / scale
    bands = even_bands(BAND_REACH * scale, BANDS)
    frequencies = _frequencies(scale, np.array([-half, half]))
    frequencies = frequencies[frequencies <= BAND_REACH * scale]
    exact = target.transform(frequencies)
    energy = band_energy(frequencies, exact, bands)
    counts = energy > 1e-6 * np.abs(exact).max() ** 2
    spacing = 2 * np.pi / ((BAND_REACH + _FREQUENCIES_KEPT) * scale)
    count = max(int(np.ceil(2 * half / spacing)), _FEWEST_SAMPLES)
    while count <= _MOST_SAMPLES:
        grid = np.linspace(-half, half, count)
        spacing = float(grid[1] - grid[0])
        sampled = fourier_sum(grid[:, None], spacing * target(grid), frequencies[:, None])
        aliased = band_energy(frequencies, sampled - exact, bands)
        if np.all(aliased[counts] <= _ALIASED**2 * energy[counts]):
            return grid, spacing
        count = int(1.3 * count)
    raise TooRoughError(
        f"the profile varies too fast between its samples for {_MOST_SAMPLES} samples of the curve "
        "through them; average it over intervals"
    )


def on_line(
    x: FloatArray, y: FloatArray, scale: float, settings: Settings
) -> tuple[FrequencySolution, dict[str, Any]]:
    """Prediction on the line, and the arguments of the training run it is held against."""
    target = tapered(x, y)
    grid, spacing = dense_samples(target, scale)
    volume = len(grid) * spacing
    rho = Normal(scale=scale)
    # On [-1, 1] the operator is at most this; beyond, the data excite it a little more.
    fastest = 2 * np.pi * float(rho.pdf([0.0])[0]) * (1 + settings.sigma_a**2)
    step_size = settings.rate / fastest
    prediction = solve_frequency_pde(
        rho,
        target,
        sigma_a=settings.sigma_a,
        measure=Line(),
        t=step_size * np.array([0.0, settings.steps]),
        frequencies=_frequencies(scale, grid),
        rtol=1e-5,
    )
    step_size = min(step_size, 0.5 * prediction.max_step_size)
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


def on_points(
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


def by_descent(
    x: FloatArray, y: FloatArray, scale: float, settings: Settings
) -> tuple[FrequencySolution, dict[str, Any]]:
    """Part (c) by gradient descent: prediction, and the arguments of its training run."""
    rho, frequencies = Normal(scale=scale), _frequencies(scale, x)
    prediction = solve_frequency_pde(
        rho, (x, y), sigma_a=settings.sigma_a, t=[0.0, 1.0], frequencies=frequencies
    )
    return prediction, {
        "net": _from_zero(rho, settings),
        "x": x,
        "y": y,
        "step_size": settings.rate * prediction.max_step_size / 2,
        "steps": settings.steps,
        "frequencies": frequencies,
    }


def by_adam(
    x: FloatArray, y: FloatArray, scale: float, settings: Settings
) -> tuple[FrequencySolution, dict[str, Any]]:
    """Part (c) by Adam, for the same network."""
    rho, frequencies = Normal(scale=scale), _frequencies(scale, x)
    net = _from_zero(rho, settings)
    rule = {"optimizer": Adam(), "step_size": _ADAM_MOVE / net.width**0.5, "steps": settings.steps}
    prediction = solve_frequency_pde(
        rho,
        (x, y),
        sigma_a=settings.sigma_a,
        frequencies=frequencies,
        width=net.width,
        **rule,
    )
    return prediction, {"net": net, "x": x, "y": y, "frequencies": frequencies, **rule}


def _from_zero(rho: Normal, settings: Settings) -> FourierFeatureNet:
    """A quarter of the units of (a), for it is trained twice, in mirrored pairs as there."""
    return FourierFeatureNet.sample(
        rho,
        max(2, settings.width // 4 // 2 * 2),
        sigma_a=settings.sigma_a,
        zero_output=True,
        rng=settings.seed + 2,
    )
