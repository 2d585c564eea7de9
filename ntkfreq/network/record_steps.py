"""At which steps a run is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import IntArray

_MOST_RECORDS = 10_000_000


def record_steps(record: Any, steps: int) -> IntArray:
    """Steps to record: about `record` of them, evenly in log(1 + step), or those given.

    Parameters
    ----------
    record : int or array_like of int
        A number of records, or increasing steps in [0, steps].
    steps : int
        Last step.

    Returns
    -------
    ndarray of int
        Increasing, with 0 and `steps` included.

    Raises
    ------
    TypeError, ValueError
        When `record` is neither.

    Examples
    --------
    >>> record_steps(6, 1000)
    array([   0,    3,   15,   62,  250, 1000])
    >>> record_steps([10, 20], 30)
    array([ 0, 10, 20, 30])
    """
    if not isinstance(record, list | tuple) and np.ndim(record) == 0:
        count = max(2, checks.integer("record", record, 1, _MOST_RECORDS))
        spaced = np.rint(np.expm1(np.linspace(0.0, np.log1p(steps), count)))
        return np.unique(spaced.astype(np.int64))
    given = checks.real_array("record", record, 1)
    if np.any(given != np.rint(given)) or np.any(np.diff(given) <= 0):
        raise ValueError(
            f"record={checks.show(given)} must hold increasing integers; "
            "use numpy.unique(numpy.rint(record))"
        )
    if given[0] < 0 or given[-1] > steps:
        raise ValueError(
            f"record runs from {given[0]:g} to {given[-1]:g}; "
            f"it must stay within [0, steps={steps}]"
        )
    return np.unique(np.concatenate([[0], given.astype(np.int64), [steps]]))
