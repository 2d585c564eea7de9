"""The norm of what waves leave out, against the matrix itself."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Mixture, Normal, StudentT, ntk_gram
from ntkfreq.ntk.features.equispaced import equispaced_nodes
from ntkfreq.ntk.features.operator_error import operator_error, tail_norm

POINTS = {
    "uniform": lambda rng, dim: rng.uniform(-1, 1, (1000, dim)),
    "clustered": lambda rng, dim: np.concatenate(
        [rng.uniform(-1, 1, (500, dim)), 0.3 + 0.01 * rng.standard_normal((500, dim))]
    ),
    "repeated": lambda rng, dim: np.repeat(rng.uniform(-1, 1, (340, dim)), 3, axis=0),
    "regular": lambda rng, dim: np.stack(
        np.meshgrid(*[np.linspace(-1, 1, round(1000 ** (1 / dim)))] * dim), axis=-1
    ).reshape(-1, dim),
}
DENSITIES = {
    "heavy": lambda dim: StudentT(3, scale=5.0, dim=dim),
    "heavier": lambda dim: StudentT(2, scale=3.0, dim=dim),
    "light": lambda dim: Normal(scale=12.0, dim=dim),
    "mixed": lambda dim: Mixture([Normal(scale=4.0, dim=dim), StudentT(5, scale=9.0, dim=dim)]),
}


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("place", POINTS)
def test_bound_of_the_operator(place, name, dim):
    """Above the norm of the difference of the matrices, and not by more than some tens of times."""
    rho_w, x = DENSITIES[name](dim), POINTS[place](np.random.default_rng(1), dim)
    weights, sigma_a = np.full(len(x), 1 / len(x)), 0.5
    nodes = equispaced_nodes(rho_w, np.ptp(x, axis=0), 1e-3, copies=1e-8)
    assert nodes is not None
    waves = nodes.kernel((x[:, None] - x).reshape(-1, dim)).reshape(len(x), -1)
    off = waves * (1 + sigma_a**2 * (x @ x.T)) - ntk_gram(rho_w, x, sigma_a=sigma_a)
    norm = float(np.abs(np.linalg.eigvalsh(off)).max()) / len(x)
    found = operator_error(rho_w, nodes, x, weights, sigma_a)
    assert norm <= found
    assert found < 30 * norm + 1e-7


def test_a_tail_of_many_points_is_less_than_some_of_them_show():
    """Between few points chance alone makes a norm."""
    rho_w = StudentT(3, scale=5.0, dim=2)
    x = np.random.default_rng(0).uniform(-1, 1, (200_000, 2))
    weights = np.full(len(x), 1 / len(x))
    nodes = equispaced_nodes(rho_w, np.ptp(x, axis=0), 1e-4, copies=1e-10)
    assert nodes is not None
    whole = operator_error(rho_w, nodes, x, weights, 1.0)
    assert whole < operator_error(rho_w, nodes, x[:2000], np.full(2000, 1 / 2000), 1.0) / 2
    assert whole > tail_norm(rho_w, x, weights, nodes.beyond)
