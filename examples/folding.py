r"""
Low frequencies that are not there
==================================

Samples at spacing :math:`\Delta` do not distinguish a frequency from its aliases, which differ by
:math:`2\pi/\Delta`. The density of the network decides between them: the output has most of the
alias at which the density is largest. Here the target has two tones, one of them above the Nyquist
frequency,

.. math:: y(x) = (\cos x + \cos 8x)\, e^{-x^2/8}, \qquad \pi/\Delta = 5.7,

and the density is narrow. So the network fits all samples with a tone at 3.4, the
low alias of 8. Its training loss falls to zero. Its test loss counts all of the line, between the
samples too. It falls while the tone at 1 is learned, and then rises: the spurious tone stays.

The shares of the aliases are known in advance. Without diffusion they are exact; training the inner
weights, as here, changes them somewhat.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq import FrequencySolution, Grid, Normal, Target, solve_frequency_pde

DENSITY = Normal(scale=3.0)  # standard deviation, rad per unit of x
SIGMA_A = 0.5
LATTICE = Grid(0.55)
SLOW, FAST = 1.0, 8.0  # the two tones, rad per unit of x
GHOST = 2 * LATTICE.nyquist - FAST  # the alias of the fast one that the samples allow as well
FREQUENCIES = np.linspace(0.0, 12.0, 481)
TIMES = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 121)])


def two_tones(x: np.ndarray) -> np.ndarray:
    """Two cosines of equal size under a Gaussian window."""
    return (np.cos(SLOW * x) + np.cos(FAST * x)) * np.exp(-(x**2) / 8)


def solve() -> FrequencySolution:
    """Solution on the lattice; its test measure is the whole line."""
    return solve_frequency_pde(
        DENSITY,
        Target.from_function(two_tones, support=(-16.0, 16.0)),
        sigma_a=SIGMA_A,
        measure=LATTICE,
        t=TIMES,
        frequencies=FREQUENCIES,
    )


def learned(solution: FrequencySolution) -> np.ndarray:
    """Size of the output's spectrum over time, shape (T, F)."""
    # The output starts at zero, so the error at the start is minus the target.
    spectrum = np.asarray(solution.spectrum)
    size: np.ndarray = np.abs(spectrum - spectrum[0])
    return size


def main(solution: FrequencySolution | None = None) -> dict[str, float]:
    """Losses, and how much of the fast tone went to it and to its alias."""
    solution = solution or solve()
    last, tone = learned(solution)[-1], np.abs(np.asarray(solution.spectrum)[0])
    test_loss = np.asarray(solution.test_loss)
    at = {name: int(np.argmin(np.abs(FREQUENCIES - xi))) for name, xi in places().items()}
    return {
        "train_left": float(solution.train_loss[-1] / solution.train_loss[0]),
        "test_least": float(test_loss.min() / test_loss[0]),
        "test_last": float(test_loss[-1] / test_loss[0]),
        "at_tone": float(last[at["fast"]] / tone[at["fast"]]),
        "at_ghost": float(last[at["ghost"]] / tone[at["fast"]]),
    }


def places() -> dict[str, float]:
    """The fast tone and its alias."""
    return {"fast": FAST, "ghost": GHOST}


def visualize(solution: FrequencySolution | None = None) -> Figure:
    """What the network ends with, in x and in frequency, and the two losses."""
    solution = solution or solve()
    fig = plt.figure(figsize=(9.0, 6.5), layout="constrained")
    axes = fig.subplot_mosaic([["x", "x"], ["loss", "spectrum"]], height_ratios=(1.0, 1.1))
    draw_output(axes["x"], solution)
    axes["loss"].semilogx(TIMES[1:], np.asarray(solution.test_loss)[1:], color="C1", label="test")
    axes["loss"].semilogx(TIMES[1:], solution.train_loss[1:], color="C0", label="train")
    axes["loss"].set(
        xlabel="training time t",
        ylabel=r"loss, $\int (f-y)^2$ (units of y² x)",
        ylim=(0.0, 4.0),
        title="train falls, test rises",
    )
    axes["loss"].legend(loc="center right")
    axis = axes["spectrum"]
    target = np.abs(np.asarray(solution.spectrum)[0])
    axis.plot(FREQUENCIES, target, color="0.6", lw=3, label="target")
    axis.plot(FREQUENCIES, learned(solution)[-1], color="C1", label="network at the end")
    axis.axvline(LATTICE.nyquist, color="k", ls=":", lw=1)
    axis.text(LATTICE.nyquist - 0.1, 0.9, "Nyquist", ha="right")
    axis.annotate("not in the target", (GHOST, 2.45), (GHOST, 2.85), ha="center", color="C1")
    axis.set(
        xlabel="angular frequency (rad per unit of x)",
        ylabel="size of the spectrum (units of y x)",
        ylim=(0.0, 3.3),
        title="a tone comes back as its low alias",
    )
    axis.legend(loc="upper right")
    return fig


def draw_output(axis: Axes, solution: FrequencySolution) -> None:
    """Target, samples and what the network makes of them."""
    x = np.linspace(-5.0, 5.0, 1001)
    samples = LATTICE.spacing * np.arange(-9, 10)
    axis.plot(x, two_tones(x), color="0.6", label="target")
    axis.plot(x, solution.at(t=TIMES[-1:]).output(x)[0], color="C1", label="network at the end")
    axis.plot(samples, two_tones(samples), "ko", markersize=5, label="samples")
    axis.set(xlabel="x", ylabel="y", title="through every sample, and wrong between them")
    axis.legend(loc="upper right")


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:12s} {value:.3e}")
    visualize(solved)
    plt.show()
