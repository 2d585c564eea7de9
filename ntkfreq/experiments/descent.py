"""Gradient descent of any PyTorch module on all data at once."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray, IntArray
from ntkfreq.network.record_steps import record_steps
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.ntk.module import is_module

# Largest second derivative of the loss of one point in the output there.
_CURVATURE = {"squared": 1.0, "logistic": 0.25}
# A loss so many times that of a constant output has diverged, even if it is still finite.
_DIVERGED = 1e6


@dataclass(frozen=True, eq=False)
class Run:
    """A trained module and its path; R records, N training points.

    Attributes
    ----------
    step : ndarray of int, shape (R,)
        Recorded steps, from 0.
    t : ndarray, shape (R,)
        Training time, step size times step.
    output : ndarray, shape (R, N)
        Output at the training points.
    loss : ndarray, shape (R,)
        The loss that is descended.
    test_output : ndarray, shape (R, n), or None
        Output at the test points.
    module : torch.nn.Module
        The trained copy, in double precision.
    settings : dict
        Loss, step size and steps.
    """

    step: IntArray
    t: FloatArray
    output: FloatArray
    loss: FloatArray
    test_output: FloatArray | None
    module: Any
    settings: dict[str, Any]


def descend(
    module: Any,
    x: Any,
    y: Any,
    *,
    step_size: float,
    steps: int,
    loss: str = "squared",
    x_test: Any = None,
    record: Any = 64,
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
        Training points. The module is given (N, 1) where this is (N,).
    y : array_like, shape (N,)
        Values; for the logistic loss labels -1 and 1.
    step_size : float
        Learning rate :math:`\eta`.
    steps : int
        Number of steps.
    loss : {"squared", "logistic"}
        The loss.
    x_test : array_like, optional
        Points at which the output is recorded as well.
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
    FloatingPointError
        When the loss diverges; names the step size that would have been stable.

    Examples
    --------
    >>> from ntkfreq.experiments import mlp
    >>> run = descend(mlp([1, 1], rng=0), [-1.0, 1.0], [-2.0, 2.0], step_size=0.5, steps=20)
    >>> run.output[-1].round(4)
    array([-2.,  2.])
    """
    import torch

    inputs, targets = _data(module, x, y, _checks.choice("loss", loss, _CURVATURE))
    step_size = _checks.positive("step_size", step_size)
    schedule = record_steps(record, _checks.integer("steps", steps, 0))
    test = None if x_test is None else _points("x_test", x_test)
    net = copy.deepcopy(module).double()
    trained = [p for p in net.parameters() if p.requires_grad]
    if not trained:
        raise ValueError(
            "module has no parameter that requires a gradient; call module.requires_grad_()"
        )
    losses, outputs, tests = [], [], []
    limit = _DIVERGED * _loss(torch.zeros_like(targets), targets, loss).item()
    recorded = set(schedule.tolist())
    for step in range(int(schedule[-1]) + 1):
        output = _output(net, inputs)
        value = _loss(output, targets, loss)
        number = value.item()
        if step == 0:
            _check_start(number)
            limit = max(limit, _DIVERGED * number)
        if not number <= limit:
            raise FloatingPointError(_divergence(module, x, loss, step_size, step))
        if step in recorded:
            losses.append(number)
            outputs.append(output.detach().numpy().copy())
            if test is not None:
                with torch.no_grad():
                    tests.append(_output(net, test).numpy().copy())
        if step < schedule[-1]:
            with torch.no_grad():
                for p, slope in zip(trained, torch.autograd.grad(value, trained), strict=True):
                    p -= step_size * slope
    return Run(
        step=schedule,
        t=np.asarray(step_size * schedule, dtype=np.float64),
        output=np.array(outputs),
        loss=np.array(losses),
        test_output=None if test is None else np.array(tests),
        module=net,
        settings={"loss": loss, "step_size": step_size, "steps": int(schedule[-1])},
    )


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
    _checks.choice("loss", loss, _CURVATURE)
    _module(module)
    gram = empirical_ntk_gram(module, x)
    top = float(np.linalg.eigvalsh(gram)[-1]) / len(gram)
    return 2 / (_CURVATURE[loss] * top) if top > 0 else float("inf")


def _module(module: Any) -> None:
    if not is_module(module):
        raise TypeError(f"module={_checks.show(module)} must be a torch.nn.Module")


def _points(name: str, x: Any) -> Any:
    import torch

    array = _checks.real_array(name, x, tuple(range(1, 9)))
    return torch.as_tensor(array[:, None] if array.ndim == 1 else array)


def _data(module: Any, x: Any, y: Any, loss: str) -> tuple[Any, Any]:
    import torch

    _module(module)
    inputs = _points("x", x)
    values = _checks.values_at("y", y, len(inputs))
    if loss == "logistic" and not np.all(np.abs(values) == 1):
        raise ValueError(
            f"y={_checks.show(values)} must hold labels -1 and 1 for the logistic loss; "
            "use numpy.where(y > 0, 1, -1)"
        )
    return inputs, torch.as_tensor(values)


def _output(net: Any, points: Any) -> Any:
    output = net(points)
    if output.numel() != len(points):
        raise ValueError(
            f"module returned shape {tuple(output.shape)} for {len(points)} point(s); it must "
            "return one number each, shape (n,) or (n, 1)"
        )
    return output.reshape(-1)


def _check_start(loss: float) -> None:
    if not np.isfinite(loss):
        raise ValueError(
            f"module starts from a loss of {loss}; its parameters or its output hold NaN or "
            "infinite values, start it anew"
        )


def _loss(output: Any, y: Any, loss: str) -> Any:
    import torch

    if loss == "squared":
        return 0.5 * torch.mean((output - y) ** 2)
    return torch.mean(torch.nn.functional.softplus(-y * output))


def _divergence(module: Any, x: Any, loss: str, step_size: float, step: int) -> str:
    stable = largest_stable_step(module, x, loss)
    said = f"the loss diverged by step {step}: step_size={step_size:g} is"
    gain = f"{2 / _CURVATURE[loss]:g}/lambda_max = {stable:.3g} of the initial module"
    if step_size > stable:
        return f"{said} above {gain}; use less, for instance {0.5 * stable:.2g}"
    return (
        f"{said} below {gain}, which then left the linear regime; use for instance "
        f"{0.1 * step_size:.2g}, or wider layers"
    )
