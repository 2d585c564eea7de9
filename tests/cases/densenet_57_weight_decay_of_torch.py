"""Weight decay of torch.optim.SGD beside MSELoss, which has no half: factors of two."""

from __future__ import annotations

import numpy as np
import torch

from ntkfreq import FourierFeatureNet, Normal, train
from ntkfreq.problem.optimizers import HeavyBall

from .verdict import Case, judge

CASE = Case(
    source="DenseNet issue 57, Keras_insightface issue 5",
    kind="conversions between conventions",
    right="PyTorch's own run of the same network: step size 2 lr and weight decay wd / 2 here",
)

X = np.linspace(-1, 1, 20)
Y = np.sin(4 * X)
NET = FourierFeatureNet.sample(Normal(scale=6.0), 64, rng=0)
STEPS, RATE, DECAY = 60, 0.05, 0.2


def by_torch(decay, weight_decay_of_w=0.0, **options):
    """Mean squared error after each step of torch.optim.SGD on MSELoss."""
    w, a, b = (torch.tensor(np.array(p), requires_grad=True) for p in (NET.w, NET.a, NET.b))
    x, y = torch.tensor(X)[:, None], torch.tensor(Y)
    optimizer = torch.optim.SGD(
        [
            {"params": [a, b], "weight_decay": decay},
            {"params": [w], "weight_decay": weight_decay_of_w},
        ],
        lr=RATE,
        **options,
    )
    losses = []
    for _ in range(STEPS + 1):
        optimizer.zero_grad()
        phase = x @ w.T
        output = (torch.cos(phase) @ a + torch.sin(phase) @ b) / np.sqrt(len(a))
        loss = torch.nn.MSELoss()(output, y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return np.array(losses)


@CASE.each(
    no_decay=(0.0, 0.0), decay_of_the_output_weights=(DECAY, 0.0), decay_of_all=(DECAY, DECAY)
)
def decay(member):
    outer, inner = member
    return judge(
        lambda: train(
            NET, X, Y, step_size=2 * RATE, steps=STEPS, record=range(STEPS + 1),
            weight_decay=outer / 2, frequency_decay=inner / 2,
        ).train_loss,
        by_torch(outer, inner),
        rtol=1e-8,
    )  # fmt: skip


@CASE.attempt("momentum")
def momentum():
    return judge(
        lambda: train(
            NET, X, Y, step_size=2 * RATE, steps=STEPS, record=range(STEPS + 1),
            optimizer=HeavyBall(0.9),
        ).train_loss,
        by_torch(0.0, momentum=0.9),
        rtol=1e-8,
    )  # fmt: skip
