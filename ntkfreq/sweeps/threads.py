"""One thread for all libraries that a cell may use, so that its numbers are the same anywhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

from ntkfreq._support.threads import cores, one_thread

_VARIABLE = "OMP_NUM_THREADS"


class _Environment:
    """The first that enters sets the variable to one, the last that leaves restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: str | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._before = os.environ.get(_VARIABLE)
                os.environ[_VARIABLE] = "1"
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    del os.environ[_VARIABLE]
                    if self._before is not None:
                        os.environ[_VARIABLE] = self._before


_environment = _Environment()


@lru_cache(maxsize=1)
def _openmp() -> list[Any]:
    # Looked up once, which takes longer than a short cell.
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="openmp").lib_controllers)


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread for linear algebra, Numba, FINUFFT and PyTorch, as worker processes have it.

    FINUFFT reads the environment (`allowed_threads`), and so does PyTorch where it is loaded
    inside for the first time.

    Examples
    --------
    >>> import numba
    >>> with single_threaded():
    ...     numba.get_num_threads(), os.environ["OMP_NUM_THREADS"]
    (1, '1')
    """
    import numba

    loaded = "torch" in sys.modules
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        stack.enter_context(_environment())
        stack.callback(numba.set_num_threads, numba.get_num_threads())
        numba.set_num_threads(1)
        # Numba may have loaded the OpenMP that PyTorch will use, and that reads the environment
        # only when it is loaded.
        for library in _openmp():
            stack.callback(library.set_num_threads, library.get_num_threads())
            library.set_num_threads(1)
        if loaded:
            from ntkfreq.network.backends.torch_threads import at_most

            stack.enter_context(at_most(1))
        yield
    if not loaded and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(cores())
