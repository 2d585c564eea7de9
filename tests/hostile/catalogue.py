"""All tries, by name, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable

from . import (
    try_batches,
    try_files,
    try_kernels,
    try_layers,
    try_linearized,
    try_measures,
    try_methods,
    try_network,
    try_records,
    try_solve,
    try_spectra,
    try_stepped,
)
from .attempts import Try
from .values import Draw

SCENARIOS: dict[str, tuple[int, Callable[[Draw], Try]]] = {
    "solve on points": (12, try_solve.solve_points),
    "solution": (4, try_solve.solve_method),
    "expected losses": (5, try_solve.expected),
    "box": (5, try_measures.box),
    "line and grid": (6, try_measures.line),
    "plane": (1, try_measures.plane),
    "alias shares": (4, try_measures.shares),
    "gram": (4, try_kernels.limit_gram),
    "operator": (3, try_kernels.operator),
    "kernel spectrum": (2, try_kernels.spectrum),
    "regression": (3, try_kernels.regression),
    "gram flow": (3, try_kernels.fixed_flow),
    "error spectrum": (4, try_spectra.errors),
    "mismatch and bands": (3, try_spectra.mismatch),
    "density": (4, try_kernels.densities),
    "effective density": (1, try_spectra.effective),
    "width": (1, try_spectra.width_limit),
    "train": (10, try_network.training),
    "train, wild": (3, try_network.wild_training),
    "network": (4, try_network.network),
    "sampled network": (4, try_network.sampled),
    "deep network": (1, try_network.layers),
    "train many": (1, try_network.many),
    "compare": (1, try_network.laid_over),
    "onset": (5, try_records.onset),
    "phase map": (1, try_records.phases),
    "sweep": (2, try_records.swept),
    "store": (2, try_files.stored),
    "profile": (3, try_files.profile),
    "archive": (1, try_files.archive),
    "command": (1, try_files.command),
    **try_methods.SCENARIOS,
    **try_stepped.SCENARIOS,
    **try_batches.SCENARIOS,
    **try_layers.SCENARIOS,
    **try_linearized.SCENARIOS,
}


def draw(seed: int, index: int, only: tuple[str, ...] = ()) -> tuple[str, Try]:
    """The try of this seed and index, whatever ran before it; `only` some scenarios."""
    rng = Draw(seed, index)
    names = list(only or SCENARIOS)
    (name,) = rng.choices(names, [SCENARIOS[name][0] for name in names])
    return name, SCENARIOS[name][1](rng)
