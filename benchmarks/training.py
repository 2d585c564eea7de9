"""One gradient-descent step: direct backend against PyTorch, and against its floor.

Run ``python benchmarks/training.py [--json PATH]``. Every number is a median over repeats taken
in turn in one process, on equal threads: full-batch gradient descent on all of a, b, w, float64.

The floor is the time of the sine-cosine polynomial alone, one evaluation a pair: a step needs it
once, then turns each pair to its new frequency, sums four products a pair, and adds up the
output.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from ntkfreq import sincos
from ntkfreq.density import Normal
from ntkfreq.network import FourierFeatureNet
from ntkfreq.network.backends import Descent, NetworkState, direct

CASES = ((1024, 4096, 7), (512, 65536, 5))
TARGET_RATIO = 8.0


@sincos.jit(sums=True, parallel=True)
def only_sine_cosine(w: Any, x: Any) -> float:
    total = 0.0
    for j in numba.prange(w.size):
        half = 0.5 * w[j]
        for i in range(x.size):
            c, s = sincos.cos_sin(half * x[i])
            total += c + s
    return total


def torch_step(net: FourierFeatureNet, x: Any, y: Any, step_size: float) -> Callable[[], None]:
    w, a, b = (torch.tensor(np.array(part), requires_grad=True) for part in (net.w, net.a, net.b))
    points, values = torch.tensor(x), torch.tensor(y)
    optimizer = torch.optim.SGD([w, a, b], lr=step_size)

    def step() -> None:
        optimizer.zero_grad()
        phase = points @ w.T
        output = (torch.cos(phase) @ a + torch.sin(phase) @ b) / net.width**0.5
        (0.5 * torch.mean((output - values) ** 2)).backward()
        optimizer.step()

    return step


def direct_step(net: FourierFeatureNet, x: Any, y: Any, step_size: float) -> Callable[[], None]:
    output = direct.evaluate(net.w, net.a, net.b, x)
    parts = (net.w.copy(), net.a.copy(), net.b.copy(), np.zeros_like(net.w), output)
    state, descent = NetworkState(*parts), Descent(step_size)
    return lambda: direct.advance(state, x, y, descent, 1)


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each call, taken in turn so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def run(cases: Any = CASES, threads: int | None = None) -> dict[str, Any]:
    """Times of one step for each (points, width, repeats); default threads: Numba's."""
    threads = threads or numba.get_num_threads()
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    rows = []
    for points, width, repeats in cases:
        net = FourierFeatureNet.sample(Normal(scale=10.0), width, rng=0)
        x = np.linspace(-1, 1, points)
        y = np.sin(3 * x) + 0.5 * np.cos(7 * x)
        frequencies = net.w[:, 0].copy()
        calls = {
            "direct": direct_step(net, x[:, None], y, 0.1),
            "floor": lambda w=frequencies, x=x: only_sine_cosine(w, x),
            "torch": torch_step(net, x[:, None], y, 0.1),
        }
        seconds = medians(calls, repeats)
        per_pair = 1e9 / (points * width)
        rows.append(
            {
                "points": points,
                "width": width,
                "seconds": seconds,
                "ns_per_pair": {name: time * per_pair for name, time in seconds.items()},
                "torch_over_direct": seconds["torch"] / seconds["direct"],
                "direct_over_floor": seconds["direct"] / seconds["floor"],
            }
        )
    versions = {"torch": torch.__version__, "numba": numba.__version__, "numpy": np.__version__}
    return {"threads": threads, "versions": versions, "rows": rows}


def main(arguments: list[str]) -> int:
    result = run()
    print(f"{result['threads']} threads, {result['versions']}; one step, median")
    print("     N       m |  torch ms  direct ms  ratio | ns/pair: direct  floor  direct/floor")
    for row in result["rows"]:
        seconds, pair = row["seconds"], row["ns_per_pair"]
        print(
            f"{row['points']:6d} {row['width']:7d} | {1e3 * seconds['torch']:9.1f} "
            f"{1e3 * seconds['direct']:10.2f} {row['torch_over_direct']:6.1f} |"
            f" {pair['direct']:15.2f} {pair['floor']:6.2f} {row['direct_over_floor']:13.2f}"
        )
    if "--json" in arguments:
        path = Path(arguments[arguments.index("--json") + 1])
        path.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if result["rows"][0]["torch_over_direct"] >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
