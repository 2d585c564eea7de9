"""Figures of solutions and training runs, of one or of several, and of both compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from ntkfreq.plotting.bands import chosen_bands
from ntkfreq.plotting.curves import FEW, MANY, Curves, curves_of
from ntkfreq.plotting.frames import several, single, subplots
from ntkfreq.plotting.palette import (
    BLUE,
    ORANGE,
    frequency_label,
    loss_label,
    time_label,
    with_unit,
)
from ntkfreq.plotting.panels import add_share_bar, draw_losses, draw_remaining

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A = TypeVar("A")
_SIZE = (5.2, 3.9)


def plot_remaining(result: Any, *, bands: Any = None, ax: Axes | None = None) -> Axes:
    r"""What is left of the error of each band over time, as a heat map.

    Parameters
    ----------
    result : FrequencySolution or TrainHistory
        What to draw.
    bands : int or sequence of (low, high), optional
        How many bands at most, or which, in the unit of the frequencies. In two dimensions a band
        is a ring :math:`low \le |\xi| \le high`, in three a shell. Default: 48, and 12 where
        each takes a solve of its own (under decay, and on boxes in two dimensions).
    ax : matplotlib.axes.Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        For another result, bands that overlap or hold no frequencies, or an `ax` that is no Axes.

    Examples
    --------
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> from ntkfreq.plotting import plot_remaining
    >>> solution = solve_frequency_pde(Normal(scale=3.0), ([0.0, 0.5, 1.0], [1.0, 0.0, -1.0]))
    >>> plot_remaining(solution, bands=4).get_xlabel()
    'frequency $|\\xi|$ (rad per unit of x)'
    """
    (curves,) = curves_of([result], bands=bands)
    axes = single(ax, _SIZE)
    add_share_bar(_draw_shares(axes, curves), axes)
    return axes


def plot_learning_times(
    results: Any, *, labels: Any = None, bands: Any = None, ax: Axes | None = None
) -> Axes:
    """When the error of each band is halved, of one result or of several.

    Parameters
    ----------
    results : FrequencySolution or TrainHistory, or a list of these
        What to draw; several must have times, losses and frequencies in the same units.
    labels : sequence of str, optional
        Of several, for the legend.
    bands, ax
        As for :func:`plot_remaining`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        As for :func:`plot_remaining`, and for results in different units.

    Examples
    --------
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> from ntkfreq.plotting import plot_learning_times
    >>> x, y = [0.0, 0.5, 1.0], [1.0, 0.0, -1.0]
    >>> both = [solve_frequency_pde(Normal(scale=scale), (x, y)) for scale in (3.0, 30.0)]
    >>> ax = plot_learning_times(both, labels=["narrow", "wide"], bands=4)
    >>> ax.get_legend_handles_labels()[1]
    ['narrow', 'wide']
    """
    curves = curves_of(results, labels, bands=bands)
    axes = single(ax, _SIZE)
    _draw_times(axes, curves)
    return axes


def plot_losses(results: Any, *, labels: Any = None, ax: Axes | None = None) -> Axes:
    """Training and test loss over time, of one result or of several.

    Parameters
    ----------
    results, labels, ax
        As for :func:`plot_learning_times`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        As for :func:`plot_learning_times`.

    Examples
    --------
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> from ntkfreq.plotting import plot_losses
    >>> both = [
    ...     solve_frequency_pde(Normal(scale=scale), ([0.0, 1.0], [1.0, -1.0]))
    ...     for scale in (3.0, 30.0)
    ... ]
    >>> plot_losses(both, labels=["narrow", "wide"]).get_legend_handles_labels()[1]
    ['narrow', 'wide']
    """
    curves = curves_of(results, labels, banded=False)
    axes = single(ax, _SIZE)
    _draw_all_losses(axes, curves)
    return axes


@overload
def plot_dynamics(
    results: Any, *, labels: Any = None, bands: Any = None, ax: None = None
) -> Figure: ...


@overload
def plot_dynamics(results: Any, *, labels: Any = None, bands: Any = None, ax: A) -> A: ...


def plot_dynamics(results: Any, *, labels: Any = None, bands: Any = None, ax: Any = None) -> Any:
    """Error left by frequency and time, learning time by frequency, and losses.

    Parameters
    ----------
    results, labels, bands
        As for :func:`plot_learning_times`.
    ax : sequence of matplotlib.axes.Axes, optional
        Where to draw: one Axes for each result, then one for the learning times and one for the
        losses, so three for one result. Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure, or what was given as `ax`
        A new figure is one that pyplot does not know: a notebook shows it where it is the value of
        a cell, ``figure.savefig(path)`` writes it.

    Raises
    ------
    TypeError, ValueError
        As for :func:`plot_learning_times`, and for another number of Axes.

    Examples
    --------
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> from ntkfreq.plotting import plot_dynamics
    >>> x, y = [0.0, 0.5, 1.0], [1.0, 0.0, -1.0]
    >>> both = [solve_frequency_pde(Normal(scale=scale), (x, y)) for scale in (3.0, 30.0)]
    >>> figure = plot_dynamics(both, labels=["narrow", "wide"], bands=4)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['narrow', 'wide']
    """
    curves = curves_of(results, labels, bands=bands)
    return _lay_out(curves, ax, (1, len(curves) + 2))


@overload
def plot_comparison(comparison: Any, *, bands: Any = None, ax: None = None) -> Figure: ...


@overload
def plot_comparison(comparison: Any, *, bands: Any = None, ax: A) -> A: ...


def plot_comparison(comparison: Any, *, bands: Any = None, ax: Any = None) -> Any:
    """Prediction beside measurement: error left, learning times, losses.

    Parameters
    ----------
    comparison : Comparison
        What to draw.
    bands
        As for :func:`plot_remaining`.
    ax : sequence of four matplotlib.axes.Axes, optional
        Where to draw: the errors left as predicted and as measured, learning times, losses.
        Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure, or what was given as `ax`
        As for :func:`plot_dynamics`.

    Raises
    ------
    TypeError, ValueError
        As for :func:`plot_dynamics`.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import FourierFeatureNet, Normal, compare, solve_frequency_pde, train
    >>> from ntkfreq.plotting import plot_comparison
    >>> x = np.linspace(-1, 1, 24)
    >>> net = FourierFeatureNet.sample(Normal(scale=6.0), 256, rng=0)
    >>> run = train(net, x, np.sin(5 * x), step_size=0.2, steps=50)
    >>> prediction = solve_frequency_pde(Normal(scale=6.0), (x, np.sin(5 * x)), initial_output=net)
    >>> figure = plot_comparison(compare(prediction, run), bands=4)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['predicted', 'trained network']
    """
    drawn = chosen_bands(
        bands, comparison.frequencies, MANY * 2 // 3 if comparison.solution.bands_quick else FEW
    )
    predicted, measured = comparison.remaining(drawn)
    grid = comparison.frequencies
    units = comparison.units
    same = {
        "t": comparison.t,
        "units": units,
        "frequency": frequency_label(units.axis, 1 if grid.ndim == 1 else grid.shape[1]),
        "test": None,
        "bands": drawn,
    }
    curves = [
        Curves("predicted", BLUE, "", train=comparison.predicted_loss, share=predicted, **same),
        Curves(
            "trained network", ORANGE, "o", train=comparison.measured_loss, share=measured, **same
        ),
    ]
    return _lay_out(curves, ax, (2, 2))


def _lay_out(curves: Sequence[Curves], ax: Any, shape: tuple[int, int]) -> Any:
    """Heat maps of all results, their learning times, their losses."""
    names = [f"errors left: {one.label}" if one.label else "errors left" for one in curves]
    names += ["learning times", "losses"]
    figure = None
    if ax is None:
        size = (_SIZE[0] * shape[1], _SIZE[1] * shape[0])
        figure, ax = subplots(*shape, figsize=size)
    *maps, times, losses = several(ax, names)
    images = [_draw_shares(axes, one) for axes, one in zip(maps, curves, strict=True)]
    span = _learned_span(curves)
    for axes, one in zip(maps, curves, strict=True):
        axes.set(title=one.label, xlim=span)
    add_share_bar(images[-1], maps)
    _draw_times(times, curves)
    times.set_xlim(span)
    _draw_all_losses(losses, curves)
    return ax if figure is None else figure


def _learned_span(curves: Sequence[Curves]) -> tuple[float, float]:
    """From the first band to the last in which any result has something to learn."""
    low = min(one.bands[0][0] for one in curves)
    learned = [
        band[1]
        for one in curves
        for band, start in zip(one.bands, one.share[0], strict=True)
        if np.isfinite(start)
    ]
    return low, max(learned or [one.bands[-1][1] for one in curves])


def _draw_shares(ax: Axes, curves: Curves) -> Any:
    return draw_remaining(
        ax, curves.t, curves.bands, curves.share, curves.frequency, time_label(curves.units)
    )


def _draw_times(ax: Axes, curves: Sequence[Curves]) -> None:
    for one in curves:
        style, size = (one.marker, 4) if one.marker else ("o-", 3)
        centres, times = one.learning_times()
        ax.plot(centres, times, style, color=one.color, markersize=size, label=one.label)
    if not any(np.isfinite(one.learning_times()[1]).any() for one in curves):
        until = max(float(one.t[-1]) for one in curves)
        ax.text(
            0.5, 0.5, f"no band is halved by t = {until:.4g}", transform=ax.transAxes, ha="center"
        )
    unit = curves[0].units.of("time")
    ax.set(
        yscale="log",
        xlabel=curves[0].frequency,
        ylabel=with_unit("time to halve the error", unit),
    )
    if len(curves) > 1:
        ax.legend(frameon=False)


def _draw_all_losses(ax: Axes, curves: Sequence[Curves]) -> None:
    for one in curves:
        losses = one.losses()
        if one.test is None and one.label:
            losses = {one.label: next(iter(losses.values()))}
        draw_losses(ax, one.t, losses, loss_label(one.units), time_label(one.units))
