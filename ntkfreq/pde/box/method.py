"""Box in one dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.rate import largest_rate
from ntkfreq.pde.box.layered import layered_rate
from ntkfreq.pde.box.system import BoxSystem
from ntkfreq.pde.method import Method
from ntkfreq.pde.refine import Attempt, refined
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.measure import Box

# Polynomials: at first, their growth between attempts, at most, and at most for rough data.
_FIRST, _GROWTH, _MOST, _MOST_IF_ROUGH = 48, 1.4, 1500, 300
_ATTEMPTS = 100
# At most for random initial outputs of heavy tails, which polynomials represent slowly.
_MOST_IF_HEAVY = 600
# Share of the tolerance for the integration in time under decay.
_TIME = 0.3
_SAMPLES = 4097
# Points at which functions are split into bands, at least and at most.
_SPLIT = (256, 2000)
# Points over a box that show its fastest rate, and the step of their second coordinate.
_SPREAD, _GOLDEN = 1500, 0.6180339887498949


@dataclass(frozen=True, eq=False)
class OnBox(Method[Box]):
    """What boxes of any dimension share."""

    leaks: ClassVar[bool] = True

    def fastest_rate(self) -> float:
        """Largest rate of the operator, from points spread evenly over the box."""
        return self._fastest_rate

    @cached_property
    def _fastest_rate(self) -> float:
        low, high = np.asarray(self.measure.lower), np.asarray(self.measure.upper)
        unit = (np.arange(_SPREAD) + 0.5) / _SPREAD
        if len(low) == 1:
            shares = unit[:, None]
        else:
            # A lattice of rank one: no two points share a coordinate.
            shares = np.stack([unit, (np.arange(_SPREAD) * _GOLDEN) % 1.0], axis=1)
        weights = np.full(_SPREAD, 1 / _SPREAD)
        x = low + shares * (high - low)
        if self.equation.layers is not None:
            return layered_rate(self.equation, x, weights)
        return largest_rate(self.equation.density, x, weights, self.equation.sigma_a)

    @property
    def _largest_entry(self) -> float:
        """Largest diagonal entry of the kernel, at a corner."""
        far = np.maximum(np.abs(self.measure.lower), np.abs(self.measure.upper))
        if self.equation.layers is not None:
            still, moving = self.equation.layers.masses
            return still + moving * float(far @ far)
        return 1 + self.equation.sigma_a**2 * float(far @ far)

    def extent(self) -> float:
        """Diagonal of the box."""
        return float(np.linalg.norm(np.subtract(self.measure.upper, self.measure.lower)))

    def _one_a_cell(self, count: list[int]) -> FloatArray:
        """One random point in each of many equal cells: such points have no aliases."""
        lower, upper = np.array(self.measure.lower), np.array(self.measure.upper)
        cells = np.stack(np.meshgrid(*[np.arange(n) for n in count], indexing="ij"), axis=-1)
        cells = cells.reshape(-1, self.measure.dim)
        place = (cells + np.random.default_rng(0).uniform(size=cells.shape)) / np.array(count)
        return np.asarray(lower + (upper - lower) * place)


@dataclass(frozen=True, eq=False)
class BoxMethod(OnBox):
    """A Legendre-Bessel Galerkin method; polynomials are added until the estimated error fits."""

    without_expectation: ClassVar[str | None] = None
    all_states: bool = False

    def for_all_states(self) -> Self:
        """The same with polynomials that resolve random initial outputs as well."""
        return replace(self, all_states=True)

    def refuse(self) -> None:
        """Nothing that an equation admits is refused."""

    @property
    def _interval(self) -> tuple[float, float]:
        return self.measure.lower[0], self.measure.upper[0]

    def sampled(self) -> FloatArray:
        """Points over the box."""
        return np.linspace(*self._interval, _SAMPLES)[:, None]

    def split_points(self, frequencies: FloatArray) -> FloatArray:
        """One point in each of many cells."""
        low, high = self._interval
        wanted = 2 * np.abs(frequencies).max() * (high - low) / np.pi
        return self._one_a_cell([int(np.clip(np.ceil(wanted), *_SPLIT))])

    def _counts(self, rtol: float) -> tuple[int, int]:
        """Polynomials to begin with, and at most."""
        if not self.all_states or self.equation.sigma_a == 0:
            return _FIRST, _MOST
        low, high = self._interval
        # An initial output of a frequency takes as many as its phase over half the box, in radians;
        # the last eighth is there to show that no more are needed.
        wanted = 8 / 7 * (high - low) / 2 * self.equation.density.radius(max(rtol**2, 1e-15))
        if wanted > _MOST:
            return _MOST_IF_ROUGH, _MOST_IF_HEAVY
        return int(max(wanted, _FIRST)), _MOST

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """As many polynomials as the tolerance asks for."""
        equation, t_end = self.equation, float(t[-1])
        # An error d of the stationary part is one of (1 + (sigma_a x)^2) d in the operator.
        stretch = self._largest_entry
        tolerance = max(0.01 * rtol / max(dynamics.acceleration * t_end * stretch, 1.0), 1e-15)
        resolved = equation.initial_error.resolved_on(*self._interval)
        # Data that panels do not resolve are not resolved by more polynomials either.
        first, most = self._counts(rtol)
        most = most if resolved.converged else max(first, _MOST_IF_ROUGH)

        def attempt(modes: int, last: bool) -> Attempt[int, tuple[BoxSystem, Discretized]]:
            system = BoxSystem(equation, self.measure, modes, tolerance)
            result = Discretized.of(system)
            more = modes * _GROWTH <= most
            error = 0.0
            if self.all_states:
                error = _of_draws(system, dynamics.acceleration * t_end * stretch)
            if error <= rtol or not more:
                error = max(error, _estimated(system, result, dynamics, t))
            return Attempt(
                (system, result), error, (lambda: int(_GROWTH * modes)) if more else None
            )

        best = refined(first, attempt, rtol, _ATTEMPTS)
        system, plain = best.found
        about = {"method": "Galerkin, Legendre polynomials", "modes": system.modes}
        if equation.decay.contracts:
            from ntkfreq.pde.box.contracting import ContractingBox

            moving = ContractingBox(
                equation, self.measure, system.modes, tolerance, t_end=t_end, outputs=outputs
            )
            found = Discretized.moving(moving, t_end, _TIME * rtol, best.error)
            return found.with_error(found.error, resolved.within(rtol), **about)
        found = plain.with_error(
            max(best.error, equation.kernel_error), resolved.within(rtol), **about
        )
        return found.with_decay(t_end, _TIME * rtol)


def _estimated(system: BoxSystem, result: Discretized, dynamics: Dynamics, t: FloatArray) -> float:
    """Relative difference to the leading three quarters of the modes."""
    fewer = system.leading(3 * system.modes // 4)
    difference = system.gather(result.evolve(dynamics, t).change)
    difference[:, : fewer.modes] -= fewer.gather(Discretized.of(fewer).evolve(dynamics, t).change)
    scale = initial_norm(system)
    worst = float(np.sqrt((difference**2).sum(axis=1).max()))
    return worst / scale if scale > 0 else 0.0


def _of_draws(system: BoxSystem, horizon: float) -> float:
    """Error of random initial outputs by their part that no polynomial represents.

    That part is never learned, where it should be at its own rate, which is at most its variance.
    Its variance is three times that of the last eighth of the modes: as much as of tails like
    1/n^3, and far more than of those that end. Relative to the larger of target and output.
    """
    missing = 3 * float(np.sum(np.diag(system.operators[0])[7 * system.modes // 8 :]))
    sigma_a = system.equation.sigma_a
    share = sigma_a / max(sigma_a, initial_norm(system)) if sigma_a > 0 else 0.0
    return share * float(np.sqrt(missing) * min(1.0, horizon * missing))
