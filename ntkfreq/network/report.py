"""What a history says about its run: how it ended, and under which circumstances."""

from __future__ import annotations

import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from ntkfreq import __version__
from ntkfreq.network.backends import Backend, Descent
from ntkfreq.network.descent import Path, mean_square
from ntkfreq.network.engine import Engine
from ntkfreq.network.inputs import TrainingData
from ntkfreq.network.stability import divergence_remedy

# Packages whose version may change the last bits of a backend's results.
_ENGINES = {
    "reference": ("numpy",),
    "direct": ("numpy", "numba"),
    "nufft": ("numpy", "finufft", "numba"),
    "torch": ("numpy", "torch"),
}


def status(
    theta: Any, data: TrainingData, descent: Descent, path: Path, engine: Backend, first: int
) -> str:
    """How the run ended, with the remedy where it ended badly; theta are the first parameters."""
    outputs = path.records["train_output"]
    start, last = (mean_square(outputs[k], data.y) for k in (0, -1))
    if path.diverged_loss is not None:
        return (
            f"diverged by step {path.state.step}: the training loss rose from {start:.3g} to "
            f"{path.diverged_loss:.3g}; records end at step {path.records['step'][-1]}. "
            f"{divergence_remedy(theta, data.x, engine, descent, first)}"
        )
    text = f"completed {path.state.step} steps"
    if last > start:
        text += (
            f"; the training loss ends above its start ({last:.3g} after {start:.3g}), the work of "
            "decay or of too large a step_size"
        )
    return text


# Reading the metadata of an installed package takes milliseconds, as long as a short run.
_version = cache(version)


def versions(backend: str) -> dict[str, str]:
    """Versions of what computes: another one may give other last bits."""
    found = {name: _version(name) for name in _ENGINES[backend]}
    return found | {"ntkfreq": __version__, "machine": platform.machine()}


def deciding(descent: Descent, engine: Engine, **others: Any) -> dict[str, Any]:
    """Settings that decide what a run computes, apart from its arrays."""
    rule = asdict(descent) | {"optimizer": repr(descent.optimizer), "backend": engine.name}
    return rule | engine.settings | versions(engine.name) | others


def description(net: Any, data: TrainingData) -> dict[str, Any]:
    """Sizes and origin of the network and the data."""
    hidden = {name: getattr(net, name) for name in ("sigma_w", "sigma_b") if hasattr(net, name)}
    return hidden | {
        "width": net.width,
        "architecture": net.architecture,
        "dim": net.dim,
        "points": data.y.size,
        "sigma_a": net.sigma_a,
        "density": None if net.density is None else repr(net.density),
    }
