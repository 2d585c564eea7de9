"""Box in two dimensions: from a tolerance to polynomials along each side and a space of tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.lanczos import LanczosSpace, lanczos
from ntkfreq.pde.box_plane.data import PlaneData
from ntkfreq.pde.box_plane.system import BoxPlaneSystem
from ntkfreq.pde.box_plane.tensor_kernel import TensorKernel
from ntkfreq.pde.refine import Attempt, refined
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box

_FIRST, _GROWTH, _ATTEMPTS = 32, 1.4, 100
_MOST_MODES, _MOST_COEFFICIENTS = 600, 90_000
# At most so many polynomials where panels do not resolve the data: more do not either.
_ROUGH_MODES = 120
# Numbers a basis may hold: 0.8 GB.
_MOST_NUMBERS = 100_000_000
# Shares of the tolerance that may be spent on the polynomials, on the truncation of the space, and
# under decay on time and on the residual of the space.
_SERIES, _SPACE, _TIME = 0.35, 0.01, 0.3
# Strengths that A_2 passes through under decay; the flows with these span the first space.
_FADING = (1.0, 0.1, 0.01, 0.0)
# Share of the tolerance below which a direction of a trajectory is left out.
_KEPT = 0.02
_MOST_SPACES = 12
# Rounding errors of the kernel relative to its largest value, and the share of the initial error
# that they may grow to by the time 1.
_ROUNDING, _LOST = 2e-15, 0.1
# The residual of a space is extended by the kernel over this many of the fastest time scales.
_AHEAD = 4.0
_Modes = tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Plane:
    """A problem, the times to fit, and the tolerances of kernel and space."""

    equation: FrequencyEquation
    data: PlaneData
    t: FloatArray
    rtol: float
    dynamics: Dynamics

    def covering(self, modes: _Modes) -> _Plane:
        """The same with data in at least so many polynomials."""
        if not any(np.greater(modes, self.data.goal.shape)):
            return self
        return replace(self, data=self.data.covering((2 * modes[0], 2 * modes[1])))

    @property
    def _growth(self) -> float:
        """Last time over the fastest time scale, in the worst case."""
        far = np.maximum(np.abs(self.data.box.lower), np.abs(self.data.box.upper))
        return self.t_end * (1 + self.equation.sigma_a**2 * float(far @ far))

    def refuse_far(self) -> None:
        """Refuse a box whose distance from 0 multiplies the rounding of the kernel too far."""
        # At later times fast modes are at rest, and `status` reports the rounding.
        growth = self._growth * min(1.0, 1 / self.t_end)
        if self.equation.sigma_a > 0 and _ROUNDING * growth > _LOST:
            raise ValueError(
                f"measure={self.data.box!r} reaches so far from 0 that sigma_a^2 |x|^2 = "
                f"{growth:.1e} makes an error of the kernel's rounding; use a smaller box, a "
                "smaller sigma_a, or x - c from an origin near the box (the factor 1 + sigma_a^2 "
                "x.x' of the kernel then counts from c, which is another network)"
            )

    @property
    def scale(self) -> float:
        """Norm of the initial error; of the target where the initial output is equal to it."""
        start, both, goal = self.data.moments
        squared = max(start - 2 * both + goal, 0.0)
        return float(np.sqrt(squared if squared > 1e-20 * goal else goal)) or 1.0

    @property
    def t_end(self) -> float:
        """Last time, in the time of gradient flow that learns as much."""
        return self.dynamics.acceleration * float(self.t[-1])

    @property
    def times(self) -> FloatArray:
        """Times at which a space must be accurate."""
        return np.asarray(self.t_end * np.geomspace(1e-6, 1.0, 31))

    def kernel(self, modes: _Modes) -> TensorKernel:
        """The kernel between polynomials."""
        tolerance = max(0.01 * self.rtol / max(self._growth, 1.0), _ROUNDING)
        return TensorKernel.between_polynomials(
            self.equation.density, self.data.box, self.equation.sigma_a, modes, tolerance
        )

    def space(
        self, operator: Callable[[FloatArray], FloatArray], start: FloatArray
    ) -> LanczosSpace:
        """Krylov space that holds the flow of a state."""
        # Outside the box the kernel amplifies errors of the memory by the root of the growth.
        share = _SPACE * self.rtol / np.sqrt(1 + self._growth)
        allowed = share * float(np.linalg.norm(start))
        return lanczos(operator, start, self.times, allowed, _MOST_NUMBERS // start.size)


def refine_box_plane(
    equation: FrequencyEquation, box: Box, t: FloatArray, rtol: float, dynamics: Dynamics
) -> Discretized:
    """System on a box in two dimensions whose estimated error fits the tolerance.

    Each side has its own number of polynomials. It is raised while the last quarter of them takes
    part in what is learned, and until leaving out the last quarter of both changes less than the
    tolerance.
    """
    data = PlaneData.of(equation, box, (2 * _FIRST, 2 * _FIRST))
    whole = _Plane(equation, data, t, rtol, dynamics)
    whole.refuse_far()
    scale = whole.scale

    def attempt(modes: _Modes, last: bool) -> Attempt[_Modes, _Tried]:
        plane = whole.covering(modes)
        kernel = plane.kernel(modes)
        space, change = _learned(plane, kernel)
        tails = _tails(change) / scale
        finer = _finer(modes, tails, _MOST_MODES if data.converged else _ROUGH_MODES)
        tried = _Tried(plane, kernel, space)
        if tails.max() > _SERIES * rtol and finer is not None:
            return Attempt(tried, np.inf, lambda: finer)
        error = _coarser_difference(plane, kernel, change) / scale
        return Attempt(tried, error, None if finer is None else lambda: finer)

    best = refined((_FIRST, _FIRST), attempt, _SERIES * rtol, _ATTEMPTS)
    plane, kernel, space = best.found.plane, best.found.kernel, best.found.space
    error = best.error
    if equation.decay.active:
        result = _fading(plane, kernel, error)
    else:
        basis = np.concatenate([space.basis, _fastest(kernel, space.basis)])
        result = Discretized.of(BoxPlaneSystem(equation, kernel, plane.data, basis))
        result = replace(result, error=error + 2 * space.residual / scale)
    return result.with_error(
        result.error,
        data.converged and data.noise <= rtol,
        method="Galerkin, products of Legendre polynomials",
        modes=list(kernel.modes),
    )


@dataclass(frozen=True, eq=False)
class _Tried:
    """Numbers of polynomials, tried."""

    plane: _Plane
    kernel: TensorKernel
    space: LanczosSpace


def _learned(plane: _Plane, kernel: TensorKernel) -> tuple[LanczosSpace, FloatArray]:
    """The space, and the change of the error at the times of the problem, (T, n_1, n_2)."""
    start, goal = plane.data.coefficients(kernel.modes)
    space = plane.space(kernel.operator, start - goal)
    plane.dynamics.refuse_unstable(float(space.rates.max(initial=0.0)))
    change = space.change(plane.dynamics.deficit, plane.t) @ space.basis
    return space, change.reshape(-1, *kernel.modes)


def _tails(change: FloatArray) -> FloatArray:
    """Norm of the last quarter of the polynomials of each side, at worst over time."""
    first, second = (3 * count // 4 for count in change.shape[1:])
    parts = (change[:, first:], change[:, :, second:])
    return np.array([_norm(part) for part in parts])


def _norm(tables: FloatArray) -> float:
    return float(np.sqrt(np.sum(tables**2, axis=(1, 2)).max()))


def _finer(modes: _Modes, tails: FloatArray, most: int) -> _Modes | None:
    """More polynomials along the sides that need them; None where there are too many."""
    wanted = tails >= 0.1 * tails.max()
    first, second = (
        int(_GROWTH * count) if more else count for count, more in zip(modes, wanted, strict=True)
    )
    if max(first, second) > most or first * second > _MOST_COEFFICIENTS:
        return None
    return first, second


def _coarser_difference(plane: _Plane, kernel: TensorKernel, change: FloatArray) -> float:
    """Difference to the leading three quarters of the polynomials of both sides."""
    first, second = (3 * count // 4 for count in kernel.modes)
    _, coarse = _learned(plane, kernel.corner((first, second)))
    difference = change.copy()
    difference[:, :first, :second] -= coarse
    return _norm(difference)


def _fastest(kernel: TensorKernel, basis: FloatArray) -> FloatArray:
    """The fastest mode, orthogonal to a basis, (1, n): steps must be stable for it as well."""
    size = kernel.modes[0] * kernel.modes[1]
    begin = np.random.default_rng(0).standard_normal(size)
    if not kernel.operator(begin).any():  # so wide a box that nothing is learned
        return _extended(basis, begin[None], 0.0)[len(basis) :]
    operator = LinearOperator((size, size), matvec=kernel.operator, dtype=np.float64)
    _, mode = eigsh(operator, k=1, which="LA", v0=begin, tol=1e-7)
    return _extended(basis, mode.T, 0.0)[len(basis) :]


def _extended(basis: FloatArray, rows: FloatArray, tolerance: float) -> FloatArray:
    """A basis extended so that its span holds further rows up to `tolerance`."""
    for _ in range(2):
        rows = rows - (rows @ basis.T) @ basis
    _, sizes, directions = linalg.svd(rows, full_matrices=False)
    new = directions[sizes > max(tolerance, 1e-13)]
    new = new - (new @ basis.T) @ basis
    return np.concatenate([basis, linalg.qr(new.T, mode="economic")[0].T])


def _fading(plane: _Plane, kernel: TensorKernel, error: float) -> Discretized:
    """The system under decay, at different rates of A_1 and A_2: a space enriched by residuals.

    The error obeys e = g - A_1 q_1 - A_2 q_2, and the part of the right-hand side outside the
    space is the residual. The error of a space is the difference that the next enrichment makes.
    """
    times, loads = plane.times, np.stack(plane.data.coefficients(kernel.modes))
    enough = _KEPT * plane.rtol * float(np.linalg.norm(loads))
    basis = _extended(np.empty((0, loads.shape[1])), loads, 0.0)
    for strength in _FADING if kernel.sigma_a > 0 else (0.0,):
        faded = replace(kernel, sigma_a=kernel.sigma_a * np.sqrt(strength))
        for load in loads:
            space = plane.space(faded.operator, load)
            basis = _extended(
                basis, space.change(plane.dynamics.deficit, times) @ space.basis, enough
            )
    basis = np.concatenate([basis, _fastest(kernel, basis)])
    before, gap = np.zeros((len(times), 0)), np.inf
    for _ in range(_MOST_SPACES):
        system = BoxPlaneSystem(plane.equation, kernel, plane.data, basis)
        plain = Discretized.of(system)
        result = plain.with_decay(plane.t_end, _TIME * plane.rtol)
        held = result.evolve(plane.dynamics, times)
        known, before = before, held.change[0]
        if known.shape[1] > 0:
            new = before - np.pad(known, ((0, 0), (0, before.shape[1] - known.shape[1])))
            gap = float(np.linalg.norm(new, axis=1).max()) / plane.scale
        if gap <= _TIME * plane.rtol:
            break
        memories = zip(held.memory(0)[0] @ basis, held.memory(1)[0] @ basis, strict=True)
        written = [kernel.stationary(first) + kernel.moving(second) for first, second in memories]
        missing = np.stack(written)
        missing -= (missing @ basis.T) @ basis
        # One more power of the kernel a round halves the number of rounds.
        further = [_AHEAD / plain.fastest_rate * kernel.operator(row) for row in missing]
        basis = _extended(basis, np.concatenate([missing, further]), enough)
    return replace(result, error=result.error + error + gap)
