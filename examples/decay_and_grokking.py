r"""
Late generalization by weight decay
===================================

A network with a large initial output fits its 16 samples early and is right between them
much later. This delay is called grokking. Here it has a simple cause. The initial output is
random. Training soon corrects its values at the samples, but not the part of it that vanishes
there. That part only decays, like :math:`e^{-\gamma_a t}`, where :math:`\gamma_a` is the decay rate
of the output weights. So the test loss stays at a plateau P, then falls, and reaches a level l at
about

.. math:: t \approx \frac{1}{2\gamma_a} \ln \frac{P}{l} .

Left: the mean loss over all initial networks, with a band of one standard deviation around it, for
three rates of decay. No network is drawn for it. The marks are the formula, with the plateau taken
from a run without decay. Right: one network that was drawn at random. If its frequencies
decay as well, all that was learned moves towards frequency zero, faster than training on the
samples restores it, and both losses rise again.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ntkfreq import (
    ExpectedLosses,
    FourierFeatureNet,
    FrequencySolution,
    Normal,
    Points,
    expected_losses,
    solve_frequency_pde,
)
from ntkfreq.spectra.bands import first_passage

DENSITY = Normal(scale=16.0)
SIGMA_A = 3.0
SAMPLES = Points(np.linspace(-1.0, 1.0, 16))
RATES = (0.01, 0.003, 0.001)  # weight decay, per unit of time
SHRINKING = (0.0, 0.01)  # decay of the frequencies, beside the first of these rates
LEVEL = 0.1  # what counts as small, units of y squared
PLATEAU = 300.0  # a time when the samples are fitted, without decay
COLORS = ("#0072B2", "#D55E00", "#009E73")


def signal(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is to be learned."""
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def times(last: float) -> NDArray[np.float64]:
    """Log-spaced times, and 0."""
    return np.concatenate([[0.0], np.geomspace(1e-1, last, 61)])


def solve() -> tuple[dict[float, ExpectedLosses], dict[float, FrequencySolution]]:
    """Losses over all networks for each weight decay, and of one network with shrinking ones."""
    everywhere = {
        rate: expected_losses(
            DENSITY,
            signal,
            measure=SAMPLES,
            sigma_a=SIGMA_A,
            weight_decay=rate,
            t=times(10 / rate if rate else PLATEAU),
            rtol=1e-4,
        )
        for rate in (0.0, *RATES)
    }
    net = FourierFeatureNet.sample(DENSITY, 1024, sigma_a=SIGMA_A, rng=np.random.default_rng(1))
    single = {
        rate: solve_frequency_pde(
            DENSITY,
            signal,
            measure=SAMPLES,
            sigma_a=SIGMA_A,
            weight_decay=RATES[0],
            frequency_decay=rate,
            initial_output=net,
            t=times(10 / RATES[0]),
            rtol=1e-4,
        )
        for rate in SHRINKING
    }
    return everywhere, single


Results = tuple[dict[float, ExpectedLosses], dict[float, FrequencySolution]]


def law(plateau: float, rate: float) -> float:
    """When the test loss passes the level, if it only fades from its plateau."""
    return float(np.log(plateau / LEVEL) / (2 * rate))


def main(results: Results | None = None) -> dict[str, float]:
    """When train and test loss pass the level, the formula's time, and losses at the end."""
    everywhere, single = results or solve()
    plateau = float(np.asarray(everywhere[0.0].test_mean)[-1])
    numbers = {"plateau": plateau}
    for rate in RATES:
        losses = everywhere[rate]
        numbers[f"train, {rate:g}"] = first_passage(losses.t, losses.train_mean, LEVEL)
        numbers[f"test, {rate:g}"] = first_passage(losses.t, np.asarray(losses.test_mean), LEVEL)
        numbers[f"law, {rate:g}"] = law(plateau, rate)
    for rate, solution in single.items():
        test_loss = np.asarray(solution.test_loss)
        numbers[f"best, shrinking {rate:g}"] = float(test_loss.min())
        numbers[f"last, shrinking {rate:g}"] = float(test_loss[-1])
    return numbers


def visualize(results: Results | None = None) -> Figure:
    """Train and test loss over time: over all networks, and for one with shrinking frequencies."""
    everywhere, single = results or solve()
    fig, axes = plt.subplots(1, 2, figsize=(10.0, 4.8), sharey=True, layout="constrained")
    plateau = float(np.asarray(everywhere[0.0].test_mean)[-1])
    for rate, color in zip(RATES, COLORS, strict=True):
        draw_expected(axes[0], everywhere[rate], f"{rate:g}", color)
        axes[0].plot(law(plateau, rate), LEVEL, "k|", markersize=14, markeredgewidth=2)
    axes[0].set(title="all initial networks", ylabel="loss, mean of $(f-y)^2$ (units of y squared)")
    for (rate, solution), color in zip(single.items(), COLORS, strict=False):
        test_loss = np.asarray(solution.test_loss)
        axes[1].loglog(solution.t[1:], test_loss[1:], color=color, label=f"{rate:g}")
        axes[1].loglog(solution.t[1:], solution.train_loss[1:], "--", color=color)
    axes[1].set(title=f"one network, weight decay {RATES[0]:g}")
    for axis, legend in zip(axes, ("weight decay", "decay of frequencies"), strict=True):
        axis.plot([], [], color="0.3", label="test")
        axis.plot([], [], "--", color="0.3", label="train")
        axis.set(xlabel="training time t", ylim=(1e-5, 30.0))
        axis.legend(title=legend, loc="lower left")
    return fig


def draw_expected(axis: Axes, losses: ExpectedLosses, label: str, color: str) -> None:
    """Mean test loss with a band of one standard deviation; training loss dashed."""
    t, mean, spread = losses.t[1:], *np.array([losses.test_mean, losses.test_std])[:, 1:]
    axis.loglog(t, mean, color=color, label=label)
    axis.fill_between(t, np.maximum(mean - spread, 1e-6), mean + spread, color=color, alpha=0.2)
    axis.loglog(t, losses.train_mean[1:], "--", color=color)


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:22s} {value:10.4f}")
    visualize(solved)
    plt.show()
