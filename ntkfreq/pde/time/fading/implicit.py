"""Weight decay: coefficients depend on time, so blocks are advanced step by step, implicitly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.fading.memory import ConstantMemory
from ntkfreq.pde.time.fading.radau import Trajectory
from ntkfreq.pde.time.fading.reduced import Free, Lifted, Range, common_range
from ntkfreq.pde.time.fading.stepping import integrated, refuse_rates, refuse_steps, scale_of
from ntkfreq.pde.time.propagators.base import Propagator
from ntkfreq.pde.time.response import Columns, Reader, Response, at_times, largest
from ntkfreq.pde.time.system import Block
from ntkfreq.problem.decay import Decay

# Share of the tolerance for the part of the error that lies outside the range of the operators.
_LEFT_OUT = 0.02


@dataclass(frozen=True, eq=False)
class ImplicitPropagator(Portable):
    """Radau collocation of one block whose memories fade; it can be read at any time.

    Parameters
    ----------
    block : Block
        Operators and data.
    decay : Decay
        The decay rates.
    t_end : float
        Last time that will be asked for.
    tolerance : float
        Error allowed in the norm whose square is the loss.
    flow : Propagator
        The block without decay, for the fastest rate.
    """

    block: Block
    decay: Decay
    t_end: float
    tolerance: float
    flow: Propagator

    # Pickles keep the results of the integration and what it was computed with.
    _lasting: ClassVar[frozenset[str]] = frozenset({"_span", "fastest_rate", "trajectory"})

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.block.size

    @cached_property
    def _at_rest(self) -> bool:
        """Whether there is nothing to advance: no initial output and no target in this block."""
        return not (self.block.start.any() or self.block.goal.any())

    @cached_property
    def problem(self) -> ConstantMemory:
        """What the integrator advances."""
        block = self.block
        operators = tuple(part for part in (block.stationary, block.moving) if part is not None)
        growth = (block.growth[0], block.growth[1] - 2 * self.decay.weight)
        return ConstantMemory(
            operators=operators,
            mass=block.mass,
            rates=np.array(self.decay.rates[: len(operators)]),
            coefficients=tuple(partial(_exponential, rate) for rate in growth[: len(operators)]),
            free=partial(_free_load, self.block, self.decay),
        )

    @cached_property
    def _span(self) -> Range | None:
        """Range of the operators, where it is much smaller than the block."""
        if self.block.mass is not None or any(self.block.growth) or self.block.drifting_goal:
            return None
        operators = self.problem.operators
        share = _LEFT_OUT * self.tolerance / self._scale / len(operators)
        return common_range(operators, [share / horizon for horizon in self._horizons])

    @property
    def _horizons(self) -> list[float]:
        """How long each memory lasts: what an error of an operator is multiplied by, at most."""
        rates = self.decay.rates[: len(self.problem.operators)]
        return [min(self.t_end, 1 / rate) if rate > 0 else self.t_end for rate in rates]

    @property
    def _left_out(self) -> float:
        """Relative error of leaving out what lies beyond the range."""
        if self._span is None:
            return 0.0
        return sum(a * b for a, b in zip(self._span.left_out, self._horizons, strict=True))

    @cached_property
    def trajectory(self) -> Trajectory | Lifted:
        """The block up to the last time."""
        refuse_rates(self.flow.fastest_rate, self.t_end)
        return self.integrated(self.problem.free, self.tolerance, self._scale)

    def integrated(self, free: Free, tolerance: float, scale: float) -> Trajectory | Lifted:
        """The same equations for one or more states that would be `free` if nothing were learned.

        The error of each stays below `tolerance`; `scale` is about the norm of the largest.
        """
        problem = replace(self.problem, free=free)
        if self._span is None:
            refuse_steps(problem.unknowns, tolerance / scale, costly=problem.costly)
            return integrated(problem, self.t_end, tolerance, scale)
        inner = replace(
            problem,
            operators=tuple(map(self._span.projected, problem.operators)),
            free=self._span.inside(free),
        )
        trajectory = integrated(inner, self.t_end, tolerance, scale)
        return Lifted(trajectory, self._span, self.decay, free)

    @cached_property
    def _scale(self) -> float:
        """The norm of the initial state, which the integrator's tolerance is relative to."""
        initial = self.block.solve_mass(self.block.load)
        return scale_of(float(np.sqrt(max(float(initial @ self.block.load), 0.0))), self.tolerance)

    @property
    def error(self) -> float:
        """Bound of the error in time, in the norm whose square is the loss."""
        return (
            0.0
            if self._at_rest
            else float(np.max(self.trajectory.figures.error_bound) * self._scale)
        )

    @property
    def factorizations(self) -> int:
        """Factorizations made so far."""
        return 0 if self._at_rest else int(np.sum(self.trajectory.figures.factorizations))

    @property
    def steps(self) -> int:
        """Steps taken."""
        return 0 if self._at_rest else int(np.sum(self.trajectory.figures.steps))

    @cached_property
    def fastest_rate(self) -> float:
        """Largest rate of the operator without decay."""
        if self._span is None:
            return self.flow.fastest_rate
        # The other eigenvalues of a block of thousands of rows are of no use here.
        inner = sum(map(self._span.projected, self.problem.operators))
        return max(float(np.linalg.eigvalsh(inner)[-1]), 0.0)

    @property
    def noise(self) -> float:
        """Largest rounding error that was seen in a step, in the norm whose square is the loss."""
        return (
            0.0 if self._at_rest else float(np.max(self.trajectory.figures.rounding)) * self._scale
        )

    def rounding(self, dynamics: Dynamics, t: FloatArray) -> float:
        """The largest that was seen in a step, or what lies beyond the range of the operators."""
        return 0.0 if self._at_rest else max(self.noise, self._left_out * self._scale)

    def with_block(self, block: Block, dynamics: Dynamics, t: FloatArray) -> ImplicitPropagator:
        """Steps of its own for a block with the same operators and other data."""
        return replace(self, block=block, flow=self.flow)

    def respond(self, columns: Columns, dynamics: Dynamics, t_end: float) -> Reader:
        """States (n, r), given as they would be if nothing were learned."""
        scale = scale_of(largest(columns), self.tolerance)
        trajectory = self.integrated(at_times(columns), self.tolerance, scale)

        def read(t: float) -> Response:
            moment = np.array([t])
            state = trajectory.error(moment)[0].T
            memory = tuple(held[0].T for held in trajectory.memory(moment))
            if len(memory) == 1:
                memory = (memory[0], np.zeros_like(memory[0]))
            return Response(state - columns(t).T, memory, state)

        return Reader(read, float(np.max(trajectory.figures.error_bound)))

    def evolve(self, dynamics: Dynamics, t: FloatArray) -> FadingEvolution:
        """Evolution of the block at times `t` (T,), gradient flow only."""
        return FadingEvolution(self, t)


@dataclass(frozen=True, eq=False)
class FadingEvolution:
    """A block with fading memories, at times `t`; evaluated when asked for."""

    propagator: ImplicitPropagator
    t: FloatArray

    @cached_property
    def _error(self) -> FloatArray:
        if self.propagator._at_rest:
            return np.zeros((len(self.t), self.propagator.size))
        return np.asarray(self.propagator.trajectory.error(self.t)[..., 0])

    @cached_property
    def change(self) -> FloatArray:
        """e(t) minus the free state, shape (T, n)."""
        block = self.propagator.block
        free = block.solve_mass(block.free_load(self.propagator.decay, self.t).T).T
        return np.asarray(self._error - free)

    @cached_property
    def memory(self) -> tuple[FloatArray, FloatArray]:
        """q_1 and q_2, shape (T, n) each; q_2 is zero where the frequencies are frozen."""
        if self.propagator._at_rest:
            return np.zeros_like(self._error), np.zeros_like(self._error)
        parts = [part[..., 0] for part in self.propagator.trajectory.memory(self.t)]
        return parts[0], parts[1] if len(parts) > 1 else np.zeros_like(parts[0])

    @cached_property
    def energy(self) -> FloatArray:
        """e^T M e, shape (T,)."""
        error, mass = self._error, self.propagator.block.mass
        weighted = error if mass is None else (mass @ error.T).T
        return np.asarray(np.sum(error * weighted, axis=1))


def _exponential(rate: float, t: FloatArray) -> FloatArray:
    return np.exp(rate * t)


def _free_load(block: Block, decay: Decay, t: FloatArray) -> FloatArray:
    """The error if nothing were learned, (1, s, n, 1) at times (1, s)."""
    return block.free_load(decay, t.ravel())[None, :, :, None]
