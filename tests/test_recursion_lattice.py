"""Fast transforms where points or nodes lie on a lattice: as direct sums, whichever is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntkfreq import Normal
from ntkfreq.problem.optimizers import Adam, AdamW
from ntkfreq.recursion.cost import StepWork
from ntkfreq.recursion.lattice import TransformLattice
from ntkfreq.recursion.nodes import density_nodes, own_nodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.problem import FollowedProblem
from ntkfreq.recursion.rules import ROOT, Rates
from ntkfreq.recursion.wave_plans import WavePlans


def square(side, dim=2):
    line = np.linspace(-1, 1, side)
    return np.stack(np.meshgrid(*[line] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


SQUARE = square(24)
SOME = SQUARE[np.random.default_rng(0).permutation(576)[:300]]
PLANE, LINE = Normal(scale=6.0, dim=2), Normal(scale=10.0)
PROBLEMS = {
    "all pixels": (SQUARE, density_nodes(PLANE, SQUARE, 3e-2), "points", {}),
    "some pixels": (SOME, density_nodes(PLANE, SOME, 3e-2), "points", {}),
    "frozen": (SQUARE, density_nodes(PLANE, SQUARE, 3e-2), "points", {"freeze_frequencies": True}),
    "decay": (SQUARE, density_nodes(PLANE, SQUARE, 3e-2), "points", {"decays": True}),
    "a cube": (square(7, 3), own_nodes(np.eye(3) * [2.0, 5.0, 9.0]), "points", {}),
    "few nodes": (square(2000, 1), density_nodes(LINE, square(2000, 1), 1e-2), "points", {}),
    "a line": (np.linspace(0, 1, 99)[:, None] ** 2, density_nodes(LINE, square(9, 1)), "nodes", {}),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_direct_sums(name):
    """Within the error of the transforms, 1e-10, over all steps."""
    x, nodes, side, options = PROBLEMS[name]
    options = dict(options)
    decays = options.pop("decays", False)
    frozen = options.get("freeze_frequencies", False)
    assert StepWork.of(nodes, x, frozen, damped=True, decays=decays).side == side
    rates = Rates.scaled(AdamW(), 1e-3, 4096, frequency_decay=5.0 if decays else 0.0)
    options |= {"optimizer": AdamW(), "rates": rates, "steps": 25}
    y = np.sin(3 * x[:, 0] + 0.4) + 0.5 * np.cos(7 * x[:, -1])
    direct, fast = (follow(nodes, x, y, engine=name, **options) for name in ("direct", "nufft"))
    assert fast.output == pytest.approx(direct.output, abs=2e-9)
    assert fast.sharpness == pytest.approx(direct.sharpness, rel=1e-5)


def test_what_is_no_lattice_is_summed_as_it_lies():
    x = np.random.default_rng(0).uniform(-1, 1, (700, 2))
    nodes = density_nodes(PLANE, x, 3e-2)
    assert StepWork.of(nodes, x, False, False).side == ""
    assert StepWork.of(nodes, SQUARE, False, False, batched=True).side == ""
    moved = SQUARE + 1e-9 * np.random.default_rng(0).standard_normal(SQUARE.shape)
    assert TransformLattice.of_points(moved, nodes.frequencies) is None
    far = np.array([[0.0, 0.0], [1.0, 1e-3], [1.0, 1.0]])
    assert TransformLattice.of_points(far, nodes.frequencies) is None
    line = TransformLattice.of_points(np.array([[3.0, 1.0], [3.0, 2.0]]), nodes.frequencies)
    assert line.shape == (1, 2)
    assert line.centre.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("side", ["points", ""])
def test_an_odd_target_moves_no_cosine(side):
    """Its cosines have no gradient but for the error of the transform, which Adam would blow up."""
    nodes = density_nodes(PLANE, SQUARE, 3e-2)
    y = np.sin(3 * SQUARE[:, 0] + 5 * SQUARE[:, 1]) + 0.3 * np.sin(9 * SQUARE[:, 0])
    rule = Adam(epsilon=0.0)
    path = follow(
        nodes, SQUARE, y, optimizer=rule, rates=Rates.scaled(rule, 1e-3, 4096), steps=20,
        engine="nufft",
    )  # fmt: skip
    assert np.abs(path.moves[..., 0]).max() == 0
    assert np.abs(path.moves[..., 1]).max() > 0.1
    problem = FollowedProblem(nodes, SQUARE, y, y, ROOT, 1.0, True, np.zeros(3))
    sums = WavePlans(problem, SQUARE, side).project(y / 576, 1.0)
    exact = (y / 576) @ np.exp(-1j * SQUARE @ nodes.frequencies.T)
    assert sums[0] == pytest.approx(exact, abs=2e-10)
    assert not sums.real.any()


def test_the_faster_lattice_is_taken():
    """Few points and many nodes, and the other way round."""
    few, many = square(64, 1), square(20_000, 1)
    assert StepWork.of(density_nodes(LINE, few, 1e-5), few, False, False).side == "nodes"
    work = StepWork.of(density_nodes(LINE, many, 1e-1), many, False, False)
    assert work.side == "points"
    assert work.seconds("nufft") < replace(work, side="").seconds("nufft")
