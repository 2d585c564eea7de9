"""The infinite-width kernel of hidden layers behind Fourier features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, brief
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.problem.layers.dual import DualActivation, ReluDual, SineDual
from ntkfreq.problem.layers.hermite import STEEPEST, TanhDual
from ntkfreq.problem.layers.own import FunctionDual
from ntkfreq.problem.layers.rates import LayerRates, PerLayer, each_layer, one_or_each
from ntkfreq.problem.layers.series import product

DUALS: MappingProxyType[str, type[DualActivation]] = MappingProxyType(
    {"relu": ReluDual, "tanh": TanhDual, "sine": SineDual}
)
# As many as networks have, and as many terms of a series as take some seconds.
MOST_LAYERS, MOST_TERMS = 1000, 8192
# Variances and kernels stay within these.
_LEAST, _LARGEST = 1e-100, 1e100
# Error of the series of a function without corners.
_SHORT = 1e-9
# Values that go through all layers at once: their arrays stay in the cache.
_BLOCK = 16_384


@dataclass(frozen=True)
class HiddenLayers(Portable, Described):
    r"""Hidden layers of infinite width, and their tangent kernel as a function of the features'.

    With the kernel k of the features, the variance :math:`p_l = \sigma_w^2 q_{l-1} + \sigma_b^2`
    and covariance :math:`P_l = \sigma_w^2 S_{l-1} + \sigma_b^2` of the inputs of layer l,
    :math:`S_0 = k`,

    .. math::
        S_l &= c_\varphi^2\,E\,\varphi(z)\varphi(z'), \qquad q_l = S_l\big|_{P_l = p_l}, \qquad
        \dot S_l = c_\varphi^2\,E\,\varphi'(z)\varphi'(z'), \\
        T_l &= S_{l-1} + 1 + \sigma_w^2 \dot S_{l-1} T_{l-1}, \qquad
        \Theta = S_L + \sigma_a^2 \dot S_L T_L = F(k) + x \cdot x'\, G(k),

    where :math:`\dot S_0 T_0 = x \cdot x'\,k` is the training of the frequencies, 0 if they are
    frozen. Without hidden layers :math:`F = k` and :math:`G = \sigma_a^2 k`.

    Parameters
    ----------
    depth : int
        Number L of hidden layers.
    activation : {"relu", "tanh", "sine"} or callable
        The non-linearity :math:`\varphi`, times a gain :math:`c_\varphi` that gives it a mean
        square of one at unit variance. A function of an array of numbers is integrated
        numerically; `error` says how well.
    sigma_w, sigma_b : float, or sequence of float
        Standard deviations of the hidden weights and of the biases, of all layers or of each.
    sigma_a : float
        Standard deviation of the output weights.
    train_frequencies : bool
        Whether the frequencies are trained; everything else is.
    rates : LayerRates, optional
        How fast each group of parameters learns beside the step size; default alike. In the sums
        above the terms :math:`S_{l-1}`, 1, :math:`S_L` and :math:`x \cdot x'\,k` are those of
        weights, biases, output weights and frequencies.

    Raises
    ------
    TypeError, ValueError
        On an activation that is none of these, that jumps or grows too fast, a negative depth or
        scale, and scales that lead out of the range of double precision.

    References
    ----------
    Jacot, Gabriel and Hongler, arXiv 1806.07572, theorem 1; Lee et al., arXiv 1902.06720 (with
    standard deviations of weights and biases).

    Examples
    --------
    >>> layers = HiddenLayers(2)
    >>> layers.kernel_values([0.0, 1.0])
    (array([1.59038, 5.     ]), array([0., 1.]))
    >>> layers.masses, round(layers.atom, 5)
    ((5.0, 1.0), 1.59038)
    """

    depth: int
    activation: str | Function = "relu"
    sigma_w: PerLayer = 1.0
    sigma_b: PerLayer = 0.0
    sigma_a: float = 1.0
    train_frequencies: bool = True
    rates: LayerRates = field(default_factory=LayerRates)

    _functions: ClassVar = MappingProxyType({"activation": "use 'relu', 'tanh' or 'sine'"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", checks.integer("depth", self.depth, 0, MOST_LAYERS))
        known = isinstance(self.activation, str) and self.activation in DUALS
        if not known and (not callable(self.activation) or isinstance(self.activation, type)):
            raise ValueError(
                f"activation={checks.show(self.activation)} must be one of "
                f"{', '.join(map(repr, DUALS))}, or a function of an array of numbers"
            )
        for name in ("sigma_w", "sigma_b"):
            object.__setattr__(self, name, one_or_each(name, getattr(self, name)))
        object.__setattr__(self, "sigma_a", checks.non_negative("sigma_a", self.sigma_a))
        if not isinstance(self.rates, LayerRates):
            raise TypeError(f"rates={checks.show(self.rates)} must be LayerRates(...)")
        self.rates.of_layers(self.depth)
        trained = checks.flag("train_frequencies", self.train_frequencies)
        object.__setattr__(self, "train_frequencies", trained)
        if any(w == 0 == b for w, b in self.scales):
            raise ValueError(
                "sigma_w=0 and sigma_b=0 leave the hidden units without input; make one positive"
            )
        if self.depth and max(self.masses) > _LARGEST:
            raise ValueError(
                f"{self._given()} make a kernel of up to {max(self.masses):.3g}; it must be at "
                f"most {_LARGEST:g}: choose scales nearer to 1 or fewer layers"
            )

    @cached_property
    def dual(self) -> DualActivation:
        """What a layer makes of covariances."""
        name = self.activation
        return DUALS[name]() if isinstance(name, str) else FunctionDual(name)

    @property
    def named(self) -> str:
        """What the activation is called."""
        return brief(self.activation)

    @property
    def smooth(self) -> bool:
        """Whether the series of F and G are short, as of activations without corners."""
        return self.activation != "relu" and self.error < _SHORT

    @property
    def moving(self) -> float:
        """Standard deviation of the output weights as far as it makes the frequencies move."""
        return self.sigma_a * self.rates.frequencies**0.5 if self.train_frequencies else 0.0

    @property
    def scales(self) -> tuple[tuple[float, float], ...]:
        """Standard deviations of the weights and of the biases of each hidden layer."""
        pairs = (("sigma_w", self.sigma_w), ("sigma_b", self.sigma_b))
        each = (each_layer(name, value, self.depth) for name, value in pairs)
        return tuple(zip(*each, strict=True))

    def _given(self) -> str:
        return (
            f"sigma_w={_shown(self.sigma_w)}, sigma_b={_shown(self.sigma_b)}, "
            f"sigma_a={self.sigma_a:g} and depth={self.depth}"
        )

    @cached_property
    def variances(self) -> tuple[float, ...]:
        """Variance p of the inputs of each hidden layer."""
        return tuple(self._variances())

    def _variances(self) -> Iterator[float]:
        square = 1.0
        for number, (sigma_w, sigma_b) in enumerate(self.scales, 1):
            p = sigma_w**2 * square + sigma_b**2
            if not _LEAST <= p <= _LARGEST:
                raise ValueError(
                    f"{self._given()} give the inputs of layer {number} a variance of {p:.3g}; it "
                    f"must be from {_LEAST:g} to {_LARGEST:g}: choose scales nearer to 1"
                )
            if self.activation == "tanh" and p > STEEPEST**2:
                raise ValueError(
                    f"{self._given()} give the inputs of layer {number} a standard deviation of "
                    f"{p**0.5:.3g}, where tanh is nearly a sign; give smaller scales, for at most "
                    f"{STEEPEST:g}"
                )
            yield p
            square = self.dual.mean_square(p)

    def kernel_values(self, k: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """F and G at values of the kernel of the features.

        Parameters
        ----------
        k : array_like, any shape
            Values in [-1, 1].

        Returns
        -------
        tuple of ndarray, shape of k
            F and G.
        """
        flat = np.asarray(k, dtype=np.float64)
        gap = np.clip(1 - flat.ravel(), 0.0, 2.0)
        found = np.empty((2, gap.size))
        for start in range(0, gap.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            found[:, part] = self._at(gap[part])
        return found[0].reshape(flat.shape), found[1].reshape(flat.shape)

    def readout_values(self, k: FloatArray | float) -> FloatArray:
        r"""Covariance :math:`S_L` of the units of the last hidden layer, without hidden layers k.

        Times :math:`\sigma_a^2` it is that of the initial output, and the part of F that the
        output weights learn.

        Parameters
        ----------
        k : array_like, any shape
            Values of the kernel of the features, in [-1, 1].

        Returns
        -------
        ndarray, shape of k

        Examples
        --------
        >>> HiddenLayers(2).readout_values([0.0, 1.0])
        array([0.49373, 1.     ])
        """
        value = np.asarray(k, dtype=np.float64)
        gap = np.clip(1 - value, 0.0, 2.0)
        value = 1 - gap
        for p, (weight, _), _ in self._layers:
            gap = self.dual.layer(weight * gap.ravel(), p)[0].reshape(gap.shape)
            value = self.dual.mean_square(p) - gap
        return value

    def _at(self, gap: FloatArray, *, whole: bool = False) -> tuple[FloatArray, FloatArray]:
        """F and G where k is 1 less a gap; `whole` adds what a cut series leaves out at k = 1."""
        value = 1 - gap
        inner, outer = np.zeros_like(gap), self.moving**2 * value
        for p, (weight, _), (of_weights, of_biases) in self._layers:
            below, slope = self.dual.layer(weight * gap, p)
            lost = self.dual.deficits(p) if whole else (0.0, 0.0)
            slope = slope + lost[1]
            inner = slope * (of_weights * value + of_biases + weight * inner)
            outer = outer * weight * slope
            gap = below
            value = self.dual.mean_square(p) + lost[0] - gap
        return self._whole(value, inner) + self.rates.output_bias, outer

    def _whole(self, value: FloatArray, inner: FloatArray) -> FloatArray:
        """What output weights and the layers below them make together."""
        return self.rates.readout * value + self.sigma_a**2 * inner

    @cached_property
    def _layers(self) -> tuple[tuple[float, tuple[float, float], tuple[float, float]], ...]:
        """Variance of the inputs, squares of the scales, and rates of each hidden layer."""
        squares = [(w**2, b**2) for w, b in self.scales]
        rates = zip(*self.rates.of_layers(self.depth), strict=True)
        return tuple(zip(self.variances, squares, rates, strict=True))

    @cached_property
    def masses(self) -> tuple[float, float]:
        """F(1) and G(1), which are the kernel at equal points without and with their size."""
        found = self._at(np.zeros(1))
        return float(found[0][0]), float(found[1][0])

    @cached_property
    def atom(self) -> float:
        """F(0), the strength with which a constant is learned beyond other frequencies."""
        return float(self._at(np.ones(1))[0][0])

    @cached_property
    def error(self) -> float:
        """Estimated largest error of F and G, relative to F(1) and G(1); 0 by formulas.

        All coefficients of F and G grow with those of the layers: what a cut series leaves out is
        most at k = 1.
        """
        whole = self._at(np.zeros(1), whole=True)
        pairs = zip(whole, self.masses, strict=True)
        return max(0.0, *(float(one[0]) / mass - 1 for one, mass in pairs if mass > 0))

    def coefficients(self, terms: int) -> tuple[FloatArray, FloatArray]:
        r"""Coefficients :math:`c_n` and :math:`g_n \ge 0` of the power series of F and G.

        Parameters
        ----------
        terms : int
            How many, from that of the constant on; at most 8192.

        Returns
        -------
        tuple of ndarray, shape (terms,)
            Those of F and of G.

        Examples
        --------
        >>> HiddenLayers(1, "sine").coefficients(4)[0]
        array([0.85092, 1.70184, 0.42546, 0.56728])
        """
        terms = checks.integer("terms", terms, 1, MOST_TERMS)
        value, one = np.zeros((2, max(terms, 2)))
        value[1], one[0] = 1.0, 1.0
        inner, outer = np.zeros_like(one), self.moving**2 * value
        gap = 1.0
        for p, (weight, bias), (of_weights, of_biases) in self._layers:
            gap *= weight
            drive = weight * value + bias * one
            before = value
            if weight > 0:
                value, slope = self.dual.composed(drive, gap, p)
            else:
                value, slope = self.dual.mean_square(p) * one, self.dual.derivative(p, p) * one
            inner = product(slope, of_weights * before + of_biases * one + weight * inner)
            outer = weight * product(outer, slope)
            gap = float(self.dual.layer(np.array(gap), p)[0])
        whole = self._whole(value, inner) + self.rates.output_bias * one
        return whole[:terms], outer[:terms]


def _shown(value: PerLayer) -> str:
    """A scale for messages, or those of all layers."""
    return checks.show(value) if isinstance(value, tuple) else f"{value:g}"
