"""Many runs at once: seeds, step sizes, decays and scales, one run a core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import Any, TypedDict, Unpack

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.loaded import assuming
from ntkfreq._support.progress import progress_bar
from ntkfreq._support.threads import cores, one_thread
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray, PointsLike
from ntkfreq.network.backends.cost import MOST_AXES
from ntkfreq.network.backends.loading import loaded_parts
from ntkfreq.network.descent import STOP
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.inputs import Network, checked_data
from ntkfreq.network.record_steps import record_steps
from ntkfreq.network.run_size import refuse_large_record
from ntkfreq.network.training import train
from ntkfreq.problem.given import Pair, pair_of
from ntkfreq.problem.optimizers import Optimizer

_MOST_WORKERS = 256


class TrainSettings(TypedDict, total=False):
    """Settings of :func:`ntkfreq.train` that are the same for all runs."""

    optimizer: str | Optimizer
    parametrization: str
    decay_towards: str
    freeze_frequencies: bool
    batch_size: int | None
    order: str | ArrayLike
    test: Pair | None
    frequencies: ArrayLike | None
    record: int | Sequence[int] | IntArray
    backend: str
    dtype: str
    checkpoint_seconds: float
    device: str | None
    tolerance: float
    kernel_probe: int


def train_many(
    nets: Sequence[Network],
    x: PointsLike | Pair,
    y: ArrayLike | None = None,
    *,
    step_size: float | Sequence[float] | FloatArray,
    steps: int,
    weight_decay: float | Sequence[float] | FloatArray = 0.0,
    frequency_decay: float | Sequence[float] | FloatArray = 0.0,
    readout_decay: float | Sequence[float] | FloatArray = 0.0,
    rng: int | Sequence[int] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool = False,
    **settings: Unpack[TrainSettings],
) -> list[TrainHistory]:
    """Train several networks on the same data, each as `train` would, on all cores.

    Every run takes one core, so that no step waits for another core. Results are those of
    ``train(net, x, y, threads=1, ...)``.

    Parameters
    ----------
    nets : sequence of FourierFeatureNet or FourierFeatureMLP
        Networks to start from, one a run: other seeds, widths, scales or densities. To vary a
        setting of one network repeat it, ``[net] * 8``.
    x, y : array_like
        Training data of all runs, as in `train`.
    step_size, weight_decay, frequency_decay, readout_decay : float or sequence of float
        One for all runs or one for each.
    steps : int
        Number of steps.
    rng : None, int, or sequence of int
        Seed of the batches, one for all runs or one for each.
    checkpoint : path-like, optional
        Folder with one checkpoint a run; the same call resumes all of them.
    workers : int, optional
        Runs at a time, 256 at most; default the number of cores.
    progress : bool
        Show a progress bar over the runs.
    **settings
        The other settings of `train`, the same for all runs.

    Returns
    -------
    list of TrainHistory
        In the order of `nets`; a diverged run is among them, its status says so.

    Raises
    ------
    TypeError, ValueError
        On bad input, as `train`; when a sequence has another length than `nets`. One run that
        fails stops all: their checkpoints, where asked for, keep what they have.

    Examples
    --------
    >>> from ntkfreq import FourierFeatureNet, Normal
    >>> nets = [FourierFeatureNet.sample(Normal(scale=4.0), 200, rng=seed) for seed in range(3)]
    >>> x = np.linspace(-1, 1, 20)
    >>> runs = train_many(nets, x, np.sin(5 * x), step_size=[0.1, 0.2, 0.4], steps=50)
    >>> [float(run.t[-1]) for run in runs]
    [5.0, 10.0, 20.0]
    """
    if not isinstance(nets, Sequence) or not nets:
        raise TypeError(f"nets={checks.show(nets)} must be a non-empty list of networks")
    if "threads" in settings:
        raise TypeError("threads is 1 for each run of train_many; use workers= for runs at a time")
    varied = {
        "step_size": step_size,
        "weight_decay": weight_decay,
        "frequency_decay": frequency_decay,
        "readout_decay": readout_decay,
        "rng": rng,
        "checkpoint": _files(checkpoint, len(nets)),
    }
    columns = {name: _one_each(name, value, len(nets)) for name, value in varied.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    at_once = cores() if workers is None else checks.integer("workers", workers, 1)
    at_once = min(at_once, len(nets), _MOST_WORKERS)
    _, data = checked_data(nets[0], *pair_of(x, y), settings.get("test"))
    records = record_steps(settings.get("record", 64), checks.integer("steps", steps, 1))
    refuse_large_record(nets[0], data, records, None, len(nets))

    stop = Event()
    # One choice for all runs: what the first of them loads does not change that of the others.
    parts = loaded_parts(min(nets[0].dim, MOST_AXES), parallel=False)

    def run(k: int) -> TrainHistory:
        STOP.set(stop)
        with assuming(parts):
            return train(nets[k], x, y, steps=steps, threads=1, **rows[k], **settings)

    with (
        one_thread(),
        ThreadPoolExecutor(at_once) as pool,
        progress_bar(progress, len(nets), "run") as bar,
    ):
        futures = [pool.submit(run, k) for k in range(len(nets))]
        try:
            for future in as_completed(futures):
                future.result()
                if bar is not None:
                    bar.update()
        except BaseException:
            # The others stop within a second or a step; their checkpoints keep what they have.
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _one_each(name: str, value: Any, count: int) -> list[Any]:
    """A setting of each run: the same, or one of a sequence."""
    if isinstance(value, str) or not (
        isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)
    ):
        if isinstance(value, np.random.Generator):
            raise TypeError(
                f"{name}={checks.show(value)} would give each run what the others have left over; "
                "pass a seed, or one for each run"
            )
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} has {len(value)} value(s) for {count} network(s); give one for each, or a "
            "single one for all"
        )
    return [one.item() if isinstance(one, np.generic) else one for one in value]


def _files(checkpoint: str | os.PathLike[str] | None, count: int) -> list[Path] | None:
    if checkpoint is None:
        return None
    digits = len(str(count - 1))
    return [Path(checkpoint) / f"run-{k:0{digits}d}.npz" for k in range(count)]
