"""ntkfreq: which frequencies a neural network learns when, predicted before training.

The public names load on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntkfreq.problem.density import Empirical as Empirical
    from ntkfreq.problem.density import Laplace as Laplace
    from ntkfreq.problem.density import Mixture as Mixture
    from ntkfreq.problem.density import Normal as Normal
    from ntkfreq.problem.density import StudentT as StudentT
    from ntkfreq.problem.density import Uniform as Uniform
    from ntkfreq.problem.density import as_density as as_density

__version__ = "0.1.0"

_HOMES = {
    "Normal": "ntkfreq.problem.density",
    "Uniform": "ntkfreq.problem.density",
    "Laplace": "ntkfreq.problem.density",
    "StudentT": "ntkfreq.problem.density",
    "Mixture": "ntkfreq.problem.density",
    "Empirical": "ntkfreq.problem.density",
    "as_density": "ntkfreq.problem.density",
    "solve_frequency_pde": "ntkfreq.pde.solve",
    "FrequencySolution": "ntkfreq.pde.solution",
    "expected_losses": "ntkfreq.pde.expected.losses",
    "ExpectedLosses": "ntkfreq.pde.expected.losses",
    "expected_losses_many": "ntkfreq.pde.expected.many",
    "alias_shares": "ntkfreq.pde.lattice.alias_tones",
    "AliasShares": "ntkfreq.pde.lattice.alias_tones",
    "FrequencyEquation": "ntkfreq.problem.equation",
    "Target": "ntkfreq.problem.target",
    "Axis": "ntkfreq._support.axis",
    "Line": "ntkfreq.problem.measure",
    "Box": "ntkfreq.problem.measure",
    "Grid": "ntkfreq.problem.measure",
    "Points": "ntkfreq.problem.measure",
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
    "compare": "ntkfreq.comparison.compare",
    "extrapolate_width": "ntkfreq.comparison.width_extrapolation",
    "WidthExtrapolation": "ntkfreq.comparison.width_extrapolation",
    "Comparison": "ntkfreq.comparison.compare",
    "grokking_onset": "ntkfreq.grokking",
    "Onset": "ntkfreq.grokking",
    "phase_map": "ntkfreq.grokking",
    "spectral_mismatch": "ntkfreq.grokking",
    "error_spectrum": "ntkfreq.spectra.spectrum",
    "band_energy": "ntkfreq.spectra.bands",
    "sweep": "ntkfreq.sweeps.run",
    "save_zarr": "ntkfreq.files.stores",
    "load_zarr": "ntkfreq.files.stores",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ntkfreq' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
