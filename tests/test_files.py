"""Whole files and sets, locks, and what is left when a writer is stopped at any of its calls."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import kills
import pytest
import xarray as xr

import ntkfreq
from ntkfreq.files import lock, settle, standing, whole_file, whole_set, writable
from ntkfreq.report import save_report

HOW = {
    "kill": (kills.kill, False),
    "ctrl-c": (kills.interrupt, False),
    "full": (kills.failing(errno.ENOSPC), False),
    "forbidden": (kills.failing(errno.EACCES), True),
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def write_file(path, text):
    with whole_file(path) as scratch:
        scratch.write_text(text)


def write_set(path, text):
    """Two files and a folder."""
    with whole_set(path) as scratch:
        (scratch / "a").write_text(text)
        (scratch / "b").mkdir()
        (scratch / "b" / "c").write_text(text)
        (scratch / "d").write_text(text)


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("before", ["nothing", "old"])
@pytest.mark.parametrize("write", [write_file, write_set])
def test_stopped_at_each_call(tmp_path, how, before, write):
    home = tmp_path / "home"
    target = home / "run"
    names = ["run"] if write is write_file else ["a", "b/c", "d"]
    old, new, last = (dict.fromkeys(names, text) for text in ("old", "new", "last"))

    def prepare():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        if before == "old":
            write(target, "old")

    def check(status, text):
        found = contents(home)
        assert len(set(found.values())) <= 1, "a mixture"
        if how == "kill":
            assert status == -9
        elif how != "forbidden" or write is write_file:
            # An error leaves the old things, or comes too late to matter.
            assert found in (({} if before == "nothing" else old), new)
            assert (found == new) == (status == 0) or how == "ctrl-c", text
        # Where renaming is forbidden from the middle on, nothing can be put back before it is
        # allowed again.
        if how in ("full", "forbidden") and status:
            assert "cannot be written" in text, text
        if before == "old" and write is write_file:
            assert found in (old, new)
        settle(target)
        assert contents(home) in (({} if before == "nothing" else old), new)
        write(target, "last")
        assert contents(home) == last
        assert names_in(home) == {Path(name).parts[0] for name in names}

    count = kills.at_each(
        lambda: write(target, "new"), HOW[how][0], prepare, check, lasting=HOW[how][1]
    )
    assert count >= 6


def test_reader_finds_what_a_killed_writer_left(tmp_path):
    path = tmp_path / "b"
    write_set(path, "old")
    found = set()

    def check(status, text):
        place = standing(path)
        found.add((place == path, (place / "c").read_text()))

    def prepare():
        settle(path)
        write_set(path, "old")

    kills.at_each(lambda: write_set(path, "new"), kills.kill, prepare, check)
    assert found == {(True, "old"), (False, "new"), (True, "new")}


def test_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "run"
    code = (
        "import sys, time; from ntkfreq.files import lock\n"
        "with lock(sys.argv[1]):\n    print('has it', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as other:
        try:
            assert other.stdout.readline() == b"has it\n"
            with pytest.raises(ValueError, match=rf"is being written by process {other.pid} on"):
                writable(path)
        finally:
            other.kill()
    assert (tmp_path / ".run.lock").exists()
    assert writable(path) == path
    assert not names_in(tmp_path)


def test_lock_is_waited_for(tmp_path):
    path = tmp_path / "run"
    child = os.fork()
    if child == 0:
        with lock(path):
            time.sleep(0.5)
        os._exit(0)
    while not (tmp_path / ".run.lock").exists():
        time.sleep(0.01)
    with lock(path, wait=10.0):
        pass
    os.waitpid(child, 0)


def test_lock_excludes_threads_and_processes(tmp_path):
    """Six writers add one to a number, each many times; none of the additions is lost."""
    number = tmp_path / "number"
    number.write_text("0")

    def add():
        for _ in range(40):
            with lock(number, wait=60.0):
                value = int(number.read_text())
                time.sleep(0.0005)
                number.write_text(str(value + 1))

    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            add()
            os._exit(0)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    assert number.read_text() == "240"


def test_without_locks_files_are_written_and_young_scratch_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("ntkfreq.files.locks._supports", lambda file: False)
    young, old = tmp_path / ".run.ntkfreq-abcd1234", tmp_path / ".run.ntkfreq-abcd1235"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    write_file(tmp_path / "run", "text")
    assert names_in(tmp_path) == {young.name, "run"}


def test_names_of_others_are_left_alone(tmp_path):
    others = {".run.backup12", ".run.ntkfreq-12", ".a.run.ntkfreq-abcd1234", "run.ntkfreq-abcd1234"}
    for name in others:
        (tmp_path / name).mkdir()
    write_file(tmp_path / "run", "text")
    assert names_in(tmp_path) == others | {"run"}


def test_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "run")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "run").read_text() == "text"


@pytest.mark.parametrize(
    ("path", "error", "match"),
    [
        (3, TypeError, "out=3 must be a path"),
        (b"a", TypeError, "out=b'a' must be a path"),
        (None, TypeError, "out=None must be a path"),
        ("a\0b", ValueError, r"out='a\\x00b' holds a character that no file name can have"),
        ("a\ud800", ValueError, r"out='a\\ud800' holds a character"),
        ("a" * 250, ValueError, "has a name of 250 bytes; use at most 220"),
        ("a/" * 2000 + "b", ValueError, "has a path of .* bytes; use at most 3000"),
        ("/dev/null", ValueError, "out='/dev/null' exists and is not a file; choose another"),
        ("/dev/null/a", ValueError, "out='/dev/null/a' cannot be written: Not a directory; name"),
        ("/proc/a", ValueError, "out='/proc/a' cannot be written: No such file or directory"),
        ("/proc/a/b", ValueError, "out='/proc/a/b' cannot be written: No such file"),
        (".", ValueError, r"out='\.' exists and is not a file"),
        ("", ValueError, r"out='' exists and is not a file"),
        ("/", ValueError, r"out='/' exists and is not a file"),
    ],
)
def test_names_that_cannot_be_written(path, error, match):
    with pytest.raises(error, match=match):
        writable(path, "out")


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(ValueError, match="a' exists and is not a folder"):
        writable(tmp_path / "a", kind="folder")


def test_read_only_folder():
    def work():
        if os.geteuid() == 0:
            os.seteuid(65534)
        return writable(folder / "a")

    folder = Path(tempfile.mkdtemp())
    for mode in (0o555, 0o000):
        folder.chmod(mode)
        status, text = kills.forked(work)
        assert status == 1
        assert "cannot be written: Permission denied; name one in a folder that can be" in text
    folder.rmdir()


class SmallReport:
    """What `save_report` asks of a report."""

    def __init__(self, text):
        self.text = text

    def table(self, cycles=False):
        return self.text

    def to_xarray(self):
        return xr.DataTree.from_dict({"/": xr.Dataset({"a": 1.0}, attrs={"text": self.text})})


@pytest.mark.parametrize("how", ["kill", "full"])
def test_report_is_of_one_run(tmp_path, monkeypatch, how):
    def drawn(report, cycles=False):
        return SimpleNamespace(savefig=lambda path, dpi: Path(path).write_text(report.text))

    def texts():
        found = [
            path.read_text().strip()
            for path in (home / "run.txt", home / "run.png")
            if path.exists()
        ]
        if (home / "run.zarr").exists():
            found.append(ntkfreq.load_zarr(home / "run.zarr").attrs["text"])
        return found

    def save(text):
        with lock(home / "run", kind="any") as target:
            save_report(SmallReport(text), target)

    def prepare():
        save("old")

    def check(status, text):
        found = texts()
        assert len(set(found)) <= 1
        assert how == "kill" or len(found) == 3
        settle(home / "run")
        assert texts() in (["old"] * 3, ["new"] * 3)

    monkeypatch.setattr("ntkfreq.report.save.plot_report", drawn)
    home = tmp_path / "home"
    assert kills.at_each(lambda: save("new"), HOW[how][0], prepare, check) > 20
