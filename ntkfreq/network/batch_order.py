"""Which points each step of a run sees: checked once, at entry."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import IntArray


class BatchOrder(NamedTuple):
    """Points a step, None for all; "shuffled", "independent" or "given"; the batches given."""

    size: int | None
    name: str
    given: IntArray | None


def checked_order(order: Any, batch_size: Any, points: int, steps: int) -> BatchOrder:
    """The batches of a run.

    Parameters
    ----------
    order : {"shuffled", "independent"} or array_like of int, shape (steps, B)
        As for `train`.
    batch_size : int or None
        Points a step.
    points, steps : int
        Training points and steps of the run.

    Returns
    -------
    BatchOrder

    Raises
    ------
    TypeError, ValueError
        When there are no such batches, or `batch_size` says otherwise.

    Examples
    --------
    >>> checked_order("independent", 4, 10, 100)
    BatchOrder(size=4, name='independent', given=None)
    >>> checked_order([[0, 2], [1, 1]], None, 3, 2).size
    2
    """
    if batch_size is not None:
        batch_size = checks.integer("batch_size", batch_size, 1)
        if batch_size > points:
            raise ValueError(
                f"batch_size={batch_size} is more than the {points} training points; use "
                "batch_size=None to see all of them at every step"
            )
    if not isinstance(order, str):
        given = _batches(order, points, steps)
        size = given.shape[1]
        if batch_size not in (None, size):
            raise ValueError(
                f"batch_size={batch_size} is not that of order, whose batches have {size} point(s);"
                " leave batch_size out"
            )
        return BatchOrder(size, "given", given)
    if order not in ("shuffled", "independent"):
        raise ValueError(
            f"order={order!r} must be 'shuffled', 'independent', or an array (steps, B) of places "
            "in x"
        )
    if order == "independent" and batch_size is None:
        raise ValueError("order='independent' draws batches; give batch_size, for instance 32")
    return BatchOrder(batch_size, order, None)


def _batches(order: Any, points: int, steps: int) -> IntArray:
    """Given batches as read-only integers."""
    numbers = checks.real_array("order", order, 2)
    if np.any(numbers != np.rint(numbers)):
        raise ValueError(
            "order must hold integers, places in x; of a mask take numpy.flatnonzero(mask)"
        )
    low, high = numbers.min(), numbers.max()
    if low < 0 or high >= points:
        raise ValueError(
            f"order holds places from {low:g} to {high:g}; for {points} training point(s) they "
            f"must be from 0 to {points - 1}"
        )
    rows, size = numbers.shape
    if rows != steps:
        raise ValueError(
            f"order has {rows} batch(es) for steps={steps}; give one a step, or steps={rows}"
        )
    if size > points:
        raise ValueError(
            f"order has batches of {size} of {points} training point(s); give at most all of them"
        )
    given = numbers.astype(np.int64)
    given.flags.writeable = False
    return given
