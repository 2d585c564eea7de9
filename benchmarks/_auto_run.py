"""One run of the trainer, timed as its caller sees it: with all loading, records and spectra.

Run ``python benchmarks/_auto_run.py POINTS UNITS DIM STEPS TAKEN THREADS BACKEND`` for a run in a
process that has loaded no engine yet; 0 threads are all. Prints JSON; imports no engine itself.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq.network import FourierFeatureNet, backends, train
from ntkfreq.network.record_steps import record_steps
from ntkfreq.network.recording import probe_points
from ntkfreq.problem.density import Normal


def problem(
    points: int, width: int, dim: int = 1, std: float = 10.0, seed: int = 0
) -> tuple[FourierFeatureNet, Any, Any]:
    """A network, points in [-1, 1]^d, and values."""
    rng = np.random.default_rng(seed)
    net = FourierFeatureNet.sample(Normal(scale=std, dim=dim), width, rng=rng)
    x = rng.uniform(-1, 1, (points, dim))
    return net, x, np.sin(3 * x[:, 0]) + 0.5 * np.cos(7 * x[:, -1])


def work_of(net: FourierFeatureNet, x: Any, steps: int, threads: int | None) -> backends.Work:
    """What "auto" sees of a run with the default records."""
    probe = probe_points(x, 8)
    assert probe is not None
    records = len(record_steps(64, steps))
    return replace(net.work(x, steps, threads), records=records, probe=len(probe))


def timed(
    sizes: tuple[int, int, int], steps: int, taken: int, backend: str, threads: int | None
) -> dict[str, Any]:
    """Seconds of a run of `steps` steps; where only `taken` are taken, the others at their pace."""
    net, x, y = problem(*sizes)
    started = time.perf_counter()
    run = train(net, x, y, step_size=0.1, steps=taken, backend=backend, threads=threads)
    seconds = time.perf_counter() - started
    assert run.stats["steps_taken"] == taken
    return {
        "seconds": seconds + (steps - taken) * run.stats["seconds"] / taken,
        "pace": run.stats["seconds"] / taken,
        "load": run.stats["compile_seconds"],
        "backend": run.stats["backend"],
    }


if __name__ == "__main__":
    *sizes, steps, taken, threads = map(int, sys.argv[1:7])
    row = timed((sizes[0], sizes[1], sizes[2]), steps, taken, sys.argv[7], threads or None)
    print(json.dumps(row))
