"""Nodes in w: shares, numbers, and the error that they leave."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Empirical, Laplace, Mixture, Normal, StudentT, Uniform
from ntkfreq.problem.optimizers import Adam
from ntkfreq.recursion.nodes import density_nodes, own_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.predicted import node_error
from ntkfreq.recursion.rules import Rates

LINE = np.linspace(-1, 1, 24)[:, None]
PLANE = np.stack(np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 6)), -1).reshape(-1, 2)
DENSITIES = [
    Normal(scale=10.0),
    Normal(loc=20.0, scale=3.0),
    Laplace(scale=5.0),
    Uniform(scale=17.0),
    StudentT(3, scale=3.0),
    Mixture([Normal(scale=10.0), Normal(scale=0.02)]),
    Normal(scale=5.0, dim=2),
    Normal(loc=[9.0, 0.0], scale=3.0, dim=2),
    Laplace(scale=4.0, dim=2),
    Uniform(scale=8.0, dim=2),
    StudentT(3, scale=3.0, dim=2),
    Normal(scale=4.0, dim=3),
]


@pytest.mark.parametrize("density", DENSITIES, ids=repr)
def test_shares_reproduce_the_kernel(density):
    """A smooth integral, to about the tolerance of the paths."""
    x = np.random.default_rng(0).uniform(-1, 1, (9, density.dim))
    nodes = density_nodes(density, x, 1e-2)
    assert nodes.weights.sum() == pytest.approx(1, abs=1e-12)
    assert (nodes.frequencies[:, 0] >= 0).all()
    z = (x[:, None] - x).reshape(-1, density.dim)
    found = np.cos(z @ nodes.frequencies.T) @ nodes.weights
    assert found == pytest.approx(density.kernel_values(z), abs=1.5e-2)


def path_of(density, x, tolerance, coarser=1.0):
    y = np.sin(3 * x[:, 0] + 0.5) + 0.3 * np.cos(7 * x[:, -1] - 2 * x[:, 0])
    return follow(
        density_nodes(density, x, tolerance, coarser=coarser),
        x,
        y,
        optimizer=Adam(),
        rates=Rates(0.05),
        steps=60,
        record=30,
        sharpness=False,
    )


@pytest.mark.parametrize(
    ("density", "tolerance", "fine"),
    [
        (Normal(scale=10.0), 1e-2, 3e-4),
        (Normal(scale=10.0), 1e-3, 5e-5),
        (Uniform(scale=17.0), 1e-3, 5e-5),
        (Normal(scale=8.0, dim=2), 1e-2, 2e-3),
        (Laplace(scale=4.0, dim=2), 1e-2, 2e-3),
    ],
    ids=repr,
)
def test_tolerance_is_met_and_estimated(density, tolerance, fine):
    x = LINE if density.dim == 1 else PLANE
    path, coarse, best = (
        path_of(density, x, *arguments) for arguments in ((tolerance,), (tolerance, 2.0), (fine,))
    )
    error = np.sqrt(np.mean((path.output - best.output) ** 2) / np.mean(path.y**2))
    assert error < tolerance
    assert 0.6 * error < node_error(path, coarse) < 6 * error
    if density.dim == 2:
        # Sets without relation: the difference is that of independent errors.
        assert node_error(path, coarse) == pytest.approx(error, rel=0.35)


def test_cells_end_at_the_edge_of_the_support():
    nodes = density_nodes(Uniform(scale=17.0), LINE, 1e-3)
    assert nodes.weights == pytest.approx(1 / nodes.count, rel=1e-12)
    assert nodes.frequencies[-1, 0] + nodes.step[0] / 2 == pytest.approx(17.0, rel=1e-12)


def test_spacing_follows_the_extent_from_the_origin():
    near, far = (density_nodes(Normal(scale=10.0), s * LINE, 1e-3) for s in (1.0, 4.0))
    assert far.count == pytest.approx(4 * near.count, rel=0.01)
    assert density_nodes(Normal(scale=10.0), 0 * LINE, 1e-3).count >= 4


def test_atoms_and_frequencies_are_taken_as_they_are():
    atoms = density_nodes(Empirical([3.0, -7.0], [0.25, 0.75]), LINE)
    assert atoms.frequencies.ravel().tolist() == [3.0, -7.0]
    assert atoms.weights.tolist() == [0.25, 0.75]
    assert own_nodes(np.ones((4, 2))).weights.tolist() == [0.25] * 4


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_coarser_nodes_are_others_at_any_tolerance(dim):
    """Else the error that they tell would be 0, whatever it is."""
    x = np.linspace(-0.1, 0.1, 4 * dim).reshape(4, dim)
    density = Normal(scale=0.3, dim=dim)
    fine, coarse = (density_nodes(density, x, 0.5, coarser=ratio) for ratio in (1.0, 2.0))
    assert coarse.count <= fine.count / 2


def test_too_many_nodes_are_refused():
    with pytest.raises(ValueError, match=r"takes 1\.6e\+09 nodes, above 5e\+06; take a larger"):
        density_nodes(StudentT(1, scale=5.0), LINE, 1e-4)
    with pytest.raises(
        ValueError, match=r"above 5e\+06; take a larger tolerance \(rtol\), or follow the units"
    ):
        density_nodes(Normal(scale=100.0, dim=3), 10 * np.eye(3), 1e-3)


def test_paths_of_other_records_are_not_compared():
    path, coarse = (
        follow(
            own_nodes([1.0, 2.0]),
            LINE,
            LINE[:, 0],
            optimizer=Adam(),
            rates=Rates(0.1),
            steps=5,
            record=record,
        )
        for record in (2, [0, 3, 5])
    )
    with pytest.raises(ValueError, match="give both the same record"):
        node_error(path, coarse)
    assert node_error(path, path) == 0.0
