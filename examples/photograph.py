r"""
A photograph: too narrow, right, too wide
=========================================

A network with random Fourier features sees a quarter of the pixels of a photograph and is to fill
in the rest. How well it does depends on the density of its frequencies. Too narrow a density learns
the coarse parts only; the fine ones would take longer than anybody trains. Too wide a density fits
every pixel it sees by a spike, and knows nothing between them.

Here the test error of three densities is predicted, without training, over six decades of time.
The pictures are outputs at the time of the smallest test error of each. No network is drawn.

The photograph is the cameraman of scikit-image, every fourth pixel along each side.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage import data

from ntkfreq import ImageSolution, Normal, solve_image

SCALES = {"too narrow": 5.0, "right": 30.0, "too wide": 120.0}  # rad per half side
SHARE = 0.25  # of the pixels that are seen
COLOURS = ("#56B4E9", "#D55E00", "#009E73")


def photograph() -> np.ndarray:
    """The image, 128 x 128 pixels."""
    image: np.ndarray = data.camera()[::4, ::4]
    return image


def solve() -> dict[str, ImageSolution]:
    """One solution a density, on the same pixels."""
    image = photograph()
    seen = np.random.default_rng(0).random(image.shape) < SHARE
    return {
        name: solve_image(Normal(scale=scale, dim=2), image, mask=seen)
        for name, scale in SCALES.items()
    }


def main(solutions: dict[str, ImageSolution] | None = None) -> dict[str, float]:
    """Best peak signal-to-noise ratio of each density on the pixels it has not seen."""
    solutions = solutions or solve()
    return {name: float(np.max(np.asarray(one.psnr))) for name, one in solutions.items()}


def show(axis: Axes, picture: np.ndarray, title: str) -> None:
    """One picture on the range of brightness of the photograph."""
    axis.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0)
    axis.set_facecolor("#9ecae1")
    axis.set(title=title, xticks=[], yticks=[])


def visualize(solutions: dict[str, ImageSolution] | None = None) -> Figure:
    """Samples, predicted pictures, and the test error of each density over time."""
    solutions = solutions or solve()
    best = main(solutions)
    figure, axes = plt.subplots(2, 3, figsize=(9.6, 6.4), layout="constrained")
    samples = next(iter(solutions.values())).samples
    show(axes[0, 0], samples.values[..., 0], "photograph")
    show(
        axes[0, 1],
        np.where(samples.known, samples.values[..., 0], np.nan),
        f"{samples.known.mean():.0%} of its pixels",
    )
    for axis, (name, one) in zip(
        (axes[1, 0], axes[1, 1], axes[1, 2]), solutions.items(), strict=True
    ):
        show(axis, one.pictures()[0], f"{name}: std {SCALES[name]:g}, {best[name]:.1f} dB")
    for colour, (name, one) in zip(COLOURS, solutions.items(), strict=True):
        axes[0, 2].loglog(
            one.t[1:], np.sqrt(np.asarray(one.test_loss)[1:]), color=colour, label=name
        )
    axes[0, 2].set(
        title="predicted test error",
        xlabel="training time t (step size x steps)",
        ylabel="RMS error on unseen pixels (range 1)",
    )
    axes[0, 2].legend(frameon=False)
    return figure


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:12s} {value:6.2f} dB")
    visualize(solved)
    plt.show()
