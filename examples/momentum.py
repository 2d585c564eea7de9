r"""
Momentum makes the error oscillate
==================================

With momentum the error does not simply decay, it oscillates. Two tones,

.. math:: y(x) = \sin 3x + \cos 12x,

are learned from 48 samples by plain gradient descent, by the heavy ball and by Nesterov's method,
all with one step size. The solver gives each of them exactly, step by step. No network is trained
here.

* Under the heavy ball the error of each tone changes its sign again and again, and the loss rises
  each time. This is no instability: the step is far below the largest stable one.
* Nesterov's method damps the same oscillation, and most where learning is fast.
* Each tone is halved sooner, most of all the fast tone, which is learned later: where the error
  oscillates, times go like one over the square root of the rate, so momentum weakens the bias
  towards low frequencies.
* The slowest modes are learned :math:`1/(1-\beta)`, here ten, times as fast as without
  momentum.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ntkfreq import FrequencySolution, Normal, solve_frequency_pde

X = np.linspace(-1.0, 1.0, 48)
STEP_SIZE = 0.5
MOMENTUM = 0.9
METHODS: dict[str, dict[str, Any]] = {
    "plain": {},
    "heavy ball": {"momentum": MOMENTUM},
    "Nesterov": {"momentum": MOMENTUM, "nesterov": True},
}
TONES = (3.0, 12.0)  # rad per unit of x
STEPS = np.arange(5001)


def solve() -> dict[str, FrequencySolution]:
    """Solution for each method."""
    y = np.sin(TONES[0] * X) + np.cos(TONES[1] * X)
    return {
        name: solve_frequency_pde(
            Normal(scale=8.0),
            (X, y),
            t=STEP_SIZE * STEPS,
            step_size=STEP_SIZE,
            frequencies=TONES,
            **options,
        )
        for name, options in METHODS.items()
    }


def main(solutions: dict[str, FrequencySolution] | None = None) -> dict[str, float]:
    """Steps to halve each tone and to a small loss, and how often the loss rises."""
    numbers: dict[str, float] = {}
    for name, solution in (solutions or solve()).items():
        for label, tone in zip(("slow", "fast"), TONES, strict=True):
            time = solution.learning_time((tone - 1, tone + 1))
            numbers[f"{name}, {label} tone"] = time / STEP_SIZE
        numbers[f"{name}, loss 3e-6"] = float(STEPS[np.argmax(solution.train_loss < 3e-6)])
        first = solution.train_loss[:101]
        rises = (first[1:-1] < first[:-2]) & (first[1:-1] < first[2:])
        numbers[f"{name}, rises"] = float(rises.sum())
    return numbers


def visualize(solutions: dict[str, FrequencySolution] | None = None) -> Figure:
    """Loss over steps, and how each tone approaches zero error."""
    solutions = solutions or solve()
    fig = plt.figure(figsize=(9.0, 4.8), layout="constrained")
    axes = fig.subplot_mosaic([["loss", "slow"], ["loss", "fast"]], width_ratios=(1.0, 1.2))
    for name, solution in solutions.items():
        axes["loss"].loglog(STEPS[1:], solution.train_loss[1:], label=name)
        left = solution.data_spectrum / solution.data_spectrum[0]
        for axis, share in zip((axes["slow"], axes["fast"]), left.T, strict=True):
            axis.plot(STEPS[:101], share.real[:101])
    axes["loss"].set(
        title="the loss oscillates",
        xlabel="step",
        ylabel="training loss, mean of $(f-y)^2$ (units of y squared)",
    )
    axes["loss"].legend()
    axes["fast"].set_xlabel("step")
    for label, tone in zip(("slow", "fast"), TONES, strict=True):
        axes[label].axhline(0.0, color="0.6", linewidth=0.8)
        axes[label].set(
            title=f"{label} tone, {tone:g} rad per unit of x", ylabel="error / that at the start"
        )
    axes["slow"].sharex(axes["fast"])
    axes["slow"].tick_params(labelbottom=False)
    return fig


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:22s} {value:8.2f}")
    visualize(solved)
    plt.show()
