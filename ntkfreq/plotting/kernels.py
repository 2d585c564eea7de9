"""Figure of the eigenvalues of a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from ntkfreq.plotting.frames import several, subplots
from ntkfreq.plotting.palette import BLUE, CYCLE, FREQUENCY, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A = TypeVar("A")


@overload
def plot_kernel_spectrum(spectrum: Any, *, ax: None = None) -> Figure: ...


@overload
def plot_kernel_spectrum(spectrum: Any, *, ax: A) -> A: ...


def plot_kernel_spectrum(spectrum: Any, *, ax: Any = None) -> Any:
    """Eigenvalues of a kernel against frequency, and some of its eigenvectors.

    Parameters
    ----------
    spectrum : NTKSpectrum
        What to draw.
    ax : sequence of two matplotlib.axes.Axes, optional
        Where to draw eigenvalues and eigenvectors; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure, or what was given as `ax`
        A new figure is one that pyplot does not know.

    Raises
    ------
    TypeError, ValueError
        For an `ax` that is not two Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, ntk_spectrum
    >>> from ntkfreq.plotting import plot_kernel_spectrum
    >>> found = ntk_spectrum(Normal(scale=10.0), np.linspace(-1, 1, 60), count=12)
    >>> len(plot_kernel_spectrum(found).axes)
    2
    """
    figure = None
    if ax is None:
        figure, ax = subplots(1, 2, figsize=(9.5, 3.8))
    values, vectors = several(ax, ["eigenvalues", "eigenvectors"])
    seen = spectrum.eigenvalues > 1e-15 * spectrum.eigenvalues[0]
    frequency = spectrum.frequency[seen]
    values.semilogy(
        frequency, spectrum.eigenvalues[seen], "o", color=BLUE, markersize=4, label="eigenvalues"
    )
    if spectrum.predicted is not None:
        order = np.argsort(frequency)
        values.semilogy(
            frequency[order], spectrum.predicted[seen][order], color=ORANGE,
            label="from the density",
        )  # fmt: skip
    values.set(xlabel=FREQUENCY, ylabel="eigenvalue of K/N (1/t)")
    values.legend(frameon=False)
    count = int(np.count_nonzero(seen))
    line = np.argsort(spectrum.x[:, 0], kind="stable")
    style = "-" if spectrum.x.shape[1] == 1 else "."
    for k, color in zip((0, count // 4, count // 2), CYCLE, strict=False):
        heights = np.sqrt(len(line)) * spectrum.eigenvectors[line, k]
        vectors.plot(spectrum.x[line, 0], heights, style, color=color, label=f"no. {k + 1}")
    vectors.set(xlabel="x (first coordinate)", ylabel="eigenvector (mean square 1)")
    vectors.legend(frameon=False)
    return ax if figure is None else figure
