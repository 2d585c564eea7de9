"""Rational Krylov against the dense eigendecomposition and the matrix exponential."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import linalg

from ntkfreq import Normal
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.pde.time.dynamics import DescentDynamics, GradientFlow, HeavyBallDynamics
from ntkfreq.pde.time.propagators import EigenPropagator
from ntkfreq.pde.time.propagators.krylov import KrylovPropagator, Shifts
from ntkfreq.pde.time.system import Block
from ntkfreq.problem.equation import FrequencyEquation

EPS = np.finfo(float).eps
FLOW = GradientFlow()


def y(x):
    return np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.sin(6 * x) + 0.3 * np.sin(x))


@lru_cache
def line_block(unknowns, kind="smooth"):
    """Even block of a Line problem; its load smooth, of five point charges, or of white noise."""
    equation = FrequencyEquation.create(Normal(scale=3.0), y, sigma_a=0.7)
    mesh = FrequencyMesh((np.linspace(0.0, 22.0, unknowns // 8 + 1),))
    block = LineSystem(equation, mesh, 8).blocks[0]
    if kind == "smooth":
        return block
    rng = np.random.default_rng(0)
    load = np.zeros(block.size)
    load[rng.integers(0, block.size, 5)] = rng.standard_normal(5)
    if kind == "noise":
        load = block.mass @ rng.standard_normal(block.size)
    return replace(block, start=load, goal=np.zeros(block.size))


def norm_of(block, states):
    """Norms under M of the rows of states, relative to that of the initial error."""
    squares = np.einsum("tn,tn->t", states, (block.mass @ states.T).T)
    return np.sqrt(squares / (block.load @ block.solve_mass(block.load)))


def compare(block, t, tolerance=1e-8):
    scale = float(np.sqrt(block.load @ block.solve_mass(block.load)))
    krylov = KrylovPropagator(block, t, tolerance * scale)
    dense = EigenPropagator(block)
    return krylov, krylov.evolve(FLOW, t), dense, dense.evolve(FLOW, t)


@pytest.mark.parametrize("unknowns", [400, 1600])
@pytest.mark.parametrize("kind", ["smooth", "spikes", "noise"])
def test_six_decades_agree_with_the_eigendecomposition(unknowns, kind):
    """To 1e-8, and a few times what rounding leaves of either."""
    block, t = line_block(unknowns, kind), np.geomspace(1e-3, 1e3, 40)
    krylov, found, dense, wanted = compare(block, t)
    rounding = EPS * t[-1] * dense.rates[-1]
    assert norm_of(block, found.change - wanted.change).max() < 1e-8 + rounding
    initial = wanted.energy[0]
    assert np.abs(found.energy - wanted.energy).max() < (1e-9 + rounding) * initial
    gap = norm_of(block, found.memory[0] - wanted.memory[0]) / t
    assert gap.max() < 1e-8 + rounding
    # From noise 92, or 107 (one round of shifts more) where last digits of the matrices differ:
    # either comes out when the density is multiplied by 1 + 1e-15.
    assert krylov.dimension < 110
    assert krylov.factorizations <= 4


def test_thirteen_decades_from_five_factorizations():
    """A smooth load to t = 1e10, where the eigenvalues of either method are nearly rounding."""
    block = line_block(1600)
    t = np.concatenate([[0.0], np.geomspace(1e-3, 1e10, 60)])
    krylov, found, _, wanted = compare(block, t)
    assert norm_of(block, found.change - wanted.change).max() < 3e-8
    assert krylov.factorizations <= 6
    assert krylov.error < 1e-8 * np.sqrt(wanted.energy[0])


@pytest.mark.parametrize("kind", ["spikes", "noise"])
def test_thirteen_decades_of_spikes_are_limited_by_rounding(kind):
    """t times the largest rate is 2e14 here: nobody knows the slow modes in double precision."""
    block = line_block(400, kind)
    t = np.geomspace(1e-3, 1e10, 60)
    krylov, found, dense, wanted = compare(block, t)
    gap = norm_of(block, found.change - wanted.change)
    rounding = EPS * t * dense.rates[-1]
    assert np.all(gap < 1e-8 + 3 * np.maximum.accumulate(rounding))
    assert krylov.dimension <= 400


@pytest.mark.parametrize("kind", ["smooth", "spikes", "noise"])
def test_loss_never_grows_and_nothing_rings(kind):
    """Even where the space is far from converged: its Ritz values are no less than zero."""
    block, t = line_block(400, kind), np.geomspace(1e-3, 1e10, 200)
    for tolerance in (1e-1, 1e-3, 1e-8):
        krylov = KrylovPropagator(block, t, tolerance)
        assert np.all(np.diff(krylov.evolve(FLOW, t).energy) <= 0)


def test_small_block_against_the_matrix_exponential():
    block, t = line_block(48, "noise"), np.array([0.0, 0.01, 1.0, 30.0])
    mass, operator = block.mass.toarray(), block.operator.toarray()
    start = np.linalg.solve(mass, block.load)
    generator = -np.linalg.solve(mass, operator)
    wanted = np.stack([linalg.expm(time * generator) @ start - start for time in t])
    found = KrylovPropagator(block, t, 1e-12).evolve(FLOW, t).change
    assert np.abs(found - wanted).max() < 1e-11 * np.abs(start).max()


def test_estimated_error_bounds_the_true_one():
    block, t = line_block(400, "noise"), np.geomspace(1e-2, 1e2, 30)
    wanted = EigenPropagator(block).evolve(FLOW, t).change
    scale = float(np.sqrt(block.load @ block.solve_mass(block.load)))
    for tolerance in (1e-2, 1e-4, 1e-6):
        krylov = KrylovPropagator(block, t, tolerance * scale)
        gap = norm_of(block, krylov.evolve(FLOW, t).change - wanted).max()
        assert gap < krylov.error / scale < tolerance


@pytest.mark.parametrize("kind", ["smooth", "noise"])
@pytest.mark.parametrize("make", [DescentDynamics, lambda step: HeavyBallDynamics(step, 0.9)])
def test_steps_of_gradient_descent(kind, make):
    """The steps resolve the rates that hold the load; faster ones are cut alike by both."""
    block = line_block(400, kind)
    scale = float(np.sqrt(block.load @ block.solve_mass(block.load)))
    t = np.geomspace(1e-3, 1e2, 30)
    krylov = KrylovPropagator(block, t, 1e-8 * scale, 1e-6 * scale)
    dynamics = make(1.0 / krylov.fastest_rate)
    steps = dynamics.step_size * np.array([0.0, 1.0, 2.0, 10.0, 100.0, 3000.0])
    found = krylov.evolve(dynamics, steps).change
    dense = EigenPropagator(block, 0.0, krylov.fastest_rate)
    assert norm_of(block, found - dense.evolve(dynamics, steps).change).max() < 3e-6


def test_two_right_hand_sides_share_their_factorizations():
    first = line_block(400)
    second = replace(first, start=line_block(400, "noise").start, goal=np.zeros(first.size))
    t = np.geomspace(1e-2, 1e2, 20)
    shared = Shifts(first)
    parts = [KrylovPropagator(block, t, 1e-8, 0.0, shared) for block in (first, second)]
    found = [part.evolve(FLOW, t) for part in parts]
    alone = KrylovPropagator(second, t, 1e-8).evolve(FLOW, t)
    assert parts[0].factorizations == parts[1].factorizations == len(shared.solvers) <= 4
    assert norm_of(second, found[1].change - alone.change).max() < 1e-9


def test_times_may_be_asked_for_later():
    block = line_block(400)
    krylov = KrylovPropagator(block, np.array([1.0]), 1e-9)
    krylov.evolve(FLOW, np.array([1.0]))
    before = krylov.dimension
    krylov.evolve(FLOW, np.array([1.0]))
    assert krylov.dimension == before
    later = np.geomspace(1e-3, 1e4, 20)
    wanted = EigenPropagator(block).evolve(FLOW, later).change
    assert norm_of(block, krylov.evolve(FLOW, later).change - wanted).max() < 1e-8


def test_dense_block_without_mass():
    """A Gram matrix of 300 points, whose eigenvalues fall to rounding."""
    x = np.linspace(-1, 1, 300)
    gram = np.exp(-8 * (x[:, None] - x) ** 2) / 300
    block = Block(gram, None, None, np.zeros(300), np.sin(9 * x) + 0.1 * x)
    t = np.concatenate([[0.0], np.geomspace(1e-1, 1e8, 30)])
    found = KrylovPropagator(block, t, 1e-9).evolve(FLOW, t)
    wanted = EigenPropagator(block).evolve(FLOW, t)
    # Eigenvalues near zero are known to rounding: 1e8 times 2e-16 of the largest.
    assert np.abs(found.change - wanted.change).max() < 1e-7
    np.testing.assert_allclose(found.energy, wanted.energy, rtol=0, atol=1e-7)


def test_nothing_to_learn_and_one_unknown():
    zero = Block(np.eye(3), None, None, np.zeros(3), np.zeros(3))
    krylov = KrylovPropagator(zero, np.array([0.0, 1.0]), 1e-9)
    found = krylov.evolve(FLOW, np.array([0.0, 1.0]))
    assert found.change.shape == found.memory[0].shape == (2, 3)
    assert not found.change.any()
    assert krylov.fastest_rate == krylov.error == 0.0
    one = Block(np.array([[2.0]]), None, None, np.zeros(1), np.ones(1))
    found = KrylovPropagator(one, np.array([1.0]), 1e-9).evolve(FLOW, np.array([1.0]))
    assert found.energy == pytest.approx(np.exp(-4.0))
