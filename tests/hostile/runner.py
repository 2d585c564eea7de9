"""Runs tries in children forked from a loaded parent, under limits of time and memory.

The parent imports everything that a call may load and starts no thread of its own (a fork would
lose it); a child takes a tenth of a second. Its limits are the kernel's: of address space, relative
to what the parent has, of processor time, and an alarm for calls that only wait. So a child that
does not obey is ended also when the parent is gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

SECONDS = 30.0
GIGABYTES = 4.0
# A machine that is busy with other work: a call that waits, rather than computes, gets this long.
_PATIENCE = 3.0


def prepare() -> None:
    """Load what the calls load, on one thread. Call it before NumPy is imported."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    import importlib

    for module in (
        "numpy", "scipy.stats", "scipy.linalg", "scipy.integrate", "scipy.interpolate",
        "scipy.sparse.linalg", "scipy.optimize", "scipy.signal", "scipy.special", "pandas",
        "xarray", "zarr", "mpmath", "finufft", "numba", "torch", "matplotlib.figure", "typer",
        "scipy.stats.sampling", "tqdm",
    ):  # fmt: skip
        importlib.import_module(module)
    import torch

    torch.set_num_threads(1)
    import ntkfreq

    for name in ntkfreq.__all__:
        getattr(ntkfreq, name)
    for module in (
        "ntkfreq.network.backends.reference", "ntkfreq.network.backends.nufft",
        "ntkfreq.network.backends.torch", "ntkfreq.network.backends.direct", "ntkfreq.report",
        "ntkfreq.profile", "ntkfreq.cli", "ntkfreq.plotting", "ntkfreq.grokking",
        "ntkfreq.problem.optimizers", "ntkfreq.problem.step_schedules",
    ):  # fmt: skip
        importlib.import_module(module)


def in_child(
    work: Callable[[], dict[str, Any]],
    *,
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
) -> dict[str, Any]:
    """What `work` returns in a child of its own, or how the child ended."""
    reader, writer = os.pipe()
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(work, writer, seconds, gigabytes)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read()
        _, status, usage = os.wait4(pid, 0)
    finally:
        _end_group(pid)
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        found = _ended(status)
    found["seconds"] = round(time.monotonic() - begin, 3)
    found["megabytes"] = round(usage.ru_maxrss / 1024)
    return found


def _end_group(pid: int) -> None:
    """End what the child left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _ended(status: int) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (signal.SIGPROF, signal.SIGALRM, signal.SIGXCPU):
            return {"outcome": "hang", "detail": "beyond the limit of time"}
        return {"outcome": "crash", "detail": signal.Signals(number).name}
    return {"outcome": "crash", "detail": f"left with code {os.WEXITSTATUS(status)}"}


def _child(
    work: Callable[[], dict[str, Any]], writer: int, seconds: float, gigabytes: float
) -> None:
    code = 3
    try:
        os.setsid()
        faulthandler.disable()  # which test runners enable: a crash is told by the parent
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            os.chdir(folder)
            _silence()
            _limit(seconds, gigabytes)
            found = work()
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            os.chdir("/")
        data = json.dumps(found).encode()
        while data:
            data = data[os.write(writer, data) :]
        code = 0
    except MemoryError:
        os.write(writer, b'{"outcome": "memory", "detail": "MemoryError"}')
        code = 0
    except BaseException:  # a fault of this suite: told as such, not as one of the package
        detail = json.dumps({"outcome": "crash", "detail": traceback.format_exc()[-600:]})
        os.write(writer, detail.encode())
    finally:
        os._exit(code)


def _silence() -> None:
    """Send what the call prints to a file that nobody reads."""
    sink = os.open("output.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)


def _limit(seconds: float, gigabytes: float) -> None:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        has = int(file.read().split()[0]) * resource.getpagesize()
    # The hard limit stays open: it is lifted again to write down what was found.
    resource.setrlimit(resource.RLIMIT_AS, (has + int(gigabytes * 2**30), resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)
