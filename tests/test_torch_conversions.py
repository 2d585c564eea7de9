"""Settings of torch.optim beside MSELoss, converted as the page on backends says: the same path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from ntkfreq import FourierFeatureNet, Normal, train
from ntkfreq.problem.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    RMSProp,
)

X = np.linspace(-1, 1, 20)
Y = np.sin(4 * X)
STEPS = 60


@dataclass(frozen=True)
class Setting:
    """What a PyTorch user writes."""

    kind: str
    lr: float
    decay: tuple[float, float] = (0.0, 0.0)  # of the output weights, of the frequencies
    options: dict[str, Any] = field(default_factory=dict)
    reduction: str = "mean"


def here(setting: Setting) -> dict[str, Any]:
    """The table of the documentation: the loss of MSELoss is `times` that of train."""
    times = 2.0 if setting.reduction == "mean" else 2.0 * len(X)
    outer, inner = setting.decay
    options = setting.options
    if setting.kind == "SGD":
        beta = options.get("momentum", 0.0)
        rule = GradientDescent() if beta == 0 else HeavyBall(momentum=beta)
        if options.get("nesterov"):
            rule = Nesterov(momentum=beta)
        decays = outer / times, inner / times
        return {"step_size": times * setting.lr, "optimizer": rule, "decays": decays}
    epsilon = options.get("eps", 1e-8) / times
    if setting.kind == "Adam":
        decays = outer / times, inner / times
        return {"step_size": setting.lr, "optimizer": Adam(epsilon=epsilon), "decays": decays}
    if setting.kind == "RMSprop":
        rule = RMSProp(options["alpha"], epsilon, options["momentum"])
        decays = outer / times, inner / times
        return {"step_size": setting.lr, "optimizer": rule, "decays": decays}
    return {
        "step_size": setting.lr,
        "optimizer": AdamW(epsilon=epsilon),
        "decays": setting.decay,
    }


def by_torch(
    net: FourierFeatureNet, setting: Setting, clip: float | None = None
) -> tuple[np.ndarray, ...]:
    """Parameters after PyTorch's own loop."""
    w, a, b = (torch.tensor(np.array(part), requires_grad=True) for part in (net.w, net.a, net.b))
    x, y = torch.tensor(X)[:, None], torch.tensor(Y)
    outer, inner = setting.decay
    groups = [{"params": [a, b], "weight_decay": outer}, {"params": [w], "weight_decay": inner}]
    optimizer = getattr(torch.optim, setting.kind)(groups, lr=setting.lr, **setting.options)
    loss = torch.nn.MSELoss(reduction=setting.reduction)
    for _ in range(STEPS):
        optimizer.zero_grad()
        phase = x @ w.T
        loss((torch.cos(phase) @ a + torch.sin(phase) @ b) / len(a) ** 0.5, y).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([w, a, b], clip)
        optimizer.step()
    return tuple(part.detach().numpy() for part in (w, a, b))


SETTINGS = {
    "SGD": Setting("SGD", 0.05),
    "SGD with decay": Setting("SGD", 0.05, (0.2, 0.06)),
    "momentum": Setting("SGD", 0.02, (0.2, 0.06), {"momentum": 0.8}),
    "Nesterov": Setting("SGD", 0.02, (0.2, 0.06), {"momentum": 0.8, "nesterov": True}),
    "Adam": Setting("Adam", 0.01),
    "Adam, large epsilon": Setting("Adam", 0.01, (0.0, 0.0), {"eps": 0.1}),
    "Adam with decay": Setting("Adam", 0.01, (0.2, 0.06), {"eps": 0.1}),
    "AdamW": Setting("AdamW", 0.01, (0.2, 0.06), {"eps": 0.1}),
    "RMSprop": Setting("RMSprop", 0.002, (0.2, 0.06), {"eps": 0.1, "alpha": 0.9, "momentum": 0.5}),
    "sum": Setting("SGD", 0.0025, (4.0, 1.0), {"momentum": 0.5}, "sum"),
    "AdamW on the sum": Setting("AdamW", 0.01, (0.2, 0.06), {"eps": 0.1}, "sum"),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("backend", ["reference", "direct"])
def test_the_converted_run_is_pytorchs(name, backend):
    setting = SETTINGS[name]
    net = FourierFeatureNet.sample(Normal(scale=6.0), 64, rng=0)
    found = here(setting)
    outer, inner = found["decays"]
    run = train(
        net,
        X,
        Y,
        step_size=found["step_size"],
        steps=STEPS,
        optimizer=found["optimizer"],
        weight_decay=outer,
        frequency_decay=inner,
        backend=backend,
        kernel_probe=0,
    )
    for mine, theirs in zip((run.net.w, run.net.a, run.net.b), by_torch(net, setting), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())
        # And the run did move.
    assert np.abs(run.net.a - net.a).max() > 1e-2


def test_clipping_at_half_the_norm_is_pytorchs():
    """PyTorch adds 1e-6 to the norm that it divides by."""
    net = FourierFeatureNet.sample(Normal(scale=6.0), 64, rng=0)
    theirs = by_torch(net, Setting("SGD", 0.2, (0.1, 0.1)), clip=0.4)
    rule = GradientDescent(clip=0.2)
    run = train(
        net, X, Y, step_size=0.4, steps=STEPS, optimizer=rule, weight_decay=0.05,
        frequency_decay=0.05, kernel_probe=0,
    )  # fmt: skip
    for mine, other in zip((run.net.w, run.net.a, run.net.b), theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-4)
    free = by_torch(net, Setting("SGD", 0.2, (0.1, 0.1)))
    assert np.abs(free[1] - theirs[1]).max() > 5e-3


def test_the_same_number_for_the_decay_is_another_run():
    net = FourierFeatureNet.sample(Normal(scale=6.0), 64, rng=0)
    run = train(net, X, Y, step_size=0.1, steps=STEPS, weight_decay=0.2, kernel_probe=0)
    theirs = by_torch(net, Setting("SGD", 0.05, (0.2, 0.0)))
    assert np.abs(run.net.a - theirs[1]).max() > 0.1
