"""From a tolerance to a mesh along one frequency, refined where its error does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import BoolArray, FloatArray
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.refine import NEARER, Attempt, refined
from ntkfreq.pde.time.discretized import Discretized, initial_norm, some_of
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.system import Evolution, System

# Shares of the tolerance that may be spent on the mesh, on Krylov spaces and on the integration in
# time under decay. Modes with less than the share of the mesh count as negligible.
_MESH, _KRYLOV, _TIME = 0.4, 0.05, 0.3
# Limits of the refinement: attempts, and unknowns beyond which no further one is made.
_ATTEMPTS = 13
_MOST_UNKNOWNS = 40_000
# SuperLU counts entries in 32 bits, and fails on the factors of 1e5 elements of degree 8.
_MOST_ELEMENTS = 60_000


class MeshedSystem(System, Protocol):
    """A system on a mesh of frequencies that estimates its error on every element."""

    @property
    def mesh(self) -> FrequencyMesh:
        """The elements."""
        ...

    def error_squares(self, evolution: Evolution) -> FloatArray:
        """Squares of estimated relative errors at times (T,) on each element, (T, elements)."""
        ...


def refined_mesh(
    first: FrequencyMesh,
    on: Callable[[FrequencyMesh], MeshedSystem],
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
    *,
    carried: Callable[[MeshedSystem], MeshedSystem] = lambda system: system,
) -> tuple[Discretized, FrequencyMesh, float, int]:
    """Elements whose estimated error fits the tolerance, their mesh, error and refinements.

    Parameters
    ----------
    first : FrequencyMesh
        The mesh to begin with.
    on : callable
        The system on a mesh, without decay.
    t : ndarray, shape (T,)
        Times.
    rtol : float
        Tolerance.
    dynamics : Dynamics
        How modes evolve.
    carried : callable, optional
        The system under decay, from that without.

    Raises
    ------
    SizeError
        When the first mesh has more elements than can be factorized.
    """
    if first.elements > _MOST_ELEMENTS:
        raise SizeError(
            f"the frequencies of target and rho_w need {first.elements} elements, above the "
            f"{_MOST_ELEMENTS} that are factorized here: {NEARER}"
        )

    def attempt(
        mesh: FrequencyMesh, last: bool
    ) -> Attempt[FrequencyMesh, tuple[Discretized, FrequencyMesh]]:
        system = on(mesh)
        scale = initial_norm(system)
        # Amplitudes below the error of the mesh are properties of the mesh, not of the problem.
        fine = Discretized.fitted(system, t, dynamics, _KRYLOV * rtol * scale, _MESH * rtol * scale)
        system = carried(system)
        fine = Discretized(system, fine.propagators).with_decay(float(t[-1]), _TIME * rtol)
        squares = system.error_squares(fine.evolve(dynamics, some_of(t)))
        error = float(np.sqrt(squares.sum(axis=1).max()))

        def finer() -> FrequencyMesh:
            return mesh.refined(_marked(squares, _MESH * rtol))

        return Attempt((fine, mesh), error, None if fine.unknowns > _MOST_UNKNOWNS else finer)

    # Halving an element reduces its error by two digits. Where it does not, the error is rounding,
    # which smaller elements increase.
    best = refined(first, attempt, _MESH * rtol, _ATTEMPTS, impatient=True)
    fine, mesh = best.found
    return fine, mesh, best.error + fine.time_error, best.refinements


def _marked(squares: FloatArray, tolerance: float) -> BoolArray:
    """The fewest elements without which the error would fit half the tolerance."""
    largest = squares.max(axis=0)
    order = np.argsort(largest)
    negligible = np.cumsum(largest[order]) <= (0.5 * tolerance) ** 2
    marked = np.ones(len(largest), dtype=bool)
    marked[order[negligible]] = False
    return marked
