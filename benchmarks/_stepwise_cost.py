"""What steps and whole predictions take, beside what is expected of them beforehand."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ntkfreq import Adam, Normal, solve_frequency_pde, stepwise_seconds
from ntkfreq.recursion.batches import epoch_batches
from ntkfreq.recursion.cost import StepWork, seconds
from ntkfreq.recursion.nodes import density_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.rules import Rates

# Seconds that one measurement takes about, and the fewest and most steps of it.
SECONDS, FEWEST, MOST = 0.4, 3, 2000


@dataclass(frozen=True)
class Size:
    """A problem: dimension, points, tolerance of the nodes, epsilon, whether w is frozen.

    Points are the pixels of a square, or scattered; a step sees all, or a batch of some.
    """

    dim: int
    points: int
    tolerance: float
    epsilon: float = 0.0
    frozen: bool = False
    pixels: bool = False
    batch: int | None = None


@dataclass(frozen=True)
class Call:
    """A prediction: dimension, samples, steps and tolerance."""

    dim: int
    points: int
    steps: int
    rtol: float


SIZES = (
    Size(1, 64, 1e-4), Size(1, 64, 1e-4, 1e-8), Size(1, 64, 1e-4, frozen=True),
    Size(1, 1024, 1e-4), Size(1, 4096, 1e-3, 1e-8), Size(1, 65536, 1e-3),
    Size(1, 65536, 1e-3, 1e-8), Size(1, 65536, 1e-3, frozen=True),
    Size(2, 64, 1e-2), Size(2, 1024, 1e-2, 1e-8), Size(2, 4096, 1e-2, frozen=True),
    Size(2, 16384, 1e-2), Size(2, 16384, 1e-2, 1e-8), Size(2, 65536, 1e-2, 1e-8),
    Size(3, 64, 1e-2), Size(3, 1024, 1e-2, 1e-8), Size(3, 4096, 1e-2, frozen=True),
    Size(3, 65536, 1e-2, 1e-8),
    Size(2, 4096, 1e-2, 1e-8, pixels=True), Size(2, 16384, 1e-2, 1e-8, pixels=True),
    Size(2, 65536, 3e-3, 1e-8, pixels=True),
    Size(1, 4096, 1e-3, 1e-8, batch=64), Size(2, 16384, 1e-2, 1e-8, batch=256),
    Size(1, 65536, 1e-3, 1e-8, batch=8192),
)  # fmt: skip

# Whole predictions under Adam, as a user asks for them: of the page "Your optimizer".
CALLS = (
    Call(1, 64, 600, 1e-3), Call(1, 64, 600, 1e-4), Call(1, 2048, 1000, 1e-3),
    Call(1, 100_000, 1000, 1e-3), Call(2, 1000, 1000, 1e-2), Call(2, 10_000, 1000, 1e-2),
    Call(3, 1000, 1000, 1e-2),
)  # fmt: skip
# Calls of so many seconds are taken once.
ONCE = 3.0


def whole_call(call: Call, repeats: int) -> dict[str, Any]:
    """Seconds of a prediction at scattered samples, and those expected."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (call.points, call.dim))
    y = np.sin(3 * x[:, 0]) + 0.5 * np.cos(7 * x[:, -1])
    rho_w = Normal(scale=10.0, dim=call.dim)
    options: dict[str, Any] = {"step_size": 1e-3, "width": 4096, "rtol": call.rtol}
    told = stepwise_seconds(rho_w, (x, y), steps=call.steps, **options)
    solve_frequency_pde(rho_w, (x, y), optimizer=Adam(), steps=1, **options)
    took = []
    for _ in range(1 if told > ONCE else repeats):
        begin = time.perf_counter()
        found = solve_frequency_pde(rho_w, (x, y), optimizer=Adam(), steps=call.steps, **options)
        took.append(time.perf_counter() - begin)
    seconds = statistics.median(took)
    return {
        **asdict(call),
        "nodes": found.stats["nodes"],
        "engine": found.stats["engine"],
        "estimated_error": found.stats["estimated_error"],
        "expected": told,
        "seconds": seconds,
        "expected_over_measured": told / seconds,
    }


def printed_call(row: dict[str, Any]) -> str:
    """A line of the table of whole calls."""
    return (
        f"  {row['dim']}-D {row['points']:6d} samples, {row['steps']} steps, rtol {row['rtol']:g}: "
        f"{row['nodes']} nodes, {row['seconds']:.2f} s, expected "
        f"{row['expected_over_measured']:.2f} times that"
    )


def measured(size: Size, repeats: int) -> dict[str, Any]:
    """Seconds of a step, the median of some runs after a first one, and those expected."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (size.points, size.dim))
    if size.pixels:
        side = np.linspace(-1, 1, round(size.points**0.5))
        x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    y = np.sin(3 * x[:, 0]) + 0.5 * np.cos(7 * x[:, -1])
    nodes = density_nodes(Normal(scale=10.0, dim=size.dim), x, size.tolerance)
    rule = Adam(epsilon=size.epsilon)
    kind: dict[str, Any] = {"batched": size.batch is not None}
    told = seconds(nodes, x[: size.batch], 1, frozen=size.frozen, damped=size.epsilon > 0, **kind)
    steps = int(np.clip(SECONDS / told, FEWEST, MOST))

    def run(count: int) -> Any:
        return follow(
            nodes,
            x,
            y,
            optimizer=rule,
            rates=Rates.scaled(rule, 1e-3, 4096),
            steps=count,
            freeze_frequencies=size.frozen,
            batches=None if size.batch is None else epoch_batches(len(x), size.batch, count, 0),
            record=[count],
            sharpness=False,
        )

    run(FEWEST)
    paths = [run(steps) for _ in range(repeats)]
    took = statistics.median(path.seconds for path in paths) / steps
    work = StepWork.of(nodes, x[: size.batch], size.frozen, size.epsilon > 0, **kind)
    return {
        **asdict(size),
        "nodes": nodes.count,
        "engine": paths[0].engine,
        "engines": {name: work.seconds(name) for name in ("direct", "nufft")},
        "expected": told,
        "seconds": took,
        "expected_over_measured": told / took,
    }


def printed(row: dict[str, Any]) -> str:
    """A line of the table."""
    kind = "frozen " if row["frozen"] else "trained"
    points = f"{row['points']:6d} {'pixels' if row['pixels'] else 'points'}"
    batch = "" if row["batch"] is None else f", batches of {row['batch']}"
    return (
        f"  {row['dim']}-D {points} {row['nodes']:6d} nodes, {kind}, epsilon {row['epsilon']:5g}"
        f"{batch}, {row['engine']:6s} {1e3 * row['seconds']:9.3f} ms a step, expected "
        f"{row['expected_over_measured']:.2f} times that"
    )
