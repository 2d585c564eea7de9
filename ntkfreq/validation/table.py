"""Results as tables: claim, tolerance, value, verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from ntkfreq.validation.claims import tolerance_text, value_text, verdict_text

HEAD = ("claim", "tolerance", "value", "verdict")
_CLAIM_WIDTH = 72


def rows(result: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Claims and measured figures of a result as texts.

    Examples
    --------
    >>> claims = {"slope": {"value": -0.52, "low": -0.6, "high": -0.4, "holds": True}}
    >>> list(rows({"claims": claims}))
    [('slope', '-0.5 ± 0.1', '-0.52', 'holds')]
    """
    for part in ("claims", "measurements"):
        for name, row in result.get(part, {}).items():
            yield name, tolerance_text(row), value_text(row), verdict_text(row)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as a table of text, one block a script.

    Examples
    --------
    >>> claims = {"slope": {"value": -0.52, "low": -0.6, "high": -0.4, "holds": True}}
    >>> print(table([{"script": "width", "size": "quick", "seconds": 1.0, "claims": claims}]))
    width (quick, 1 s)
      claim   tolerance    value   verdict
      slope   -0.5 ± 0.1   -0.52   holds
    """
    blocks = []
    for result in results:
        lines = [
            (part if k == 0 else "  " + part, *(rest if k == 0 else ("", "", "")))
            for name, *rest in rows(result)
            for k, part in enumerate(textwrap.wrap(name, _CLAIM_WIDTH))
        ]
        lines.insert(0, HEAD)
        widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
        blocks.append(f"{result['script']} ({result['size']}, {result['seconds']:.0f} s)")
        blocks += ["  " + "   ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join(blocks)


def markdown(result: dict[str, Any]) -> str:
    """Result as rows of a Markdown table: claim, script, tolerance, value.

    Examples
    --------
    >>> claims = {"slope": {"value": -0.52, "low": -0.6, "high": -0.4, "holds": True}}
    >>> markdown({"script": "width", "claims": claims})
    '| slope | `width` | -0.5 ± 0.1 | -0.52 |'
    """
    return "\n".join(
        f"| {name.replace('|', chr(92) + '|')} | `{result['script']}` | {tolerance} | "
        + (f"**{value}, FAILS** |" if verdict == "FAILS" else f"{value} |")
        for name, tolerance, value, verdict in rows(result)
    )
