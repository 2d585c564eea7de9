r"""Duals by Hermite coefficients, for activations without a formula; that of tanh.

With :math:`a_n(p) = E\,\varphi(\sqrt p\,z)\,\mathrm{He}_n(z)/\sqrt{n!}` over normal z, the dual is
:math:`S(P, p) = c_\varphi^2 \sum_n a_n(p)^2\,(P/p)^n` (Mehler).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.layers.dual import DualActivation
from ntkfreq.problem.layers.polynomial import PositivePolynomial
from ntkfreq.problem.layers.series import polynomial_of

# Beyond this a normal weight, of which half is in the Hermite function, is below 1e-17.
REACH = 12.5
# Terms at the end are left out whose sum, weighted as in the derivative, is this share of all.
_LEFT_OUT = 1e-15
# Standard deviation of the inputs of tanh up to which its coefficients are computed, 60 000 then.
STEEPEST = 16.0


def hermite_coefficients(nodes: FloatArray, weighted: FloatArray, terms: int) -> FloatArray:
    r"""Coefficients :math:`a_0, a_1, \dots` of a function, by a quadrature.

    Parameters
    ----------
    nodes : ndarray, shape (q,)
        Nodes z.
    weighted : ndarray, shape (q,)
        Values there times :math:`e^{-z^2/4}` and the weights of the quadrature.
    terms : int
        How many.

    Examples
    --------
    >>> z = np.arange(-12, 12, 0.25)
    >>> hermite_coefficients(z, 0.25 * z**2 * np.exp(-(z**2) / 4), 3).round(12) + 0.0
    array([1.     , 0.     , 1.41421])
    """
    before, now = np.zeros_like(nodes), np.exp(-(nodes**2) / 4) / np.sqrt(2 * np.pi)
    found = np.empty(terms)
    for n in range(terms):
        found[n] = weighted @ now
        before, now = now, (nodes * now - n**0.5 * before) / (n + 1) ** 0.5
    return found


@dataclass(frozen=True, eq=False)
class HermiteSeries(Portable):
    """The dual at one variance.

    Attributes
    ----------
    squares : ndarray, shape (n,)
        Squared coefficients times the squared gain.
    deficits : tuple of float
        What the sum at P = p, and that of the derivative, may lack.
    """

    squares: FloatArray
    deficits: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def polynomial(self) -> PositivePolynomial:
        """The sum as a function of P / p."""
        return PositivePolynomial(self.squares)

    @cached_property
    def total(self) -> float:
        """The sum at P = p, to the last digit as among other values."""
        return float(self.polynomial(np.zeros(1))[0][0])


def trimmed(squares: FloatArray) -> FloatArray:
    """Squared coefficients without those at the end that do not count.

    Examples
    --------
    >>> trimmed(np.array([0.0, 1.0, 0.0, 1e-20]))
    array([0., 1.])
    """
    weighted = np.arange(len(squares)) * squares
    left = np.cumsum(weighted[::-1])[::-1]
    return squares[: int(np.count_nonzero(left > _LEFT_OUT * left[0])) or 1]


class HermiteDual(DualActivation):
    """Of an activation whose coefficients are computed at each variance that is met."""

    @abc.abstractmethod
    def _made(self, p: float) -> HermiteSeries:
        """The series at a variance."""

    @cached_property
    def _known(self) -> dict[float, HermiteSeries]:
        return {}

    def _at(self, p: float) -> HermiteSeries:
        if p not in self._known:
            self._known[p] = self._made(p)
        return self._known[p]

    def mean_square(self, p: float) -> float:
        r""":math:`S(p, p)`."""
        return self._at(p).total

    def layer(self, gap: FloatArray, p: float) -> tuple[FloatArray, FloatArray]:
        """By the polynomial in P / p."""
        series = self._at(p)
        value, slope = series.polynomial(np.clip(gap / p, 0.0, 2.0))
        return np.maximum(series.total - value, 0.0), slope / p

    def composed(self, P: FloatArray, gap: float, p: float) -> tuple[FloatArray, FloatArray]:
        """By Horner's rule."""
        value, slope = polynomial_of(self._at(p).squares, P / p)
        return value, slope / p

    def deficits(self, p: float) -> tuple[float, float]:
        """What series and quadrature may lack at P = p."""
        return self._at(p).deficits


class TanhDual(HermiteDual):
    r"""Of tanh; its coefficients by the trapezoid rule, which converges geometrically.

    The poles :math:`\pm i\pi/2` make :math:`a_n^2` fall like :math:`e^{-\pi\sqrt{n/p}}`.

    Examples
    --------
    >>> TanhDual().covariance([-1.0, 0.5, 1.0], 1.0)
    array([-1.     ,  0.47255,  1.     ])
    """

    @cached_property
    def gain_square(self) -> float:
        r"""Square of the gain :math:`c_\varphi`."""
        return 1 / float(np.sum(_tanh_coefficients(1.0) ** 2))

    def _made(self, p: float) -> HermiteSeries:
        return HermiteSeries(trimmed(self.gain_square * _tanh_coefficients(p) ** 2))


def _tanh_coefficients(p: float) -> FloatArray:
    """As many as count in the derivative."""
    steep = p**0.5
    highest = steep * (34 + 3 * np.log1p(10 * steep)) / np.pi
    terms = max(40, int(np.ceil(highest**2)))
    # A Hermite function of degree n has frequencies up to sqrt(n), the weight up to 12, and those
    # of tanh, with poles at a distance of pi/2 over the steepness, fall like theirs to 1e-17.
    step = 2 * np.pi / (terms**0.5 + 12 + 26 * steep)
    nodes = (np.arange(int(np.ceil(REACH / step))) + 0.5) * step
    weighted = 2 * step * np.tanh(steep * nodes) * np.exp(-(nodes**2) / 4)
    found = hermite_coefficients(nodes, weighted, terms)
    found[::2] = 0.0
    return found
