"""A sweep killed while it deletes its finished batches: the next call finds the same numbers."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import numpy as np

from ntkfreq import sweep

from .verdict import RIGHT, WRONG, Case, Verdict

CASE = Case(
    source="found by ending processes at every deletion; no report",
    kind="a finished result that a kill can spoil",
    right="v = a / 7 and k = a^2 for a = 1, 2, 3 from the second call, wherever the first ended",
)

REAL = {name: getattr(os, name) for name in ("unlink", "rmdir", "rename", "replace")}
CALLS = 60


def cell(a):
    return {"v": a / 7 + np.zeros(3), "k": a * a}


def run(path):
    return sweep(cell, {"a": [1, 2, 3]}, path, workers=0)


def killed_at(path, name, nth):
    """Whether a process that dies at its nth call of os.<name> died."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] != 0
    count = [0]

    def dying(*args, **options):
        count[0] += 1
        if count[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return REAL[name](*args, **options)

    setattr(os, name, dying)
    try:
        run(path)
    finally:
        os._exit(0)


def spoiled(path):
    """What is wrong with the next call, if anything."""
    try:
        found = run(path)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:70]}"
    v, k = found.v.values, found.k.values
    if np.array_equal(k, [1, 4, 9]) and np.array_equal(v[:, 0], np.array([1, 2, 3]) / 7):
        return None
    return f"k = {k}"


def member(name):
    @CASE.attempt(f"killed at each os.{name}", gigabytes=4, seconds=200)
    def call():
        deaths = 0
        for nth in range(1, CALLS):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "s.zarr"
                if not killed_at(path, name, nth):
                    break
                deaths += 1
                fault = spoiled(path)
                if fault:
                    return Verdict(WRONG, f"killed at call {nth}, then {fault}")
        return Verdict(
            RIGHT if deaths or name == "rename" else WRONG, f"{deaths} deaths, all right"
        )

    return call


for name in REAL:
    member(name)
