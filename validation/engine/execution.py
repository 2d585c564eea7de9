"""Where and how the cells of a validation are computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.display import Described
from ntkfreq.files.results import json_ready
from validation.engine.provenance import environment, numerics_hash

if TYPE_CHECKING:
    import xarray as xr

SIZES = ("quick", "full", "paper")


def size_of(sizes: Mapping[str, Mapping[str, Any]], size: str) -> dict[str, Any]:
    """Settings of a size; `paper` is `full` where the source states nothing larger.

    Raises
    ------
    ValueError
        For a size that is none of the three.

    Examples
    --------
    >>> size_of({"quick": {"width": 64}, "full": {"width": 1024}}, "paper")
    {'width': 1024}
    """
    if size not in SIZES:
        raise ValueError(f"size={size!r} must be one of {', '.join(SIZES)}")
    return dict(sizes[size if size in sizes else "full"])


@dataclass(frozen=True)
class Execution(Described):
    """How to compute cells: in this process by default, keeping nothing.

    Parameters
    ----------
    folder : path-like, optional
        Where finished cells are kept, so that a run that is killed goes on where it stopped.
    workers : int, optional
        Local processes; 0 computes in this process, None takes one a core.
    scheduler : str, optional
        Address of a Dask scheduler, instead of local processes.
    progress : bool
        Show a progress bar.

    Attributes
    ----------
    seconds : list of float
        Time that the cells of each call took, added up over cells, whenever they ran.
    """

    folder: Path | None = None
    workers: int | None = 0
    scheduler: str | None = None
    progress: bool = False
    seconds: list[float] = field(default_factory=list, init=False)

    def cells(
        self,
        name: str,
        function: Callable[..., Any],
        grid: Mapping[str, Sequence[Any]],
        constants: Mapping[str, Any] | None = None,
    ) -> xr.Dataset:
        """A function over a labelled grid; raises when a cell failed.

        Raises
        ------
        RuntimeError
            Naming the first cell that failed, with its error. What was computed is kept.
        """
        from ntkfreq import sweep

        constants = dict(constants or {})
        # Other libraries round otherwise, and other cells are another sweep.
        version = json.dumps([numerics_hash(function), environment()])
        path = None
        if self.folder is not None:
            settings = json.dumps([version, json_ready([constants, grid])], sort_keys=True)
            mark = hashlib.sha256(settings.encode()).hexdigest()[:12]
            path = Path(self.folder) / f"{name}-{mark}.zarr"
        data: xr.Dataset = sweep(
            function,
            grid,
            path,
            constants=constants,
            scheduler=self.scheduler,
            workers=None if self.scheduler else self.workers,
            retry_failed=True,
            version=version,
            progress=self.progress,
        )
        self.seconds.append(float(data["seconds"].sum()))
        failed = data["error"] != ""
        if bool(failed.any()):
            # Not where(drop=True): it keeps the whole rows and columns of the failed ones.
            place = np.unravel_index(int(failed.values.ravel().argmax()), failed.shape)
            first = data["error"][place]
            labels = {key: first[key].item() for key in grid}
            raise RuntimeError(
                f"{name}: {int(failed.sum())} of {failed.size} cells failed, the first of them "
                f"{labels}: {first.item()}"
            )
        return data
