"""Power series with coefficients >= 0, cut after as many terms as are given.

Every recursion here adds numbers of one sign, so that each coefficient is accurate by itself,
however small.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.types import FloatArray


def product(one: FloatArray, other: FloatArray) -> FloatArray:
    """Product of two series, with as many terms as the first has.

    Examples
    --------
    >>> product(np.array([1.0, 1.0, 0.0]), np.array([1.0, 2.0, 5.0]))
    array([1., 3., 7.])
    """
    return np.asarray(np.convolve(one, other)[: len(one)])


def inverse_root(first: float, square: FloatArray) -> FloatArray:
    r"""Series of :math:`(1 - f)^{-1/2}`; `first` is :math:`1 - f_0`, and :math:`f_n \ge 0`.

    By J. C. P. Miller's recurrence for powers of a series.

    Examples
    --------
    >>> inverse_root(1.0, np.array([0.0, 1.0, 0.0, 0.0]))
    array([1.    , 0.5   , 0.375 , 0.3125])
    """
    terms = len(square)
    root = np.zeros(terms)
    root[0] = first**-0.5
    order = np.arange(terms)
    for n in range(1, terms):
        weights = (n - order[1 : n + 1] / 2) * square[1 : n + 1]
        root[n] = weights @ root[n - 1 :: -1] / (n * first)
    return root


def sinh_and_cosh(P: FloatArray, sinh: float, cosh: float) -> tuple[FloatArray, FloatArray]:
    """Series of a sinh(P) and a cosh(P), given the first term of each.

    Examples
    --------
    >>> sinh_and_cosh(np.array([0.0, 1.0, 0.0, 0.0]), 0.0, 1.0)[0]
    array([0.     , 1.     , 0.     , 0.16667])
    """
    terms = len(P)
    odd, even = np.zeros(terms), np.zeros(terms)
    odd[0], even[0] = sinh, cosh
    steep = np.arange(terms) * P
    for n in range(1, terms):
        odd[n] = steep[1 : n + 1] @ even[n - 1 :: -1] / n
        even[n] = steep[1 : n + 1] @ odd[n - 1 :: -1] / n
    return odd, even


def polynomial_of(coefficients: FloatArray, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Series of a polynomial and of its derivative in a series r, by Horner's rule.

    Examples
    --------
    >>> value, slope = polynomial_of(np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.0]))
    >>> value, slope
    (array([0.25, 0.5 , 0.25]), array([1., 1., 0.]))
    """
    value, slope = np.zeros(len(r)), np.zeros(len(r))
    for coefficient in coefficients[::-1]:
        slope = product(slope, r) + value
        value = product(value, r)
        value[0] += coefficient
    return value, slope
