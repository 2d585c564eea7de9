"""The pixels of an image as samples, in one of the conventions for their coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support import arrays, checks
from ntkfreq._support.display import Described, points
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, BoolArray, FloatArray

CONVENTIONS = ("centred", "siren", "unit")


@dataclass(frozen=True, eq=False)
class ImageSamples(Described):
    """Known pixels of an image; made by :func:`image_samples`.

    Attributes
    ----------
    values : ndarray, shape (H, W, C)
        The image, NaN where nothing is known.
    known : ndarray of bool, shape (H, W)
        Which pixels are samples.
    pixels : ndarray, shape (H, W, 2)
        Coordinates of all pixels: down the rows, and along them.
    offset : ndarray, shape (C,)
        Mean of each channel over the samples.
    grey : bool
        Whether the image was given without a channel axis.
    """

    values: FloatArray
    known: BoolArray
    pixels: FloatArray
    offset: FloatArray
    grey: bool

    def _facts(self) -> dict[str, str]:
        height, width, channels = self.values.shape
        return {
            "image": f"{height} x {width} pixels, {channels} channel(s)",
            "x": points(self.x),
            "test": f"{0 if self.test is None else len(self.test[0])} pixels",
        }

    @property
    def x(self) -> FloatArray:
        """Coordinates of the samples, shape (n, 2)."""
        return np.ascontiguousarray(self.pixels[self.known])

    @property
    def y(self) -> FloatArray:
        """Their values less `offset`, shape (n,) for a grey image, (n, C) otherwise."""
        return self._less(self.values[self.known])

    @cached_property
    def test(self) -> tuple[FloatArray, FloatArray] | None:
        """Coordinates and values of the other pixels whose values are known; None without any."""
        others = ~self.known & np.isfinite(self.values).all(axis=-1)
        if not others.any():
            return None
        return np.ascontiguousarray(self.pixels[others]), self._less(self.values[others])

    def _less(self, values: FloatArray) -> FloatArray:
        found = np.asarray(values - self.offset)
        return np.ascontiguousarray(found[:, 0]) if self.grey else found

    def picture(self, outputs: ArrayLike) -> FloatArray:
        """Outputs at all pixels as images.

        Parameters
        ----------
        outputs : array_like, shape (..., H W) for a grey image, (..., H W, C) otherwise
            Outputs at ``pixels.reshape(-1, 2)``.

        Returns
        -------
        ndarray, shape (..., H, W) or (..., H, W, C)
            With the offset added.
        """
        height, width, channels = self.values.shape
        array = np.asarray(outputs, dtype=np.float64)
        if self.grey:
            found = array.reshape(*array.shape[:-1], height, width) + self.offset[0]
        else:
            found = array.reshape(*array.shape[:-2], height, width, channels) + self.offset
        return np.asarray(found)


@guarded
def image_samples(
    image: ArrayLike, *, mask: ArrayLike | None = None, coordinates: str = "centred"
) -> ImageSamples:
    r"""Pixels of an image as samples.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        The image. Unsigned integers are divided by their largest value (255 for eight bits). NaN
        and entries that a masked array hides are missing pixels.
    mask : array_like of bool, shape (H, W), optional
        True where a pixel is a sample. The others, where their values are known, are test pixels.
        Default: all that are known.
    coordinates : {"centred", "siren", "unit"}, default "centred"
        Where the pixels lie. The first coordinate runs down the rows, the second along them.
        "centred": at the centres of squares, the longer side being [-1, 1]; one unit for both
        sides. "siren": from -1 to 1 with a pixel at either end, each side by itself. "unit":
        0, 1/n, ..., (n - 1)/n on each side, where a network with :math:`\cos(2\pi b \cdot x)` and
        b of deviation s has ``Normal(scale=2 * pi * s, dim=2)``.

    Returns
    -------
    ImageSamples
        With `x` and `y` for :func:`ntkfreq.solve_frequency_pde` and :func:`ntkfreq.train`.

    Raises
    ------
    TypeError, ValueError
        On other shapes, infinite values, a mask of another shape or that keeps no known pixel.

    References
    ----------
    Tancik et al., arXiv 2006.10739 ("unit"); Sitzmann et al., arXiv 2006.09661 ("siren").

    Examples
    --------
    >>> import numpy as np
    >>> samples = image_samples(np.array([[0, 255], [51, 0]], dtype=np.uint8))
    >>> samples.x.tolist()
    [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    >>> (samples.y + samples.offset).round(2)
    array([0. , 1. , 0.2, 0. ])
    """
    checks.choice("coordinates", coordinates, CONVENTIONS)
    values = _values(image)
    shape = values.shape[:2]
    present: BoolArray = np.asarray(np.isfinite(values).all(axis=-1))
    known = present
    if mask is not None:
        wanted = np.asarray(mask)
        if wanted.dtype != np.bool_ or wanted.shape != shape:
            raise ValueError(
                f"mask has shape {wanted.shape} and type {wanted.dtype}; it must be a boolean "
                f"array of shape {shape}, True where a pixel is a sample"
            )
        known = present & wanted
    if not known.any():
        raise ValueError("image has no known pixel that the mask keeps; keep at least one")
    offset, grey = values[known].mean(axis=0), np.asarray(image).ndim == 2
    return ImageSamples(values, known, _pixels(shape, coordinates), offset, grey)


def _values(image: ArrayLike) -> FloatArray:
    """The image as (H, W, C) numbers."""
    given: Any = image
    hidden = np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else None
    # A fill value under a mask is no brightness; other containers say what they hide.
    array = np.asarray(arrays.plain("image", given) if hidden is None else given.data)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"image has shape {array.shape}; it must be (H, W) or (H, W, C), channels last: "
            "numpy.moveaxis(image, 0, -1) where they are first"
        )
    if array.ndim == 3 and array.shape[-1] > 16:
        raise ValueError(
            f"image has shape {array.shape}, with {array.shape[-1]} channels; channels are last: "
            "numpy.moveaxis(image, 0, -1) where they are first"
        )
    if array.dtype.kind == "u":
        array = array / float(np.iinfo(array.dtype).max)
    elif array.dtype.kind not in "fib":
        raise TypeError(f"image holds {array.dtype}; it must hold real numbers")
    values = np.array(array, dtype=np.float64)
    if hidden is not None:
        values[hidden] = np.nan
    if np.isinf(values).any():
        raise ValueError("image holds infinite values; set them to NaN where they are missing")
    return values[..., None] if values.ndim == 2 else values


def _pixels(shape: tuple[int, ...], coordinates: str) -> FloatArray:
    """Coordinates of all pixels, (H, W, 2)."""
    if coordinates == "centred":
        axes = [(2 * np.arange(count) + 1 - count) / max(shape) for count in shape]
    elif coordinates == "siren":
        axes = [np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in shape]
    else:
        axes = [np.arange(count) / count for count in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
