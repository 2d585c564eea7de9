"""Figures of expected losses and outputs: means, and bands of standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import IntArray
from ntkfreq._support.units import Units
from ntkfreq.plotting.frames import single
from ntkfreq.plotting.palette import BLUE, CYCLE, ORANGE, loss_label, time_label, with_unit
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


def plot_expected_output(
    output: Any, *, times: Any = None, deviations: float = 2.0, ax: Axes | None = None
) -> Axes:
    """Mean output over x, with a band of standard deviations, and the samples.

    Parameters
    ----------
    output : ExpectedOutput
        What to draw, in one dimension.
    times : float or array_like, optional
        Training times to show, the recorded ones nearest to these; default the last.
    deviations : float, default 2
        Half the width of the band, in standard deviations.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    ValueError
        In more than one dimension, and for times that were not recorded.
    TypeError
        For an `ax` that is no Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, expected_output
    >>> from ntkfreq.plotting import plot_expected_output
    >>> x = np.linspace(-1, 1, 8)
    >>> output = expected_output(
    ...     Normal(scale=5.0), (x, np.sin(3 * x)), np.linspace(-1, 1, 99), t=[0.0, 1.5, 100.0]
    ... )
    >>> ax = plot_expected_output(output, times=1.0)
    >>> ax.get_legend_handles_labels()[1]
    ['mean at t = 1.5', '2 standard deviations', 'samples']
    """
    if output.x.ndim > 1:
        raise ValueError(
            f"output has points of dimension {output.x.shape[1]}, and a band is drawn over one; "
            "show output.mean[k] and output.std[k] as pictures, or give points x on a line"
        )
    width = checks.positive("deviations", deviations)
    which = _recorded(output.t, times)
    axes, order = single(ax, (6.4, 4.0)), np.argsort(output.x, kind="stable")
    x = output.x[order]
    for place, k in enumerate(which):
        mean, spread = output.mean[k, order], width * output.std[k, order]
        color = CYCLE[place % len(CYCLE)]
        axes.plot(x, mean, color=color, label=f"mean at t = {output.t[k]:.4g}")
        label = f"{width:g} standard deviation" + ("" if width == 1 else "s")
        axes.fill_between(
            x, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0,
            label=label if place == len(which) - 1 else None,
        )  # fmt: skip
    if output.samples is not None:
        axes.plot(*output.samples, "o", color="black", markersize=4, label="samples")
    axis = output.axis
    name = "x" if axis.unit == "unit of x" else with_unit("x", axis.unit)
    axes.set(xlabel=name if axis.origin is None else f"x (days since {axis.origin})")
    axes.set(ylabel=with_unit("output", Units(axis).of("output")))
    axes.legend(frameon=False)
    return axes


def _recorded(t: Any, times: Any) -> IntArray:
    """Which of the times (T,) are nearest to those asked for; the last if none are."""
    if times is None:
        return np.array([len(t) - 1])
    wanted = checks.real_array("times", times, (0, 1)).reshape(-1)
    if wanted.min() < t[0] or wanted.max() > t[-1]:
        raise ValueError(
            f"times={checks.show(times)} are not all among those recorded, from {t[0]:g} to "
            f"{t[-1]:g}; give expected_output t={checks.show(times)}"
        )
    return np.unique([int(np.abs(t - time).argmin()) for time in wanted])
