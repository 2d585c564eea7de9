"""What it costs to import the package and to solve for the first time, in seconds of CPU.

Each line is the least of several fresh processes, beside bare Python and beside the libraries that
every solution needs: `python benchmarks/import_cost.py`.
"""

from __future__ import annotations

import subprocess
import sys

RUNS = 7
SETTINGS = "t=[0.0, 1.0], frequencies=[1.0, 2.0]"
POINTS = "([0.0, 0.2, 0.5, 0.7, 1.0], [1.0, 2.0, 0.5, 0.1, 0.0])"
BUMP = "lambda x: np.exp(-x**2 / 2)"
# What is run, and what its cost is told beside.
CODES = {
    "bare Python": ("pass", None),
    "import ntkfreq": ("import ntkfreq", "bare Python"),
    "import numpy, scipy.linalg": ("import numpy, scipy.linalg", "bare Python"),
    "first solution on Points": (
        f"import ntkfreq as n; n.solve_frequency_pde(n.Normal(), {POINTS}, {SETTINGS})",
        "import numpy, scipy.linalg",
    ),
    "first solution on Box": (
        "import numpy as np, ntkfreq as n; n.solve_frequency_pde("
        f"n.Normal(), {BUMP}, measure=n.Box(-1, 1), {SETTINGS})",
        "import numpy, scipy.linalg",
    ),
    "first solution on Line": (
        f"import numpy as np, ntkfreq as n; n.solve_frequency_pde(n.Normal(), {BUMP}, {SETTINGS})",
        "import numpy, scipy.linalg",
    ),
}


def seconds(code: str, runs: int = RUNS) -> float:
    """Least CPU time of fresh processes that run this code."""
    whole = f"import time\n{code}\nprint(time.process_time())"
    found = []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", whole], capture_output=True, text=True, check=True
        )
        found.append(float(done.stdout.split()[-1]))
    return min(found)


def measure(runs: int = RUNS) -> dict[str, float]:
    """Seconds of each line beyond what it is told beside."""
    spent = {name: seconds(code, runs) for name, (code, _) in CODES.items()}
    return {
        name: spent[name] - (spent[beside] if beside is not None else 0.0)
        for name, (_, beside) in CODES.items()
    }


def main() -> None:
    """Measure and print."""
    for name, spent in measure().items():
        beside = CODES[name][1]
        print(f"{name:28s} {1e3 * spent:7.1f} ms" + (f" above {beside}" if beside else ""))


if __name__ == "__main__":
    main()
