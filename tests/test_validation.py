"""Quick sizes of the validation scripts, and that the committed full results hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from validation import _resume, kill_and_resume, weight_decay, width_scaling

RESULTS = Path(__file__).resolve().parents[1] / "validation" / "results"
FIGURES = RESULTS.parent / "figures"


@pytest.mark.parametrize(
    "script", [width_scaling, weight_decay, kill_and_resume], ids=lambda m: m.__name__
)
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


@pytest.mark.parametrize("path", sorted(FIGURES.glob("*.png")), ids=lambda path: path.stem)
def test_figures_are_small_and_belong_to_a_result(path):
    assert path.stat().st_size < 300_000
    assert (RESULTS / f"{path.stem}.json").is_file()


def test_a_figure_is_drawn_from_the_committed_result(tmp_path):
    result = json.loads((RESULTS / "weight_decay.json").read_text())
    weight_decay.draw(result, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_a_killed_run_trains_again_only_what_is_missing(tmp_path, monkeypatch):
    case, bar = weight_decay.CASES[0], weight_decay.tqdm(disable=True)
    config = {"widths": [16], "seeds": 2, "times": 3}
    whole = weight_decay.measure(case, config, tmp_path, bar)["trained"]
    _, second = sorted(tmp_path.glob("*.json"))
    second.unlink()
    seen = []

    def trained(case, net, t):
        seen.append(net.width)
        return np.zeros(t.size)

    monkeypatch.setattr(weight_decay, "trained", trained)
    resumed = weight_decay.measure(case, config, tmp_path, bar)["trained"]
    assert seen == [16]
    np.testing.assert_array_equal(resumed[0, 0], whole[0, 0])
    np.testing.assert_array_equal(resumed[0, 1], 0.0)


def test_other_settings_and_other_sources_find_nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(_resume, "_ROOT", tmp_path)
    folder = _resume.folder_of("run", {"step": 0.1}, ["network"])
    assert folder == _resume.folder_of("run", {"step": 0.1}, ["network"])
    assert folder != _resume.folder_of("run", {"step": 0.2}, ["network"])
    assert folder != _resume.folder_of("run", {"step": 0.1}, ["density"])
    values = np.array([0.1, 1 / 3])
    _resume.store(folder, "a key, and 1", values)
    np.testing.assert_array_equal(_resume.kept(folder, "a key, and 1"), values)
    assert _resume.kept(folder, "another") is None
    assert _resume.kept(None, "a key, and 1") is None
