"""Kinds of hostile input in a dozen families, and which of them a silent wrong number is due to."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

# The first pattern that a kind matches names its family.
FAMILIES = {
    "masks and fill values": r"mask|_FillValue",
    "missing and infinite values": r"NaN|\bNA\b|None|NaT|infinity",
    "dates and spans of time": r"date|timedelta",
    "text": r"string|bytes",
    "booleans": r"bool",
    "complex numbers": r"complex",
    "digits beyond double precision": r"beyond|10\*\*400",
    "functions that misbehave": r"function:",
    "files and names": r"file:|path:|content:",
    "numbers at the ends of double precision": (
        r"extreme|pulse|box of|x times|size of|zero|negative"
    ),
    "shapes": r"shape|columns|empty|ragged|0-d|list|of one|dict|set|generator|tuple|column",
    "order and repeats": r"reversed|shuffled|repeated|increasing",
    "mixtures and borrowed densities": r"nested|borrowed",
}
_OTHER = "containers and options"
# Outcomes in which a number came out that is not right, without a word.
SILENT = ("wrong", "nan")


def family(kind: str) -> str:
    """Family of a kind such as "rho_w: normal scale: extreme"."""
    for name, pattern in FAMILIES.items():
        if re.search(pattern, kind):
            return name
    return _OTHER


def culprit(line: dict[str, Any]) -> str:
    """Family that a silent wrong number is due to: of what was answered, or of the only kind."""
    if line.get("meaning"):
        found = {family(kind) for kind in re.findall(r"\(([^)]*)\)", line["detail"])}
    else:
        found = {family(kind) for kind in line["kinds"]}
    return found.pop() if len(found) == 1 else "several at once"


def silent(lines: list[dict[str, Any]]) -> dict[str, int]:
    """Silent wrong numbers by family, zeros included."""
    counts = Counter(culprit(line) for line in lines if line["outcome"] in SILENT)
    return {name: counts[name] for name in (*FAMILIES, _OTHER, "several at once")}
