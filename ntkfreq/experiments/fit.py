"""Training of any PyTorch module: one output or several, all data at once or in batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.old_calls import renamed
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray
from ntkfreq.experiments.losses import LOSSES, Loss
from ntkfreq.experiments.torch_rule import TorchRule, training_times
from ntkfreq.network.record_steps import record_steps
from ntkfreq.ntk.module import is_module
from ntkfreq.problem.given import Pair, pair_of
from ntkfreq.problem.optimizers import Optimizer, as_optimizer

# A loss so many times that of a constant output has diverged, even if it is still finite.
_DIVERGED = 1e6


@dataclass(frozen=True, eq=False)
class Run(Described):
    """A trained module and its path; R records, N training points, n test points.

    Outputs have a last axis more, k, where the targets have one or are classes.

    Attributes
    ----------
    step : ndarray of int, shape (R,)
        Recorded steps, from 0.
    t : ndarray, shape (R,)
        Training time, the sum of the steps' sizes.
    output : ndarray, shape (R, N) or (R, N, k)
        Output at the training points.
    loss : ndarray, shape (R,)
        The loss that is descended, over all training points.
    test_output : ndarray, shape (R, n) or (R, n, k), or None
        Output at the test points.
    test_loss : ndarray, shape (R,), or None
        The same loss at the test points.
    module : torch.nn.Module
        The trained copy.
    settings : dict
        Optimizer, loss, step size, steps and batch size.
    """

    step: IntArray
    t: FloatArray
    output: FloatArray
    loss: FloatArray
    test_output: FloatArray | None
    test_loss: FloatArray | None
    module: Any
    settings: dict[str, Any]


class DivergenceError(FloatingPointError, ValueError):
    """The loss or the output diverged by a step, and what to do."""

    def __init__(self, step: int, advice: str, what: str = "the loss diverged by") -> None:
        super().__init__(f"{what} step {step}: {advice}")
        self.step, self.what = step, what


@renamed(test=("x_test", "y_test"))
def fit(
    module: Any,
    x: ArrayLike | Pair,
    y: ArrayLike | None = None,
    *,
    step_size: float,
    steps: int,
    optimizer: str | Optimizer = "adam",
    batch_size: int | None = None,
    loss: str = "squared",
    test: tuple[ArrayLike, ArrayLike | None] | None = None,
    record: int | Sequence[int] | IntArray = 64,
    rng: int | np.random.Generator | None = None,
) -> Run:
    r"""Train a copy of a module by Adam or (stochastic) gradient descent in its own precision.

    With outputs :math:`f_i` at N points the loss is

    .. math:: \frac1{2N} \sum_i |f_i - y_i|^2, \quad
              \frac1N \sum_i \log(1 + e^{-y_i f_i}), \quad\text{or}\quad
              \frac1N \sum_i \Big(\log \sum_c e^{f_{ic}} - f_{i y_i}\Big).

    The first sums over outputs: k networks side by side in one module, one column each, are
    trained as each would be alone. A batch takes the mean over its own points.

    Parameters
    ----------
    module : torch.nn.Module
        From points to (n,), (n, 1) or (n, k); left as it is. Parameters that require no gradient
        stay. Outputs are recorded in the mode in which it is trained: what is random or keeps
        averages (dropout, batch normalization) depends on what is recorded, and not on `rng`.
    x : array_like, shape (N,) or (N, ...)
        Training points, or the pair (x, y). The module is given (N, 1) where x is (N,).
    y : array_like, shape (N,) or (N, k)
        Values; for the logistic loss labels -1 and 1, for the cross entropy classes 0, 1, ...
    step_size : float
        Learning rate.
    steps : int
        Number of updates.
    optimizer : str or Optimizer
        Update rule as for :func:`ntkfreq.train`, taken by its namesake in ``torch.optim``; "sgd"
        without batches is gradient descent.
    batch_size : int, optional
        Points a step, drawn without repetition until all were seen, the last batch being what is
        left. All points without it.
    loss : {"squared", "logistic", "cross_entropy"}
        The loss.
    test : (x_test, y_test), optional
        Points at which the output is recorded as well, and values for the loss there, or None.
    record : int or array_like of int
        Steps to record: about so many, evenly in log(1 + step), or those given; the first and last
        always.
    rng : None, int or numpy Generator
        Source of the order of the batches, an int is a seed.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        On a bad argument, targets that the loss cannot take, or outputs of another shape.
    DivergenceError
        A `FloatingPointError` and `ValueError`, when the loss diverges, or an output at the test
        points is not finite.

    Examples
    --------
    >>> from ntkfreq.experiments import mlp
    >>> x = [[0.0], [1.0], [2.0]]
    >>> run = fit(mlp([1, 2], rng=0), x, [[0, 1], [1, 1], [2, 1]], step_size=0.1, steps=500)
    >>> run.output[-1].round(3).T.tolist()
    [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]
    """
    check_module(module)
    judge = LOSSES[checks.choice("loss", loss, LOSSES)]
    given, y = pair_of(x, y)
    points = _points("x", given)
    values = judge.targets("y", y, len(points))
    step_size = checks.positive("step_size", step_size)
    schedule = record_steps(record, checks.integer("steps", steps, 0))
    rule = as_optimizer(optimizer)
    if batch_size is not None:
        batch_size = checks.integer("batch_size", batch_size, 1)
    order = checks.generator("rng", rng)

    net = copy.deepcopy(module)
    trained = [p for p in net.parameters() if p.requires_grad]
    if not trained:
        raise ValueError(
            "module has no parameter that requires a gradient; call module.requires_grad_()"
        )
    kind = trained[0].dtype
    train = _Data("y", _in_precision("x", points, kind), _tensor("y", values, kind))
    tested = _test_data(test, judge, kind)
    _descend(
        net,
        TorchRule.of(rule, trained, step_size),
        judge.value,
        [data for data in (train, tested) if data is not None],
        schedule,
        _batches(len(points), batch_size, order),
    )
    output = np.array(train.outputs)
    return Run(
        step=schedule,
        t=training_times(rule, step_size, schedule),
        output=output,
        loss=np.array(train.losses),
        test_output=None if tested is None else tested.all_outputs(output.shape[2:]),
        test_loss=None if tested is None or tested.y is None else np.array(tested.losses),
        module=net,
        settings={
            "optimizer": optimizer if isinstance(optimizer, str) else repr(rule),
            "loss": loss,
            "step_size": step_size,
            "steps": int(schedule[-1]),
            "batch_size": batch_size,
        },
    )


def check_module(module: Any) -> None:
    """Refuse what is no PyTorch module."""
    if not is_module(module):
        raise TypeError(f"module={checks.show(module)} must be a torch.nn.Module")


def _points(name: str, x: Any) -> Any:
    """Checked points as a tensor of shape (n, 1) or (n, ...)."""
    import torch

    array = checks.real_array(name, x, tuple(range(1, 9)))
    checks.magnitude(name, array, checks.SMALLEST, checks.LARGEST)
    return torch.as_tensor(array[:, None] if array.ndim == 1 else array)


@dataclass(frozen=True)
class _Data:
    """Points, targets where known, and what was recorded there."""

    name: str
    x: Any
    y: Any
    outputs: list[FloatArray] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def at(self, batch: Any) -> Any:
        """Points of a batch; a module that writes into its input gets a copy of them."""
        return self.x[batch].clone()

    def record(self, net: Any, loss: Callable[[Any, Any], Any]) -> None:
        import torch

        with torch.no_grad():
            output = net(self.at(slice(None)))
            if self.y is not None:
                output = _alike(output, self.y, self.name)
                self.losses.append(loss(output, self.y).item())
        self.outputs.append(output.double().numpy().copy())

    def all_outputs(self, shape: tuple[int, ...]) -> FloatArray:
        """Outputs of every record, those of one point of the given shape."""
        return np.array(self.outputs).reshape(len(self.outputs), len(self.x), *shape)


def _test_data(test: Any, judge: Loss, kind: Any) -> _Data | None:
    if test is None:
        return None
    if not isinstance(test, tuple | list) or len(test) != 2 or test[0] is None:
        raise TypeError(
            f"test={checks.show(test)} must be None or a pair (x_test, y_test), in which y_test "
            "may be None"
        )
    x, y = test
    points = _points("x_test", x)
    targets = None if y is None else judge.targets("y_test", y, len(points))
    values = None if y is None else _tensor("y_test", targets, kind)
    return _Data("y_test", _in_precision("x_test", points, kind), values)


def _in_precision(name: str, points: Any, kind: Any) -> Any:
    """Points as numbers of the module's kind."""
    found, size = points.to(kind), float(points.abs().max())
    if not found.isfinite().all() or (size and not found.any()):
        large = "small" if found.isfinite().all() else "large"
        raise ValueError(
            f"{name} holds numbers of up to {size:.3g}, too {large} for the module's "
            f"{kind}; scale them, or use module.double()"
        )
    return found


def _tensor(name: str, values: Any, kind: Any) -> Any:
    """Numbers in the precision of the module, classes as they are."""
    import torch

    tensor = torch.as_tensor(values)
    return _in_precision(name, tensor, kind) if tensor.is_floating_point() else tensor


def _alike(output: Any, y: Any, name: str) -> Any:
    """Outputs in the shape that the loss takes with these targets."""
    shape = tuple(output.shape)
    if not y.is_floating_point():
        top = int(y.max())
        if output.ndim != 2 or len(output) != len(y) or shape[1] <= top:
            raise ValueError(
                f"module returned shape {shape} for {len(y)} point(s), but {name} holds classes "
                f"up to {top}; it must return one number a class, shape (n, {top + 1}) or wider"
            )
        return output
    if output.numel() != y.numel() or len(output) != len(y):
        rule = "one number each, shape (n,) or (n, 1)" if y.ndim == 1 else f"(n, {y.shape[1]}) as y"
        raise ValueError(
            f"module returned shape {shape} for {len(y)} point(s); it must return {rule}"
        )
    return output.reshape(y.shape)


def _batches(count: int, size: int | None, rng: np.random.Generator) -> Iterator[Any]:
    """Places of the points of each step, without end; everything where there are no batches."""
    import torch

    while size is None:
        yield slice(None)
    while True:
        order = torch.as_tensor(rng.permutation(count))
        yield from order.split(size)


def _descend(
    net: Any,
    rule: TorchRule,
    loss: Callable[[Any, Any], Any],
    data: list[_Data],
    schedule: IntArray,
    batches: Iterator[Any],
) -> None:
    """Take the steps and record; raise when the loss diverges."""
    import torch

    train, last = data[0], int(schedule[-1])
    recorded, limit = set(schedule.tolist()), np.inf
    for step in range(last + 1):
        numbers = []
        if step in recorded:
            for one in data:
                one.record(net, loss)
            numbers.append(train.losses[-1])
            if not all(np.isfinite(one.outputs[-1]).all() for one in data[1:]):
                raise DivergenceError(
                    step,
                    "use points of about the size of x, or a smaller step_size",
                    "the output at x_test is not finite at",
                )
        if step == 0:
            _check_start(numbers[0], train.y)
            _check_size(data, len(schedule))
            zero = loss(torch.zeros_like(torch.as_tensor(train.outputs[0])), train.y).item()
            limit = _DIVERGED * max(zero, numbers[0])
        if step < last:
            batch = next(batches)
            targets = train.y[batch]
            value = loss(_alike(net(train.at(batch)), targets, train.name), targets)
            numbers.append(value.item())
        if not all(number <= limit for number in numbers):
            size = rule.step_size
            raise DivergenceError(step, f"step_size={size:g}; use for instance {size / 10:.2g}")
        if step < last:
            rule.take(step, value)


def _check_start(loss: float, y: Any) -> None:
    if not np.isfinite(loss):
        raise ValueError(
            f"module starts from a loss of {loss} on y of up to {float(y.abs().max()):.3g}; its "
            "parameters or its output hold NaN or infinite values, or squares overflow: start it "
            "anew, or scale x and y"
        )


def _check_size(data: list[_Data], records: int) -> None:
    """Refuse records that will not fit, by the size of the first ones."""
    size = sum(one.outputs[0].nbytes for one in data)
    refuse_memory(
        f"record asks for {records} records of {size / 8:.0f} outputs",
        2.0 * records * size,
        f"use record={max(2, int(5e8 / max(size, 1)))}",
    )
