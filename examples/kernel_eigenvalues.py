r"""
Eigenvalues are the density
===========================

On evenly spread samples, an eigenvector of the kernel is close to a wave. Its eigenvalue is the
rate at which training removes it from the error. With frozen inner weights on an interval of length
L it is close to

.. math:: \lambda \approx \frac{2\pi}{L}\,\rho_w(\xi).

So the eigenvalues of a large matrix follow the density of the network's frequencies, and a formula
predicts in which order waves are learned. The samples here are 20 000 points at random.
The operator needs a few hundred products and never forms the matrix.

A network of finite width has a kernel of its own: its eigenvalues scatter around the curve.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ntkfreq import (
    FourierFeatureNet,
    Laplace,
    Normal,
    NTKSpectrum,
    empirical_ntk_gram,
    ntk_spectrum,
)
from ntkfreq.problem.density import Density

DENSITIES: dict[str, Density] = {"normal": Normal(scale=10.0), "Laplace": Laplace(scale=6.0)}
SAMPLES = np.random.default_rng(0).uniform(-1, 1, 20_000)
COUNT = 28  # eigenvalues of each
WIDTH = 400  # of the network


def solve() -> dict[str, NTKSpectrum]:
    """Leading eigenvalues of both kernels, and of one network."""
    found = {
        name: ntk_spectrum(density, SAMPLES, sigma_a=0.0, count=COUNT)
        for name, density in DENSITIES.items()
    }
    net = FourierFeatureNet.sample(DENSITIES["normal"], WIDTH, rng=0)
    x = np.linspace(-1, 1, 400)
    gram = empirical_ntk_gram(net, x, freeze_frequencies=True)
    return found | {"network": ntk_spectrum(gram, x, count=COUNT)}


def main(spectra: dict[str, NTKSpectrum] | None = None) -> dict[str, float]:
    """Largest deviation from the formula, and how much slower fast waves are learned."""
    spectra = spectra or solve()
    numbers = {}
    for name in DENSITIES:
        found = spectra[name]
        middle = slice(2, COUNT - 4)
        ratio = found.eigenvalues[middle] / np.asarray(found.predicted)[middle]
        numbers[f"{name}, no. 9"] = float(found.eigenvalues[8])
        numbers[f"{name}, off by"] = float(np.abs(ratio - 1).max())
        near = [int(np.argmin(np.abs(found.frequency - xi))) for xi in (3.0, 24.0)]
        times = found.learning_time()[near]
        numbers[f"{name}, fast over slow"] = float(times[1] / times[0])
    ratio = spectra["network"].eigenvalues[:12] / spectra["normal"].eigenvalues[:12]
    numbers["network, off by"] = float(np.abs(ratio - 1).max())
    return numbers


def visualize(spectra: dict[str, NTKSpectrum] | None = None) -> Figure:
    """Eigenvalues over frequency on their densities, and three eigenvectors."""
    spectra = spectra or solve()
    fig, axes = plt.subplots(1, 2, figsize=(10.0, 4.0), layout="constrained")
    xi = np.linspace(0.0, 45.0, 400)
    for (name, density), color in zip(DENSITIES.items(), ("C0", "C1"), strict=True):
        axes[0].semilogy(xi, np.pi * density.even_pdf(xi), color=color, lw=1)
        found = spectra[name]
        axes[0].plot(found.frequency, found.eigenvalues, "o", color=color, ms=4, label=name)
    net = spectra["network"]
    label = f"network of width {WIDTH}"
    axes[0].plot(net.frequency, net.eigenvalues, "x", color="0.4", ms=5, label=label)
    axes[0].set(
        xlabel="frequency of the eigenvector (rad per unit of x)",
        ylabel="eigenvalue of K/N, rate of learning (1/t)",
        title="eigenvalues (points) and densities (lines)",
        ylim=(1e-5, 1.0),
    )
    axes[0].legend(loc="lower left")
    found = spectra["normal"]
    order = np.argsort(SAMPLES)[::20]
    for k in (0, 7, 20):
        values = np.sqrt(SAMPLES.size) * found.eigenvectors[order, k]
        axes[1].plot(SAMPLES[order], values, lw=1, label=f"no. {k + 1}")
    axes[1].set(xlabel="x", ylabel="eigenvector (mean square 1)", title="close to waves")
    axes[1].legend(loc="lower right")
    return fig


if __name__ == "__main__":
    solved = solve()
    for key, value in main(solved).items():
        print(f"{key:24s} {value:.4f}")
    visualize(solved)
    plt.show()
