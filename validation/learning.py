"""Learning times of one trained network, band by band, beside the predicted ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.comparison.compare import compare
from ntkfreq.network import FourierFeatureNet, train
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.solve import solve_frequency_pde
from ntkfreq.problem.density import Density
from validation.engine import mean_interval

if TYPE_CHECKING:
    import xarray as xr

# Of a band's learning time at most this share is one step.
_FINEST = 0.1
# Times the last predicted learning time to which networks are trained: further, where a band is not
# learned by then. Bands that others flood are read through a window, which sees them learned later.
_REACHES = (1.2, 2.5, 5.0)


def plan(
    solution: FrequencySolution,
    bands: Sequence[tuple[float, float]],
    share: float,
    most: int,
    reach: float = _REACHES[0],
) -> tuple[float, int]:
    """Step size and number of steps with which gradient descent learns half of every band.

    The run goes on to `reach` times the last predicted learning time.

    The step is `share` of the largest stable one, less where a band is learned within few
    steps, and more where `most` steps would not do: the prediction knows the step, and a time
    is read between two of them.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 16)
    >>> solution = solve_frequency_pde(Normal(scale=4.0), (x, np.sin(3 * x)))
    >>> step_size, steps = plan(solution, [(2.0, 4.0)], 0.1, 1000)
    >>> 0 < step_size < solution.max_step_size, steps < 1000
    (True, True)
    """
    times = np.array([solution.learning_time(band) for band in bands])
    if not np.isfinite(times).all():
        raise ValueError(
            f"bands={list(bands)} hold one that is never learned (predicted times "
            f"{times.round(3).tolist()}); leave it out"
        )
    last = reach * float(times.max())
    step_size = min(share * solution.max_step_size, _FINEST * float(times.min()))
    step_size = max(step_size, last / most)
    if step_size > 0.9 * solution.max_step_size:
        raise ValueError(
            f"most={most} steps do not reach the last learning time {last:.4g} at a stable step; "
            "allow more, or leave out the slowest band"
        )
    return step_size, int(np.ceil(last / step_size))


def learning_times(
    density: Density,
    x: FloatArray,
    y: FloatArray,
    *,
    width: int,
    sigma_a: float,
    rng: np.random.Generator,
    bands: Sequence[tuple[float, float]],
    share: float = 0.25,
    most: int = 1500,
    frequencies: FloatArray | None = None,
    length: int = 0,
) -> dict[str, Any]:
    """Train one network of zero initial output; predicted and measured learning time a band.

    Bands are read at `frequencies`, by default those of the solver. Times are filled up with nan to
    `length`, since the cells of a sweep need the same shape.

    Returns
    -------
    dict
        `predicted` and `measured` (B,), `output_error` (largest over time, relative), `step_size`
        and `steps`.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 16)
    >>> both = learning_times(Normal(scale=4.0), x, np.sin(3 * x), width=4096, sigma_a=1.0,
    ...     rng=np.random.default_rng(0), bands=[(2.0, 4.0)])
    >>> bool(abs(both["measured"][0] / both["predicted"][0] - 1) < 0.1)
    True
    """
    solution = solve_frequency_pde(density, (x, y), sigma_a=sigma_a, frequencies=frequencies)
    net = FourierFeatureNet.sample(
        density,
        width,
        sigma_a=sigma_a,
        zero_output=True,
        rng=rng,
    )
    for reach in _REACHES:
        step_size, steps = plan(solution, bands, share, most, reach)
        history = train(
            net, x, y, step_size=step_size, steps=steps, record=160, kernel_probe=0,
            frequencies=frequencies,
        )  # fmt: skip
        comparison = compare(solution, history)
        rows = {(row.low, row.high): row for row in comparison.learning_times(bands)}
        if np.isfinite([(row.predicted, row.measured) for row in rows.values()]).all():
            break
    rest = [np.nan] * (length - len(bands))
    return {
        "predicted": np.array([*(rows[band].predicted for band in bands), *rest]),
        "measured": np.array([*(rows[band].measured for band in bands), *rest]),
        "output_error": float(comparison.output_error.max()),
        "step_size": step_size,
        "steps": steps,
    }


def times_by_case(
    data: xr.Dataset, judged: Mapping[str, int]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Predicted and measured times (seeds, bands) of cells labelled `case` and `seed`.

    Of each case the first so many bands are judged; the others are nan.
    """
    predicted, measured = (
        {case: data[side].sel(case=case).values[:, :count] for case, count in judged.items()}
        for side in ("predicted", "measured")
    )
    return predicted, measured


def learned(
    data: xr.Dataset, predicted: Mapping[str, FloatArray], measured: Mapping[str, FloatArray]
) -> dict[str, Any]:
    """What a result says of every case besides its claims.

    `bias` is the learning time of the highest band over that of the lowest, measured: mean over
    seeds and interval. Predictions, steps and step size are the same for all seeds.
    """
    cases = {case: data.sel(case=case) for case in predicted}
    return {
        "bias": {
            case: mean_interval(times[:, -1] / times[:, 0]) for case, times in measured.items()
        },
        "predicted": {case: times[0] for case, times in predicted.items()},
        "measured": {case: np.round(times, 4) for case, times in measured.items()},
        "output_error": {case: one["output_error"].values for case, one in cases.items()},
        "step_size": {case: float(one["step_size"][0]) for case, one in cases.items()},
        "steps": {case: int(one["steps"][0]) for case, one in cases.items()},
    }


def ratio_claims(
    measured: Mapping[str, FloatArray], predicted: Mapping[str, FloatArray], slack: float = 1.0
) -> dict[str, tuple[float, float, float]]:
    """Claims about predicted over measured learning times, each case of shape (seeds, bands).

    For every case the median ratio within 3 %; over all cases together 95 % of the bands within
    10 %. `slack` multiplies both windows for sizes that are smaller than full.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"narrow": np.array([[1.0, 2.0], [1.1, 2.1]])}
    >>> [round(row[0], 3) for row in ratio_claims(one, one).values()]
    [1.0, 1.0, 1.0]
    """
    ratios = {name: predicted[name] / measured[name] for name in measured}
    claims = {
        f"{name}: median of predicted over measured learning time": (
            float(np.median(ratio)),
            1 - 0.03 * slack,
            1 + 0.03 * slack,
        )
        for name, ratio in ratios.items()
    }
    pooled = np.concatenate([ratio.ravel() for ratio in ratios.values()])
    claims["all cases: median of predicted over measured learning time"] = (
        float(np.median(pooled)),
        1 - 0.03 * slack,
        1 + 0.03 * slack,
    )
    claims[f"all cases: share of bands and seeds within {10 * slack:.2g} %"] = (
        float(np.mean(np.abs(pooled - 1) <= 0.1 * slack)),
        0.95,
        np.inf,
    )
    return claims
