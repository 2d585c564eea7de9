"""Figures of solutions, training runs and comparisons, with units on every axis.

The functions read attributes only (times, frequencies, spectra, losses), so that a solution and a
history are drawn alike and this module needs to know neither.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.axis import Axis
from ntkfreq._support.types import BoolArray, FloatArray
from ntkfreq.spectra.bands import band_energy, first_passage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FREQUENCY = r"frequency $|\xi|$ (rad per unit of x)"
TIME = r"training time $t$"
# Okabe and Ito's colours, told apart by readers who see fewer of them.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def even_bands(top: float, count: int) -> list[tuple[float, float]]:
    """`count` bands of equal width from 0 to `top`.

    Examples
    --------
    >>> even_bands(4.0, 2)
    [(0.0, 2.0), (2.0, 4.0)]
    """
    edges = np.linspace(0.0, top, count + 1)
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def drawable_bands(frequencies: FloatArray, most: int = 48) -> list[tuple[float, float]]:
    """Equal bands over the frequencies, each with at least two of them."""
    magnitude = (
        np.abs(frequencies) if frequencies.ndim == 1 else np.linalg.norm(frequencies, axis=1)
    )
    count = int(np.clip(magnitude.size // 3, 1, most))
    bands = even_bands(float(magnitude.max()), count)
    return [(low, high) for low, high in bands if np.any((magnitude >= low) & (magnitude <= high))]


def frequency_label(axis: Axis) -> str:
    """Label of a frequency axis, in radians per what x is counted in."""
    return FREQUENCY.replace("rad per unit of x", axis.frequency_unit)


def draw_remaining(
    ax: Axes,
    t: FloatArray,
    bands: list[tuple[float, float]],
    share: FloatArray,
    label: str = FREQUENCY,
) -> Any:
    """Heat map of the share of the error left, over frequency and log time; returns the image."""
    positive = t > 0
    edges = np.append([low for low, _ in bands], bands[-1][1])
    clock = t[positive]
    middle = np.sqrt(clock[1:] * clock[:-1])
    rows = np.concatenate([[clock[0] ** 2 / middle[0]], middle, [clock[-1] ** 2 / middle[-1]]])
    ax.set_facecolor("0.75")  # bands with nothing to learn
    image = ax.pcolormesh(
        edges, rows, share[positive], cmap="magma", vmin=0, vmax=1, rasterized=True
    )
    ax.set(yscale="log", xlabel=label, ylabel=TIME, ylim=(clock[0], clock[-1]))
    return image


def draw_losses(ax: Axes, t: FloatArray, curves: dict[str, tuple[FloatArray, str, str]]) -> None:
    """Losses over log time; each curve is (values, style, colour)."""
    positive = t > 0
    for label, (values, style, color) in curves.items():
        ax.loglog(t[positive], values[positive], style, color=color, label=label, markersize=4)
    ax.set(xlabel=TIME, ylabel=r"loss $\int e^2\,d\mu$ (units of $y^2$)")
    ax.legend(frameon=False)


def band_learning_times(
    t: FloatArray, bands: list[tuple[float, float]], share: FloatArray, fraction: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """Centres of the bands and the times at which their share falls to `fraction`."""
    centres = np.array([(low + high) / 2 for low, high in bands])
    times = np.array([first_passage(t, share[:, k], fraction) for k in range(len(bands))])
    return centres, times


def _shares(result: Any, spectrum: Any, bands: list[tuple[float, float]]) -> FloatArray:
    rms = np.sqrt(band_energy(result.frequencies, spectrum, bands))
    # Bands without energy of their own would show what leaks into them as a growing share.
    floor = 1e-3 * rms[0].max()
    return np.asarray(np.where(rms[0] > floor, rms / np.maximum(rms[0], floor), np.nan))


def plot_dynamics(result: Any) -> Figure:
    """Error left by frequency and time, learning time by frequency, and losses.

    Parameters
    ----------
    result : FrequencySolution or TrainHistory

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    spectrum = result.data_spectrum if result.spectrum is None else result.spectrum
    label = frequency_label(result.axis)
    bands = drawable_bands(result.frequencies)
    share = result.band_shares(bands)
    if share is None:
        share = _shares(result, spectrum, bands)
    fig, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    image = draw_remaining(axes[0], result.t, bands, share, label)
    fig.colorbar(image, ax=axes[0], label="share of the error left", extend="max")
    centres, times = band_learning_times(result.t, bands, share)
    axes[1].semilogy(centres, times, "o-", color=BLUE, markersize=3)
    axes[1].set(xlabel=label, ylabel="time to halve the error", xlim=axes[0].get_xlim())
    curves = {"training": (result.train_loss, "-", BLUE)}
    if result.test_loss is not None:
        curves["test"] = (result.test_loss, "--", ORANGE)
    draw_losses(axes[2], result.t, curves)
    return fig


def plot_comparison(comparison: Any) -> Figure:
    """Prediction beside measurement: error left, learning times, losses.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    t, unit = comparison.t, frequency_label(comparison.history.axis)
    bands = drawable_bands(comparison.frequencies, 32)
    fig, axes = plt.subplots(2, 2, figsize=(10.5, 7.5), layout="constrained")
    shares = comparison.remaining(bands)
    for ax, share, title in zip(axes[0], shares, ("predicted", "trained network"), strict=True):
        image = draw_remaining(ax, t, bands, share, unit)
        ax.set_title(title)
    fig.colorbar(image, ax=axes[0], label="share of the error left", extend="max")
    for share, style, color, label in (
        (shares[0], "-", BLUE, "predicted"),
        (shares[1], "o", ORANGE, "trained network"),
    ):
        centres, times = band_learning_times(t, bands, share)
        axes[1, 0].semilogy(centres, times, style, color=color, label=label, markersize=4)
    axes[1, 0].set(xlabel=unit, ylabel="time to halve the error", xlim=axes[0, 0].get_xlim())
    axes[1, 0].legend(frameon=False)
    draw_losses(
        axes[1, 1],
        t,
        {
            "predicted": (comparison.predicted_loss, "-", BLUE),
            "trained network": (comparison.measured_loss, "o", ORANGE),
        },
    )
    return fig


def plot_kernel_spectrum(spectrum: Any) -> Figure:
    """Eigenvalues of a kernel against frequency, and some of its eigenvectors.

    Parameters
    ----------
    spectrum : NTKSpectrum

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    seen = spectrum.eigenvalues > 1e-15 * spectrum.eigenvalues[0]
    axes[0].semilogy(
        spectrum.frequency[seen], spectrum.eigenvalues[seen], "o", color=BLUE, markersize=4,
        label="eigenvalues",
    )  # fmt: skip
    if spectrum.predicted is not None:
        order = np.argsort(spectrum.frequency[seen])
        axes[0].semilogy(
            spectrum.frequency[seen][order], spectrum.predicted[seen][order], color=ORANGE,
            label="from the density",
        )  # fmt: skip
    axes[0].set(xlabel=FREQUENCY, ylabel="eigenvalue of K/N (1/t)")
    axes[0].legend(frameon=False)
    count = int(np.count_nonzero(seen))
    for k, color in zip((0, count // 4, count // 2), (BLUE, ORANGE, GREEN), strict=True):
        line = np.argsort(spectrum.x[:, 0], kind="stable")
        values = np.sqrt(len(line)) * spectrum.eigenvectors[line, k]
        style = "-" if spectrum.x.shape[1] == 1 else "."
        axes[1].plot(spectrum.x[line, 0], values, style, color=color, label=f"no. {k + 1}")
    axes[1].set(xlabel="x (first coordinate)", ylabel="eigenvector (mean square 1)")
    axes[1].legend(frameon=False)
    return fig


# Of the phases: pale for regions, full for marks; the shapes tell them apart without colour.
_PHASES = {
    "confusion": ("#D9D9D9", "#7F7F7F", "s"),
    "memorization": ("#F6D9A0", "#E69F00", "^"),
    "grokking": ("#9CC9E6", "#0072B2", "o"),
    "comprehension": ("#A6DCC8", "#009E73", "D"),
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

    Parameters
    ----------
    phases : xarray.Dataset
        As :func:`ntkfreq.phase_map` returns it, of two dimensions.
    ax : matplotlib Axes, optional
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

    Raises
    ------
    ValueError
        When the map does not have exactly these two dimensions, when values along one of them do
        not increase, or for a phase that is none of the four.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    names = list(_PHASES)
    if set(phases["phase"].dims) != {x, y}:
        raise ValueError(
            f"phases has dimensions {phases['phase'].dims}, the axes are x={x!r} and y={y!r}; "
            "select one value of the others with .sel, or name the axes"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    code = phases["phase"].transpose(y, x).values
    across, up = _increasing(phases, x), _increasing(phases, y)
    if not np.isin(code, range(len(names))).all():
        raise ValueError(f"phases holds codes {np.unique(code)}; they are places in {names}")
    pale = ListedColormap([colors[0] for colors in _PHASES.values()])
    ax.pcolormesh(_edges(across), _edges(up), code, cmap=pale, vmin=-0.5, vmax=3.5, rasterized=True)
    ax.set(
        xscale="log" if _logarithmic(across) else "linear",
        yscale="log" if _logarithmic(up) else "linear",
        xlabel=_AXES.get(x, x),
        ylabel=_AXES.get(y, y),
        xlim=_edges(across)[[0, -1]],
        ylim=_edges(up)[[0, -1]],
    )
    for k, name in enumerate(names):
        if np.mean(code == k) > 0.03:
            column, row = _inmost(code == k)
            ax.text(
                column, row, name, transform=ax.transAxes, ha="center", va="center", color="0.15",
                fontweight="bold", zorder=4,
            )  # fmt: skip
    seen: set[str] = set()
    for place_x, place_y, phase in networks or ():
        name = _phase_name(phase)
        _, color, shape = _PHASES[name]
        ax.plot(
            place_x, place_y, shape, color=color, markeredgecolor="0.1", markersize=6.5, zorder=3,
            label="_" if name in seen else name,
        )  # fmt: skip
        seen.add(name)
    return ax


def _increasing(phases: Any, name: str) -> FloatArray:
    values: FloatArray = phases[name].values
    if np.any(np.diff(values) <= 0):
        raise ValueError(
            f"phases has values of {name} that do not increase; use phases.sortby({name!r})"
        )
    return values


def _phase_name(phase: Any) -> str:
    names = list(_PHASES)
    if phase in names:
        return str(phase)
    if isinstance(phase, str) or phase not in range(len(names)):
        raise ValueError(f"networks has the phase {phase!r}; use one of {names}, or its place")
    return names[int(phase)]


_AXES = {
    "weight_decay": r"weight decay $\gamma_a$ (1 / training time)",
    "sigma_a": r"initialization scale $\sigma_a$ (units of $y$)",
    "n_points": "number of data points",
}


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


def _inmost(inside: BoolArray) -> tuple[float, float]:
    """Where a region has most room for a word, as shares of the axes from left and bottom."""
    from scipy import ndimage

    rows, columns = inside.shape
    # A word is several times as wide as high.
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=(1 / rows, 0.3 / columns))
    row, column = np.unravel_index(int(depth[1:-1, 1:-1].argmax()), inside.shape)
    return float(np.clip((column + 0.5) / columns, 0.16, 0.84)), float((row + 0.5) / rows)
