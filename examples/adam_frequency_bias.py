r"""
Adam beside gradient descent: amplitude over density
====================================================

Eight tones, equally strong or with a falling or rising spectrum, and one density of frequencies.
Under gradient descent the time of a tone is one over the density: high tones come last by the same
factor, whatever their amplitudes. Under Adam a parameter moves by as much for a small gradient as
for a large one, and the time is *amplitude over density*: with amplitudes 1/k most of the bias is
gone, with amplitudes k it is three times as large.

Lines are predictions, dots a network that is trained for comparison. Phases are random.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ntkfreq import Adam, FourierFeatureNet, GradientDescent, Normal, solve_frequency_pde, train

RHO = Normal(scale=10.0)
X = np.linspace(-1, 1, 64)
TONES = np.arange(1, 9)
FALLS = {"k": 1.0, "equal": 0.0, "1/k": -1.0}
PHASES = np.random.default_rng(3).uniform(0, 2 * np.pi, TONES.size)
COLOURS = ("#D55E00", "#000000", "#0072B2")
# Learning rates: gradient descent's own, and Adam's so that a step moves the output by 0.02.
WIDTH, STEPS = 4096, 700
RULES: dict[str, dict[str, Any]] = {
    "gradient descent": {"optimizer": GradientDescent(), "step_size": 0.5},
    "Adam": {"optimizer": Adam(), "step_size": 0.02 / WIDTH**0.5},
}


def target(power: float) -> np.ndarray:
    """Tones of amplitudes k to a power, scaled to a mean square of one half."""
    waves = TONES**power * np.cos(np.pi * np.outer(X, TONES) + PHASES)
    y: np.ndarray = waves.sum(axis=1)
    y /= np.sqrt(2 * np.mean(y**2))
    return y


def half_steps(steps: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Steps in which the part of each tone falls to half, by least squares at each record."""
    waves = np.pi * np.outer(X, TONES)
    columns = np.concatenate([np.cos(waves), np.sin(waves), np.ones((len(X), 1))], axis=1)
    parts = np.linalg.lstsq(columns, errors.T, rcond=None)[0]
    sizes = np.hypot(parts[: TONES.size], parts[TONES.size : 2 * TONES.size])
    found = []
    for size in sizes:
        after = int(np.argmax(size <= size[0] / 2))
        share = (size[after - 1] - size[0] / 2) / (size[after - 1] - size[after])
        found.append(steps[after - 1] + share * (steps[after] - steps[after - 1]))
    return np.array(found)


def solve(trained: bool = True) -> dict[tuple[str, str], list[np.ndarray]]:
    """Steps of each tone by rule and spectrum, predicted and, if wanted, trained."""
    found = {}
    record = np.unique(np.rint(np.geomspace(1, STEPS, 160))).astype(int)
    record = np.append(0, record)
    for rule, settings in RULES.items():
        for name, power in FALLS.items():
            y = target(power)
            more: dict[str, Any] = {"width": WIDTH} if rule == "Adam" else {}
            solution = solve_frequency_pde(RHO, (X, y), steps=record, **settings, **more)
            curves = [half_steps(record, solution.output(X) - y)]
            if trained:
                net = FourierFeatureNet.sample(RHO, WIDTH, zero_output=True, rng=0)
                run = train(net, X, y, steps=STEPS, record=record, **settings)
                curves.append(half_steps(run.step, run.train_output - y))
            found[rule, name] = curves
    return found


def main(found: dict[tuple[str, str], list[np.ndarray]] | None = None) -> dict[str, float]:
    """Time of the two highest over that of the two lowest tones, predicted."""
    found = found or solve(trained=False)
    return {
        f"{rule}, {name}": float(np.exp(np.mean(np.log(t[0][-2:])) - np.mean(np.log(t[0][:2]))))
        for (rule, name), t in found.items()
    }


def visualize(found: dict[tuple[str, str], list[np.ndarray]] | None = None) -> Figure:
    """One panel a rule, one line a spectrum."""
    found = found or solve()
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), sharey=True, layout="constrained")
    for ax, rule in zip(axes, RULES, strict=True):
        for colour, name in zip(COLOURS, FALLS, strict=True):
            curves = found[rule, name]
            label = "equal amplitudes" if name == "equal" else f"amplitudes {name}"
            ax.plot(TONES, curves[0], color=colour, label=label)
            for trained in curves[1:]:
                ax.plot(TONES, trained, "o", color=colour, ms=4)
        ax.set(title=rule, xlabel="tone k (frequency π k rad per unit of x)", yscale="log")
        ax.tick_params(labelleft=True)
    axes[0].set_ylabel("steps until half is left")
    axes[1].set_ylabel("steps until half is left")
    axes[0].legend(loc="upper left", frameon=False, title="lines predicted, dots trained")
    return figure


if __name__ == "__main__":
    results = solve()
    for name, ratio in main(results).items():
        print(f"{name:28s} {ratio:6.2f}")
    visualize(results)
    plt.show()
