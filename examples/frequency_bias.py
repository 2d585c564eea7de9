r"""
Choosing the bias
=================

A network learns two tones of equal size under a window,

.. math:: y(x) = (\cos 2x + \cos 8x)\, e^{-x^2/8},

from dense data. Its inner frequencies are drawn from a normal density. With a narrow density the
slow tone is learned long before the fast one. With a wide density both are learned together, and
the price is a slower start: each tone decays at a rate proportional to the density at its
frequency, and a wide density is low everywhere.

Beside the middle of each tone learning takes longer, because training the inner weights lets the
error diffuse to neighbouring frequencies. The times below are the solver's. No network is trained
here.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ntkfreq import FrequencySolution, Line, Normal, Target, solve_frequency_pde

SCALES = {"narrow": 3.0, "wide": 30.0}  # standard deviations of the density, rad per unit of x
BANDS = {"low": (1.0, 3.0), "high": (7.0, 9.0)}  # one band around each tone, rad per unit of x
SIGMA_A = 0.5  # standard deviation of the output weights


def two_tones(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two cosines of equal size under a Gaussian window."""
    return (np.cos(2 * x) + np.cos(8 * x)) * np.exp(-(x**2) / 8)


def solve() -> dict[str, FrequencySolution]:
    """Solution for each density."""
    target = Target.from_function(two_tones, support=(-18.0, 18.0))
    t = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 201)])
    return {
        name: solve_frequency_pde(
            Normal(scale=scale),
            target,
            sigma_a=SIGMA_A,
            measure=Line(),
            t=t,
            frequencies=np.linspace(0.0, 12.0, 241),
        )
        for name, scale in SCALES.items()
    }


def main(solutions: dict[str, FrequencySolution] | None = None) -> dict[str, float]:
    """Learning time of each band under each density, and their ratios."""
    numbers: dict[str, float] = {}
    for name, solution in (solutions or solve()).items():
        for band, edges in BANDS.items():
            numbers[f"{name}_{band}"] = solution.learning_time(edges)
        numbers[f"{name}_ratio"] = numbers[f"{name}_high"] / numbers[f"{name}_low"]
    return numbers


def visualize(solutions: dict[str, FrequencySolution] | None = None) -> Figure:
    """Error spectrum over log time above, learning time against frequency below."""
    fig, axes = plt.subplots(
        2, 2, figsize=(9.0, 6.5), sharex=True, sharey="row", layout="constrained"
    )
    solutions = solutions or solve()
    for (name, solution), (upper, lower) in zip(solutions.items(), axes.T, strict=True):
        size = np.abs(np.asarray(solution.spectrum))
        image = upper.pcolormesh(
            solution.frequencies, solution.t[1:], size[1:] / size[0].max(), vmin=0.0, vmax=1.0
        )
        upper.set(
            yscale="log",
            title=f"{name} density (standard deviation {SCALES[name]:g})",
        )
        centres = (
            np.concatenate([np.arange(low, high, 0.25) for low, high in BANDS.values()]) + 0.125
        )
        times = [solution.learning_time((xi - 0.125, xi + 0.125)) for xi in centres]
        lower.semilogy(centres, times, "o", markersize=4)
        lower.set(xlabel="angular frequency (rad per unit of x)")
    axes[0, 0].set_ylabel("time t")
    axes[1, 0].set_ylabel("time to halve the error")
    fig.colorbar(image, ax=axes[0], label="error / largest at the start")
    return fig


if __name__ == "__main__":
    both = solve()
    for key, value in main(both).items():
        print(f"{key:12s} {value:8.3f}")
    visualize(both)
    plt.show()
