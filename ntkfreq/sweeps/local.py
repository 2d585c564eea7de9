"""Cells on processes of this machine.

Each worker has a connection of its own, so that when one dies the cell it was running is known,
and no other worker loses anything. (A ProcessPoolExecutor ends all its workers when one dies.)
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ntkfreq.sweeps.cell import Outcome, run_cell
from ntkfreq.sweeps.threads import single_threaded
from ntkfreq.sweeps.worker import READY, serve

Cell = tuple[int, dict[str, Any]]  # number and labels
# None where nothing came for a while
Outcomes = Generator[tuple[int, Outcome] | None, None, None]

TICK = 0.5  # seconds
CHUNK_SECONDS = 0.1  # work handed to a worker at a time, where cells are short
CHUNK_CELLS = 100


def in_this_process(
    function: Callable[..., Any], cells: Iterable[Cell], constants: Mapping[str, Any]
) -> Outcomes:
    """One cell after the other, here.

    Examples
    --------
    >>> outcomes = in_this_process(lambda n: {"square": n * n}, [(0, {"n": 3})], {})
    >>> [(number, outcome.layout) for number, outcome in outcomes]
    [(0, 'square()')]
    """
    for number, labels in cells:
        with single_threaded():
            outcome = run_cell(function, labels, constants)
        yield number, outcome


@dataclass
class Pace:
    """How many cells to hand out at a time: a tenth of a second's work, where cells are short.

    Examples
    --------
    >>> pace = Pace()
    >>> pace.chunk(1000, workers=2)
    1
    >>> pace.add(0.01)
    >>> pace.chunk(1000, workers=2), pace.chunk(12, workers=2)
    (10, 3)
    """

    mean: float | None = None  # running mean of seconds a cell

    def add(self, seconds: float) -> None:
        """Take the time of a finished cell into account."""
        self.mean = seconds if self.mean is None else 0.8 * self.mean + 0.2 * seconds

    def chunk(self, left: int, workers: int) -> int:
        """Cells for one worker; near the end all share what is left."""
        if self.mean is None:
            return 1
        count = int(CHUNK_SECONDS / max(self.mean, 1e-6))
        return max(1, min(count, CHUNK_CELLS, left // (2 * workers)))


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False
    cells: deque[Cell] = field(default_factory=deque)  # the first of them is running


class Crew:
    """Workers, and the cells that wait for them."""

    def __init__(self, job: bytes, cells: Iterable[Cell], size: int, retries: int) -> None:
        self.job, self.size, self.retries = job, size, retries
        self.queue = deque(cells)
        self.workers: list[_Worker] = []
        self._deaths: Counter[int] = Counter()  # by number of the cell
        self._failed_starts = 0
        self._pace = Pace()

    @property
    def busy(self) -> bool:
        """Whether anything is still to be done."""
        return bool(self.queue) or any(worker.cells for worker in self.workers)

    def employ(self) -> None:
        """Start workers where some are missing, and give those that are idle something to do."""
        while len(self.workers) < min(self.size, len(self.queue)):
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, self.job), name="sweep worker")
            process.start()
            there.close()  # the worker's end: it must close when the worker dies
            self.workers.append(_Worker(process, here))
        for worker in self.workers:
            if worker.ready and not worker.cells and self.queue:
                self._give(worker)

    def _give(self, worker: _Worker) -> None:
        count = self._pace.chunk(len(self.queue), self.size)
        chunk = [self.queue.popleft() for _ in range(count)]
        try:
            worker.connection.send(chunk)
            worker.cells.extend(chunk)
        except OSError:  # it died meanwhile, which the next round sees
            self.queue.extendleft(reversed(chunk))

    def round(self) -> Outcomes:
        """Outcomes that have come, waiting a while for one."""
        handles: dict[Any, _Worker] = {worker.connection: worker for worker in self.workers}
        handles |= {worker.process.sentinel: worker for worker in self.workers}
        happened = {id(handles[one]): handles[one] for one in wait(list(handles), timeout=TICK)}
        for worker in happened.values():
            messages, alive = _received(worker)
            for message in messages:
                if message == READY:
                    worker.ready, self._failed_starts = True, 0
                elif isinstance(message, str):
                    raise RuntimeError(
                        "the function cannot be loaded in a worker process; define it in a module "
                        f"that can be imported, or pass workers=0:\n{message}"
                    )
                else:
                    worker.cells.popleft()
                    self._pace.add(message[1].seconds)
                    yield message
            if not alive:
                yield from self._replace(worker)
        if not happened:
            yield None

    def _replace(self, worker: _Worker) -> Outcomes:
        """A worker has died: the cell that it was running is tried again, or given up."""
        worker.process.join(timeout=1)  # its own exit code, not that of being killed below
        self._dismiss(worker)
        code = worker.process.exitcode
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > self.retries:
                raise RuntimeError(
                    f"worker processes end while starting (exit code {code}); in a script, call "
                    'sweep under `if __name__ == "__main__":`, or pass workers=0'
                )
        elif worker.cells:
            number, labels = worker.cells.popleft()
            self.queue.extendleft(reversed(worker.cells))
            worker.cells.clear()
            self._deaths[number] += 1
            if self._deaths[number] > self.retries:
                yield number, killed(f"{self._deaths[number]} times, exit code {code}")
            else:
                self.queue.append((number, labels))

    def _dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def end(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in list(self.workers):
            if not worker.cells and worker.ready:
                worker.connection.close()  # it sees the end of its work, and may tidy up
                worker.process.join(timeout=2)
            self._dismiss(worker)


def killed(how: str) -> Outcome:
    """Outcome of a cell that ended its workers.

    Examples
    --------
    >>> killed("4 times, exit code -9").error
    'KilledWorker: the process died while running this cell (4 times, exit code -9)'
    """
    return Outcome(error=f"KilledWorker: the process died while running this cell ({how})")


def _received(worker: _Worker) -> tuple[list[Any], bool]:
    """All that a worker has sent, and whether it lives."""
    messages: list[Any] = []
    alive = worker.process.is_alive()  # asked first: what a dead one sent can then be read whole
    try:
        while worker.connection.poll():
            messages.append(worker.connection.recv())
    except (EOFError, OSError):
        alive = False
    return messages, alive


def on_processes(
    function: Callable[..., Any],
    cells: Iterable[Cell],
    constants: Mapping[str, Any],
    *,
    workers: int,
    retries: int,
) -> Outcomes:
    """Cells on `workers` processes; one that dies is replaced and its cell tried again."""
    crew = Crew(pickle.dumps((function, dict(constants))), cells, workers, retries)
    try:
        while crew.busy:
            crew.employ()
            yield from crew.round()
    finally:
        crew.end()
