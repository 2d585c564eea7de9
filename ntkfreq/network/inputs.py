"""What `train` accepts: every argument checked once, at entry."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends import Descent
from ntkfreq.network.batch_order import BatchOrder
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.mlp import FourierFeatureMLP
from ntkfreq.problem.optimizers import as_optimizer

Network: TypeAlias = FourierFeatureNet | FourierFeatureMLP
"""What can be trained."""


@dataclass(frozen=True)
class TrainingData:
    """Training points (N, d) with values (N,), test points with values or None, the axis of x."""

    x: FloatArray
    y: FloatArray
    x_test: FloatArray | None = None
    y_test: FloatArray | None = None
    axis: Axis = checks.NUMBERS

    def arrays(self) -> dict[str, FloatArray | None]:
        """The arrays by their names."""
        return {name: getattr(self, name) for name in ("x", "y", "x_test", "y_test")}


def checked_data(net: object, x: Any, y: Any, test: Any) -> tuple[Network, TrainingData]:
    """The network, and the training and test data as arrays."""
    if not isinstance(net, Network):
        raise TypeError(
            f"net={checks.show(net)} must be a FourierFeatureNet or a FourierFeatureMLP; "
            "the method sample of either draws one"
        )
    return net, data_of(x, y, test, net.dim)


def data_of(x: Any, y: Any, test: Any, dim: int | None = None) -> TrainingData:
    """Training and test data as arrays, of the dimension of a network or of the points."""
    axis = Axis.of("x", x)
    points = _points("x", x, dim, axis)
    values = checks.values_at("y", y, len(points))
    if test is None:
        return TrainingData(points, values, axis=axis)
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"test={checks.show(test)} must be None or a pair (x_test, y_test)")
    held_out = _points("test[0]", test[0], points.shape[1], axis)
    targets = checks.values_at("test[1]", test[1], len(held_out))
    return TrainingData(points, values, held_out, targets, axis)


def _points(name: str, x: Any, dim: int | None, axis: Axis = checks.NUMBERS) -> FloatArray:
    array = checks.points(name, x, axis=axis)
    if dim is not None and array.shape[1] != dim:
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]} (shape {array.shape}), but net "
            f"takes dimension {dim}; transpose it if it is a row, or "
            "draw the network from a density of the dimension of the data"
        )
    return array


def checked_descent(
    step_size: Any,
    weight_decay: Any,
    frequency_decay: Any,
    readout_decay: Any,
    freeze: Any,
    optimizer: Any,
    batches: BatchOrder,
    parametrization: Any,
) -> Descent:
    """The rule of a step, without the seed of its batches."""
    checks.flag("freeze_frequencies", freeze)
    rate = checks.non_negative("frequency_decay", frequency_decay)
    if freeze and rate > 0:
        raise ValueError(
            f"frequency_decay={rate} must be 0 with freeze_frequencies=True, where w does not "
            "move; drop one of them"
        )
    rule = as_optimizer(optimizer)
    try:
        factor = rule.schedule.factor(0)
    except NotImplementedError:
        raise TypeError(
            f"optimizer={checks.show(rule)} has a schedule without a rule; use one such as "
            "Constant(), or define its method factor"
        ) from None
    checks.non_negative("the schedule's factor(0)", factor)
    return Descent(
        checks.positive("step_size", step_size),
        checks.non_negative("weight_decay", weight_decay),
        rate,
        checks.non_negative("readout_decay", readout_decay),
        bool(freeze),
        rule,
        batches.size,
        order=batches.name,
        given=batches.given,
        parametrization=checks.choice("parametrization", parametrization, ("ntk", "standard")),
    )


def refuse_readout_decay(net: Network, descent: Descent) -> None:
    """Refuse decay of the readout where it is no decay of its own."""
    if descent.readout_decay == 0:
        return
    if getattr(net, "depth", 0) == 0:
        raise ValueError(
            f"readout_decay={descent.readout_decay:g} is for networks with hidden layers; without "
            f"them the output weights are all that weight_decay acts on: give "
            f"weight_decay={descent.readout_decay:g}"
        )
    if descent.weight_decay > 0:
        raise ValueError(
            f"readout_decay={descent.readout_decay:g} beside weight_decay="
            f"{descent.weight_decay:g}, which acts on the output weights too; give one of them"
        )


def checked_seed(rng: Any, descent: Descent, checkpoint: Any) -> int:
    """Seed of the batches drawn; a run that is to be resumed must be able to draw them again."""
    if isinstance(rng, Integral):
        rng = checks.integer("rng", rng, 0, 2**128 - 1)
    generator = checks.generator("rng", rng)
    if descent.batch_size is None or descent.given is not None:
        return 0
    if rng is None and checkpoint is not None:
        raise ValueError(
            "rng=None draws other batches at every call, and checkpoint= could not resume the run; "
            "give an integer seed"
        )
    return int(rng) if isinstance(rng, Integral) else int(generator.integers(2**63))


def checked_frequencies(frequencies: Any, dim: int) -> FloatArray:
    """Given frequencies as (F,) for d = 1, else (F, d)."""
    grid = _points("frequencies", frequencies, dim)
    return grid[:, 0] if dim == 1 else grid
