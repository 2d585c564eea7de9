r"""Deep networks learn the bands in the order the density sets, but sooner and closer together.

Eight tones of equal amplitude on [-1, 1], half a turn apart and orthogonal on the 64 samples, are
learned by networks of 0 to 5 hidden layers on random sines and cosines. Their frequencies come
from a narrow normal density, a wide one, and one that favours high frequencies. The learning time
of a tone is the time at which the magnitude of its error has halved. There are three of them:

- measured, by gradient descent on all parameters. The network starts at some f_0 and learns
  f_0 + y, so that its first error is -y exactly, without a twin of opposite sign;
- predicted for two layers, from the density alone, as if the hidden layers were not there;
- predicted by the network's own kernel: its empirical NTK at the start, in the same exact steps.

The second to the first is how far the two-layer theory carries; the third to the first is what is
left when the kernel is right, that is the change of the kernel in training.

No tolerance is known for deep networks. Figures are means over seeds with a 95 % Student t
interval (of the logarithm where they are ratios), for each density, activation and depth:

- order: rank correlation of measured and two-layer times, and the share of those pairs of tones
  whose two-layer times differ by more than 20 % that are learned in the predicted order;
- rate: slope of log measured against log two-layer time. 1 would be the bias as predicted, 0 none;
- bias: mean time of the two highest tones over that of the two lowest;
- speed: median over tones of the measured over the two-layer time;
- own: the same over the time by the network's own kernel;
- reach: the kernel's Rayleigh quotient on the highest tones over that on the lowest ones, relative
  to the same for two layers: how much the hidden layers flatten the density.

One claim has a tolerance, the control: without hidden layers and at a large width the two-layer
prediction holds. The wide density predicts times that hardly differ, so that it has neither an
order nor a slope, and its bias is what is of interest.

A full run takes about 12 minutes on two cores, 24 core minutes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import FourierFeatureMLP, Normal, solve_frequency_pde, train
from ntkfreq.ntk import empirical_ntk_gram, ntk_gram
from ntkfreq.spectra.bands import band_learning_time
from validation.claims.multilayer.statistics import (
    curves,
    figures,
    headline,
    median_ratio,
    over_seeds,
    own_distance,
)
from validation.engine import Execution, Result, intervals, size_of, verdicts

DENSITIES = {
    "narrow": Normal(scale=10.0),
    "wide": Normal(scale=40.0),
    "favours high": Normal(loc=20.0, scale=7.0),
}
SAMPLES, SIGMA_A = 64, 1.0
TONES = np.asarray(np.pi * np.arange(1, 9), dtype=np.float64)
BANDS = [(tone - 0.1, tone + 0.1) for tone in TONES]
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "activations": ["relu"],
        "depths": [0, 2],
        "width": 96,
        "seeds": 2,
        "control": 2048,
        "widths": [64, 128],
    },
    "full": {
        "activations": ["relu", "tanh"],
        "depths": [0, 1, 2, 3, 4, 5],
        "width": 512,
        "seeds": 8,
        "control": 16384,
        "widths": [128, 256, 512, 1024],
    },
}
# Step as a share of the largest stable one, and length of training in times of the own kernel.
SHARE, LENGTH, MOST = 0.1, 2.5, 1500


def signal() -> tuple[np.ndarray, np.ndarray]:
    """Samples of the tones with phases drawn once; mean square one."""
    phase = np.random.default_rng(5).uniform(0, 2 * np.pi, TONES.size)
    x = -1 + (2 * np.arange(SAMPLES) + 1) / SAMPLES
    return x, np.cos(np.outer(x, TONES) + phase).sum(axis=1) / np.sqrt(TONES.size / 2)


def cell(
    density: str, activation: str, depth: int, width: int, seed: int, hidden: float = 0.5
) -> dict[str, Any]:
    """One trained network: three learning times and the kernel's rate of every tone.

    `hidden` is the number of units of a hidden layer over that of frequencies: the more
    frequencies, the less depends on which of them a seed has drawn.
    """
    rho, (x, y) = DENSITIES[density], signal()
    net = FourierFeatureMLP.sample(
        rho,
        width,
        depth=depth,
        hidden=int(hidden * width),
        activation=activation,
        sigma_a=SIGMA_A,
        rng=np.random.default_rng([width, depth, seed]),
    )
    gram = empirical_ntk_gram(net.to_module(), x)
    step_size = SHARE * 2 / float(np.linalg.eigvalsh(gram)[-1] / SAMPLES)
    own = own_times(gram, y, step_size)
    last = LENGTH * float(own.max()) / step_size
    history = train(
        net,
        x,
        net(x) + y,
        step_size=step_size,
        steps=int(min(MOST, np.ceil(last))),
        frequencies=TONES,
        record=128,
        backend="torch",
        dtype="float32",
        threads=1,
        kernel_probe=0,
    )
    some = slice(None, None, 8)
    moved = empirical_ntk_gram(history.net.to_module(), x[some]) - gram[some, some]
    return {
        "measured": times(history.t, history.data_spectrum),
        "predicted": two_layer_times(rho, x, y, step_size),
        "own": own,
        "rate": tone_rates(gram, x),
        "two_layer_rate": tone_rates(ntk_gram(rho, x, sigma_a=SIGMA_A), x),
        "drift": float(np.linalg.norm(moved) / np.linalg.norm(gram[some, some])),
        "step_size": step_size,
        "steps": int(history.step[-1]),
    }


def times(t: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Learning time of every tone, infinite where the records end before."""
    return np.array([band_learning_time(t, TONES, spectrum, band, 0.5) for band in BANDS])


def clock() -> np.ndarray:
    """Steps at which predictions are evaluated, far beyond any training."""
    return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, 1e7, 600))])).astype(int)


def two_layer_times(rho: Any, x: np.ndarray, y: np.ndarray, step_size: float) -> np.ndarray:
    """Learning times by the equation for two layers of this density, in steps of this size."""
    solution = solve_frequency_pde(rho, (x, y), sigma_a=SIGMA_A, frequencies=TONES)
    stepped = solution.at(t=step_size * clock(), step_size=step_size)
    return times(stepped.t, stepped.data_spectrum)


def own_times(gram: np.ndarray, y: np.ndarray, step_size: float) -> np.ndarray:
    """Learning times with a constant Gram matrix: e_n = (1 - step_size K/N)^n e_0, e_0 = -y."""
    rates, modes = np.linalg.eigh(gram / SAMPLES)
    steps = clock()
    shares = (1 - step_size * np.maximum(rates, 0.0)) ** steps[:, None]
    errors = (shares * (modes.T @ -y)) @ modes.T
    x = signal()[0]
    found = times(step_size * steps, errors @ np.exp(-1j * np.outer(x, TONES)) / SAMPLES)
    # A tone that no frequency was drawn near is not learned within the clock.
    return np.asarray(np.minimum(found, step_size * steps[-1]))


def tone_rates(gram: np.ndarray, x: np.ndarray) -> np.ndarray:
    r"""Rayleigh quotient of K/N on the wave of each tone, sine and cosine together."""
    waves = np.exp(1j * np.outer(TONES, x))
    return np.asarray(np.einsum("ki,ij,kj->k", waves.conj(), gram, waves).real / SAMPLES**2)


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Times of every density, activation, depth and seed, and what they say together."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid = {
        "density": list(DENSITIES),
        "activation": config["activations"],
        "depth": config["depths"],
        "width": [config["width"]],
        "seed": list(range(config["seeds"])),
    }
    main = execution.cells("multilayer", cell, grid)
    other = {"activation": config["activations"][:1], "depth": [0], "width": [config["control"]]}
    control = execution.cells("multilayer_control", cell, grid | other)
    other = {"density": ["narrow"], "depth": [2], "width": config["widths"]}
    widths = execution.cells("multilayer_widths", cell, grid | other)
    seeds, distance = figures(main), own_distance(widths)
    table = over_seeds(seeds)
    return Result(
        verdicts(claims(control, config)),
        config
        | {
            "densities": {name: repr(rho) for name, rho in DENSITIES.items()},
            "tones": TONES,
            "samples": SAMPLES,
            "sigma_a": SIGMA_A,
            "hidden": "half as many units a layer as frequencies",
            "optimizer": f"gradient descent, {SHARE:g} of the largest stable step, float32",
            "threshold": "magnitude of the tone's error at half of its start",
            "rng": "default_rng([width, depth, seed])",
        },
        intervals(headline(table, seeds, distance)),
        {"figures": table, "own_distance": distance, "curves": curves(main)},
    )


def claims(control: Any, config: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """The control, without which the figures would mean nothing, as (value, low, high)."""
    # The tones are learned with a sample of frequencies, the fewer the more it matters.
    slack = 0.03 * float(np.sqrt(16384 / config["control"]))
    name = f"no hidden layers, width {config['control']}: median of measured over two-layer time"
    return {name: (median_ratio(control), 1 - slack, 1 + slack)}
