"""Zarr stores: what they can hold, what damages them, and writers that are stopped."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
import warnings
from pathlib import Path

import kills
import numpy as np
import pytest
import xarray as xr

from ntkfreq import load_zarr, save_zarr, sweep
from ntkfreq.files import lock
from ntkfreq.sweeps.store import Store


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def square(n):
    return {"square": n * n + 0.5, "zero": 0.0}


def tree(value):
    data = xr.Dataset({"a": ("t", np.full(3, float(value))), "none": ("t", np.zeros(3))})
    return xr.DataTree.from_dict({"/": data, "/inner": data})


# Stopped writers


@pytest.mark.parametrize("how", ["kill", "ctrl-c", "full", "forbidden"])
def test_store_is_replaced_whole(tmp_path, how):
    path = tmp_path / "run.zarr"
    stop = {
        "kill": kills.kill,
        "ctrl-c": kills.interrupt,
        "full": kills.failing(errno.ENOSPC),
        "forbidden": kills.failing(errno.EACCES),
    }[how]
    save_zarr(tree(1), path)

    def check(status, text):
        there = load_zarr(path)
        value = there["a"].values[0]
        assert value in (1, 2)
        xr.testing.assert_identical(there, tree(value))
        if how in ("full", "forbidden"):
            assert path.exists()
            assert status == 0 or "cannot be written" in text, text
            assert (value == 2) == (status == 0)
        save_zarr(tree(1), path)
        assert [file.name for file in tmp_path.iterdir()] == ["run.zarr"]

    def prepare():
        pass

    count = kills.at_each(lambda: save_zarr(tree(2), path), stop, prepare, check, thin=9)
    assert count >= 15


def test_readers_see_one_store_or_another(tmp_path):
    """Read while it is replaced again and again: never a mixture, a gap or zeros for ones."""
    path = tmp_path / "run.zarr"
    save_zarr(tree(1), path)
    end = time.monotonic() + 2
    child = os.fork()
    if child == 0:
        value = 1
        while time.monotonic() < end:
            value = 3 - value
            save_zarr(tree(value), path)
        os._exit(0)
    seen = set()
    while time.monotonic() < end:
        there = load_zarr(path)
        xr.testing.assert_identical(there, tree(there["a"].values[0]))
        seen.add(there["a"].values[0])
    os.waitpid(child, 0)
    assert seen == {1, 2}


def test_two_writers_take_turns(tmp_path):
    path = tmp_path / "run.zarr"
    threads = [threading.Thread(target=save_zarr, args=(tree(k), path)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = load_zarr(path)
    xr.testing.assert_identical(there, tree(there["a"].values[0]))
    assert [file.name for file in tmp_path.iterdir()] == ["run.zarr"]


# Damage


def files_of(store):
    return sorted(file for file in store.rglob("*") if file.is_file())


@pytest.mark.parametrize("damage", ["deleted", "emptied", "cut", "flipped", "text"])
@pytest.mark.parametrize("kind", ["saved", "swept"])
def test_damaged_store_is_told(tmp_path, damage, kind):
    path, copy = tmp_path / "run.zarr", tmp_path / "copy.zarr"
    if kind == "saved":
        save_zarr(tree(1), copy)
    else:
        sweep(square, {"n": [1, 2]}, copy, workers=0)
    for file in files_of(copy):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(copy, path)
        hurt = path / file.relative_to(copy)
        content = hurt.read_bytes()
        if damage == "deleted":
            hurt.unlink()
        else:
            middle = len(content) // 2
            hurt.write_bytes(
                {
                    "emptied": b"",
                    "cut": content[:middle],
                    "flipped": content[:middle]
                    + bytes([content[middle] ^ 1])
                    + content[middle + 1 :],
                    "text": b"no store",
                }[damage]
            )
        with pytest.raises(ValueError, match=r"path='.*run.zarr' is (damaged|no Zarr store)"):
            load_zarr(path)
        with pytest.raises(ValueError, match=r"path='.*' (is damaged|exists and holds no sweep)"):
            sweep(square, {"n": [1, 2]}, path, workers=0)


def test_stores_of_others_are_read_and_hidden_files_ignored(tmp_path):
    data = xr.Dataset({"a": ("t", [1.0, 0.0])})
    data.to_zarr(tmp_path / "other.zarr", consolidated=False)
    xr.testing.assert_identical(load_zarr(tmp_path / "other.zarr"), data)
    save_zarr(data, tmp_path / "own.zarr")
    with xr.open_zarr(tmp_path / "own.zarr", consolidated=False) as plain:
        xr.testing.assert_equal(plain.load(), data)
    (tmp_path / "own.zarr" / ".DS_Store").write_text("")
    xr.testing.assert_identical(load_zarr(tmp_path / "own.zarr"), data)


def changed(path, change):
    """A sealed store with other content, as a program of its user would write it."""
    data = change(load_zarr(path))
    save_zarr(data, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.drop_vars("seconds"),
        lambda data: data.drop_attrs(deep=False).assign_attrs(
            {key: value for key, value in data.attrs.items() if key != "labels"}
        ),
        lambda data: data.assign_attrs(labels="["),
        lambda data: data.drop_vars("n"),
    ],
)
def test_changed_result_of_a_sweep_is_told(tmp_path, change):
    path = tmp_path / "s.zarr"
    sweep(square, {"n": [1, 2]}, path, workers=0)
    changed(path, change)
    with pytest.raises(ValueError, match=r"path='.*' was changed since a sweep wrote it"):
        sweep(square, {"n": [1, 2]}, path, workers=0)


# A sweep's batches


def batches(path):
    """As after a kill: batches of two cells, no result."""
    result = sweep(square, {"n": [1, 2]}, path, workers=0)
    from ntkfreq.sweeps.assemble import taken_apart

    names = ("function", "constants", "version", "label names")
    store = Store(path, {name: result.attrs[name] for name in names})
    for key, outcome in taken_apart(result).items():
        store._write({key: outcome})
    shutil.rmtree(path)
    return sorted(store.parts.iterdir())


@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped", "text"])
def test_damaged_batch_is_computed_again(tmp_path, damage):
    path = tmp_path / "s.zarr"
    size = batches(path)[0].stat().st_size
    for place in range(0, size, 97):
        file = batches(path)[0]
        content = file.read_bytes()
        file.write_bytes(
            {
                "emptied": b"",
                "cut": content[:place],
                "flipped": content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :],
                "text": b"no batch",
            }[damage]
        )
        result = sweep(square, {"n": [1, 2]}, path, workers=0)
        assert result["square"].values.tolist() == [1.5, 4.5]
        assert result["error"].values.tolist() == ["", ""]
        assert [left.name for left in tmp_path.iterdir()] == ["s.zarr"]
        shutil.rmtree(path)
        if damage in ("emptied", "text"):
            break


def test_batch_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    batches(path)

    def refused(file):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("ntkfreq.sweeps.batch.Batch.read", refused)
    with pytest.raises(ValueError, match=r"finished cells in part-0.* be read \(Permission denied"):
        sweep(square, {"n": [1, 2]}, path, workers=0)


def test_store_that_is_replaced_all_the_time(tmp_path, monkeypatch):
    save_zarr(tree(1), tmp_path / "run.zarr")
    count = iter(range(1000))
    monkeypatch.setattr("ntkfreq.files.stores._which", lambda store: (next(count),))
    monkeypatch.setattr("ntkfreq.files.stores._WAIT", 0.0)
    with pytest.raises(ValueError, match="is replaced faster than it can be read; read it later"):
        load_zarr(tmp_path / "run.zarr")


def test_result_is_trusted_over_its_batches(tmp_path):
    path = tmp_path / "s.zarr"
    first = batches(path)[0]
    kept = first.read_bytes()
    sweep(square, {"n": [1, 2]}, path, workers=0)
    wrong = first.parent
    wrong.mkdir()
    first.write_bytes(kept.replace(np.float64(1.5).tobytes(), np.float64(7.5).tobytes()))
    assert sweep(square, {"n": [1, 2]}, path, workers=0)["square"].values.tolist() == [1.5, 4.5]
    assert not wrong.exists()
    wrong.mkdir()
    first.write_bytes(kept)
    assert sweep(square, {"n": [1, 2, 3]}, path, workers=0)["square"].values.tolist() == [
        1.5,
        4.5,
        9.5,
    ]
    assert [left.name for left in tmp_path.iterdir()] == ["s.zarr"]


def test_full_disk_loses_no_cell(tmp_path, monkeypatch):
    path, calls = tmp_path / "s.zarr", []

    def counted(n):
        calls.append(n)
        return square(n)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("ntkfreq.sweeps.store.replace_zarr", full)
        with pytest.warns(RuntimeWarning, match="No space left.*make room and repeat the call"):
            result = sweep(counted, {"n": [1, 2]}, path, workers=0)
    assert result["square"].values.tolist() == [1.5, 4.5]
    assert sweep(counted, {"n": [1, 2]}, path, workers=0)["square"].values.tolist() == [1.5, 4.5]
    assert calls == [1, 2]
    with monkeypatch.context() as patch:
        patch.setattr("ntkfreq.sweeps.batch.Batch.write", full)
        with pytest.warns(RuntimeWarning, match="No space left.*are kept in memory, and tried"):
            result = sweep(counted, {"n": [1, 2, 3]}, path, workers=0)
    assert result["square"].values.tolist() == [1.5, 4.5, 9.5]
    assert load_zarr(path)["square"].values.tolist() == [1.5, 4.5, 9.5]
    assert calls == [1, 2, 3]


# Two at a time, and places where nothing can be written


def test_second_sweep_is_refused_before_it_computes(tmp_path):
    path, calls = tmp_path / "s.zarr", []

    def nested(n):
        if n == 1:
            with pytest.raises(ValueError, match=r"is being written by process .*wait until that"):
                sweep(calls.append, {"n": [1]}, path, workers=0)
        return square(n)

    assert sweep(nested, {"n": [1]}, path, workers=0)["error"].item() == ""
    assert not calls


def test_complete_result_is_read_where_nothing_can_be_written(tmp_path):
    path = tmp_path / "s.zarr"
    sweep(square, {"n": [1, 2]}, path, workers=0)
    with lock(path, kind="folder"):
        assert sweep(square, {"n": [2]}, path, workers=0)["square"].values.tolist() == [4.5]
        with pytest.raises(ValueError, match="is being written by"):
            sweep(square, {"n": [1, 2, 3]}, path, workers=0)


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/dev/null/s.zarr", "path='/dev/null/s.zarr' cannot be written: Not a directory"),
        ("/proc/s.zarr", "cannot be written: No such file"),
        ("a" * 250, "has a name of 250 bytes; use at most 220"),
        ("s\ud800.zarr", r"path='s\\ud800.zarr' holds a character that no file name can have"),
        ("s\0.zarr", "holds a character that no file name"),
        ("/dev/null", "path='/dev/null' exists and "),
    ],
)
def test_paths_that_cannot_be_are_refused_before_the_work(path, match):
    calls = []
    with pytest.raises(ValueError, match=match):
        sweep(calls.append, {"n": [1]}, path, workers=0)
    assert not calls
    with pytest.raises(ValueError, match=match):
        save_zarr(xr.Dataset(), path)


def test_two_sweeps_without_locks_give_what_they_should(tmp_path, monkeypatch):
    """Where there are no locks they may spoil each other's files, never each other's numbers."""
    monkeypatch.setattr("ntkfreq.files.locks._supports", lambda file: False)
    monkeypatch.setattr("ntkfreq.sweeps.store.FLUSH_SECONDS", 0.0)
    path = tmp_path / "s.zarr"

    def slow(n):
        time.sleep(0.01)
        return square(n)

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that something was not written
            return sweep(slow, {"n": list(range(20))}, path, workers=0)["square"].values.tolist()

    back = []
    threads = [threading.Thread(target=lambda: back.append(kills.forked(work))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    right = [square(n)["square"] for n in range(20)]
    assert back == [(0, str(right))] * 3
    assert work() == right


def test_cell_that_changes_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "away").mkdir()

    def leaves(n):
        os.chdir(tmp_path / "away")
        return square(n)

    sweep(leaves, {"n": [1]}, "s.zarr", workers=0)
    assert (tmp_path / "s.zarr").is_dir()
    assert not list((tmp_path / "away").iterdir())


# What a store can hold


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (3, TypeError, "data=3 of type int is no xarray.Dataset or DataTree"),
        (xr.DataArray([1.0]), TypeError, "of type DataArray is no xarray.Dataset"),
        (
            xr.Dataset(coords={"a": ("t", [1, 2]), "b": ("t", [1, 2])}).set_index(t=["a", "b"]),
            ValueError,
            "'t' is an index of several levels, which a store cannot keep; write data.reset_index",
        ),
        (xr.Dataset(attrs={"a": 1j}), TypeError, "attribute 'a' of 'the dataset' holds 1j of type"),
        (xr.Dataset(attrs={"a": [object]}), TypeError, "holds <class 'object'> of type type"),
        (xr.Dataset(attrs={"a": {1: 2}}), TypeError, "holds 1 of type int.*text as keys"),
        (xr.Dataset(attrs={1: 2}), TypeError, "the attribute 1 of 'the dataset' holds 1 of type"),
        (xr.Dataset(attrs={"a": b"b"}), TypeError, "holds b'b' of type bytes"),
        (xr.Dataset({"v": ((), 1.0, {"a": np.array([1j])})}), TypeError, "attribute 'a' of 'v'"),
        (
            xr.Dataset({"v": ((), 1.0, {"scale_factor": 2.0})}),
            ValueError,
            "would change its values",
        ),
        (xr.Dataset({"v": ((), 1.0, {"_FillValue": 1.0})}), ValueError, "would change its values"),
        (xr.Dataset({"v": ((), 1.0, {"units": "days since 2000-01-01"})}), ValueError, "'units'"),
        (
            xr.Dataset({"a/b": 1.0}),
            ValueError,
            "name 'a/b' cannot be kept in a store: it holds '/'",
        ),
        (xr.Dataset({"..": 1.0}), ValueError, "it means something else there"),
        (xr.Dataset({"": 1.0}), ValueError, "the name '' cannot be kept"),
        (xr.Dataset({1: 1.0}), ValueError, "the name 1 cannot be kept in a store: it is no text"),
        (xr.Dataset({"a" * 256: 1.0}), ValueError, "it is longer than 255 bytes"),
        (xr.Dataset({"a\ud800": 1.0}), ValueError, "it holds"),
        (xr.Dataset({"a": ("b/c", [1.0])}), ValueError, "the name 'b/c' cannot be kept"),
        (xr.Dataset({"a": np.longdouble(1)}), TypeError, "'a' has values of type float128"),
        (xr.Dataset({"a": ("t", np.array(["a", 1], object))}), TypeError, "values of type object"),
        (xr.Dataset({"a": ("t", np.array(["a", None], object))}), TypeError, "of type object"),
        (xr.Dataset({"a": ("t", ["\ud800"])}), ValueError, "'a' holds half a character"),
        (xr.Dataset({"a": ("t", np.array([b"a\0"]))}), TypeError, "values of type .S2"),
    ],
)
def test_what_would_be_read_back_otherwise_is_refused(tmp_path, data, error, match):
    with pytest.raises(error, match=match):
        save_zarr(data, tmp_path / "run.zarr")
    assert not list(tmp_path.iterdir())


def test_what_xarray_refuses_is_told(tmp_path, monkeypatch):
    def refuses(*_, **__):
        raise NotImplementedError("not this")

    monkeypatch.setattr("xarray.Dataset.to_zarr", refuses)
    with pytest.raises(ValueError, match=r"as a Zarr store .NotImplementedError: not this"):
        save_zarr(xr.Dataset(), tmp_path / "run.zarr")
    assert not list(tmp_path.iterdir())


def test_values_are_written_as_they_are(tmp_path):
    data = xr.Dataset(
        {
            "packed": ("t", [1.26, 2.5]),
            "text": ("t", ["a\0b", "c"]),
            "time": ("t", np.array(["2000-01-01", "2000-01-02T03:04:05.678"], "datetime64[ns]")),
            "z": ("t", [1j, 2.0]),
        },
        {"label": ("t", np.array(["x", "y"], object))},
        {"nested": {"a": [1, None, {"b": True}]}, "array": np.arange(2)},
    )
    data["packed"].encoding = {"dtype": "int16", "scale_factor": 0.5}
    save_zarr(data, tmp_path / "run.zarr")
    there = load_zarr(tmp_path / "run.zarr")
    for name in data.variables:
        assert there[name].values.tolist() == data[name].values.tolist()
    assert there.attrs == data.attrs | {"array": [0, 1]}


@pytest.mark.parametrize(
    ("gives", "match"),
    [
        ({"a/b": 1.0}, "the name 'a/b' cannot be kept in a store"),
        ({"a" * 300: 1.0}, "it is longer than 255 bytes"),
        ({"a": np.longdouble(1)}, "returned 'a' with dtype float128; return numbers of at most 64"),
        ({"a": "\ud800"}, "'a' holds half a character"),
    ],
)
def test_cells_that_no_store_can_hold_fail(tmp_path, gives, match):
    result = sweep(lambda n: gives, {"n": [1]}, tmp_path / "s.zarr", workers=0)
    assert match in str(result["error"].values[0])


def test_labels_that_no_store_can_hold_are_refused():
    with pytest.raises(ValueError, match=r"grid\['n'\] holds '\\ud800' with half a character"):
        sweep(square, {"n": ["\ud800"]}, workers=0)
    with pytest.raises(ValueError, match="it is longer than 255 bytes"):
        sweep(square, {"n" * 300: [1]}, workers=0)


def test_seal_is_one_attribute(tmp_path):
    save_zarr(xr.Dataset(attrs={"a": 1}), tmp_path / "run.zarr")
    kept = json.loads(Path(tmp_path / "run.zarr" / "zarr.json").read_text())["attributes"]
    assert kept.pop("ntkfreq checksum").startswith("crc32 ")
    assert kept == {"a": 1}
