"""Images solved at once: every channel on the same pixels, with one operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from ntkfreq._support.display import Described, course, span
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq.images.samples import ImageSamples, image_samples
from ntkfreq.pde.solution.linear import LinearSolution
from ntkfreq.pde.solution.other_values import with_values
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.solve import solve_frequency_pde
from ntkfreq.problem.given import DensityLike
from ntkfreq.problem.optimizers import Optimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class ImageSolution(Described):
    """What a network learns of an image when; made by :func:`solve_image`.

    Attributes
    ----------
    samples : ImageSamples
        The pixels.
    channels : tuple of FrequencySolution
        One solution a channel, at the same times.
    """

    samples: ImageSamples
    channels: tuple[FrequencySolution, ...]

    def _facts(self) -> dict[str, str]:
        tested = {} if self.test_loss is None else {"test_loss": course(self.test_loss)}
        facts = {"t": span(self.t), "train_loss": course(self.train_loss)} | tested
        return facts | {"status": self.channels[0].status.partition(":")[0]}

    @property
    def t(self) -> FloatArray:
        """Times (T,)."""
        return self.channels[0].t

    @property
    def train_loss(self) -> FloatArray:
        """Mean square over the samples and channels, shape (T,)."""
        return np.asarray(np.mean([one.train_loss for one in self.channels], axis=0))

    @property
    def test_loss(self) -> FloatArray | None:
        """The same over the test pixels; None without any."""
        losses = [one.test_loss for one in self.channels if one.test_loss is not None]
        return np.asarray(np.mean(losses, axis=0)) if losses else None

    @property
    def psnr(self) -> FloatArray | None:
        """Peak signal-to-noise ratio on the test pixels in decibels, of images within [0, 1]."""
        loss = self.test_loss
        return None if loss is None else np.asarray(-10 * np.log10(np.maximum(loss, 1e-300)))

    @property
    def best_time(self) -> float:
        """Time of the smallest test loss, of the training loss without test pixels."""
        loss = self.train_loss if self.test_loss is None else self.test_loss
        return float(self.t[int(np.argmin(loss))])

    def pictures(self, t: ArrayLike | None = None) -> FloatArray:
        """Outputs at all pixels.

        Parameters
        ----------
        t : array_like, shape (T,), optional
            Times; default :attr:`best_time` alone.

        Returns
        -------
        ndarray, shape (T, H, W) or (T, H, W, C)
        """
        moments = [self.best_time] if t is None else t
        pixels = self.samples.pixels.reshape(-1, 2)
        outputs = [one.at(t=moments).output(pixels) for one in self.channels]
        stacked = outputs[0] if self.samples.grey else np.stack(outputs, axis=-1)
        return self.samples.picture(stacked)

    @overload
    def plot(self, t: ArrayLike | None = None, *, ax: None = None) -> Figure: ...

    @overload
    def plot(self, t: ArrayLike | None = None, *, ax: A) -> A: ...

    def plot(self, t: ArrayLike | None = None, *, ax: Any = None) -> Any:
        """The image with its samples, and the outputs at some times.

        Parameters
        ----------
        t : array_like, shape (T,), optional
            Times; default an early one and :attr:`best_time`.
        ax : sequence of matplotlib.axes.Axes, optional
            Where to draw: one for the samples and one for each time; default a new figure.

        Returns
        -------
        matplotlib.figure.Figure, or what was given as `ax`
        """
        from ntkfreq.plotting.images import plot_pictures

        moments = np.asarray([self.best_time / 30, self.best_time] if t is None else t)
        known = self.samples.known[..., None]
        seen = np.where(known, self.samples.values, np.nan)
        given = seen[..., 0] if self.samples.grey else seen
        titles = ["samples", *(f"predicted at t = {time:.3g}" for time in moments)]
        return plot_pictures([given, *self.pictures(moments)], titles, ax=ax)


@guarded
def solve_image(
    rho_w: DensityLike,
    image: ArrayLike | ImageSamples,
    *,
    mask: ArrayLike | None = None,
    coordinates: str = "centred",
    sigma_a: float = 1.0,
    weight_decay: float = 0.0,
    t: ArrayLike | None = None,
    frequencies: ArrayLike | None = None,
    step_size: float | None = None,
    optimizer: str | Optimizer | None = None,
    width: int | None = None,
    steps: int | ArrayLike | None = None,
    rtol: float | None = None,
    method: str = "auto",
) -> ImageSolution:
    r"""Predict what a random-Fourier-feature network learns of an image when.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies, in two dimensions; radians per unit of the coordinates.
    image : array_like, shape (H, W) or (H, W, C), or ImageSamples
        The image; see :func:`image_samples`.
    mask, coordinates
        As for :func:`image_samples`.
    sigma_a, weight_decay, t, frequencies, step_size, optimizer, width, steps, rtol, method
        As for :func:`ntkfreq.solve_frequency_pde`. The network starts at zero, less the mean of
        each channel; its channels are outputs of independent output weights.

    Returns
    -------
    ImageSolution
        Losses, pictures and one solution a channel. Channels share the operator.

    Raises
    ------
    TypeError, ValueError
        For what :func:`image_samples` and :func:`ntkfreq.solve_frequency_pde` refuse.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> rows, columns = np.indices((16, 24))
    >>> image = np.stack([np.sin(columns / 3), np.cos(rows / 2)], axis=-1)
    >>> some = np.random.default_rng(0).random((16, 24)) < 0.6
    >>> solution = solve_image(Normal(scale=5.0, dim=2), image, mask=some)
    >>> len(solution.channels), solution.pictures().shape
    (2, (1, 16, 24, 2))
    >>> bool(solution.test_loss.min() < 0.05 * solution.test_loss[0])
    True
    """
    if isinstance(image, ImageSamples):
        samples = image
        if mask is not None or coordinates != "centred":
            raise ValueError(
                "mask and coordinates belong to the samples; give them to image_samples"
            )
    else:
        samples = image_samples(image, mask=mask, coordinates=coordinates)
    x, columns = samples.x, _columns(samples.y)
    tested: list[Any] = [None] * len(columns)
    if samples.test is not None:
        tested = [(samples.test[0], column) for column in _columns(samples.test[1])]

    def solved(column: FloatArray, test: Any) -> FrequencySolution:
        return solve_frequency_pde(
            rho_w,
            (x, column),
            sigma_a=sigma_a,
            weight_decay=weight_decay,
            t=t,
            frequencies=frequencies,
            test=test,
            step_size=step_size,
            optimizer=optimizer,
            width=width,
            steps=steps,
            rtol=rtol,
            method=method,
        )

    first = solved(columns[0], tested[0])
    others = [
        # Under rules that are followed step by step channels do not share their steps.
        with_values(first, column, test)
        if isinstance(first, LinearSolution)
        else solved(column, test)
        for column, test in zip(columns[1:], tested[1:], strict=True)
    ]
    return ImageSolution(samples, (first, *others))


def _columns(values: FloatArray) -> list[Any]:
    """Values (n,) or (n, C) by channel."""
    return [values] if values.ndim == 1 else [np.ascontiguousarray(line) for line in values.T]
