"""The one loop that refines a discretization until its estimated error fits the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ntkfreq._support.sizes import SizeError

Choice = TypeVar("Choice")
Found = TypeVar("Found")
# After this many attempts an error that is no longer halved is a reason to stop.
_PATIENCE = 2
# Remedy in refusals of meshes that are too large to be factorized.
NEARER = (
    "x from an origin near the target, x - c, needs fewer (with sigma_a=0 the answer is the same; "
    "else the factor 1 + sigma_a^2 x.x' of the kernel then counts from c), as do a shorter t and a "
    "larger rtol"
)


@dataclass(frozen=True, eq=False)
class Attempt(Generic[Choice, Found]):
    """One discretization, tried.

    Attributes
    ----------
    found : object
        What was computed with it.
    error : float
        Its estimated error; infinite where it was not worth estimating.
    finer : callable or None
        Makes the next choice; None where there is no finer one.
    """

    found: Found
    error: float
    finer: Callable[[], Choice] | None


@dataclass(frozen=True, eq=False)
class Refined(Generic[Found]):
    """The best that was found, its estimated error, and how many refinements it took."""

    found: Found
    error: float
    refinements: int


def refined(
    first: Choice,
    attempt: Callable[[Choice, bool], Attempt[Choice, Found]],
    tolerance: float,
    most: int,
    *,
    impatient: bool = False,
) -> Refined[Found]:
    """Try finer and finer discretizations until the estimated error fits the tolerance.

    Parameters
    ----------
    first : object
        What to try first: a mesh, lengths of elements, numbers of polynomials.
    attempt : callable
        Tries a choice; the second argument says that it is the last one.
    tolerance : float
        Error that is enough.
    most : int
        Attempts at most.
    impatient : bool, default False
        Stop when errors are no longer halved: they are rounding then.

    Raises
    ------
    SizeError
        When the first choice is too large; of a later one what has been found so far is kept.
    """
    best: Refined[Found] | None = None
    choice = first
    for count in range(most):
        try:
            tried = attempt(choice, count == most - 1)
        except SizeError:
            if best is None:
                raise
            break
        stuck = best is not None and tried.error > 0.5 * best.error
        if best is None or tried.error < best.error:
            best = Refined(tried.found, tried.error, count)
        enough = tried.error <= tolerance or (impatient and stuck and count > _PATIENCE)
        if enough or tried.finer is None:
            break
        choice = tried.finer()
    assert best is not None
    return best
