r"""Kernels of the displacement between Legendre polynomials, whatever their frequencies.

For an even kernel f the integrals :math:`I_{mn} = \iint P_m(x)\,f(x-x')\,P_n(x')\,dx\,dx'` over
[-1, 1] obey, by :math:`(2n+1) P_n = (P_{n+1} - P_{n-1})'` and integration by parts,

.. math:: \frac{I_{m,n+1} - I_{m,n-1}}{2n+1} = \frac{I_{m-1,n} - I_{m+1,n}}{2m+1},

which is stable where :math:`m \ge n`; two columns to begin with follow from the moments
:math:`a_k = \int_0^2 f(z)\,P_k(z-1)\,dz`. Nothing is cut in frequency, and f need only be smooth on
z > 0: heavy tails take no more work than light ones.

The recurrence is that of convolutions of Legendre series: Hale and Townsend, SIAM J. Sci. Comput.
36 (2014) A1207.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.numerics.quadrature import panel_rule, resolve

# Values of polynomials held at once; panels that resolve a kernel at most.
_NUMBERS, _MOST_PANELS = 10_000_000, 2_000


def displaced_gram(
    kernel: Function, half: float, modes: int, tolerance: float, what: str
) -> FloatArray:
    """Matrix of a kernel between the first normalized polynomials of an interval.

    Parameters
    ----------
    kernel : callable
        f at displacements z > 0 (n,), in units of x, shape (n,).
    half : float
        Half the width of the interval, in units of x.
    modes : int
        Number of polynomials.
    tolerance : float
        Error of the kernel, relative to its largest value.
    what : str
        What the kernel is of, for refusals.

    Returns
    -------
    ndarray, shape (modes, modes)

    Raises
    ------
    SizeError
        For a kernel that panels do not resolve.

    Examples
    --------
    >>> displaced_gram(np.cos, 1.0, 3, 1e-14, "a wave").round(6) + 0.0
    array([[ 0.708073,  0.      , -0.116724],
           [ 0.      ,  0.272108,  0.      ],
           [-0.116724,  0.      ,  0.019242]])
    """
    moments = _moments(kernel, half, 2 * modes + 2, tolerance, what)
    order = np.arange(1, len(moments) - 1)
    # Integrals of P_m from its left end, against f: S_m = (P_{m+1} - P_{m-1}) / (2 m + 1).
    once = np.append(moments[1] - moments[0], (moments[2:] - moments[:-2]) / (2 * order + 1))
    twice = np.zeros(len(once) - 1)
    twice[1:] = (once[2:] - once[:-2]) / (2 * order[:-1] + 1)
    before = np.where(np.arange(len(twice)) % 2 == 0, -2 * once[:-1], 0.0)
    now = np.where(np.arange(len(twice)) % 2 == 1, 2 * (once[:-1] + twice), 0.0)
    gram = np.zeros((modes, modes))
    for n in range(modes):
        gram[n:, n] = before[n:modes]
        if n + 1 < modes:
            m = np.arange(n + 1, len(now) - 1)
            after = np.zeros(len(now) - 1)
            after[m] = before[m] + (2 * n + 3) / (2 * m + 1) * (now[m - 1] - now[m + 1])
            before, now = now, after
    gram = np.tril(gram) + np.tril(gram, -1).T
    norm = np.sqrt(2 * np.arange(modes) + 1) / 2
    return np.asarray(gram * norm[:, None] * norm)


def _moments(kernel: Function, half: float, count: int, tolerance: float, what: str) -> FloatArray:
    """Integrals of the kernel against P_k(z - 1) over [0, 2], k < count."""
    found = resolve(
        lambda z: kernel(half * z),
        [0.0, 2.0],
        rtol=max(tolerance, 1e-14),
        initial_panels=1,
        max_panels=_MOST_PANELS,
    )
    if not found.converged:
        raise SizeError(
            f"{what} on a box of width {2 * half:g} has a kernel that {_MOST_PANELS} panels do not "
            "resolve: use a smaller box, a narrower density, a larger rtol, or measure=Points(x)"
        )
    # Polynomials oscillate evenly in the angle: half a period of the highest a panel.
    even = 1 - np.cos(np.linspace(0.0, np.pi, count + 1))
    z, weights = panel_rule(np.union1d(found.breaks, even[1:-1]))
    weighted = weights * kernel(half * z)
    moments = np.zeros(count)
    step = max(1, _NUMBERS // count)
    for start in range(0, len(z), step):
        rows = slice(start, start + step)
        moments += weighted[rows] @ legendre.legvander(z[rows] - 1, count - 1)
    return moments
