"""A sweep stopped at each of its calls that write, rename or delete: nothing is lost or spoiled.

All cases with more cells and variables: python tests/test_sweep_stopped.py
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import kills
import numpy as np
import pytest
import xarray as xr

from ntkfreq import load_zarr, sweep
from ntkfreq.files import standing

HOW = {
    "kill": (kills.kill, False),
    "ctrl-c": (kills.interrupt, False),
    "full": (kills.failing(errno.ENOSPC), False),
    "full from there on": (kills.failing(errno.ENOSPC), True),
    "forbidden from there on": (kills.failing(errno.EACCES), True),
}


def cell(a):
    return {"third": a / 3}


class Case:
    """A sweep, the state of its path before it, and what must be there after it."""

    def __init__(self, home, before, values=(1, 2), function=cell):
        self.home, self.before = Path(home) / "home", before
        self.path, self.fails = self.home / "s.zarr", self.home.with_name("fails")
        self.values, self.function = list(values), function
        self.home.mkdir()
        if before == "smaller":
            self.run(self.values[:1])
        if before == "unfinished":
            self.unfinished([self.values[0], 9])
        if before == "batches":  # more than are left as they are
            self.unfinished([self.values[0]] * 10)
        if before == "failed":
            self.fails.touch()
            self.run()
            self.fails.unlink()
        self.home.rename(self.home.with_name("template"))

    def computed(self, a):
        """The function; as long as the file is there it fails at the last value."""
        if a == self.values[-1] and self.fails.exists():
            raise ValueError("not yet")
        return self.function(a)

    def run(self, values=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the disk refuses is told by a warning
            grid = {"a": self.values if values is None else values}
            again = self.before == "failed"
            return sweep(self.computed, grid, self.path, workers=0, retry_failed=again)

    def work(self):
        self.right(self.run())

    def prepare(self):
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.home.with_name("template"), self.home)

    def unfinished(self, values):
        """As after a kill, with a batch for each value."""
        from ntkfreq.sweeps.cell import run_cell
        from ntkfreq.sweeps.grid import LabelGrid, cell_key
        from ntkfreq.sweeps.identity import identity_of
        from ntkfreq.sweeps.store import Store

        store = Store(self.path, identity_of(self.computed, LabelGrid({"a": [1]}), {}, ""))
        for a in values:
            store._write({cell_key({"a": a}): run_cell(self.function, {"a": a}, {})})

    def right(self, result, values=None):
        values = self.values if values is None else values
        assert set(result["error"].values.tolist()) == {""}
        cells = [self.function(a) for a in values]
        for name in cells[0]:
            value = np.stack([np.asarray(one[name]) for one in cells])
            np.testing.assert_array_equal(result[name], value)

    def check(self, status, text):
        """What stands at the path is whole, and the same call gives what it should."""
        if standing(self.path).exists():
            there = load_zarr(self.path)
            if self.before == "failed" and there.attrs["failed cells"]:
                there = there.isel(a=slice(-1))
            self.right(there, there["a"].values.tolist())
        else:
            assert self.before not in ("smaller", "failed")
        if status == 1 and "KeyboardInterrupt" not in text:
            assert text.startswith("ValueError: path="), text
            assert "cannot be written" in text, text
        self.right(self.run())
        self.right(load_zarr(self.path))
        left = {path.name for path in self.path.parent.iterdir()} - {"s.zarr"}
        assert left == ({"s.zarr.parts"} if self.before == "unfinished" else set())
        if self.before == "unfinished":
            self.right(self.run([*self.values, 9]), [*self.values, 9])
            assert {path.name for path in self.path.parent.iterdir()} == {"s.zarr"}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


QUICK = [
    ("kill", "nothing"),
    ("kill", "smaller"),
    ("kill", "unfinished"),
    ("kill", "failed"),
    ("ctrl-c", "smaller"),
    ("full", "smaller"),
    ("forbidden from there on", "smaller"),
]


@pytest.mark.parametrize(("how", "before"), QUICK)
def test_sweep_stopped_at_each_call(tmp_path, how, before):
    case = Case(tmp_path, before)
    stop, lasting = HOW[how]
    count = kills.at_each(case.work, stop, case.prepare, case.check, lasting=lasting, thin=9)
    assert count >= 25


def many(a):
    """Several variables, with text, inner coordinates, bools and complex numbers."""
    return xr.Dataset(
        {
            "z": ("frequency", np.array([1, 2j]) * a / 7),
            "name": ((), f"cell {a}"),
            "even": ((), a % 2 == 0),
            "matrix": (("row", "column"), np.full((3, 2), a / 3), {"units": "1"}),
        },
        {"frequency": [0.5, 1.5]},
    )


def main():
    """All states, all ways to stop, at every call; exit status 1 if any of them is wrong."""
    os.fsync = lambda handle: None
    for function, values in ((cell, (1, 2)), (many, tuple(range(1, 6)))):
        for before in ("nothing", "smaller", "unfinished", "batches", "failed"):
            for how, (stop, lasting) in HOW.items():
                start = time.monotonic()
                with tempfile.TemporaryDirectory() as home:
                    case = Case(home, before, values, function)
                    count = kills.at_each(
                        case.work, stop, case.prepare, case.check, lasting=lasting
                    )
                took = f"{time.monotonic() - start:.0f} s"
                print(f"{function.__name__:5} {before:11} {how:24} {count:4} stops right; {took}")


if __name__ == "__main__":
    sys.exit(main())
