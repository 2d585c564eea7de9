"""What a history says about its run: how it ended, and under which circumstances."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from ntkfreq import __version__
from ntkfreq.network.backends import LARGEST_PHASE, Descent
from ntkfreq.network.backends.limits import share_of
from ntkfreq.network.descent import Path, mean_square
from ntkfreq.network.engine import Engine
from ntkfreq.network.inputs import TrainingData
from ntkfreq.network.stability import divergence_remedy

# Rounding of the largest phase, in radians, from which on the status names it.
_NAMED = {"float64": 1e-9, "float32": 1e-3}
# Packages whose version may change the last bits of a backend's results.
_ENGINES = {
    "reference": ("numpy",),
    "direct": ("numpy", "numba"),
    "nufft": ("numpy", "finufft", "numba"),
    "torch": ("numpy", "torch"),
}


def status(
    theta: Any, data: TrainingData, descent: Descent, path: Path, engine: Engine, first: int
) -> str:
    """How the run ended, with the remedy where it ended badly; theta are the first parameters."""
    text = _ending(theta, data, descent, path, engine, first)
    if path.unsaved is not None:
        text += (
            f"; {path.unsaved}: this history is complete, but the same call would not resume it; "
            "make room there, or name a file elsewhere"
        )
    return text


def _ending(
    theta: Any, data: TrainingData, descent: Descent, path: Path, engine: Engine, first: int
) -> str:
    outputs = path.records["train_output"]
    start, last = (mean_square(outputs[k], data.y) for k in (0, -1))
    if path.diverged is not None:
        scale = path.state.scale
        return (
            f"diverged by step {path.state.step}: {path.diverged}; "
            f"records end at step {path.records['step'][-1]}. "
            f"{divergence_remedy(theta, data.x, engine.backend, descent, first, scale)}"
        )
    text = f"completed {path.state.step} steps"
    if last > start:
        text += (
            f"; the training loss ends above its start ({last:.3g} after {start:.3g}), the work of "
            "decay or of too large a step_size"
        )
    dtype = engine.precision.dtype
    if path.state.bound is not None:
        share = share_of(path.kept, path.state.frequency_rows, path.state.bound)
        phase = share * LARGEST_PHASE[dtype]
        if phase * np.finfo(dtype).eps > _NAMED[dtype]:
            text += (
                f"; phases |w.x| reach {phase:.3g}, which {dtype} holds to "
                f"{0.5 * phase * np.finfo(dtype).eps:.1g} radians"
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
    # Given batches are an array, which the caller has.
    rule = asdict(replace(descent, given=None))
    del rule["given"]
    rule |= {"optimizer": repr(descent.optimizer), "backend": engine.name}
    return rule | asdict(engine.precision) | versions(engine.name) | others


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
