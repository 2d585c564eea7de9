"""What a local worker process does: one thread, cells one after the other, ends with its parent.

Imports nothing heavy: the number of threads must be set before NumPy loads.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection

READY = "ready"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def serve(connection: Connection, job: bytes) -> None:
    """Run cells as they come: READY first, then a pair (number, outcome) for each cell.

    A function that cannot be loaded is answered by its traceback in place of READY.
    """
    # Ctrl-C reaches the whole group of processes; the parent decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    # A worker that is no longer wanted finds its connection closed.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            function, constants = pickle.loads(job)  # noqa: S301 - written by the parent
            from ntkfreq.sweeps.cell import run_cell

            limit_threads()
        except Exception:
            connection.send(traceback.format_exc(limit=-3))
            return
        connection.send(READY)
        while True:
            for number, labels in connection.recv():
                connection.send((number, run_cell(function, labels, constants)))


def limit_threads() -> None:
    """One thread for the libraries that are loaded already; the others read the environment."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    for name in ("torch", "numba"):
        if name in sys.modules:
            sys.modules[name].set_num_threads(1)


def _follow_parent() -> None:
    # A parent killed by SIGKILL cannot end its workers, and they would wait for it for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
