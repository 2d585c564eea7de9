"""What a process has loaded of the engines, and how long loading the rest takes.

========== ================================================================================
part       loaded when
========== ================================================================================
finufft    FINUFFT is imported
numba      Numba is imported
functions  Numba has compiled, or taken from its cache, any function: it then imports its own
kernels    the kernels of the direct sums were called in this dimension, on as many threads
========== ================================================================================
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ntkfreq._support.loaded import ASSUMED

# Seconds: measured in fresh processes, the compiled code in Numba's cache.
_SECONDS = {"finufft": 0.01, "numba": 0.11, "functions": 0.12}
# The kernels on one thread, and on several, which have to be started.
_KERNELS = 0.015, 0.05
# What a backend calls at a warm-up.
_NEEDED: dict[str, tuple[str, ...]] = {
    "reference": (),
    "direct": ("numba", "functions", "kernels"),
    # For the drift of the kernel Numba computes a Gram matrix.
    "nufft": ("finufft", "numba", "functions"),
}
# Modules whose presence tells that a part is loaded.
_MODULES = {"finufft": "finufft", "numba": "numba", "functions": "numba.np.npyimpl"}
# Kernels that were called: kind of dimension, and whether on several threads.
_called: set[tuple[int, bool]] = set()


def note_kernels(axes: int, parallel: bool) -> None:
    """Remember that the kernels of this kind were called."""
    _called.add((axes, parallel))


def loaded_parts(axes: int, parallel: bool) -> frozenset[str]:
    """Parts that count as loaded, for kernels of this kind.

    Examples
    --------
    >>> from ntkfreq._support.loaded import assuming
    >>> with assuming(frozenset({"numba"})):
    ...     loaded_parts(1, False)
    frozenset({'numba'})
    """
    assumed = ASSUMED.get()
    if assumed is not None:
        return assumed
    parts = {part for part, module in _MODULES.items() if module in sys.modules}
    return frozenset(parts | ({"kernels"} if (axes, parallel) in _called else set()))


def loading_seconds(name: str, parts: frozenset[str], parallel: bool) -> float:
    """Seconds that loading a backend takes where these parts are loaded.

    Examples
    --------
    >>> loading_seconds("direct", frozenset(), False) > 0.2
    True
    >>> loading_seconds("direct", frozenset({"numba", "functions", "kernels"}), False)
    0.0
    """
    seconds = _SECONDS | {"kernels": _KERNELS[parallel]}
    return sum((seconds[part] for part in _NEEDED[name] if part not in parts), 0.0)


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep Python from looking for garbage in what is being loaded.

    Loading Numba makes so many objects, all of which stay, that Python looks through all of them
    several times: a third of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
