"""Cells on an existing Dask cluster."""

from __future__ import annotations

import pickle
import queue
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ntkfreq.sweeps.cell import Outcome, run_cell
from ntkfreq.sweeps.local import TICK, Cell, Outcomes, Pace, killed
from ntkfreq.sweeps.threads import single_threaded

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 8
LOOK_SECONDS = 5.0  # between two looks at how many threads the cluster has


def on_one_thread(job: bytes, chunk: list[dict[str, Any]]) -> list[Outcome]:
    """What a Dask worker runs: cells as a local worker would, for the same numbers."""
    function, constants = _loaded(job)
    with single_threaded():
        return [run_cell(function, labels, constants) for labels in chunk]


@lru_cache(maxsize=4)
def _loaded(job: bytes) -> Any:
    return pickle.loads(job)  # noqa: S301 - written by on_cluster, and Dask pickles anyway


def _packed(function: Callable[..., Any], constants: Mapping[str, Any]) -> bytes:
    """Function and constants as bytes, which the scheduler passes on without importing anything."""
    import cloudpickle

    # By reference, and by value for functions of a script, which workers do not run.
    return bytes(cloudpickle.dumps((function, dict(constants))))


def on_cluster(
    function: Callable[..., Any],
    cells: Iterable[Cell],
    constants: Mapping[str, Any],
    *,
    scheduler: str,
    retries: int,
) -> Outcomes:
    """Cells on the workers of `scheduler`.

    Dask itself runs the cells of a lost worker again, and gives up a cell that was on too many of
    them. It counts all that were waiting on a worker, guilty or not: those given up run once more,
    alone, before they are recorded as failed.
    """
    with _connected(scheduler) as client:
        crew = _Crew(client, scheduler, _packed(function, constants), retries)
        waiting, suspects, alone = deque(cells), deque[Cell](), set[int]()
        while True:
            while waiting and crew.has_room():
                count = crew.pace.chunk(len(waiting), crew.size)
                crew.submit([waiting.popleft() for _ in range(count)])
            if not crew.running and suspects:
                alone.add(suspects[0][0])
                crew.submit([suspects.popleft()])
            if not crew.running:
                return
            future = crew.next_done()
            if future is None:
                yield None
                continue
            chunk = crew.running.pop(future)
            outcomes = _outcomes(future, scheduler)
            future.release()  # the cluster forgets the result at once
            if outcomes is not None:
                for (number, _), outcome in zip(chunk, outcomes, strict=True):
                    crew.pace.add(outcome.seconds)
                    yield number, outcome
            elif chunk[0][0] not in alone:
                suspects.extend(chunk)
            else:
                yield chunk[0][0], killed("on several workers, then alone")


class _Crew:
    """Futures on their way, and how many more there may be."""

    def __init__(self, client: Client, scheduler: str, job: bytes, retries: int) -> None:
        self.running: dict[Future[Any], list[Cell]] = {}
        self.pace, self.size = Pace(), 1
        self._client, self._scheduler = client, scheduler
        self._job, self._retries = job, retries
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._looked = -LOOK_SECONDS

    def has_room(self) -> bool:
        """Whether to submit more: enough to keep all threads busy, few enough to fit anywhere."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            try:
                self.size = max(1, sum(self._client.nthreads().values()))
            except OSError as error:
                raise _lost(self._scheduler) from error
            self._looked = time.monotonic()
        return len(self.running) < 8 + 2 * self.size

    def submit(self, chunk: list[Cell]) -> None:
        future = self._client.submit(
            on_one_thread,
            self._job,
            [labels for _, labels in chunk],
            key=f"sweep-{uuid.uuid4().hex}",
            retries=self._retries,
            pure=False,
        )
        self.running[future] = chunk
        future.add_done_callback(self._done.put)

    def next_done(self) -> Future[Any] | None:
        """A future that has finished; None where none does for a while."""
        try:
            return self._done.get(timeout=TICK)
        except queue.Empty:
            return None


def _outcomes(future: Future[Any], scheduler: str) -> list[Outcome] | None:
    """Outcomes of a future that has finished; None where its workers died."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    try:
        outcomes: list[Outcome] = future.result()
    except KilledWorker:
        return None
    except (CancelledError, CommClosedError) as error:
        raise _lost(scheduler) from error
    except Exception as error:
        # Exceptions of the function are part of its outcome, so this one came from Dask.
        raise RuntimeError(
            f"the workers of scheduler={scheduler!r} cannot run the function "
            f"({type(error).__name__}: {error}); install the same packages there and make its "
            "module importable, for example by PYTHONPATH"
        ) from error
    return outcomes


def _lost(scheduler: str) -> ConnectionError:
    return ConnectionError(
        f"scheduler={scheduler!r} was lost during the sweep; cells that had finished are kept if "
        "path was given: start it again and repeat the call"
    )


def check_address(scheduler: str) -> str:
    """Refuse what is no address, before Dask starts to wait for it.

    Examples
    --------
    >>> check_address("tcp://127.0.0.1:8786")
    'tcp://127.0.0.1:8786'
    """
    if not re.fullmatch(r"(tcp|tls|ws|wss|ucx)://\S+:\d+", scheduler):
        raise ValueError(
            f"scheduler={scheduler!r} must be an address such as 'tcp://127.0.0.1:8786', as "
            "`dask scheduler` prints it"
        )
    return scheduler


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "scheduler= needs Dask; run pip install '.[cluster]' in a checkout of ntkfreq"
        ) from None
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise ConnectionError(
            f"scheduler={scheduler!r} does not answer ({type(error).__name__}); start one with "
            "`dask scheduler`, its workers with `dask worker ADDRESS`, and pass the address that "
            "the scheduler prints"
        ) from error
    with client:
        yield client
