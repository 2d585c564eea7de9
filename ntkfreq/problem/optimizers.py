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
================== ==============================================================================

where :math:`\tilde g = g + \gamma(\theta - \theta_*)`; AdamW takes :math:`\tilde g = g` and
:math:`\theta \leftarrow \theta - \eta_n \gamma (\theta - \theta_*)` before. Minibatch SGD is any of
them with ``batch_size``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from ntkfreq._support import checks
from ntkfreq._support.display import Tabled
from ntkfreq.problem.step_schedules import Constant, Schedule


class Momentum(NamedTuple):
    """Momentum of a rule whose step is linear in the gradients; 0 for plain gradient descent."""

    beta: float
    nesterov: bool


@dataclass(frozen=True)
class Optimizer(Tabled):
    """Base of the update rules.

    Parameters
    ----------
    schedule : Schedule
        Factors of the step size; default constant.
    clip : float, optional
        Largest norm of the gradient over all trained parameters, before decay is added; longer
        ones are shortened to it, as by ``torch.nn.utils.clip_grad_norm_`` (Pascanu, Mikolov,
        Bengio, arXiv 1211.5063).
    """

    slots: ClassVar[int] = 0
    """Number of arrays of the size of the parameters that the rule keeps between steps."""

    decoupled: ClassVar[bool] = False
    """Whether decay moves the parameters apart from the gradient."""

    normalized: ClassVar[bool] = False
    """Whether gradients are normalized, so that `step_size` is how far a parameter moves."""

    schedule: Schedule = field(default=Constant(), kw_only=True)
    clip: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise TypeError(
                f"schedule={checks.show(self.schedule)} must be a Schedule, e.g. Warmup(100)"
            )
        if self.clip is not None:
            object.__setattr__(self, "clip", checks.positive("clip", self.clip))

    def momentum_if_linear(self) -> Momentum | None:
        """Momentum of the rule where its step is linear in the gradients, whatever clip; else None.

        Examples
        --------
        >>> Nesterov(0.9, clip=1.0).momentum_if_linear(), Adam().momentum_if_linear()
        (Momentum(beta=0.9, nesterov=True), None)
        """
        return None

    def predicted_momentum(self) -> Momentum | None:
        """Momentum if every step is linear and like the first; None for rules without prediction.

        Examples
        --------
        >>> HeavyBall(0.9).predicted_momentum(), HeavyBall(0.9, clip=1.0).predicted_momentum()
        (Momentum(beta=0.9, nesterov=False), None)
        """
        plain = self.clip is None and self.schedule.constant
        return self.momentum_if_linear() if plain else None

    def in_torch(self) -> tuple[str, dict[str, Any]] | None:
        """Name and settings of the same rule in ``torch.optim``, without decay; None for others."""
        return None

    def update(self, theta: Any, slope: Any, memory: Any, rate: float, step: int) -> None:
        """Move `theta` in place, for NumPy arrays and PyTorch tensors alike.

        Parameters
        ----------
        theta, slope : array
            Parameters and their gradient.
        memory : array
            Arrays of that shape that the rule keeps between steps, one for each slot.
        rate : float
            Step size of this step.
        step : int
            Steps taken before.
        """
        raise NotImplementedError

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Numbers with which compiled kernels repeat the rules of this module; not for others."""
        raise NotImplementedError


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

    def update(self, theta: Any, slope: Any, memory: Any, rate: float, step: int) -> None:
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
        object.__setattr__(self, "momentum", _below_one("momentum", self.momentum))

    def momentum_if_linear(self) -> Momentum:
        """That of the heavy ball."""
        return Momentum(self.momentum, nesterov=False)

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """SGD with momentum."""
        return "SGD", {"momentum": self.momentum}

    def update(self, theta: Any, slope: Any, memory: Any, rate: float, step: int) -> None:
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

    def update(self, theta: Any, slope: Any, memory: Any, rate: float, step: int) -> None:
        """One step."""
        memory[0] *= self.momentum
        memory[0] += slope
        theta -= rate * (slope + self.momentum * memory[0])

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Share of the old velocity; weights of gradient and velocity."""
        return self.momentum, 1.0, self.momentum


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""Adam; decay enters the gradient (L2 regularization) and is rescaled with it.

    Parameters
    ----------
    beta1, beta2 : float
        Memories of the mean and of the square of the gradient, in [0, 1).
    epsilon : float
        Added to the root of the mean square.

    References
    ----------
    Kingma and Ba, arXiv 1412.6980, algorithm 1.

    Examples
    --------
    >>> Adam(beta2=0.98).beta2
    0.98
    """

    slots: ClassVar[int] = 2
    normalized: ClassVar[bool] = True
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            object.__setattr__(self, name, _below_one(name, getattr(self, name)))
        object.__setattr__(self, "epsilon", checks.positive("epsilon", self.epsilon))

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """Adam."""
        return "Adam", {"betas": (self.beta1, self.beta2), "eps": self.epsilon}

    def update(self, theta: Any, slope: Any, memory: Any, rate: float, step: int) -> None:
        """One step."""
        mean, square = memory[0], memory[1]
        mean *= self.beta1
        mean += (1 - self.beta1) * slope
        square *= self.beta2
        square += (1 - self.beta2) * slope * slope
        unbiased = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        theta -= (rate / unbiased[0]) * mean / (square**0.5 / unbiased[1] ** 0.5 + self.epsilon)

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Both memories, epsilon, and the corrections of the two biases."""
        return (
            self.beta1,
            self.beta2,
            self.epsilon,
            1 / (1 - self.beta1 ** (step + 1)),
            (1 - self.beta2 ** (step + 1)) ** -0.5,
        )


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled decay, which shrinks the parameters apart from the gradient.

    Parameters
    ----------
    beta1, beta2, epsilon : float
        As in `Adam`.

    References
    ----------
    Loshchilov and Hutter, arXiv 1711.05101, algorithm 2.

    Examples
    --------
    >>> AdamW().decoupled, Adam().decoupled
    (True, False)
    """

    decoupled: ClassVar[bool] = True

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """AdamW, with its own weight decay (0.01 by default) set to 0."""
        settings = {"betas": (self.beta1, self.beta2), "eps": self.epsilon, "weight_decay": 0.0}
        return "AdamW", settings


OPTIMIZERS = MappingProxyType(
    {
        "gd": GradientDescent,
        "sgd": GradientDescent,
        "heavy_ball": HeavyBall,
        "nesterov": Nesterov,
        "adam": Adam,
        "adamw": AdamW,
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


def _below_one(name: str, value: object) -> float:
    number = checks.non_negative(name, value)
    if number >= 1:
        raise ValueError(f"{name}={number} must be below 1, or the memory never fades")
    return number
