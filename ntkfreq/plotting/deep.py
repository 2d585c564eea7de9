"""Pictures of what hidden layers make of a density of frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.plotting.frames import single
from ntkfreq.plotting.palette import CYCLE, GREY, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNIT, _DENSITY = "rad per unit of x", "unit of x per rad"
# The frequencies shown reach this many times beyond those drawn, of which the share _TAIL is
# farther away; a density is shown down to the share _SEEN of the largest.
_TIMES, _TAIL, _SEEN = 3.0, 0.01, 1e-8
_POINTS = 401


def plot_deep_density(deep: Any, *, ax: Axes | None = None) -> Axes:
    """Density of the frequencies and those by which deep networks damp errors, logarithmic.

    The atom at frequency 0 is in the legend, and not in the curve. In two and more dimensions the
    frequencies are those along the first axis.

    Parameters
    ----------
    deep : DeepDensity, or sequence of them
        What :func:`ntkfreq.deep_density` returns, of a Normal about 0; several have a curve each.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        For an `ax` that is no Axes, for nothing to draw, and for densities without a pdf.

    Examples
    --------
    >>> from ntkfreq import Normal, deep_density
    >>> from ntkfreq.plotting import plot_deep_density
    >>> ax = plot_deep_density([deep_density(Normal(scale=9.0), depth) for depth in (1, 2, 5)])
    >>> len(ax.lines), ax.get_yscale()
    (4, 'log')
    """
    shown = [deep] if hasattr(deep, "damping") else list(deep)
    if not shown or not all(hasattr(one, "damping") for one in shown):
        raise TypeError(
            f"deep={checks.show(deep)} must be what deep_density returns, or a list of such"
        )
    axes = single(ax, (5.6, 4.0))
    base = shown[0].damping.base
    xi = np.linspace(0.0, _TIMES * float(base.radius(_TAIL)), _POINTS)
    w = np.zeros((len(xi), base.dim))
    w[:, 0] = xi
    axes.plot(xi, base.even_pdf(w), "--", color=GREY, label="drawn frequencies")
    largest = 0.0
    for color, one in zip(_colors(shown), shown, strict=True):
        values = one.damping.pdf(w)
        largest = max(largest, float(values.max()))
        axes.plot(xi, values, color=color, label=_label(one.damping))
    axes.set(
        yscale="log",
        ylim=(_SEEN * largest, 2 * largest),
        xlim=(0.0, xi[-1]),
        xlabel=with_unit(r"frequency $|\xi|$", _UNIT),
        ylabel=with_unit("density", _DENSITY if base.dim == 1 else f"({_DENSITY})^{base.dim}"),
    )
    axes.legend(frameon=False, fontsize="small")
    return axes


def _colors(shown: Sequence[Any]) -> list[str]:
    return [CYCLE[k % len(CYCLE)] for k in range(len(shown))]


def _label(density: Any) -> str:
    layers = density.layers
    if layers.depth == 0:
        return "no hidden layer"
    plural = "s" if layers.depth > 1 else ""
    name = str(layers.named).strip("'")
    return f"{layers.depth} hidden layer{plural}, {name}; atom {density.atom:.2g}"
