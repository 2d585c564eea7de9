"""Predictions step by step: against training, against their floor, and against what was expected.

Run ``python benchmarks/optimizers.py [--quick] [--json PATH]``. The targets of the page "Your
optimizer"; the exit status is 1 when one is missed:

* 64 points, 600 steps of Adam, trained frequencies of standard deviation 10, nodes for an error of
  1e-4: less than 1 s without an epsilon and 3 s with 1e-8, and 1e-4 is met, judged by eight times
  as many nodes;
* training a network of width 65536 on the same problem, on as many threads, takes at least ten
  times as long, on the fastest backend and in PyTorch;
* a photograph of 128 x 128 pixels, 1000 steps, tolerance 1e-2: less than a minute, and its error,
  judged by nodes for 2e-3 over the first 100 steps, within the tolerance;
* what is expected of a step beforehand is right within a factor of two, and so is what is expected
  of whole calls.

Short runs are medians of five after a first one; the photograph is followed once, in a process of
its own. The floor is the time of one sine and cosine for each pair of point and node.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from _stepwise_cost import CALLS, SIZES, measured, printed, printed_call, whole_call
from _training_peers import sines_step, torch_adam_step

from ntkfreq import (
    Adam,
    FourierFeatureNet,
    Normal,
    solve_frequency_pde,
    stepwise_seconds,
    train,
)
from ntkfreq.recursion.nodes import density_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.rules import Rates

POINTS, STEPS, WIDTH, TOLERANCE = 64, 600, 65536, 1e-4
TORCH_STEPS = 15
RHO = Normal(scale=10.0)
EPSILONS = {0.0: 1.0, 1e-8: 3.0}
# Of the photograph: side, steps and tolerance; steps and tolerance of the run that judges it.
SIDE, IMAGE_STEPS, IMAGE_RTOL = 128, 1000, 1e-2
JUDGED_STEPS, JUDGED_RTOL = 100, 2e-3
# Side and steps of the photograph as it is.
LARGE = 512, 300
LOADING = 3.0
TRAINING = {"step_size": 1e-3, "width": 4096}
# At the width that is trained: a step moves the output by 0.03.
STEP_SIZE = 1e-4


def line() -> tuple[np.ndarray, np.ndarray]:
    """Points and values in one dimension."""
    x = np.linspace(-1, 1, POINTS)
    return x, np.sin(3 * x) + 0.5 * np.cos(12 * x) + 0.2 * np.sin(25 * x + 1)


def photograph(side: int) -> tuple[np.ndarray, np.ndarray]:
    """All pixels of the photograph of scikit-image, at (side^2, 2), and their values."""
    from skimage import data
    from skimage.transform import resize

    image = resize(data.camera() / 255.0, (side, side), anti_aliasing=True)
    place = (np.arange(side) + 0.5) / side * 2 - 1
    grid = np.stack(np.meshgrid(place, place, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid, (image - image.mean()).ravel()


def median(call: Callable[[], Any], repeats: int) -> float:
    """Median seconds of some calls after a first one."""
    call()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def use(threads: int) -> None:
    """Let every library take so many threads."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)


def followed(epsilon: float, coarser: float = 1.0) -> Any:
    """The recursion alone, at nodes for the tolerance."""
    x, y = line()
    rule, points = Adam(epsilon=epsilon), x[:, None]
    nodes = density_nodes(RHO, points, TOLERANCE, coarser=coarser)
    rates = Rates.scaled(rule, STEP_SIZE, WIDTH)
    return follow(nodes, points, y, optimizer=rule, rates=rates, steps=STEPS)


def solved(epsilon: float, rtol: float = TOLERANCE) -> Any:
    """The whole call: two paths, sharpness, spectra."""
    options: dict[str, Any] = {"optimizer": Adam(epsilon=epsilon), "step_size": STEP_SIZE}
    return solve_frequency_pde(RHO, line(), width=WIDTH, steps=STEPS, rtol=rtol, **options)


def predictions(repeats: int) -> list[dict[str, Any]]:
    """Seconds of 600 steps, and the error of the nodes against eight times as many."""
    rows = []
    for epsilon, most in EPSILONS.items():
        path, finer = followed(epsilon), followed(epsilon, 1 / 8)
        off = np.sqrt(np.mean((path.output - finer.output) ** 2) / np.mean(path.y**2))
        rows.append(
            {
                "epsilon": epsilon,
                "nodes": path.nodes.count,
                "seconds": median(partial(followed, epsilon), repeats),
                "call_seconds": median(partial(solved, epsilon), repeats),
                "most": most,
                "estimated_error": solved(epsilon).stats["estimated_error"],
                "error": float(off),
            }
        )
    return rows


def against_training(threads: int, repeats: int, steps: int) -> dict[str, Any]:
    """The same problem predicted, and trained at width 65536."""
    use(threads)
    x, y = line()
    net = FourierFeatureNet.sample(RHO, WIDTH, zero_output=True, rng=0)
    run = partial(train, net, x, y, optimizer=Adam(), step_size=STEP_SIZE, threads=threads)
    backend = run(steps=10).stats["backend"]
    step = torch_adam_step(net, x[:, None], y)
    calls: dict[str, tuple[Callable[[], Any], float]] = {
        "recursion for 1e-4": (partial(followed, 1e-8), 1.0),
        "call, rtol 1e-4": (partial(solved, 1e-8), 1.0),
        "call, rtol 1e-3": (partial(solved, 1e-8, 1e-3), 1.0),
        "trained": (partial(run, steps=steps), STEPS / steps),
        "PyTorch": (step, STEPS),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call, _ in calls.values():
        call()
    # In turn, so that a busy moment hits all of them.
    for _ in range(repeats):
        for name, (call, times) in calls.items():
            count = TORCH_STEPS if name == "PyTorch" else 1
            begin = time.perf_counter()
            for _ in range(count):
                call()
            taken[name].append((time.perf_counter() - begin) * times / count)
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    return {"threads": threads, "backend": backend, "width": net.width, "seconds": seconds}


def floor(threads: int, repeats: int) -> list[dict[str, Any]]:
    """Steps by direct sums over the time of one sine and cosine for each pair, on one thread."""
    use(1)
    rows = _over_floor(repeats)
    use(threads)
    return rows


def _over_floor(repeats: int) -> list[dict[str, Any]]:
    rows = []
    for points, steps in ((POINTS, STEPS), (2048, 50)):
        x = np.linspace(-1, 1, points)
        nodes = density_nodes(RHO, x[:, None], TOLERANCE)
        sines = median(sines_step(nodes.frequencies[:, 0], x), repeats)
        for frozen in (True, False):
            rule = Adam(epsilon=0.0)
            took = []
            for _ in range(repeats + 1):
                path = follow(
                    nodes,
                    x[:, None],
                    np.sin(3 * x),
                    optimizer=rule,
                    rates=Rates.scaled(rule, 1e-3, 4096),
                    steps=steps,
                    freeze_frequencies=frozen,
                    record=[steps],
                    sharpness=False,
                    engine="direct",
                )
                took.append(path.seconds / steps)
            step = statistics.median(took[1:])
            rows.append(
                {
                    "points": points,
                    "nodes": nodes.count,
                    "frozen": frozen,
                    "sines_ns_per_pair": 1e9 * sines / points / nodes.count,
                    "step_ns_per_pair": 1e9 * step / points / nodes.count,
                    "step_over_floor": step / sines,
                }
            )
    return rows


def solve_photograph(side: int, steps: int, rtol: float) -> Any:
    """The prediction for the photograph."""
    options: dict[str, Any] = TRAINING | {"optimizer": Adam(), "steps": steps, "rtol": rtol}
    return solve_frequency_pde(Normal(scale=10.0, dim=2), photograph(side), **options)


def photograph_seconds(side: int, steps: int, rtol: float) -> float:
    """What is expected of it."""
    options: dict[str, Any] = TRAINING | {"optimizer": Adam(), "steps": steps, "rtol": rtol}
    return stepwise_seconds(Normal(scale=10.0, dim=2), photograph(side), **options)


def only_photograph(side: int, steps: int, rtol: float) -> dict[str, Any]:
    """The photograph in this process, with all loading of libraries."""
    begin = time.perf_counter()
    told = photograph_seconds(side, steps, rtol)
    asked = time.perf_counter() - begin
    begin = time.perf_counter()
    solution = solve_photograph(side, steps, rtol)
    took = time.perf_counter() - begin
    return {
        "side": side,
        "steps": steps,
        "nodes": solution.stats["nodes"],
        "engine": solution.stats["engine"],
        "seconds": took,
        "path_seconds": solution.stats["seconds"],
        "asking_seconds": asked,
        "expected_over_measured": told / took,
        "estimated_error": solution.stats["estimated_error"],
        "status": solution.status,
    }


def in_a_process(side: int, steps: int, rtol: float, cache: str | None = None) -> dict[str, Any]:
    """The same in a process of its own, compiled code from `cache`."""
    command = [sys.executable, __file__, "--only", str(side), str(steps), str(rtol)]
    environment = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": cache})
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def images(quick: bool) -> dict[str, Any]:
    """The photograph: once, its error judged by more nodes, and how a process begins."""
    side, steps = (32, 50) if quick else (SIDE, IMAGE_STEPS)
    judged = 20 if quick else JUDGED_STEPS
    few, many = (solve_photograph(side, judged, rtol) for rtol in (IMAGE_RTOL, JUDGED_RTOL))
    off = np.sqrt(np.mean((few.path.output - many.path.output) ** 2) / np.mean(few.path.y**2))
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (in_a_process(side, 10, IMAGE_RTOL, cache)["seconds"] for _ in range(2))
    return {
        "run": in_a_process(side, steps, IMAGE_RTOL),
        "judged": {
            "steps": judged,
            "nodes": [few.stats["nodes"], many.stats["nodes"]],
            "estimated_error": few.stats["estimated_error"],
            "error": float(off),
        },
        "ten_steps": {"compiled": cold, "from_the_cache": warm},
        "large": in_a_process(*((64, 20) if quick else LARGE), IMAGE_RTOL),
    }


def run(quick: bool) -> dict[str, Any]:
    """All measurements."""
    threads, repeats = numba.config.NUMBA_NUM_THREADS, 1 if quick else 5
    counts = sorted({1, threads})
    found: dict[str, Any] = {
        "threads": threads,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
        "versions": {name: version(name) for name in ("torch", "numba", "numpy", "finufft")},
        "predictions": predictions(repeats),
        "training": [against_training(n, min(repeats, 3), 20 if quick else STEPS) for n in counts],
        "floor": floor(threads, repeats),
        "costs": [measured(size, repeats) for size in (SIZES[:9] if quick else SIZES)],
        "calls": [whole_call(call, repeats) for call in (CALLS[:3] if quick else CALLS)],
        "photograph": images(quick),
    }
    found["load_after"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return found


def told(result: dict[str, Any]) -> None:
    """Print what is no verdict."""
    print(f"{result['threads']} threads, load {result['load']:.2f}, {result['versions']}")
    for row in result["predictions"]:
        print(
            f"  epsilon {row['epsilon']:g}: {row['nodes']} nodes, whole call "
            f"{row['call_seconds']:.2f} s, estimated error {row['estimated_error']:.1e}"
        )
    for row in result["training"]:
        times = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in row["seconds"].items())
        print(f"  {row['threads']} thread(s), backend {row['backend']}: {times}")
    for row in result["floor"]:
        print(
            f"  {row['points']} points, {row['nodes']} nodes, "
            f"{'frozen' if row['frozen'] else 'trained'}: {row['step_ns_per_pair']:.2f} ns a pair, "
            f"{row['step_over_floor']:.2f} times the floor"
        )
    for row in result["costs"]:
        print(printed(row))
    for row in result["calls"]:
        print(printed_call(row))
    image = result["photograph"]
    print(f"  photograph: {image['run']}")
    print(f"  judged: {image['judged']}, ten steps: {image['ten_steps']}")
    print(f"  larger: {image['large']}")


def verdicts(result: dict[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Claim, value, bound, and whether it holds."""
    image, judged = result["photograph"]["run"], result["photograph"]["judged"]
    right = [row["expected_over_measured"] for row in result["costs"]]
    right += [row["expected_over_measured"] for row in result["calls"]]
    # Short ones are mostly the loading of libraries.
    images = [row for row in (image, result["photograph"]["large"]) if row["seconds"] > LOADING]
    right += [row["expected_over_measured"] for row in images]
    at_most = [
        *[
            (f"600 steps, epsilon {row['epsilon']:g}: seconds", row["seconds"], row["most"])
            for row in result["predictions"]
        ],
        *[
            (f"their error, epsilon {row['epsilon']:g}", row["error"], TOLERANCE)
            for row in result["predictions"]
        ],
        ("photograph: seconds", image["seconds"], 60.0),
        ("its estimated error", image["estimated_error"], IMAGE_RTOL),
        ("its error over 100 steps", judged["error"], IMAGE_RTOL),
        ("expected over measured seconds, largest", max(right), 2.0),
        ("measured over expected seconds, largest", 1 / min(right), 2.0),
    ]
    at_least = [
        (
            f"{slow} over {fast}, {row['threads']} thread(s)",
            row["seconds"][slow] / row["seconds"][fast],
            10.0,
        )
        for row in result["training"]
        for slow in ("trained", "PyTorch")
        for fast in list(row["seconds"])[:3]
    ]
    return [(*row, row[1] <= row[2]) for row in at_most] + [
        (*row, row[1] >= row[2]) for row in at_least
    ]


def main() -> int:
    """Measure, print, write; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--only", nargs=3, type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        side, steps, rtol = given.only
        print(json.dumps(only_photograph(int(side), int(steps), rtol)))
        return 0
    result = run(given.quick)
    told(result)
    rows = verdicts(result)
    for claim, value, bound, holds in rows:
        print(f"{claim:46s} {value:9.3g}   target {bound:g}   {'met' if holds else 'MISSED'}")
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
