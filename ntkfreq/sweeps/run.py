"""The public function: check, look up what is there, compute the rest, put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkfreq._support import checks
from ntkfreq._support.threads import cores
from ntkfreq.files import real_path
from ntkfreq.sweeps.assemble import assemble, conform
from ntkfreq.sweeps.cell import Arrays, Outcome
from ntkfreq.sweeps.cluster import check_address, on_cluster
from ntkfreq.sweeps.grid import LabelGrid
from ntkfreq.sweeps.identity import check_by_reference, identity_of
from ntkfreq.sweeps.local import Cell, Outcomes, in_this_process, on_processes
from ntkfreq.sweeps.store import Store

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    path: str | os.PathLike[str] | None = None,
    *,
    constants: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    retries: int = 3,
    retry_failed: bool = False,
    version: str = "",
    progress: bool = False,
) -> xr.Dataset:
    """Call a function for every combination of labelled values; keep, resume, share the work.

    Parameters
    ----------
    function : callable
        ``function(**labels, **constants)`` returns a mapping of name to number, string or array,
        or an xarray.Dataset, whose dimensions and coordinates are kept. Every cell gives the same
        names, shapes and inner coordinates. Processes import it, so it is defined in a module.
    grid : mapping
        Label to values: numbers, strings or bools, each once. Randomness comes in as a label of
        seeds, ``{"seed": range(10)}``.
    path : path-like, optional
        Zarr store of the result. Finished cells are kept beside it, in ``<path>.parts``, so that
        the same call resumes after a kill and computes what is missing; a complete store is read
        and returned. The grid may grow. One sweep at a time writes to a path; another is refused
        (but not on the few network file systems that have no locks).
    constants : mapping, optional
        Arguments that do not vary: numbers, strings, bools, None, lists or arrays of them.
    scheduler : str, optional
        Address of a Dask scheduler, ``"tcp://host:port"``, whose workers run the cells.
    workers : int, optional
        Processes on this machine, each on one thread; default one a core. 0 calls the function
        in this process, which takes any callable.
    retries : int
        How many times a cell is tried again whose process died. On a cluster the scheduler's
        ``allowed-failures`` decides that, and this is for what fails around the function.
    retry_failed : bool
        Compute cells again that an earlier call recorded as failed.
    version : str
        Part of the identity of the sweep: change it when the function's code changes.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        The variables of the function over the labels and their own dimensions (`name_0`, ... for
        plain arrays), `error` ("" where all is well) and `seconds` of each cell. Cells that
        failed hold NaN, or "" where the variable is text; whole numbers and bools become floats
        if any cell failed. Attributes name function, constants, versions and counts.

    Raises
    ------
    TypeError, ValueError
        On bad input; for a function that other processes cannot import; where `path` holds
        another sweep (other function, constants, version or labels), is damaged, cannot be
        written, or is being written by another sweep.
    ConnectionError
        When the scheduler does not answer, or is lost.
    ImportError
        When `scheduler` is given and Dask is missing.
    RuntimeError
        When worker processes cannot start or cannot load the function.

    Examples
    --------
    >>> def decay(rate, steps):
    ...     return {"left": (1 - rate) ** steps}
    >>> result = sweep(decay, {"rate": [0.1, 0.5], "steps": [1, 2, 3]}, workers=0)
    >>> result["left"].sel(rate=0.5).values
    array([0.5  , 0.25 , 0.125])
    """
    full, fixed = LabelGrid.checked(grid), _constants(constants)
    run = _executor(function, full, fixed, scheduler, workers, retries)
    identity = identity_of(function, full, fixed, _text("version", version))
    for name, value in (("retry_failed", retry_failed), ("progress", progress)):
        if not isinstance(value, bool):
            raise TypeError(f"{name}={checks.show(value)} must be True or False")
    if path is None:
        outcomes: dict[str, Outcome] = {}
        _compute(run, full, outcomes, None, progress)
        return assemble(full, conform(outcomes, full.cell_keys()), identity)
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path={checks.show(path)} must be the name of a store, or None")
    store = Store(real_path(path), identity)
    complete = _complete(full, store, retry_failed)
    if complete is not None:
        return complete
    with store.locked():
        return _stored(run, full, store, retry_failed, progress)


def _complete(grid: LabelGrid, store: Store, retry_failed: bool) -> xr.Dataset | None:
    """What the store at the path has of the grid, if that is all; nothing is written for it."""
    there = store.result()
    if there is None:
        return None
    result, known = there
    wanted = grid.cell_keys()
    if not known.keys() >= set(wanted):
        return None
    if any(known[key].error for key in wanted) and (retry_failed or store.parts.exists()):
        return None
    if not store.is_clean():
        # An earlier sweep was killed when all was done but the clearing away.
        with suppress(ValueError, OSError), store.locked():
            store.tidy({key: one for key, one in store.load().items() if key not in known})
    return assemble(grid, conform(known, wanted, str(result.attrs["layout"])), store.identity)


def _stored(
    run: Callable[[list[Cell]], Outcomes],
    grid: LabelGrid,
    store: Store,
    retry_failed: bool,
    progress: bool,
) -> xr.Dataset:
    there = store.result()
    full, before, prefer = grid, dict[str, Outcome](), ""
    if there is not None:
        full, before = _union(grid, LabelGrid.of(there[0]), store.path), there[1]
        prefer = str(there[0].attrs["layout"])
    # The result is trusted over the batches, but for its failed cells that were tried again.
    newer = {
        key: one
        for key, one in store.load().items()
        if key not in before or (before[key].error and not one.error)
    }
    known = conform(before | newer, full.cell_keys(), prefer)
    everything = set(full.cell_keys())
    if retry_failed:
        wanted = set(grid.cell_keys())
        known = {key: one for key, one in known.items() if not (one.error and key in wanted)}
    if everything & newer.keys() or everything - known.keys():
        _compute(run, full, known, store, progress)
        known = conform(known, full.cell_keys(), prefer)
        others = {key: one for key, one in known.items() if key not in everything}
        store.finish(assemble(full, known, store.identity), others)
    else:
        store.tidy({key: one for key, one in known.items() if key not in everything})
    return assemble(grid, known, store.identity)


def _union(grid: LabelGrid, stored: LabelGrid, path: Path) -> LabelGrid:
    """The larger of two grids; cells of a complete store are never dropped."""
    if grid.within(stored):
        return stored
    if stored.within(grid):
        return grid
    missing = {  # repr tells 1 from 1.0, which are different calls
        name: [value for value in values if repr(value) not in set(map(repr, grid.values[name]))]
        for name, values in stored.values.items()
    }
    lacking = "; ".join(f"{name}={checks.show(lost)}" for name, lost in missing.items() if lost)
    raise ValueError(
        f"grid lacks {lacking}, which path={str(path)!r} holds, and has cells "
        "that it does not hold; give the values of both, or choose another path"
    )


def _compute(
    run: Callable[[list[Cell]], Outcomes],
    grid: LabelGrid,
    known: dict[str, Outcome],
    store: Store | None,
    progress: bool,
) -> None:
    """Add the missing cells to `known`, and to the store as they come."""
    from tqdm import tqdm

    keys = grid.cell_keys()
    todo = [(k, labels) for k, labels in enumerate(grid.cells()) if keys[k] not in known]
    if not todo:
        return
    failed = sum(bool(known[key].error) for key in keys if key in known)
    coords: dict[str, Arrays] = {}  # those of one layout are the same: kept once
    bar = tqdm(total=len(keys), initial=len(keys) - len(todo), unit="cell", disable=not progress)
    bar.set_postfix(failed=failed)
    with bar, closing(run(todo)) as outcomes:
        try:
            for arrived in outcomes:
                if arrived is None:
                    if store is not None:
                        store.tick()
                    continue
                number, outcome = arrived
                outcome.coords = coords.setdefault(outcome.layout, outcome.coords)
                known[keys[number]] = outcome
                if store is not None:
                    store.add(keys[number], outcome)
                if outcome.error:
                    failed += 1
                    bar.set_postfix(failed=failed)
                bar.update()
        finally:  # on Ctrl-C too
            if store is not None:
                store.flush()


def _executor(
    function: Any,
    grid: LabelGrid,
    constants: Mapping[str, Any],
    scheduler: str | None,
    workers: int | None,
    retries: int,
) -> Callable[[list[Cell]], Outcomes]:
    """What runs a list of cells: this process, others, or a cluster."""
    if not callable(function):
        raise TypeError(f"function={checks.show(function)} must be callable")
    both = sorted(set(constants) & set(grid.values))
    if both:
        raise ValueError(f"constants and grid both give {both[0]!r}; give it once")
    again = checks.integer("retries", retries, 0)
    if scheduler is not None:
        if workers is not None:
            raise ValueError(
                f"scheduler={checks.show(scheduler)} and workers={workers} exclude each other; a "
                "cluster has its own workers"
            )
        address = check_address(_text("scheduler", scheduler))
        check_by_reference(function)

        return lambda cells: on_cluster(
            function, cells, constants, scheduler=address, retries=again
        )
    count = cores() if workers is None else checks.integer("workers", workers, 0)
    if count == 0:
        return lambda cells: in_this_process(function, cells, constants)
    check_by_reference(function)
    return lambda cells: on_processes(function, cells, constants, workers=count, retries=again)


def _constants(constants: Any) -> dict[str, Any]:
    if constants is None:
        return {}
    if not isinstance(constants, Mapping) or not all(isinstance(name, str) for name in constants):
        raise TypeError(f"constants={checks.show(constants)} must map argument names to values")
    return dict(constants)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}={checks.show(value)} must be a string")
    return value
