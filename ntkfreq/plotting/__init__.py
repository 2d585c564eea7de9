"""Figures of densities, solutions, training runs, comparisons and phases, units on every axis.

Every function takes `ax` and returns what it drew on: the axes given, or, without them, those of a
new figure (the figure itself where it has several pictures). pyplot does not know a new figure:
nothing keeps it open, and a notebook shows it once, where it is the value of a cell. To have
``plt.show()`` show it give axes from ``plt.subplots``. The functions read attributes
only, so that a solution and a history are drawn alike. Matplotlib loads when something is drawn.
"""

from ntkfreq.plotting.bands import band_learning_times, drawable_bands, even_bands
from ntkfreq.plotting.deep import plot_deep_density
from ntkfreq.plotting.density import plot_density
from ntkfreq.plotting.dynamics import (
    plot_comparison,
    plot_dynamics,
    plot_learning_times,
    plot_losses,
    plot_remaining,
)
from ntkfreq.plotting.expected import plot_expected_losses, plot_expected_output
from ntkfreq.plotting.frames import subplots
from ntkfreq.plotting.images import plot_pictures
from ntkfreq.plotting.kernels import plot_kernel_spectrum
from ntkfreq.plotting.palette import (
    AMBER,
    BLUE,
    CYCLE,
    FREQUENCY,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    TIME,
    YELLOW,
    frequency_label,
    with_unit,
)
from ntkfreq.plotting.panels import draw_losses, draw_remaining
from ntkfreq.plotting.phases import plot_phases

__all__ = [
    "AMBER",
    "BLUE",
    "CYCLE",
    "FREQUENCY",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SKY",
    "TIME",
    "YELLOW",
    "band_learning_times",
    "draw_losses",
    "draw_remaining",
    "drawable_bands",
    "even_bands",
    "frequency_label",
    "plot_comparison",
    "plot_deep_density",
    "plot_density",
    "plot_dynamics",
    "plot_expected_losses",
    "plot_expected_output",
    "plot_kernel_spectrum",
    "plot_learning_times",
    "plot_losses",
    "plot_phases",
    "plot_pictures",
    "plot_remaining",
    "subplots",
    "with_unit",
]
