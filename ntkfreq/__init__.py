"""ntkfreq: which frequencies a neural network learns when, predicted before training.

The public names load on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

# What type checkers read; a test holds it equal to `_HOMES`.
if TYPE_CHECKING:
    from ntkfreq._support.axis import Axis as Axis
    from ntkfreq.comparison.compare import Comparison as Comparison
    from ntkfreq.comparison.compare import compare as compare
    from ntkfreq.comparison.width_extrapolation import WidthExtrapolation as WidthExtrapolation
    from ntkfreq.comparison.width_extrapolation import extrapolate_width as extrapolate_width
    from ntkfreq.files.stores import load_zarr as load_zarr
    from ntkfreq.files.stores import save_zarr as save_zarr
    from ntkfreq.grokking import Onset as Onset
    from ntkfreq.grokking import grokking_onset as grokking_onset
    from ntkfreq.grokking import phase_map as phase_map
    from ntkfreq.grokking import spectral_mismatch as spectral_mismatch
    from ntkfreq.images import ImageSamples as ImageSamples
    from ntkfreq.images import ImageSolution as ImageSolution
    from ntkfreq.images import image_samples as image_samples
    from ntkfreq.images import solve_image as solve_image
    from ntkfreq.network import FourierFeatureMLP as FourierFeatureMLP
    from ntkfreq.network import FourierFeatureNet as FourierFeatureNet
    from ntkfreq.network import TrainHistory as TrainHistory
    from ntkfreq.network import train as train
    from ntkfreq.network import train_many as train_many
    from ntkfreq.network.linearized import LinearizedRun as LinearizedRun
    from ntkfreq.network.linearized import train_linearized as train_linearized
    from ntkfreq.ntk.effective import effective_density as effective_density
    from ntkfreq.ntk.eigen import NTKSpectrum as NTKSpectrum
    from ntkfreq.ntk.eigen import ntk_spectrum as ntk_spectrum
    from ntkfreq.ntk.empirical import empirical_ntk_gram as empirical_ntk_gram
    from ntkfreq.ntk.flow import gram_flow as gram_flow
    from ntkfreq.ntk.gram import ntk_gram as ntk_gram
    from ntkfreq.ntk.operator import KernelOperator as KernelOperator
    from ntkfreq.ntk.operator import ntk_operator as ntk_operator
    from ntkfreq.ntk.regression import ntk_regression as ntk_regression
    from ntkfreq.pde.batches.losses import batch_losses as batch_losses
    from ntkfreq.pde.batches.result import BatchLosses as BatchLosses
    from ntkfreq.pde.expected.losses import ExpectedLosses as ExpectedLosses
    from ntkfreq.pde.expected.losses import expected_losses as expected_losses
    from ntkfreq.pde.expected.many import expected_losses_many as expected_losses_many
    from ntkfreq.pde.expected.output import expected_output as expected_output
    from ntkfreq.pde.expected.output_result import ExpectedOutput as ExpectedOutput
    from ntkfreq.pde.lattice.alias_tones import AliasShares as AliasShares
    from ntkfreq.pde.lattice.alias_tones import alias_shares as alias_shares
    from ntkfreq.pde.solution.drawn_kernels import DrawnKernels as DrawnKernels
    from ntkfreq.pde.solution.solution import FrequencySolution as FrequencySolution
    from ntkfreq.pde.solve import solve_frequency_pde as solve_frequency_pde
    from ntkfreq.pde.stepped.asking import stepwise_seconds as stepwise_seconds
    from ntkfreq.pde.stepped.finite_width import FiniteWidth as FiniteWidth
    from ntkfreq.pde.stepped.line_law import LearningSteps as LearningSteps
    from ntkfreq.pde.stepped.line_law import learning_steps as learning_steps
    from ntkfreq.pde.stepped.solution import SteppedSolution as SteppedSolution
    from ntkfreq.problem.density import Density as Density
    from ntkfreq.problem.density import Empirical as Empirical
    from ntkfreq.problem.density import Laplace as Laplace
    from ntkfreq.problem.density import Mixture as Mixture
    from ntkfreq.problem.density import Normal as Normal
    from ntkfreq.problem.density import Product as Product
    from ntkfreq.problem.density import StudentT as StudentT
    from ntkfreq.problem.density import Uniform as Uniform
    from ntkfreq.problem.density import as_density as as_density
    from ntkfreq.problem.density import positional_encoding as positional_encoding
    from ntkfreq.problem.equation import FrequencyEquation as FrequencyEquation
    from ntkfreq.problem.layers.effective import DeepDensity as DeepDensity
    from ntkfreq.problem.layers.effective import LayeredDensity as LayeredDensity
    from ntkfreq.problem.layers.effective import deep_density as deep_density
    from ntkfreq.problem.layers.hidden import HiddenLayers as HiddenLayers
    from ntkfreq.problem.layers.pytorch import pytorch_layers as pytorch_layers
    from ntkfreq.problem.layers.rates import LayerRates as LayerRates
    from ntkfreq.problem.measure import Box as Box
    from ntkfreq.problem.measure import Grid as Grid
    from ntkfreq.problem.measure import Line as Line
    from ntkfreq.problem.measure import Points as Points
    from ntkfreq.problem.optimizers import Adam as Adam
    from ntkfreq.problem.optimizers import AdamW as AdamW
    from ntkfreq.problem.optimizers import GradientDescent as GradientDescent
    from ntkfreq.problem.optimizers import HeavyBall as HeavyBall
    from ntkfreq.problem.optimizers import Nesterov as Nesterov
    from ntkfreq.problem.optimizers import Optimizer as Optimizer
    from ntkfreq.problem.optimizers import RMSProp as RMSProp
    from ntkfreq.problem.optimizers import SignDescent as SignDescent
    from ntkfreq.problem.step_schedules import Constant as Constant
    from ntkfreq.problem.step_schedules import Cosine as Cosine
    from ntkfreq.problem.step_schedules import Exponential as Exponential
    from ntkfreq.problem.step_schedules import Schedule as Schedule
    from ntkfreq.problem.step_schedules import Warmup as Warmup
    from ntkfreq.problem.target import Target as Target
    from ntkfreq.spectra.bands import band_energy as band_energy
    from ntkfreq.spectra.frequency_grid import default_frequencies as default_frequencies
    from ntkfreq.spectra.spectrum import error_spectrum as error_spectrum
    from ntkfreq.sweeps.run import sweep as sweep

_HOMES = {
    "Normal": "ntkfreq.problem.density",
    "Uniform": "ntkfreq.problem.density",
    "Laplace": "ntkfreq.problem.density",
    "StudentT": "ntkfreq.problem.density",
    "Mixture": "ntkfreq.problem.density",
    "Product": "ntkfreq.problem.density",
    "Empirical": "ntkfreq.problem.density",
    "as_density": "ntkfreq.problem.density",
    "positional_encoding": "ntkfreq.problem.density",
    "Density": "ntkfreq.problem.density",
    "deep_density": "ntkfreq.problem.layers.effective",
    "DeepDensity": "ntkfreq.problem.layers.effective",
    "HiddenLayers": "ntkfreq.problem.layers.hidden",
    "LayerRates": "ntkfreq.problem.layers.rates",
    "pytorch_layers": "ntkfreq.problem.layers.pytorch",
    "LayeredDensity": "ntkfreq.problem.layers.effective",
    "solve_frequency_pde": "ntkfreq.pde.solve",
    "FrequencySolution": "ntkfreq.pde.solution.solution",
    "SteppedSolution": "ntkfreq.pde.stepped.solution",
    "DrawnKernels": "ntkfreq.pde.solution.drawn_kernels",
    "FiniteWidth": "ntkfreq.pde.stepped.finite_width",
    "stepwise_seconds": "ntkfreq.pde.stepped.asking",
    "learning_steps": "ntkfreq.pde.stepped.line_law",
    "LearningSteps": "ntkfreq.pde.stepped.line_law",
    "expected_losses": "ntkfreq.pde.expected.losses",
    "ExpectedLosses": "ntkfreq.pde.expected.losses",
    "expected_losses_many": "ntkfreq.pde.expected.many",
    "expected_output": "ntkfreq.pde.expected.output",
    "ExpectedOutput": "ntkfreq.pde.expected.output_result",
    "batch_losses": "ntkfreq.pde.batches.losses",
    "BatchLosses": "ntkfreq.pde.batches.result",
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
    "image_samples": "ntkfreq.images",
    "ImageSamples": "ntkfreq.images",
    "solve_image": "ntkfreq.images",
    "ImageSolution": "ntkfreq.images",
    "FourierFeatureNet": "ntkfreq.network",
    "FourierFeatureMLP": "ntkfreq.network",
    "train": "ntkfreq.network",
    "train_many": "ntkfreq.network",
    "TrainHistory": "ntkfreq.network",
    "train_linearized": "ntkfreq.network.linearized",
    "LinearizedRun": "ntkfreq.network.linearized",
    "Optimizer": "ntkfreq.problem.optimizers",
    "GradientDescent": "ntkfreq.problem.optimizers",
    "HeavyBall": "ntkfreq.problem.optimizers",
    "Nesterov": "ntkfreq.problem.optimizers",
    "Adam": "ntkfreq.problem.optimizers",
    "AdamW": "ntkfreq.problem.optimizers",
    "RMSProp": "ntkfreq.problem.optimizers",
    "SignDescent": "ntkfreq.problem.optimizers",
    "Schedule": "ntkfreq.problem.step_schedules",
    "Constant": "ntkfreq.problem.step_schedules",
    "Warmup": "ntkfreq.problem.step_schedules",
    "Cosine": "ntkfreq.problem.step_schedules",
    "Exponential": "ntkfreq.problem.step_schedules",
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
    "default_frequencies": "ntkfreq.spectra.frequency_grid",
    "sweep": "ntkfreq.sweeps.run",
    "save_zarr": "ntkfreq.files.stores",
    "load_zarr": "ntkfreq.files.stores",
}

__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]

# Hidden from type checkers, to which every name would exist otherwise.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'ntkfreq' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
