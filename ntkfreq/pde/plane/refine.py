"""Two dimensions: from a tolerance to a tensor grid, refined until its estimated error fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.elements.tensor import TensorSpace
from ntkfreq.pde.plane.mesh import DEGREE, Surroundings
from ntkfreq.pde.plane.pilot import Pilot
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.pde.plane.system import PlaneSystem
from ntkfreq.pde.refine import NEARER, Attempt, refined
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.propagators.krylov import KrylovPropagator, Shifts

_ATTEMPTS = 6
# Errors fall with this power of the element length before the asymptotic 13 sets in.
_ORDER = 8
# Unknowns over the whole tensor, at which one right-hand side takes a tenth of a second.
_MOST_UNKNOWNS = 120_000
# Memory for each unknown: 453 000 took 2.1 GB and 748 000 took 3.5 GB, mostly factors.
_BYTES_AN_UNKNOWN = 4700.0
# Shares of the tolerance that may be spent on the mesh, on its truncation and on time.
_MESH, _TAIL, _TIME = 0.5, 0.2, 0.1

Axes = tuple[ElementAxis, ElementAxis]


@dataclass(frozen=True)
class _Lengths:
    """Where the axes end, and how long elements along them are."""

    ends: tuple[float, float]
    longest: tuple[float, float]
    tails: tuple[float, float] = (np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class _Tried:
    """Propagated systems of three degrees on one mesh, the highest last."""

    axes: Axes
    lengths: _Lengths
    fine: Discretized
    top: PlaneSystem


def refine_plane(
    problem: PlaneProblem,
    on: Callable[[Axes], PlaneSystem],
    t: FloatArray,
    rtol: float,
    dynamics: Dynamics,
) -> Discretized:
    """Finite elements on a tensor grid of frequencies whose estimated error fits the tolerance.

    Parameters
    ----------
    problem : PlaneProblem
        Density and data by frequency.
    on : callable
        The system on a pair of axes.
    t : ndarray, shape (T,)
        Times.
    rtol : float
        Tolerance.
    dynamics : Dynamics
        How modes evolve.
    """
    around = Surroundings(problem, dynamics.acceleration * float(t[-1]), rtol)
    # Fast modes of a lower degree must not outrun those that count, or steps diverge.
    cap = dynamics.fastest_stable
    limits = [around.settled(axis) for axis in range(2)]

    def attempt(lengths: _Lengths, last: bool) -> Attempt[_Lengths, _Tried]:
        axes = _axes(around, lengths.ends, lengths.longest)
        _refuse_far(axes, problem.quadrant)
        crowded = axes[0].size * axes[1].size > _MOST_UNKNOWNS
        last = last or crowded
        # A low degree, which the estimate needs anyway, shows whether the mesh is long enough.
        low = on(lowered(axes, 4))
        rough = propagated(low, t, rtol, dynamics, cap)
        tails = _tails(low, rough, t, dynamics)
        short = [
            k
            for k in range(2)
            # Where a longer mesh did not help, the tail is the error of the low degree.
            if lengths.ends[k] < limits[k] and _TAIL * rtol < tails[k] < 0.3 * lengths.tails[k]
        ]
        if short and not last:
            longer = list(lengths.ends)
            for k in short:
                reach = problem.equation.sigma_a * float(np.log(tails[k] / (_TAIL * rtol)))
                longer[k] += max(0.6 * reach, 0.5 * lengths.longest[k])
                longer[k] = min(longer[k], limits[k])
            stretched = _Lengths((longer[0], longer[1]), lengths.longest, tails)
            return Attempt(_Tried(axes, lengths, rough, low), np.inf, lambda: stretched)
        middle, top = (on(lowered(axes, by)) for by in (2, 0))
        close = propagated(middle, t, rtol, dynamics, cap)
        fine = propagated(top, t, rtol, dynamics)
        error = _extrapolated((top, fine), (middle, close), (low, rough), t, dynamics)

        def finer() -> _Lengths:
            scale = max(0.5, min(0.85, (0.5 * _MESH * rtol / error) ** (1 / _ORDER)))
            first, second = lengths.longest
            return _Lengths(lengths.ends, (scale * first, scale * second))

        return Attempt(_Tried(axes, lengths, fine, top), error, None if last else finer)

    best = refined(_piloted(around, t), attempt, _MESH * rtol, _ATTEMPTS)
    tried = best.found
    ends = tried.lengths.ends
    tails = _tails(tried.top, tried.fine, t, dynamics)
    left_out = sum(tails[k] for k in range(2) if ends[k] < limits[k])
    return tried.fine.with_error(
        best.error + left_out + tried.fine.error,
        problem.resolved_within(rtol),
        method=f"finite elements of degree {DEGREE} on a tensor grid",
        elements=(tried.axes[0].elements, tried.axes[1].elements),
        truncation=ends,
        refinements=best.refinements,
    )


def _refuse_far(axes: Axes, quadrant: bool) -> None:
    """Refuse a tensor grid whose factors exceed the memory, before it is used."""
    unknowns = axes[0].size * axes[1].size * (4 if quadrant else 2)
    refuse_memory(
        f"the frequencies of target and rho_w need {unknowns} unknowns",
        _BYTES_AN_UNKNOWN * unknowns,
        NEARER,
    )


def _piloted(around: Surroundings, t: FloatArray) -> _Lengths:
    """End of each axis and element length to begin with."""
    pilots, lengths = [Pilot(around, k, t) for k in range(2)], [around.longest(k) for k in range(2)]
    ends = [
        max(pilot.reach(0.5 * _TAIL * around.rtol, longest), around.data_reach[pilot.which])
        for pilot, longest in zip(pilots, lengths, strict=True)
    ]
    _refuse_far(_axes(around, ends, lengths), around.problem.quadrant)
    share = 0.3 * _MESH * around.rtol
    pairs = zip(pilots, ends, lengths, strict=True)
    longest = [pilot.resolved(end, longest, share) for pilot, end, longest in pairs]
    return _Lengths((ends[0], ends[1]), (longest[0], longest[1]))


def _axes(around: Surroundings, ends: Sequence[float], longest: Sequence[float]) -> Axes:
    """Elements along both frequencies."""
    first, second = (
        around.axis(k, ends[k], longest[k], mirrored=not around.problem.quadrant) for k in range(2)
    )
    return first, second


def propagated(
    system: PlaneSystem, t: FloatArray, rtol: float, dynamics: Dynamics, cap: float = np.inf
) -> Discretized:
    """The system with its propagators, which have converged at the times."""
    scale = initial_norm(system)
    shared: dict[TensorSpace, Shifts] = {}
    parts = []
    for block in system.blocks:
        shifts = shared.setdefault(block.space, Shifts(block))
        tolerance = _TIME * rtol * scale / np.sqrt(len(system.blocks))
        parts.append(KrylovPropagator(block, t, tolerance, 0.5 * rtol * scale, shifts, cap=cap))
    result = Discretized(system, tuple(parts))
    if np.isinf(cap):
        dynamics.refuse_unstable(result.fastest_rate)
    for part in parts:
        part.fit(dynamics)
    spent = float(np.sqrt(sum(part.error**2 for part in parts)))
    return Discretized(system, tuple(parts), spent / scale if scale > 0 else 0.0)


def _tails(
    system: PlaneSystem, fine: Discretized, t: FloatArray, dynamics: Dynamics
) -> tuple[float, float]:
    r"""Bound of the change beyond the end of each axis, relative to the initial error.

    Beyond the end the change falls off like :math:`e^{-\xi/\sigma_a}` or faster.
    """
    squares = np.zeros((2, len(t)))
    for name, states in zip(system.names, fine.evolve(dynamics, t).change, strict=True):
        full = system.whole(name, states)
        for k, axis in enumerate(system.axes):
            other = system.axes[1 - k]
            ends = {int(np.argmin(axis.vertices)), int(np.argmax(axis.vertices))}
            for end in ends if not system.quadrant else {int(np.argmax(axis.vertices))}:
                edge = full[:, end, :] if k == 0 else full[:, :, end]
                squares[k] += np.sum(edge * (other.mass @ edge.T).T, axis=1)
    scale = initial_norm(system)
    worst = np.sqrt(system.forms.scale * system.equation.sigma_a / 2 * squares.max(axis=1))
    first, second = (float(tail) / scale if scale > 0 else 0.0 for tail in worst)
    return first, second


def lowered(axes: Axes, by: int) -> Axes:
    """The same elements at a lower degree."""
    first, second = (axis.lower(axis.degree - by)[0] for axis in axes)
    return first, second


_Propagated = tuple[PlaneSystem, Discretized]


def _extrapolated(
    fine: _Propagated, close: _Propagated, rough: _Propagated, t: FloatArray, dynamics: Dynamics
) -> float:
    """Estimate from degrees p, p - 2 and p - 4: the differences fall geometrically."""
    near, far = (_distances(fine, other, t, dynamics) for other in (close, rough))
    ratio = np.divide(near, far, out=np.zeros_like(near), where=far > 0)
    return float(np.max(near * np.minimum(ratio, 1.0)))


def _distances(
    fine: _Propagated, lower: _Propagated, t: FloatArray, dynamics: Dynamics
) -> FloatArray:
    """Largest relative distance over time, one a loss; the lower unknowns are among the others."""
    (top, above), (below, beneath) = fine, lower
    rows, columns = (
        axis.lower(fewer.degree)[1] for axis, fewer in zip(top.axes, below.axes, strict=True)
    )
    mine, other = above.evolve(dynamics, t), beneath.evolve(dynamics, t)
    squares = np.zeros((len(top.sizes), len(t)))
    for k, name in enumerate(top.names):
        pair = []
        for states, fewer in ((mine.change, other.change), (mine.memory(1), other.memory(1))):
            difference = top.whole(name, states[k])
            if name in below.names:
                part = below.whole(name, fewer[below.names.index(name)])
                difference[:, rows[:, None], columns] -= part
            keep = top.spaces[name].keep
            pair.append(difference[:, keep[0][:, None], keep[1]].reshape(len(t), -1))
        squares += top.squares(name, *pair)
    sizes = top.sizes
    relative = np.divide(squares.max(axis=1), sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return np.asarray(np.sqrt(relative))
