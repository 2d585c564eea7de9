"""What a history says about its run: how it ended, and under which circumstances."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import numpy as np

from ntkfreq import __version__
from ntkfreq.network.backends import Backend, Descent
from ntkfreq.network.descent import Path, mean_square
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.inputs import TrainingData
from ntkfreq.network.stability import divergence_remedy


def status(
    net: FourierFeatureNet, data: TrainingData, descent: Descent, path: Path, engine: Backend
) -> str:
    """How the run ended, with the remedy where it ended badly."""
    first, last = (mean_square(path.train_output[k], data.y) for k in (0, -1))
    if path.diverged_loss is not None:
        return (
            f"diverged by step {path.step}: the training loss rose from {first:.3g} to "
            f"{path.diverged_loss:.3g}; records end at step {path.recorded[-1]}. "
            f"{divergence_remedy(net, data.x, engine, descent)}"
        )
    text = f"completed {path.step} steps"
    if last > first:
        text += (
            f"; the training loss ends above its start ({last:.3g} after {first:.3g}), the work of "
            "decay or of too large a step_size"
        )
    return text


def versions() -> dict[str, str]:
    """Versions of what computes: another one may give other last bits."""
    return {
        "numpy": np.__version__,
        "numba": version("numba"),
        "ntkfreq": __version__,
        "machine": platform.machine(),
    }


def description(net: FourierFeatureNet, data: TrainingData) -> dict[str, Any]:
    """Sizes and origin of the network and the data."""
    return {
        "width": net.width,
        "dim": net.dim,
        "points": data.y.size,
        "sigma_a": net.sigma_a,
        "density": None if net.density is None else repr(net.density),
    }
