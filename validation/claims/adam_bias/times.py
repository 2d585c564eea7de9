"""Steps after which half of a tone is learned."""

from __future__ import annotations

import numpy as np

from ntkfreq.spectra.bands import first_passage


def half_steps(step: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """First step at which each column of magnitudes (T, K) is down to half of its start, (K,).

    Examples
    --------
    >>> half_steps(np.array([0, 1, 2]), np.array([[1.0, 2.0], [0.5, 1.5], [0.1, 1.2]])).tolist()
    [1.0, inf]
    """
    clock, size = step.astype(np.float64), np.abs(spectrum)
    return np.array([first_passage(clock, column, 0.5 * column[0]) for column in size.T])


def highest_over_lowest(steps: np.ndarray) -> np.ndarray:
    """Time of the two highest over the two lowest tones, geometric means: (..., K) to (...).

    Examples
    --------
    >>> round(float(highest_over_lowest(np.array([1.0, 4.0, 7.0, 8.0, 2.0]))), 9)
    2.0
    """
    return np.asarray(np.sqrt(steps[..., -2] * steps[..., -1] / (steps[..., 0] * steps[..., 1])))
