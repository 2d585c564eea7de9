"""Small linear algebra on one thread: two libraries waiting for each other take twice as long.

NumPy and SciPy bring an OpenBLAS each, whose threads spin for work after every call. On matrices of
a few hundred rows that takes longer than the work: a solution on Line takes twice as long with two
threads as with one (measured on two cores).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limits:
    """The thread that sets the limit removes it; others that enter meanwhile do not change it.

    OpenBLAS follows the thread that set the number last, and not reliably another one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner, self._depth = 0, 0
        self._before: list[int] = []

    def enter(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._owner = threading.get_ident()
                self._before = [library.get_num_threads() for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)
            if self._owner == threading.get_ident():
                self._depth += 1

    def leave(self) -> None:
        with self._lock:
            if self._depth == 0 or self._owner != threading.get_ident():
                return
            self._depth -= 1
            if self._depth == 0:
                for library, count in zip(_libraries(), self._before, strict=True):
                    library.set_num_threads(count)


_LIMITS = _Limits()


@lru_cache(maxsize=1)
def _libraries() -> list[Any]:
    # Looked up once, which takes longer than a small solution.
    import scipy.linalg  # noqa: F401

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def cores() -> int:
    """Cores that this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_threads() -> int:
    """Threads that a parallel library should take: one a core, fewer by OMP_NUM_THREADS.

    FINUFFT takes the number given, also where the environment allows fewer, and warns then.

    Examples
    --------
    >>> 1 <= allowed_threads() <= cores()
    True
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(cores(), int(wanted)) if wanted.isdigit() and int(wanted) > 0 else cores()


@contextmanager
def one_thread(when: bool = True) -> Iterator[None]:
    """Run linear algebra on one thread, for the whole process.

    Examples
    --------
    >>> with one_thread():
    ...     {library.get_num_threads() for library in _libraries()}
    {1}
    """
    if not when:
        yield
        return
    _LIMITS.enter()
    try:
        yield
    finally:
        _LIMITS.leave()
