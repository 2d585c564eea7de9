"""Stop a piece of work at each of its calls that write, rename or delete, one run a call.

The work runs in a forked process. Python tells its audit hooks of every such call before it is
made, also of those that libraries make, in threads as well.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

_CALLS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def forked(work) -> tuple[int, str]:
    """Exit status of the work in a process of its own (negative: a signal), and what it returned.

    Errors give status 1 and their type and text.
    """
    back, there = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            text = str(work())
            status = 0
        except BaseException as error:
            text = "".join(traceback.format_exception_only(error)).strip()
        os.write(there, text.encode(errors="replace")[:60000])
        os._exit(status)
    os.close(there)
    with os.fdopen(back, "rb") as pipe:
        text = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def _inside(path: str) -> bool:
    """Whether a file lies deep in a scratch folder, where all that is written is alike."""
    return "/new/" in path or not path.startswith("/")


def stopped(work, number: int, how, lasting: bool = False, thin: int = 1) -> tuple[int, str]:
    """The work, with `how` called before its call of this number, or before all from there on.

    With `thin` only every so many-th of the calls deep in scratch folders counts.
    """

    def run():
        count, inside = [0], [0]

        def hook(event, arguments):
            if event == "open":
                if not isinstance(arguments[0], str) or not arguments[2] & _WRITING:
                    return
            elif event not in _CALLS:
                return
            if _inside(os.fsdecode(arguments[0])):
                inside[0] += 1
                if inside[0] % thin:
                    return
            count[0] += 1
            if count[0] == number or (lasting and count[0] > number):
                how()

        sys.addaudithook(hook)
        result = work()
        return result if count[0] >= number else "DONE"

    return forked(run)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    """Ctrl-C; a thread's Ctrl-C reaches the main thread soon after."""
    os.kill(os.getpid(), signal.SIGINT)


def failing(number: int):
    """A call that raises the OSError of this number."""

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def at_each(work, how, prepare, check, *, lasting: bool = False, thin: int = 1) -> int:
    """Number of calls; after each stop `check(status, text)` judges what is on disk."""
    for number in range(1, 10000):
        prepare()
        status, text = stopped(work, number, how, lasting, thin)
        if (status, text) == (0, "DONE"):
            return number - 1
        check(status, text)
    raise AssertionError("the work does not end")
