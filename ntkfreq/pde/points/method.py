"""Points in any dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.numerics.dense import MAX_ROWS, refuse_rows
from ntkfreq.pde.demand import refuse_tables
from ntkfreq.pde.judging.testset import Nowhere, Tested
from ntkfreq.pde.method import Method
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.measure import Points


@dataclass(frozen=True, eq=False)
class PointsMethod(Method[Points]):
    """The Gram flow; features of the kernel where the frequencies contract."""

    for_all_times: ClassVar[bool] = True
    samples_alone: ClassVar[bool] = True
    leaks: ClassVar[bool] = True
    without_expectation: ClassVar[str | None] = None

    def refuse(self) -> None:
        """Refuse more points than a dense matrix can have, before anything is computed."""
        count = len(self.measure.x)
        refuse_rows(f"x has {count} points", count, self._fewer_points(count))

    def _fewer_points(self, count: int) -> str:
        equation = self.equation
        every = -(-count // MAX_ROWS) if count > MAX_ROWS else 2
        fewer = f"give fewer samples, for instance x[::{every}]"
        if equation.decay.active or equation.dim > 3:
            return fewer
        first = "-y" if equation.initial_output is None else "f_0(x) - y"
        return (
            f"gram_flow(ntk_operator(rho_w, x, sigma_a={equation.sigma_a:g}), {first}, t) follows "
            f"the errors of up to a million samples without the matrix; or {fewer}"
        )

    def refuse_tables(self, times: int) -> None:
        """Refuse times and points of which no table fits into memory."""
        refuse_tables(times, len(self.measure.x), "points", "give fewer times")

    def fastest_rate(self) -> float:
        """Largest diagonal entry of the kernel."""
        far = float(np.max(np.sum(self.measure.x**2, axis=1)))
        return 1 + self.equation.sigma_a**2 * far

    def sampled(self) -> FloatArray:
        """The points."""
        return self.measure.x

    def extent(self) -> float:
        """Diagonal of the bounding box."""
        return float(np.linalg.norm(np.ptp(self.measure.x, axis=0)))

    def default_test(self, highest: float) -> Tested:
        """The bounding box of the points for a function, up to three dimensions; else nothing."""
        if not self.equation.target.known_everywhere or self.equation.dim > 3:
            return Nowhere()
        from ntkfreq.pde.judging.on_box import on_box

        low, high = self.measure.x.min(axis=0), self.measure.x.max(axis=0)
        return Nowhere() if np.any(low >= high) else on_box(self.equation, low, high, highest)

    def split_points(self, frequencies: FloatArray) -> FloatArray:
        """The points."""
        return self.measure.x

    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """No discretization in space is needed, but features where frequencies contract."""
        equation, t_end = self.equation, float(t[-1])
        if not equation.decay.contracts:
            system = PointsSystem(equation, self.measure)
            plain = Discretized.of(system, method="Gram flow on the points")
            return plain.with_decay(t_end, 0.5 * rtol)
        from ntkfreq.pde.points.contracting import ContractingPoints

        moving = ContractingPoints(equation, self.measure, t_end, outputs)
        x, weights = self.measure.x, self.measure.weights
        # The kernel has this error only between a point and its own recent path.
        strength = weights * (1 + equation.sigma_a**2 * np.sum(x**2, axis=1))
        slowest = max(equation.weight_decay, 1 / t_end)
        error = moving.residual * float(strength.max()) / slowest
        # Where features do not resolve kinks, as of heavy tails, small steps would gain nothing.
        in_time = max(0.5 * rtol, 0.05 * min(error, 0.1))
        return Discretized.moving(
            moving,
            t_end,
            in_time,
            error,
            method="features of the kernel on moving points",
            residual=moving.residual,
        )
