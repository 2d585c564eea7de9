"""Pictures of densities of frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.plotting.frames import root_figure, single
from ntkfreq.plotting.palette import CYCLE, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNIT, _DENSITY = "rad per unit of x", "unit of x per rad"
_TAIL, _SEEN = 1e-3, 1e-3
# Distance of the two sides of a jump, in shares of the reach.
_JUMP = 1e-9
_ATOMS = 64
_POINTS, _CELLS = 1201, 241
# A map is at most this many times as long as wide with the same unit of length on both axes.
_SLIM = 5.0
_DRAWS = 4_000_000


def plot_density(density: Any, *, ax: Axes | None = None) -> Axes:
    """The density over frequency; in two dimensions a map, in more that of the first coordinate.

    In one dimension the even part, which alone matters to training, is dashed where the density is
    not even; a second density drawn on the same axes has the next colour. In two dimensions
    the density is a map, and atoms are dots. In more it is a histogram of the first coordinate of
    draws.

    Parameters
    ----------
    density : Density
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
    >>> from ntkfreq import Normal, StudentT
    >>> from ntkfreq.plotting import plot_density
    >>> ax = plot_density(Normal(scale=3.0))
    >>> _ = plot_density(StudentT(df=3.0, scale=3.0), ax=ax)
    >>> len(ax.lines), ax.get_ylabel()
    (2, 'density (unit of x per rad)')
    """
    axes = single(ax, (5.6, 4.0))
    if density.dim == 2:
        _plane(axes, density)
        return axes
    color = CYCLE[len(axes.get_legend_handles_labels()[1]) % len(CYCLE)]
    if density.atomic is not None:
        _atoms(axes, density, color)
    elif density.dim == 1:
        _line(axes, density, color)
    else:
        _histogram(axes, density, color)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1))
    return axes


def _title(density: Any) -> str:
    text = repr(density).replace("$", r"\$").replace(", dim=1", "")
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(ax: Axes, density: Any, color: str) -> None:
    w = _frequencies(density)
    values = density.pdf(w)
    seen = np.flatnonzero(values >= _SEEN * values.max())
    part = slice(max(seen[0] - 1, 0), seen[-1] + 2)
    ax.plot(w[part], values[part], color=color, label=_title(density))
    if not density.even:
        ax.plot(w, density.even_pdf(w), "--", color=color, lw=1, label="its even part")
    _label(ax, r"frequency $\xi$", "density")


def _frequencies(density: Any) -> FloatArray:
    """Frequencies at which nothing of a one-dimensional density is missed, jumps included."""
    reach = float(density.radius(_TAIL))
    marks = density.landmarks()
    ends = np.ravel(marks.support)
    edges = np.array([*marks.kinks, *ends[np.isfinite(ends)]], dtype=np.float64)
    sides = np.concatenate([edges - _JUMP * reach, edges, edges + _JUMP * reach])
    near = [place + width * np.linspace(-6, 6, 121) for place, width in marks.scales]
    half = np.concatenate([np.linspace(0, 1.05 * reach, _POINTS), sides, *near])
    return np.unique(np.concatenate([half, -half]))


def _plane(ax: Axes, density: Any) -> None:
    if density.atomic is not None:
        atoms, shares = density.atomic
        size = np.clip(20 * shares / shares.max(), 0.5, 20)
        alpha = float(np.clip(1000 / len(atoms), 0.1, 1.0))
        ax.scatter(atoms[:, 0], atoms[:, 1], s=size, color=CYCLE[0], linewidths=0, alpha=alpha)
    else:
        ends = [1.05 * float(density.along(axis).radius(5 * _TAIL)) for axis in range(2)]
        lines = [np.linspace(-end, end, _CELLS) for end in ends]
        places = np.stack(np.meshgrid(*lines, indexing="xy"), axis=-1)
        values = density.pdf(places.reshape(-1, 2)).reshape(places.shape[:2])
        image = ax.pcolormesh(*lines, values, cmap="viridis", vmin=0, rasterized=True)
        bar = with_unit("density", f"({_DENSITY})^2")
        root_figure(ax).colorbar(image, ax=ax, label=bar)
        seen = values >= _SEEN * values.max()
        columns, rows = (
            line[np.flatnonzero(seen.any(axis=k))[[0, -1]]] for k, line in enumerate(lines)
        )
        ax.set_facecolor(image.cmap(0.0))
        ax.set(xlim=_widened(columns), ylim=_widened(rows))
    # Axes of very different scales are drawn each in its own.
    sides = [float(np.ptp(ends)) for ends in (ax.get_xlim(), ax.get_ylim())]
    ax.set_aspect("equal" if max(sides) <= _SLIM * min(sides) else "auto")
    ax.set_title(_title(density), fontsize="medium")
    ax.set(
        xlabel=with_unit(r"frequency $\xi_0$", _UNIT), ylabel=with_unit(r"frequency $\xi_1$", _UNIT)
    )


def _widened(ends: FloatArray) -> FloatArray:
    return np.asarray(ends + 0.08 * np.ptp(ends) * np.array([-1, 1]))


def _atoms(ax: Axes, density: Any, color: str) -> None:
    atoms, shares = density.atomic
    first = atoms[:, 0]
    if len(first) <= _ATOMS:
        ax.vlines(first, 0, shares, color=color, lw=1.2, label=_title(density))
        ax.plot(first, shares, "o", color=color, markersize=3)
        _label(ax, _coordinate(density), "probability", "1")
        return
    bins = int(np.clip(np.sqrt(len(first)), 16, 200))
    ax.hist(
        first, bins, weights=shares, density=True, histtype="step", color=color,
        label=_title(density),
    )  # fmt: skip
    _label(ax, _coordinate(density), "density of the atoms")


def _histogram(ax: Axes, density: Any, color: str) -> None:
    size = int(np.clip(_DRAWS // density.dim, 100, 100_000))
    draws = density.sample(size, rng=0)[:, 0]
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    inside = draws[(draws >= low) & (draws <= high)]
    counts, edges = np.histogram(inside, int(np.clip(np.sqrt(size) / 2, 16, 80)))
    heights = counts / (size * np.diff(edges))
    ax.stairs(heights, edges, color=color, label=_title(density))
    _label(ax, _coordinate(density), f"density ({size} draws)")


def _coordinate(density: Any) -> str:
    return r"frequency $\xi$" if density.dim == 1 else r"first coordinate $\xi_0$ of the frequency"


def _label(ax: Axes, frequency: str, height: str, unit: str = _DENSITY) -> None:
    ax.set(xlabel=with_unit(frequency, _UNIT), ylabel=with_unit(height, unit))
