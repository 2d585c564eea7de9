"""A training run that is killed and called again leaves the history of an unbroken one.

Another process trains with a checkpoint that it rewrites all the time, and gets SIGKILL at a random
moment, often in the middle of a write. The same call then resumes, here, and every array of its
history is compared with that of a run without checkpoint, bit by bit. Backends, optimizers,
batches and decay take turns over the kills.

Claims: every resumed history is identical; most kills hit a run that had begun and not ended.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ntkfreq import (
    Adam,
    AdamW,
    Cosine,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    TrainHistory,
    Warmup,
    train,
)
from validation.engine import Execution, Result, size_of, verdicts

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"seeds": 2, "first": 1},
    "full": {"seeds": 20, "first": 0},
}
STEPS = {"reference": 1500, "direct": 12_000, "nufft": 1500}
RULES: list[dict[str, Any]] = [
    {"optimizer": GradientDescent(), "weight_decay": 0.01, "frequency_decay": 0.002},
    {"optimizer": AdamW(schedule=Warmup(200, Cosine(2000))), "weight_decay": 0.1},
    {"optimizer": HeavyBall(clip=0.05), "batch_size": 17},
    {"optimizer": Nesterov(), "frequency_decay": 0.01, "decay_towards": "start"},
    {"optimizer": Adam(), "freeze_frequencies": True},
]


def settings(seed: int) -> dict[str, Any]:
    """Of the run with this seed."""
    backend = list(STEPS)[seed % len(STEPS)]
    rule = RULES[seed % len(RULES)]
    return {"backend": backend, "steps": STEPS[backend], "step_size": 0.01, "rng": seed} | rule


def history(seed: int, checkpoint: Path | None = None) -> TrainHistory:
    """Train; with a checkpoint, resume what is there."""
    net = FourierFeatureNet.sample(Normal(scale=8.0), 500, rng=seed)
    x = np.linspace(-1.0, 1.0, 40)
    y = np.sin(3 * x) + 0.5 * np.cos(11 * x)
    return train(
        net, x, y, threads=1, checkpoint=checkpoint, checkpoint_seconds=0.0, **settings(seed)
    )


def arrays(run: TrainHistory) -> dict[str, Any]:
    """Every array of a history, and the trained parameters."""
    found = {one.name: getattr(run, one.name) for one in fields(run)}
    kept = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    return kept | {"theta": run.net.packed()}


def killed(seed: int, folder: Path) -> dict[str, Any]:
    """One kill: where it hit, and whether the resumed history is that of an unbroken run."""
    checkpoint = folder / f"run-{seed}.npz"
    started = time.perf_counter()
    whole = history(seed)
    seconds = time.perf_counter() - started
    code = (
        "from pathlib import Path\n"
        "from validation.claims.kill_and_resume.claim import history\n"
        f"history({seed}, Path({str(checkpoint)!r}))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    try:
        while not checkpoint.exists() and child.poll() is None:
            time.sleep(0.005)
        # Writing without pause makes the run slower than the unbroken one.
        time.sleep(float(np.random.default_rng(seed).uniform(0.0, 1.5 * seconds)))
    finally:
        child.kill()
        child.wait()
    resumed = history(seed, checkpoint)
    one, other = arrays(whole), arrays(resumed)
    same = one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )
    stats, rule = resumed.stats, settings(seed)
    return {
        "backend": stats["backend"],
        "optimizer": repr(rule["optimizer"]),
        "resumed_from": stats["resumed_from"],
        "steps": rule["steps"],
        "identical": same,
    }


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """All kills and the verdicts; each kills a process of its own, so they are not spread."""
    config, execution = size_of(SIZES, size), execution or Execution()
    seeds = range(config["first"], config["first"] + config["seeds"])
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            killed(seed, Path(folder))
            for seed in tqdm(seeds, desc="kill_and_resume", disable=not execution.progress)
        ]
    identical = sum(row["identical"] for row in rows)
    halfway = sum(0 < row["resumed_from"] < row["steps"] for row in rows)
    half = config["seeds"] / 2 if size != "quick" else 0
    return Result(
        verdicts(
            {
                "histories identical after a kill": (identical, config["seeds"], config["seeds"]),
                "kills that hit a run halfway": (halfway, half, config["seeds"]),
            }
        ),
        config | {"units": 500, "points": 40, "signal": "SIGKILL"},
        data={"kills": rows},
    )
