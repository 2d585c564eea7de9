"""Sweeps on a real Dask scheduler with two workers, some of which are killed."""

from __future__ import annotations

import builtins
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sweep_cells as cells
import xarray as xr

from ntkfreq import sweep
from ntkfreq.sweeps import cluster
from validation.claims.phase_diagram import claim as phase_diagram
from validation.engine import Execution

pytest.importorskip("distributed")
HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
    # A cell is given up after two workers in place of four, which saves starting them.
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
}


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


class Cluster:
    """A scheduler and two workers, each under a nanny that replaces it when it dies."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        file = folder / "scheduler.json"
        self.start(
            "scheduler",
            "--host=127.0.0.1",
            "--port=0",
            f"--scheduler-file={file}",
            "--idle-timeout=120",  # should nobody be left to end it
        )
        try:
            wait_for(lambda: file.exists() and file.read_text())
        except BaseException:
            self.end()
            raise
        self.address = json.loads(file.read_text())["address"]

    def start(self, *arguments):
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                    env=ENVIRONMENT,
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                )
            )

    def add_workers(self, count, *options):
        before = len(self.processes)
        for _ in range(count):
            self._add_worker(*options)
        for k in range(before, len(self.processes)):
            wait_for(lambda k=k: "Registered to" in (self.folder / f"{k}.log").read_text())

    def _add_worker(self, *options):
        self.start(
            "worker",
            self.address,
            "--nthreads=1",
            "--memory-limit=0",
            "--death-timeout=60",
            f"--local-directory={self.folder}",
            *options,
        )

    def end(self):
        # Workers first: one that loses its scheduler while it closes takes eight seconds.
        scheduler, *workers = self.processes
        for group in (workers, [scheduler]):
            for process in group:  # a nanny takes its worker along
                process.terminate()
            for process in group:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        running.add_workers(2)
        yield running
    finally:
        running.end()


def lines(log):
    return Path(log).read_text(encoding="utf-8").split() if Path(log).exists() else []


def test_cluster_gives_the_numbers_of_local_processes(dask_cluster, tmp_path):
    grid, constants = {"seed": range(300)}, {"size": 60}
    address = dask_cluster.address
    there = sweep(cells.noise, grid, tmp_path / "a.zarr", constants=constants, scheduler=address)
    here = sweep(cells.noise, grid, constants=constants, workers=2)
    assert there["singular"].shape == (300, 60)
    for name in ("singular", "trace", "error"):
        np.testing.assert_array_equal(there[name], here[name])
    # The store does not know where its cells were computed.
    again = sweep(cells.noise, grid, tmp_path / "a.zarr", constants=constants, workers=0)
    xr.testing.assert_identical(again, there)


def test_phase_diagram_on_two_workers_is_the_local_one(dask_cluster):
    """The map of phases and the networks on it, to the last bit."""
    here = phase_diagram.run("quick", Execution())
    there = phase_diagram.run("quick", Execution(scheduler=dask_cluster.address))
    assert there.data["digest"] == here.data["digest"]
    for part in ("maps", "networks", "law"):
        np.testing.assert_equal(there.data[part], here.data[part])
    assert there.claims == here.claims


def test_failed_cell_on_a_cluster(dask_cluster, tmp_path):
    log = str(tmp_path / "log")
    constants = {"bad": 2, "log": log}
    result = sweep(
        cells.fails_at, {"n": range(4)}, constants=constants, scheduler=dask_cluster.address
    )
    assert str(result["error"].sel(n=2).item()).startswith("ValueError: no root of -2\nLast calls")
    assert result.attrs["failed cells"] == 1
    assert sorted(lines(log)) == list("0123"), "errors of the function are not retried"


def test_killed_worker_of_a_cluster(dask_cluster, tmp_path):
    """One of two workers is killed while it runs cells: all are done, with the same numbers."""
    log = str(tmp_path / "log")
    victims = []

    def kill_one():
        wait_for(lambda: len(set(lines(log))) == 2 and len(lines(log)) >= 6)
        victims.append(int(lines(log)[-1]))
        os.kill(victims[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    grid = {"n": range(16)}
    result = sweep(cells.process, grid, constants={"log": log}, scheduler=dask_cluster.address)
    killer.join()
    assert victims
    assert result.attrs["failed cells"] == 0
    assert len(lines(log)) > 16, "the cell in flight ran again"
    here = sweep(cells.process, grid, constants={"log": str(tmp_path / "here")}, workers=2)
    np.testing.assert_array_equal(result["singular"], here["singular"])


def test_cell_that_kills_workers_of_a_cluster_is_recorded(dask_cluster, tmp_path):
    log = str(tmp_path / "log")
    result = sweep(
        cells.always_killed,
        {"n": range(6)},
        tmp_path / "a.zarr",
        constants={"log": log},
        scheduler=dask_cluster.address,
    )
    errors = result["error"].values.tolist()
    assert errors.pop(2) == (
        "KilledWorker: the process died while running this cell (on several workers, then alone)"
    )
    assert set(errors) == {""}, "cells that waited on the same workers are done"
    assert Counter(lines(log))["2"] == 4


def test_function_that_the_cluster_lacks(dask_cluster, monkeypatch):
    module = type(sys)("only_here")
    exec("def f(n): return {'a': n}", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(RuntimeError, match=r"\(ModuleNotFoundError: No module.*by PYTHONPATH"):
        sweep(module.f, {"n": [0]}, scheduler=dask_cluster.address)


def test_function_of_a_script_on_a_cluster(dask_cluster, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, ntkfreq\n"
        "def f(n): return {'a': 2 * n}\n"
        "if __name__ == '__main__':\n"
        "    print(ntkfreq.sweep(f, {'n': [1, 2]}, scheduler=sys.argv[1])['a'].values)\n"
        "    print(ntkfreq.sweep(f, {'n': [1, 2]}, workers=1)['a'].values)\n"
    )
    done = subprocess.run(
        [sys.executable, script, dask_cluster.address],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["[2 4]", "[2 4]"]


def test_lost_scheduler(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 2)
    log = tmp_path / "log"
    own = Cluster(tmp_path)
    try:
        own.add_workers(1, "--no-nanny")

        def end():
            wait_for(lambda: len(lines(log)) >= 3)
            own.processes[0].kill()

        ender = threading.Thread(target=end)
        ender.start()
        call = {"grid": {"n": range(20)}, "constants": {"log": str(log), "seconds": 0.6}}
        with pytest.raises(ConnectionError, match=r"was lost during the sweep.*repeat the call"):
            sweep(cells.logged, path=tmp_path / "a.zarr", scheduler=own.address, **call)
        ender.join()
    finally:
        for process in own.processes:  # at once: a worker looks for its scheduler for a while
            process.kill()
        own.end()
    kept = list((tmp_path / "a.zarr.parts").glob("part-*"))
    assert kept


def test_unreachable_scheduler_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=rf"'{address}' does not.*`dask scheduler`"):
            sweep(cells.short, {"n": [1]}, scheduler=address)
    assert cluster.CONNECT_SECONDS <= 10


def test_missing_dask_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install '\.\[cluster\]'"):
        sweep(cells.short, {"n": [1]}, scheduler="tcp://127.0.0.1:1")
