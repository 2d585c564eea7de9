"""The table of outcomes, groups of faults, and the results that are committed."""

from __future__ import annotations

import json
import platform
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from .families import silent
from .outcomes import FAULTS, OUTCOMES, UNCLEAR

Line = dict[str, Any]
# Faults that are listed one by one in the results.
_LISTED = 400


def signature(line: Line) -> str:
    """What makes two faults the same: function, outcome, place, and message without numbers."""
    detail = str(line["detail"])
    if line.get("meaning"):
        return f"any | wrong | answered, though to be refused: {_kind_of(line)}"
    detail = re.sub(r"[-+]?\d[\d.e+-]*", "#", detail)[:90]
    return f"{line['function']} | {line['outcome']} | {line.get('place', '')} | {detail}"


def _kind_of(line: Line) -> str:
    """The kind of what was answered and has no meaning."""
    found = re.search(r"\((.*)\)", str(line["detail"]))
    return found.group(1) if found else ""


def groups(lines: list[Line]) -> dict[str, list[Line]]:
    """Faults and unclear refusals by signature, the most frequent first."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line["outcome"] in FAULTS or line["outcome"] in UNCLEAR:
            found[signature(line)].append(line)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def counts(lines: list[Line], key: str) -> dict[str, Counter[str]]:
    """Outcomes by scenario, function, or other field."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        found[str(line[key])][line["outcome"]] += 1
    return dict(sorted(found.items()))


def by_kind(lines: list[Line]) -> dict[str, Counter[str]]:
    """Outcomes by kind of hostility: of tries with one hostile argument only."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if len(line["kinds"]) == 1:
            kind = re.sub(r"^.*?: ", "", line["kinds"][0])
            found[kind][line["outcome"]] += 1
    return dict(sorted(found.items()))


def _rows(rows: dict[str, Counter[str]], title: str) -> list[str]:
    width = max([len(title), *map(len, rows)])
    head = f"{title:<{width}} " + " ".join(f"{name:>9}" for name in OUTCOMES)
    lines = [head]
    for name, found in rows.items():
        lines.append(f"{name:<{width}} " + " ".join(f"{found[key] or '.':>9}" for key in OUTCOMES))
    return lines


def summary(lines: list[Line]) -> str:
    """The tables as text."""
    total = Counter(line["outcome"] for line in lines)
    rows = counts(lines, "scenario") | {"all": total}
    seconds = sum(line["seconds"] for line in lines)
    text = _rows(rows, "scenario")
    text += ["", f"{len(lines)} tries, {seconds / max(len(lines), 1):.2f} s each"]
    for name, found in list(groups(lines).items())[:120]:
        first = found[0]
        text.append(f"{len(found):5d}  {name}")
        text.append(
            f"         --show {first['seed']} {first['index']}  {'; '.join(first['kinds'])}"
        )
    return "\n".join(text)


def before(lines: list[Line], commit: str) -> dict[str, Any]:
    """What is kept of a run on earlier code."""
    return {
        "commit": commit,
        "tries": len(lines),
        "outcomes": dict(Counter(line["outcome"] for line in lines)),
        "silent wrong numbers": silent(lines),
    }


def page(content: dict[str, Any]) -> str:
    """Tables of the committed results for the documentation, in reStructuredText."""
    then, now = content["before"], content
    head = f"before ({then['commit']})", "now"
    rows = [("tries", then["tries"], now["tries"])]
    rows += [
        (name, then["outcomes"].get(name, 0), now["outcomes"].get(name, 0)) for name in OUTCOMES
    ]
    text = _rst(("outcome", *head), rows)
    one, other = then["silent wrong numbers"], now["silent wrong numbers"]
    rows = [(name, one[name], other[name]) for name in one]
    rows.append(("all", sum(one.values()), sum(other.values())))
    return text + "\n\n" + _rst(("silent wrong numbers by", *head), rows)


def _rst(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    cells = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def write_results(path: Path, lines: list[Line], mark: str, seed: int) -> None:
    """Write counts and faults as JSON: what is committed. What is there of before stays."""
    import numpy
    import scipy

    import ntkfreq

    faults = [line for line in lines if line["outcome"] in (*FAULTS, *UNCLEAR)]
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content = {
        "seed": seed,
        "tries": len(lines),
        "code": mark,
        "versions": {
            "ntkfreq": ntkfreq.__version__,
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "seconds a try": round(sum(line["seconds"] for line in lines) / max(len(lines), 1), 3),
        "outcomes": dict(Counter(line["outcome"] for line in lines)),
        "silent wrong numbers": silent(lines),
        "before": kept.get("before"),
        "by scenario": counts(lines, "scenario"),
        "by kind": by_kind(lines),
        "faults": faults[:_LISTED],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
