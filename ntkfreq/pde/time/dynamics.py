r"""What training does to one mode of the operator, in continuous and in discrete time.

A mode with rate :math:`\lambda` is multiplied by a factor; every quantity of a solution is a sum
over modes of the factor, of one minus the factor, or of the integral that moves the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.lanczos import flow_deficit, flow_integral
from ntkfreq.pde.time.companion import GROWTH, StepMatrix
from ntkfreq.pde.time.rules import momentum_for
from ntkfreq.pde.time.scheduled import scheduled
from ntkfreq.problem.decay import Decay
from ntkfreq.problem.optimizers import Optimizer, as_optimizer


class Dynamics(Protocol):
    """How a mode of rate `rates` (n,) has evolved at times `t` (T,); arrays are (T, n)."""

    @property
    def step_size(self) -> float | None:
        """Time of one step; None in continuous time."""
        ...

    @property
    def acceleration(self) -> float:
        """How many times faster than gradient flow slow modes are learned."""
        ...

    @property
    def momentum(self) -> float:
        """Momentum; 0 for plain gradient descent and gradient flow."""
        ...

    @property
    def nesterov(self) -> bool:
        """Whether the momentum is Nesterov's."""
        ...

    @property
    def schedule_text(self) -> str:
        """The schedule of the steps, as text."""
        ...

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        ...

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor, accurate where the factor is close to one."""
        ...

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """S with output change -K S e(0): the deficit over the rate, its limit at rate 0."""
        ...

    def max_step_size(self, fastest: float) -> float:
        """Largest stable step for a largest rate; infinite for 0."""
        ...

    def refuse_times(self, t: FloatArray) -> None:
        """Refuse times that are no whole steps."""
        ...

    def refuse_unstable(self, fastest: float) -> None:
        """Refuse a step with which a mode of rate `fastest` grows."""
        ...

    def refuse_decay(self, decay: Decay) -> None:
        """Refuse finite steps under decay, whose coefficients change from step to step."""
        ...

    @property
    def fastest_stable(self) -> float:
        """Largest rate that does not grow; infinite in continuous time."""
        ...


def _over_rate(deficit: FloatArray, rates: FloatArray, t: FloatArray) -> FloatArray:
    zero = rates <= 0
    quotient = deficit / np.where(zero, 1.0, rates)
    return np.where(zero, t[:, None], quotient)


def _limit(product: float, fastest: float) -> float:
    return product / fastest if fastest > 0 else np.inf


@dataclass(frozen=True)
class GradientFlow:
    r"""Continuous time: factor :math:`e^{-\lambda t}`.

    Examples
    --------
    >>> import numpy as np
    >>> GradientFlow().factor(np.array([0.0, 1.0]), np.array([2.0]))
    array([[1.        , 0.13533528]])
    """

    acceleration: ClassVar[float] = 1.0
    momentum: ClassVar[float] = 0.0
    nesterov: ClassVar[bool] = False
    schedule_text: ClassVar[str] = "none"

    @property
    def step_size(self) -> None:
        """None: no steps."""
        return

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        return np.exp(-t[:, None] * rates)

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        return flow_deficit(rates, t)

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Integral of the factor over time."""
        return flow_integral(rates, t)

    def max_step_size(self, fastest: float) -> float:
        """That of plain gradient descent, which approximates the flow."""
        return _limit(2.0, fastest)

    fastest_stable: ClassVar[float] = np.inf

    def refuse_times(self, t: FloatArray) -> None:
        """All times will do."""

    def refuse_unstable(self, fastest: float) -> None:
        """No rate is too fast."""

    def refuse_decay(self, decay: Decay) -> None:
        """Under decay the flow is what is solved."""


@dataclass(frozen=True)
class Discrete:
    """Dynamics in steps of `step_size`, at times that are multiples of it."""

    step_size: float

    name: ClassVar[str]
    bound: ClassVar[str]
    nesterov: ClassVar[bool] = False
    schedule_text: ClassVar[str] = "constant"

    def steps(self, t: FloatArray) -> FloatArray:
        """Number of steps at times `t`; refuses times that are not whole steps."""
        count = np.rint(t / self.step_size)
        off = np.abs(count * self.step_size - t) > 1e-6 * np.maximum(t, self.step_size)
        if off.any():
            raise ValueError(
                f"t={t[off][0]:g} is no multiple of step_size={self.step_size:g}; "
                "use t = step_size * numpy.unique(steps)"
            )
        return count

    def max_step_size(self, fastest: float) -> float:
        """Largest stable step for a largest rate; infinite for 0."""
        raise NotImplementedError

    @property
    def fastest_stable(self) -> float:
        """Largest rate that does not grow at this step."""
        return self.max_step_size(1.0) / self.step_size

    def refuse_times(self, t: FloatArray) -> None:
        """Refuse times that are no whole steps."""
        self.steps(t)

    def refuse_decay(self, decay: Decay) -> None:
        """Refuse finite steps under decay, whose coefficients change from step to step."""
        if decay.active:
            raise ValueError(
                f"step_size={self.step_size:g} with weight_decay={decay.weight:g}, "
                f"frequency_decay={decay.frequency:g}: the equation with decay is solved as "
                "gradient flow; leave step_size out (small steps of training follow the flow)"
            )

    def refuse_unstable(self, fastest: float) -> None:
        """Refuse a step with which a mode of rate `fastest` grows."""
        limit = self.max_step_size(fastest)
        if self.step_size > limit:
            raise ValueError(
                f"step_size={self.step_size:g} exceeds max_step_size={limit:.6g} = {self.bound}: "
                f"{self.name} diverges; take a smaller step, or step_size=None for gradient flow"
            )


@dataclass(frozen=True)
class DescentDynamics(Discrete):
    r"""Plain gradient descent of step :math:`\eta`.

    The factor is :math:`(1-\eta\lambda)^n` at :math:`t=\eta n`, exact in the linear regime
    and stable for :math:`\eta\lambda \le 2`.

    Examples
    --------
    >>> import numpy as np
    >>> DescentDynamics(0.5).factor(np.array([0.0, 1.0]), np.array([1.0]))
    array([[1.  , 0.25]])
    """

    name: ClassVar[str] = "gradient descent"
    bound: ClassVar[str] = "2/largest rate"
    acceleration: ClassVar[float] = 1.0
    momentum: ClassVar[float] = 0.0

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        log, small, count = self._slow(rates), self.step_size * rates < 0.5, self.steps(t)[:, None]
        base = np.where(small, 0.0, 1.0 - self.step_size * rates)
        # A step that is too large makes modes grow, which must be noticed without an overflow.
        most = np.exp(GROWTH / np.maximum(count, 1.0))
        power = np.power(np.clip(base, -most, most), count)
        return np.where(small, np.exp(count * log), power)

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        small, count = self.step_size * rates < 0.5, self.steps(t)[:, None]
        return np.where(small, -np.expm1(count * self._slow(rates)), 1.0 - self.factor(rates, t))

    def _slow(self, rates: FloatArray) -> FloatArray:
        """Logarithm of 1 - eta lambda where that is above a half, else 0."""
        product = self.step_size * rates
        return np.log1p(-np.where(product < 0.5, product, 0.0))

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Sum of step size times factor over the steps."""
        return _over_rate(self.deficit(rates, t), rates, t)

    def max_step_size(self, fastest: float) -> float:
        """Largest step for which no mode grows."""
        return _limit(2.0, fastest)


@dataclass(frozen=True)
class _Momentum(Discrete):
    momentum: float

    @property
    def acceleration(self) -> float:
        """How many times faster than gradient flow slow modes are learned."""
        return 1 / (1 - self.momentum)

    def _matrix(self, product: FloatArray) -> StepMatrix:
        raise NotImplementedError

    def factor(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """Remaining share of the mode."""
        return self._matrix(self.step_size * rates).factor(self.steps(t))

    def deficit(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """One minus the factor."""
        return rates * self.integral(rates, t)

    def integral(self, rates: FloatArray, t: FloatArray) -> FloatArray:
        """The deficit over the rate, and its limit at rate 0."""
        return self.step_size * self._matrix(self.step_size * rates).learned(self.steps(t))


@dataclass(frozen=True)
class HeavyBallDynamics(_Momentum):
    r"""Gradient descent with momentum, as in ``torch.optim.SGD(momentum=beta)``.

    From rest, :math:`v \leftarrow \beta v + g`, :math:`p \leftarrow p - \eta v`. Stable for
    :math:`\eta\lambda \le 2(1+\beta)`; critically damped at :math:`(1 - \sqrt\beta)^2`. Slow modes
    decay as under gradient flow at time :math:`\eta n/(1-\beta)`; the integral at rate 0 is
    :math:`\frac{\eta}{1-\beta}\left[n - \frac{\beta(1-\beta^n)}{1-\beta}\right]`.

    Parameters
    ----------
    step_size : float
        :math:`\eta`.
    momentum : float
        :math:`\beta`, between 0 and 1.

    References
    ----------
    Polyak 1964, doi:10.1016/0041-5553(64)90137-5.

    Examples
    --------
    >>> import numpy as np
    >>> HeavyBallDynamics(0.5, 0.5).factor(np.array([0.0, 1.0]), np.array([0.5, 1.5])).round(12)
    array([[ 1.  ,  0.5 ],
           [ 1.  , -0.25]])
    """

    name: ClassVar[str] = "heavy ball"
    bound: ClassVar[str] = "2 (1 + momentum)/largest rate"

    def _matrix(self, product: FloatArray) -> StepMatrix:
        beta, root = self.momentum, np.sqrt(self.momentum)
        discriminant = (((1 - beta) / (1 + root)) ** 2 - product) * ((1 + root) ** 2 - product) / 4
        return StepMatrix(beta, 1.0, beta, product, np.zeros_like(product), discriminant)

    def max_step_size(self, fastest: float) -> float:
        """Largest step for which no mode grows without bound."""
        return _limit(2 * (1 + self.momentum), fastest)


@dataclass(frozen=True)
class NesterovDynamics(_Momentum):
    r"""Nesterov's momentum, as in ``torch.optim.SGD(momentum=beta, nesterov=True)``.

    From rest, :math:`v \leftarrow \beta v + g`, :math:`p \leftarrow p - \eta(g + \beta v)`. Stable
    for :math:`\eta\lambda \le 2(1+\beta)/(1+2\beta)`; critically damped at
    :math:`\left(\frac{1-\beta}{1+\beta}\right)^2`. Slow modes decay as under gradient flow at time
    :math:`\eta n/(1-\beta)`; the integral at rate 0 is
    :math:`\frac{\eta}{1-\beta}\left[n - \frac{\beta^2(1-\beta^n)}{1-\beta}\right]`.

    Parameters
    ----------
    step_size : float
        :math:`\eta`.
    momentum : float
        :math:`\beta`, between 0 and 1.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, ICML 2013, "On the importance of initialization and momentum
    in deep learning".

    Examples
    --------
    >>> import numpy as np
    >>> NesterovDynamics(0.5, 0.5).factor(np.array([0.0, 1.0]), np.array([0.5, 1.0])).round(12)
    array([[ 1.    ,  0.25  ],
           [ 1.    , -0.0625]])
    """

    name: ClassVar[str] = "Nesterov's momentum"
    nesterov: ClassVar[bool] = True
    bound: ClassVar[str] = "2 (1 + momentum)/((1 + 2 momentum) largest rate)"

    def _matrix(self, product: FloatArray) -> StepMatrix:
        beta = self.momentum
        discriminant = (1 - product) * ((1 - beta) ** 2 - (1 + beta) ** 2 * product) / 4
        return StepMatrix(beta, 1 + beta, beta**2, product, product, discriminant)

    def max_step_size(self, fastest: float) -> float:
        """Largest step for which no mode grows without bound."""
        return _limit(2 * (1 + self.momentum) / (1 + 2 * self.momentum), fastest)


def dynamics_for(
    step_size: Any, momentum: float, nesterov: bool, optimizer: str | Optimizer | None = None
) -> Dynamics:
    """Gradient flow for `step_size` None, else gradient descent, heavy ball or Nesterov.

    The rule is that of the `optimizer`, or of the two other arguments.
    """
    if optimizer is not None and momentum == 0 and not nesterov:
        found = scheduled(as_optimizer(optimizer), step_size)
        if found is not None:
            return found
    momentum, nesterov = momentum_for(optimizer, momentum, nesterov)
    if step_size is None:
        if momentum > 0:
            raise ValueError(
                f"momentum={momentum:g} needs a step_size: momentum is a property of discrete "
                "steps; give step_size, or leave momentum 0 for gradient flow"
            )
        return GradientFlow()
    step = checks.positive("step_size", step_size)
    if momentum == 0:
        return DescentDynamics(step)
    return NesterovDynamics(step, momentum) if nesterov else HeavyBallDynamics(step, momentum)
