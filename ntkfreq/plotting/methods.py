"""The method `plot` of results with times, spectra and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A = TypeVar("A")


class PlotsDynamics:
    """A result that :func:`ntkfreq.plotting.plot_dynamics` draws, alone or beside others."""

    @overload
    def plot(
        self, *others: Any, labels: Any = None, bands: Any = None, ax: None = None
    ) -> Figure: ...

    @overload
    def plot(self, *others: Any, labels: Any = None, bands: Any = None, ax: A) -> A: ...

    def plot(self, *others: Any, labels: Any = None, bands: Any = None, ax: Any = None) -> Any:
        """Error left by frequency and time, learning times, losses; of others beside it.

        Parameters
        ----------
        *others : FrequencySolution or TrainHistory
            More results in the same figure, in the same units.
        labels : sequence of str, optional
            One for each, this one first.
        bands : int or sequence of (low, high), optional
            How many bands of frequencies at most, or which.
        ax : sequence of matplotlib.axes.Axes, optional
            Where to draw, two more than there are results; default a new figure.

        Returns
        -------
        matplotlib.figure.Figure, or what was given as `ax`
            See :func:`ntkfreq.plotting.plot_dynamics`.
        """
        from ntkfreq.plotting.dynamics import plot_dynamics

        return plot_dynamics([self, *others], labels=labels, bands=bands, ax=ax)
