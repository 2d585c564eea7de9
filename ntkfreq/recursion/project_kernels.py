"""A compiled loop over pairs that only measures, for steps that need all sums before a node moves.

Each node has sums of its own, so that laps and threads change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import prange

from ntkfreq._support.types import FloatArray
from ntkfreq.recursion import buffers, node_sums
from ntkfreq.recursion.buffers import rooms, share
from ntkfreq.recursion.node_sums import measure
from ntkfreq.recursion.stamp import checksum
from ntkfreq.spectra import sincos
from ntkfreq.spectra.sincos import jit

_STAMP = checksum(sincos, buffers, node_sums)


@jit(inner=True)
def _project_nodes(
    axes: tuple[int, ...],
    frozen: bool,
    scale: float,
    nodes: FloatArray,
    x: FloatArray,
    r: FloatArray,
    turned: FloatArray,
    which: tuple[int, int],
    sums: FloatArray,
) -> None:
    """Sums (M, 2 + 2 d) of some nodes."""
    cosine, sine = rooms(1, r.size), rooms(1, r.size)
    # A row of its own: rows of the waves and of the sums have one number.
    own = rooms(1, 2 + 2 * len(axes))
    count = 2 if frozen else 2 + 2 * len(axes)
    for j in range(which[0], which[1]):
        measure(axes, nodes, j, scale, x, r, turned, frozen, 0, cosine, sine, own)
        for k in range(count):
            sums[j, k] = own[0, k]


def project_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Sums over the points of r, and of r x unless `frozen`, times the waves of all nodes."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def project(
        axes: tuple[int, ...],
        frozen: bool,
        scale: float,
        nodes: FloatArray,
        x: FloatArray,
        r: FloatArray,
        sums: FloatArray,
        chunk: int,
        lap: tuple[int, int],
    ) -> None:
        m = sums.shape[0]
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        turned = rooms(x.shape[0], r.size)
        for k in range(x.shape[0]):
            for i in range(r.size):
                turned[k, i] = r[i] * x[k, i]
        for q in span(chunks):
            which = share(q, chunk, m, lap)
            _project_nodes(axes, frozen, scale, nodes, x, r, turned, which, sums)

    return project
