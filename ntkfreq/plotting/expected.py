"""Figure of expected losses: means, and bands of one standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.units import Units
from ntkfreq.plotting.frames import single
from ntkfreq.plotting.palette import BLUE, ORANGE, loss_label, time_label
from ntkfreq.plotting.panels import end_above_rounding

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_expected_losses(losses: Any, *, ax: Axes | None = None) -> Axes:
    """Mean training and test loss over time, with bands of one standard deviation.

    Parameters
    ----------
    losses : ExpectedLosses
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError
        For an `ax` that is no Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, expected_losses
    >>> from ntkfreq.plotting import plot_expected_losses
    >>> x = np.linspace(-1, 1, 12)
    >>> ax = plot_expected_losses(expected_losses(Normal(scale=5.0), (x, np.sin(3 * x))))
    >>> ax.get_legend_handles_labels()[1]
    ['training: mean', 'one standard deviation']
    """
    axes = single(ax, (5.6, 4.0))
    positive = losses.t > 0
    t = losses.t[positive]
    sides = [("training", "-", BLUE, losses.train_mean, losses.train_std)]
    if losses.test_mean is not None:
        sides.append(("test", "--", ORANGE, losses.test_mean, losses.test_std))
    for name, style, color, means, spreads in sides:
        mean, spread = means[positive], spreads[positive]
        axes.plot(t, mean, style, color=color, label=f"{name}: mean")
        # A spread larger than the mean reaches below every number of a logarithmic axis.
        low = np.maximum(mean - spread, 1e-3 * mean)
        axes.fill_between(
            t, low, mean + spread, color=color, alpha=0.2, linewidth=0,
            label="one standard deviation" if name == sides[-1][0] else None,
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel=time_label(Units()), ylabel=loss_label(Units()),
    )  # fmt: skip
    end_above_rounding(axes)
    axes.legend(frameon=False)
    return axes
