"""How far a density reaches along each axis, which may have scales of their own."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import Density


def reaches(density: Density, tail: float) -> FloatArray:
    """Half-widths (d,) of a box about 0 outside which at most `tail` of the probability lies.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> reaches(Normal(scale=(100.0, 1.0)), 1e-3).round(1)
    array([348.1,   3.5])
    """
    dim = density.dim
    along = np.array([density.along(axis).radius(tail / dim) for axis in range(dim)])
    # A ball outside which so little lies is within the box of its own size.
    ball = density.radius(tail)
    return np.full(dim, ball) if ball <= along.min() else along


def sizes(density: Density, tail: float) -> FloatArray:
    """Distances (d,) from 0 along each axis beyond which that much of the probability lies.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> sizes(Normal(scale=(100.0, 1.0)), 0.3).round(1)
    array([103.6,   1. ])
    """
    return np.array([density.along(axis).radius(tail) for axis in range(density.dim)])
