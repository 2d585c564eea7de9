"""Limits of memory and time of one call, and the refusal of calls that need more.

Every public call estimates its sizes before it starts. One above the limits here is refused at
once, with the size, the limit and the call that works, instead of ending in a crash.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

# Bytes that one call may take on any machine: a dense flow of 12 000 points fits.
MOST_MEMORY = 6e9
# Seconds that one call may take, by an estimate for one core: a dense flow of 12 000 points fits.
MOST_SECONDS = 900.0
# Floating-point operations that one core does in a second in LAPACK's eigensolvers and products.
PER_SECOND = 1e10
# An eigendecomposition of n rows takes about this many times n^3 operations.
EIGEN_OPERATIONS = 2.0

_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
Result = TypeVar("Result")


class SizeError(ValueError):
    """A refusal of a size found while something was set up; the public call adds the remedy."""


def usable_memory() -> float:
    """Bytes that a call may take: `MOST_MEMORY`, or less where the machine or a limit has less.

    Examples
    --------
    >>> 0 < usable_memory() <= MOST_MEMORY
    True
    """
    return max(min([MOST_MEMORY, *_left_by_the_machine()]), 0.0)


def _left_by_the_machine() -> list[float]:
    """What is left of the machine's memory, of a container's and of the process's limit."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        found.append(1024.0 * float(sizes["MemAvailable"].split()[0]))
    except (OSError, KeyError, ValueError):
        pass
    for limit, used in _CGROUPS:
        try:
            found.append(float(Path(limit).read_text()) - float(Path(used).read_text()))
        except (OSError, ValueError):
            continue
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            found.append(float(most) - pages * os.sysconf("SC_PAGE_SIZE"))
    except (ImportError, OSError, ValueError):
        pass
    return found


def shown_bytes(count: float) -> str:
    """A number of bytes to be read.

    Examples
    --------
    >>> shown_bytes(3.2e9), shown_bytes(5e6), shown_bytes(1e15)
    ('3.2 GB', '5 MB', '1e+06 GB')
    """
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def shown_seconds(seconds: float) -> str:
    """A time to be read.

    Examples
    --------
    >>> shown_seconds(40), shown_seconds(7000), shown_seconds(1e6)
    ('40 seconds', '1.9 hours', '12 days')
    """
    units = ((3.15e7, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))
    for size, unit in units:
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} seconds"


def refuse_memory(what: str, needed: float, remedy: str) -> None:
    """Refuse what takes more bytes than may be used.

    Parameters
    ----------
    what : str
        The arguments and their sizes: the subject of the sentence.
    needed : float
        Bytes that are needed.
    remedy : str
        The call that works.

    Raises
    ------
    SizeError
        A `ValueError` with size, limit and remedy.

    Examples
    --------
    >>> refuse_memory("t has 3 times", 1e3, "give fewer")
    >>> refuse_memory("t has 1e12 times", 8e12, "give fewer")
    Traceback (most recent call last):
    ntkfreq._support.sizes.SizeError: t has 1e12 times: this takes 8e+03 GB of memory, above the ...
    """
    if needed <= 1e8:
        return
    usable = usable_memory()
    if needed > usable:
        raise SizeError(
            f"{what}: this takes {shown_bytes(needed)} of memory, above the {shown_bytes(usable)} "
            f"that one call may use here; {remedy}"
        )


def refuse_work(what: str, operations: float, remedy: str, most: float = MOST_SECONDS) -> None:
    """Refuse what takes longer than it may, by an estimate for one core.

    Parameters
    ----------
    what, remedy : str
        As for :func:`refuse_memory`.
    operations : float
        Floating-point operations.
    most : float
        Seconds that are allowed.

    Raises
    ------
    SizeError
        A `ValueError` with time, limit and remedy.

    Examples
    --------
    >>> refuse_work("x has 1e6 points", 1e18, "give fewer")
    Traceback (most recent call last):
    ntkfreq._support.sizes.SizeError: x has 1e6 points: this takes about 3.2 years, above the ...
    """
    seconds = operations / PER_SECOND
    if seconds > most:
        raise SizeError(
            f"{what}: this takes about {shown_seconds(seconds)}, above the {shown_seconds(most)} "
            f"that one call may last; {remedy}"
        )


def interruptible(function: Callable[..., Result], *arguments: Any) -> Result:
    """Result of a function of a compiled library that does not react to Ctrl-C.

    It runs in a thread of its own while the main thread waits, and can be interrupted: the thread
    then ends by itself, and its result is dropped.

    Examples
    --------
    >>> interruptible(max, 2, 3)
    3
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=run, name="ntkfreq linear algebra", daemon=True)
    worker.start()
    worker.join()
    if errors:
        raise errors[0]
    return results[0]
