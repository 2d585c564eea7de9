r"""Error against time for the 1-D damped heat equation in frequency: ntkfreq and its peers.

Run ``python benchmarks/work_precision.py [--quick] [--json PATH] [--figure PATH]``. Two targets on
Line, exp(-x^2 / (2 s^2)) (cos 2x + cos 6x) with s = 2 ("smooth" spectrum) and s = 10 ("spiky"),
density N(0, 3^2), sigma_a = 0.7, 64 log-spaced times from 1e-3 to 1e3, 2001 frequencies on
[0, 24]. The error is the largest norm of the difference to a dense gradient flow in x over these
times, relative to the norm of the initial error.

Each solver is swept over its knobs (resolution and tolerance, or steps), and its fastest runs for
the error they reach are compared; what a sweep leaves out is stated at `sweep`. The clock covers
everything from the problem to the states at the 64 times; the values at the 2001 frequencies
follow outside of it. For ntkfreq it covers the transform of the target, the choice of the mesh and
the estimate of the error; peers are given the closed form of the initial data and where to cut
the line, and the compilation of py-pde is left out.
Seconds are medians of 5 runs after a first one; a peer that has spent 3 s (a quarter of a
second in the quick run) is not run again, and a run of more than 10 s is stopped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import _peers as peers
import matplotlib as mpl
import numpy as np

from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE

PURPLE = "#CC79A7"  # of the same set of colours
THREADS = "2"
REPEATS = 5
TARGETS = (1e-4, 1e-6, 1e-8)
PROBLEMS = (peers.SMOOTH, peers.SPIKY)
OURS = "ntkfreq"


class Method(NamedTuple):
    """Variants of a solver, knobs from coarse to fine, colour and style in the figure."""

    variants: Sequence[Any]
    resolutions: Sequence[Any]
    tolerances: Sequence[float]
    color: str
    style: str


def decades(first: int, last: int, step: int = 1) -> list[float]:
    """Powers of ten from 10^-first down to 10^-last."""
    return [float(f"1e-{k}") for k in range(first, last + 1, step)]


def methods(quick: bool) -> dict[str, Method]:
    """Every solver with its sweep; py-pde only where it is installed."""
    tolerances = decades(4, 6, 2) if quick else decades(3, 9)
    cells = [500, 4000] if quick else [250 * 2**k for k in range(9)]
    meshes = [1e-5] if quick else decades(2, 9)
    steps = [2, 16, 64] if quick else [2**k for k in range(12)]
    rtols = decades(2, 6, 2) if quick else decades(1, 11)
    table = {OURS: Method([partial(peers.ours)], [None], rtols, BLUE, "o-")}
    for name, style in (("BDF", "s-"), ("Radau", "D--")):
        solver = partial(peers.finite_differences, method=name)
        label = f"finite differences, SciPy {name}"
        table[label] = Method([solver], cells, tolerances, ORANGE, style)
    for name, style in (("BDF", "s-"), ("Radau", "D--")):
        solvers = [
            partial(peers.finite_elements, method=name, inverse=inverse)
            for inverse in (["splu"] if quick else ["splu", "dense"])
        ]
        label = f"ntkfreq's elements, SciPy {name}"
        table[label] = Method(solvers, meshes, tolerances, GREEN, style)
    for damped, style in ((False, "^-"), (True, "v--")):
        solver = partial(peers.crank_nicolson, damped=damped)
        label = "scikit-fem, Crank-Nicolson" + (", Euler start" if damped else "")
        table[label] = Method([solver], meshes, steps, GREY, style)
    if importlib.util.find_spec("pde") is None:
        print("py-pde is not installed and left out: pip install '.[bench]'")
        return table
    grid = [200] if quick else [50 * 2**k for k in range(8)]
    knobs = {"runge-kutta": decades(2, 7), "implicit": decades(1, 4), "scipy": decades(2, 8)}
    titles = {"runge-kutta": "explicit Runge-Kutta", "implicit": "implicit", "scipy": "SciPy BDF"}
    for (name, title), style in zip(titles.items(), ("s-", "D--", "^:"), strict=True):
        solver = partial(peers.py_pde, solver=name)
        few = [1e-2] if quick else knobs[name]
        table[f"py-pde, {title}"] = Method([solver], grid, few, PURPLE, style)
    return table


def measure(
    solver: Any, problem: Any, knobs: tuple[Any, float], limit: float, budget: float
) -> dict[str, Any]:
    """Error and seconds of one choice of knobs; error None for a run that passed the limit."""
    row = {"resolution": knobs[0], "tolerance": knobs[1], "error": None, "seconds": None}
    row["settings"] = solver.keywords
    run = solver(problem, *knobs, limit)
    seconds: list[float] = []
    try:
        # The first run only counts when there is no second.
        while len(seconds) <= REPEATS and sum(seconds) < budget:
            started = time.perf_counter()
            outcome = run()
            seconds.append(time.perf_counter() - started)
    except peers.TooSlowError:
        return row
    times = seconds[1:] or seconds
    median = statistics.median(times)
    return row | {"error": outcome.error(problem), "seconds": median, "repeats": len(times)}


def sweep(
    name: str, method: Method, problem: Any, limit: float, budget: float
) -> list[dict[str, Any]]:
    """Rows of all runs of one method.

    At each resolution the tolerance is tightened until two runs in a row gain nothing or one
    passes the limit; a finer resolution starts three tolerances before the last one of the
    coarser. Resolutions are refined until one gains nothing, or has reached the last target.
    """
    rows = []
    for solver in method.variants:
        first, best = 0, np.inf
        for resolution in method.resolutions:
            idle, here, last = 0, np.inf, first
            for last in range(first, len(method.tolerances)):
                knobs = (resolution, method.tolerances[last])
                row = measure(solver, problem, knobs, limit, np.inf if name == OURS else budget)
                rows.append({"problem": problem.name, "method": name, **row})
                if row["error"] is None or (name == OURS and row["seconds"] > limit):
                    break
                idle = 0 if row["error"] < 0.95 * here else idle + 1
                here = min(here, row["error"])
                if idle == 2:
                    break
            if here > 0.95 * best or here < 0.5 * TARGETS[-1]:
                break
            first, best = max(0, last - 3), here
    return rows


def frontier(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """(error, seconds) of the runs that no other beats in both, from large errors to small."""
    done = sorted((row["seconds"], row["error"]) for row in rows if row["error"] is not None)
    kept: list[tuple[float, float]] = []
    for seconds, error in done:
        if not kept or error < kept[-1][0]:
            kept.append((error, seconds))
    return kept


def seconds_at(front: list[tuple[float, float]], target: float) -> float | None:
    """Seconds for a target error by log-log interpolation; None if it is not reached.

    For a target above all errors, those of the fastest run.
    """
    if not front or front[-1][0] > target:
        return None
    for (large, fast), (small, slow) in pairwise(front):
        if large > target >= small:
            share = np.log(target / large) / np.log(small / large)
            return float(fast * (slow / fast) ** share)
    return front[0][1]


def ratios(rows: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Seconds at each target error and their ratio to ours, one entry a problem and method."""
    table = []
    for problem in PROBLEMS:
        mine = [row for row in rows if row["problem"] == problem.name]
        fronts = {name: frontier([r for r in mine if r["method"] == name]) for name in names}
        for name, front in fronts.items():
            entry: dict[str, Any] = {"problem": problem.name, "method": name, "frontier": front}
            for target in TARGETS:
                own, other = seconds_at(fronts[OURS], target), seconds_at(front, target)
                ratio = other / own if own and other else None
                entry[f"{target:.0e}"] = {"seconds": other, "ratio": ratio}
            table.append(entry)
    return table


def ringing() -> dict[str, Any]:
    """Error of Crank-Nicolson on equal steps that are long against the fastest rates."""
    step = 0.25
    problem = replace(peers.SPIKY, times=step * np.arange(1, 41))
    result: dict[str, Any] = {"problem": problem.name, "step": step}
    for damped in (False, True):
        outcome = peers.crank_nicolson(problem, 1e-6, 1, 60.0, damped=damped)()
        values = outcome.at(peers.FREQUENCIES)
        result["Euler start" if damped else "plain"] = {
            f"t={t:g}": problem.reference.error([t], values[[round(t / step) - 1]])
            for t in (1.0, 10.0)
        }
    return result


def plane_solve(name: str) -> dict[str, Any]:
    """Seconds and peak memory of two-dimensional solutions at 1e-6; run in a process of its own."""
    import ntkfreq

    def tones(x: Any) -> Any:
        window = np.exp(-np.sum(x**2, axis=1) / 2)
        return window * (np.cos(2 * x[:, 0] + x[:, 1]) + 0.5 * np.sin(4 * x[:, 1] - 0.3))

    measure = ntkfreq.Line() if name == "Line" else ntkfreq.Grid(0.6)
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        solution = ntkfreq.solve_frequency_pde(
            ntkfreq.Normal(scale=3.0, dim=2),
            tones,
            sigma_a=peers.SIGMA_A,
            measure=measure,
            t=np.geomspace(1e-2, 1e2, 33),
            frequencies=np.random.default_rng(0).uniform(-6, 6, (200, 2)),
            rtol=1e-6,
        )
        seconds.append(time.perf_counter() - started)
    # Not getrusage: its peak is that of the process that started this one, too.
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return {
        "measure": repr(measure),
        "seconds": statistics.median(seconds[1:]),
        "gigabytes_peak": int(status.split()[0]) / 1e6,
        "unknowns": solution.stats["unknowns"],
        "status": solution.status,
    }


def plane() -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    found = []
    for name in ("Line", "Grid"):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found.append(pool.submit(plane_solve, name).result())
    return found


def reference_change(problem: Any) -> float:
    """What a tenth more of the line and a fifth less of spacing change in the reference."""
    finer = peers.Reference(problem, 1.1 * problem.half_width, 0.08)
    return float(problem.reference.error(problem.times, finer.spectrum(problem.times)))


def run(quick: bool) -> dict[str, Any]:
    limit, budget = (5.0, 0.25) if quick else (10.0, 3.0)
    table, rows = methods(quick), []
    for problem in PROBLEMS:
        for name, method in table.items():
            started = time.perf_counter()
            rows += sweep(name, method, problem, limit, budget)
            print(f"{problem.name}: {name}, {time.perf_counter() - started:.0f} s", flush=True)
    packages = ["ntkfreq", "numpy", "scipy", "scikit-fem", "numba"]
    packages += ["py-pde"] if any("py-pde" in name for name in table) else []
    return {
        "settings": {
            "quick": quick,
            "threads": int(os.environ["OMP_NUM_THREADS"]),
            "limit_seconds": limit,
            "budget_seconds": budget,
            "repeats": REPEATS,
            "rho_w": f"normal, scale {peers.SCALE}",
            "sigma_a": peers.SIGMA_A,
            "windows": {problem.name: problem.window for problem in PROBLEMS},
        },
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "reference_change": {problem.name: reference_change(problem) for problem in PROBLEMS},
        "ratios": ratios(rows, list(table)),
        "ringing": ringing(),
        "two_dimensions": plane(),
        "runs": rows,
    }


def cell(entry: dict[str, Any], target: float) -> str:
    """Seconds and ratio at a target error, or how far the method came."""
    found = entry[f"{target:.0e}"]
    if found["seconds"] is not None:
        ratio = "" if found["ratio"] is None else f" ({found['ratio']:.3g}x)"
        return f"{found['seconds']:.3g} s{ratio}"
    front = entry["frontier"]
    return f"not reached ({front[-1][0]:.0e})" if front else "too slow"


def report(result: dict[str, Any]) -> None:
    settings = result["settings"]
    print(f"{settings['threads']} threads, {result['versions']}")
    print("reference changes on a finer grid by", result["reference_change"])
    print("seconds at equal error and their ratio to ntkfreq's (above 1: ntkfreq is faster), or")
    print(f"the least error reached within {settings['limit_seconds']:g} s a run")
    print(" " * 50 + "".join(f"{f'error {target:.0e}':>24}" for target in TARGETS))
    for entry in result["ratios"]:
        cells = "".join(f"{cell(entry, target):>24}" for target in TARGETS)
        print(f"{entry['problem']:8}{entry['method']:42}{cells}")
    for row in result["two_dimensions"]:
        print(
            f"two dimensions, {row['measure']}, t from 1e-2 to 1e2, rtol 1e-6: "
            f"{row['seconds']:.2f} s, {row['gigabytes_peak']:.2f} GB at most, "
            f"{row['unknowns']} unknowns"
        )
    ring = result["ringing"]
    print(f"Crank-Nicolson, equal steps of {ring['step']:g}, {ring['problem']}, error at t:")
    print("  plain:", ring["plain"], " Euler start:", ring["Euler start"])


def draw(result: dict[str, Any], path: Path) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    looks = methods(quick=result["settings"]["quick"])
    fig, axes = plt.subplots(
        1, 2, figsize=(11, 5.6), sharex=True, sharey=True, layout="constrained"
    )
    for ax, problem in zip(axes, PROBLEMS, strict=True):
        for entry in result["ratios"]:
            if entry["problem"] != problem.name or not entry["frontier"]:
                continue
            look, ours = looks[entry["method"]], entry["method"] == OURS
            error, seconds = np.array(entry["frontier"]).T
            width = 2.5 if ours else 1.2
            ax.loglog(
                error,
                seconds,
                look.style,
                color=look.color,
                label=entry["method"],
                linewidth=width,
                markersize=5,
                zorder=3 if ours else 2,
            )
        ax.axvline(1e-6, color="black", linewidth=1.0, linestyle="--", zorder=1)
        ax.set(
            xlabel=r"error reached, $\max_t\|\delta\hat e(t)\|_2/\|\hat e(0)\|_2$",
            title=f"{problem.name} spectrum: window of width {problem.window:g} in x",
        )
        ax.grid(color="0.9")
        ax.annotate(r" $10^{-6}$", (1e-6, 0.985), xycoords=("data", "axes fraction"), va="top")
    axes[0].set_ylabel("time of the whole solve (seconds)")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    threads = result["settings"]["threads"]
    fig.suptitle(
        "Damped heat equation, 64 times over six decades: fastest runs for the error they reach "
        f"({threads} thread{'s' if threads > 1 else ''}; lower and further left is better)"
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few knobs, less than a minute")
    parser.add_argument("--json", type=Path, help="write settings, runs and ratios here")
    parser.add_argument("--figure", type=Path, help="write the figure here (PNG)")
    arguments = parser.parse_args()
    if "OMP_NUM_THREADS" not in os.environ:
        # Read when the libraries load, so that it is too late in this process.
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        os.environ.update(dict.fromkeys(names, THREADS))
        os.execv(sys.executable, [sys.executable, *sys.argv])
    result = run(arguments.quick)
    report(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.figure:
        draw(result, arguments.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
