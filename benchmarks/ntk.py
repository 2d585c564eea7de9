"""Kernels at scale: empirical Gram matrices against torch.func, products and flow against dense.

Run ``python benchmarks/ntk.py [--json PATH] [--figure PATH]``. Three claims, each a target; the
exit status is 1 when one is missed:

* the empirical Gram matrix of one network, by ntkfreq and by ``torch.func`` (vmap of jacrev, then
  the product of the Jacobian) on the same network as a module, with JAX where it is installed:
  at 1024 points and width 4096 at least 3 times as fast in one dimension. In eight dimensions
  nothing can be interpolated, and the ratio is that of matrix products;
* a product of the limiting Gram matrix with a vector at 1e6 scattered points in less than a second,
  beside the dense BLAS product where the matrix fits;
* gradient flow of 1e5 points at 16 times in less than a minute with an error below 1e-5 of the
  initial one, judged by singular vectors of the frequency features, which share no code with it.

Medians of repeats taken in turn in one process, on equal threads, after a first run of each.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from operator import matmul
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numba
import numpy as np
import torch
from scipy import linalg
from threadpoolctl import threadpool_info
from torch.func import functional_call, jacrev, vmap

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    empirical_ntk_gram,
    gram_flow,
    ntk_gram,
    ntk_operator,
)
from ntkfreq.plotting import BLUE, GREY, ORANGE

THREADS, REPEATS = 2, 7
POINTS, WIDTH = 1024, 4096
SIZES, DENSE_SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000), (1000, 3000, 10_000)
FLOW_POINTS, SCALE, SIGMA_A = 100_000, 20.0, 0.7
TIMES = np.geomspace(0.1, 1e4, 16)
TARGETS = {"ratio": 3.0, "product_seconds": 1.0, "flow_seconds": 60.0, "flow_error": 1e-5}


def _start(self: Any, net: FourierFeatureNet) -> None:
    torch.nn.Module.__init__(self)
    for name in ("w", "a", "b"):
        setattr(self, name, torch.nn.Parameter(torch.tensor(getattr(net, name))))


def _forward(self: Any, x: Any) -> Any:
    """Outputs at points (n, d)."""
    phase = x @ self.w.T
    return (torch.cos(phase) @ self.a + torch.sin(phase) @ self.b) / self.a.numel() ** 0.5


# The network as PyTorch users write it, but for the class statement: PyTorch comes without types.
Module: Any = type("Module", (torch.nn.Module,), {"__init__": _start, "forward": _forward})


def torch_gram(net: FourierFeatureNet, x: Any) -> Callable[[], Any]:
    module, points = Module(net), torch.tensor(x)
    values = {name: value.detach() for name, value in module.named_parameters()}

    def output(parameters: Any, point: Any) -> Any:
        return functional_call(module, parameters, (point[None],)).squeeze(0)

    def gram() -> Any:
        rows = vmap(jacrev(output), (None, 0))(values, points)
        return sum(part.flatten(1) @ part.flatten(1).T for part in rows.values()).numpy()

    return gram


def jax_gram(net: FourierFeatureNet, x: Any) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)

    def output(parameters: Any, point: Any) -> Any:
        w, a, b = parameters
        phase = w @ point
        return (jax.numpy.cos(phase) @ a + jax.numpy.sin(phase) @ b) / len(a) ** 0.5

    def gram(parameters: Any, points: Any) -> Any:
        rows = jax.vmap(jax.grad(output), (None, 0))(parameters, points)
        flat = [part.reshape(len(points), -1) for part in rows]
        return sum(part @ part.T for part in flat)

    compiled = jax.jit(gram)
    parameters, points = tuple(map(jax.numpy.asarray, (net.w, net.a, net.b))), jax.numpy.asarray(x)
    return lambda: np.asarray(compiled(parameters, points))


def measured(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each call, taken in turn so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(REPEATS + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def empirical(dim: int) -> dict[str, Any]:
    """Seconds of one Gram matrix, and how far the results are apart."""
    net = FourierFeatureNet.sample(Normal(scale=10.0 / dim**0.5, dim=dim), WIDTH, rng=0)
    x = np.random.default_rng(0).uniform(-1, 1, (POINTS, dim))
    calls = {"ntkfreq": lambda: empirical_ntk_gram(net, x), "torch.func": torch_gram(net, x)}
    if importlib.util.find_spec("jax") is not None:
        calls["jax"] = jax_gram(net, x)
    grams = {name: call() for name, call in calls.items()}
    scale = np.abs(grams["torch.func"]).max()
    seconds = measured(calls)
    return {
        "points": POINTS,
        "width": WIDTH,
        "dim": dim,
        "seconds": seconds,
        "ratio": {name: seconds[name] / seconds["ntkfreq"] for name in calls},
        "difference": float(np.abs(grams["ntkfreq"] - grams["torch.func"]).max() / scale),
    }


def products() -> list[dict[str, Any]]:
    """Seconds to make the operator, of its product, and of the dense product."""
    rows = []
    for size in SIZES:
        rng = np.random.default_rng(0)
        x, v = rng.uniform(-1, 1, size), rng.standard_normal(size)
        started = time.perf_counter()
        operator = ntk_operator(Normal(scale=SCALE), x, sigma_a=SIGMA_A, method="nufft")
        setup = time.perf_counter() - started
        calls: dict[str, Callable[[], Any]] = {"nufft": partial(matmul, operator, v)}
        row: dict[str, Any] = {"points": size, "setup": setup, "error": operator.kernel_error}
        if size in DENSE_SIZES:
            started = time.perf_counter()
            matrix = ntk_gram(Normal(scale=SCALE), x, sigma_a=SIGMA_A)
            row["dense_setup"] = time.perf_counter() - started
            calls["dense"] = partial(matmul, matrix, v)
            gap = np.abs(operator @ v - matrix @ v).max() / np.abs(matrix @ v).max()
            row["difference"] = float(gap)
        rows.append(row | {"seconds": measured(calls)})
    return rows


def by_singular_vectors(x: Any, start: Any) -> Any:
    """Flow in the span of cos wx, sin wx, x cos wx, x sin wx for w = 0, 1, ..., 160.

    The trapezoid rule in w meets the kernel to rounding: on [-1, 1] its aliases are at
    distance 2 pi - 2, where a normal density of scale 20 has none left.
    """
    w = np.arange(161.0)
    weight = np.exp(-0.5 * (w / SCALE) ** 2) / (np.sqrt(2 * np.pi) * SCALE)
    weight[1:] *= 2
    waves = np.hstack([np.cos(np.outer(x, w)), np.sin(np.outer(x, w))])
    waves *= np.sqrt(np.tile(weight, 2))
    features = np.hstack([waves, SIGMA_A * x[:, None] * waves]) / np.sqrt(x.size)
    modes, sizes, _ = linalg.svd(features, full_matrices=False)
    return start + (np.expm1(-np.outer(TIMES, sizes**2)) * (modes.T @ start)) @ modes.T


def flow() -> dict[str, Any]:
    """Seconds of the flow with its operator, and its largest error over the times."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, FLOW_POINTS)
    start = np.sin(5 * x) + np.cos(23 * x) + 0.1 * rng.standard_normal(x.size)
    found = []

    def solve() -> None:
        operator = ntk_operator(Normal(scale=SCALE), x, sigma_a=SIGMA_A)
        found.append(gram_flow(operator, start, TIMES))

    seconds = measured({"flow": solve})["flow"]
    gaps = np.linalg.norm(found[-1] - by_singular_vectors(x, start), axis=1)
    error = float(gaps.max() / np.linalg.norm(start))
    return {"points": FLOW_POINTS, "times": len(TIMES), "seconds": seconds, "error": error}


def blas() -> list[str]:
    """Library and kernel of each BLAS in the process."""
    info = threadpool_info()
    return [
        f"{one['internal_api']} {one.get('architecture')}" for one in info if "blas" in str(one)
    ]


def run() -> dict[str, Any]:
    torch.set_num_threads(THREADS)
    numba.set_num_threads(THREADS)
    load = os.getloadavg()[0]
    packages = ["ntkfreq", "numpy", "scipy", "numba", "finufft", "torch"]
    return {
        "threads": THREADS,
        "blas": blas(),
        "load_before": load,
        "repeats": REPEATS,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "targets": TARGETS,
        "empirical": [empirical(1), empirical(8)],
        "products": products(),
        "flow": flow(),
    }


def missed(result: dict[str, Any]) -> list[str]:
    """Targets that this run did not meet."""
    reached = {
        "ratio": result["empirical"][0]["ratio"]["torch.func"] >= TARGETS["ratio"],
        "product_seconds": result["products"][-1]["seconds"]["nufft"] < TARGETS["product_seconds"],
        "flow_seconds": result["flow"]["seconds"] < TARGETS["flow_seconds"],
        "flow_error": result["flow"]["error"] < TARGETS["flow_error"],
    }
    return [name for name, good in reached.items() if not good]


def report(result: dict[str, Any]) -> None:
    print(
        f"{THREADS} threads, {result['versions']}, {result['blas']}, load {result['load_before']}"
    )
    for row in result["empirical"]:
        times = ", ".join(f"{name} {1e3 * t:.0f} ms" for name, t in row["seconds"].items())
        ratios = ", ".join(f"{name} {r:.1f}x" for name, r in row["ratio"].items())
        print(f"empirical ({row['points']}, {row['width']}), d = {row['dim']}: {times}; {ratios}")
        print(f"  apart by {row['difference']:.1e} of the largest entry")
    for row in result["products"]:
        dense = row["seconds"].get("dense")
        beside = "" if dense is None else f", dense {1e3 * dense:.2f} ms"
        took = 1e3 * row["seconds"]["nufft"]
        print(
            f"product, {row['points']:8d} points: {took:.2f} ms{beside}; setup {row['setup']:.2f} s"
        )
    one = result["flow"]
    print(f"flow, {one['points']} points: {one['seconds']:.2f} s, error {one['error']:.1e}")
    print("missed:", missed(result) or "nothing")


def draw(result: dict[str, Any], path: Path) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    names = list(result["empirical"][0]["seconds"])
    for k, name in enumerate(names):
        places = np.arange(2) + 0.8 * (k / len(names) - 0.25)
        values = [row["seconds"][name] for row in result["empirical"]]
        axes[0].bar(places, values, 0.8 / len(names), color=(BLUE, ORANGE, GREY)[k], label=name)
    axes[0].set(
        xticks=[0, 1], xticklabels=[f"d = {row['dim']}" for row in result["empirical"]],
        ylabel="time of one Gram matrix (s)",
        title=f"empirical NTK, {POINTS} points, width {WIDTH}",
    )  # fmt: skip
    for name, style, color in (("nufft", "o-", BLUE), ("dense", "s--", ORANGE)):
        rows = [row for row in result["products"] if name in row["seconds"]]
        sizes, times = [r["points"] for r in rows], [r["seconds"][name] for r in rows]
        axes[1].loglog(sizes, times, style, color=color, label=name)
    axes[1].set(
        xlabel="scattered points N", ylabel="time of one product (s)",
        title="limiting NTK times a vector, d = 1",
    )  # fmt: skip
    for ax in axes:
        ax.legend(frameon=False)
    fig.savefig(path, dpi=120)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args(arguments)
    result = run()
    report(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.figure:
        draw(result, options.figure)
    return 1 if missed(result) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
