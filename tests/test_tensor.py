"""Matrices on tensor grids against general finite elements and dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import linalg as sparse_linalg
from skfem import Basis, BilinearForm, ElementQuadP, MeshQuad
from skfem.helpers import d, dot

from ntkfreq import FrequencyEquation, Normal, StudentT
from ntkfreq.pde.elements.axis import ElementAxis, shapes
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.pde.plane.refine import lowered
from ntkfreq.pde.plane.system import PlaneSystem

SIGMA_A, SCALE = 0.7, 1.5


def y(x):
    """Parts of all four parities."""
    window = np.exp(-np.sum(x**2, axis=1) / 3)
    return window * (np.cos(x @ [1.2, 1.6]) + 0.7 * np.sin(x @ [3.2, -2.4] + 0.3) + 0.2 * x[:, 0])


def system_on(equation, degree, quadrant):
    nodes = np.array([0.0, 0.7, 1.5, 3.0])
    if not quadrant:
        nodes = np.concatenate([-nodes[:0:-1], nodes])
    problem = PlaneProblem(equation)
    problem.__dict__["quadrant"] = quadrant
    axes = (ElementAxis((nodes,), degree, 12), ElementAxis((nodes[1:] - nodes[1],), degree, 12))
    return PlaneSystem(problem, axes)


@pytest.mark.parametrize("degree", [2, 3])
def test_matrices_are_those_of_general_finite_elements(degree):
    """Against scikit-fem's elements on quadrilaterals: the same space, so the same eigenvalues."""
    equation = FrequencyEquation.create(StudentT(3.0, scale=SCALE, dim=2), y, sigma_a=SIGMA_A)
    system = system_on(equation, degree, quadrant=True)
    mesh = MeshQuad.init_tensor(*(axis.intervals[0] for axis in system.axes))
    basis = Basis(mesh, ElementQuadP(degree), intorder=22)
    scale = 1 / np.pi**2

    def rho(w):
        return (2 * np.pi) ** 2 * equation.density.pdf(w.x.reshape(2, -1).T).reshape(w.x.shape[1:])

    terms = {
        "mass": lambda u, v, w: u * v,
        "s": lambda u, v, w: rho(w) * u * v,
        "m": lambda u, v, w: SIGMA_A**2 * rho(w) * dot(d(u), d(v)),
    }
    space = system.spaces["ee"]
    plain = {name: scale * BilinearForm(term).assemble(basis) for name, term in terms.items()}
    for name in ("s", "m"):
        mine = np.linalg.eigvals(
            np.linalg.solve(space.operator("mass").toarray(), space.operator(name).toarray())
        )
        general = np.linalg.eigvals(np.linalg.solve(plain["mass"].toarray(), plain[name].toarray()))
        np.testing.assert_allclose(np.sort(mine.real), np.sort(general.real), atol=1e-8)


def test_shapes_are_a_hierarchy():
    s = np.linspace(-1, 1, 7)
    np.testing.assert_array_equal(shapes(9, s)[0][:, :5], shapes(4, s)[0])
    finer = np.linspace(-1, 1, 4001)
    values, slopes = shapes(9, finer)
    np.testing.assert_allclose(
        np.diff(values, axis=0) / np.diff(finer)[:, None],
        (slopes[1:] + slopes[:-1]) / 2,
        atol=1e-4,
    )


@pytest.mark.parametrize("quadrant", [True, False])
def test_blocks_solve_what_they_apply(quadrant):
    equation = FrequencyEquation.create(Normal(scale=SCALE, dim=2), y, sigma_a=SIGMA_A)
    system = system_on(equation, 5, quadrant)
    assert len(system.blocks) == (4 if quadrant else 2)
    for block in system.blocks:
        mass, operator = block.mass.toarray(), block.operator.toarray()
        np.testing.assert_allclose(mass, mass.T, atol=1e-15)
        np.testing.assert_allclose(
            operator, block.stationary.toarray() + block.moving.toarray(), atol=1e-12
        )
        load = np.random.default_rng(0).standard_normal(block.size)
        np.testing.assert_allclose(mass @ block.solve_mass(load), load, atol=1e-10)
        for tau in (0.1, 1e4):
            found = block.factorize(tau).solve(load)
            wanted = np.linalg.solve(mass + tau * operator, load)
            np.testing.assert_allclose(found, wanted, atol=1e-9 * np.abs(wanted).max())


def test_lower_degree_is_a_part():
    equation = FrequencyEquation.create(Normal(scale=SCALE, dim=2), y, sigma_a=SIGMA_A)
    system = system_on(equation, 6, quadrant=True)
    fewer = PlaneSystem(system.problem, lowered(system.axes, 2))
    rows, columns = (axis.lower(4)[1] for axis in system.axes)
    part = (rows[:, None] * system.axes[1].size + columns).ravel()
    for name in ("mass", "sm"):
        whole = system.spaces["ee"].operator(name).toarray()
        np.testing.assert_allclose(
            whole[np.ix_(part, part)], fewer.spaces["ee"].operator(name).toarray(), atol=1e-12
        )


def test_condensed_factorization_beats_a_general_one_in_memory():
    """What is left after the interiors is an eighth of the unknowns at degree 12."""
    equation = FrequencyEquation.create(Normal(scale=SCALE, dim=2), y, sigma_a=SIGMA_A)
    nodes = np.linspace(0, 8, 6)
    axes = (ElementAxis((nodes,), 12, 18), ElementAxis((nodes,), 12, 18))
    system = PlaneSystem(PlaneProblem(equation), axes)
    block = system.blocks[0]
    solver = block.factorize(1.0)
    assert isinstance(solver.factor, sparse_linalg.SuperLU)
    assert solver.used.size < 0.2 * block.size
