"""Results as tables: claim, tolerance, value, verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from validation.engine.result import Result

HEAD = ("claim", "tolerance", "value", "verdict")
_CLAIM_WIDTH = 72


def rows(result: Result) -> Iterator[tuple[str, str, str, str]]:
    """Claims and measured figures of a result as texts.

    Examples
    --------
    >>> from validation.engine.claims import verdicts
    >>> list(rows(Result(verdicts({"slope": (-0.52, -0.6, -0.4)}), {})))
    [('slope', '-0.5 ± 0.1', '-0.52', 'holds')]
    """
    for part in (result.claims, result.measurements):
        for name, row in part.items():
            yield name, row.tolerance, row.text, row.verdict


def table(results: Sequence[Result]) -> str:
    """Results as a table of text, one block a script.

    Examples
    --------
    >>> from validation.engine.claims import verdicts
    >>> from validation.engine.result import Origin
    >>> claims = verdicts({"slope": (-0.52, -0.6, -0.4)})
    >>> print(table([Result(claims, {}, origin=Origin("width", "quick", 1.0))]))
    width (quick, 1 s)
      claim   tolerance    value   verdict
      slope   -0.5 ± 0.1   -0.52   holds
    """
    blocks = []
    for result in results:
        assert result.origin is not None
        lines = [
            (part if k == 0 else "  " + part, *(rest if k == 0 else ("", "", "")))
            for name, *rest in rows(result)
            for k, part in enumerate(textwrap.wrap(name, _CLAIM_WIDTH))
        ]
        lines.insert(0, HEAD)
        widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
        made = result.origin
        blocks.append(f"{made.script} ({made.size}, {made.seconds:.0f} s)")
        blocks += ["  " + "   ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join(blocks)


def markdown(result: Result) -> str:
    """Result as rows of a Markdown table: claim, script, tolerance, value.

    Examples
    --------
    >>> from validation.engine.claims import verdicts
    >>> from validation.engine.result import Origin
    >>> claims = verdicts({"slope": (-0.52, -0.6, -0.4)})
    >>> markdown(Result(claims, {}, origin=Origin("width", "full")))
    '| slope | `width` | -0.5 ± 0.1 | -0.52 |'
    """
    assert result.origin is not None
    return "\n".join(
        f"| {name.replace('|', chr(92) + '|')} | `{result.origin.script}` | {tolerance} | "
        + (f"**{value}, FAILS** |" if verdict == "FAILS" else f"{value} |")
        for name, tolerance, value, verdict in rows(result)
    )
