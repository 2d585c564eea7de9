"""Functions that users pass: evaluated with care, and looked at for where they vanish."""

from __future__ import annotations

import numpy as np

from ntkfreq._types import FloatArray, Function

# A function counts as zero beyond its support below this share of its largest value.
_ZERO = 1e-13


def evaluate(name: str, function: Function, x: FloatArray) -> FloatArray:
    """Values of a user's function at (n, d) points, checked for shape and NaN."""
    argument = x[:, 0] if x.shape[1] == 1 else x
    try:
        raw = np.asarray(function(argument))
        if np.iscomplexobj(raw):
            raise TypeError("its values are complex")
        values = raw.astype(np.float64)
    except Exception as error:
        raise ValueError(
            f"{name} failed on an array of shape {argument.shape}: {error}; it must map points "
            "of shape (n,) in 1-D, (n, d) otherwise, to (n,) real values"
        ) from error
    if values.shape == ():
        values = np.full(len(x), float(values))
    if values.shape != (len(x),):
        raise ValueError(
            f"{name} returned shape {values.shape} for {len(x)} points; it must return one value "
            "for each"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"{name} is NaN or infinite at {int(np.sum(~np.isfinite(values)))} point(s)"
        )
    return values


def find_support(function: Function) -> tuple[float, float] | None:
    """An interval outside which a function looks like zero; None if there is none.

    The function is probed at 2000 points an octave out to 2^14, so a narrow
    feature far away can be missed: give `support` to be certain.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = find_support(lambda x: np.exp(-((x - 2) ** 2)))
    >>> bool(-3.7 < low < -3.4), bool(7.4 < high < 7.7), find_support(np.sin)
    (True, True, None)
    """
    octaves = [np.linspace(0.0, 2.0**-3, 2000)]
    octaves += [np.linspace(2.0**k, 2.0 ** (k + 1), 2000) for k in range(-3, 14)]
    radius = np.concatenate(octaves)
    x = np.concatenate([-radius[::-1], radius])
    size = np.abs(evaluate("target", function, x[:, None]))
    loud = np.flatnonzero(size > _ZERO * size.max())
    if loud.size == 0:
        return (-1.0, 1.0)  # zero everywhere: any interval will do
    if loud[0] < 2000 or loud[-1] >= len(x) - 2000:
        return None
    low, high = float(x[loud[0] - 1]), float(x[loud[-1] + 1])
    return (low, high)
