r"""An update rule as the numbers of the recursion, step by step.

With the gradient g of a parameter times :math:`\sqrt m` the rules of
:mod:`ntkfreq.problem.optimizers` are

.. math:: \bar g \leftarrow \kappa\bar g + \lambda g, \quad
          v \leftarrow \beta v + (1 - \beta) g^2, \quad
          D = \frac{\mu_0 g + \mu_1\bar g}{\sqrt{\hat v} + \epsilon_0}, \quad
          b \leftarrow \mu b + D,

the last for a momentum after the normalization, and a step moves the parameter by
:math:`-\eta_0 b/\sqrt m`; rules without normalization have :math:`D = \mu_0 g + \mu_1\bar g`, and
signs :math:`D = \mathrm{sgn}(\bar g)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.problem.optimizers import GradientDescent, Optimizer

# How a direction follows from its numerator: as it is, over the root of a mean square, its sign.
LINEAR, ROOT, SIGN = 0, 1, 2
# Added to these where each node is one unit, with output weights of its own.
OF_UNITS = 4
# Columns of the coefficients of a step.
(
    READOUT_RATE,
    FREQUENCY_RATE,
    READOUT_EPSILON,
    FREQUENCY_EPSILON,
    MEAN_KEPT,
    MEAN_TAKEN,
    OF_GRADIENT,
    OF_MEAN,
    SQUARE_KEPT,
    ROOT_FACTOR,
    MOMENTUM,
    READOUT_KEPT,
    FREQUENCY_KEPT,
    SHRUNK,
    SHRUNK_NEXT,
    SCALE,
    SCALE_NEXT,
) = range(17)
COLUMNS = 17
# The remedy of refusals.
_CLOSED = (
    "GradientDescent, HeavyBall, Nesterov, Adam, AdamW, RMSProp and SignDescent have a prediction"
)


@dataclass(frozen=True)
class ClosedRule:
    """The constants of an update rule that closes over the output weights.

    Attributes
    ----------
    kind : int
        LINEAR, ROOT or SIGN.
    mean : (float, float)
        Shares of the old mean and of the gradient in the mean.
    numerator : (float, float)
        Shares of the gradient and of the mean in the numerator.
    square : float
        Share of the old mean square.
    corrected : bool
        Whether both means are corrected for their start at 0.
    momentum : float
        Share of the last direction in the next.
    epsilon : float
        As the user gives it, not scaled.
    edge : float or None
        Largest stable product of step size and preconditioned curvature; None for signs.
    swing : float or None
        Least mean of that product, clipping counted, over swings that never end where the product
        itself is above the edge; None for the edge.
    """

    kind: int
    mean: tuple[float, float] = (0.0, 1.0)
    numerator: tuple[float, float] = (1.0, 0.0)
    square: float = 0.0
    corrected: bool = False
    momentum: float = 0.0
    epsilon: float = 0.0
    edge: float | None = 2.0
    swing: float | None = None


def _heavy_ball(rule: Any) -> ClosedRule:
    beta = rule.momentum
    # Clipped swings may be long ones, in which a step counts 1 / (1 - beta) times.
    swing = 2 * (1 - beta)
    return ClosedRule(LINEAR, (beta, 1.0), (0.0, 1.0), edge=2 * (1 + beta), swing=swing)


def _nesterov(rule: Any) -> ClosedRule:
    beta = rule.momentum
    return ClosedRule(LINEAR, (beta, 1.0), (1.0, beta), edge=2 * (1 + beta) / (1 + 2 * beta))


def _adam(rule: Any) -> ClosedRule:
    beta = rule.beta1
    return ClosedRule(
        ROOT,
        (beta, 1 - beta),
        (0.0, 1.0),
        square=rule.beta2,
        corrected=True,
        epsilon=rule.epsilon,
        edge=2 * (1 + beta) / (1 - beta),
    )


def _rms_prop(rule: Any) -> ClosedRule:
    return ClosedRule(
        ROOT,
        square=rule.alpha,
        momentum=rule.momentum,
        epsilon=rule.epsilon,
        edge=2 * (1 + rule.momentum),
    )


def _signs(rule: Any) -> ClosedRule:
    return ClosedRule(SIGN, (rule.momentum, 1.0), (0.0, 1.0), edge=None)


# By the name of the class: a rule of this name has these attributes.
_RULES: Mapping[str, Callable[[Any], ClosedRule]] = MappingProxyType(
    {
        "GradientDescent": lambda rule: ClosedRule(LINEAR),
        "HeavyBall": _heavy_ball,
        "Nesterov": _nesterov,
        "Adam": _adam,
        "AdamW": _adam,
        "RMSProp": _rms_prop,
        "SignDescent": _signs,
    }
)


def closed_rule(optimizer: Optimizer) -> ClosedRule:
    """The constants of an update rule.

    Parameters
    ----------
    optimizer : Optimizer
        A rule of the package.

    Raises
    ------
    ValueError
        For a rule of the user's own.

    Examples
    --------
    >>> from ntkfreq.problem.optimizers import Adam
    >>> round(closed_rule(Adam()).edge, 9)
    38.0
    """
    name = type(optimizer).__name__
    if name not in _RULES or not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer={checks.show(optimizer)} has no closed recursion: {_CLOSED}; train networks"
        )
    return _RULES[name](optimizer)


@dataclass(frozen=True)
class Rates:
    """Step sizes, epsilons and decay of the limit, all of order one at any width.

    Attributes
    ----------
    readout, frequency : float
        Rate of the output by a and b, and by w; see `scaled`.
    readout_epsilon, frequency_epsilon : float
        Epsilon beside gradients times the root of the width.
    readout_decay, frequency_decay : float
        Share by which a and b, and w, shrink in a step of full size.
    readout_norm : float
        Norm of the gradient in a and b over the root mean square of its sums, for clipping.

    Examples
    --------
    >>> Rates(0.05).frequency
    0.05
    """

    readout: float
    frequency: float = math.nan
    readout_epsilon: float = 0.0
    frequency_epsilon: float = math.nan
    readout_decay: float = 0.0
    frequency_decay: float = 0.0
    readout_norm: float = 1.0

    def __post_init__(self) -> None:
        if math.isnan(self.frequency):
            object.__setattr__(self, "frequency", self.readout)
        if math.isnan(self.frequency_epsilon):
            object.__setattr__(self, "frequency_epsilon", self.readout_epsilon)
        checks.positive("readout", self.readout)
        checks.positive("readout_norm", self.readout_norm)
        for name in ("frequency", "readout_epsilon", "frequency_epsilon"):
            checks.non_negative(name, getattr(self, name))
        for name in ("readout_decay", "frequency_decay"):
            if checks.non_negative(name, getattr(self, name)) >= 1:
                raise ValueError(
                    f"{name}={getattr(self, name):g} must be below 1: a step would reverse "
                    "what it shrinks; use a smaller step size or decay"
                )

    @classmethod
    def scaled(
        cls,
        optimizer: Optimizer,
        step_size: float,
        width: int,
        *,
        parametrization: str = "ntk",
        weight_decay: float = 0.0,
        frequency_decay: float = 0.0,
    ) -> Rates:
        r"""Rates of the limit for a step size at a width.

        =========== =========================== ============== ====================
        .           normalized: a, b            normalized: w  linear in gradients
        =========== =========================== ============== ====================
        ntk         :math:`\eta\sqrt m`         the same       :math:`\eta`, both
        standard    :math:`\eta m`              :math:`\eta\sqrt m`  :math:`\eta m`; :math:`\eta`
        =========== =========================== ============== ====================

        epsilon times :math:`\sqrt m`, for a and b in the standard parametrization times 1; the
        norm of their gradient there times :math:`\sqrt m`.

        Parameters
        ----------
        optimizer : Optimizer
            The rule.
        step_size : float
            Step size that the user gives to the optimizer.
        width : int
            Hidden units m.
        parametrization : {"ntk", "standard"}
            :math:`f = m^{-1/2}\sum_j a_j\cos(w_j\cdot x) + \ldots` with a of variance
            :math:`\sigma_a^2`, or :math:`f = \sum_j a_j\cos(w_j\cdot x) + \ldots` with a of
            variance :math:`\sigma_a^2/m`.
        weight_decay, frequency_decay : float
            Decay rates of a and b, and of w.

        Examples
        --------
        >>> from ntkfreq.problem.optimizers import Adam
        >>> rates = Rates.scaled(Adam(), 1e-3, 1024)
        >>> rates.readout, rates.frequency, rates.frequency_epsilon
        (0.032, 0.032, 3.2e-07)
        """
        step = checks.positive("step_size", step_size)
        m = checks.integer("width", width, 1)
        checks.choice("parametrization", parametrization, ("ntk", "standard"))
        rule, root = closed_rule(optimizer), math.sqrt(m)
        readout = frequency = step if rule.kind == LINEAR else step * root
        epsilons, readout_norm = (rule.epsilon * root, rule.epsilon * root), 1.0
        if parametrization == "standard":
            readout = step * m
            frequency = step if rule.kind == LINEAR else step * root
            epsilons, readout_norm = (rule.epsilon, rule.epsilon * root), root
        decay = {"weight_decay": weight_decay, "frequency_decay": frequency_decay}
        for name, each in decay.items():
            if step * checks.non_negative(name, each) >= 1:
                raise ValueError(
                    f"{name}={each:g} times step_size={step:g} must be below 1: a step would "
                    "reverse what it shrinks; use a smaller step_size or decay"
                )
        shrunk = step * weight_decay, step * frequency_decay
        return cls(readout, frequency, *epsilons, *shrunk, readout_norm)

    @property
    def decays(self) -> bool:
        """Whether any parameter decays."""
        return self.readout_decay > 0 or self.frequency_decay > 0

    def frozen(self) -> Rates:
        """The same with w left as it is."""
        return replace(self, frequency=0.0, frequency_decay=0.0)


def refuse_coupled_decay(optimizer: Optimizer, rates: Rates) -> None:
    """Refuse decay that enters the gradient of a rule with memory.

    The direction of a unit then depends on its output weights, not on its frequency alone.
    """
    apart = optimizer.decoupled or isinstance(optimizer, GradientDescent)
    if rates.decays and not apart:
        raise ValueError(
            f"optimizer={type(optimizer).__name__} adds decay to the gradient, which the recursion "
            "does not follow: use AdamW, or gradient descent, or leave decay out"
        )


@dataclass
class Contraction:
    """How far a and b (s) and w have shrunk by decay."""

    shrunk: float = 1.0
    scale: float = 1.0


def step_rows(
    optimizer: Optimizer, rates: Rates, start: int, count: int, contraction: Contraction
) -> FloatArray:
    """Coefficients (count, COLUMNS) of the steps from `start` on; advances `contraction`.

    Examples
    --------
    >>> from ntkfreq.problem.optimizers import Adam
    >>> rows = step_rows(Adam(), Rates(0.1), 0, 2, Contraction())
    >>> rows[:, OF_MEAN].round(9), rows[:, READOUT_RATE]
    (array([10.        ,  5.26315789]), array([0.1, 0.1]))
    """
    rule = closed_rule(optimizer)
    steps = np.arange(start, start + count)
    factor = np.array([optimizer.schedule.factor(int(n)) for n in steps])
    rows = np.zeros((count, COLUMNS))
    rows[:, READOUT_RATE] = rates.readout * factor
    rows[:, FREQUENCY_RATE] = rates.frequency * factor
    rows[:, READOUT_EPSILON] = rates.readout_epsilon
    rows[:, FREQUENCY_EPSILON] = rates.frequency_epsilon
    rows[:, MEAN_KEPT], rows[:, MEAN_TAKEN] = rule.mean
    rows[:, OF_GRADIENT], rows[:, OF_MEAN] = rule.numerator
    rows[:, SQUARE_KEPT], rows[:, MOMENTUM] = rule.square, rule.momentum
    rows[:, ROOT_FACTOR] = 1.0
    if rule.corrected:
        rows[:, OF_MEAN] /= 1 - rule.mean[0] ** (steps + 1.0)
        rows[:, ROOT_FACTOR] = (1 - rule.square ** (steps + 1.0)) ** -0.5
    rows[:, READOUT_KEPT] = 1 - rates.readout_decay * factor
    rows[:, FREQUENCY_KEPT] = 1 - rates.frequency_decay * factor
    shrunk = contraction.shrunk * np.cumprod(rows[:, READOUT_KEPT])
    scale = contraction.scale * np.cumprod(rows[:, FREQUENCY_KEPT])
    rows[:, SHRUNK], rows[:, SHRUNK_NEXT] = np.append(contraction.shrunk, shrunk[:-1]), shrunk
    rows[:, SCALE], rows[:, SCALE_NEXT] = np.append(contraction.scale, scale[:-1]), scale
    contraction.shrunk, contraction.scale = float(shrunk[-1]), float(scale[-1])
    return rows
