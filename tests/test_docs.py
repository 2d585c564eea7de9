"""README and documentation: what they name exists, what they show fits, no prompt is in the way."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.rst"), ROOT / "docs" / "api" / "index.rst"])
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
# Pages of tables, definitions and formulas; all others have a figure.
WITHOUT_FIGURE = {
    "api/index",
    "derivation",
    "findings",
    "judged",
    "public_reports",
    "reliability",
    "reproducibility",
    "what_this_is_not",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().removeprefix("docs/")


def resolved(name: str) -> object:
    """What a dotted name stands for."""
    head, *rest = name.split(".")
    found: object = importlib.import_module(head)
    for depth, part in enumerate(rest, start=1):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(".".join([head, *rest[:depth]]))
    return found


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 90


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_names_exist(path):
    text = path.read_text("utf-8")
    names = set(re.findall(r"\bntkfreq(?:\.[A-Za-z_]\w*)+", text))
    if path.parent.name == "api":
        names |= {f"ntkfreq.{name}" for name in re.findall(r"^   ([A-Za-z_][\w.]*)$", text, re.M)}
        assert len(names) > 50
    for name in names:
        resolved(name)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_commands_can_be_copied(path):
    text = path.read_text("utf-8")
    assert not re.search(r"^\s*\$ ", text, re.M)
    # The package is on no index: it is installed from a checkout.
    assert not re.search(r"pip install\s+'?ntkfreq", text)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_code_fits_a_page(path):
    code = re.findall(r"^\s*(?:>>>|\.\.\.) .*$", path.read_text("utf-8"), re.M)
    assert max(map(len, code), default=0) <= 88


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_have_a_figure(path):
    text = path.read_text("utf-8")
    figure = re.search(r"^\.\. (page-figure|figure|results)::", text, re.M)
    assert figure or named(path) in WITHOUT_FIGURE
    for picture in re.findall(r"^\.\. figure:: (\S+)$", text, re.M):
        if not picture.startswith("gallery/"):  # made when the pages are built
            assert (path.parent / picture).stat().st_size < 300_000, picture


def test_private_arguments_are_left_out():
    path = ROOT / "docs" / "_ext" / "public_names.py"
    spec = importlib.util.spec_from_file_location("public_names", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.public("(x, y=(1, 2), *, _test=None)") == "(x, y=(1, 2))"
    assert module.public("(x, _map, axis=<factory>)") == "(x, axis=...)"
    assert module.public("(*args, z='a, b', **_options)") == "(*args, z='a, b')"
