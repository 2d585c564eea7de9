r"""The delay of generalization by one formula, over two decades of weight decay.

Once the data are fitted, the test loss falls only because what they do not see fades as
:math:`e^{-\gamma_a t}`, towards kernel ridge regression with the kernel k and the ridge
:math:`\gamma_a N`. With its error r and the part u that fades,

.. math:: L(t) = \| r + e^{-\gamma_a t} u \|^2, \qquad
          u = f_0 + S_K (y - f_0) - S_k\, y ,

norms being mean squares over the test points and :math:`S_K`, :math:`S_k` interpolation of values
at the data by the kernel that fits them (K, frequencies are trained) and the one that survives
decay. All of it is known before any training, and :math:`L(t) = l` is a quadratic equation for the
time at which the test loss falls to a level l.

Networks of 16 points, frequencies of scale 12 and output weights of scale 3 are trained at decay
rates from 2e-4 to 0.05 per unit of t, six initial networks each. Claimed for each network by
itself: formula within 5 % of its time up to a rate of 7e-3, within 10 % up to 1.1e-2, the equation
within 5 % wherever a network arrives; and at 0.05, where the ridge alone holds the test loss over
the level, none does. Measured: the formula at 2e-2, where fading is hardly slower than learning,
and its simple form, the logarithm of :math:`\|f_0 - S_k f_0\|^2` over what the ridge leaves of l.

Before the first run the simple form was claimed to hold within 5 % up to 7e-3 and within 10 % up to
2e-2. It was up to 6 % off, since networks with trained frequencies fit their data by K. The formula
above followed from that; as at 2e-2 it is off by more than 10 % for one network, what is claimed of
it ends at 1.1e-2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import ntk_gram
from validation.claims.grokking_onset.problem import SMALL, STEPS, Setting, predicted, trained
from validation.engine import Execution, Result, intervals, mean_interval, size_of, verdicts
from validation.onsets import columns, log_ratios, percentile

RATES = [2e-4, 3.6e-4, 6.3e-4, 1.1e-3, 2e-3, 3.6e-3, 6.3e-3, 1.1e-2, 2e-2, 5e-2]
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 4096, "seeds": 2, "rates": [6.3e-3, 5e-2]},
    "full": {"width": 16384, "seeds": 6, "rates": RATES},
}
# Rates up to here: formula within 5 % and within 10 %.
CLOSE, FAIR = 7e-3, 1.2e-2
BUDGET = 8000.0  # in units of 1 / (fastest rate): the lowest decay takes that long


def setting(rate: float, seed: int) -> Setting:
    """Sixteen regular points of two tones."""
    return Setting(-1, "tones", "regular", 16, 12.0, 3.0, rate, 0.0, seed)


def formula(one: Setting, start: np.ndarray, start_test: np.ndarray) -> dict[str, float]:
    """Times by the formula and its simple form from f_0 at data and test points; inf if never."""
    x, y, x_test, y_test = one.data()
    rate, eye = one.weight_decay, np.eye(x.size)
    slow, slow_test = (ntk_gram(one.density, x, other, sigma_a=0.0) for other in (x, x_test))
    fast, fast_test = (
        ntk_gram(one.density, x, other, sigma_a=one.sigma_a) for other in (x, x_test)
    )
    seen = np.linalg.solve(fast, fast_test).T @ (y - start)
    kept = np.linalg.solve(slow, slow_test).T
    fades = start_test + seen - kept @ y
    rest = np.linalg.solve(slow + rate * x.size * eye, slow_test).T @ y - y_test
    floor, unseen, mixed = np.mean(rest**2), np.mean(fades**2), np.mean(rest * fades)
    left = one.threshold - floor
    if left <= 0:
        return {"law": np.inf, "simple": np.inf, "floor": float(floor)}
    share = (np.sqrt(mixed**2 + unseen * left) - mixed) / unseen
    simple = np.log(np.mean((start_test - kept @ start) ** 2) / left) / (2 * rate)
    return {"law": float(-np.log(share) / rate), "simple": float(simple), "floor": float(floor)}


def cell(rate: float, seed: int, width: int) -> dict[str, Any]:
    """One network: times by formula, equation and training."""
    one = setting(rate, seed)
    net = one.network(width)
    x, _, x_test, _ = one.data()
    ours = predicted(one, net, BUDGET)
    theirs, steps = trained(one, net, BUDGET)
    both = columns(ours, "predicted") | columns(theirs, "trained")
    return {"steps": steps} | formula(one, net(x), net(x_test)) | both


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Times of all networks, how far formula and equation are off, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    rates = np.array(config["rates"])
    grid = {"rate": config["rates"], "seed": list(range(config["seeds"]))}
    data = execution.cells("delay_law", cell, grid, {"width": config["width"]})
    slack = float(np.sqrt(16384 / config["width"]))
    times = data["t_test_trained"].values
    with np.errstate(invalid="ignore"):  # two times that are never reached
        off, simple = (
            np.abs(np.log(data[name].values) - np.log(times)) for name in ("law", "simple")
        )
    equation = log_ratios(data["t_test_predicted"].values, times)
    claims = {
        "largest |ln(equation / trained)|, wherever either arrives": (
            percentile(equation, 1.0),
            0.0,
            0.05 * slack,
        ),
        "networks that arrive at the highest decay": (float(np.isfinite(times[-1]).sum()), 0, 0),
        "smallest floor over level at the highest decay": (
            float(data["floor"].values[-1].min() / setting(1.0, 0).threshold),
            1.0,
            np.inf,
        ),
    }
    for low, high, bound in ((0.0, CLOSE, 0.05), (CLOSE, FAIR, 0.1)):
        inside = (rates > low) & (rates <= high)
        if inside.any():
            title = f"largest |ln(formula / trained)|, decay above {low:g} and up to {high:g}"
            claims[title] = (float(off[inside].max()), 0.0, bound * slack)
    measured = {}
    if size != "quick":
        close = rates <= CLOSE
        slopes = np.polyfit(np.log(rates[close]), np.log(times[close]), 1)[0]
        name = f"slope of ln(t_test) against ln(decay), up to {CLOSE:g}, mean of the networks"
        measured[name] = mean_interval(slopes)
        name = "|ln(formula / trained)|, mean of the networks, decay 0.02"
        measured[name] = mean_interval(off[-2])
        name = f"|ln(simple form / trained)|, mean of the networks, decay {rates[0]:g}"
        measured[name] = mean_interval(simple[0])
    return Result(
        verdicts(claims),
        config
        | {
            "setting": vars(setting(0.0, 0)),
            "threshold": f"{SMALL} of the mean square of the target",
            "level": setting(1.0, 0).threshold,
            "budget": f"{BUDGET:g} / (fastest rate of the limiting kernel)",
            "optimizer": "gradient descent, full batch",
            "steps": f"(until, step size) in units of 1 / (fastest rate): {STEPS}",
            "rng": "default_rng([seed, width])",
        },
        intervals(measured),
        {"rows": {str(name): data[name].values for name in data.data_vars if name != "error"}},
    )
