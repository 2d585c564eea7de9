"""Many initial states through one equation: the linear response of errors and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.response import Columns, Reader, Responding
from ntkfreq.pde.time.system import Evolution


def readers(
    discretized: Discretized, dynamics: Dynamics, t: FloatArray, columns: Sequence[Columns]
) -> list[Reader]:
    """Columns advanced to the last time, block by block.

    Parameters
    ----------
    discretized : Discretized
        A system without a mass matrix (Points or Box).
    dynamics : Dynamics
        How modes evolve.
    t : ndarray, shape (T,)
        Times.
    columns : sequence of callable
        For each block a function of time: the states (n, r) if nothing were learned.
    """
    return [
        cast(Responding, part).respond(free, dynamics, float(t[-1]))
        for part, free in zip(discretized.propagators, columns, strict=True)
    ]


def respond(parts: Sequence[Reader], t: FloatArray) -> Iterator[tuple[Evolution, FloatArray]]:
    """Evolution of all columns, one time after the other; rows of its arrays are columns.

    With each comes the error itself, all blocks side by side, shape (r, n).
    """
    for time in t:
        blocks = [part.read(float(time)) for part in parts]
        state = np.concatenate([block.state for block in blocks], axis=1)
        yield Evolution(np.full(len(state), time), blocks), state
