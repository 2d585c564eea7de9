"""A largest number of threads for PyTorch, from several threads of the program at once.

PyTorch has one number for the process, of which each thread takes its own copy when it first asks;
setting it changes the number and the copy of the calling thread. Threads that each set and restore
it would in the end restore the number of another one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class _Limit:
    """The first thread that enters remembers the number; every one that leaves restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own = threading.local()
        self._inside, self._before = 0, 0

    @contextmanager
    def __call__(self, most: int | None) -> Iterator[None]:
        if most is None or getattr(self._own, "entered", False):
            yield
            return
        with self._lock:
            # Asked by every thread, so that none takes its copy later on.
            available = int(torch.get_num_threads())
            if self._inside == 0:
                self._before = available
            self._inside += 1
            torch.set_num_threads(min(most, self._before))
        self._own.entered = True
        try:
            yield
        finally:
            self._own.entered = False
            with self._lock:
                self._inside -= 1
                torch.set_num_threads(self._before)


at_most = _Limit()
