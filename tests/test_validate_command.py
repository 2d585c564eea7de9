"""Validation scripts as commands: found, run, refused, killed and run again; their README."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ntkfreq import validate as command
from ntkfreq.cli import app
from ntkfreq.files.results import make_folder
from ntkfreq.sweeps.store import Store
from validation.engine import Execution, Result, provenance, readme, suite
from validation.engine.script import find_scripts, pick

ROOT = Path(__file__).resolve().parents[1]

# A script of sixty cells, each of which notes that it was computed.
SQUARES = '''"""Squares are squares.

A cell a number; every cell notes that it was computed.
"""

import os
import time
from pathlib import Path

from validation.engine import Execution, Result, intervals, size_of, verdicts

SIZES = {"quick": {"cells": 3, "seconds": 0.0}, "full": {"cells": 60, "seconds": 0.05}}


def cell(n, seconds):
    time.sleep(seconds)
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(f"{n}\\n")
    return {"square": n * n}


def run(size="full", execution=None):
    config, execution = size_of(SIZES, size), execution or Execution()
    constants = {"seconds": config["seconds"]}
    data = execution.cells("squares", cell, {"n": list(range(config["cells"]))}, constants)
    off = abs(data["square"] - data["n"] ** 2).max()
    return Result(
        verdicts({"largest |square - n^2|": (off, 0.0, 0.0)}),
        config | {"seeds": 1},
        intervals({"sum": (data["square"].sum(), 0.0, 1e6)}),
        {"squares": data["square"].values},
    )
'''
PICTURE = '''class Picture:
    def savefig(self, path, **_):
        path.write_bytes(b"picture")


def draw(result):
    """Squares against numbers."""
    return Picture()
'''
FAILING = '''"""A claim that fails."""
from validation.engine import Result, verdicts


def run(size="full", execution=None):
    return Result(verdicts({"one is two": (1.0, 2.0, 2.0)}), {})
'''
RAISING = '''"""A script that ends with an error."""


def run(size="full", execution=None):
    raise OSError("no disk")
'''
HOLDING = FAILING.replace("(1.0,", "(2.0,")
UNDRAWN = """def draw(result):
    raise ZeroDivisionError("no axis")
"""
_numbers = count()


@pytest.fixture(autouse=True)
def _imports(monkeypatch):
    """Scripts are imported by name: leave no folder of a test behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Make a folder of scripts of a name of its own, beside an empty working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))

    def make(figures=(), **sources):
        home = tmp_path / f"scripts_{next(_numbers)}"
        home.mkdir()
        for name, source in sources.items():
            folder = home / "claims" / name
            folder.mkdir(parents=True)
            (folder / "claim.py").write_text(source)
        for name, source in dict(figures).items():
            (home / "claims" / name / "figure.py").write_text(source)
        return home

    return make


def validate(*arguments):
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


def notes():
    path = Path(os.environ["NOTES"])
    return [int(line) for line in path.read_text().split()] if path.exists() else []


# Scripts and the suite


def test_ctrl_c_ends_validation_in_a_sentence(scripts, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_all", stop)
    result = validate("--scripts", scripts(a=SQUARES))
    assert result.exit_code == 130
    assert "ntkfreq validate: stopped; the same command goes on from here" in result.output


def test_scripts_are_found_and_picked(scripts):
    folder = scripts({"a": PICTURE}, b=FAILING, a=SQUARES)
    (folder / "claims" / "helper").mkdir()
    (folder / "claims" / "helper" / "problem.py").write_text("raise OSError\n")
    found = find_scripts(folder)
    assert list(found) == ["a", "b"]
    assert found["a"].title == "Squares are squares"
    assert found["a"].text == "A cell a number; every cell notes that it was computed."
    assert found["a"].caption == "Squares against numbers."
    assert found["b"].caption == ""
    assert [script.name for script in pick(found, [])] == ["a", "b"]
    assert [script.name for script in pick(found, ["b"])] == ["b"]
    with pytest.raises(ValueError, match="NAME='c' is none of a, b"):
        pick(found, ["b", "c"])
    with pytest.raises(
        ValueError, match=r"scripts='.*none' holds no validation script .*; run in a"
    ):
        find_scripts(folder / "none")


def test_a_result_says_what_produced_it(scripts):
    script = find_scripts(scripts(a=SQUARES))["a"]
    with pytest.raises(ValueError, match="size='huge' must be one of quick, full, paper"):
        script.run("huge", Execution())
    result = script.run("quick", Execution())
    origin = result.origin
    assert (origin.script, origin.size) == ("a", "quick")
    assert result.data == {"squares": [0, 1, 4]}
    assert origin.code == provenance.script_hash(script.folder)
    assert origin.environment == provenance.environment()
    assert 0 <= origin.cell_seconds <= origin.seconds + 0.1
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_results_are_written_whole(scripts, tmp_path, monkeypatch):
    script = find_scripts(scripts({"a": PICTURE}, a=SQUARES))["a"]
    result = script.run("quick", Execution())
    written = script.save(result, tmp_path / "out")
    assert [path.name for path in written] == ["result.json", "figure.png"]
    assert Result.from_json(json.loads(written[0].read_text())) == result
    assert written[1].read_bytes() == b"picture"

    class Broken:
        def savefig(self, path, **_):
            path.write_bytes(b"half")
            raise KeyboardInterrupt

    monkeypatch.setattr(script.load("figure"), "draw", lambda result: Broken())
    with pytest.raises(KeyboardInterrupt):
        script.save(result, tmp_path / "out")
    assert written[1].read_bytes() == b"picture"
    assert set((tmp_path / "out").iterdir()) == set(written)


def test_the_suite_goes_on_after_failures(scripts, tmp_path):
    figures = {"c": UNDRAWN, "d": PICTURE}
    folder = scripts(figures, a=RAISING, b=FAILING, c=HOLDING, d=SQUARES)
    run = validate("--scripts", folder, "--out", tmp_path / "out")
    assert run.exit_code == 1
    assert "[1/4] a: A script that ends with an error" in run.output
    assert "a: OSError: no disk" in run.output
    assert "c: ZeroDivisionError: no axis" in run.output
    assert "1 of 4 scripts hold" in run.output
    assert run.output.endswith("failed: a, b, c\n")
    claims = tmp_path / "out" / "claims"
    assert {path.parent.name for path in claims.glob("*/result.json")} == {"b", "c", "d"}
    assert [path.parent.name for path in claims.glob("*/figure.png")] == ["d"]


def test_the_suite_holds(scripts):
    folder = scripts(good=SQUARES, bad=FAILING)
    run = validate("good", "--scripts", folder)
    assert run.exit_code == 0, run.output
    assert "1 of 1 scripts hold; results and figures in results/validate-quick/claims" in run.output
    assert Path("results/validate-quick/claims/good/result.json").is_file()
    assert not Path("results/validation").exists()  # quick cells are not kept
    assert validate("bad", "--scripts", folder).exit_code == 1


def test_scripts_are_listed_without_running_them(scripts):
    folder = scripts(a=RAISING, b=SQUARES)
    run = validate("--list", "--scripts", folder)
    assert run.exit_code == 0
    assert [line.split(maxsplit=1) for line in run.output.splitlines()] == [
        ["a", "A script that ends with an error"],
        ["b", "Squares are squares"],
    ]
    assert list(Path.cwd().iterdir()) == []


def test_the_scripts_of_the_checkout_are_the_default():
    names = {line.split()[0] for line in validate("--list").output.splitlines()}
    assert {"frequency_bias", "kill_and_resume"} <= names
    assert all(script.title for script in suite.choose(None, []))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["c"], "NAME='c' is none of a"),
        (["--size", "huge"], "size='huge' must be one of quick, full, paper"),
        (["--workers", 2, "--scheduler", "tcp://x:1"], "exclude each other; give one of them"),
        (["--workers", -1], "workers=-1 must be at least 0"),
        (["--out", "/dev/null/out"], "cannot be made a folder"),
        (["--scripts", "."], "holds no validation script"),
    ],
)
def test_commands_that_make_no_sense_end_with_status_2(scripts, arguments, match):
    run = validate("--scripts", scripts(a=SQUARES), *arguments)
    assert run.exit_code == 2
    assert match in run.output
    assert notes() == []


def test_other_sizes_do_not_replace_the_full_results(scripts):
    folder = scripts(a=SQUARES)
    run = validate("--scripts", folder, "--size", "quick", "--out", folder)
    assert run.exit_code == 2
    assert "holds the results of full size, which size='quick' would replace" in run.output
    assert not list(folder.glob("claims/*/result.json"))


def test_a_script_without_claims_is_no_proof(scripts):
    empty = "from validation.engine import Result\nrun = lambda **_: Result({}, {})\n"
    folder = scripts(empty=empty)
    with pytest.raises(ValueError, match="empty returns no claims, so nothing could fail"):
        find_scripts(folder)["empty"].run("quick", suite.execution("quick", None, None))


def test_what_the_suite_refuses():
    with pytest.raises(ValueError, match="size='huge' must be one of"):
        suite.execution("huge", None, None)
    with pytest.raises(ValueError, match=r"workers=2 and scheduler='tcp://x:1' exclude each other"):
        suite.execution("full", 2, "tcp://x:1")
    with pytest.raises(ValueError, match="workers=-1 must be at least 0"):
        suite.execution("full", -1, None)
    with pytest.raises(ValueError, match="NAME='none' is none of"):
        suite.choose(None, ["none"])
    assert suite.execution("quick", None, None).workers == 0
    assert suite.execution("quick", None, None).folder is None
    assert suite.execution("quick", 2, None).workers == 2
    assert suite.execution("full", None, None).workers is None
    assert suite.execution("paper", 0, None).folder is not None


def test_folders_that_cannot_be_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="out='/dev/null/a' cannot be made a folder: Not a dir"):
        make_folder(Path("/dev/null/a"))
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()

    def refused(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refused)
    with pytest.raises(ValueError, match=r"out='.*' cannot be written to: Permission denied; name"):
        make_folder(tmp_path)


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("module", ["ntkfreq", "validation"])
def test_the_command_is_a_module_as_well(tmp_path, module):
    command = ["validate"] if module == "ntkfreq" else []
    run = subprocess.run(
        [sys.executable, "-m", module, *command, "two_dimensions", "--size=quick"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "two_dimensions (quick" in run.stdout
    assert (tmp_path / "results/validate-quick/claims/two_dimensions/figure.png").is_file()


# Where the scripts are not


def installed(folder, monkeypatch):
    """As if the package had been installed, and the current folder were no checkout."""
    monkeypatch.setattr(command, "__file__", str(folder / "ntkfreq" / "validate.py"))
    monkeypatch.setattr(suite, "run_all", lambda *_, **__: [])


def test_outside_of_a_checkout_the_command_says_where_to_run_it(scripts, tmp_path, monkeypatch):
    folder = scripts(a=SQUARES)
    installed(tmp_path, monkeypatch)
    with pytest.raises(
        ValueError, match=r"the current folder is not in a checkout.*; run in a checkout"
    ):
        command.engine(None)
    for arguments in ([], ["--scripts", folder], ["--list"]):
        run = validate(*arguments)
        assert run.exit_code == 2
        assert "is not in a checkout of the project" in run.output
        assert "or name its folder validation with --scripts" in run.output


def test_a_checkout_is_the_named_or_the_current_folder(scripts, tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    assert validate("--scripts", ROOT / "validation").exit_code == 0
    monkeypatch.chdir(ROOT)
    assert validate("--list").exit_code == 0


def test_scripts_of_ones_own_run_in_a_checkout(scripts):
    run = validate("--scripts", scripts(a=SQUARES))
    assert run.exit_code == 0, run.output


def test_the_wheel_holds_no_scripts():
    from setuptools import find_packages

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = find_packages(str(ROOT), **settings["tool"]["setuptools"]["packages"]["find"])
    assert "ntkfreq.pde" in held
    assert all(name.split(".")[0] == "ntkfreq" for name in held)
    assert not (ROOT / "ntkfreq" / "validation").exists()


# A full run that is killed


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_run_killed_at_a_random_moment_goes_on(scripts, monkeypatch, workers):
    folder = scripts(squares=SQUARES)
    monkeypatch.setitem(ENVIRONMENT, "NOTES", os.environ["NOTES"])
    command = [sys.executable, "-m", "ntkfreq", "validate", "--size", "full", "--out", "killed"]
    command += ["--scripts", folder, "--workers", str(workers)]
    kept, seed = Path("results/validation"), int(np.random.SeedSequence().entropy % 2**32)
    run = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not list(kept.glob("*.parts/part-*/zarr.json")) and run.poll() is None:
            assert time.monotonic() < deadline, "nothing was kept in time"
            time.sleep(0.01)
        # The 60 cells take 3 s of one process.
        time.sleep(np.random.default_rng(seed).uniform(0.0, 0.5 if workers else 1.5))
        run.send_signal(signal.SIGKILL)
    finally:
        run.kill()
        run.wait()
    time.sleep(0.3)  # workers end by themselves
    (store,) = {path.name.removesuffix(".parts") for path in kept.glob("squares-*")}
    finished = {json.loads(key)["n"] for key in Store(kept / store, {}).load()}
    if (kept / store).exists():  # it had ended before
        finished = set(range(60))
    assert finished, f"seed {seed}"
    before = notes()
    assert finished <= set(before)

    again = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert sorted(notes()[len(before) :]) == sorted(set(range(60)) - finished), f"seed {seed}"
    # Once more: all is kept, nothing is computed.
    there = len(notes())
    assert subprocess.run(command, env=ENVIRONMENT, capture_output=True).returncode == 0
    assert len(notes()) == there

    monkeypatch.chdir(Path.cwd().parent)
    whole = validate("--size", "full", "--workers", 0, "--scripts", folder, "--out", "whole")
    assert whole.exit_code == 0, whole.output
    one, other = (
        json.loads(Path(out, "claims/squares/result.json").read_text())
        for out in ("here/killed", "whole")
    )
    for result in (one, other):
        assert result["cell_seconds"] >= 60 * 0.05
        del result["seconds"], result["cell_seconds"]
    assert one == other


# The README


def test_committed_readme_is_made_from_the_committed_results():
    folder = ROOT / "validation"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.filled(text, folder) == text, "run python -m validation.engine.readme"


def test_readme_is_written_with_the_results(scripts):
    folder = scripts({"squares": PICTURE}, squares=SQUARES, zeta=FAILING, width_scaling=FAILING)
    assert not readme.update_readme(folder)
    path = folder / "README.md"
    path.write_text("by hand\n")
    assert not readme.update_readme(folder)
    assert path.read_text() == "by hand\n"
    with pytest.raises(ValueError, match=r"README.md lacks the lines .*; put them where the table"):
        readme.filled(f"{readme.END} {readme.BEGIN}", folder)
    path.write_text(f"# Before\n\n{readme.BEGIN}\nstale\n{readme.END}\n\nafter\n")
    full = ("--size", "full", "--workers", 0)
    assert validate("--scripts", folder, "--out", folder, *full).exit_code == 1
    text = path.read_text()
    assert "stale" not in text
    assert text.startswith("# Before\n")
    assert text.endswith("\nafter\n")
    assert "3 claims of 3 scripts, 2 FAIL (width_scaling, zeta); 1 value measured." in text
    # The order that is told, then the others by name.
    lines = re.findall(r"^\| .* \| `(\w+)` \| ", text, re.MULTILINE)
    assert lines == ["width_scaling", "squares", "squares", "zeta"]
    shown = "![Squares are squares: Squares against numbers.](claims/squares/figure.png)"
    assert shown in text
    assert readme.filled(text, folder) == text


def test_the_oldest_results_get_the_name_of_their_file(tmp_path):
    (tmp_path / "claims" / "old").mkdir(parents=True)
    (tmp_path / "claims" / "old" / "result.json").write_text('{"claims": {}}')
    assert readme.read_results(tmp_path)["old"].origin.script == "old"


def test_damaged_result_is_told(tmp_path):
    home = tmp_path / "validation"
    path = home / "claims" / "a" / "result.json"
    path.parent.mkdir(parents=True)
    match = r"result.json' holds no result \(.*repeat ntkfreq validate a .* --out validation"
    for text in ('{"claims": ', "[1]", "", "{}", '{"claims": {"b": 1}}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=match):
            readme.read_results(home)
