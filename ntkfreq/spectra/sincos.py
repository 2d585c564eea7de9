"""Sine and cosine without branches, which LLVM vectorizes inside a loop over points.

Numba's cache looks at the file of the kernel that Python calls, no further: kernels of other files
that call this carry its checksum (`network/backends/kernels.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numba
import numpy as np

_INV_PI = 1.0 / math.pi
# pi in two parts: the first has 33 bits, so that k * _PI_HIGH is exact for |k| < 2**20.
_PI_HIGH = 3.1415926534682512
_PI_LOW = 1.2154201013012384e-10
# Up to this change of phase the Taylor polynomials of rotation are exact to 1e-16.
SMALL_PHASE = 0.0156


_Kernel = TypeVar("_Kernel", bound=Callable[..., object])


def jit(
    *, sums: bool = False, parallel: bool = False, inner: bool = False, variant: str = ""
) -> Callable[[_Kernel], _Kernel]:
    """Compile and cache, other than the inner ones.

    Parameters
    ----------
    sums : bool
        Whether sums may be reordered into vector lanes; argument reductions may not.
    parallel : bool
        Whether `prange` uses threads.
    inner : bool
        For functions that other compiled ones call: they become part of their caller. Left to
        itself, the linker takes any function of the same name that the process has, and a process
        that compiled a kernel got other last bits than one that loaded it from the cache. The cache
        would give such a function as long as its own file stays, with old code of other files in
        it.
    variant : str
        Distinguishes functions of one name that one factory has made. Without it two of
        them, compiled by different processes and loaded from the cache by a third, can have one
        symbol, and the linker takes either.
    """
    flags = {"contract", "reassoc", "nsz"} if sums else {"contract"}

    def compiled(function: _Kernel) -> _Kernel:
        if variant:
            function.__qualname__ = f"{function.__qualname__}_{variant}"
        kernel: _Kernel = numba.njit(
            fastmath=flags,
            parallel=parallel,
            cache=not inner,
            nogil=True,
            error_model="numpy",
            forceinline=inner,
        )(function)
        return kernel

    return compiled


@jit(inner=True)
def cos_sin(half: float) -> tuple[float, float]:
    """Cosine and sine of 2 * half, absolute error below 2e-15 for phases up to 1e5.

    sqrt(2) sin and sqrt(2) cos of the half angle r, |r| <= pi/2, by minimax polynomials (Remez
    in 50 digits; errors 1.4e-16 and 5.5e-18), then cos 2r = 1 - 2 sin^2 r, sin 2r = 2 sin r cos r.
    Halving removes the sign of the reduction by pi, which cancels in both products.
    """
    k = np.floor(half * _INV_PI + 0.5)
    r = (half - k * _PI_HIGH) - k * _PI_LOW
    u = r * r
    s = -1.0407375120647667e-12
    s = s * u + 2.269354839731193e-10
    s = s * u - 3.542863799233139e-08
    s = s * u + 3.897192952097551e-06
    s = s * u - 0.000280597928673338
    s = s * u + 0.011785113019634438
    s = s * u - 0.2357022603954919
    s = s * u + 1.4142135623730938
    s = s * r
    c = 6.518120439694834e-14
    c = c * u - 1.6210995545556427e-11
    c = c * u + 2.9523917058724063e-09
    c = c * u - 3.8971930586324727e-07
    c = c * u + 3.507474109614104e-05
    c = c * u - 0.0019641855032796005
    c = c * u + 0.05892556509887503
    c = c * u - 0.7071067811865471
    c = c * u + 1.4142135623730951
    return 1.0 - s * s, s * c


@jit(inner=True)
def rotation(q: float) -> tuple[float, float]:
    """Cosine and sine of a phase below SMALL_PHASE."""
    u = q * q
    cosine = 1.0 + u * (-0.5 + u * (1.0 / 24.0 - u * (1.0 / 720.0)))
    return cosine, q * (1.0 + u * (-1.0 / 6.0 + u * (1.0 / 120.0)))


@jit(parallel=True)
def cos_sin_rows(x: np.ndarray, w: np.ndarray, c: np.ndarray, s: np.ndarray) -> None:
    """Fill `c` and `s` (n, m) with cosines and sines of x (n, d) times w (d, m), by rows."""
    for i in numba.prange(x.shape[0]):
        for j in range(w.shape[1]):
            s[i, j] = 0.5 * x[i, 0] * w[0, j]
        for k in range(1, x.shape[1]):
            half = 0.5 * x[i, k]
            for j in range(w.shape[1]):
                s[i, j] += half * w[k, j]
        for j in range(w.shape[1]):
            c[i, j], s[i, j] = cos_sin(s[i, j])
