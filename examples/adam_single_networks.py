r"""
How sure at this width: intervals for single networks
=====================================================

A prediction of infinite width is the mean of what networks do, and a network of width 256 has 256
frequencies of its own. Their draw can be predicted too: `finite_width` follows drawn units in the
same recursion and gives intervals for a single network. Strong tones are certain at any width, a
weak one beside strong ones is not; four times the width halves the interval.

Dots are networks that are trained for comparison, by Adam.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ntkfreq import (
    Adam,
    FourierFeatureNet,
    Normal,
    SteppedSolution,
    solve_frequency_pde,
    train,
)

RHO = Normal(scale=10.0)
X = np.linspace(-1, 1, 64)
TONES = np.arange(1, 9)
BANDS = [(np.pi * (k - 0.5), np.pi * (k + 0.5)) for k in TONES]
PHASES = np.random.default_rng(5).uniform(0, 2 * np.pi, TONES.size)
Y: np.ndarray = np.cos(np.pi * np.outer(X, TONES) + PHASES) @ (1.0 / TONES)
WIDTHS, NETWORKS = (256, 1024, 4096), 8
# A step moves the output by 0.02 at any width.
RATE, STEPS = 0.02, 1000


def solve(trained: bool = True) -> dict[int, dict[str, Any]]:
    """Intervals (8, 3) of the steps of each tone by width, and those of trained networks."""
    record = np.append(0, np.unique(np.rint(np.geomspace(1, STEPS, 200))).astype(int))
    found: dict[int, dict[str, Any]] = {}
    for width in WIDTHS:
        training: dict[str, Any] = {"optimizer": Adam(), "step_size": RATE / width**0.5}
        grid = np.linspace(1, 28, 64)
        solution = solve_frequency_pde(
            RHO, (X, Y), width=width, steps=record, frequencies=grid, **training
        )
        assert isinstance(solution, SteppedSolution)
        networks = solution.finite_width()
        found[width] = {"interval": np.array([networks.learning_step(band) for band in BANDS])}
        for seed in range(NETWORKS if trained else 0):
            net = FourierFeatureNet.sample(RHO, width, zero_output=True, rng=seed)
            run = train(
                net, X, Y, steps=STEPS, record=record, frequencies=grid, kernel_probe=0, **training
            )
            steps = [run.learning_time(band) / training["step_size"] for band in BANDS]
            found[width].setdefault("trained", []).append(steps)
    return found


def main(found: dict[int, dict[str, Any]] | None = None) -> dict[str, float]:
    """Upper over lower end, median over tones, by width."""
    found = found or solve(trained=False)
    ends = {width: one["interval"] for width, one in found.items()}
    return {
        f"width {width}": float(np.median(rows[:, 2] / rows[:, 0])) for width, rows in ends.items()
    }


def visualize(found: dict[int, dict[str, Any]] | None = None) -> Figure:
    """One panel a width."""
    found = found or solve()
    figure, axes = plt.subplots(1, 3, figsize=(10.0, 3.6), sharey=True, layout="constrained")
    for ax, (width, one) in zip(axes, found.items(), strict=True):
        low, middle, high = one["interval"].T
        # Where some networks take longer than all steps the interval has no end.
        high = np.where(np.isfinite(high), high, STEPS)
        ax.bar(TONES, high - low, 0.8, low, color="#56B4E9", alpha=0.5, label="90 % of networks")
        ax.hlines(middle, TONES - 0.4, TONES + 0.4, "#0072B2", "--", label="infinite width")
        for k, tone in enumerate(TONES):
            steps = np.array(one["trained"])[:, k]
            side = np.linspace(-0.25, 0.25, len(steps))
            ax.plot(tone + side, steps, ".", color="#D55E00", ms=3)
        ax.plot([], [], ".", color="#D55E00", label="trained")
        ax.set(title=f"width {width}", xlabel="tone k (frequency π k rad per unit of x)")
        ax.set_yscale("log")
        ax.tick_params(labelleft=True)
    axes[0].set_ylabel("steps until half is left")
    axes[0].legend(loc="upper left", frameon=False, fontsize="small")
    return figure


if __name__ == "__main__":
    results = solve()
    for name, ratio in main(results).items():
        print(f"{name:12s} upper over lower end {ratio:5.2f}")
    visualize(results)
    plt.show()
