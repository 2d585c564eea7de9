"""Every public report rebuilt in tests/cases is answered rightly, or refused with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cases import all_cases
from cases.table import line, run, tally
from cases.verdict import REFUSED, RIGHT, WRONG, Verdict, at_once, both, judge

CASES = all_cases()
ATTEMPTS = [
    pytest.param(name, label, id=f"{name}: {label}")
    for name, case in CASES.items()
    for label in case.attempts
]


@pytest.mark.parametrize(("name", "label"), ATTEMPTS)
def test_public_report(name, label):
    verdict = run(name, label, CASES[name].attempts[label])
    assert verdict.outcome in (RIGHT, REFUSED), verdict.got


@pytest.mark.parametrize("name", CASES)
def test_case_says_where_it_comes_from_and_what_is_right(name):
    case = CASES[name]
    assert case.source, name
    assert case.kind, name
    assert case.right, name
    assert case.attempts, name


def refuse(text):
    def call():
        raise ValueError(text)

    return call


def crash():
    raise MemoryError("too much")


def test_judge_tells_wrong_numbers_from_right_ones():
    right = [1.0, 2.0]
    assert judge(lambda: np.array([1.0, 2.0 + 1e-6]), right).outcome == RIGHT
    assert judge(lambda: np.array([1.0, 2.1]), right).outcome == WRONG
    assert judge(lambda: np.array([1.0, np.nan]), right).outcome == WRONG
    assert judge(lambda: np.array([1.0]), right).outcome == WRONG
    assert judge(lambda: 3.0, None).outcome == WRONG
    assert judge(crash, right, refusal="too much").outcome == WRONG


def test_judge_follows_the_remedy():
    options = {"refusal": "drop", "remedy": lambda: 2.0}
    assert judge(refuse("drop them"), 2.0, **options).outcome == REFUSED
    assert judge(refuse("drop them"), 3.0, **options).outcome == WRONG
    assert judge(refuse("no"), 2.0, **options).outcome == WRONG
    assert judge(refuse("drop them"), 2.0).outcome == WRONG
    assert judge(refuse("drop them"), None, refusal="drop").outcome == REFUSED


def test_worst_verdict_and_late_ones():
    right, wrong = Verdict(RIGHT, "1"), Verdict(WRONG, "2")
    assert both(right, wrong) is wrong
    assert at_once(lambda: right, 1.0) is right
    assert at_once(lambda: [None for _ in range(10**5)] and right, 0.0).outcome == WRONG


def test_table_counts():
    verdicts = [Verdict(RIGHT, "1"), Verdict(REFUSED, "no"), Verdict(WRONG, "2")]
    assert tally(verdicts).strip().startswith("3 attempts: 1 right, 1 refused")
    assert line("dates", verdicts[2]).split() == ["WRONG", "dates", "2"]


def test_page_lists_the_cases():
    page = Path(__file__).parents[1] / "docs" / "public_reports.rst"
    text = page.read_text(encoding="utf-8")
    rows = (
        f"   * - {it.source}\n     - {it.kind}\n     - ``{name}``\n" for name, it in CASES.items()
    )
    assert text.count("   * - ") == 1 + len(CASES)
    assert all(row in text for row in rows)
