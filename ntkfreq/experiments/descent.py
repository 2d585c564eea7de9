"""Gradient descent of any PyTorch module on all data at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.old_calls import renamed
from ntkfreq._support.types import ArrayLike, IntArray
from ntkfreq.experiments.fit import DivergenceError, Run, check_module, fit
from ntkfreq.experiments.losses import LOSSES
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.problem.given import Pair, pair_of

# Those of one output a point.
_LOSSES = ("squared", "logistic")


@renamed(test=("x_test", "y_test"))
def descend(
    module: Any,
    x: ArrayLike | Pair,
    y: ArrayLike | None = None,
    *,
    step_size: float,
    steps: int,
    loss: str = "squared",
    test: tuple[ArrayLike, ArrayLike | None] | None = None,
    record: int | Sequence[int] | IntArray = 64,
) -> Run:
    r"""Train a copy of a module by full-batch gradient descent in double precision.

    With outputs :math:`f_i` at N points the loss is

    .. math:: \frac1{2N} \sum_i (f_i - y_i)^2 \quad\text{or}\quad
              \frac1N \sum_i \log(1 + e^{-y_i f_i}).

    In the linear regime, K the Gram matrix of `empirical_ntk_gram`, a step of the first multiplies
    the error by :math:`1 - \eta K / N`.

    Parameters
    ----------
    module : torch.nn.Module
        One number a point, shape (n,) or (n, 1); left as it is. Parameters that require no
        gradient stay.
    x : array_like, shape (N,) or (N, ...)
        Training points, or the pair (x, y). The module is given (N, 1) where x is (N,).
    y : array_like, shape (N,)
        Values; for the logistic loss labels -1 and 1.
    step_size : float
        Learning rate :math:`\eta`.
    steps : int
        Number of steps.
    loss : {"squared", "logistic"}
        The loss.
    test : (x_test, y_test), optional
        Points at which the output is recorded as well, and values for the loss there, or None.
    record : int or array_like of int
        Steps to record: about so many, evenly in log(1 + step), or those given; the first and last
        always.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        On a bad argument, labels other than -1 and 1, or a module with several outputs.
    DivergenceError
        A `FloatingPointError` and `ValueError`, when the loss diverges; names the step size that
        would have been stable.

    Examples
    --------
    >>> from ntkfreq.experiments import mlp
    >>> run = descend(mlp([1, 1], rng=0), [-1.0, 1.0], [-2.0, 2.0], step_size=0.5, steps=20)
    >>> run.output[-1].round(4)
    array([-2.,  2.])
    """
    check_module(module)
    checks.choice("loss", loss, _LOSSES)
    given, y = pair_of(x, y)
    points = checks.real_array("x", given, tuple(range(1, 9)))
    try:
        return fit(
            copy.deepcopy(module).double(),
            points,
            checks.values_at("y", y, len(points)),
            optimizer="sgd",
            step_size=step_size,
            steps=steps,
            loss=loss,
            test=test,
            record=record,
        )
    except DivergenceError as error:
        advice = _advice(module, points, loss, step_size)
        raise DivergenceError(error.step, advice, error.what) from None


def largest_stable_step(module: Any, x: Any, loss: str = "squared") -> float:
    r"""Largest step size at which descent is stable in the linear regime.

    :math:`2/\lambda` for the squared loss, :math:`8/\lambda` for the logistic one, whose curvature
    is at most 1/4; :math:`\lambda` the largest eigenvalue of K/N, K the empirical NTK on the points
    as the module stands.

    Parameters
    ----------
    module : torch.nn.Module
        One number a point.
    x : array_like, shape (N,) or (N, ...)
        Training points.
    loss : {"squared", "logistic"}
        The loss.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        On a bad argument, or a module without a kernel (see `empirical_ntk_gram`).

    Examples
    --------
    >>> import torch
    >>> line = torch.nn.Linear(1, 1, bias=False)
    >>> largest_stable_step(line, [-1.0, 1.0]), largest_stable_step(line, [2.0, 2.0], "logistic")
    (2.0, 2.0)
    """
    check_module(module)
    checks.choice("loss", loss, _LOSSES)
    gram = empirical_ntk_gram(module, x)
    if not np.isfinite(gram).all():
        raise ValueError(
            "module has a kernel that overflows on x; scale x, or start it with smaller parameters"
        )
    top = float(np.linalg.eigvalsh(gram)[-1]) / len(gram)
    return 2 / (LOSSES[loss].curvature * top) if top > 0 else float("inf")


def _advice(module: Any, x: Any, loss: str, step_size: float) -> str:
    said = f"step_size={step_size:g} is"
    try:
        stable = largest_stable_step(module, x, loss)
    except ValueError as error:  # a kernel of too many points, or none
        return f"{said} too large ({error}); use for instance {0.1 * step_size:.2g}"
    gain = f"{2 / LOSSES[loss].curvature:g}/lambda_max = {stable:.3g} of the initial module"
    if step_size > stable:
        return f"{said} above {gain}; use less, for instance {0.5 * stable:.2g}"
    return (
        f"{said} below {gain}, which then left the linear regime; use for instance "
        f"{0.1 * step_size:.2g}, or wider layers"
    )
