"""The update rules of `ntkfreq.train` on PyTorch modules, by their namesakes in ``torch.optim``."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.problem.optimizers import Optimizer


@dataclass(frozen=True)
class TorchRule:
    """One rule and the parameters that it moves."""

    rule: Optimizer
    parameters: list[Any]
    step_size: float
    optimizer: Any

    @classmethod
    def of(cls, rule: Optimizer, parameters: list[Any], step_size: float) -> TorchRule:
        """The namesake of a rule in ``torch.optim``.

        Raises
        ------
        ValueError
            For a rule that has none.
        """
        import torch

        known = rule.in_torch()
        if known is None:
            raise ValueError(
                f"optimizer={checks.show(rule)} has no namesake in torch.optim; use one such as "
                "Adam(), or train a FourierFeatureNet or FourierFeatureMLP, which take any rule"
            )
        name, settings = known
        if settings.get("eps") == 0:
            # PyTorch divides 0 by 0. This is below the root of every square that is not 0.
            settings["eps"] = torch.finfo(parameters[0].dtype).tiny ** 0.5
        make = getattr(torch.optim, name)
        # Where PyTorch has a rule in one pass over the parameters, it takes that.
        fused = {"fused": True} if "fused" in inspect.signature(make).parameters else {}
        own = make(parameters, lr=step_size, **fused, **settings)
        return cls(rule, parameters, step_size, own)

    def take(self, step: int, loss: Any) -> None:
        """The step that leads from `step` to `step` + 1, along the gradient of a loss."""
        import torch

        self.optimizer.zero_grad()
        loss.backward()
        if self.rule.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.rule.clip)
        if not self.rule.schedule.constant:
            for group in self.optimizer.param_groups:
                group["lr"] = self.step_size * self.rule.schedule.factor(step)
        self.optimizer.step()


def training_times(rule: Optimizer, step_size: float, steps: IntArray) -> FloatArray:
    """Sum of the step sizes before each of the recorded steps.

    Examples
    --------
    >>> from ntkfreq import Adam, Warmup
    >>> training_times(Adam(schedule=Warmup(2)), 1.0, np.array([0, 1, 2, 4]))
    array([0. , 0.5, 1.5, 3.5])
    """
    if rule.schedule.constant:
        return np.asarray(step_size * steps, dtype=np.float64)
    sizes = [step_size * rule.schedule.factor(step) for step in range(int(steps[-1]))]
    return np.asarray(np.cumsum([0.0, *sizes])[steps])
