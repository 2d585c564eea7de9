"""A network's output of shape (N, 1) beside targets of shape (N,): every pair is compared."""

from __future__ import annotations

import numpy as np
import torch

from ntkfreq import Box, FourierFeatureNet, Normal, Points, gram_flow, ntk_gram, solve_frequency_pde

from .dense import flow, losses, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="Lasagne issue 755, Kayak issue 14",
    kind="shapes that broadcast",
    right="a column is one value a point; or a refusal that says to return shape (n,)",
)

X = np.linspace(-1, 1, 24)
Y = np.sin(3 * X)
RHO = Normal(scale=5.0)
T = [0.0, 1.0, 10.0]
RIGHT = losses(X, Y, 5.0, T)
MODULE = torch.nn.Linear(1, 1, dtype=torch.float64)
REFUSAL = r"(shape|column).*"


def line(x):
    """The module's output as an array, for the reference."""
    return MODULE.weight.item() * x + MODULE.bias.item()


@CASE.attempt("a target that returns a column")
def target():
    return judge(
        lambda: (
            solve_frequency_pde(
                RHO, lambda x: np.sin(3 * x)[:, None], measure=Points(X), t=T
            ).train_loss
        ),
        RIGHT,
        refusal="target.*" + REFUSAL,
        remedy=lambda: (
            solve_frequency_pde(RHO, lambda x: np.sin(3 * x), measure=Points(X), t=T).train_loss
        ),
    )


@CASE.attempt("a target that returns a row")
def row():
    return judge(
        lambda: (
            solve_frequency_pde(
                RHO, lambda x: np.sin(3 * x)[None], measure=Points(X), t=T
            ).train_loss
        ),
        RIGHT,
        refusal="target.*" + REFUSAL,
    )


@CASE.attempt("a target that returns one number")
def one():
    return judge(
        lambda: solve_frequency_pde(RHO, lambda x: 1.0, measure=Points(X), t=T).train_loss,
        losses(X, np.ones(24), 5.0, T),
        refusal="target.*" + REFUSAL,
    )


@CASE.attempt("a PyTorch module as initial output")
def module():
    return judge(
        lambda: solve_frequency_pde(
            RHO, (X, Y), t=T, initial_output=lambda x: MODULE(torch.tensor(x)[:, None])
        ).train_loss,
        losses(X, Y - line(X), 5.0, T),
        refusal="initial_output.*(shape|column|detach|failed)",
        remedy=lambda: solve_frequency_pde(
            RHO, (X, Y), t=T,
            initial_output=lambda x: MODULE(torch.tensor(x)[:, None]).detach().numpy()[:, 0],
        ).train_loss,
    )  # fmt: skip


@CASE.attempt("a target on a box that returns a column")
def box():
    nodes, weights = np.polynomial.legendre.leggauss(80)
    return judge(
        lambda: solve_frequency_pde(
            RHO, lambda x: np.sin(3 * x)[:, None], measure=Box(-1, 1), t=T
        ).train_loss[0],
        (weights * np.sin(3 * nodes) ** 2).sum() / 2,
        refusal="target.*" + REFUSAL,
    )


@CASE.attempt("an error of shape (N, 1)")
def error():
    right = flow(normal_ntk(X, X, 5.0), Y, T)
    return judge(
        lambda: np.squeeze(gram_flow(ntk_gram(RHO, X), -Y[:, None], T)),
        right,
        refusal="error0.*" + REFUSAL,
        remedy=lambda: gram_flow(ntk_gram(RHO, X), -Y, T),
    )


@CASE.attempt("test values of shape (N, 1)")
def test_values():
    return judge(
        lambda: solve_frequency_pde(RHO, (X, Y), t=T, test=(X[:, None], Y[:, None])).test_loss,
        RIGHT,
        refusal=r"(y_test|test\[1\]).*" + REFUSAL,
    )


@CASE.attempt("weights of shape (N, 1)")
def weights():
    return judge(
        lambda: (
            solve_frequency_pde(RHO, (X, Y), measure=Points(X, np.ones((24, 1))), t=T).train_loss
        ),
        RIGHT,
        refusal="weights.*" + REFUSAL,
    )


@CASE.attempt("a network drawn here as initial output")
def network():
    net = FourierFeatureNet.sample(RHO, 32, rng=0)
    phase = np.outer(X, net.w[:, 0])
    start = (np.cos(phase) @ net.a + np.sin(phase) @ net.b) / np.sqrt(32)
    return judge(
        lambda: solve_frequency_pde(RHO, (X, Y), t=T, initial_output=net).train_loss,
        losses(X, Y - start, 5.0, T),
    )
