"""Quick sizes of the validation scripts, and that the committed full results hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from validation.engine import Execution, Result
from validation.engine.script import find_scripts

HOME = Path(__file__).resolve().parents[1] / "validation"
RESULTS = sorted((HOME / "claims").glob("*/result.json"))
FIGURES = sorted((HOME / "claims").glob("*/figure.png"))
SCRIPTS = find_scripts(HOME)


def of_script(path):
    return path.parent.name


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_quick_size_holds_and_is_drawn(name, tmp_path):
    result = SCRIPTS[name].run("quick", Execution())
    assert not {name: claim for name, claim in result.claims.items() if not claim.holds}
    for row in result.measurements.values():
        # A time that is never reached is no number in a file.
        if np.isfinite([row.low, row.value, row.high]).all():
            assert row.low <= row.value <= row.high
    for path in SCRIPTS[name].save(result, tmp_path):
        assert path.stat().st_size < (300_000 if path.suffix == ".png" else 1_000_000)


def test_every_script_has_a_committed_result():
    assert {of_script(path) for path in RESULTS} == set(SCRIPTS)
    drawn = {name for name in SCRIPTS if (SCRIPTS[name].folder / "figure.py").is_file()}
    assert {of_script(path) for path in FIGURES} == drawn


@pytest.mark.parametrize("path", RESULTS, ids=of_script)
def test_committed_full_results_hold_and_say_how_they_were_made(path):
    result = Result.read(path)
    assert result.origin.script == of_script(path)
    assert result.origin.size == "full"
    seeds, problems = result.config["seeds"], len(result.config.get("targets", []))
    # Of two dozen problems four networks each say as much as five of a few.
    fewest = min(seeds.values()) if isinstance(seeds, dict) else seeds
    assert fewest >= (4 if problems > 20 else 5)
    assert result.holds
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", RESULTS, ids=of_script)
def test_committed_results_are_read_as_they_were_written(path):
    kept, again = json.loads(path.read_text()), Result.read(path).to_json()
    made = {"script", "seconds", "cell_seconds", "environment", "code"}
    # The oldest results do not say all of what made them.
    assert {name: part for name, part in again.items() if name not in made - set(kept)} == kept


@pytest.mark.parametrize("path", RESULTS, ids=of_script)
def test_committed_results_hold_numbers_and_not_their_pictures(path):
    assert not re.search(r"array\(|<xarray", path.read_text())


@pytest.mark.parametrize("path", FIGURES, ids=of_script)
def test_figures_are_small(path):
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("path", FIGURES, ids=of_script)
def test_figures_are_drawn_from_the_committed_results(path, tmp_path):
    script = SCRIPTS[of_script(path)]
    _, picture = script.save(Result.read(path.with_name("result.json")), tmp_path)
    assert 10_000 < picture.stat().st_size < 300_000
