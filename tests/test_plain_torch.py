"""Each update rule of `train` against the loop that a user of PyTorch writes, on every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from ntkfreq import (
    Adam,
    AdamW,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    RMSProp,
    SignDescent,
    train,
)

STEPS = 50
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (11, 2))
Y = np.sin(3 * X[:, 0]) + 0.3
NET = FourierFeatureNet.sample(Normal(scale=4.0, dim=2), 16, rng=0)
# Fast transforms to rounding, for the others nothing is approximate.
BACKENDS = {"reference": {}, "direct": {}, "nufft": {"tolerance": 1e-14}, "torch": {}}


class Plain(torch.nn.Module):
    """The network by its formula."""

    def __init__(self, net: FourierFeatureNet) -> None:
        super().__init__()
        self.w, self.a, self.b = (
            torch.nn.Parameter(torch.tensor(np.array(part))) for part in (net.w, net.a, net.b)
        )
        self.factor = len(net.a) ** -0.5

    def forward(self, x: Any) -> Any:
        phase = x @ self.w.T
        return self.factor * (torch.cos(phase) @ self.a + torch.sin(phase) @ self.b)


def by_sign(beta: float) -> Any:
    """Sign descent by hand, for there is none in ``torch.optim``."""

    class Signs(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    mean = self.state[p].get("mean", torch.zeros_like(p))
                    self.state[p]["mean"] = mean = beta * mean + (1 - beta) * p.grad
                    p -= group["lr"] * (group["weight_decay"] * p + torch.sign(mean))

    return lambda groups, lr: Signs(groups, {"lr": lr})


@dataclass(frozen=True)
class Case:
    """A rule here and there; decays of a and b, and of w."""

    rule: Any
    theirs: Any
    step_size: float
    decays: tuple[float, float] = (0.0, 0.0)


def adam(epsilon: float, decays: tuple[float, float] = (0.0, 0.0)) -> Case:
    return Case(
        Adam(epsilon=epsilon), lambda g, lr: torch.optim.Adam(g, lr, eps=epsilon), 0.01, decays
    )


CASES = {
    "gradient descent": Case(GradientDescent(), torch.optim.SGD, 0.3),
    "heavy ball": Case(HeavyBall(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9), 0.05),
    "Nesterov": Case(Nesterov(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9, nesterov=True), 0.05),
    "Adam, epsilon 0": adam(0.0),
    "Adam, epsilon 1e-8": adam(1e-8),
    "Adam, epsilon 1": adam(1.0),
    "Adam with decay": adam(1e-8, (0.2, 0.05)),
    "AdamW": Case(AdamW(), torch.optim.AdamW, 0.01, (0.2, 0.05)),
    "RMSProp": Case(RMSProp(), torch.optim.RMSprop, 0.003),
    "RMSProp, epsilon 0": Case(
        RMSProp(epsilon=0.0), lambda g, lr: torch.optim.RMSprop(g, lr, eps=0.0), 0.003
    ),
    "RMSProp, all options": Case(
        RMSProp(0.9, 1e-3, 0.8),
        lambda g, lr: torch.optim.RMSprop(g, lr, 0.9, 1e-3, momentum=0.8),
        0.001,
        (0.2, 0.05),
    ),
    "sign descent": Case(SignDescent(), by_sign(0.0), 0.003),
    "sign descent with momentum": Case(SignDescent(0.9), by_sign(0.9), 0.003, (0.2, 0.05)),
}


def by_torch(case: Case, module: Any) -> Any:
    """Trained by a plain loop."""
    x, y = torch.tensor(X), torch.tensor(Y)
    outer, inner = case.decays
    groups = [
        {"params": [module.a, module.b], "weight_decay": outer},
        {"params": [module.w], "weight_decay": inner},
    ]
    optimizer = case.theirs(groups, case.step_size)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * torch.mean((module(x) - y) ** 2)).backward()
        optimizer.step()
    return module


def settings(case: Case) -> dict[str, Any]:
    """The same for `train`."""
    outer, inner = case.decays
    return {
        "step_size": case.step_size,
        "steps": STEPS,
        "optimizer": case.rule,
        "weight_decay": outer,
        "frequency_decay": inner,
        "record": 5,
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_that_of_the_plain_loop(name, backend):
    case = CASES[name]
    module = by_torch(case, Plain(NET))
    run = train(NET, X, Y, backend=backend, **settings(case), **BACKENDS[backend])
    for part in ("w", "a", "b"):
        # Sums in another order, over fifty steps.
        np.testing.assert_allclose(
            getattr(run.net, part), getattr(module, part).detach().numpy(), rtol=0, atol=1e-10
        )
    np.testing.assert_array_equal(run.t, case.step_size * run.step)
    assert run.status.startswith("completed 50 steps")
    assert np.abs(run.net.w - NET.w).max() > 1e-3
