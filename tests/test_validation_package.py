"""What the validation scripts share: claims, results, tables, hashes, cells that are kept."""

from __future__ import annotations

import importlib
import json
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from ntkfreq import Normal, Uniform, solve_frequency_pde
from validation.engine import (
    Claim,
    Execution,
    Measurement,
    Result,
    intervals,
    mean_interval,
    provenance,
    size_of,
    verdicts,
)
from validation.engine.result import Origin
from validation.engine.statistics import resampled
from validation.engine.table import markdown, rows, table
from validation.learning import learning_times, plan, ratio_claims

FINE, BAD = Claim.of(0.5, 0.0, 1.0), Claim.of(2.0, 0.0, 1.0)

_numbers = count()


# Claims and tables


def test_a_claim_holds_between_its_ends_only():
    found = verdicts(
        {
            "low end": (1.0, 1.0, 2.0),
            "high end": (2, 1, 2),
            "below": (0.999, 1.0, 2.0),
            "above": (2.001, 1.0, 2.0),
            "nan": (np.nan, -np.inf, np.inf),
            "infinite": (np.inf, 0.0, np.inf),
        }
    )
    assert [claim.holds for claim in found.values()] == [True, True, False, False, False, True]
    assert not Result(found, {}).holds
    assert Result({"low end": found["low end"]}, {}).holds


def test_a_measured_figure_has_no_verdict():
    row = intervals({"rate": (np.float32(2.0), 1, 3)}, level=0.9)["rate"]
    assert row.to_json() == {"value": 2.0, "low": 1.0, "high": 3.0, "level": 0.9}
    assert row.verdict == "measured"
    assert row.tolerance == "90 % interval 1 to 3"


def test_mean_interval_covers_the_mean_as_often_as_it_says():
    samples = 3.0 + np.random.default_rng(0).standard_normal((2000, 4))
    ends = np.array([mean_interval(row, 0.8)[1:] for row in samples])
    share = np.mean((ends[:, 0] <= 3.0) & (ends[:, 1] >= 3.0))
    # The share of 2000 draws has a standard deviation of 0.009.
    assert share == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("samples", [[1.0], [], [1.0, np.nan], [1.0, np.inf, 2.0]])
def test_mean_interval_refuses_what_has_none(samples):
    with pytest.raises(ValueError, match=r"samples=.*at least two finite numbers; train more"):
        mean_interval(samples)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0, 0.03, "at most 0.03"),
        (-np.inf, 0.5, "at most 0.5"),
        (5.0, np.inf, "at least 5"),
        (0.97, 1.03, "1 ± 0.03"),
        (-0.6, -0.4, "-0.5 ± 0.1"),
        (0.8, 1.25, "0.8 to 1.25"),
        (0.95, 1.0, "0.95 to 1"),
        (-0.1, 0.3, "-0.1 to 0.3"),
        (-0.01, 0.01, "± 0.01"),
        (20, 20, "exactly 20"),
        (0, 0, "exactly 0"),
    ],
)
def test_tolerances_in_words(low, high, text):
    assert Claim.of(0.0, low, high).tolerance == text


def test_values_in_words():
    assert Claim.of(-0.00123456, 0, 1).text == "-0.001235"
    assert Claim.of(np.nan, 0, 1).text == Measurement(np.inf, 0, 1).text == "not finite"
    assert Measurement(2.0, 1.0, np.inf).tolerance == "95 % interval 1 to not finite"
    assert FINE.verdict == "holds"


def test_a_result_and_its_json_form():
    """Nothing is lost but what JSON cannot hold, and of that no verdict changes."""
    claims = {"never": Claim.of(np.nan, 0.0, 1.0), "late": Claim.of(np.inf, 10.0, np.inf)}
    measured = {"time": Measurement(np.inf, 1.0, np.inf, 0.9)}
    data = {"rms": np.array([0.1, np.nan]), "none": {}}
    result = Result(claims, {"seeds": np.int64(5)}, measured, data, Origin("some", "full", 2.0))
    kept = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert list(kept)[:6] == ["script", "size", "seconds", "cell_seconds", "environment", "code"]
    assert kept["claims"] == {
        "never": {"value": None, "low": 0.0, "high": 1.0, "holds": False},
        "late": {"value": None, "low": 10.0, "high": None, "holds": True},
    }
    assert kept["rms"] == [0.1, None]
    again = Result.from_json(kept)
    assert again.to_json() == kept
    assert again.origin == result.origin
    assert again.config == {"seeds": 5}
    assert list(again.data) == ["rms", "none"]
    assert [row[1:] for row in rows(again)] == [row[1:] for row in rows(result)]


def test_resampling_encloses_the_value_and_narrows():
    rng = np.random.default_rng(1)
    for size in (200, 2000):
        values = rng.standard_normal(size)
        value, low, high = resampled(np.mean, 400, values)
        assert low < value < high
        assert high - low == pytest.approx(3.92 * values.std() * size**-0.5, rel=0.15)


def test_resampled_runs_without_a_statistic_do_not_count():
    def ratio(one, other):
        return one.sum() / other.sum() if other.any() else np.nan

    one, other = np.arange(6.0), np.array([1.0, 0, 0, 0, 0, 0])
    with np.errstate(invalid="ignore"):
        value, low, high = resampled(ratio, 300, one, other)
    assert value == 15.0
    assert 0 < low < 15 < high
    assert np.isnan(resampled(lambda values: np.nan, 20, one)).all()


def test_tables_hold_every_row_and_wrap_long_claims():
    long = "a claim of many words " * 8
    result = Result(
        {"good": FINE, "largest |a - b|": BAD, long.strip(): FINE},
        {},
        {"rate": Measurement(2.0, 1.0, 3.0)},
        origin=Origin("some", "full", 61.3),
    )
    assert [row[3] for row in rows(result)] == ["holds", "FAILS", "holds", "measured"]
    text = table([result, result])
    assert text.startswith("some (full, 61 s)\n  claim ")
    assert max(map(len, text.splitlines())) < 130
    # Wrapped lines have the other columns between them.
    assert text.count("a claim") >= 12
    assert text.count("words") == 16
    assert text.count("FAILS") == text.count("measured") == 2
    lines = markdown(result).splitlines()
    assert lines[1] == r"| largest \|a - b\| | `some` | at most 1 | **2, FAILS** |"
    assert lines[3] == "| rate | `some` | 95 % interval 1 to 3 | 2 |"


def test_ratio_claims_judge_every_case_and_all_together():
    predicted = {"one": np.ones((4, 5)), "two": np.ones((4, 5))}
    measured = {"one": np.full((4, 5), 1 / 1.02), "two": np.ones((4, 5))}
    measured["two"][0, 0] = np.inf  # never learned
    found = verdicts(ratio_claims(measured, predicted))
    values = [claim.value for claim in found.values()]
    assert values == pytest.approx([1.02, 1.0, 1.01, 39 / 40])
    assert Result(found, {}).holds
    worse = {"one": np.full((4, 5), 1.2), "two": np.ones((4, 5))}
    assert [claim.holds for claim in verdicts(ratio_claims(worse, predicted)).values()] == [
        False,
        True,
        False,
        False,
    ]


X = np.linspace(-1.0, 1.0, 16)


def test_a_plan_learns_every_band_in_stable_steps():
    solution = solve_frequency_pde(Normal(scale=4.0), (X, np.sin(3 * X)))
    last = solution.learning_time((2.0, 4.0))
    step_size, steps = plan(solution, [(2.0, 4.0)], 0.5, 1000)
    assert step_size <= 0.5 * solution.max_step_size
    assert last / step_size < steps <= np.ceil(1.2 * last / step_size)
    few = plan(solution, [(2.0, 4.0)], 1e-3, 100)
    assert few[1] <= 101


def test_learning_times_are_filled_up():
    both = learning_times(
        Normal(scale=4.0), X, np.sin(3 * X), width=64, sigma_a=1.0, rng=np.random.default_rng(0),
        bands=[(2.0, 4.0)], length=3,
    )  # fmt: skip
    for side in ("predicted", "measured"):
        assert np.isnan(both[side]).tolist() == [False, True, True]


def test_plans_that_cannot_work_are_refused():
    narrow = solve_frequency_pde(Uniform(scale=5.0), (X, np.sin(3 * X) + np.sin(18 * X)))
    with pytest.raises(ValueError, match=r"bands=\[\(17, 19\)\] hold one that is never learned"):
        plan(narrow, [(17, 19)], 0.1, 1000)
    solution = solve_frequency_pde(Normal(scale=4.0), (X, np.sin(3 * X) + np.sin(12 * X)))
    with pytest.raises(ValueError, match=r"most=3 steps do not reach .*; allow more, or leave out"):
        plan(solution, [(11, 13)], 0.1, 3)


# What produced a result


def test_code_hash_is_that_of_names_and_contents(tmp_path):
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in files:
        path.write_bytes(b"x = 1\n")
    before = provenance.code_hash(files)
    assert provenance.code_hash(reversed(files)) == before
    assert provenance.code_hash(files[:1]) != before
    files[0].write_bytes(b"x = 1\r\n")
    assert provenance.code_hash(files) == before
    files[0].write_bytes(b"x = 2\n")
    assert provenance.code_hash(files) != before
    files[0].write_bytes(b"x = 1\n")
    files[0].rename(tmp_path / "c.py")
    assert provenance.code_hash([tmp_path / "c.py", files[1]]) != before


def test_script_hash_is_that_of_package_script_and_what_it_imports(tmp_path):
    folders = [tmp_path / "home" / "claims" / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "claim.py").write_text("from home.shared import x\n")
    (tmp_path / "home" / "shared.py").write_text("import home.deep\nx = 1\n")
    (tmp_path / "home" / "deep.py").write_text("x = 1\n")
    (folders[0] / "figure.py").write_text("x = 1\n")
    found = [provenance.script_hash(folders[0])]
    (folders[1] / "claim.py").write_text("x = 2\n")
    assert provenance.script_hash(folders[0]) == found[0]
    for path in (folders[0] / "claim.py", folders[0] / "figure.py", tmp_path / "home" / "deep.py"):
        with path.open("a") as file:
            file.write("x = 2\n")
        found.append(provenance.script_hash(folders[0]))
    assert len(set(found)) == 4


def test_sources_are_those_of_the_package_of_a_module(tmp_path):
    home = tmp_path / "home"
    for name, text in {
        "__init__": "",
        "a": "import numpy, b\nfrom home import c\n",
        "c": "def f():\n    from home.part import g\n",
        "d": "",
        "part/__init__": "from home.part.g import g\n",
        "part/g": "import home.a\n",
    }.items():
        (home / "part").mkdir(parents=True, exist_ok=True)
        (home / f"{name}.py").write_text(text)
    (tmp_path / "b.py").write_text("")
    found = provenance.sources(home / "a.py", tmp_path)
    names = {str(path.relative_to(home)) for path in found}
    assert names == {"a.py", "c.py", "__init__.py", "part/__init__.py", "part/g.py"}


MODULE = '''"""A script."""
import numpy as np

FACTOR, OTHER = 2.0, 3.0
LIMIT: float = 0.1
TABLE = {}
TABLE["entry"] = FACTOR


class Rule:
    power = 2


def helper(n):
    return FACTOR * n ** Rule.power


def cell(n):
    return {"value": helper(n)}


def run(size="full", execution=None):
    return LIMIT


def draw(result, path):
    """Nothing."""
'''


def hashed(folder, monkeypatch, source, **beside):
    """Numerics hash of `cell` in a module of a package of its own with this source."""
    name = f"home_{next(_numbers)}"
    home = folder / name
    home.mkdir()
    for part, text in {**beside, "module": source}.items():
        (home / f"{part}.py").write_text(text.replace("HOME", name))
    monkeypatch.syspath_prepend(folder)
    return provenance.numerics_hash(importlib.import_module(f"{name}.module").cell)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("FACTOR, OTHER = 2.0,", "FACTOR, OTHER = 2.5,", False),
        ("power = 2", "power = 3", False),
        ('TABLE["entry"] = FACTOR', 'TABLE["entry"] = 3', False),
        ("return FACTOR * n", "return n", False),
        ('{"value": helper(n)}', '{"values": helper(n)}', False),
        ("LIMIT: float = 0.1", "LIMIT: float = 0.2", True),
        ("return LIMIT", "return 2 * LIMIT", True),
        ('"""Nothing."""', "print(result)", True),
        ('"""A script."""', '"""A validation script."""  # of nothing', True),
    ],
)
def test_numerics_hash_is_that_of_what_a_cell_leads_to(tmp_path, monkeypatch, old, new, same):
    assert MODULE.count(old) == 1
    before = hashed(tmp_path, monkeypatch, MODULE)
    after = hashed(tmp_path, monkeypatch, MODULE.replace(old, new))
    assert (after == before) is same


def test_numerics_hash_knows_what_is_imported_and_nothing_else(tmp_path, monkeypatch):
    bare = hashed(tmp_path, monkeypatch, MODULE)
    assert bare == hashed(tmp_path, monkeypatch, MODULE, figure="x = 1\n")
    led = MODULE + "\nfrom HOME.problem import x\n"
    helped = hashed(tmp_path, monkeypatch, led, problem="x = 1\n")
    assert bare != helped
    assert helped == hashed(tmp_path, monkeypatch, led, problem="x = 1\n", figure="x = 1\n")
    assert hashed(tmp_path, monkeypatch, led, problem="x = 2\n") != helped


def test_numerics_hash_of_a_script_leaves_out_the_engine_and_its_figure():
    from validation.claims.delay_law import claim
    from validation.engine import script

    root = Path(script.__file__).parents[2]
    found = provenance.sources(Path(claim.__file__), root)
    names = {path.relative_to(root / "validation").as_posix() for path in found}
    assert {"onsets.py", "claims/grokking_onset/problem.py", "engine/script.py"} & names == {
        "onsets.py",
        "claims/grokking_onset/problem.py",
    }
    assert not any(name.endswith("figure.py") for name in names)


def test_numerics_hash_knows_the_package_but_not_what_is_about_it(tmp_path, monkeypatch):
    package = tmp_path / "package"
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    found = []
    places = ("cli", "pde/solve", "sweeps/run", "validate", "report/report", "pde/__init__")
    for place in (*places, "density"):
        path = package / f"{place}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
        found.append(hashed(tmp_path, monkeypatch, MODULE))
    cli, solve, sweeps, command, report, names, density = found
    assert cli != solve
    assert solve == sweeps == command == report == names
    assert names != density


def test_environment_names_what_is_installed(monkeypatch):
    found = provenance.environment()
    assert found["numpy"] == np.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))

    def version(name):
        if name == "torch":
            raise provenance.PackageNotFoundError
        return "1"

    monkeypatch.setattr(provenance, "version", version)
    assert found.keys() - provenance.environment().keys() == {"torch"}


# Cells


def sums(a, b, folder):
    with (Path(folder) / "log").open("a") as file:
        file.write(f"{a}{b}\n")
    if a != b and not (Path(folder) / "repaired").exists():
        raise ValueError(f"{a} is not {b}")
    return {"sum": a + b}


@pytest.mark.parametrize("kept", [True, False])
def test_a_cell_that_fails_is_named_and_tried_again(tmp_path, kept):
    execution = Execution(tmp_path / "kept" if kept else None)
    # Failed cells in more than one row and column.
    calls = ("sums", sums, {"a": [1, 2], "b": [1, 2]}, {"folder": str(tmp_path)})
    match = r"sums: 2 of 4 cells failed, the first of them \{'a': 1, 'b': 2\}: ValueError: 1 is not"
    with pytest.raises(RuntimeError, match=match):
        execution.cells(*calls)
    (tmp_path / "repaired").touch()
    data = execution.cells(*calls)
    assert data["sum"].values.tolist() == [[2, 3], [3, 4]]
    log = (tmp_path / "log").read_text().split()
    assert log[4:] == (["12", "21"] if kept else ["11", "12", "21", "22"])
    execution.cells(*calls)
    assert len((tmp_path / "log").read_text().split()) == (6 if kept else 12)
    assert len(execution.seconds) == 3
    assert execution.seconds[1] == pytest.approx(float(data["seconds"].sum()))


def test_other_constants_are_kept_apart(tmp_path):
    execution = Execution(tmp_path / "kept")
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        execution.cells("sums", sums, {"a": [1], "b": [1]}, {"folder": str(tmp_path / name)})
    assert (tmp_path / "one" / "log").read_text() == "11\n"
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_paper_is_full_where_there_is_nothing_larger():
    sizes = {"quick": {"width": 1}, "full": {"width": 2}}
    assert [size_of(sizes, name)["width"] for name in ("quick", "full", "paper")] == [1, 2, 2]
    assert size_of(sizes | {"paper": {"width": 3}}, "paper") == {"width": 3}
    copied = size_of(sizes, "full")
    copied["width"] = 5
    assert sizes["full"]["width"] == 2
    with pytest.raises(ValueError, match="size='huge' must be one of quick, full, paper"):
        size_of(sizes, "huge")


# How the folder is laid out

HOME = Path(__file__).resolve().parents[1] / "validation"
SHARED = sorted(path for path in HOME.rglob("*.py") if "claims" not in path.parts)


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(HOME)))
def test_what_scripts_share_knows_none_of_them(path):
    assert not [name for name in provenance.imported(path) if name.startswith("validation.claims")]


def test_files_are_short():
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in HOME.rglob("*.py")]
    assert max(lengths) <= 400
