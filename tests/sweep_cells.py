"""Functions of single cells, in a module of their own so that other processes can import them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np


def note(log: str, text: object) -> None:
    """One line in a file that all processes append to."""
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def wave(x, k, points=4):
    grid = np.linspace(0, x, points)
    return {"total": x + k, "wave": np.sin(k * grid), "outer": np.outer([1, 2], [k, k, k])}


def short(n):
    time.sleep(0.001)
    return {"square": n * n, "root": np.sqrt(n)}


def noise(seed, size=50):
    """Numbers that would show a difference between threads, processes and clusters."""
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    return {"singular": np.linalg.svd(matrix)[1], "trace": np.trace(matrix @ matrix)}


def logged(n, log, seconds=0.0):
    note(log, n)
    time.sleep(seconds)
    return {"square": n * n}


def fails_at(n, bad, log=None):
    if log is not None:
        note(log, n)
    if n == bad:
        raise ValueError(f"no root of {-n}")
    return {"count": n, "even": n % 2 == 0, "name": f"cell {n}", "z": 1j * n}


def failing_once(n, marker):
    """Raise in cell 1 until the marker is there."""
    if n == 1 and not Path(marker).exists():
        raise RuntimeError("not yet")
    return {"count": n}


def odd_shape(n):
    return {"values": np.zeros(3 if n == 2 else 2)}


def killed_once(n, marker):
    """Cell 3 ends its process the first time."""
    if n == 3 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": n * n}


def always_killed(n, log):
    note(log, n)
    if n == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return {"square": n * n}


def exits(n):
    if n == 1:
        sys.exit("enough")
    return {"count": n}


def threads(n):
    import numba
    import torch
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    blas = [row["num_threads"] for row in threadpool_info() if row["user_api"] == "blas"]
    return {
        "most": max(blas),
        "numba": numba.get_num_threads(),
        "torch": torch.get_num_threads(),
        "variable": os.environ["OMP_NUM_THREADS"],
    }


def process(n, log):
    """Note the process, wait, so that a test can kill it."""
    note(log, os.getpid())
    time.sleep(0.25)
    return noise(n, 20)


def labelled(n):
    import xarray as xr

    return xr.Dataset(
        {"spectrum": ("frequency", n * np.arange(3.0), {"units": "1"})},
        {"frequency": ("frequency", [0.0, 0.5, 1.0], {"long_name": "angular frequency"})},
        {"about": "dropped"},
    )
