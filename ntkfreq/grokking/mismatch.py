"""How different the training data's spectrum is from the test data's, as one number."""

from __future__ import annotations

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ArrayLike


def spectral_mismatch(train_spectrum: ArrayLike, test_spectrum: ArrayLike) -> float:
    r"""Distance of two spectra relative to their sizes, between 0 and 1.

    .. math:: M = \frac{\|\hat y_{\mathrm{train}} - \hat y_{\mathrm{test}}\|}
                       {\|\hat y_{\mathrm{train}}\| + \|\hat y_{\mathrm{test}}\|}

    with Euclidean norms over all frequencies, and over outputs if there are several. 0 only for
    equal spectra; 1 only where one of them is minus a positive multiple of the other, or zero. Two
    spectra of equal size that have nothing in common have :math:`1/\sqrt2`. Phases count: a tone
    that is shifted on the training points is a mismatch.

    The choice is ours: that a mismatch of these spectra delays generalization is observed by Zhou,
    Zhang, Xu without a measure of it.

    Parameters
    ----------
    train_spectrum, test_spectrum : array_like, shape (F,) or (F, ...)
        Complex spectra of the target (or of an error) under the two sets of points, as
        :func:`ntkfreq.error_spectrum` gives them, on one uniform grid of frequencies that covers
        what the target holds and what the network can learn.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For shapes that differ, values that are not finite, or two spectra that vanish.

    References
    ----------
    Zhou, Zhang, Xu, arXiv 2405.17479.

    Examples
    --------
    Ten samples of a tone take it for a low one; a hundred do not.

    >>> import numpy as np
    >>> from ntkfreq import error_spectrum
    >>> k = np.linspace(-12.0, 12.0, 97)
    >>> def tone(n):
    ...     x = -np.pi + 2 * np.pi * (np.arange(n) + 0.5) / n
    ...     return error_spectrum(x, np.sin(6 * x), k)
    >>> round(spectral_mismatch(tone(10), tone(1000)), 2)
    0.42
    >>> round(spectral_mismatch(tone(100), tone(1000)), 3)
    0.001
    """
    one = checks.complex_array("train_spectrum", train_spectrum)
    other = checks.complex_array("test_spectrum", test_spectrum)
    if one.shape != other.shape:
        raise ValueError(
            f"test_spectrum has shape {other.shape} and train_spectrum {one.shape}; both need the "
            "same frequencies"
        )
    largest = max(float(np.abs(one).max()), float(np.abs(other).max()))
    if largest == 0:
        raise ValueError(
            "train_spectrum and test_spectrum are both zero at all frequencies, which has no "
            "mismatch; choose frequencies at which the target has energy"
        )
    # Relative to the largest value: squares of very large or small ones leave the floating range.
    one, other = one / largest, other / largest
    sizes = np.linalg.norm(one) + np.linalg.norm(other)
    return min(1.0, float(np.linalg.norm(one - other) / sizes))
