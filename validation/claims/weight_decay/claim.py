r"""Networks trained under weight decay do what the solver predicts.

16 points on [-1, 1], normal density of std 12, sigma_a = 3, target sin 3x + 0.5 cos 7x, plain
gradient descent to t = 400. Four cases: decay of the output weights alone; of output weights and
frequencies at two rates, where what was learned is carried towards frequency zero and the test
error rises again; and decay of the frequencies towards their start. Every network is predicted
from its own f_0, so seeds differ in what is to be learned and not only in how.

The equation is a flow, training takes steps. Each network is therefore trained twice, with a step
and with half of it, and 2 f(half) - f(whole) is compared; a third run of one network a case, with
a quarter of the step, tells what is left of the step after that.

The logarithm of the trained over the predicted test error is one number a seed, width and time.
Times from 16 on are judged: before, the step left is not small against the scatter of the seeds.
Claims, for each case:

- at width 65536 its mean over 12 seeds is within 3 % of zero and within two standard errors of
  the mean, at each time judged;
- its root mean square over seeds and these times falls with the width like a power -1/2 within 0.1;
- the step left is below 0.3 %;
- prediction and an independent integration of the equation differ by less than 1e-6 (one seed);
- every prediction met its tolerance;
- the test errors first reported for two of the cases, each from one draw of f_0, belong to the
  distribution the predictions give over f_0: their logarithms lie within two standard deviations
  of the mean, or within 3 %.

Kernels of finite width also have a bias, of order 1/width. It shows where the scatter is least:
with everything decaying to zero, at t = 400, the mean is -4.5 % at width 512, -0.6 % at 4096 and
-0.04 % at 65536, and up to 16384 that is more than two standard errors.

A full run takes about 16 minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ntkfreq import FourierFeatureNet, Normal, Points, solve_frequency_pde, train
from validation.engine import Execution, Result, size_of, verdicts
from validation.reference.decay_on_chebyshev_points import output as equation

X, X_TEST = np.linspace(-1.0, 1.0, 16), np.linspace(-1.0, 1.0, 201)
SCALE, SIGMA_A = 12.0, 3.0
DENSITY = Normal(scale=SCALE)
# Every recorded time is a whole number of steps.
STEP = 0.8
TIMES = STEP * np.array([2, 4, 6, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 400, 500])
JUDGED = (16.0, 40.0, 80.0, 160.0, 400.0)
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"widths": [256, 2048], "seeds": 6, "times": 10},
    "full": {
        "widths": [512, 1024, 2048, 4096, 8192, 16384, 65536],
        "seeds": 12,
        "times": len(TIMES),
    },
}
# Width of the one network a case that checks step and equation.
PROBE = 2048


@dataclass(frozen=True)
class Case:
    """Rates of decay, and the test errors reported first (time to error)."""

    weight: float
    frequency: float
    towards: str = "zero"
    reported: tuple[tuple[float, float], ...] = ()

    @property
    def name(self) -> str:
        """Rates in words."""
        return f"decay {self.weight:g}, {self.frequency:g} to {self.towards}"

    @property
    def decay(self) -> dict[str, Any]:
        """Arguments of solver and trainer."""
        return {
            "weight_decay": self.weight,
            "frequency_decay": self.frequency,
            "decay_towards": self.towards,
        }


CASES = (
    Case(0.01, 0.0, reported=((13.3, 5.41e-1), (72.9, 8.27e-2), (400.0, 6.53e-3))),
    Case(0.01, 0.0025),
    Case(0.01, 0.01, reported=((72.9, 1.422e-2), (170.8, 7.48e-2), (400.0, 3.82e-1))),
    Case(0.01, 0.01, "start"),
)

# All times of errors reported first.
EARLY = sorted({time for case in CASES for time, _ in case.reported})


def target(x: np.ndarray) -> np.ndarray:
    """Two tones."""
    return np.asarray(np.sin(3 * x) + 0.5 * np.cos(7 * x))


def network(width: int, seed: int) -> FourierFeatureNet:
    """The network drawn for a width and a seed, independent of all others; its output is f_0."""
    rng = np.random.default_rng([width, seed])
    return FourierFeatureNet.sample(DENSITY, width, sigma_a=SIGMA_A, rng=rng)


def loss(output: np.ndarray) -> np.ndarray:
    """Test errors of outputs (T, n)."""
    return np.asarray(np.mean((output - target(X_TEST)) ** 2, axis=1))


def descend(case: Case, net: FourierFeatureNet, t: np.ndarray, step: float) -> np.ndarray:
    """Test outputs (T, n) of gradient descent with this step."""
    records = np.rint(t / step).astype(int)
    history = train(
        net,
        X,
        target(X),
        step_size=step,
        steps=int(records[-1]),
        test=(X_TEST, target(X_TEST)),
        record=records,
        backend="direct",
        frequencies=[0.0],
        **case.decay,
    )
    return np.asarray(history.output[np.searchsorted(history.step, records)])


def trained(case: Case, net: FourierFeatureNet, t: np.ndarray) -> np.ndarray:
    """Test errors (T,), free of the step to first order."""
    whole, half = (descend(case, net, t, step) for step in (STEP, STEP / 2))
    return loss(2 * half - whole)


def predicted(case: Case, net: FourierFeatureNet, t: np.ndarray) -> tuple[np.ndarray, bool]:
    """Test errors (T,) of the solver, and whether it met its tolerance."""
    solution = solve_frequency_pde(
        DENSITY,
        target,
        measure=Points(X),
        sigma_a=SIGMA_A,
        initial_output=net,
        t=t,
        test=(X_TEST, target(X_TEST)),
        rtol=1e-8,
        **case.decay,
    )
    return np.asarray(solution.test_loss), solution.status.startswith("converged")


def probe(case: Case, t: np.ndarray) -> dict[str, np.ndarray]:
    """One network: effect of the step before and after its removal, distance to the equation."""
    net = network(PROBE, 0)
    whole, half, quarter = (descend(case, net, t, STEP / k) for k in (1, 2, 4))
    finer, best = loss(2 * quarter - half), predicted(case, net, t)[0]
    outside = equation(
        net,
        X,
        target(X),
        t,
        X_TEST,
        scale=SCALE,
        sigma_a=SIGMA_A,
        rates=(case.weight, case.frequency),
        towards=case.towards,
    )
    return {
        "half step": np.log(loss(half) / finer),
        "extrapolated": np.log(loss(2 * half - whole) / finer),
        "equation": np.log(best / loss(outside.T)),
    }


def cell(case: str, width: int, seed: int, times: int) -> dict[str, Any]:
    """One network: trained and predicted test errors (T,), predictions at the reported times."""
    one, t = next(row for row in CASES if row.name == case), TIMES[:times]
    net = network(width, seed)
    early = np.array(EARLY)
    clock = np.union1d(t, early)
    flow, met = predicted(one, net, clock)
    return {
        "trained": trained(one, net, t),
        "predicted": flow[np.isin(clock, t)],
        "reported": flow[np.isin(clock, early)],
        "met": met,
    }


def settings() -> dict[str, Any]:
    """What decides a trained network's test errors, besides case, width and seed."""
    return {
        "x": X,
        "y": target(X),
        "x_test": X_TEST,
        "y_test": target(X_TEST),
        "density": repr(DENSITY),
        "sigma_a": SIGMA_A,
        "step": STEP,
        "times": TIMES,
        "draw": "default_rng([width, seed])",
    }


def short(value: Any) -> Any:
    """Nested values with the digits of arrays cut to seven: more would fill results with noise."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        rounded = [float(f"{number:.7g}") for number in value.ravel()]
        return np.array(rounded).reshape(value.shape)
    return value


def scatter(data: dict[str, Any], widths: list[int]) -> dict[str, Any]:
    """Log ratio of trained to predicted at the judged times: mean, its error, RMS and slopes."""
    judged = np.isclose(data["t"][:, None], JUDGED).any(axis=1)
    ratio = np.log(data["trained"] / data["predicted"])[:, :, judged]
    rms = np.sqrt(np.mean(ratio**2, axis=1))
    over_times = np.sqrt(np.mean(rms**2, axis=1))
    powers = np.polyfit(np.log(widths), np.log(np.column_stack([over_times, rms])), 1)[0]
    return {
        "judged": data["t"][judged],
        "mean": ratio.mean(axis=1),
        "standard_error": ratio.std(axis=1, ddof=1) / np.sqrt(ratio.shape[1]),
        "rms": over_times,
        "rms_of_times": rms,
        "slope": float(powers[0]),
        "slope_of_times": powers[1:],
    }


def judge(
    case: Case, data: dict[str, Any], config: dict[str, Any], full: bool
) -> dict[str, tuple[float, float, float]]:
    """Claims about one case as (value, low, high)."""
    claims: dict[str, tuple[float, float, float]] = {}
    width, seeds = config["widths"][-1], config["seeds"]
    # Six seeds at two widths know the slope to a standard error of 0.2, and the mean at the smaller
    # of the widths only to several percent: the quick size asks for what these errors allow.
    quantile = 2.0 if full else float(stats.t.ppf(0.975, seeds - 1))
    for time, mean, error in zip(
        data["judged"], data["mean"][-1], data["standard_error"][-1], strict=True
    ):
        name = f"{case.name}, t = {time:g}: mean log ratio at width {width}"
        slack = quantile * float(error)
        bound = min(0.03, slack) if full else max(0.03, slack)
        claims[name] = (float(mean), -bound, bound)
    slack = 0.1 if full else 0.4
    name = f"{case.name}: slope of log RMS against log width"
    claims[name] = (data["slope"], -0.5 - slack, -0.5 + slack)
    one = data["probe"]
    left = one["extrapolated"][np.isin(data["t"], data["judged"])]
    claims[f"{case.name}: share of the step left"] = (float(np.abs(left).max()), 0.0, 0.003)
    distance = float(np.abs(one["equation"]).max())
    claims[f"{case.name}: log ratio to the independent equation"] = (distance, 0.0, 1e-6)
    missed = int(np.sum(~data["met"]))
    claims[f"{case.name}: predictions short of their tolerance"] = (missed, 0.0, 0.0)
    for time, error in case.reported if full else ():
        logs = np.log(data["reported"][-1, :, EARLY.index(time)])
        slack = max(2 * float(logs.std(ddof=1)), 0.03)
        name = f"{case.name}, t = {time:g}: log of first reported over mean predicted test error"
        claims[name] = (float(np.log(error) - logs.mean()), -slack, slack)
    return claims


def curves(case: Case, width: int) -> dict[str, np.ndarray]:
    """Predictions of the first seeds at close times, for the figure."""
    t = np.geomspace(TIMES[0], TIMES[-1], 120)
    return {
        "t": t,
        "predicted": np.array([predicted(case, network(width, seed), t)[0] for seed in range(3)]),
    }


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Test errors of every case, width and seed, what they say together, and the verdicts."""
    config, full = size_of(SIZES, size), size != "quick"
    execution = execution or Execution()
    grid = {
        "case": [case.name for case in CASES],
        "width": config["widths"],
        "seed": list(range(config["seeds"])),
    }
    found = execution.cells("weight_decay", cell, grid, {"times": config["times"]})
    claims: dict[str, tuple[float, float, float]] = {}
    cases: dict[str, dict[str, Any]] = {}
    for case in CASES:
        one = found.sel(case=case.name)
        names = ("trained", "predicted", "reported", "met")
        data: dict[str, Any] = {name: one[name].values for name in names}
        data |= {"t": TIMES[: config["times"]], "decay": case.decay}
        data |= scatter(data, config["widths"]) | {"probe": probe(case, data["t"])}
        claims |= judge(case, data, config, full)
        data["curves"] = curves(case, config["widths"][-1])
        cases[case.name] = data
    return Result(verdicts(claims), config | settings(), data={"cases": short(cases)})
