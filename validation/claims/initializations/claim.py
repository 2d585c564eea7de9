r"""Do He, Xavier and PyTorch's default initialization already account for the frequency bias?

A signal of five tones of equal amplitude, one to nine periods on [-1, 1], is learned by perceptrons
of two hidden layers of width 256 under full-batch gradient descent. Each network is first seen
through its empirical NTK at the start:

- the effective density of frequencies, and the exponent p of its decay :math:`\xi^{-p}`. A kink in
  the NTK, as ReLU has it, makes p = 2; tanh decays faster than the window resolves (p = 10).
  Under He's zero biases all kinks lie at x = 0 and the NTK has rank four: p is then that of four
  functions and says nothing of what is learned;
- the time at which the kernel, taken as constant, halves the error of each tone: exact steps of
  gradient descent, seen under a Hann window, which at these tones takes in no other.

Then it is trained, and the same times are measured. Times are in units of the largest stable step
:math:`2/\lambda_{\max}`, so that a network of larger outputs gains nothing. The control is a
Fourier-feature network of a wide normal density, and the prediction itself is checked on a
perceptron that hardly has to change its output.

No tolerance is known for the perceptrons: the figures are medians over seeds with an interval.
Times beyond the horizon (predicted) or the end of the run (measured) count as that, so that ratios
with them are lower bounds. Claimed are the control, and what the question asks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    effective_density,
    empirical_ntk_gram,
    error_spectrum,
    train,
)
from ntkfreq.experiments import descend, mlp
from ntkfreq.spectra.bands import band_learning_time
from validation.engine import (
    Execution,
    Measurement,
    Result,
    medians,
    size_of,
    verdicts,
)

# Name: options of the perceptron, and what its inputs are multiplied by.
PERCEPTRONS: dict[str, tuple[dict[str, Any], float]] = {
    "He, ReLU": ({"activation": "relu", "init": "he"}, 1.0),
    "He with biases, ReLU": ({"activation": "relu", "init": "he", "bias_std": 0.5}, 1.0),
    "PyTorch, ReLU": ({"activation": "relu", "init": "pytorch"}, 1.0),
    "Xavier, tanh": ({"activation": "tanh", "init": "xavier"}, 1.0),
    "PyTorch, tanh": ({"activation": "tanh", "init": "pytorch"}, 1.0),
    "PyTorch, ReLU, inputs x 10": ({"activation": "relu", "init": "pytorch"}, 10.0),
    "PyTorch, tanh, inputs x 10": ({"activation": "tanh", "init": "pytorch"}, 10.0),
}
CONTROL = "Fourier features"
# Changes its output by this share of the signal only: a check of the prediction, where the kernel
# stays. ReLU needs it that small, for every kink that passes a sample changes the kernel there.
LAZY, AMPLITUDE = "PyTorch, ReLU, hardly moving", 1e-6
PERCEPTRONS[LAZY] = PERCEPTRONS["PyTorch, ReLU"]
# Those whose users have done nothing about the bias.
COMMON = [name for name in PERCEPTRONS if "x 10" not in name and name != LAZY]
DENSITY = Normal(scale=60.0)
# The control learns every tone in about one largest stable step: few, and of a tenth of the share.
CONTROL_STEPS, CONTROL_SHARE = 100, 0.1
SAMPLES = 64
TONES = np.asarray(np.pi * np.arange(1, 11, 2), dtype=np.float64)
# Above the resolution of the window, below half the highest frequency of the samples.
FREQUENCIES = np.pi * np.arange(3, 16)
FRACTION, HORIZON = 0.5, 1e9
# Modes slower than this share of the fastest take more than a million of the largest stable steps.
LEAST = 1e-6
BY_NTK, TRAINED = (
    "highest over lowest tone, by its NTK",
    "highest over lowest tone, trained, at least",
)
# What a cell gives, one value or row a seed.
KEPT = (
    "density",
    "exponent",
    "predicted",
    "measured",
    "top",
    "modes",
    "sharpening",
    "kernel_change",
)
HEADLINE = ("exponent of the effective density", BY_NTK, TRAINED)
# The source names no size; the largest trains until more tones are learned.
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 64, "control_width": 4096, "seeds": 2, "steps": 300, "share": 0.2},
    "full": {"width": 256, "control_width": 16384, "seeds": 6, "steps": 4500, "share": 0.2},
    "paper": {"width": 256, "control_width": 16384, "seeds": 6, "steps": 100_000, "share": 0.2},
}


def signal(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Midpoints of [-1, 1] and the tones on them, mean square one.

    Each tone is as much sine as cosine, of random signs: a network may learn the one much sooner.
    """
    x = -1 + (2 * np.arange(SAMPLES) + 1) / SAMPLES
    phase = np.pi / 4 + np.pi / 2 * np.random.default_rng([seed, 1]).integers(4, size=TONES.size)
    return x, np.cos(np.outer(x, TONES) + phase).sum(axis=1) * np.sqrt(2 / TONES.size)


def learning_times(x: np.ndarray, clock: np.ndarray, error: np.ndarray) -> np.ndarray:
    """When the error (T, N) of each tone has halved; inf where it never does."""
    window = np.cos(np.pi * x / 2) ** 2
    spectrum = error_spectrum(x, error, TONES, weights=window)
    bands = [(tone - 0.5, tone + 0.5) for tone in TONES]
    return np.array([band_learning_time(clock, TONES, spectrum, b, FRACTION) for b in bands])


def kernel_steps(
    gram: np.ndarray, error: np.ndarray, step_size: float, steps: np.ndarray
) -> np.ndarray:
    """Error (T, N) after so many steps of gradient descent under a constant kernel."""
    rates, vectors = np.linalg.eigh(gram / len(gram))
    left = np.exp(np.outer(steps, np.log1p(-step_size * np.maximum(rates, 0.0))))
    return np.asarray((left * (vectors.T @ error)) @ vectors.T)


def output(net: Any, x: np.ndarray) -> np.ndarray:
    """Initial output of either kind of network."""
    if isinstance(net, FourierFeatureNet):
        return np.asarray(net(x))
    return np.asarray(descend(net, x, np.zeros(len(x)), step_size=1.0, steps=0).output[0])


def cell(
    network: str, seed: int, width: int, control_width: int, steps: int, share: float
) -> dict[str, Any]:
    """One network: its effective density, and learning times predicted and measured."""
    x, y = signal(seed)
    rng = np.random.default_rng([seed, 0])
    if network == CONTROL:
        net: Any = FourierFeatureNet.sample(DENSITY, control_width, zero_output=True, rng=rng)
        inputs, steps, share = x, CONTROL_STEPS, CONTROL_SHARE * share
    else:
        options, scale = PERCEPTRONS[network]
        net, inputs = mlp([1, width, width, 1], rng=rng, **options), scale * x
    gram = empirical_ntk_gram(net, inputs)
    rates = np.linalg.eigvalsh(gram) / SAMPLES
    top = float(rates[-1])
    step_size = share * 2 / top
    grid = np.concatenate([[0.0], np.geomspace(1.0, HORIZON / share, 800)])
    start = output(net, inputs)
    y = start + AMPLITUDE * y if network == LAZY else y
    error = kernel_steps(gram, start - y, step_size, grid)
    density = effective_density(gram, x, FREQUENCIES)
    taken, path, end = trained(net, inputs, y, step_size, steps)
    after = empirical_ntk_gram(end, inputs)
    slope = np.polyfit(np.log(FREQUENCIES), np.log(density), 1)[0]
    return {
        "density": density,
        "exponent": -float(slope),
        "predicted": learning_times(x, share * grid, error),
        "measured": learning_times(x, share * taken, path - y),
        "top": top,
        "modes": int(np.count_nonzero(rates > LEAST * rates[-1])),
        "sharpening": float(np.linalg.eigvalsh(after)[-1]) / SAMPLES / top,
        "kernel_change": float(np.linalg.norm(after - gram) / np.linalg.norm(gram)),
    }


def trained(
    net: Any, x: np.ndarray, y: np.ndarray, step_size: float, steps: int
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Recorded steps, outputs there, and the network at the end."""
    if isinstance(net, FourierFeatureNet):
        history = train(net, x, y, step_size=step_size, steps=steps, record=200, kernel_probe=0)
        return history.step.astype(float), history.train_output, history.net
    run = descend(net, x, y, step_size=step_size, steps=steps, record=200)
    return run.step.astype(float), run.output, run.module


def bias(times: np.ndarray, last: float) -> np.ndarray:
    """Learning time of the highest over that of the lowest tone, of times (seeds, tones).

    Not a number where not even the lowest is learned by the `last` time that was looked at.
    """
    highest, lowest = np.minimum(times[:, -1], last), times[:, 0]
    return np.asarray(np.where(lowest < last, highest / lowest, np.nan))


def equivalent_std(ratio: float) -> float:
    """Standard deviation of the normal density under which the highest tone takes so much longer.

    Its rates are in the ratio exp((low^2 - high^2) / (2 std^2)).
    """
    if ratio <= 1:
        return float("inf")
    return float(np.sqrt((TONES[-1] ** 2 - TONES[0] ** 2) / (2 * np.log(ratio))))


def figures(
    data: dict[str, dict[str, np.ndarray]], end: dict[str, float]
) -> dict[str, dict[str, np.ndarray]]:
    """What is stated of each network, one value a seed."""
    stated = {}
    for name, parts in data.items():
        predicted, measured = parts["predicted"], parts["measured"]
        # Where the run ended before a tone was learned this is a lower bound; where neither side
        # learns it within the run there is none.
        lag = np.minimum(measured, end[name]) / np.minimum(predicted, HORIZON)
        lag[(predicted > end[name]) & (measured > end[name])] = np.nan
        stated[name] = {
            "exponent of the effective density": parts["exponent"],
            BY_NTK: bias(predicted, HORIZON),
            TRAINED: bias(measured, end[name]),
            "lowest tone, trained over by its NTK": lag[:, 0],
            "tones learned within the run, by its NTK": (predicted <= end[name]).sum(axis=1),
            "tones learned within the run, trained": (measured <= end[name]).sum(axis=1),
            "largest eigenvalue, end over start": parts["sharpening"],
            f"modes above {LEAST:g} of the largest, of {SAMPLES}": parts["modes"],
        }
        if not np.isnan(lag[:, 1]).any():
            stated[name]["second tone, trained over by its NTK"] = lag[:, 1]
    return stated


def judged(
    stated: dict[str, dict[str, np.ndarray]], data: dict[str, dict[str, np.ndarray]]
) -> dict[str, tuple[float, float, float]]:
    """The answer: the control follows its kernel and has no bias, every common start has one."""
    least = float(np.nanmin(np.concatenate([stated[name][BY_NTK] for name in COMMON])))
    control, lazy = data[CONTROL], data[LAZY]
    ratio = control["measured"] / control["predicted"]
    learned = np.isfinite(lazy["measured"])
    follows = lazy["measured"][learned] / lazy["predicted"][learned]
    return {
        "control: highest over lowest tone, trained, mean over seeds": (
            float(np.mean(bias(control["measured"], np.inf))),
            0.8,
            1.5,
        ),
        "control: largest departure of trained over by its NTK from 1": (
            float(np.abs(ratio - 1).max()),
            0.0,
            0.03,
        ),
        "hardly moving: largest departure of trained over by its NTK from 1, tones learned": (
            float(np.abs(follows - 1).max()) if follows.size else float("nan"),
            0.0,
            0.01,
        ),
        "smallest bias of all common initializations and seeds, by their NTK": (
            least,
            10.0,
            np.inf,
        ),
    }


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Figures of every network with intervals over the seeds, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    names = [*PERCEPTRONS, CONTROL]
    grid: dict[str, list[Any]] = {"network": names, "seed": list(range(config["seeds"]))}
    constants = {key: config[key] for key in ("width", "control_width", "steps", "share")}
    cells = execution.cells("initializations", cell, grid, constants)
    data = {name: {key: cells[key].sel(network=name).values for key in KEPT} for name in names}
    return summary(data, config)


def summary(data: dict[str, dict[str, np.ndarray]], config: dict[str, Any]) -> Result:
    """From the cells to the result."""
    end = dict.fromkeys(data, config["steps"] * config["share"])
    end[CONTROL] = CONTROL_STEPS * CONTROL_SHARE * config["share"]
    stated = figures(data, end)
    measured: dict[str, dict[str, Measurement]] = {
        name: medians(values) for name, values in stated.items()
    }
    headline = {f"{name}: {what}": measured[name][what] for name in measured for what in HEADLINE}
    return Result(
        verdicts(judged(stated, data)),
        config
        | {
            "networks": {name: repr(options) for name, options in PERCEPTRONS.items()}
            | {CONTROL: repr(DENSITY)},
            "tones": TONES,
            "frequencies": FREQUENCIES,
            "samples": SAMPLES,
            "amplitude_hardly_moving": AMPLITUDE,
            "threshold": f"windowed spectrum of the error at {FRACTION} of its start",
            "horizon": HORIZON,
            "end": end,
            "optimizer": "full-batch gradient descent, step share x 2/lambda_max of the start",
            "rng": "network default_rng([seed, 0]), signs default_rng([seed, 1])",
        },
        headline,
        {
            "figures": {
                name: {what: one.to_json() for what, one in rows.items()}
                for name, rows in measured.items()
            },
            "equivalent_std": {
                name: equivalent_std(rows[BY_NTK].value) for name, rows in measured.items()
            },
            "networks": data,
        },
    )
