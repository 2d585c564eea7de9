"""One training step on every backend: against PyTorch, against its floor, against each other.

Run ``python benchmarks/training.py [--quick] [--json PATH] [--figure PATH]``. Every number is a
median over repeats taken in turn in one process, on equal threads: full-batch gradient descent on
all of a, b, w, float64.

``python benchmarks/training.py --auto [--quick] [--threads N] [--most SECONDS] [--json PATH]``
measures what ``backend="auto"`` takes instead: whole runs of 20, 400 and 10 000 steps, in fresh
processes and in a warm one.

The floor of a direct sum is the time of the sine-cosine polynomial alone, one evaluation a pair: a
step needs it once, then turns each pair to its new frequency, sums four products a pair, and
adds up the output.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import _auto as auto
import numba
import numpy as np
import torch
from _training_peers import floor_step, jax_step, medians, our_step, problem, torch_step

from ntkfreq.network import backends, train, train_many
from ntkfreq.plotting import BLUE, GREEN, GREY, ORANGE

COLOURS = {"torch": GREY, "reference": ORANGE, "direct": BLUE, "nufft": GREEN}
# Points, units, dimension: from a quick check to images.
CHOICES = (
    (16, 64, 1), (16, 1024, 1), (128, 128, 1), (128, 1024, 1), (64, 16384, 1), (1024, 1024, 1),
    (1024, 4096, 1), (512, 65536, 1), (10_000, 10_000, 1), (100, 500_000, 1),
    (16, 64, 2), (256, 256, 2), (256, 4096, 2), (1024, 16384, 2), (4096, 4096, 2),
    (16384, 16384, 2), (64, 256, 3), (512, 4096, 3), (4096, 4096, 3), (256, 1024, 5),
)  # fmt: skip


def against_torch(repeats: int) -> list[dict[str, Any]]:
    """The direct backend against eager autograd, its floor, and JAX where it is installed."""
    rows = []
    for points, width in ((1024, 4096), (512, 65536)):
        net, x, y = problem(points, width)
        calls = {
            "direct": our_step("direct", net, x, y),
            "floor": floor_step(net, x),
            "torch": torch_step(net, x, y),
        }
        seconds = medians(calls, repeats, 0.05)
        row: dict[str, Any] = {
            "points": points,
            "units": width,
            "seconds": seconds,
            "direct_ns_per_pair": 1e9 * seconds["direct"] / points / width,
            "torch_over_direct": seconds["torch"] / seconds["direct"],
            "direct_over_floor": seconds["direct"] / seconds["floor"],
        }
        compiled = jax_step(net, x, y)
        if compiled is not None:
            # Apart: what JAX leaves to do after its step slows down the next call of another.
            both = medians({"direct": calls["direct"], "jax": compiled}, repeats, 0.05)
            row["jax"] = {"seconds": both, "jax_over_direct": both["jax"] / both["direct"]}
        rows.append(row)
    return rows


def large_steps() -> list[dict[str, Any]]:
    """Steps at a million units, in processes of their own, whose peak of memory is theirs."""
    script = str(Path(__file__).parent / "_large_step.py")
    rows = []
    for dim in ("1", "2"):
        done = subprocess.run(
            [sys.executable, script, dim], capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout))
    return rows


def choices(repeats: int, most: float) -> list[dict[str, Any]]:
    """The backend that "auto" takes for a long run, against the fastest."""
    rows = []
    for points, width, dim in CHOICES:
        net, x, y = problem(points, width, dim)
        work = net.work(x, 1_000_000)
        calls = {
            name: our_step(name, net, x, y)
            for name in backends.BACKENDS
            if (name != "nufft" or dim <= 3)
            and (name not in ("reference", "torch") or 6e-8 * points * width < most)
        }
        seconds = medians(calls, repeats, 0.02)
        chosen, _ = backends.choose(work)
        best = min(seconds, key=seconds.__getitem__)
        rows.append(
            {
                "points": points,
                "units": width,
                "dim": dim,
                "seconds": seconds,
                "chosen": chosen,
                "best": best,
                "chosen_over_best": seconds[chosen] / seconds[best],
            }
        )
    return rows


def many_runs(repeats: int, steps: int) -> dict[str, Any]:
    """64 small runs at once: against the rate of one large run, and against PyTorch."""
    nets = [problem(128, 1024, seed=seed)[0] for seed in range(64)]
    _, x, y = problem(128, 1024)
    settings: dict[str, Any] = {
        "step_size": 0.1,
        "steps": steps,
        "backend": "direct",
        "frequencies": [0.0, 3.0],
    }
    large = problem(512, 65536)
    large_call = our_step("direct", *large)
    torch_calls = [torch_step(net, x, y) for net in nets]
    times: dict[str, list[float]] = {"many": [], "large": [], "torch": []}
    train_many(nets[:2], x, y, **settings)
    for _ in range(repeats):
        started = time.perf_counter()
        train_many(nets, x, y, **settings)
        times["many"].append((time.perf_counter() - started) / (64 * 128 * 1024 * steps))
        times["large"].append(medians({"large": large_call}, 3, 0.2)["large"] / (512 * 65536))
        started, taken = time.perf_counter(), max(1, steps // 100)
        for call in torch_calls:
            for _ in range(taken):
                call()
        times["torch"].append((time.perf_counter() - started) / (64 * 128 * 1024 * taken))
    per_pair = {name: statistics.median(values) for name, values in times.items()}
    return {
        "runs": 64,
        "points": 128,
        "units": 1024,
        "steps": steps,
        "ns_per_pair": {name: 1e9 * value for name, value in per_pair.items()},
        "share_of_large_rate": per_pair["large"] / per_pair["many"],
        "torch_over_many": per_pair["torch"] / per_pair["many"],
    }


def recording() -> list[dict[str, Any]]:
    """Share of a run's time that 64 records and their spectra take."""
    rows = []
    for points, width, steps, backend in (
        (128, 1024, 4000, "direct"),
        (1024, 4096, 1000, "direct"),
        (512, 65536, 500, "direct"),
        (100_000, 1_000_000, 300, "nufft"),
    ):
        net, x, y = problem(points, width)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stats = train(net, x, y, step_size=0.1, steps=steps, backend=backend).stats
        share = stats["record_seconds"] / (stats["record_seconds"] + stats["seconds"])
        rows.append(
            {"points": points, "units": width, "steps": steps, "backend": backend, "share": share}
        )
    return rows


def slopes(most: float) -> dict[str, list[tuple[float, float]]]:
    """Time of a step against pairs, with 16 units a point in one dimension."""
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in COLOURS}
    for points in (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
        net, x, y = problem(points, 16 * points)
        for name, curve in curves.items():
            # What the last point took, times the growth of the pairs.
            if curve and name != "nufft" and 4 * curve[-1][1] > most:
                continue
            call = torch_step(net, x, y) if name == "torch" else our_step(name, net, x, y)
            curve.append((float(points * net.width), medians({name: call}, 5, 0.01)[name]))
    return curves


def draw(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Cost of a step against the number of pairs."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    labels = {
        "torch": "PyTorch, eager autograd",
        "reference": "reference (NumPy)",
        "direct": "direct (Numba)",
        "nufft": "nufft (FINUFFT, tolerance 1e-9)",
    }
    for name, curve in curves.items():
        pairs, seconds = np.array(curve).T
        ax.loglog(pairs, seconds, "o-", ms=4, color=COLOURS[name], label=labels[name])
    pairs = np.array([1e5, 1e10])
    ax.loglog(pairs, 3e-10 * pairs, ":", color="black", lw=1)
    ax.text(1.5e9, 0.25, r"$\propto N m$", fontsize=9)
    ax.loglog(pairs, 2e-7 * pairs**0.5, ":", color="black", lw=1)
    ax.text(6e10, 2.5e-3, r"$\propto \sqrt{N m}$, that is $N + m$", fontsize=9, ha="right")
    ax.set_xlabel(r"pairs of point and unit, $N m$  ($m = 16 N$, one dimension)")
    ax.set_ylabel("seconds a step, all parameters")
    ax.grid(alpha=0.25)
    ax.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def circumstances() -> dict[str, Any]:
    """Threads, versions, and how busy the machine is."""
    return {
        "threads": numba.get_num_threads(),
        "versions": {
            name: version(name)
            for name in ("torch", "jax", "numba", "numpy", "finufft")
            if find_spec(name) is not None
        },
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
    }


def run(quick: bool) -> dict[str, Any]:
    """All measurements."""
    torch.set_num_threads(numba.get_num_threads())
    repeats = 3 if quick else 5
    return circumstances() | {
        "against_torch": against_torch(repeats),
        "many_runs": many_runs(1 if quick else 5, 100 if quick else 1000),
        "choices": choices(repeats, 0.05 if quick else 0.5),
        "recording": recording(),
        "large_steps": large_steps(),
        "slopes": slopes(0.1 if quick else 2.0),
    }


def verdicts(result: dict[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Claim, value, bound, and whether it holds."""
    first, second = result["against_torch"]
    line, plane = result["large_steps"]
    many = result["many_runs"]
    worst = max(row["chosen_over_best"] for row in result["choices"])
    floor = max(row["direct_over_floor"] for row in (first, second))
    compiled = [
        (f"direct over JAX jit, N {row['points']}, m {row['units']}", ratio, 1.0)
        for row in (first, second)
        if (ratio := row.get("jax", {}).get("jax_over_direct")) is not None
    ]
    at_least = [
        *compiled,
        ("direct over PyTorch, N 1024, m 4096", first["torch_over_direct"], 10.0),
        ("direct over PyTorch, N 512, m 65536", second["torch_over_direct"], 15.0),
        ("64 runs: share of the rate of one large run", many["share_of_large_rate"], 0.8),
        ("64 runs over PyTorch", many["torch_over_many"], 5.0),
    ]
    at_most = [
        ("direct over its floor", floor, 2.5),
        ("auto over the best backend, 20 problems", worst, 1.5),
        ("nufft, N 1e5, m 1e6, 1-D: seconds", line["seconds"], 0.5),
        ("nufft, N 1e5, m 1e6, 1-D: GB", line["peak_gb"], 1.0),
        ("nufft, N 256 x 256, m 1e6, 2-D: seconds", plane["seconds"], 5.0),
        ("records: share of the time", max(row["share"] for row in result["recording"]), 0.1),
    ]
    return [(*row, row[1] >= row[2]) for row in at_least] + [
        (*row, row[1] <= row[2]) for row in at_most
    ]


def run_auto(quick: bool, threads: int | None, most: float) -> dict[str, Any]:
    """Whole runs on every backend against what "auto" takes; prints them."""
    problems = CHOICES[::4] if quick else CHOICES
    result = circumstances() | auto.measured(problems, 1 if quick else 3, most, threads)
    return result if threads is None else result | {"threads": threads}


def verdicts_auto(result: dict[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Claim, value, bound, and whether it holds."""
    rows = []
    for state in ("fresh", "warm"):
        for steps in auto.STEPS:
            worst = max(
                row["chosen_over_best"]
                for row in result["rows"]
                if (row["state"], row["steps"]) == (state, steps)
            )
            rows.append((f"auto over the best, {state} process, {steps} steps", worst, 1.2))
    rows += [
        (f"seconds to load {name}", result["loading"][name], 0.3) for name in ("direct", "nufft")
    ]
    return [(*row, row[1] <= row[2]) for row in rows]


def main() -> int:
    """Measure, print, write; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats and sizes")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--figure", type=Path, help="write the figure here (PNG)")
    parser.add_argument("--auto", action="store_true", help='whole runs, and what "auto" takes')
    parser.add_argument("--threads", type=int, help="with --auto: threads of a run; default all")
    parser.add_argument(
        "--most", type=float, default=20.0, help="with --auto: seconds of a run, then extrapolate"
    )
    arguments = parser.parse_args()
    result = (
        run_auto(arguments.quick, arguments.threads, arguments.most)
        if arguments.auto
        else run(arguments.quick)
    )
    print(f"{result['threads']} threads, load {result['load']:.2f}, {result['versions']}")
    for row in result.get("choices", ()):
        times = "  ".join(f"{name} {1e3 * s:.3g} ms" for name, s in row["seconds"].items())
        print(
            f"N {row['points']:6d} m {row['units']:6d} d {row['dim']}: {row['chosen']:9s} "
            f"{row['chosen_over_best']:.2f} x {row['best']:9s} ({times})"
        )
    rows = verdicts_auto(result) if arguments.auto else verdicts(result)
    for claim, value, bound, holds in rows:
        print(f"{claim:48s} {value:9.3g}   bound {bound:g}   {'holds' if holds else 'MISSED'}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.figure is not None and not arguments.auto:
        draw(result["slopes"], arguments.figure)
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
