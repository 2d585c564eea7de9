"""What measurements at finite widths say about infinite width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.types import ArrayLike


@dataclass(frozen=True)
class WidthExtrapolation(Described):
    """Limit of a measured quantity at infinite width.

    Attributes
    ----------
    limit : float
        Value at infinite width, in the unit of the quantity.
    standard_error : float
        Of the limit, from the scatter of the seeds about the fit.
    coefficient : float
        What multiplies 1/width.
    """

    limit: float
    standard_error: float
    coefficient: float

    def __call__(self, width: Any) -> Any:
        """Fitted mean at a width."""
        return self.limit + self.coefficient / np.asarray(width, dtype=np.float64)


def extrapolate_width(widths: ArrayLike, values: ArrayLike) -> WidthExtrapolation:
    r"""Fit :math:`q(m) = q_\infty + c/m` to a quantity measured on networks of several widths.

    A quantity of a network of width m scatters by :math:`O(m^{-1/2})` from seed to seed, about a
    mean that differs from its limit by :math:`O(1/m)`: least squares with weights m.

    Parameters
    ----------
    widths : array_like, shape (W,)
        At least two different widths.
    values : array_like, shape (W, S)
        The quantity, for each width and S independent seeds.

    Returns
    -------
    WidthExtrapolation

    Raises
    ------
    ValueError
        When shapes do not fit, values are not finite or above 1e290, or there are too few of
        either.

    Examples
    --------
    >>> import numpy as np
    >>> widths = np.array([100, 1000, 10000])
    >>> seeds = np.random.default_rng(0).standard_normal((3, 20))
    >>> fit = extrapolate_width(widths, 2 + 30 / widths[:, None] + seeds / widths[:, None] ** 0.5)
    >>> abs(fit.limit - 2) < 3 * fit.standard_error < 0.02
    True
    """
    width = checks.real_array("widths", widths, 1)
    value = checks.real_array("values", values, 2)
    checks.magnitude("widths", width, 1.0, 1e15)
    checks.magnitude("values", value, 1e-300, 1e290)
    if np.any(width <= 0) or np.unique(width).size < 2:
        raise ValueError(
            f"widths={checks.show(width)} must be positive, at least two of them different; "
            "train networks of another width"
        )
    if value.shape[0] != width.size or value.size < 3:
        raise ValueError(
            f"values has shape {value.shape}; give a row of seeds for each of the {width.size} "
            "widths, three values at least"
        )
    if np.ptp(1 / width) < 1e-6 / width.min():
        raise ValueError(
            f"widths={checks.show(width)} are too close to tell a slope; train networks of "
            "another width, twice as large or more"
        )
    inverse = np.repeat(1.0 / width, value.shape[1])
    # Relative to the largest: squares of very large or small values leave the floating range.
    largest = float(np.abs(value).max()) or 1.0
    # np.polyfit multiplies residuals by w, so w^2 = m is one over the variance.
    fitted, covariance = np.polyfit(inverse, value.ravel() / largest, 1, w=inverse**-0.5, cov=True)
    coefficient, limit = (largest * float(part) for part in fitted)
    return WidthExtrapolation(limit, largest * float(np.sqrt(covariance[1, 1])), coefficient)
