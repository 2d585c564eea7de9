"""The loop that refines elements along a line until their estimated error fits the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import BoolArray, FloatArray
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.time.discretized import Discretized

# Shares of the tolerance: for the mesh, for Krylov spaces, for the integration in time under
# decay; as much as for the mesh goes to modes that are left out of account.
MESH_SHARE, KRYLOV_SHARE, TIME_SHARE = 0.4, 0.05, 0.3
_REFINEMENTS = 12
_MOST_UNKNOWNS = 40_000
# SuperLU counts entries in 32 bits: factors of 1e5 elements of degree 8 end in its own errors.
_MOST_ELEMENTS = 60_000
NEARER = (
    "x from an origin near the target, x - c, needs fewer (with sigma_a=0 the answer is the same; "
    "else the factor 1 + sigma_a^2 x.x' of the kernel then counts from c), as do a shorter t and a "
    "larger rtol"
)


class Refined(NamedTuple):
    """The best mesh found, what was computed on it, its estimated error and the attempts made."""

    mesh: FrequencyMesh
    fine: Discretized
    error: float
    refinements: int


def refined(
    mesh: FrequencyMesh,
    rtol: float,
    solve: Callable[[FrequencyMesh], tuple[Discretized, FloatArray]],
) -> Refined:
    """Refine where it pays until the estimate fits its share of the tolerance.

    `solve` returns, for a mesh, the propagated system and the squares of its estimated relative
    errors at some times on each element, shape (T, elements).

    Raises
    ------
    ValueError
        When the first mesh has more elements than can be factorized.
    """
    if mesh.elements > _MOST_ELEMENTS:
        raise SizeError(
            f"the frequencies of target and rho_w need {mesh.elements} elements, above the "
            f"{_MOST_ELEMENTS} that are factorized here: {NEARER}"
        )
    best: Refined | None = None
    for attempt in range(_REFINEMENTS + 1):
        fine, squares = solve(mesh)
        error = float(np.sqrt(squares.sum(axis=1).max()))
        stuck = best is not None and error > 0.5 * best.error
        if best is None or error < best.error:
            best = Refined(mesh, fine, error, attempt)
        # Halving elements takes two digits off what they miss: where it does not, the rest is
        # rounding, which smaller elements make larger.
        if error <= MESH_SHARE * rtol or fine.unknowns > _MOST_UNKNOWNS or (stuck and attempt > 2):
            break
        mesh = mesh.refined(_marked(squares, MESH_SHARE * rtol))
    assert best is not None
    return best


def _marked(squares: FloatArray, tolerance: float) -> BoolArray:
    """The fewest elements without which the error would fit half the tolerance."""
    largest = squares.max(axis=0)
    order = np.argsort(largest)
    calm = np.cumsum(largest[order]) <= (0.5 * tolerance) ** 2
    marked = np.ones(len(largest), dtype=bool)
    marked[order[calm]] = False
    return marked
