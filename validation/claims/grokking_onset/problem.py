"""Undersampled learning problems: data, network, budget, and both sides.

Predicted and trained losses share the data and the initial network and nothing else: the
prediction reads the network's initial output, the training its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from ntkfreq import (
    FourierFeatureNet,
    Normal,
    Onset,
    error_spectrum,
    expected_losses,
    expected_losses_many,
    grokking_onset,
    ntk_gram,
    solve_frequency_pde,
    spectral_mismatch,
)
from ntkfreq.profile import terrain
from validation.onsets import train_until_small

# Both losses are small at this share of the mean square of the target on the test points.
SMALL = 0.05
# Budget and step sizes in units of 1 / (fastest rate). Steps may be longer once only slow modes
# are left: (until, step) follows the flow to about a percent of any time.
BUDGET, STEPS = 4000.0, ((25.0, 0.03), (100.0, 0.1), (np.inf, 0.4))
WINDOW, PATCH = 61, 19  # samples of terrain, some 75 m apart, along a line and a side


@dataclass(frozen=True)
class Setting:
    """One problem; N `count` points, rates per unit of t."""

    number: int
    target: str
    points: str
    count: int
    sigma_w: float
    sigma_a: float
    weight_decay: float
    frequency_decay: float
    seed: int

    @property
    def dim(self) -> int:
        """Dimension of the inputs."""
        return 2 if self.target == "terrain patch" else 1

    @property
    def density(self) -> Normal:
        """Density of the initial frequencies."""
        return Normal(scale=self.sigma_w, dim=self.dim)

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Training points and values, test points and values."""
        rng = np.random.default_rng([self.seed, 1])
        if self.target not in FORMULAS:
            x_test, y_test = _terrain(self.dim, rng)
            rows = _subset(self.points, self.count, self.dim, rng)
            return x_test[rows], y_test[rows], x_test, y_test
        formula, x_test = FORMULAS[self.target], np.linspace(-1.0, 1.0, 201)
        even = self.points == "regular"
        x = np.linspace(-1.0, 1.0, self.count) if even else np.sort(rng.uniform(-1, 1, self.count))
        return x, formula(x), x_test, formula(x_test)

    def network(self, width: int) -> FourierFeatureNet:
        """The initial network."""
        rng = np.random.default_rng([self.seed, width])
        return FourierFeatureNet.sample(self.density, width, sigma_a=self.sigma_a, rng=rng)

    @property
    def fastest(self) -> float:
        """Largest rate of the limiting kernel on the points at the start."""
        x = self.data()[0]
        gram = ntk_gram(self.density, x, sigma_a=self.sigma_a)
        return float(np.linalg.eigvalsh(gram)[-1]) / len(x)

    @property
    def threshold(self) -> float:
        """Loss that counts as small."""
        return SMALL * float(np.mean(self.data()[3] ** 2))

    def mismatch(self) -> float:
        """Of the target's spectra on training and test points, up to what the network can learn."""
        x, y, x_test, y_test = self.data()
        side = np.linspace(0.0, 3 * self.sigma_w, 61)
        if self.dim == 2:
            side = np.linspace(-3 * self.sigma_w, 3 * self.sigma_w, 41)
            side = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        return float(
            spectral_mismatch(error_spectrum(x, y, side), error_spectrum(x_test, y_test, side))
        )


def tones(x: np.ndarray) -> np.ndarray:
    """Two tones."""
    return np.asarray(np.sin(3 * x) + 0.5 * np.cos(7 * x))


def bump(x: np.ndarray) -> np.ndarray:
    """A smooth bump and a slope, no tone."""
    return np.exp(-8 * (x - 0.2) ** 2) + 0.5 * x


FORMULAS = {"tones": tones, "bump": bump}
TARGETS = (*FORMULAS, "terrain profile", "terrain patch")


def _terrain(dim: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random window of real terrain on [-1, 1]^d, without linear trend, mean square one."""
    elevation = terrain().elevation
    size = WINDOW if dim == 1 else PATCH
    rows, columns = elevation.shape
    row, column = rng.integers(rows - size), rng.integers(columns - size)
    side = np.linspace(-1.0, 1.0, size)
    if dim == 1:
        x, y = side, elevation[row, column : column + size]
        plane = np.stack([np.ones_like(x), x], axis=1)
    else:
        x = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
        y = elevation[row : row + size, column : column + size].ravel()
        plane = np.column_stack([np.ones(len(x)), x])
    y = y - plane @ np.linalg.lstsq(plane, y, rcond=None)[0]
    return x, y / np.sqrt(np.mean(y**2))


def _subset(points: str, count: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Which samples of the terrain are trained on: every so many, or at random."""
    size = WINDOW if dim == 1 else PATCH
    if points == "scattered":
        return np.sort(rng.choice(size**dim, count, replace=False))
    side = np.rint(np.linspace(0, size - 1, round(count ** (1 / dim)))).astype(int)
    return side if dim == 1 else (side[:, None] * size + side).ravel()


@cache
def settings() -> dict[int, Setting]:
    """The list that was fixed before any network was trained, by number."""
    from validation.claims.grokking_onset.drawn_problems import SETTINGS

    return {row[0]: Setting(*row) for row in SETTINGS}


def clock(one: Setting, budget: float) -> np.ndarray:
    """Times of the prediction, from 0 to the budget."""
    return np.concatenate([[0.0], np.geomspace(0.1, budget, 300) / one.fastest])


def _equation(one: Setting, budget: float) -> dict[str, Any]:
    x, y, x_test, y_test = one.data()
    return {
        "rho_w": one.density,
        "target": (x, y),
        "sigma_a": one.sigma_a,
        "weight_decay": one.weight_decay,
        "frequency_decay": one.frequency_decay,
        "t": clock(one, budget),
        "test": (x_test, y_test),
        "rtol": 1e-4,
    }


def predicted(one: Setting, net: FourierFeatureNet, budget: float = BUDGET) -> Onset:
    """What the equation says of the network's draw of initial outputs."""
    solution = solve_frequency_pde(
        **_equation(one, budget), initial_output=net, frequencies=np.zeros((1, one.dim))
    )
    assert solution.test_loss is not None
    return grokking_onset(
        solution.t, solution.train_loss, solution.test_loss, threshold=one.threshold
    )


def expected_losses_of(one: Setting) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, and means of training and test loss over all draws."""
    equation = _equation(one, BUDGET)
    if one.frequency_decay:
        losses = expected_losses(**equation)
        assert losses.test_mean is not None
        return losses.t, losses.train_mean, losses.test_mean
    del equation["frequency_decay"]
    many = expected_losses_many(**equation).isel(sigma_a=0, weight_decay=0)
    return many.t.values, many.train_mean.values, many.test_mean.values


def expected(one: Setting) -> Onset:
    """What the mean losses over all draws say."""
    return grokking_onset(*expected_losses_of(one), threshold=one.threshold)


def trained(one: Setting, net: FourierFeatureNet, budget: float = BUDGET) -> tuple[Onset, int]:
    """What gradient descent does, and the steps it took."""
    x, y, x_test, y_test = one.data()
    recorded = [
        (step_size, steps, np.unique(np.linspace(0, steps, 25).astype(int)) if k else 40)
        for k, (step_size, steps) in enumerate(parts(one.fastest, budget))
    ]
    return train_until_small(
        net,
        x,
        y,
        recorded,
        test=(x_test, y_test),
        threshold=one.threshold,
        weight_decay=one.weight_decay,
        frequency_decay=one.frequency_decay,
    )


def parts(fastest: float, budget: float) -> list[tuple[float, int]]:
    """Step sizes and numbers of steps: the time that has passed doubles with each part.

    Examples
    --------
    >>> [steps for _, steps in parts(1.0, 4000.0)]
    [417, 417, 250, 500, 250, 500, 1000, 2000, 4000, 2000]
    """
    ends = [12.5]
    while 2 * ends[-1] < budget:
        ends.append(2 * ends[-1])
    found = []
    for begin, end in pairwise([0.0, *ends, budget]):
        share = next(share for until, share in STEPS if end <= until)
        found.append((share / fastest, round((end - begin) / share)))
    return found
