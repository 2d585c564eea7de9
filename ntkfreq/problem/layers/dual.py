r"""What a layer of infinitely many units makes of covariances: the dual of an activation.

For normal :math:`(z, z')` of variance p and covariance P, with the gain :math:`c_\varphi` that
gives the activation a mean square of one at unit variance,

.. math:: S(P, p) = c_\varphi^2\,E\,\varphi(z)\varphi(z'), \qquad
          \dot S(P, p) = c_\varphi^2\,E\,\varphi'(z)\varphi'(z') = \partial S/\partial P .

Both are computed from the gap :math:`p - P`, which keeps its digits where z and z' are nearly
equal.

References
----------
Cho, Saul, "Kernel methods for deep learning", NIPS 2009 (arc-cosine kernels); Daniely, Frostig,
Singer, "Toward deeper understanding of neural networks", arXiv 1602.05897 (dual activations).
"""

from __future__ import annotations

import abc

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.layers.series import inverse_root, product, sinh_and_cosh

# Below this angle sin(a) - a cos(a) is taken from its series, whose next term is 1e-14 of it.
_SMALL_ANGLE = 0.1


class DualActivation(Portable, abc.ABC):
    """The dual of an activation."""

    @abc.abstractmethod
    def mean_square(self, p: float) -> float:
        r""":math:`S(p, p)`, the variance that the next layer receives."""

    @abc.abstractmethod
    def layer(self, gap: FloatArray, p: float) -> tuple[FloatArray, FloatArray]:
        r""":math:`S(p, p) - S(P, p)` and :math:`\dot S(P, p)` for gaps :math:`p - P` in [0, 2p]."""

    @abc.abstractmethod
    def composed(self, P: FloatArray, gap: float, p: float) -> tuple[FloatArray, FloatArray]:
        r"""Power series of :math:`S(P, p)` and :math:`\dot S(P, p)`, P a power series.

        Parameters
        ----------
        P : ndarray, shape (n,)
            Coefficients >= 0 of a series whose sum at 1 is p.
        gap : float
            p less the first coefficient.
        p : float
            Variance.
        """

    @property
    @abc.abstractmethod
    def gain_square(self) -> float:
        r"""Square of the gain :math:`c_\varphi`."""

    def deficits(self, p: float) -> tuple[float, float]:
        r"""What series and quadrature may lack of :math:`S(p, p)` and :math:`\dot S(p, p)`."""
        return 0.0, 0.0

    def covariance(self, P: FloatArray | float, p: float) -> FloatArray:
        r""":math:`S(P, p)` for covariances of magnitude p at most, of any shape."""
        gap = np.clip(p - np.asarray(P, dtype=np.float64), 0.0, 2 * p)
        return np.asarray(self.mean_square(p) - self.layer(gap, p)[0])

    def derivative(self, P: FloatArray | float, p: float) -> FloatArray:
        r""":math:`\dot S(P, p)` for covariances of magnitude p at most, of any shape."""
        gap = np.clip(p - np.asarray(P, dtype=np.float64), 0.0, 2 * p)
        return self.layer(gap, p)[1]


class ReluDual(DualActivation):
    r"""Of the rectifier, :math:`c_\varphi^2 = 2`, by the angle :math:`\arccos P/p`.

    Examples
    --------
    >>> dual = ReluDual()
    >>> dual.covariance([0.0, 1.0], 1.0), dual.derivative([0.0, 1.0], 1.0)
    (array([0.31831, 1.     ]), array([0.5, 1. ]))
    """

    @property
    def gain_square(self) -> float:
        r"""Square of the gain :math:`c_\varphi`."""
        return 2.0

    def mean_square(self, p: float) -> float:
        r""":math:`S(p, p) = p`."""
        return p

    def layer(self, gap: FloatArray, p: float) -> tuple[FloatArray, FloatArray]:
        """From the angle, which has as many digits as the gap."""
        half = np.sqrt(np.minimum(gap / (2 * p), 1.0))
        angle = 2 * np.arcsin(half)
        # 1 - S/p = 1 - cos(a) - (sin(a) - a cos(a)) / pi, each term positive.
        left = 2 * half**2 - _sine_less_cosine(angle) / np.pi
        return p * left, 1 - angle / np.pi

    def composed(self, P: FloatArray, gap: float, p: float) -> tuple[FloatArray, FloatArray]:
        r"""From :math:`d\dot S/dP = 1/(\pi p\sqrt{1 - (P/p)^2})`, all terms of which are >= 0."""
        r, left = P / p, gap / p
        square = product(r, r)
        root = inverse_root(left * (2 - left), square)
        order = np.arange(1, len(P))
        below, above = self.layer(np.array(gap), p)
        slope, value = np.zeros(len(P)), np.zeros(len(P))
        slope[0], value[0] = above, p - below
        slope[1:] = product(root, order * r[1:])[: len(order)] / (np.pi * order)
        value[1:] = product(slope, order * P[1:])[: len(order)] / order
        return value, slope


def _sine_less_cosine(angle: FloatArray) -> FloatArray:
    """sin(a) - a cos(a) without cancellation."""
    square = angle**2
    series = angle * square / 3 * (1 - square / 10 * (1 - square / 28 * (1 - square / 54)))
    return np.asarray(np.where(angle < _SMALL_ANGLE, series, np.sin(angle) - angle * np.cos(angle)))


class SineDual(DualActivation):
    r"""Of the sine: :math:`S = c_\varphi^2 e^{-p}\sinh P`, :math:`c_\varphi^2 = 2/(1 - e^{-2})`.

    Examples
    --------
    >>> SineDual().covariance([-1.0, 0.5, 1.0], 1.0)
    array([-1.     ,  0.44341,  1.     ])
    """

    _square = -2 / float(np.expm1(-2.0))

    @property
    def gain_square(self) -> float:
        r"""Square of the gain :math:`c_\varphi`."""
        return self._square

    def mean_square(self, p: float) -> float:
        r""":math:`S(p, p)`."""
        return -self._square / 2 * float(np.expm1(-2 * p))

    def layer(self, gap: FloatArray, p: float) -> tuple[FloatArray, FloatArray]:
        """By exponentials of what is not positive: a large variance does not overflow."""
        near, far = np.exp(-gap), np.exp(gap - 2 * p)
        left = -np.expm1(-gap) * (1 + far)
        return np.asarray(self._square / 2 * left), np.asarray(self._square / 2 * (near + far))

    def composed(self, P: FloatArray, gap: float, p: float) -> tuple[FloatArray, FloatArray]:
        """Hyperbolic sine and cosine of a series, each by the other."""
        # e^-p sinh(P) and e^-p cosh(P) without cancellation, and without overflow.
        near = self._square / 2 * float(np.exp(-gap))
        far = float(np.expm1(-2 * P[0]))
        return sinh_and_cosh(P, -near * far, near * (2 + far))
