"""Functions that users pass: checked evaluation, and the search for their support."""

from __future__ import annotations

import numpy as np

from ntkfreq._support import arrays
from ntkfreq._support.guard import users_own
from ntkfreq._support.types import FloatArray, Function

# Values enter as squares, which must stay within double precision.
SMALLEST, LARGEST = 1e-100, 1e100
# A function counts as zero beyond its support below this share of its largest value.
_ZERO = 1e-13


def evaluate(name: str, function: Function, x: FloatArray) -> FloatArray:
    """Values of a user's function at (n, d) points, checked for shape and NaN.

    The function gets a copy of the points, which it may write into.
    """
    argument = np.array(x[:, 0] if x.shape[1] == 1 else x)
    try:
        with users_own():
            result = function(argument)
        values = arrays.floats("its result", arrays.plain("its result", result))
    except Exception as error:
        raise ValueError(
            f"{name} failed on an array of shape {argument.shape}: {arrays.brief(error)}; it must "
            "map points "
            "of shape (n,) in 1-D, (n, d) otherwise, to (n,) real values"
        ) from error
    if values.shape == () and type(result) in (int, float):
        values = np.full(len(x), float(values))
    if values.shape == (len(x), 1):
        values = values[:, 0]
    if values.shape != (len(x),):
        raise ValueError(
            f"{name} returned shape {values.shape} for {len(x)} points; it must return one value "
            "for each, or a plain Python number where it is constant"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{name} is NaN or infinite at {bad.size} point(s), the first x={x[bad[0]].tolist()}; "
            "give a function that is finite wherever it is asked, or a support without that place"
        )
    if values.size and np.abs(values).max() > LARGEST:
        raise ValueError(
            f"{name} reaches {np.abs(values).max():.3g}; values must be of magnitude {LARGEST:g} "
            "at most: choose other units"
        )
    return values


def refuse_tiny(name: str, peak: float) -> None:
    """Refuse a function so small everywhere that its squares vanish."""
    if 0 < peak < SMALLEST:
        raise ValueError(
            f"{name} reaches {peak:.3g} only; its largest value must be 0 or at least "
            f"{SMALLEST:g}: choose other units"
        )


def is_constant_zero(function: Function, dim: int = 1) -> bool:
    """Whether a function of d coordinates is zero by construction: it returns the number 0.

    Probes do not distinguish a function that is zero everywhere from one that is zero at all of
    them. NumPy's numbers do not count: they come from sums over the points by mistake.

    Examples
    --------
    >>> is_constant_zero(lambda x: 0.0), is_constant_zero(lambda x: 0.0 * x)
    (True, False)
    """
    try:
        value = function(np.zeros(3) if dim == 1 else np.zeros((3, dim)))
    except Exception:  # `evaluate` reports what is wrong with it
        return False
    return type(value) in (int, float) and value == 0


def unseen(name: str, where: str, support: str) -> ValueError:
    """The refusal of a function that is 0 at all probes."""
    return ValueError(
        f"{name} is 0 at all of {where}, and unknown elsewhere; name its support, "
        f"Target.from_function(f, support={support}), or, if it is 0 everywhere, let it return "
        "the number 0.0"
    )


def find_support(
    function: Function, name: str = "target", power: int = 0
) -> tuple[float, float] | None:
    """An interval outside which a function looks like zero; None if there is none.

    The function is probed at 2000 points an octave out to 2^14, so a narrow
    feature far away can be missed: give `support` to be certain.

    Parameters
    ----------
    function : callable
    name : str
    power : int, default 0
        Find the support of `function` times this power of the radius: small values far out count.

    Raises
    ------
    ValueError
        Where every probe gives zero, so that the support is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = find_support(lambda x: np.exp(-((x - 2) ** 2)))
    >>> bool(-3.7 < low < -3.4), bool(7.4 < high < 7.7), find_support(np.sin)
    (True, True, None)
    """
    if is_constant_zero(function):
        return (-1.0, 1.0)  # any interval will do
    octaves = [np.linspace(0.0, 2.0**-3, 2000)]
    octaves += [np.linspace(2.0**k, 2.0 ** (k + 1), 2000) for k in range(-3, 14)]
    radius = np.concatenate(octaves)
    x = np.concatenate([-radius[::-1], radius])
    size = np.abs(evaluate(name, function, x[:, None]))
    refuse_tiny(name, float(size.max()))
    if size.max() == 0:
        raise unseen(name, f"{len(x)} probes within |x| < 16384", "(a, b)")
    if power:
        # In logarithms: the power alone would leave double precision.
        with np.errstate(divide="ignore"):
            logarithm = np.log(size) + power * np.log(np.abs(x))
        size = np.exp(np.maximum(logarithm - logarithm.max(), -700.0))
    above = np.flatnonzero(size > _ZERO * size.max())
    if above[0] < 2000 or above[-1] >= len(x) - 2000:
        return None
    low, high = float(x[above[0] - 1]), float(x[above[-1] + 1])
    return (low, high)
