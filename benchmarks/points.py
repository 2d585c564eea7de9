"""Solutions on many samples: seconds and memory against the number of samples, way by way.

Run ``python benchmarks/points.py [--quick] [--json PATH] [--figure PATH]``. The targets of the page
"Any number of samples"; the exit status is 1 when one is missed:

* one dimension, 1e6 samples, standard deviation 20, 64 times over six decades, rtol 1e-6: less than
  2 s and 1 GB; 1e7 samples less than 20 s; seconds grow no faster than N^1.1 from 1e5 on;
* the photograph of scikit-image, 512 x 512 pixels, half of them, standard deviation 60, the default
  clock, 65 times: less than 30 s and 2 GB; 128 x 128, a quarter: less than 2 s at
  standard deviation 20 and 4 s at 60;
* kernel regression with ridge 1e-4 at 1e6 samples: less than 3 s in one dimension and 15 s in two;
  with the tail of a Student t density (3 degrees of freedom, scale 5) in two dimensions and 1e5
  samples to 1e-4, less than 15 s; expected losses at 1e5 samples less than 10 s.

Each figure is the median of five runs after a first one. Memory is the peak of a process that does
nothing else.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from ntkfreq import Normal, StudentT, expected_losses, ntk_regression, solve_frequency_pde
from ntkfreq.plotting import BLUE, GREEN, ORANGE, subplots

REPEATS = 5
TIMES = np.append(0.0, np.geomspace(1e-2, 1e4, 64))
SIZES = [1000, 3000, 10_000, 100_000, 1_000_000, 10_000_000]
WAYS = {"gram": (SIZES[:2], ORANGE), "lanczos": (SIZES[:4], GREEN), "frequency": (SIZES, BLUE)}
TARGETS = {
    "line 1e6": (2.0, 1.0),
    "line 1e7": (20.0, np.inf),
    "photograph 512, std 60": (30.0, 2.0),
    "photograph 128, std 20": (2.0, np.inf),
    "photograph 128, std 60": (4.0, np.inf),
    "regression 1-D": (3.0, np.inf),
    "regression 2-D": (15.0, np.inf),
    "regression 2-D, Student t": (15.0, np.inf),
    "expected losses": (10.0, np.inf),
}


def line(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scattered samples of two tones with noise."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, count)
    return x, np.sin(7 * x) + 0.5 * np.cos(31 * x) + 0.1 * rng.standard_normal(count)


def pixels(every: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Some pixels of the photograph."""
    from skimage import data

    image = data.camera()[::every, ::every] / 255.0
    side = (np.arange(len(image)) + 0.5) / len(image) * 2 - 1
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    some = np.random.default_rng(0).permutation(image.size)[: int(share * image.size)]
    return grid[some], image.ravel()[some] - image.mean()


def solve_line(count: int, method: str = "auto") -> Any:
    """The solution in one dimension."""
    return solve_frequency_pde(
        Normal(scale=20.0),
        line(count),
        sigma_a=0.7,
        t=TIMES,
        frequencies=np.linspace(0, 60, 61),
        method=method,
    )


def solve_photograph(every: int, share: float, scale: float) -> Any:
    """The solution for a photograph on the default clock."""
    return solve_frequency_pde(Normal(scale=scale, dim=2), pixels(every, share))


def regress(dim: int) -> Any:
    """Kernel regression on a million samples."""
    x = np.random.default_rng(0).uniform(-1, 1, (1_000_000, dim))
    return ntk_regression(Normal(scale=20.0, dim=dim), x, np.sin(9 * x[:, 0]), ridge=1e-4)


def regress_heavy() -> Any:
    """Kernel regression with a heavy tail."""
    x = np.random.default_rng(0).uniform(-1, 1, (100_000, 2))
    rho_w, y = StudentT(3, scale=5.0, dim=2), np.sin(9 * x[:, 0])
    return ntk_regression(rho_w, x, y, ridge=1e-4, rtol=1e-4)


PROBLEMS: dict[str, Callable[[], Any]] = {
    "line 1e6": lambda: solve_line(1_000_000),
    "line 1e7": lambda: solve_line(10_000_000),
    "photograph 512, std 60": lambda: solve_photograph(1, 0.5, 60.0),
    "photograph 128, std 20": lambda: solve_photograph(4, 0.25, 20.0),
    "photograph 128, std 60": lambda: solve_photograph(4, 0.25, 60.0),
    "regression 1-D": lambda: regress(1),
    "regression 2-D": lambda: regress(2),
    "regression 2-D, Student t": regress_heavy,
    "expected losses": lambda: expected_losses(Normal(scale=20.0), line(100_000), t=TIMES),
}


def seconds(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median of some runs after a first one."""
    call()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def alone(name: str) -> dict[str, float]:
    """One problem in a process of its own: seconds and the peak of its memory."""
    command = [sys.executable, __file__, "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def growth(quick: bool) -> dict[str, dict[str, float]]:
    """Seconds by way and number of samples."""
    found: dict[str, dict[str, float]] = {}
    for way, (sizes, _) in WAYS.items():
        chosen = [size for size in sizes if not quick or size <= 100_000]
        found[way] = {}
        for size in chosen:
            call = partial(solve_line, size, way)
            found[way][str(size)] = seconds(call, 1 if quick else REPEATS)
            print(f"  {way:10s} {size:>9d} samples {found[way][str(size)]:8.3f} s", flush=True)
    return found


def steepness(curve: dict[str, float]) -> float:
    """Exponent of the growth from 1e5 samples on."""
    sizes = [float(size) for size in curve if float(size) >= 1e5]
    values = [curve[f"{size:.0f}"] for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) if len(sizes) > 1 else np.nan


def draw(found: dict[str, dict[str, float]], path: str) -> None:
    """Seconds against the number of samples."""
    figure, ax = subplots(figsize=(6.4, 3.6))
    names = {"gram": "matrix", "lanczos": "products on the samples", "frequency": "waves"}
    for way, curve in found.items():
        sizes = [float(size) for size in curve]
        ax.loglog(sizes, list(curve.values()), "o-", color=WAYS[way][1], label=names[way])
    ax.set(xlabel="samples", ylabel="seconds of a solution")
    ax.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> int:
    """Measure, print, write, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each")
    parser.add_argument("--json", help="where to write the figures")
    parser.add_argument("--figure", help="where to draw the growth")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        took = seconds(PROBLEMS[given.only])
        # The system's own figure for this program; that of `resource` may be its parent's.
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        peak = next(float(one.split()[1]) for one in lines if one.startswith("VmHWM")) / 1e6
        print(json.dumps({"seconds": took, "gigabytes": peak}))
        return 0
    mpl.use("Agg")
    curves = growth(given.quick)
    missed = []
    results: dict[str, Any] = {"growth": curves, "problems": {}}
    if not given.quick:
        results["exponent"] = steepness(curves["frequency"])
        missed += ["growth"] if results["exponent"] > 1.1 else []
        for name, (most, room) in TARGETS.items():
            one = alone(name)
            results["problems"][name] = one
            met = one["seconds"] <= most and one["gigabytes"] <= room
            missed += [] if met else [name]
            print(
                f"  {name:24s} {one['seconds']:7.2f} s (at most {most:g}) {one['gigabytes']:.2f} GB"
            )
        print(f"  seconds grow like N^{results['exponent']:.2f}")
    results["environment"] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in ("ntkfreq", "numpy", "scipy", "finufft")},
    }
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if given.figure:
        draw(curves, given.figure)
    print("missed: " + ", ".join(missed) if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
