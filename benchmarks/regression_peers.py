"""Kernel regression on many samples against its peers: seconds at equal error.

Run ``python benchmarks/regression_peers.py [--quick] [--json PATH] [--figure PATH]
[--table PATH]``. A Gaussian kernel on scattered samples, ridge 1e-4: standard deviation 20 on
[-1, 1], and 10 on [-1, 1]^2. The system and the solvers are in `_regression_peers.py`; those not
installed are named and left out.

Each solver is run over its own settings, and judged by its error on the samples and on points held
out, relative to the norm of the exact solution there. The fastest setting with both below 1e-3 is
its time. Seconds are those of a fit and of the output at both sets of points: the median of some
runs after a first one, or the first one where it takes more than 5 s. A small problem is solved
before, which loads and compiles. A run of more than 60 s or 16 GB is cut off; costlier settings are
then not tried, nor more samples where no setting came through. All have as many threads (2),
float64, and a process of their own for each problem.

The exact solution is that of Cholesky on the dense matrix up to 10 000 samples. Beyond, it is that
of the package at rtol 1e-11, checked twice: against Cholesky at 10 000 samples, and at every size
by sums over all samples, written by hand: at 200 samples and 200 points held out the shares
(y - f) / (N ridge) must give f back. The exit status is 1 where one of these misses 1e-6.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from _regression_figure import TARGET, best, draw, told, write_table
from _regression_peers import (
    DENSE_MOST,
    HELD_OUT,
    PEERS,
    RIDGE,
    SCALES,
    TRUTH_RTOL,
    Fitted,
    Peer,
    Samples,
    ntkfreq_waves,
)

LIMIT, REPEATS, LONG = 60, 5, 5.0
CHECKED = 1e-6
SIZES, QUICK_SIZES = [10_000, 100_000, 1_000_000], [4000]
WARM = 2500
MEMORY = "out of memory"
PACKAGES = ["ntkfreq", "numpy", "scipy", "finufft", "scikit-learn", "torch", "gpytorch"]
PACKAGES += ["linear-operator", "pykeops", "george"]
NOT_INSTALLABLE = {"falkon": "any version: pip finds no release"}


def relative(found: Any, exact: Any) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def truth(dim: int, count: int, path: str) -> dict[str, float]:
    """Write the exact solution; its checks."""
    samples = Samples.draw(dim, count)
    waves = ntkfreq_waves(samples, TRUTH_RTOL, "waves")
    exact, checks = waves, {}
    if count <= DENSE_MOST:
        exact = samples.dense()
        checks["dense"] = max(relative(*pair) for pair in zip(waves, exact, strict=True))
    checks["direct sums"] = samples.direct(exact)
    np.savez(path, at_samples=exact[0], held_out=exact[1])
    return checks


def timed(
    peer: Peer, samples: Samples, setting: Any, given: argparse.Namespace
) -> tuple[Fitted, float, int]:
    """Result, seconds, and of how many runs they are the median."""
    begin = time.perf_counter()
    fitted = peer.fit(samples, setting)
    found = [time.perf_counter() - begin]
    signal.alarm(0)
    if found[0] <= LONG:
        found = []
        for _ in range(given.repeats):
            begin = time.perf_counter()
            fitted = peer.fit(samples, setting)
            found.append(time.perf_counter() - begin)
    return fitted, statistics.median(found), len(found)


def sweep(name: str, dim: int, count: int, path: str, given: argparse.Namespace) -> None:
    """All settings of a solver for one problem, a line of JSON each."""
    peer, samples, exact = PEERS[name], Samples.draw(dim, count), np.load(path)
    # The default action of the signal ends the process, wherever it is.
    signal.alarm(3 * given.limit)
    peer.fit(Samples.draw(dim, WARM), peer.settings[dim][0])
    for setting in peer.settings[dim]:
        signal.alarm(given.limit)
        try:
            fitted, seconds, runs = timed(peer, samples, setting, given)
        except (MemoryError, RuntimeError, ValueError) as error:
            memory = isinstance(error, MemoryError) or "memory" in str(error)
            ended = MEMORY if memory else type(error).__name__
            print(json.dumps({"setting": setting, "ended": ended}), flush=True)
            return
        signal.alarm(0)
        line = {
            "setting": setting,
            "seconds": seconds,
            "runs": runs,
            "error": relative(fitted[0], exact["at_samples"]),
            "error_held_out": relative(fitted[1], exact["held_out"]),
        }
        print(json.dumps(line), flush=True)


def alone(given: argparse.Namespace, *problem: Any) -> tuple[list[dict[str, Any]], int]:
    """Lines of a process of its own, and how it ended."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    threads = {f"{name}_NUM_THREADS": str(given.threads) for name in names}
    limits = [f"--{name}={getattr(given, name)}" for name in ("limit", "repeats")]
    command = [sys.executable, "-W", "ignore", __file__, *limits, "--only", *map(str, problem)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        child = subprocess.Popen(command, env=os.environ | threads, stdout=out)
        while child.poll() is None:
            time.sleep(0.1)
            # What is in use: some reserve more than there is and never touch it.
            if resident(child.pid) > given.gigabytes:
                child.kill()
        out.seek(0)
        # Some solvers print there too.
        lines = [json.loads(line) for line in out if line.startswith("{")]
    return lines, child.returncode


def resident(process: int) -> float:
    """Gigabytes in use."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e9


def compared(dim: int, count: int, out: set[str], given: argparse.Namespace) -> dict[str, Any]:
    """All solvers on one problem; those that came through nothing join `out`."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/exact.npz"
        lines, code = alone(given, "truth", dim, count, path)
        if code:
            raise SystemExit(f"no exact solution of {count} samples in {dim}-D")
        print(f"{dim}-D, {count} samples; the exact solution is checked to {lines[0]}", flush=True)
        for name, peer in PEERS.items():
            if peer.missing or name not in given.solvers:
                continue
            if name in out:
                found[name] = {"sweep": [], "ended": "not tried: nothing with fewer", "best": None}
                continue
            swept, code = alone(given, name, dim, count, path)
            ended = swept.pop()["ended"] if swept and "ended" in swept[-1] else None
            if code:
                ends = {-signal.SIGALRM: f"above {given.limit} s", -signal.SIGKILL: MEMORY}
                ended = ends.get(code, f"ended with status {code}")
            out |= set() if swept else {name}
            found[name] = {"sweep": swept, "ended": ended, "best": best(swept)}
            print(f"  {peer.label:26s} {told(found[name])}", flush=True)
    return {"checks": lines[0], "solvers": found}


def measure(given: argparse.Namespace) -> dict[str, Any]:
    problems: dict[str, Any] = {}
    for dim in SCALES:
        out: set[str] = set()
        sizes = QUICK_SIZES if given.quick else SIZES
        problems[f"{dim}-D"] = {str(size): compared(dim, size, out, given) for size in sizes}
    missing = {peer.label: peer.missing for peer in PEERS.values() if peer.missing}
    return {
        "target": TARGET,
        "limit": given.limit,
        "threads": given.threads,
        "ridge": RIDGE,
        "standard deviations": {f"{dim}-D": scale for dim, scale in SCALES.items()},
        "held out": HELD_OUT,
        "settings": {name: peer.knob for name, peer in PEERS.items()},
        "problems": problems,
        "not installed": missing | NOT_INSTALLABLE,
        "environment": {
            "python": platform.python_version(),
            "machine": platform.machine(),
            **{name: version(name) for name in PACKAGES if installed(name)},
        },
    }


def installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each, 5 s")
    parser.add_argument("--solvers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--json", help="where to write the figures")
    parser.add_argument("--figure", help="where to draw them")
    parser.add_argument("--table", help="where to write the seconds at equal error, as CSV")
    parser.add_argument("--read", help="JSON to draw instead of measuring")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs of a setting")
    parser.add_argument("--limit", type=int, default=LIMIT, help="most seconds of a run")
    parser.add_argument("--threads", type=int, default=2, help="of every solver")
    parser.add_argument("--gigabytes", type=float, default=16.0, help="most memory of a solver")
    parser.add_argument("--only", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.repeats, given.limit = 1, 5
    return given


def main() -> int:
    """Measure, print, write, and say whether the exact solutions are exact."""
    given = arguments()
    if given.only:
        name, dim, count, path = given.only
        if name == "truth":
            print(json.dumps(truth(int(dim), int(count), path)))
        else:
            sweep(name, int(dim), int(count), path, given)
        return 0
    mpl.use("Agg")
    if given.read:
        results = json.loads(Path(given.read).read_text(encoding="utf-8"))
    else:
        results = measure(given)
    for name, why in results["not installed"].items():
        print(f"left out: {name} ({why if isinstance(why, str) else ', '.join(why)})")
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if given.figure:
        draw(results, given.figure)
    if given.table:
        write_table(results, given.table)
    problems = [one for sizes in results["problems"].values() for one in sizes.values()]
    missed = max(max(one["checks"].values()) for one in problems) > CHECKED
    print("exact solutions: " + ("WRONG" if missed else f"checked to {CHECKED:g}"))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
