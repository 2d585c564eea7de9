"""What users pass as a target."""

from __future__ import annotations

from numbers import Real
from typing import Any

from ntkfreq._support import checks
from ntkfreq.problem.target.base import Target


def as_target(target: Any) -> Target:
    """Wrap a callable or a pair (x, y) of arrays as a :class:`Target`.

    Raises
    ------
    TypeError
        When it is neither, naming the three forms a target may take.

    Examples
    --------
    >>> as_target(([0.0, 1.0], [2.0, 3.0])).samples[1]
    array([2., 3.])
    """
    if isinstance(target, Target):
        return target
    pair = isinstance(target, tuple | list) and len(target) == 2
    if pair and not any(isinstance(side, Real) for side in target):
        return Target.from_samples(*target)
    if callable(target):
        return Target.from_function(target)
    raise TypeError(
        f"target={checks.show(target)} must be a Target, a function y(x), or a pair (x, y) of "
        "arrays"
    )
