r"""Schedules of the step size: factors by which step n of a run is shorter or longer.

A run with a schedule is at training time :math:`t_n = \eta \sum_{k<n} \phi_k`, the sum of the steps
it took; without one :math:`\phi_k = 1`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ntkfreq._support import checks
from ntkfreq._support.display import Tabled


@dataclass(frozen=True)
class Schedule(Tabled):
    r"""Base of the schedules: a factor :math:`\phi_n` for each step n = 0, 1, ..."""

    constant: ClassVar[bool] = False
    """Whether all factors are 1, so that training time is step size times steps."""

    def factor(self, step: int) -> float:
        """Factor of the step that leads from `step` to `step` + 1."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    r""":math:`\phi_n = 1`.

    Examples
    --------
    >>> Constant().factor(7)
    1.0
    """

    constant: ClassVar[bool] = True

    def factor(self, step: int) -> float:
        """One."""
        del step
        return 1.0


@dataclass(frozen=True)
class Warmup(Schedule):
    r"""Linear warm-up, :math:`\phi_n = (n+1)/s` for :math:`n < s`, then another schedule.

    Parameters
    ----------
    steps : int
        Length s of the warm-up.
    then : Schedule, optional
        What follows, counted from its end.

    References
    ----------
    Goyal et al., arXiv 1706.02677, section 2.2.

    Examples
    --------
    >>> [Warmup(4).factor(n) for n in (0, 1, 3, 9)]
    [0.25, 0.5, 1.0, 1.0]
    """

    steps: int
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.integer("steps", self.steps, 1))
        if not isinstance(self.then, Schedule):
            raise TypeError(f"then={checks.show(self.then)} must be a Schedule, e.g. Cosine(1000)")

    def factor(self, step: int) -> float:
        """Factor of a step."""
        if step < self.steps:
            return (step + 1) / self.steps
        return self.then.factor(step - self.steps)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""Half a cosine from 1 to `final` over `steps` steps, constant afterwards.

    .. math:: \phi_n = \phi_\infty + \tfrac12 (1 - \phi_\infty)(1 + \cos(\pi n / s))

    Parameters
    ----------
    steps : int
        Length s.
    final : float
        Last factor.

    References
    ----------
    Loshchilov and Hutter, arXiv 1608.03983, equation 5, without restarts.

    Examples
    --------
    >>> [round(Cosine(10, final=0.1).factor(n), 3) for n in (0, 5, 10, 50)]
    [1.0, 0.55, 0.1, 0.1]
    """

    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.integer("steps", self.steps, 1))
        object.__setattr__(self, "final", checks.non_negative("final", self.final))

    def factor(self, step: int) -> float:
        """Factor of a step."""
        wave = 1 + math.cos(math.pi * min(step, self.steps) / self.steps)
        return self.final + 0.5 * (1 - self.final) * wave


@dataclass(frozen=True)
class Exponential(Schedule):
    r"""Geometric decay, :math:`\phi_n = q^{\lfloor n/s \rfloor}`.

    Parameters
    ----------
    ratio : float
        The factor q after every `steps` steps.
    steps : int
        Length s of a stair; 1 decays at every step.

    Examples
    --------
    >>> [Exponential(0.5, steps=2).factor(n) for n in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    ratio: float
    steps: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", checks.positive("ratio", self.ratio))
        object.__setattr__(self, "steps", checks.integer("steps", self.steps, 1))

    def factor(self, step: int) -> float:
        """Factor of a step."""
        try:
            return float(self.ratio ** (step // self.steps))
        except OverflowError:  # a ratio above 1 after many steps: the run has diverged by then
            return math.inf
