"""ntkfreq: which frequencies a neural network learns when, predicted before training.

The public names load on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntkfreq.density import Empirical as Empirical
    from ntkfreq.density import Laplace as Laplace
    from ntkfreq.density import Mixture as Mixture
    from ntkfreq.density import Normal as Normal
    from ntkfreq.density import StudentT as StudentT
    from ntkfreq.density import Uniform as Uniform
    from ntkfreq.density import as_density as as_density

__version__ = "0.1.0"

_HOMES = {
    "Normal": "ntkfreq.density",
    "Uniform": "ntkfreq.density",
    "Laplace": "ntkfreq.density",
    "StudentT": "ntkfreq.density",
    "Mixture": "ntkfreq.density",
    "Empirical": "ntkfreq.density",
    "as_density": "ntkfreq.density",
    "solve_frequency_pde": "ntkfreq.pde.solve",
    "FrequencySolution": "ntkfreq.pde.solution",
    "expected_losses": "ntkfreq.pde.expected",
    "ExpectedLosses": "ntkfreq.pde.expected",
    "expected_losses_many": "ntkfreq.pde.expected_many",
    "alias_shares": "ntkfreq.pde.alias_tones",
    "AliasShares": "ntkfreq.pde.alias_tones",
    "FrequencyEquation": "ntkfreq.equation",
    "Target": "ntkfreq.target",
    "Axis": "ntkfreq.axis",
    "Line": "ntkfreq.measure",
    "Box": "ntkfreq.measure",
    "Grid": "ntkfreq.measure",
    "Points": "ntkfreq.measure",
    "ntk_gram": "ntkfreq.ntk.gram",
    "ntk_operator": "ntkfreq.ntk.operator",
    "KernelOperator": "ntkfreq.ntk.operator",
    "ntk_spectrum": "ntkfreq.ntk.eigen",
    "NTKSpectrum": "ntkfreq.ntk.eigen",
    "effective_density": "ntkfreq.ntk.effective",
    "ntk_regression": "ntkfreq.ntk.regression",
    "gram_flow": "ntkfreq.ntk.flow",
    "empirical_ntk_gram": "ntkfreq.ntk.empirical",
    "FourierFeatureNet": "ntkfreq.network",
    "FourierFeatureMLP": "ntkfreq.network",
    "train": "ntkfreq.network",
    "train_many": "ntkfreq.network",
    "TrainHistory": "ntkfreq.network",
    "compare": "ntkfreq.comparison",
    "extrapolate_width": "ntkfreq.width_extrapolation",
    "WidthExtrapolation": "ntkfreq.width_extrapolation",
    "Comparison": "ntkfreq.comparison",
    "grokking_onset": "ntkfreq.grokking",
    "Onset": "ntkfreq.grokking",
    "phase_map": "ntkfreq.grokking",
    "spectral_mismatch": "ntkfreq.grokking",
    "error_spectrum": "ntkfreq.spectrum",
    "band_energy": "ntkfreq.bands",
    "sweep": "ntkfreq.sweeps.run",
    "save_zarr": "ntkfreq.stores",
    "load_zarr": "ntkfreq.stores",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ntkfreq' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
