"""Quick sizes of the validation scripts, and that the committed full results hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ntkfreq.validation import Execution
from ntkfreq.validation.script import find_scripts
from validation import weight_decay

RESULTS = Path(__file__).resolve().parents[1] / "validation" / "results"
FIGURES = RESULTS.parent / "figures"


SCRIPTS = find_scripts(RESULTS.parent)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_quick_size_holds_and_is_drawn(name, tmp_path):
    result = SCRIPTS[name].run("quick", Execution())
    assert not {claim: row for claim, row in result["claims"].items() if not row["holds"]}
    for row in result.get("measurements", {}).values():
        # A time that is never reached is None.
        if None not in (row["low"], row["value"], row["high"]):
            assert row["low"] <= row["value"] <= row["high"]
    for path in SCRIPTS[name].save(result, tmp_path, tmp_path):
        assert path.stat().st_size < (300_000 if path.suffix == ".png" else 1_000_000)


def test_every_script_has_a_committed_result():
    assert {path.stem for path in RESULTS.glob("*.json")} == set(SCRIPTS)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_full_results_hold_and_say_how_they_were_made(path):
    result = json.loads(path.read_text())
    assert result["size"] == "full"
    assert result["config"]["seeds"] >= 5
    assert all(row["holds"] for row in result["claims"].values())
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_results_hold_numbers_and_not_their_pictures(path):
    assert not re.search(r"array\(|<xarray", path.read_text())


@pytest.mark.parametrize("path", sorted(FIGURES.glob("*.png")), ids=lambda path: path.stem)
def test_figures_are_small_and_belong_to_a_result(path):
    assert path.stat().st_size < 300_000
    assert (RESULTS / f"{path.stem}.json").is_file()


def test_a_figure_is_drawn_from_the_committed_result(tmp_path):
    result = json.loads((RESULTS / "weight_decay.json").read_text())
    weight_decay.draw(result, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
