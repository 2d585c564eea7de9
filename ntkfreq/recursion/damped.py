r"""Means over phase and radius of a unit: :math:`K = E\,r^2 u u^T/(r q + \epsilon)`.

The radius r of the output weights of a unit is Rayleigh distributed of scale :math:`\sigma_a`, u is
uniform on the circle and :math:`q = \sqrt{u^T V u}`. The mean over r is a function of one variable,

.. math:: E\frac{r^2}{rq + \epsilon} = \frac{\sigma_a}{q}\,G(\delta), \quad
          \delta = \frac{\epsilon}{\sigma_a q}, \quad
          G(\delta) = \int_0^\infty \frac{t^3 e^{-t^2/2}}{t + \delta}\,dt
                    = \sqrt{\pi/2}\,(1 + \delta^2) - \delta + \delta^3(\ln\delta - c) + O(\delta^4),

:math:`c = (\ln 2 - \gamma)/2`. Where :math:`\delta` is small in all directions the four terms have
closed means over the circle: powers of q are Legendre functions of :math:`z = (a^2 + b^2)/2ab`, and
the logarithm is their derivative by the degree, :math:`z\ln\frac{z+1}{2} + z - 1` at degree one.
Elsewhere the mean over the circle is taken by the trapezoid rule in a variable in which Gauss's
transformation has made the ellipse nearly a circle, so that its :math:`3\ln(4a/b) + 6` nodes give
twelve digits however narrow the ellipse of semi-axes a and b is.

References
----------
Gauss's transformation: Abramowitz and Stegun 17.5; Whittaker and Watson 22.42.
"""

from __future__ import annotations

import math

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.quadrature import panel_rule
from ntkfreq.recursion.ellipse import phase_mean, root_of_determinant
from ntkfreq.spectra.sincos import jit

ROOT_HALF_PI = math.sqrt(math.pi / 2)
# Octaves of delta in which G is tabulated, four panels each, and the degree of its polynomials.
_LOW, _HIGH, _DEGREE = -16, 10, 10
_SMALL, _LARGE = 2.0**_LOW, 2.0**_HIGH
# delta up to which the four terms are taken: they leave 1.25 delta^4 of the mean.
_FOUR_TERMS = 1.5e-3
_LOG_CONSTANT = (math.log(2.0) - 0.5772156649015329) / 2
# Numbers of intervals of the trapezoid rule; all divide _FINE.
_FINE = 384
# b/a below this times delta changes no digit; see `damped_mean`.
_NARROW = 1e-7
# b/a up to which a matrix is of rank one, and the b/a that is taken then: the mean along the short
# axis is multiplied by a first moment of zero, that along the long one changes by the square.
_FLAT, _FLATTENED = 1e-12, 1e-6
# b/a from which on the ellipse is round enough.
_ROUND = 0.8
_MOST_TURNS = 6


def _tabulated() -> FloatArray:
    """Middle, one over half the length, and power series of G on each panel."""
    breaks = np.concatenate([[0.0], np.geomspace(1e-9, 9.0, 60)])
    t, weight = panel_rule(breaks)
    octaves = 2.0 ** np.arange(_LOW, _HIGH)[:, None]
    low = (octaves * (1 + np.arange(4) / 4)).ravel()
    half = (octaves / 8 + np.zeros(4)).ravel()
    unit = np.cos(np.pi * (np.arange(_DEGREE + 6) + 0.5) / (_DEGREE + 6))
    delta = (low + half)[:, None] + half[:, None] * unit
    values = ((weight * t**3 * np.exp(-(t**2) / 2)) / (t + delta[..., None])).sum(axis=-1)
    series = [
        np.polynomial.chebyshev.cheb2poly(np.polynomial.chebyshev.chebfit(unit, row, _DEGREE))
        for row in values
    ]
    return np.column_stack([low + half, 1 / half, np.array(series)])


_G = _tabulated()
_FIRST = (1023 + _LOW) * 4
_SINES = np.sin(np.pi * np.arange(_FINE + 1) / (2 * _FINE))


@jit(inner=True)
def radial_mean(delta: float) -> float:
    """G(delta), relative error 1e-13."""
    if delta < _SMALL:
        return ROOT_HALF_PI * (1 + delta * delta) - delta
    if delta >= _LARGE:
        u = 1.0 / delta
        return u * (2 - u * (3 * ROOT_HALF_PI - u * (8 - u * (15 * ROOT_HALF_PI - 48 * u))))
    # Exponent and the first two bits of the mantissa.
    row = (np.float64(delta).view(np.int64) >> 50) - _FIRST
    t = (delta - _G[row, 0]) * _G[row, 1]
    # Two halves of the polynomial at once: even and odd powers.
    u = t * t
    even, odd = _G[row, 2 + _DEGREE], _G[row, 1 + _DEGREE]
    for k in range(_DEGREE - 2, 0, -2):
        even = even * u + _G[row, 2 + k]
        odd = odd * u + _G[row, 1 + k]
    total: float = even * u + _G[row, 2] + odd * t
    return total


@jit(inner=True)
def _four_terms(trace: float, root: float, epsilon: float, sigma: float) -> tuple[float, float]:
    """Closed means of the first four terms in delta."""
    half, factor = phase_mean(trace, root)
    square = trace + 2 * root
    first = ROOT_HALF_PI * sigma
    second = ROOT_HALF_PI * epsilon * epsilon / (sigma * root * root)
    apart = trace * trace - 4 * root * root
    p = first * half - 0.5 * epsilon / root + 0.5 * second * (half * trace + 0.5 * factor * apart)
    q = first * factor + epsilon / (square * root) - second * (half + 0.5 * factor * trace)
    ratio, over = epsilon / sigma, 1 / root
    z = 0.5 * trace * over
    log = 0.5 * math.log(0.5 * ratio * ratio * (z + 1) * over) - _LOG_CONSTANT
    third = 0.5 * epsilon * ratio * ratio * over * over * over
    p += third * root * (z * log + 0.5 * (z - 1))
    q -= third * (log + 0.5 * z / (z + 1))
    return p, q


@jit(inner=True)
def _stride(ratio: float) -> int:
    """Entries of the table of sines between two nodes, for semi-axes of ratio b/a."""
    wanted = 3.2 * math.log(4.0 / ratio) + 2
    for stride in (48, 32, 24, 16, 12, 8, 6, 4):
        if _FINE // stride >= wanted:
            return stride
    return 3


@jit(inner=True)
def _raise_level(k: float, rest: float, count: int, work: FloatArray) -> None:
    """Sines, cosines and roots of `count` angles, from one modulus of Gauss's up to the next.

    k is the modulus of the level below, `rest` is 1 - k.
    """
    for j in range(count):
        s, c, delta = work[0, j], work[1, j], work[2, j]
        over = 1 / (1 + k * s * s)
        work[0, j] = (1 + k) * s * over
        work[1, j] = c * delta * over
        work[2, j] = (rest + k * c * c) * over


@jit(inner=True)
def _circle(
    a: float, ratio: float, epsilon: float, sigma: float, work: FloatArray
) -> tuple[float, float]:
    """Means of g(q) and of g(q) cos(2 phi) over an ellipse of semi-axes a and ratio * a."""
    turns, k1, scale = 0, ratio, 1.0
    while k1 < _ROUND and turns < _MOST_TURNS:
        k, rest = (1 - k1) / (1 + k1), 2 * k1 / (1 + k1)
        work[4, turns], work[5, turns] = k, rest
        scale *= 1 + k
        k1 = 2 * math.sqrt(k1) / (1 + k1)
        turns += 1
    stride = _stride(ratio)
    count = _FINE // stride + 1
    for j in range(count):
        s, c = _SINES[j * stride], _SINES[_FINE - j * stride]
        delta = math.sqrt(c * c + k1 * k1 * s * s)
        work[0, j], work[1, j], work[2, j], work[3, j] = s, c, delta, 1 / delta
    for level in range(turns - 1, -1, -1):
        _raise_level(work[4, level], work[5, level], count, work)
    total, double, over = 0.0, 0.0, epsilon / (sigma * a)
    for j in range(count):
        weight = radial_mean(over / work[2, j]) * work[3, j]
        if j in (0, count - 1):
            weight *= 0.5
        total += weight
        double += weight * (2 * work[1, j] * work[1, j] - 1)
    share = sigma * scale * stride / (_FINE * a)
    return total * share, double * share


@jit(inner=True)
def damped_mean(
    cc: float,
    cs: float,
    ss: float,
    epsilon: float,
    sigma: float,
    work: FloatArray,
) -> tuple[float, float]:
    """Numbers p, q of the matrix K = p I + q (V - tr V/2), for V not zero or epsilon not zero.

    `work` is a buffer of shape `BUFFER`.
    """
    trace, root = cc + ss, root_of_determinant(cc, cs, ss)
    if epsilon == 0.0:
        half, factor = phase_mean(trace, root)
        return ROOT_HALF_PI * sigma * half, ROOT_HALF_PI * sigma * factor
    apart = math.sqrt(max(trace - 2 * root, 0.0))
    a = 0.5 * (math.sqrt(trace + 2 * root) + apart)
    if a * sigma < 1e-17 * epsilon:
        return sigma * sigma / epsilon, 0.0
    b = root / a
    if epsilon < _FOUR_TERMS * sigma * b:
        return _four_terms(trace, root, epsilon, sigma)
    # Directions nearer to the long axis than delta are all alike: a b that is smaller changes
    # the mean by the square of their ratio.
    ratio = max(b / a, _NARROW * min(epsilon / (sigma * a), 1.0))
    if b < _FLAT * a:
        ratio = max(ratio, _FLATTENED)
    mean, double = _circle(a, ratio, epsilon, sigma, work)
    difference = (a - b) * (a + b)
    return 0.5 * mean, (double / difference if difference > 0.0 else 0.0)


BUFFER = 6, _FINE // 3 + 1


@jit()
def _matrices(v: FloatArray, epsilon: float, sigma: float, out: FloatArray) -> None:
    work = np.empty(BUFFER)
    for i in range(len(v)):
        cc, cs, ss = v[i, 0], v[i, 1], v[i, 2]
        p, q = damped_mean(cc, cs, ss, epsilon, sigma, work)
        half = 0.5 * (cc - ss)
        out[i, 0], out[i, 1], out[i, 2] = p + q * half, q * cs, p - q * half


def damped_means(v: FloatArray, epsilon: float, sigma: float = 1.0) -> FloatArray:
    r"""The matrices :math:`E\,r^2 u u^T/(r\sqrt{u^T V u} + \epsilon)`.

    Parameters
    ----------
    v : ndarray, shape (n, 3)
        Entries cc, cs, ss of the matrices V, none of which is zero.
    epsilon : float
        Not negative.
    sigma : float
        Scale of the radius.

    Returns
    -------
    ndarray, shape (n, 3)
        Their entries, of error 1e-11 relative to the largest; along the short axis of a matrix of
        rank one, where nothing moves, any large number.

    Examples
    --------
    >>> import numpy as np
    >>> float(damped_means(np.array([[1.0, 0.0, 1.0]]), 0.0)[0, 0] / np.sqrt(np.pi / 8))
    1.0
    """
    found = np.empty((len(v), 3))
    _matrices(np.array(v, dtype=np.float64), float(epsilon), float(sigma), found)
    return found
