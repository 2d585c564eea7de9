"""Sweeps: assembly, failed cells, resuming, and workers that die."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sweep_cells as cells
import xarray as xr

import ntkfreq
from ntkfreq import save_zarr, sweep
from ntkfreq.sweeps.assemble import conform, taken_apart
from ntkfreq.sweeps.cell import run_cell
from ntkfreq.sweeps.grid import LabelGrid
from ntkfreq.sweeps.identity import identity_of
from ntkfreq.sweeps.store import Store

IDENTITY = ("function", "constants", "version", "label names")
HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}


def lines(log):
    return Path(log).read_text(encoding="utf-8").split() if Path(log).exists() else []


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


# Assembly


@pytest.mark.parametrize("workers", [0, 2])
def test_cells_stand_at_their_labels(workers):
    result = sweep(
        cells.wave, {"x": [0.5, 1.0, 2.0], "k": [2, 1]}, constants={"points": 5}, workers=workers
    )
    assert result["total"].dims == ("x", "k")
    assert result["wave"].dims == ("x", "k", "wave_0")
    assert result["outer"].dims == ("x", "k", "outer_0", "outer_1")
    assert result["k"].values.tolist() == [2, 1]
    for x in (0.5, 1.0, 2.0):
        for k in (1, 2):
            own = cells.wave(x, k, 5)
            at = result.sel(x=x, k=k)
            for name, value in own.items():
                np.testing.assert_array_equal(at[name], value)
            assert at["error"] == ""
            assert 0 < at["seconds"] < 10
    assert result.attrs["function"] == "sweep_cells.wave"
    assert json.loads(result.attrs["constants"]) == {"points": 5}
    assert result.attrs["cells"] == 6
    assert result.attrs["failed cells"] == 0
    assert result.attrs["ntkfreq version"] == ntkfreq.__version__


def test_dataset_keeps_inner_dimensions_and_coordinates(tmp_path):
    for _ in range(2):  # computed, then read
        result = sweep(cells.labelled, {"n": [1, 2]}, tmp_path / "a.zarr", workers=0)
        assert result["spectrum"].dims == ("n", "frequency")
        assert result["spectrum"].sel(n=2, frequency=1.0) == 4
        assert result["spectrum"].attrs == {"units": "1"}
        assert result["frequency"].attrs == {"long_name": "angular frequency"}


def test_labels_are_numbers_strings_and_bools_as_python_has_them():
    def kinds(**labels):
        return {name + "_type": type(value).__name__ for name, value in labels.items()}

    result = sweep(
        kinds,
        {
            "a": np.arange(2),
            "b": ["x", "yy"],
            "c": [True, False],
            "d": [1, 2.5],
            "e": np.array([1, 2], np.float32),
        },
        workers=0,
    )
    found = {name: str(result[name].values.flat[0]) for name in result if name.endswith("_type")}
    assert found == {
        "a_type": "int",
        "b_type": "str",
        "c_type": "bool",
        "d_type": "float",
        "e_type": "float",
    }
    assert result.sel(b="yy", c=True).sizes == {"a": 2, "d": 2, "e": 2}


def test_processes_give_the_numbers_of_this_process():
    grid = {"seed": range(4)}
    here = sweep(cells.noise, grid, workers=0)
    there = sweep(cells.noise, grid, workers=2)
    for name in ("singular", "trace"):
        np.testing.assert_array_equal(here[name], there[name])


@pytest.mark.parametrize("workers", [0, 1])
def test_cells_have_one_thread_wherever_they_run(workers):
    import numba

    before = numba.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    result = sweep(cells.threads, {"n": [0]}, workers=workers)
    for library in ("most", "numba", "torch"):
        assert result[library].item() == 1
    assert result["variable"].item() == "1"
    assert (numba.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == before


def test_progress_bar_counts_failed_cells(capsys):
    sweep(cells.fails_at, {"n": range(4)}, constants={"bad": 2}, workers=0, progress=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "failed=1" in shown


# Failed cells


def test_failed_cell_is_recorded_and_the_others_go_on():
    grid = {"n": range(4)}
    good = sweep(cells.fails_at, grid, constants={"bad": 9}, workers=0)
    assert {name: good[name].dtype.kind for name in good} == {
        "count": "i",
        "even": "b",
        "name": "T",
        "z": "c",
        "error": "T",
        "seconds": "f",
    }
    result = sweep(cells.fails_at, grid, constants={"bad": 2}, workers=2)
    error = str(result["error"].sel(n=2).item())
    assert error.startswith("ValueError: no root of -2\nLast calls:")
    assert "in fails_at" in error
    assert result["error"].values.tolist().count("") == 3
    assert result["count"].dtype == np.float64
    np.testing.assert_array_equal(result["count"], [0, 1, np.nan, 3])
    np.testing.assert_array_equal(result["even"], [1, 0, np.nan, 0])
    assert result["name"].values.tolist() == ["cell 0", "cell 1", "", "cell 3"]
    assert np.isnan(result["z"].values).tolist() == [False, False, True, False]
    assert result.attrs["failed cells"] == 1


def test_every_cell_failed():
    result = sweep(cells.fails_at, {"n": [2]}, constants={"bad": 2}, workers=0)
    assert set(result.data_vars) == {"error", "seconds"}


def test_exit_in_a_cell_is_its_error():
    result = sweep(cells.exits, {"n": range(3)}, workers=1)
    assert str(result["error"].sel(n=1).item()).startswith("SystemExit: enough")


@pytest.mark.parametrize(
    ("gives", "match"),
    [
        (lambda n: n, "returned 0 of type int; return a mapping"),
        (lambda n: {"n": n}, "returned 'n', a name that the sweep uses itself"),
        (lambda n: {1: n}, "returned the name 1; use strings"),
        (lambda n: {"a": object()}, "returned 'a' with dtype object; return numbers"),
        (
            lambda n: xr.Dataset({"a": ((), 1.0, {"scale_factor": 2.0})}),
            "attribute 'scale_factor' of 'a' would change its values",
        ),
        (
            lambda n: xr.Dataset({"a": ((), 1.0, {"units": "days since 2000-01-01"})}),
            "attribute 'units' of 'a' would change its values",
        ),
        (lambda n: {"a": xr.DataArray([1.0])}, "returned 'a' as a DataArray; return a Dataset"),
    ],
)
def test_values_that_cannot_be_kept_fail_their_cell(gives, match):
    assert match in str(sweep(gives, {"n": [0]}, workers=0)["error"].values[0])


def test_cell_of_another_shape_fails_even_if_it_comes_first(tmp_path):
    for path in (None, tmp_path / "a.zarr"):
        result = sweep(cells.odd_shape, {"n": [2, 0, 1]}, path, workers=0)
        assert result["values"].shape == (3, 2)
        assert result["error"].values.tolist()[1:] == ["", ""]
        assert result["error"].values[0] == (
            "ValueError: the function returned values(values_0=3), where other cells gave "
            "values(values_0=2)"
        )


def test_of_two_shapes_as_common_the_first_of_the_grid_counts():
    first, second = run_cell(cells.odd_shape, {"n": 2}, {}), run_cell(cells.odd_shape, {"n": 0}, {})
    for arrival in ({"a": first, "b": second}, {"b": second, "a": first}):
        assert conform(arrival, ["b", "a"])["b"].error == ""
        assert "other cells gave" in conform(arrival, ["b", "a"])["a"].error


# Resuming


def test_complete_store_is_read(tmp_path):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    calls = {"function": cells.logged, "path": path, "constants": {"log": log}, "workers": 0}
    first = sweep(grid={"n": range(5)}, **calls)
    again = sweep(grid={"n": range(5)}, **calls)
    assert lines(log) == list("01234")
    xr.testing.assert_identical(first, again)
    xr.testing.assert_identical(first, ntkfreq.load_zarr(path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zarr", "log"]


def test_grid_grows_and_shrinks(tmp_path):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    calls = {"function": cells.logged, "path": path, "constants": {"log": log}, "workers": 0}
    sweep(grid={"n": [1, 3]}, **calls)
    result = sweep(grid={"n": [0, 1, 2, 3]}, **calls)
    assert lines(log) == list("1302")
    assert result["square"].values.tolist() == [0, 1, 4, 9]
    part = sweep(grid={"n": [3, 1]}, **calls)
    assert part["square"].values.tolist() == [9, 1]
    assert ntkfreq.load_zarr(path).sizes == {"n": 4}
    with pytest.raises(ValueError, match=r"grid lacks n=\[0, 1, 2\].*give the values of both"):
        sweep(grid={"n": [3, 4]}, **calls)


def test_unfinished_cells_outside_a_smaller_grid_are_kept(tmp_path):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    calls = {"function": cells.logged, "path": path, "constants": {"log": log}, "workers": 0}
    sweep(grid={"n": [0, 1, 2]}, **calls)
    store = Store(path, {})
    result = ntkfreq.load_zarr(path)
    store.identity = {name: result.attrs[name] for name in IDENTITY}
    store._write(taken_apart(result))
    path.rename(tmp_path / "away")  # as if it had been killed before the end
    for _ in range(2):
        assert sweep(grid={"n": [1]}, **calls)["square"].values.tolist() == [1]
    assert sweep(grid={"n": [0, 1, 2]}, **calls)["square"].values.tolist() == [0, 1, 4]
    assert lines(log) == list("012")
    assert not store.parts.exists()


def test_int_and_float_labels_are_different_calls(tmp_path):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    calls = {"function": cells.logged, "path": path, "constants": {"log": log}, "workers": 0}
    sweep(grid={"n": [1, 2]}, **calls)
    with pytest.raises(ValueError, match=r"grid lacks n=\[1, 2\]"):
        sweep(grid={"n": [1, 2, 2.5]}, **calls)


def test_failed_cells_are_tried_again_only_when_asked(tmp_path):
    path, marker = tmp_path / "a.zarr", tmp_path / "marker"
    calls = {
        "function": cells.failing_once,
        "grid": {"n": range(3)},
        "path": path,
        "constants": {"marker": str(marker)},
        "workers": 0,
    }
    first = sweep(**calls)
    assert first["count"].dtype == np.float64
    xr.testing.assert_identical(first, ntkfreq.load_zarr(path))
    marker.touch()
    assert sweep(**calls).attrs["failed cells"] == 1
    again = sweep(**calls, retry_failed=True)
    assert again["count"].values.tolist() == [0, 1, 2]
    assert again["count"].dtype == np.int64
    assert set(again["error"].values.tolist()) == {""}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"constants": {"bad": 8}}, r"constants '\{\"bad\": 7\}', not '\{\"bad\": 8\}'"),
        ({"version": "2"}, "version '', not '2'"),
        ({"grid": {"n": [0], "log": ["a"]}}, "label names 'n', not 'log, n'"),
        ({"function": cells.short, "constants": None}, "'sweep_cells.fails_at', not"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_another_sweep_is_refused(tmp_path, change, match, complete):
    path = tmp_path / "a.zarr"
    calls = {"function": cells.fails_at, "grid": {"n": [0]}, "constants": {"bad": 7}, "workers": 0}
    sweep(**calls, path=path)
    if not complete:  # as if it had been killed
        store = Store(path, {})
        result = ntkfreq.load_zarr(path)
        store.identity = {name: result.attrs[name] for name in IDENTITY}
        store._write(taken_apart(result))
        path.rename(tmp_path / "away")
        assert store.parts.is_dir()
    with pytest.raises(ValueError, match=match + r".*choose another path, or delete it"):
        sweep(**calls | change, path=path)


def test_ctrl_c_keeps_what_is_done(tmp_path):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    stop = iter([False, False, True])

    def interrupted(n):
        cells.note(log, n)
        if next(stop, False):
            raise KeyboardInterrupt
        return {"square": n * n}

    with pytest.raises(KeyboardInterrupt):
        sweep(interrupted, {"n": range(4)}, path, workers=0)
    result = sweep(interrupted, {"n": range(4)}, path, workers=0)
    assert result["square"].values.tolist() == [0, 1, 4, 9]
    assert lines(log) == list("01223")


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_sweep_computes_only_what_is_missing(tmp_path, workers):
    path, log = tmp_path / "a.zarr", str(tmp_path / "log")
    code = (
        "import sys, ntkfreq, sweep_cells as c\n"
        f"ntkfreq.sweep(c.logged, {{'n': range(60)}}, sys.argv[1], workers={workers},\n"
        f"    constants={{'log': sys.argv[2], 'seconds': 0.05}})\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, path, log], env=ENVIRONMENT)
    parts = tmp_path / "a.zarr.parts"
    try:
        wait_for(lambda: len(list(parts.glob("part-*.npz"))) >= 1 and len(lines(log)) < 60)
        run.send_signal(signal.SIGKILL)
    finally:
        run.kill()
        run.wait()
    before = lines(log)
    time.sleep(0.2)
    assert len(lines(log)) <= len(before) + 2, "workers outlive the sweep"
    before = lines(log)
    store = Store(
        path, identity_of(cells.logged, LabelGrid({"n": [0]}), {"log": log, "seconds": 0.05}, "")
    )
    saved = {json.loads(key)["n"] for key in store.load()}
    assert saved
    result = sweep(
        cells.logged,
        {"n": range(60)},
        path,
        constants={"log": log, "seconds": 0.05},
        workers=workers,
    )
    assert result["square"].values.tolist() == [n * n for n in range(60)]
    assert sorted(map(int, lines(log)[len(before) :])) == sorted(set(range(60)) - saved)
    assert not parts.exists()


def test_many_batches_become_one(tmp_path):
    identity = {"function": "f", "constants": "{}", "version": "", "label names": "n"}
    store = Store(tmp_path / "a.zarr", identity)
    for k in range(12):
        outcome = run_cell(lambda n: {"n2": n * n}, {"n": k % 6 + k // 6}, {})
        store._write({str(k % 6): outcome})
    again = Store(tmp_path / "a.zarr", identity)
    found = {key: int(one.values["n2"][1]) for key, one in again.load().items()}
    assert found == {str(k): (k + 1) ** 2 for k in range(6)}  # the later ones count
    assert len(list(store.parts.glob("part-*"))) == 1
    assert again.load().keys() == found.keys()


# Workers that die


def test_cell_of_a_killed_worker_is_run_again(tmp_path):
    marker = tmp_path / "marker"
    result = sweep(cells.killed_once, {"n": range(8)}, constants={"marker": str(marker)}, workers=2)
    assert marker.exists()
    assert result["square"].values.tolist() == [n * n for n in range(8)]
    assert result.attrs["failed cells"] == 0


def test_cell_that_always_kills_its_worker_is_recorded(tmp_path):
    log = str(tmp_path / "log")
    result = sweep(
        cells.always_killed, {"n": range(20)}, constants={"log": log}, workers=2, retries=1
    )
    errors = result["error"].values.tolist()
    assert errors.pop(2) == (
        "KilledWorker: the process died while running this cell (2 times, exit code -9)"
    )
    assert set(errors) == {""}
    counts = Counter(lines(log))
    assert counts.pop("2") == 2
    assert set(counts.values()) == {1}, "no other cell runs twice"


def test_function_that_workers_cannot_load_stops_the_sweep(monkeypatch):
    module = type(sys)("only_here")
    exec("def f(n): return {'a': n}", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(RuntimeError, match=r"define it in a module(.|\n)*No module named"):
        sweep(module.f, {"n": [0]}, workers=1)


def test_script_without_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import ntkfreq\n"
        "def f(n): return {'a': n}\n"
        "ntkfreq.sweep(f, {'n': [0]}, workers=1, retries=0)\n"
    )
    done = subprocess.run(
        [sys.executable, script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "in a script, call sweep under `if __name__ ==" in done.stderr


# Refusals


def closure(n):
    return lambda n: {"n": n}


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"function": 3}, TypeError, "function=3 must be callable"),
        ({"function": lambda n: {}}, ValueError, r"lambda.*cannot be imported.*workers=0"),
        ({"function": closure(1)}, ValueError, r"cannot be imported by other.*workers=0"),
        ({"function": functools.partial(cells.short)}, ValueError, r"partial is no function"),
        ({"grid": [1]}, TypeError, r"grid=\[1\] must be a mapping"),
        ({"grid": {}}, TypeError, "grid={} must be a mapping"),
        ({"grid": {"a b": [1]}}, TypeError, "label 'a b'; labels must be argument names"),
        ({"grid": {"error": [1]}}, ValueError, "label 'error', which a sweep uses itself"),
        ({"grid": {"n": "abc"}}, TypeError, r"grid\['n'\]='abc' must be a sequence"),
        ({"grid": {"n": 3}}, TypeError, r"grid\['n'\]=3 must be a sequence"),
        ({"grid": {"n": []}}, ValueError, r"grid\['n'\] is empty"),
        ({"grid": {"n": [1, "a"]}}, TypeError, "mixes numbers and strings; give one kind"),
        ({"grid": {"n": [1, True]}}, TypeError, "mixes bools and numbers; give one kind"),
        ({"grid": {"n": [1, 1.0]}}, ValueError, "holds 1.0 more than once"),
        ({"grid": {"n": [float("nan")]}}, ValueError, "holds nan; labels must be finite"),
        ({"grid": {"n": [2**63]}}, ValueError, "more than 64 bits; pass a string"),
        ({"grid": {"n": [None]}}, TypeError, "of type NoneType.*pass a name and look"),
        ({"path": 3}, TypeError, "path=3 must be the name of a store"),
        ({"constants": [1]}, TypeError, r"constants=\[1\] must map argument names"),
        ({"constants": {"n": 1}}, ValueError, "constants and grid both give 'n'"),
        (
            {"constants": {"a": {"b": [object]}}},
            TypeError,
            r"constants\['a'\]\['b'\]\[0\]=<class 'object'> of type type cannot be written",
        ),
        ({"scheduler": "here"}, ValueError, "scheduler='here' must be an address such as 'tcp:"),
        ({"scheduler": 3}, TypeError, "scheduler=3 must be a string"),
        ({"scheduler": "tcp://a:1", "workers": 2}, ValueError, "workers=2 exclude each other"),
        ({"workers": -1}, ValueError, "workers=-1 must be at least 0"),
        ({"retries": -1}, ValueError, "retries=-1 must be at least 0"),
        ({"retry_failed": 1}, TypeError, "retry_failed=1 must be True or False"),
        ({"progress": "yes"}, TypeError, "progress='yes' must be True or False"),
        ({"version": 2}, TypeError, "version=2 must be a string"),
    ],
)
def test_bad_input_is_refused(change, error, match):
    with pytest.raises(error, match=match):
        sweep(**{"function": cells.short, "grid": {"n": [1]}} | change)


def test_function_of_a_session_is_refused():
    code = (
        "import ntkfreq\n"
        "def f(n): return {'a': n}\n"
        "print(int(ntkfreq.sweep(f, {'n': [4]}, workers=0)['a'][0]), flush=True)\n"
        "ntkfreq.sweep(f, {'n': [0]})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "4"
    assert "__main__.f lives in an interactive session" in done.stderr


@pytest.mark.parametrize("kind", ["file", "store"])
def test_path_of_something_else_is_refused(tmp_path, kind):
    path = tmp_path / "a.zarr"
    if kind == "file":
        path.touch()
    else:
        save_zarr(xr.Dataset({"a": 1.0}), path)
    with pytest.raises(ValueError, match="exists and holds no sweep; choose another path"):
        sweep(cells.short, {"n": [1]}, path, workers=0)
    assert path.exists()


def test_public_name_is_the_function():
    code = (
        "import ntkfreq, ntkfreq.sweeps.run\n"
        "from ntkfreq import sweep\n"
        "print(callable(sweep) and sweep is ntkfreq.sweep)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "True"


class Unwilling:
    """A callable that refuses to be pickled in its own way."""

    def __init__(self):
        self.__qualname__ = "unwilling"

    def __call__(self, n):
        return {"n": n}

    def __reduce__(self):
        raise NotImplementedError("not me")


def test_function_that_refuses_to_be_sent_is_told():
    with pytest.raises(ValueError, match=r"cannot be imported by other processes \(not me\)"):
        sweep(Unwilling(), {"n": [1]})
