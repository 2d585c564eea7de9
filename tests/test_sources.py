"""Sources of the checkout: no tabs, and no other characters that editors do not show."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENDINGS = {".py", ".rst", ".md", ".toml", ".css"}
# Made by Sphinx.
MADE = {"gallery", "generated"}
FOLDERS = ("ntkfreq", "tests", "validation", "examples", "benchmarks", "docs")


def sources() -> list[Path]:
    """Files of the checkout, without those that tools make."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in (*ROOT.iterdir(), *inside)
        if path.suffix in ENDINGS
        and path.is_file()
        and not any(
            part in MADE or part.startswith((".", "_build"))
            for part in path.relative_to(ROOT).parts
        )
    )


def hidden(text: str) -> list[str]:
    """Line and code point of each control or format character but the ends of lines."""
    return [
        f"line {number}: U+{ord(letter):04X}"
        for number, line in enumerate(text.split("\n"), start=1)
        for letter in line
        if unicodedata.category(letter) in ("Cc", "Cf")
    ]


@pytest.mark.parametrize(
    ("letter", "code"),
    [("\t", "0009"), ("\r", "000D"), ("\x0c", "000C"), ("\u200b", "200B"), ("\ufeff", "FEFF")],
)
def test_hidden_characters_are_found(letter, code):
    assert hidden(f"first\nse{letter}cond\n") == [f"line 2: U+{code}"]
    assert hidden("first\nsecond: \u03c1\n") == []


def test_sources_have_no_hidden_characters():
    found = {}
    for path in sources():
        # Bytes, since reading as text would turn the line ends of other systems into ours.
        marks = hidden(path.read_bytes().decode("utf-8"))
        if marks:
            found[path.relative_to(ROOT).as_posix()] = marks
    assert found == {}


def test_all_folders_are_read():
    names = {path.relative_to(ROOT).parts[0] for path in sources()}
    assert {*FOLDERS, "README.md", "pyproject.toml"} <= names
