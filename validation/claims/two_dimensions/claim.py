r"""Learning times on a real photograph, predicted and trained.

The photograph "camera" of scikit-image, averaged over blocks of 8 x 8 pixels to 64 x 64 samples on
the square [-1, 1]^2, grey values with mean 0 and standard deviation 1. Networks with
frequencies from a narrow and a wide normal density, a Laplace density, and a ring of normals that
favours high frequencies learn it from zero output, width 65536, all parameters trained. The
learning time of a band of :math:`|\xi|` is the time at which the RMS of the error spectrum in that
ring has halved, read at frequencies all over it, a resolution cell apart.

Bands up to 2.5 standard deviations (per coordinate) of each density are judged, every seed by
itself: the median of predicted over measured learning time is within 3 % of one for each density,
and 95 % of all bands and seeds are within 10 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import Laplace, Mixture, Normal
from validation.engine import Execution, Result, size_of, verdicts
from validation.learning import learned, learning_times, ratio_claims, times_by_case

SIGMA_A, EDGE = 1.0, 2.5
RING = 24.0
_ANGLES = np.pi * np.arange(6) / 6
_SPOTS = [(float(RING * np.cos(angle)), float(RING * np.sin(angle))) for angle in _ANGLES]
# Name: density, and its standard deviation per coordinate.
CASES = {
    "narrow normal": (Normal(scale=10.0, dim=2), 10.0),
    "wide normal": (Normal(scale=36.0, dim=2), 36.0),
    "Laplace": (Laplace(scale=9.0, dim=2), 9.0 * np.sqrt(2.0)),
    "favours high": (
        Mixture([Normal(loc=spot, scale=9.0, dim=2) for spot in _SPOTS]),
        float(np.sqrt(RING**2 / 2 + 9.0**2)),
    ),
}
BANDS = [(float(low), float(low + 6.0)) for low in np.arange(0.0, 36.0, 6.0)]
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 16384, "seeds": 2, "pixels": 16, "cases": ["narrow normal", "wide normal"]},
    "full": {"width": 65536, "seeds": 8, "pixels": 64, "cases": list(CASES)},
}


def photograph(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) and grey values (n,) of the block averages, row by row from the top."""
    from skimage import data

    picture = data.camera().astype(float)
    block = len(picture) // pixels
    grey = picture.reshape(pixels, block, pixels, block).mean(axis=(1, 3))
    side = np.linspace(-1.0, 1.0, pixels)
    x = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    return x, ((grey - grey.mean()) / grey.std()).ravel()


def judged(case: str, pixels: int) -> list[tuple[float, float]]:
    """Bands up to 2.5 standard deviations, and up to 0.9 of the highest frequency of the pixels."""
    nyquist = np.pi * (pixels - 1) / 2
    edge = min(EDGE * CASES[case][1], 0.9 * nyquist)
    return [band for band in BANDS if band[1] <= edge]


def ring(bands: list[tuple[float, float]]) -> np.ndarray:
    """Frequencies (F, 2) of one half of the plane over all bands, as close as the square resolves.

    Along the axes alone, where a picture's edges leak, there are eight of them in a band; over the
    ring there are up to 64, which average what a network of finite width makes of other bands.
    """
    end = bands[-1][1]
    side = np.pi * np.arange(-int(end / np.pi) - 1, int(end / np.pi) + 2)
    plane = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    half = (plane[:, 0] > 0) | ((plane[:, 0] == 0) & (plane[:, 1] >= 0))
    return np.asarray(plane[half & (np.linalg.norm(plane, axis=1) <= end)])


def cell(case: str, seed: int, width: int, pixels: int) -> dict[str, Any]:
    """One trained network: learning times of the bands, nan where they are not judged."""
    x, y = photograph(pixels)
    bands = judged(case, pixels)
    return learning_times(
        CASES[case][0],
        x,
        y,
        width=width,
        sigma_a=SIGMA_A,
        rng=np.random.default_rng([width, list(CASES).index(case), seed]),
        bands=bands,
        most=600,
        frequencies=ring(bands),
        length=len(BANDS),
    )


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Learning times of every density and seed, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    constants = {key: config[key] for key in ("width", "pixels")}
    grid = {"case": config["cases"], "seed": list(range(config["seeds"]))}
    data = execution.cells("two_dimensions", cell, grid, constants)
    count = {case: len(judged(case, config["pixels"])) for case in config["cases"]}
    predicted, measured = times_by_case(data, count)
    slack = float(np.sqrt(65536 / config["width"]))
    claims = ratio_claims(measured, predicted, slack)
    return Result(
        verdicts(claims),
        config
        | {
            "data": "skimage.data.camera(), block averages",
            "densities": {case: repr(CASES[case][0]) for case in config["cases"]},
            "bands": BANDS,
            "judged": count,
            "sigma_a": SIGMA_A,
            "optimizer": "gradient descent, full batch; steps in step_size and steps",
            "threshold": "RMS of a band's error spectrum, all over its ring, at half of its start",
            "rng": "default_rng([width, number of the density, seed])",
        },
        data=learned(data, predicted, measured),
    )
