"""Quick sizes of the validation scripts, and that the committed full results hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from validation import weight_decay, width_scaling

RESULTS = Path(__file__).resolve().parents[1] / "validation" / "results"


@pytest.mark.parametrize("script", [width_scaling, weight_decay], ids=lambda m: m.__name__)
def test_quick_size_holds(script):
    result = script.run(size="quick")
    failed = {name: row for name, row in result["claims"].items() if not row["holds"]}
    assert not failed


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_full_results_hold_and_say_how_they_were_made(path):
    result = json.loads(path.read_text())
    assert result["size"] == "full"
    assert result["config"]["seeds"] >= 5
    assert all(row["holds"] for row in result["claims"].values())
    assert path.stat().st_size < 1_000_000
