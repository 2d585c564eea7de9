"""One step of fast transforms at a million units, in a process whose memory is its own.

Run ``python benchmarks/_large_step.py DIM``; prints JSON. No PyTorch here, which alone takes a
third of a gigabyte.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from ntkfreq.network import FourierFeatureNet
from ntkfreq.network.backends import Descent, NetworkState, load
from ntkfreq.problem.density import Normal

UNITS = 1_000_000


def peak_gigabytes() -> float:
    """Largest resident memory since this program began, not since its parent did (Linux)."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    return float("nan")


def main(dim: int, repeats: int = 5) -> None:
    """Time the step; frequencies of standard deviation 20, inputs in [-1, 1]."""
    net = FourierFeatureNet.sample(Normal(scale=20.0, dim=dim), UNITS, rng=0)
    if dim == 1:
        x = np.random.default_rng(0).uniform(-1, 1, (100_000, 1))
    else:
        side = np.linspace(-1, 1, 256)
        x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    y = np.sin(3 * x[:, 0]) + 0.5 * np.cos(7 * x[:, -1])
    engine, descent = load("nufft", tolerance=1e-9), Descent(0.1)
    theta = net.packed()
    state = NetworkState.start(theta, dim, engine.evaluate(theta, x), descent)
    engine.advance(state, x, y, descent, 1)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        engine.advance(state, x, y, descent, 1)
        seconds.append(time.perf_counter() - started)
    row = {
        "dim": dim,
        "points": len(x),
        "units": UNITS,
        "tolerance": 1e-9,
        "seconds": statistics.median(seconds),
        "peak_gb": peak_gigabytes(),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(int(sys.argv[1]))
