"""Maps of the phases of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.plotting.frames import root_figure, single
from ntkfreq.plotting.palette import PHASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "weight_decay": r"weight decay $\gamma_a$ (1 / training time)",
    "sigma_a": r"initialization scale $\sigma_a$ (units of $y$)",
    "n_points": "number of data points",
}


def plot_phases(
    phases: Any,
    ax: Axes | None = None,
    *,
    x: str = "weight_decay",
    y: str = "sigma_a",
    networks: Any = None,
) -> Axes:
    """A map of phases, its regions named, with trained networks on it.

    A name lies inside its region, in smaller letters or upright where there is little room; a
    region without room for its name has an entry in the legend. Names move when the axes are
    resized, and one that then fits no more is not drawn.

    Parameters
    ----------
    phases : xarray.Dataset
        As :func:`ntkfreq.phase_map` returns it, of two dimensions.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default a new figure.
    x, y : str
        Which dimension goes along which axis. Values are increasing and even, in themselves or in
        their logarithm.
    networks : iterable of (x, y, phase), optional
        Places and phases (names or indices) of trained networks. One mark of every phase among
        them has a label, for a legend.

    Returns
    -------
    matplotlib.axes.Axes
        The axes given, or those of a new figure that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        When the map does not have exactly these two dimensions, when values along one of them do
        not increase, for a phase that is none of the four, and for an `ax` that is no Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, Points, expected_losses_many, phase_map
    >>> from ntkfreq.plotting import plot_phases
    >>> curves = expected_losses_many(
    ...     Normal(scale=8.0), lambda x: np.sin(3 * x), measure=Points(np.linspace(-1, 1, 12)),
    ...     sigma_a=[0.1, 1.0, 10.0], weight_decay=[1e-4, 1e-3, 1e-2, 0.1],
    ... )
    >>> ax = plot_phases(phase_map(curves, threshold=0.03))
    >>> sorted(text.get_text() for text in ax.texts)
    ['comprehension', 'confusion', 'grokking']
    """
    from ntkfreq.plotting.placing import RegionName

    names = list(PHASES)
    if set(phases["phase"].dims) != {x, y}:
        raise ValueError(
            f"phases has dimensions {phases['phase'].dims}, the axes are x={x!r} and y={y!r}; "
            "select one value of the others with .sel, or name the axes"
        )
    code = phases["phase"].transpose(y, x).values
    across, up = _increasing(phases, x), _increasing(phases, y)
    if not np.isin(code, range(len(names))).all():
        raise ValueError(f"phases holds codes {np.unique(code)}; they are places in {names}")
    marks = [(one, other, _phase_name(phase)) for one, other, phase in networks or ()]
    axes = single(ax, (6.4, 5.2))
    _map(axes, across, up, code)
    axes.set(xlabel=_LABELS.get(x, x), ylabel=_LABELS.get(y, y))
    _draw_marks(axes, marks)
    places = np.array([mark[:2] for mark in marks], dtype=np.float64).reshape(-1, 2)
    regions = [
        RegionName(axes, name, code == k, places)
        for k, name in enumerate(names)
        if np.any(code == k)
    ]
    root_figure(axes).draw_without_rendering()  # which lays it out
    _list_others(axes, [region for region in regions if not region.place()])
    return axes


def _list_others(ax: Axes, regions: list[Any]) -> None:
    """Legend entries in place of names that no region has room for."""
    for region in regions:
        name = region.get_text()
        region.remove()
        ax.fill([], [], facecolor=PHASES[name][0], edgecolor="0.3", label=name)
    if regions:
        ax.legend(fontsize="small")


def _map(ax: Axes, across: FloatArray, up: FloatArray, code: Any) -> None:
    from matplotlib.colors import ListedColormap

    pale = ListedColormap([colors[0] for colors in PHASES.values()])
    ax.pcolormesh(_edges(across), _edges(up), code, cmap=pale, vmin=-0.5, vmax=3.5, rasterized=True)
    ax.set(
        xscale="log" if _logarithmic(across) else "linear",
        yscale="log" if _logarithmic(up) else "linear",
        xlim=_edges(across)[[0, -1]],
        ylim=_edges(up)[[0, -1]],
    )


def _draw_marks(ax: Axes, marks: list[tuple[float, float, str]]) -> None:
    seen: set[str] = set()
    for across, up, name in marks:
        _, color, shape = PHASES[name]
        ax.plot(
            across, up, shape, color=color, markeredgecolor="0.1", markersize=6.5, zorder=3,
            label="_" if name in seen else name,
        )  # fmt: skip
        seen.add(name)


def _increasing(phases: Any, name: str) -> FloatArray:
    values: FloatArray = phases[name].values
    if np.any(np.diff(values) <= 0):
        raise ValueError(
            f"phases has values of {name} that do not increase; use phases.sortby({name!r})"
        )
    return values


def _phase_name(phase: Any) -> str:
    names = list(PHASES)
    if phase in names:
        return str(phase)
    if isinstance(phase, str) or phase not in range(len(names)):
        raise ValueError(f"networks has the phase {phase!r}; use one of {names}, or its place")
    return names[int(phase)]


def _logarithmic(values: FloatArray) -> bool:
    """Whether increasing values are rather even in their logarithm than in themselves."""
    if len(values) < 3 or values.min() <= 0:
        return False
    plain, log = np.diff(values), np.diff(np.log(values))
    return float(np.ptp(log) / log.mean()) < float(np.ptp(plain) / plain.mean())


def _edges(centres: FloatArray) -> FloatArray:
    """Edges of cells about increasing centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    log = _logarithmic(centres)
    marks = np.log(centres) if log else np.asarray(centres, dtype=np.float64)
    middle = (marks[1:] + marks[:-1]) / 2
    ends = np.concatenate([[2 * marks[0] - middle[0]], middle, [2 * marks[-1] - middle[-1]]])
    return np.exp(ends) if log else ends
