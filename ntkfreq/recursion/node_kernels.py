"""Compiled loops over nodes whose sums over the points are known, or not needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ntkfreq._support.types import FloatArray
from ntkfreq.recursion import damped, ellipse, moving, problem, rules
from ntkfreq.recursion.damped import BUFFER
from ntkfreq.recursion.moving import curvature_node, move_nodes
from ntkfreq.recursion.stamp import checksum
from ntkfreq.spectra.sincos import jit

_STAMP = checksum(ellipse, damped, rules, problem, moving)


def move_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """One step of all nodes from their sums (M, 2 + 2 d)."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def move(
        dim: int,
        kind: int,
        sigma: float,
        sums: FloatArray,
        floor: FloatArray,
        memory: FloatArray,
        moves: FloatArray,
        row: FloatArray,
        chunk: int,
    ) -> None:
        m = len(sums)
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        for q in span(chunks):
            work, start = np.empty(BUFFER), q * chunk
            count = min(m - start, chunk)
            move_nodes(dim, kind, sigma, start, count, start, sums, floor, memory, moves, row, work)

    return move


def curvature_kernel(stamp: int = _STAMP) -> Callable[..., None]:
    """Preconditioners (M, 2 + 3 d) of all nodes."""

    @jit()
    def curvature(
        dim: int, kind: int, sigma: float, memory: FloatArray, row: FloatArray, out: FloatArray
    ) -> None:
        work = np.empty(BUFFER)
        for j in range(len(out) if stamp >= 0 else 0):
            curvature_node(dim, kind, sigma, memory, j, row, out, work)

    return curvature
