r"""
Padding with zeros is data
==========================

Data often cover an interval only. It is tempting to extend them by zeros and to use the equation
on the whole line. But zeros outside are data too: the network then has to learn the jump at
each end, which it never does completely, and the error made there spreads inside.

Three ways to treat

.. math:: y(x) = \sin 5x + \tfrac12 \cos 23x + 0.3 x, \qquad -1 \le x \le 1,

are compared by the error that is left *inside* the interval:

* ``box``: the data end at the ends of the interval, and nothing is said about the outside;
* ``padded``: zeros are added outside, with a jump at each end;
* ``tapered``: the formula is continued a little beyond the interval and led smoothly to zero there.

All three use the same density and the same clock, that of the loss with respect to dx.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ntkfreq import Box, Line, Normal, Target, solve_frequency_pde

DENSITY = Normal(scale=20.0)
SIGMA_A = 0.8
MARGIN = 0.5  # width of the taper, units of x
LABELS = {"box": "no data (box)", "padded": "zeros", "tapered": "a taper, then zeros"}
TIMES = np.concatenate([[0.0], np.geomspace(1e-1, 1e5, 61)])


def signal(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signal, by its formula."""
    return np.sin(5 * x) + 0.5 * np.cos(23 * x) + 0.3 * x


def tapered(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signal on [-1, 1], led to zero within MARGIN beyond."""
    beyond = np.clip((np.abs(x) - 1) / MARGIN, 0.0, 1.0)
    return np.cos(0.5 * np.pi * beyond) ** 2 * signal(x)


def solve() -> dict[str, NDArray[np.float64]]:
    """Mean square error inside [-1, 1] at TIMES, for each treatment."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    end = 1 + MARGIN
    targets = {
        "padded": Target.from_function(signal, support=(-1.0, 1.0), kinks=(-1.0, 1.0)),
        "tapered": Target.from_function(tapered, support=(-end, end), kinks=(-end, -1.0, 1.0, end)),
    }
    box = Box(-1.0, 1.0)
    # On a box the data are a probability measure, dx / volume, so its time is longer by the volume.
    solution = solve_frequency_pde(
        DENSITY, signal, sigma_a=SIGMA_A, measure=box, t=box.volume * TIMES
    )
    left = {"box": solution.train_loss}
    for name, target in targets.items():
        solution = solve_frequency_pde(DENSITY, target, sigma_a=SIGMA_A, measure=Line(), t=TIMES)
        left[name] = solution.error(nodes) ** 2 @ weights / 2
    return left


def main(errors: dict[str, NDArray[np.float64]] | None = None) -> dict[str, float]:
    """Mean square error inside [-1, 1] at t = 1000, for each treatment."""
    errors = errors or solve()
    return {name: float(np.interp(1e3, TIMES, values)) for name, values in errors.items()}


def visualize(errors: dict[str, NDArray[np.float64]] | None = None) -> Figure:
    """Error inside the interval against time."""
    fig, axis = plt.subplots(figsize=(7.0, 4.5), layout="constrained")
    for name, values in (errors or solve()).items():
        axis.loglog(TIMES[1:], values[1:], label=LABELS[name])
    axis.set(
        xlabel="time t (clock of the loss with respect to dx)",
        ylabel="mean square error inside [-1, 1] (units of y squared)",
    )
    axis.legend(title="outside the interval")
    return fig


if __name__ == "__main__":
    all_errors = solve()
    for key, value in main(all_errors).items():
        print(f"{key:8s} {value:.3e}")
    visualize(all_errors)
    plt.show()
