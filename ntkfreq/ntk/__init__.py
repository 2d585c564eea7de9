"""The neural tangent kernel on data: Gram matrices, products, flow, regression, eigenvalues."""

from ntkfreq.ntk.effective import effective_density
from ntkfreq.ntk.eigen import NTKSpectrum, ntk_spectrum
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.ntk.flow import gram_flow
from ntkfreq.ntk.gram import ntk_gram
from ntkfreq.ntk.operator import KernelOperator, ntk_operator
from ntkfreq.ntk.regression import ntk_regression

__all__ = [
    "KernelOperator",
    "NTKSpectrum",
    "effective_density",
    "empirical_ntk_gram",
    "gram_flow",
    "ntk_gram",
    "ntk_operator",
    "ntk_regression",
    "ntk_spectrum",
]
