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
from itertools import islice
from typing import TYPE_CHECKING, Any

from ntkfreq._threads import one_thread
from ntkfreq.sweeps.cell import Outcome, run_cell
from ntkfreq.sweeps.local import TICK, Cell, Outcomes, killed

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 8
LOOK_SECONDS = 5.0  # between two looks at how many threads the cluster has


def cell_on_one_thread(job: bytes, labels: Mapping[str, Any]) -> Outcome:
    """What a Dask worker runs: the cell as a local worker would, for the same numbers."""
    function, constants = _loaded(job)
    with one_thread():
        return run_cell(function, labels, constants)


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
        waiting, suspects, alone = iter(cells), deque[Cell](), set[int]()
        while True:
            for number, labels in islice(waiting, crew.free()):
                crew.submit(number, labels)
            if not crew.running and suspects:
                number, labels = suspects.popleft()
                alone.add(number)
                crew.submit(number, labels)
            if not crew.running:
                return
            future = crew.next_done()
            if future is None:
                yield None
                continue
            number, labels = crew.running.pop(future)
            outcome = _outcome(future, scheduler)
            future.release()  # the cluster forgets the result at once
            if outcome is None and number not in alone:
                suspects.append((number, labels))
            else:
                yield number, outcome or killed("on several workers, then alone")


class _Crew:
    """Futures on their way, and how many more there may be."""

    def __init__(self, client: Client, scheduler: str, job: bytes, retries: int) -> None:
        self.running: dict[Future[Any], Cell] = {}
        self._client, self._scheduler = client, scheduler
        self._job, self._retries = job, retries
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._window, self._looked = 0, -LOOK_SECONDS

    def free(self) -> int:
        """How many cells may be submitted: enough to keep all workers busy, few enough to fit."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            try:
                self._window = 32 + 4 * sum(self._client.nthreads().values())
            except OSError as error:
                raise _lost(self._scheduler) from error
            self._looked = time.monotonic()
        return max(0, self._window - len(self.running))

    def submit(self, number: int, labels: dict[str, Any]) -> None:
        future = self._client.submit(
            cell_on_one_thread,
            self._job,
            labels,
            key=f"sweep-{uuid.uuid4().hex}",
            retries=self._retries,
            pure=False,
        )
        self.running[future] = (number, labels)
        future.add_done_callback(self._done.put)

    def next_done(self) -> Future[Any] | None:
        """A future that has finished; None where none does for a while."""
        try:
            return self._done.get(timeout=TICK)
        except queue.Empty:
            return None


def _outcome(future: Future[Any], scheduler: str) -> Outcome | None:
    """Outcome of a future that has finished; None where its workers died."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    try:
        outcome: Outcome = future.result()
    except KilledWorker:
        return None
    except (CancelledError, CommClosedError) as error:
        raise _lost(scheduler) from error
    except Exception as error:
        # What the function raises is part of its outcome, so this came from around it.
        raise RuntimeError(
            f"the workers of scheduler={scheduler!r} cannot run the function "
            f"({type(error).__name__}: {error}); install the same packages there and make its "
            "module importable, for example by PYTHONPATH"
        ) from error
    return outcome


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
            "scheduler= needs Dask; install it with `pip install ntkfreq[cluster]`"
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
