"""Tensors of types that NumPy does not have, and losses collected as tensors."""

from __future__ import annotations

import numpy as np
import torch

from ntkfreq import FourierFeatureNet, Normal, grokking_onset, solve_frequency_pde, train

from .dense import losses
from .verdict import Case, both, judge

CASE = Case(
    source="pytorch issue 110285, TransformerLens pull request 1346, lerobot pull request 1198",
    kind="containers end in another library's error",
    right="the numbers that the tensors hold, or a refusal that names the argument and says how to "
    "convert them",
)

X = torch.linspace(-1, 1, 32, dtype=torch.float64)
Y = torch.sin(3 * X)
RHO = Normal(scale=5.0)
NET = FourierFeatureNet.sample(RHO, 32, zero_output=True, rng=0)
T = [0.0, 1.0, 10.0]


@CASE.each(
    float16=torch.float16, bfloat16=torch.bfloat16, float32=torch.float32, float64=torch.float64
)
def precision(dtype):
    y = Y.to(dtype)
    held = y.to(torch.float64).numpy()
    x = X.numpy()
    run = train(NET, x, held, step_size=0.1, steps=3).train_loss
    solved = judge(
        lambda: solve_frequency_pde(RHO, (X, y), t=T).train_loss,
        losses(x, held, 5.0, T),
        refusal="^y.*(float|double|convert)",
        remedy=lambda: solve_frequency_pde(RHO, (X, y.double()), t=T).train_loss,
    )
    trained = judge(
        lambda: train(NET, X, y, step_size=0.1, steps=3).train_loss,
        run,
        rtol=1e-9,
        refusal="^y.*(float|double|convert)",
        remedy=lambda: train(NET, X, y.double(), step_size=0.1, steps=3).train_loss,
    )
    return both(solved, trained)


@CASE.attempt("parameters of a module")
def parameter():
    y = torch.nn.Parameter(Y.clone())
    return judge(
        lambda: solve_frequency_pde(RHO, (X, y), t=T).train_loss,
        losses(X.numpy(), Y.numpy(), 5.0, T),
    )


@CASE.attempt("sparse tensor")
def sparse():
    return judge(
        lambda: solve_frequency_pde(RHO, (X, Y.to_sparse()), t=T).train_loss,
        losses(X.numpy(), Y.numpy(), 5.0, T),
        refusal="^y",
    )


@CASE.attempt("losses of a loop, with their gradients")
def collected():
    clock = torch.arange(1.0, 101.0)
    train_loss = [torch.exp(-step).requires_grad_() for step in clock]
    test_loss = [torch.exp(-step / 20).requires_grad_() for step in clock]
    return judge(
        lambda: grokking_onset(clock, train_loss, test_loss, threshold=0.05).t_test,
        20 * np.log(20.0),
        rtol=1e-6,
        refusal="^(train|test)_loss.*(detach|item|tolist|float)",
        remedy=lambda: (
            grokking_onset(
                clock, [v.item() for v in train_loss], [v.item() for v in test_loss], threshold=0.05
            ).t_test
        ),
    )
