"""What "auto" takes against every backend, in a fresh process and in one that has loaded all.

Times are those of a whole call of `train`: in a fresh process with the import of the engine and the
loading of its compiled code, in both with records and spectra. Importing ntkfreq itself, which is
the same for all, is not in them. Kernels are compiled beforehand, as they are after the first use.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _auto_run import problem, timed, work_of

from ntkfreq.network import backends
from ntkfreq.network.backends.cost import step_seconds

STEPS = 20, 400, 10_000
# PyTorch takes at most about so many seconds a step and a pair, also on a busy machine.
_TORCH = 2e-3, 5e-8
_ALL = frozenset({"finufft", "numba", "functions", "kernels"})
Sizes = tuple[int, int, int]
Timer = Callable[[Sizes, int, int, str, int | None], dict[str, Any]]


def fresh(
    sizes: Sizes, steps: int, taken: int, backend: str, threads: int | None
) -> dict[str, Any]:
    """As `timed`, in a process of its own."""
    script = str(Path(__file__).parent / "_auto_run.py")
    given = [str(number) for number in (*sizes, steps, taken, threads or 0)]
    done = subprocess.run(
        [sys.executable, script, *given, backend], capture_output=True, text=True, check=True
    )
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def expected_step(name: str, work: backends.Work) -> float:
    """Seconds of a step, to plan the measurement."""
    if name == "torch":
        return _TORCH[0] + _TORCH[1] * work.pairs
    return step_seconds(name, work)


@dataclass
class Plan:
    """One problem in one state of the process: what to measure, and how long at most.

    A run that would take longer than `most` seconds, as expected or at the pace of the run before,
    takes fewer steps, 400 at most, and the others are added at their pace. NumPy and PyTorch are
    left out where 20 steps of theirs would take longer.
    """

    timer: Timer
    state: str
    sizes: Sizes
    threads: int | None
    most: float

    def chosen(self, steps: int) -> str:
        """What "auto" takes."""
        net, x, _ = problem(*self.sizes)
        work = work_of(net, x, steps, self.threads)
        return backends.choose(work, frozenset() if self.state == "fresh" else _ALL)[0]

    def taken(self) -> dict[str, dict[int, int]]:
        """Steps to take on each backend in runs of so many steps."""
        net, x, _ = problem(*self.sizes)
        work, found = work_of(net, x, 1, self.threads), {}
        for name in backends.BACKENDS:
            pace = expected_step(name, work)
            if math.isinf(pace) or (name in ("reference", "torch") and 20 * pace > self.most):
                continue
            limit = max(5, int(self.most / pace))
            found[name] = {n: n if n <= limit else min(limit, 400) for n in STEPS}
        return found

    def run(self, name: str, taken: dict[int, int]) -> dict[int, float]:
        """Seconds of the runs of one backend; those extrapolated need no run of their own.

        `taken` becomes what was taken.
        """
        seconds: dict[int, float] = {}
        before, pace = 0, 0.0
        for steps in STEPS:
            long = pace * taken[steps] > 3 * self.most
            if before and (taken[steps] <= taken[before] or long):
                seconds[steps] = seconds[before] + (steps - before) * pace
                taken[steps] = taken[before]
                continue
            row = self.timer(self.sizes, steps, taken[steps], name, self.threads)
            seconds[steps], before, pace = row["seconds"], steps, row["pace"]
        return seconds

    def rows(self, repeats: int) -> list[dict[str, Any]]:
        """Medians of runs taken in turn, for each number of steps."""
        taken = self.taken()
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(repeats):
            for name, counts in taken.items():
                for steps, seconds in self.run(name, counts).items():
                    times.setdefault((name, steps), []).append(seconds)
            for steps in STEPS:
                chosen = self.chosen(steps)
                if taken[chosen][steps] < steps:
                    continue
                row = self.timer(self.sizes, steps, steps, "auto", self.threads)
                assert row["backend"] == chosen, (row, chosen)
                times.setdefault(("auto", steps), []).append(row["seconds"])
        medians = {key: statistics.median(measured) for key, measured in times.items()}
        return [self._row(medians, taken, steps) for steps in STEPS]

    def _row(
        self, medians: dict[tuple[str, int], float], taken: dict[str, dict[int, int]], steps: int
    ) -> dict[str, Any]:
        seconds = {name: medians[name, steps] for name in taken}
        best, chosen = min(seconds, key=seconds.__getitem__), self.chosen(steps)
        points, units, dim = self.sizes
        return {
            "state": self.state,
            "points": points,
            "units": units,
            "dim": dim,
            "steps": steps,
            "seconds": seconds,
            "steps_taken": {name: counts[steps] for name, counts in taken.items()},
            "auto_seconds": medians.get(("auto", steps)),
            "chosen": chosen,
            "best": best,
            "chosen_over_best": seconds[chosen] / seconds[best],
        }


def loading(repeats: int) -> dict[str, float]:
    """Seconds that loading each engine takes in a fresh process."""
    found = {}
    for name in ("direct", "nufft", "torch"):
        rows = [fresh((16, 64, 1), 1, 1, name, None)["load"] for _ in range(repeats)]
        found[name] = statistics.median(rows)
    rows = [fresh((1024, 1024, 1), 1, 1, "direct", None)["load"] for _ in range(repeats)]
    return found | {"direct on several threads": statistics.median(rows)}


def shown(row: dict[str, Any]) -> str:
    """A line of the table; a star where steps were extrapolated."""
    times = "  ".join(
        f"{name} {seconds:.3g}{'' if row['steps_taken'][name] == row['steps'] else '*'}"
        for name, seconds in row["seconds"].items()
    )
    return (
        f"{row['state']:5s} {row['steps']:5d} steps  N {row['points']:5d} m {row['units']:6d} "
        f"d {row['dim']}: {row['chosen']:9s} {row['chosen_over_best']:.2f} x {row['best']:9s} "
        f"({times})"
    )


def measured(choices: Any, repeats: int, most: float, threads: int | None) -> dict[str, Any]:
    """All problems, with any number of steps, in both states; prints them as they come."""
    for dim in sorted({sizes[2] for sizes in choices}):
        # Kernels of this kind are compiled, and the engines loaded here.
        for name in backends.BACKENDS:
            if name != "nufft" or dim <= 3:
                timed((16, 64, dim), 1, 1, name, threads)
        timed((1024, 1024, dim), 1, 1, "direct", threads)
    rows = []
    for timer, state in ((timed, "warm"), (fresh, "fresh")):
        for sizes in choices:
            for row in Plan(timer, state, sizes, threads, most).rows(repeats):
                print(shown(row), flush=True)
                rows.append(row)
    return {"loading": loading(max(5, repeats)), "rows": rows, "most_seconds": most}
