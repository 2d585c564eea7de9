"""The steps of a linearized network, and what is recorded of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.network.backends import Descent
from ntkfreq.network.backends.stepping import apply
from ntkfreq.network.descent import DIVERGED
from ntkfreq.network.inputs import TrainingData
from ntkfreq.network.linearized.tangent import Tangent


@dataclass(frozen=True)
class LinearRecords:
    """Linearized output at the training points (R, N) and at test points, and the departure."""

    output: FloatArray
    tested: FloatArray | None
    departure: FloatArray


def follow(
    tangent: Tangent, data: TrainingData, descent: Descent, records: IntArray
) -> LinearRecords:
    """Take the steps up to the last record."""
    import torch

    x = tangent.points("x", data.x)
    x_test = None if data.x_test is None else tangent.points("test[0]", data.x_test)
    y = tangent.tensor(data.y)
    inside = tangent.at(x)
    outside = None if x_test is None else tangent.at(x_test)
    scale = _root_mean_square(inside.start - y)
    if not scale < float("inf"):
        raise ValueError(
            "net, x and y are so large together that squares of the first errors overflow; choose "
            "other units for x or y, or smaller weights"
        )
    delta, output = tangent.zero(), inside.start
    memory = torch.zeros((descent.optimizer.slots, len(delta)), dtype=delta.dtype)
    rows: list[FloatArray] = []
    tested: list[FloatArray] = []
    departure: list[float] = []
    for step in range(int(records[-1]) + 1):
        if step == records[len(rows)]:
            rows.append(_numbers(output))
            with torch.no_grad():
                gap = _root_mean_square(tangent.output(delta, x) - output)
            departure.append(gap / scale if scale > 0 else gap)
            if outside is not None:
                tested.append(_numbers(outside.start + outside.moved(delta)))
        if step < records[-1]:
            slope = inside.back((output - y) / len(y))
            apply(descent, delta, slope, memory, 0.0, 0.0, step)
            output = inside.start + inside.moved(delta)
            _refuse_diverged(float(_root_mean_square(output - y)), scale, step + 1)
    return LinearRecords(np.array(rows), np.array(tested) if tested else None, np.array(departure))


def _refuse_diverged(now: float, start: float, step: int) -> None:
    if not now <= max(start, 1e-300) * DIVERGED**0.5:
        raise ValueError(
            f"step_size is too large: after {step} steps the linearized error grew from "
            f"{start:.3g} to {now:.3g} in RMS; take a smaller one"
        )


def _root_mean_square(errors: Any) -> float:
    return float((errors.detach().double() ** 2).mean() ** 0.5)


def _numbers(output: Any) -> FloatArray:
    return np.asarray(output.detach().double().cpu().numpy())
