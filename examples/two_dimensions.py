r"""
Stripes one way first
=====================

In two dimensions a frequency has a direction. Here the target is a plaid, stripes of one width in
two directions under a window,

.. math:: y(x) = (\cos 6x_1 + \cos 6x_2)\, e^{-|x|^2/2},

and the density of the network's frequencies is stretched along the first axis. So the two sets of
stripes are equally fine, but the network has more frequencies for one of them. That one is
learned nine times sooner. Meanwhile the output shows vertical stripes only.

Learning times are shown over the plane of frequencies, wherever the target has something to learn.
The white lines are levels of the density: time follows them, as in one dimension.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq import FrequencySolution, Line, Mixture, Normal, Target, solve_frequency_pde
from ntkfreq.spectra.bands import first_passage

TONE = 6.0  # rad per unit of x, in both directions
DENSITY = Mixture([Normal(scale=2.5, dim=2), Normal(loc=(TONE, 0.0), scale=2.5, dim=2)])
SIGMA_A = 0.3
EARLY, LATE = 4.0, 200.0  # times of the two outputs shown
EDGE = np.linspace(0.0, 9.0, 37)  # frequencies along each axis
TIMES = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 101)])


def plaid(x: np.ndarray) -> np.ndarray:
    """Stripes in two directions under a Gaussian window."""
    stripes = np.cos(TONE * x[:, 0]) + np.cos(TONE * x[:, 1])
    waves: np.ndarray = stripes * np.exp(-np.sum(x**2, axis=1) / 2)
    return waves


def plane(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """All pairs of two sets of coordinates, shape (n, 2); the first varies fastest."""
    return np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)


def solve() -> FrequencySolution:
    """Solution on a quarter of the frequency plane; the others mirror it."""
    side = (-6.5, 6.5)
    return solve_frequency_pde(
        DENSITY,
        Target.from_function(plaid, support=(side, side)),
        sigma_a=SIGMA_A,
        measure=Line(),
        t=TIMES,
        frequencies=plane(EDGE, EDGE),
        rtol=1e-4,
    )


def main(solution: FrequencySolution | None = None) -> dict[str, float]:
    """Learning time of the stripes in each direction, and how much later the second is."""
    solution = solution or solve()
    near = np.linspace(-1.0, 1.0, 9)
    disc = plane(near, near)[np.linalg.norm(plane(near, near), axis=1) <= 1.0]
    numbers = {}
    for name, tone in (("vertical", (TONE, 0.0)), ("horizontal", (0.0, TONE))):
        around = solution.at(frequencies=disc + np.array(tone))
        numbers[name] = around.learning_time((TONE - 2, TONE + 2))
    return numbers | {"ratio": numbers["horizontal"] / numbers["vertical"]}


def learning_times(solution: FrequencySolution) -> np.ndarray:
    """Time at which the error at each frequency has halved; NaN where there is nothing to learn."""
    size = np.abs(np.asarray(solution.spectrum))
    present = size[0] > 0.03 * size[0].max()
    times = [
        first_passage(solution.t, row, 0.5 * row[0]) if there else np.nan
        for row, there in zip(size.T, present, strict=True)
    ]
    return np.reshape(times, (len(EDGE), len(EDGE)))


def visualize(solution: FrequencySolution | None = None) -> Figure:
    """The target, the output at two times, and learning time over the plane of frequencies."""
    solution = solution or solve()
    fig, axes = plt.subplots(2, 2, figsize=(9.0, 8.0), layout="constrained")
    side = np.linspace(-2.5, 2.5, 81)
    outputs = solution.at(t=[EARLY, LATE]).output(plane(side, side))
    pictures = {
        "target": plaid(plane(side, side)),
        f"network at t = {EARLY:g}": outputs[0],
        f"network at t = {LATE:g}": outputs[1],
    }
    for axis, (title, values) in zip(axes.flat, pictures.items(), strict=False):
        image = axis.pcolormesh(
            side, side, values.reshape(81, 81), cmap="RdBu_r", vmin=-2.0, vmax=2.0, rasterized=True
        )
        axis.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    fig.colorbar(image, ax=axes[1, 0], label="output (units of y)", location="bottom")
    draw_plane(axes[1, 1], solution)
    return fig


def draw_plane(axis: Axes, solution: FrequencySolution) -> None:
    """Learning time over frequency, with levels of the density."""
    image = axis.pcolormesh(
        EDGE, EDGE, learning_times(solution), norm="log", cmap="viridis", rasterized=True
    )
    axis.set_facecolor("0.75")
    density = DENSITY.even_pdf(plane(EDGE, EDGE)).reshape(len(EDGE), len(EDGE))
    axis.contour(
        EDGE, EDGE, np.log(density), levels=8, colors="white", linewidths=0.8, linestyles="solid"
    )
    axis.set(
        title="time to halve the error",
        xlabel=r"$\xi_1$ (rad per unit of $x_1$)",
        ylabel=r"$\xi_2$ (rad per unit of $x_2$)",
        aspect="equal",
    )
    axis.figure.colorbar(image, ax=axis, label="time t", location="bottom")


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:10s} {value:8.3f}")
    visualize(solved)
    plt.show()
