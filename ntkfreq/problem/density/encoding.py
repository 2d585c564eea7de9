"""Frequencies of positional encodings, as atoms."""

from __future__ import annotations

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.sizes import refuse_memory
from ntkfreq.problem.density.composite import Empirical

# Beyond any use, and within what memory allows of one of the two.
_MOST_LEVELS, _MOST_DIM = 1024, 4096


@guarded
def positional_encoding(
    levels: int, dim: int = 1, base: float = 2.0, first: float = np.pi
) -> Empirical:
    r"""The frequencies of a positional encoding, as atoms of equal weight.

    An encoding :math:`\sin(b^j w_0 x_i), \cos(b^j w_0 x_i)` of every coordinate, :math:`j = 0,
    \dots, L-1`, has the frequencies :math:`b^j w_0` along each axis, and the kernel

    .. math:: k(z) = \frac{1}{Ld} \sum_{i=1}^d \sum_{j=0}^{L-1} \cos(b^j w_0 z_i) .

    Nothing of it is random: a network on it is one on Fourier features of fixed frequencies,
    usually with hidden layers, which are then all that is of infinite width. So freeze them, by
    ``train_frequencies=False`` with hidden layers and by ``sigma_a=0`` without. With trained ones
    the limit is that of a network with many copies of each frequency, every copy with output
    weights of its own.

    Parameters
    ----------
    levels : int
        Number L of frequencies along each axis.
    dim : int, default 1
        Number d of coordinates.
    base : float, default 2
        Ratio b of a frequency to the one before.
    first : float, default pi
        The first frequency :math:`w_0`, radians per unit of x.

    Returns
    -------
    Empirical
        For Points and Box; Line and Grid need a pdf.

    Raises
    ------
    ValueError, TypeError
        On a number of levels or coordinates below 1, and a base or first frequency that is not
        positive or leads beyond 1e50.

    Notes
    -----
    With a whole base the kernel repeats itself after :math:`2\pi/w_0`, which is 2 by default: keep
    each coordinate within half of that, [-1, 1) or a part of it, so that no two points are the
    same to the network. The raw coordinates, which some codes append to the encoding, are no
    frequencies, and not covered. The features are divided by :math:`\sqrt{Ld}` here, so that
    k(0) = 1; taken as they are they make a kernel of the features that is Ld times as large.

    References
    ----------
    Mildenhall et al., arXiv 2003.08934, equation 4; Tancik et al., arXiv 2006.10739, for random
    Fourier features in their place and the kernel of both.

    Examples
    --------
    >>> code = positional_encoding(4)
    >>> code.atoms.ravel() / np.pi
    array([1., 2., 4., 8.])
    >>> code.kernel([0.0, 0.25, 2.0])
    array([1.        , 0.17677, 1.        ])

    A picture's coordinates, ten levels:

    >>> positional_encoding(10, dim=2)
    Empirical(atoms=20 of dimension 2 from 0 to 1608, weights=equal)
    """
    levels = checks.integer("levels", levels, 1, _MOST_LEVELS)
    dim = checks.integer("dim", dim, 1, _MOST_DIM)
    base, first = checks.positive("base", base), checks.positive("first", first)
    ends = np.log10(first) + np.array([0.0, (levels - 1) * np.log10(base)])
    least, most = np.log10([checks.SMALLEST, checks.LARGEST])
    if ends.min() < least or ends.max() > most:
        raise ValueError(
            f"levels={levels}, base={base:g} and first={first:g} make frequencies from "
            f"1e{ends.min():.0f} to 1e{ends.max():.0f}; they must be from {checks.SMALLEST:g} to "
            f"{checks.LARGEST:g}: give fewer levels or a base nearer to 1"
        )
    refuse_memory(
        f"levels={levels} along each of dim={dim} axes",
        24.0 * levels * dim**2,
        "give fewer levels or coordinates",
    )
    along = first * base ** np.arange(levels)
    return Empirical(np.concatenate([along[:, None] * axis for axis in np.eye(dim)]))
