"""Each refusal of the package is met by a test that matches its message."""

from __future__ import annotations

from pathlib import Path

import pytest
import raises

from ntkfreq import Normal


def test_every_raise_is_matched():
    """Runs after all others, and only with all of them."""
    missing = raises.unseen()
    assert not missing, f"{len(missing)} raised in no test that matches:\n" + "\n".join(missing)


def test_a_matched_refusal_is_noted(monkeypatch):
    monkeypatch.setattr(raises, "seen", set())
    before = len(raises.unseen())
    with pytest.raises(ValueError, match=r"scale=-1\.0 must be greater than 0"):
        Normal(scale=-1.0)
    ((place, line),) = raises.seen
    assert place == "_support/checks.py"
    source = (raises.ROOT / place).read_text(encoding="utf-8").splitlines()
    assert "must be greater than 0" in source[line - 1]
    assert len(raises.unseen()) == before - 1


def test_an_unmatched_refusal_is_not_noted():
    count = len(raises.seen)
    with pytest.raises(ValueError):  # noqa: PT011
        Normal(scale=-2.0)
    assert len(raises.seen) == count


def test_statements_are_those_that_a_user_meets():
    source = "def f():\n    raise ValueError(\n        'a'\n    )\nraise NotImplementedError\n"
    assert list(raises.statements(Path(), source)) == [(2, 4, "ValueError('a')")]


def test_what_is_excused_is_there():
    """Exceptions from the rule go when the statements that they are for do."""
    found = {
        (str(path.relative_to(raises.ROOT)), text)
        for path in raises.ROOT.rglob("*.py")
        for _, _, text in raises.statements(path)
    }
    assert found >= raises.CAUGHT
