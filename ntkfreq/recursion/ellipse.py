r"""Means over the phase of a unit, :math:`J = E\,u u^T/\sqrt{u^T V u}` for u on the unit circle.

V is the second moment of the two gradients (C', S') of a node, a symmetric 2 x 2 matrix of
eigenvalues :math:`v_1 \ge v_2`. In its eigenframe :math:`J = \mathrm{diag}(J_1, J_2)` with

.. math:: J_1 = \Bigl\langle\frac{\cos^2\varphi}{q}\Bigr\rangle, \quad
          J_2 = \Bigl\langle\frac{\sin^2\varphi}{q}\Bigr\rangle, \quad
          q = \sqrt{v_1\cos^2\varphi + v_2\sin^2\varphi},

complete elliptic integrals. No eigenvectors are needed: with :math:`a = \sqrt{v_1}`,
:math:`b = \sqrt{v_2}` and the arithmetic-geometric mean of both,

.. math:: J = \tfrac{1}{2\,\mathrm{agm}(a, b)} I + \kappa\,(V - \tfrac12\mathrm{tr}V\,I), \quad
          \kappa = -\frac{1}{\mathrm{agm}(a, b)}\sum_{n\ge1}\frac{2^n c_n^2}{(v_1 - v_2)^2},

where :math:`c_n` are half the differences of the means; every term is positive and stays so for
:math:`v_1 = v_2`. Numba's cache does not see these lines from the kernels that inline them: those
carry the checksum of this file.

References
----------
Abramowitz and Stegun, Handbook of Mathematical Functions, 17.6 (the mean and K, E).
"""

from __future__ import annotations

import math

import numpy as np

from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq.spectra.sincos import jit

# v_2 / v_1 of a matrix of rank one: its mean along the second axis is infinite, but is multiplied
# by a first moment that is zero.
RANK_ONE = 1e-30
# Square of the relative difference of two means from which on the next step changes no digit.
_CONVERGED = 1e-16


@jit(inner=True)
def root_of_determinant(cc: float, cs: float, ss: float) -> float:
    """Square root of the determinant of V, a positive number for a matrix of rank one."""
    trace = cc + ss
    return math.sqrt(max(cc * ss - cs * cs, 0.25 * RANK_ONE * trace * trace))


@jit(inner=True)
def phase_mean(trace: float, root: float) -> tuple[float, float]:
    """Half the trace of J and the factor kappa of V - tr V/2; trace of V > 0, root of its det."""
    square = trace + 2 * root
    a, b = 0.5 * math.sqrt(square), math.sqrt(root)
    start = 0.25 * max(trace - 2 * root, 0.0)
    ratio, total, weight, c = 1.0, 2.0, 4.0, start
    while c > _CONVERGED * a * a:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
        ratio *= c / (16 * a * a)
        total += weight * ratio
        weight *= 2
        c *= c / (16 * a * a)
    return 0.5 / a, -0.25 * total / (a * square)


@jit()
def _axes(v1: FloatArray, v2: FloatArray, j1: FloatArray, j2: FloatArray) -> None:
    for i in range(v1.size):
        half, factor = phase_mean(v1[i] + v2[i], math.sqrt(v1[i]) * math.sqrt(v2[i]))
        j1[i] = half + 0.5 * factor * (v1[i] - v2[i])
        j2[i] = half - 0.5 * factor * (v1[i] - v2[i])


def elliptic_means(v1: ArrayLike, v2: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r"""J_1 and J_2, the means of cos^2/q and sin^2/q over the circle.

    Parameters
    ----------
    v1, v2 : array_like
        Eigenvalues, :math:`v_1 \ge v_2 \ge 0`, of one shape.

    Returns
    -------
    j1, j2 : ndarray
        Relative error 1e-14 (of J_1 1e-13 for tiny v_2/v_1); J_2 is infinite for v_2 = 0, both are
        for v_1 = 0.

    Notes
    -----
    :math:`J_1 = \tfrac2\pi (E - k'^2 K)/(k^2\sqrt{v_1})`, :math:`J_2 = \tfrac2\pi
    (K - E)/(k^2\sqrt{v_1})` with the complete elliptic integrals of modulus
    :math:`k^2 = 1 - v_2/v_1`.

    Examples
    --------
    >>> [round(float(j[0]), 12) for j in elliptic_means([4.0], [4.0])]
    [0.25, 0.25]
    >>> [round(float(j[0]), 12) for j in elliptic_means([1.0], [0.0])]
    [0.636619772368, inf]
    """
    one, other = np.broadcast_arrays(np.asarray(v1, float), np.asarray(v2, float))
    first, second = one.ravel().copy(), other.ravel().copy()
    j1, j2 = np.full(first.size, np.inf), np.full(first.size, np.inf)
    inside = second > 0
    found = np.empty((2, int(inside.sum())))
    _axes(first[inside], second[inside], found[0], found[1])
    j1[inside], j2[inside] = found
    flat = (second == 0) & (first > 0)
    j1[flat] = 2 / (np.pi * np.sqrt(first[flat]))
    return j1.reshape(one.shape), j2.reshape(one.shape)
