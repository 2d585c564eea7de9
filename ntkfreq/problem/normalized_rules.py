"""Update rules that divide the gradient by its size, so that the step size is that of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ntkfreq._support import checks
from ntkfreq.problem.update_rule import Optimizer, below_one


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""Adam; decay enters the gradient (L2 regularization) and is rescaled with it.

    Parameters
    ----------
    beta1, beta2 : float
        Memories of the mean and of the square of the gradient, in [0, 1).
    epsilon : float
        Added to the root of the mean square; at 0 a parameter whose mean square is 0 stays.

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
            object.__setattr__(self, name, below_one(name, getattr(self, name)))
        object.__setattr__(self, "epsilon", checks.non_negative("epsilon", self.epsilon))

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """Adam."""
        return "Adam", {"betas": (self.beta1, self.beta2), "eps": self.epsilon}

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        mean, square = memory[0], memory[1]
        mean *= self.beta1
        mean += (1 - self.beta1) * slope
        square *= self.beta2
        square += (1 - self.beta2) * slope * slope
        unbiased = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        size = square**0.5 / unbiased[1] ** 0.5
        theta -= _over((rate / unbiased[0]) * mean, size, self.epsilon)

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


@dataclass(frozen=True)
class RMSProp(Optimizer):
    r"""Gradients over the root of their mean square, as ``torch.optim.RMSprop``.

    Decay enters the gradient, as there. The mean square starts at 0 and is not corrected for that:
    the first step is :math:`(1-\alpha)^{-1/2}` times the step size, ten times by default.

    Parameters
    ----------
    alpha : float
        Memory of the square of the gradient, in [0, 1).
    epsilon : float
        Added to the root of the mean square; at 0 a parameter whose mean square is 0 stays.
    momentum : float
        Memory :math:`\beta` of the steps, in [0, 1); the steps add up to :math:`1/(1-\beta)` of
        them.

    References
    ----------
    Hinton, Srivastava and Swersky, Neural Networks for Machine Learning, lecture 6e (2012).

    Examples
    --------
    >>> RMSProp(momentum=0.9)
    RMSProp(schedule=Constant(), clip=None, alpha=0.99, epsilon=1e-08, momentum=0.9)
    """

    slots: ClassVar[int] = 2
    normalized: ClassVar[bool] = True
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "momentum"):
            object.__setattr__(self, name, below_one(name, getattr(self, name)))
        object.__setattr__(self, "epsilon", checks.non_negative("epsilon", self.epsilon))

    def in_torch(self) -> tuple[str, dict[str, Any]]:
        """RMSprop."""
        return "RMSprop", {"alpha": self.alpha, "eps": self.epsilon, "momentum": self.momentum}

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        square, velocity = memory[0], memory[1]
        square *= self.alpha
        square += (1 - self.alpha) * slope * slope
        velocity *= self.momentum
        velocity += _over(slope, square**0.5, self.epsilon)
        theta -= rate * velocity

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Memory of the square, epsilon, memory of the steps."""
        return self.alpha, self.epsilon, self.momentum


@dataclass(frozen=True)
class SignDescent(Optimizer):
    r"""Steps of one length in every parameter, along the sign of the gradient or of its mean.

    Without momentum this is signSGD, with it Signum. Decay moves the parameters apart from the
    gradient. Where the gradient is 0 up to rounding, its sign, and so a whole step, is left to
    rounding, or to the tolerance of fast transforms.

    Parameters
    ----------
    momentum : float
        Memory :math:`\beta` of the mean of the gradient, in [0, 1); 0 takes the gradient itself.

    References
    ----------
    Bernstein, Wang, Azizzadenesheli and Anandkumar, arXiv 1802.04434, algorithms 1 and 2.

    Examples
    --------
    >>> SignDescent(0.9).momentum, SignDescent().decoupled
    (0.9, True)
    """

    slots: ClassVar[int] = 1
    normalized: ClassVar[bool] = True
    decoupled: ClassVar[bool] = True
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "momentum", below_one("momentum", self.momentum))

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """One step."""
        mean = memory[0]
        mean *= self.momentum
        mean += (1 - self.momentum) * slope
        theta -= rate * _over(mean, abs(mean), 0.0)

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Memory of the mean."""
        return (self.momentum,)


def _over(top: Any, size: Any, epsilon: float) -> Any:
    """A quotient top / (size + epsilon) that is 0 where it would be 0 / 0; NaN is passed on."""
    if epsilon > 0:
        return top / (size + epsilon)
    return top * (size != 0) / (size + (size == 0))
