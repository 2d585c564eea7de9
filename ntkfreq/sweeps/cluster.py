"""Cells on an existing Dask cluster."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ntkfreq._threads import one_thread
from ntkfreq.sweeps.cell import Outcome, run_cell
from ntkfreq.sweeps.local import TICK, Cell, Outcomes

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 8
LOOK_SECONDS = 5.0  # between two looks at how many threads the cluster has


def cell_on_one_thread(
    function: Callable[..., Any], labels: Mapping[str, Any], constants: Mapping[str, Any]
) -> Outcome:
    """What a Dask worker runs: the cell as a local worker would, for the same numbers."""
    with one_thread():
        return run_cell(function, labels, constants)


def on_cluster(
    function: Callable[..., Any],
    cells: Iterable[Cell],
    constants: Mapping[str, Any],
    *,
    scheduler: str,
    retries: int,
) -> Outcomes:
    """Cells on the workers of `scheduler`; Dask itself runs those of a lost worker again."""
    with _connected(scheduler) as client:
        done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        running: dict[Any, int] = {}
        run_id, waiting = uuid.uuid4().hex[:12], iter(cells)
        window, looked = 0, -LOOK_SECONDS
        while True:
            if time.monotonic() - looked > LOOK_SECONDS:
                # Enough to keep the workers busy while results travel; few enough to fit anywhere.
                window = 32 + 4 * sum(client.nthreads().values())
                looked = time.monotonic()
            while len(running) < window:
                number, labels = next(waiting, (-1, {}))
                if number < 0:
                    break
                future = client.submit(
                    cell_on_one_thread,
                    function,
                    labels,
                    dict(constants),
                    key=f"sweep-{run_id}-{number}",
                    retries=retries,
                    pure=False,
                )
                running[future] = number
                future.add_done_callback(done.put)
            if not running:
                return
            try:
                future = done.get(timeout=TICK)
            except queue.Empty:
                yield None
                continue
            number = running.pop(future)
            outcome = _outcome(future, scheduler)
            future.release()  # the cluster forgets the result at once
            del future
            yield number, outcome


def _outcome(future: Future[Any], scheduler: str) -> Outcome:
    from distributed import CancelledError, KilledWorker

    try:
        outcome = future.result()
    except KilledWorker as error:
        return Outcome(error=f"KilledWorker: {error}")
    except CancelledError as error:
        raise ConnectionError(
            f"scheduler={scheduler!r} was lost during the sweep ({error}); finished cells are "
            "kept where path was given: start it again and repeat the call"
        ) from error
    except Exception as error:
        # What the function raises is part of its outcome, so this came from around it.
        raise RuntimeError(
            f"the workers of scheduler={scheduler!r} cannot run the function "
            f"({type(error).__name__}: {error}); install the same packages there and make its "
            "module importable, for example by PYTHONPATH"
        ) from error
    if not isinstance(outcome, Outcome):
        raise TypeError(f"a worker of scheduler={scheduler!r} returned {type(outcome).__name__}")
    return outcome


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
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"scheduler={scheduler!r} does not answer ({type(error).__name__}); start one with "
            "`dask scheduler`, its workers with `dask worker ADDRESS`, and pass the address that "
            "the scheduler prints"
        ) from error
    with client:
        yield client
