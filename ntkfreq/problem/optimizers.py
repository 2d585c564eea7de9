r"""Update rules as small frozen objects: the change of the parameters by one step.

With the gradient g of the loss at step n, its decay :math:`\gamma(\theta - \theta_*)` (rates and
anchor :math:`\theta_*` are arguments of `train`) and the step size :math:`\eta_n = \eta\,\phi_n`:

================== ==============================================================================
GradientDescent    :math:`\theta \leftarrow \theta - \eta_n \tilde g`
HeavyBall          :math:`v \leftarrow \beta v + \tilde g,\ \theta \leftarrow \theta - \eta_n v`
Nesterov           :math:`v \leftarrow \beta v + \tilde g,\ \theta \leftarrow \theta - \eta_n
                   (\tilde g + \beta v)`
Adam, AdamW        :math:`p \leftarrow \beta_1 p + (1-\beta_1) \tilde g,\ q \leftarrow \beta_2 q +
                   (1-\beta_2)\tilde g^2,\ \theta \leftarrow \theta - \eta_n \hat p /
                   (\sqrt{\hat q} + \epsilon)`
RMSProp            :math:`q \leftarrow \alpha q + (1-\alpha)\tilde g^2,\ v \leftarrow \beta v +
                   \tilde g / (\sqrt q + \epsilon),\ \theta \leftarrow \theta - \eta_n v`
SignDescent        :math:`p \leftarrow \beta p + (1-\beta) \tilde g,\ \theta \leftarrow \theta -
                   \eta_n\, \mathrm{sign}(p)`
================== ==============================================================================

where :math:`\tilde g = g + \gamma(\theta - \theta_*)`; AdamW and SignDescent take
:math:`\tilde g = g` and :math:`\theta \leftarrow \theta - \eta_n \gamma (\theta - \theta_*)`
before. Minibatch SGD is any of them with ``batch_size``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from ntkfreq._support import checks
from ntkfreq.problem.normalized_rules import Adam as Adam
from ntkfreq.problem.normalized_rules import AdamW as AdamW
from ntkfreq.problem.normalized_rules import RMSProp as RMSProp
from ntkfreq.problem.normalized_rules import SignDescent as SignDescent
from ntkfreq.problem.update_rule import Momentum as Momentum
from ntkfreq.problem.update_rule import Optimizer as Optimizer
from ntkfreq.problem.update_rule import below_one


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """Plain gradient descent; with batches, stochastic gradient descent.

    Examples
    --------
    >>> GradientDescent(clip=1.0)
    GradientDescent(schedule=Constant(), clip=1.0)
    """

    def momentum_if_linear(self) -> Momentum:
        """No momentum."""
        return Momentum(0.0, nesterov=False)

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """Plain SGD."""
        return "SGD", {}

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        theta -= rate * slope

    def coefficients(self, step: int) -> tuple[float, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class HeavyBall(Optimizer):
    r"""Momentum of Polyak, as ``torch.optim.SGD(momentum=beta)``.

    Parameters
    ----------
    momentum : float
        :math:`\beta`, in [0, 1).

    References
    ----------
    Polyak, USSR Comput. Math. Math. Phys. 4 (1964).

    Examples
    --------
    >>> HeavyBall(0.5).momentum
    0.5
    """

    slots: ClassVar[int] = 1
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "momentum", below_one("momentum", self.momentum))

    def momentum_if_linear(self) -> Momentum:
        """That of the heavy ball."""
        return Momentum(self.momentum, nesterov=False)

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """SGD with momentum."""
        return "SGD", {"momentum": self.momentum}

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        memory[0] *= self.momentum
        memory[0] += slope
        theta -= rate * memory[0]

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Share of the old velocity; weights of gradient and velocity."""
        return self.momentum, 0.0, 1.0


@dataclass(frozen=True)
class Nesterov(HeavyBall):
    r"""Nesterov's momentum, as ``torch.optim.SGD(momentum=beta, nesterov=True)``.

    Parameters
    ----------
    momentum : float
        :math:`\beta`, in [0, 1).

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, ICML 2013.

    Examples
    --------
    >>> Nesterov()
    Nesterov(schedule=Constant(), clip=None, momentum=0.9)
    """

    def momentum_if_linear(self) -> Momentum:
        """That of Nesterov."""
        return Momentum(self.momentum, nesterov=self.momentum > 0)

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """SGD with Nesterov's momentum, which needs some."""
        return "SGD", {"momentum": self.momentum, "nesterov": self.momentum > 0}

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        memory[0] *= self.momentum
        memory[0] += slope
        theta -= rate * (slope + self.momentum * memory[0])

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Share of the old velocity; weights of gradient and velocity."""
        return self.momentum, 1.0, self.momentum


OPTIMIZERS = MappingProxyType(
    {
        "gd": GradientDescent,
        "sgd": GradientDescent,
        "heavy_ball": HeavyBall,
        "nesterov": Nesterov,
        "adam": Adam,
        "adamw": AdamW,
        "rmsprop": RMSProp,
        "sign": SignDescent,
    }
)


def as_optimizer(optimizer: object) -> Optimizer:
    """An update rule, or its name, as an update rule.

    Examples
    --------
    >>> as_optimizer("heavy_ball")
    HeavyBall(schedule=Constant(), clip=None, momentum=0.9)
    """
    if isinstance(optimizer, Optimizer):
        if type(optimizer).update is Optimizer.update:
            raise TypeError(
                f"optimizer={checks.show(optimizer)} has no rule of its own; use one such as "
                "GradientDescent(), or define the method update"
            )
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        rule: Optimizer = OPTIMIZERS[optimizer]()
        return rule
    raise ValueError(
        f"optimizer={checks.show(optimizer)} must be an Optimizer such as Adam(beta2=0.98), or "
        f"one of {', '.join(map(repr, OPTIMIZERS))}"
    )
