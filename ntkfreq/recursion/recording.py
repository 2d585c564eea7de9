"""What is kept of a path at its records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.recursion.predicted import PredictedPath
from ntkfreq.recursion.problem import FollowedProblem, FollowedState
from ntkfreq.recursion.rules import Rates
from ntkfreq.recursion.sharpness import EdgeWatch, SharpnessMeter


@dataclass
class PathRecords:
    """Records of a path that is being followed."""

    watch: EdgeWatch | None
    meter: SharpnessMeter | None
    steps: list[int] = field(default_factory=list)
    outputs: list[FloatArray] = field(default_factory=list)
    moves: list[FloatArray] = field(default_factory=list)
    kept: list[tuple[float, float]] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    loss: float = 0.0
    diverged: bool = False

    def append(
        self,
        problem: FollowedProblem,
        state: FollowedState,
        initial: FloatArray,
        row: FloatArray | None,
    ) -> None:
        """Record a state; `row` has the coefficients of the last step, None before the first."""
        output = initial + state.output
        with np.errstate(over="ignore", invalid="ignore"):
            self.loss = float(problem.weights @ (output - problem.y) ** 2)
        self.steps.append(state.step)
        self.outputs.append(output)
        self.moves.append(state.moves[:, : 2 + 2 * problem.trained].copy())
        self.kept.append((state.contraction.shrunk, state.contraction.scale))
        if self.meter is not None and np.isfinite(self.loss):
            # Before the first step no square is known: that of the first is taken, later.
            self.sharpness.append(0.0 if row is None else self.look(state, row))

    def look(self, state: FollowedState, row: FloatArray) -> float:
        """Measure the sharpness, and watch for the edge."""
        assert self.meter is not None
        assert self.watch is not None
        factor = self.meter.engine.factor
        value = factor * self.meter.measure(state, row)
        self.watch.see(state.step, value, factor)
        return value

    def drop_last(self) -> None:
        """Forget the last record, after which the path has diverged."""
        count = len(self.steps) - 1
        for rows in (self.steps, self.outputs, self.moves, self.kept, self.sharpness):
            del rows[count:]
        self.diverged = True

    def path(
        self,
        problem: FollowedProblem,
        rates: Rates,
        initial: Callable[[FloatArray], FloatArray] | None,
        engine: str,
        clipped_steps: int | None,
        seconds: float,
    ) -> PredictedPath:
        """The records as a result."""
        shrunk, scale = np.array(self.kept).T
        return PredictedPath(
            nodes=problem.nodes,
            x=problem.x,
            y=problem.y,
            weights=problem.weights,
            first=self.outputs[0].copy(),
            steps=np.array(self.steps),
            output=np.array(self.outputs),
            moves=np.array(self.moves),
            shrunk=shrunk,
            scale=scale,
            rates=rates,
            initial=initial,
            sharpness=None if self.meter is None else np.array(self.sharpness),
            edge=None if self.watch is None else self.watch.rule.edge,
            edge_step=None if self.watch is None else self.watch.step,
            diverged=self.diverged,
            engine=engine,
            clipped_steps=clipped_steps,
            seconds=seconds,
        )
