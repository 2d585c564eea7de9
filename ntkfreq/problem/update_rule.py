"""What every update rule has: a schedule, clipping, and what may be known of its step."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        >>> from ntkfreq import Adam, Nesterov
        >>> Nesterov(0.9, clip=1.0).momentum_if_linear(), Adam().momentum_if_linear()
        (Momentum(beta=0.9, nesterov=True), None)
        """
        return None

    def predicted_momentum(self) -> Momentum | None:
        """Momentum if every step is linear and like the first; None for other rules.

        Examples
        --------
        >>> from ntkfreq import HeavyBall
        >>> HeavyBall(0.9).predicted_momentum(), HeavyBall(0.9, clip=1.0).predicted_momentum()
        (Momentum(beta=0.9, nesterov=False), None)
        """
        plain = self.clip is None and self.schedule.constant
        return self.momentum_if_linear() if plain else None

    def in_torch(self) -> tuple[str, dict[str, Any]] | None:
        """Name and settings of the same rule in ``torch.optim``, without decay; None for others."""
        return None

    def update(self, theta: Any, slope: Any, memory: Any, rate: Any, step: int) -> None:
        """Move `theta` in place, for NumPy arrays and PyTorch tensors alike.

        Parameters
        ----------
        theta, slope : array
            Parameters and their gradient.
        memory : array
            Arrays of that shape that the rule keeps between steps, one for each slot.
        rate : float or array
            Step size of this step, in the standard parametrization that of each parameter: a
            factor of whatever is subtracted from theta.
        step : int
            Steps taken before.
        """
        raise NotImplementedError

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Numbers with which compiled kernels repeat the rules of this package; not for others."""
        raise NotImplementedError


def below_one(name: str, value: object) -> float:
    """The share that a memory keeps at every step, from 0 to below 1.

    Examples
    --------
    >>> below_one("momentum", 0)
    0.0
    """
    number = checks.finite_float(name, value)
    if number < 0:
        raise ValueError(f"{name}={number} must not be negative; 0 keeps no memory")
    if number >= 1:
        raise ValueError(f"{name}={number} must be below 1, or the memory never fades")
    return number + 0.0
