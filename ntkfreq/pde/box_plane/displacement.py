r"""Stationary kernels between Legendre polynomials, and their tables as sums of products.

Between polynomials a kernel of the displacement needs only their correlations, which are
polynomials in z > 0,

.. math:: \iint p_m(x)\,f(x-x')\,p_n(x')\,dx\,dx'
          = \int_0^{2h} f(z)\,\bigl[c_{mn}(z) \pm c_{nm}(z)\bigr]\,dz, \qquad
          c_{mn}(z) = \int p_m(x)\,p_n(x-z)\,dx,

with the sign of the parity of f: the only point where kernels are not smooth is an end of the
interval. Frequencies are not truncated, so heavy tails need no more work.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import ORDER, gauss_legendre

_CHUNK = 4_000_000
_NOISE = 1e-12
Pair = tuple[FloatArray, FloatArray]


def normalized_legendre(s: FloatArray, modes: int) -> FloatArray:
    """Polynomials on [-1, 1], orthonormal for the mean, at points of any shape, (..., modes)."""
    return np.asarray(legendre.legvander(s, modes - 1) * np.sqrt(2 * np.arange(modes) + 1))


def mode_rule(breaks: FloatArray, modes: int) -> Pair:
    """Rule on the panels between `breaks` that also resolves Legendre polynomials.

    The first `modes` polynomials of the whole interval oscillate evenly in the angle whose cosine
    is the position; each panel gets nodes for its share of it.

    Examples
    --------
    >>> import numpy as np
    >>> s, weights = mode_rule(np.array([-1.0, 0.3, 1.0]), 40)
    >>> gram = (normalized_legendre(s, 40).T * weights / 2) @ normalized_legendre(s, 40)
    >>> bool(np.abs(gram - np.eye(40)).max() < 1e-13)
    True
    """
    low, high = breaks[0], breaks[-1]
    angle = np.arccos(np.clip(1 - 2 * (breaks - low) / (high - low), -1.0, 1.0))
    nodes, weights = [], []
    for left, right, turn in zip(breaks[:-1], breaks[1:], np.diff(angle), strict=True):
        # Degree 2 n needs n + 1 nodes on the whole interval, and somewhat more than its share on
        # a part of it.
        unit, weight = gauss_legendre(ORDER + int(np.ceil(1.6 * modes * turn / np.pi)))
        nodes.append((left + right) / 2 + (right - left) / 2 * unit)
        weights.append((right - left) / 2 * weight)
    return np.concatenate(nodes), np.concatenate(weights)


def displacement_grams(
    z: FloatArray, weights: FloatArray, functions: FloatArray, parity: FloatArray, modes: int
) -> FloatArray:
    """Matrices of kernels f(x - x') between polynomials on [-1, 1], shape (r, modes, modes).

    `functions` (r, len(z)) are values at displacements z in (0, 2), `parity` (r,) is 1 or -1.

    Examples
    --------
    >>> import numpy as np
    >>> z, weights = mode_rule(np.array([0.0, 2.0]), 4)
    >>> wave = np.stack([np.cos(z), np.sin(z)])
    >>> even, odd = displacement_grams(z, weights, wave, np.array([1.0, -1.0]), 2)
    >>> even.round(6) + 0.0, odd.round(6) + 0.0
    (array([[0.708073, 0.      ],
           [0.      , 0.272108]]), array([[ 0.      , -0.438944],
           [ 0.438944,  0.      ]]))
    """
    unit, weight = gauss_legendre(modes)
    half = np.zeros((len(functions), modes * modes))
    step = max(1, _CHUNK // modes**2)
    for start in range(0, len(z), step):
        part = z[start : start + step, None]
        # The two polynomials overlap on [z - 1, 1]; n points are exact there.
        overlap = 1 - part / 2
        s = part / 2 + overlap * unit
        left = normalized_legendre(s, modes) * (overlap * weight / 4)[..., None]
        correlations = left.swapaxes(1, 2) @ normalized_legendre(s - part, modes)
        rows = slice(start, start + step)
        half += (functions[:, rows] * weights[rows]) @ correlations.reshape(len(part), -1)
    grams = half.reshape(-1, modes, modes)
    return np.asarray(grams + parity[:, None, None] * grams.swapaxes(1, 2))


def cross_approximation(table: FloatArray, tolerance: float) -> Pair:
    """Columns and rows whose products add up to a table within `tolerance` everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 40)
    >>> left, right = cross_approximation(np.exp(-np.add.outer(x, x) ** 2), 1e-12)
    >>> len(left) <= 12
    True
    """
    rest = table.copy()
    left: list[FloatArray] = []
    right: list[FloatArray] = []
    sizes: list[float] = []
    while len(left) < min(table.shape):
        row, column = divmod(int(np.abs(rest).argmax()), table.shape[1])
        pivot = float(rest[row, column])
        sizes.append(abs(pivot))
        # Rounding errors of the table have full rank: a residual that no longer falls is rounding.
        noise = len(sizes) > 8 and 0.5 * sizes[-9] < sizes[-1] < _NOISE
        if sizes[-1] <= tolerance or noise:
            break
        left.append(rest[:, column].copy())
        right.append(rest[row] / pivot)
        rest -= np.multiply.outer(left[-1], right[-1])
    shape = (-1, *table.shape)
    return np.reshape(left, (-1, shape[1])), np.reshape(right, (-1, shape[2]))
