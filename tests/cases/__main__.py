"""`python -m tests.cases [name ...]`: the table of the cases, or of those whose names are given."""

from __future__ import annotations

import sys

from . import all_cases
from .table import heading, line, run, run_limited, tally
from .verdict import WRONG


def main(arguments: list[str]) -> int:
    """Print the table; 1 where an attempt is wrong."""
    cases = all_cases()
    if arguments[:1] == ["--one"]:
        _, name, label = arguments
        print(run_limited(cases[name].attempts[label]))
        return 0
    unknown = [name for name in arguments if name not in cases]
    if unknown:
        print(f"no case {', '.join(unknown)}; there are {', '.join(cases)}", file=sys.stderr)
        return 2
    verdicts = []
    for name in arguments or cases:
        print(heading(name, cases[name]))
        for label, attempt in cases[name].attempts.items():
            verdicts.append(run(name, label, attempt))
            print(line(label, verdicts[-1]), flush=True)
    print(tally(verdicts))
    return int(any(verdict.outcome == WRONG for verdict in verdicts))


sys.exit(main(sys.argv[1:]))
