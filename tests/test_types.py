"""Public names are typed: a type checker finds a user's slips, and no more."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import ntkfreq
from ntkfreq.network.many import TrainSettings

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "tests" / "typed" / "client.py"


def test_mypy_finds_the_slips_of_a_users_file():
    """One run of mypy, with the settings and the cache of the package's own."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run(
        [*command, "--no-pretty", str(CLIENT)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    pattern = r"(?m)^tests/typed/client\.py:(\d+): error: .*\[([a-z-]+)\]$"
    found = {(int(line), code) for line, code in re.findall(pattern, done.stdout)}
    lines = CLIENT.read_text(encoding="utf-8").splitlines()
    marks = [(k, re.search(r"# E: ([a-z-]+)$", line)) for k, line in enumerate(lines, start=1)]
    expected = {(k, mark[1]) for k, mark in marks if mark is not None}
    assert found == expected, done.stdout + done.stderr
    assert len(expected) > 30


def test_type_checkers_read_the_names_that_are_loaded():
    """The imports under TYPE_CHECKING are those of `_HOMES`, each name as itself."""
    tree = ast.parse(Path(ntkfreq.__file__).read_text(encoding="utf-8"))
    block = next(
        node for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )  # fmt: skip
    read = {
        alias.asname: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert read == {name: (home, name) for name, home in ntkfreq._HOMES.items()}


def test_public_names_that_are_described_elsewhere_are_at_the_top():
    wanted = "Density Optimizer GradientDescent HeavyBall Nesterov Adam AdamW RMSProp SignDescent "
    wanted += "Schedule Constant Warmup Cosine Exponential default_frequencies"
    assert set(wanted.split()) <= set(ntkfreq.__all__)


def test_no_public_function_takes_just_anything():
    """Arguments of type Any are those listed here, which no type describes."""
    free = {
        "empirical_ntk_gram": {"net"},
        "train_linearized": {"net"},
        "phase_map": {"curves"},
        "sweep": set(),
    }
    for name in ntkfreq.__all__:
        function = getattr(ntkfreq, name)
        if not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        loose = {one.name for one in parameters if one.annotation in ("Any", one.empty)}
        assert loose == free.get(name, set()), name


def test_settings_of_train_many_are_those_of_train():
    own = inspect.signature(ntkfreq.train_many).parameters
    single = dict(inspect.signature(ntkfreq.train).parameters)
    # One run takes one core, and one network.
    for name in ("net", "threads", *own):
        single.pop(name, None)
    known = typing.get_type_hints(TrainSettings)
    assert set(known) == set(single)
    for name, parameter in single.items():
        assert TrainSettings.__annotations__[name].__forward_arg__ == parameter.annotation, name
