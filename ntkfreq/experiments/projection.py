"""Spectra along one direction, for inputs of many dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ComplexArray
from ntkfreq.spectra.spectrum import error_spectrum


def projected_spectrum(x: Any, values: Any, direction: Any, frequencies: Any) -> ComplexArray:
    r"""Spectrum of values at points, :math:`\frac1n \sum_i v_i\, e^{-i k\,p\cdot x_i}`, along p.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Points.
    values : array_like, shape (n,) or (n, c)
        Values at the points, for instance the targets or the outputs of a network.
    direction : array_like, shape (d,)
        The vector p, taken as it is: its length scales the frequencies.
    frequencies : array_like, shape (F,)
        Angular frequencies k, radians per unit of :math:`p \cdot x`.

    Returns
    -------
    ndarray, shape (F,) or (c, F), complex

    Raises
    ------
    ValueError, TypeError
        On NaN, empty or mismatched input.

    References
    ----------
    Zhou, Zhang and Xu, arXiv 2405.17479.

    Examples
    --------
    >>> import numpy as np
    >>> corners = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    >>> spectrum = projected_spectrum(corners, [1, -1, -1, 1], [1, 1], [0.0, np.pi / 2])
    >>> spectrum.round(12) + 0.0
    array([ 0.+0.j, -1.+0.j])
    """
    points = checks.real_array("x", x, 2)
    checks.magnitude("x", points, checks.SMALLEST, checks.LARGEST)
    along = checks.coordinates("direction", direction, checks.NUMBERS)
    if along.size != points.shape[1]:
        raise ValueError(
            f"direction has {along.size} component(s), but x holds points of dimension "
            f"{points.shape[1]}; give one component each"
        )
    numbers = checks.real_array("values", values, (1, 2))
    if len(numbers) != len(points):
        raise ValueError(
            f"values has shape {numbers.shape}; its first axis must be the {len(points)} points"
        )
    grid = checks.real_array("frequencies", frequencies, 1)
    projected = checks.magnitude(
        "x along direction", points @ along, checks.SMALLEST, checks.LARGEST
    )
    return error_spectrum(projected, np.ascontiguousarray(numbers.T), grid)
