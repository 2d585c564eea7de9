"""Compiled loops of the recursion over nodes, one chunk of nodes at a time.

Chunks are fixed by the problem, never by the threads, so that sums are taken in the same order on
any number of threads. A step that would take long is made in several laps, each of which takes a
part of every chunk, so that Python can handle Ctrl-C in between; this changes no sum either.
Waves are computed where they are needed: reading tables of them from memory takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.recursion import buffers, damped, ellipse, moving, node_sums, problem, rules
from ntkfreq.recursion.buffers import room, rooms, share
from ntkfreq.recursion.damped import BUFFER
from ntkfreq.recursion.moving import move_nodes
from ntkfreq.recursion.node_sums import add, combine, measure, waves
from ntkfreq.recursion.rules import SCALE, SCALE_NEXT
from ntkfreq.recursion.stamp import checksum
from ntkfreq.spectra import sincos
from ntkfreq.spectra.sincos import jit

_STAMP = checksum(sincos, buffers, ellipse, damped, rules, problem, moving, node_sums)
# Nodes that move together, fewer where their waves do not stay in the cache.
_BLOCK, _BLOCK_PAIRS = 16, 2048


@jit(inner=True)
def _errors(
    base: FloatArray,
    output: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    x: FloatArray,
    r: FloatArray,
    turned: FloatArray,
) -> None:
    """Weighted errors r (n,), and their products with x (d, n)."""
    for i in range(r.size):
        r[i] = weights[i] * (base[i] + output[i] - y[i])
    for k in range(x.shape[0]):
        for i in range(r.size):
            turned[k, i] = r[i] * x[k, i]


@jit(inner=True)
def _step_nodes(
    axes: tuple[int, ...],
    kind: int,
    frozen: bool,
    follow: bool,
    sigma: float,
    nodes: FloatArray,
    shares: FloatArray,
    x: FloatArray,
    r: FloatArray,
    turned: FloatArray,
    floor: FloatArray,
    memory: FloatArray,
    moves: FloatArray,
    c: FloatArray,
    which: tuple[int, int],
    q: int,
    parts: FloatArray,
) -> None:
    """One step of some nodes; with `follow` their new output is added to row q of `parts`."""
    block = max(1, min(_BLOCK, _BLOCK_PAIRS // r.size))
    cosine, sine = rooms(block, r.size), rooms(block, r.size)
    sums, work = np.zeros((block, 2 + 2 * len(axes))), np.empty(BUFFER)
    dim = 0 if frozen else len(axes)
    for start in range(which[0], which[1], block):
        count = min(block, which[1] - start)
        for b in range(count):
            j = start + b
            measure(axes, nodes, j, c[SCALE], x, r, turned, frozen, b, cosine, sine, sums)
        move_nodes(dim, kind, sigma, start, count, 0, sums, floor, memory, moves, c, work)
        if follow:
            for b in range(count):
                j = start + b
                if c[SCALE_NEXT] != c[SCALE]:
                    waves(axes, nodes, j, c[SCALE_NEXT], x, b, cosine, sine)
                add(axes, moves, j, shares[j], x, frozen, b, cosine, sine, q, parts)


def descend_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Full-batch steps. The loop is a closure variable, for it decides what is compiled."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def descend(
        axes: tuple[int, ...],
        kind: int,
        frozen: bool,
        sigma: float,
        nodes: FloatArray,
        shares: FloatArray,
        x: FloatArray,
        y: FloatArray,
        weights: FloatArray,
        base: FloatArray,
        floor: FloatArray,
        memory: FloatArray,
        moves: FloatArray,
        output: FloatArray,
        rows: FloatArray,
        parts: FloatArray,
        chunk: int,
        lap: tuple[int, int],
    ) -> None:
        m, chunks = shares.size, parts.shape[0] if stamp >= 0 else 0
        r, turned = room(y.size), rooms(x.shape[0], y.size)
        for step in range(rows.shape[0]):
            _errors(base[step], output, y, weights, x, r, turned)
            if lap[0] == 0:
                parts[:] = 0.0
            for q in span(chunks):
                _step_nodes(
                    axes,
                    kind,
                    frozen,
                    True,
                    sigma,
                    nodes,
                    shares,
                    x,
                    r,
                    turned,
                    floor,
                    memory,
                    moves,
                    rows[step],
                    share(q, chunk, m, lap),
                    q,
                    parts,
                )
            if lap[0] == lap[1] - 1:
                combine(parts, output)

    return descend


@jit(inner=True)
def _output_of_nodes(
    axes: tuple[int, ...],
    frozen: bool,
    scale: float,
    nodes: FloatArray,
    shares: FloatArray,
    x: FloatArray,
    moves: FloatArray,
    which: tuple[int, int],
    q: int,
    parts: FloatArray,
) -> None:
    """Output of some nodes at points x (d, n), added to row q."""
    cosine, sine = rooms(1, x.shape[1]), rooms(1, x.shape[1])
    for j in range(which[0], which[1]):
        waves(axes, nodes, j, scale, x, 0, cosine, sine)
        add(axes, moves, j, shares[j], x, frozen, 0, cosine, sine, q, parts)


def evaluate_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Output of the moves at points."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def evaluate(
        axes: tuple[int, ...],
        frozen: bool,
        scale: float,
        nodes: FloatArray,
        shares: FloatArray,
        x: FloatArray,
        moves: FloatArray,
        output: FloatArray,
        parts: FloatArray,
        chunk: int,
        lap: tuple[int, int],
    ) -> None:
        m, chunks = shares.size, parts.shape[0] if stamp >= 0 else 0
        if lap[0] == 0:
            parts[:] = 0.0
        for q in span(chunks):
            which = share(q, chunk, m, lap)
            _output_of_nodes(axes, frozen, scale, nodes, shares, x, moves, which, q, parts)
        if lap[0] == lap[1] - 1:
            combine(parts, output)

    return evaluate


@jit(inner=True)
def _take(
    which: IntArray,
    x: FloatArray,
    y: FloatArray,
    base: FloatArray,
    own_x: FloatArray,
    own_y: FloatArray,
    own_base: FloatArray,
    weights: FloatArray,
) -> None:
    """The points of a batch; places that are left over, -1, get the weight 0."""
    count = 0
    for i in range(which.size):
        count += which[i] >= 0
    for i in range(which.size):
        place = max(which[i], 0)
        weights[i] = 1.0 / count if which[i] >= 0 else 0.0
        own_y[i], own_base[i] = y[place], base[place]
        for k in range(x.shape[0]):
            own_x[k, i] = x[k, place]


def batch_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Steps on batches: the output at their points first, then the step."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def descend_batches(
        axes: tuple[int, ...],
        kind: int,
        frozen: bool,
        sigma: float,
        nodes: FloatArray,
        shares: FloatArray,
        x: FloatArray,
        y: FloatArray,
        batches: IntArray,
        base: FloatArray,
        floor: FloatArray,
        memory: FloatArray,
        moves: FloatArray,
        rows: FloatArray,
        chunk: int,
    ) -> None:
        size, dim, m = batches.shape[1], x.shape[0], shares.size
        chunks = (m + chunk - 1) // chunk if stamp >= 0 else 0
        own_x, own_y, own_base = rooms(dim, size), np.empty(size), np.empty(size)
        r, turned, output = room(size), rooms(dim, size), np.empty(size)
        weights, parts, lap = np.empty(size), np.empty((chunks, size)), (0, 1)
        for step in range(rows.shape[0]):
            _take(batches[step], x, y, base[step], own_x, own_y, own_base, weights)
            parts[:] = 0.0
            for q in span(chunks):
                which, scale = share(q, chunk, m, lap), rows[step, SCALE]
                _output_of_nodes(axes, frozen, scale, nodes, shares, own_x, moves, which, q, parts)
            combine(parts, output)
            _errors(own_base, output, own_y, weights, own_x, r, turned)
            for q in span(chunks):
                _step_nodes(
                    axes,
                    kind,
                    frozen,
                    False,
                    sigma,
                    nodes,
                    shares,
                    own_x,
                    r,
                    turned,
                    floor,
                    memory,
                    moves,
                    rows[step],
                    share(q, chunk, m, lap),
                    q,
                    parts,
                )

    return descend_batches


@jit(inner=True)
def _multiply_nodes(
    axes: tuple[int, ...],
    frozen: bool,
    scale: float,
    nodes: FloatArray,
    shares: FloatArray,
    x: FloatArray,
    r: FloatArray,
    turned: FloatArray,
    curvature: FloatArray,
    which: tuple[int, int],
    q: int,
    parts: FloatArray,
) -> None:
    """Product of the preconditioned kernel of some nodes with r, added to row q."""
    cosine, sine = rooms(1, r.size), rooms(1, r.size)
    sums, u = np.zeros((1, 2 + 2 * len(axes))), np.zeros((1, 2 + 2 * len(axes)))
    for j in range(which[0], which[1]):
        measure(axes, nodes, j, scale, x, r, turned, frozen, 0, cosine, sine, sums)
        u[0, 0], u[0, 1] = curvature[j, 0] * sums[0, 0], curvature[j, 1] * sums[0, 1]
        if not frozen:
            for k in range(len(axes)):
                at, place = 2 + 3 * k, 2 + 2 * k
                cc, cs, ss = curvature[j, at], curvature[j, at + 1], curvature[j, at + 2]
                u[0, place] = cc * sums[0, place] + cs * sums[0, place + 1]
                u[0, place + 1] = cs * sums[0, place] + ss * sums[0, place + 1]
        add(axes, u, 0, shares[j], x, frozen, 0, cosine, sine, q, parts)


def multiply_kernel(parallel: bool, stamp: int = _STAMP) -> Callable[..., None]:
    """Product of the preconditioned kernel with a vector at the points."""
    span: Any = prange if parallel else range

    @jit(parallel=parallel, variant=f"parallel_{parallel}")
    def multiply(
        axes: tuple[int, ...],
        frozen: bool,
        scale: float,
        nodes: FloatArray,
        shares: FloatArray,
        x: FloatArray,
        r: FloatArray,
        curvature: FloatArray,
        product: FloatArray,
        parts: FloatArray,
        chunk: int,
    ) -> None:
        m, chunks = shares.size, parts.shape[0] if stamp >= 0 else 0
        turned = rooms(x.shape[0], r.size)
        for k in range(x.shape[0]):
            for i in range(r.size):
                turned[k, i] = r[i] * x[k, i]
        parts[:] = 0.0
        for q in span(chunks):
            which = share(q, chunk, m, (0, 1))
            _multiply_nodes(
                axes, frozen, scale, nodes, shares, x, r, turned, curvature, which, q, parts
            )
        combine(parts, product)

    return multiply
