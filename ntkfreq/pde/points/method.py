"""Points in any dimension: the method of solution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.features.rate import largest_rate
from ntkfreq.numerics.dense import MAX_ROWS, refuse_rows
from ntkfreq.pde.demand import refuse_tables
from ntkfreq.pde.judging.testset import Nowhere, Tested
from ntkfreq.pde.method import Method
from ntkfreq.pde.points.choice import (
    FEW,
    METHODS,
    MOST_WAVES,
    Demand,
    quickest,
)
from ntkfreq.pde.points.deep import DeepPoints, deep_rate
from ntkfreq.pde.points.deep_many import DeepDemand, DeepSampled
from ntkfreq.pde.points.in_frequency import FeaturePoints, FrequencyPoints
from ntkfreq.pde.points.sampled import SampledPoints
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.discretized import Discretized, initial_norm
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.propagators.lanczos import LanczosPropagator
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.measure import Points

# Numbers that are held at once for each coordinate of a point: its weights, waves and sums.
_HELD = 24.0


@dataclass(frozen=True, eq=False)
class PointsMethod(Method[Points]):
    """The Gram flow, by the matrix, by its products or by waves, whichever takes least time."""

    for_all_times: ClassVar[bool] = True
    samples_alone: ClassVar[bool] = True
    leaks: ClassVar[bool] = True
    all_states: bool = False

    ways: ClassVar[tuple[str, ...]] = METHODS
    without_expectation: ClassVar[str | None] = None

    def refuse(self) -> None:
        """Refuse more points than a dense matrix can have where there is no other way."""
        equation, count = self.equation, len(self.measure.x)
        if equation.layers is not None:
            self._refuse_deep(equation.layers)
        refuse_memory(
            f"x has {count} points", 8.0 * _HELD * equation.dim * count, "give fewer samples"
        )
        alone = equation.decay.contracts or self.by == "gram"
        if alone or (equation.decay.active and not self._by_waves):
            self.refuse_matrix()
        if self.by == "frequency" and not self._by_waves:
            raise ValueError(
                f"method='frequency' with dim={equation.dim}, rho_w={checks.show(equation.density)}"
                ": waves serve densities with a pdf in up to three dimensions; use method='auto'"
            )
        if self.by in ("frequency", "lanczos") and equation.decay.contracts:
            raise ValueError(
                f"method={self.by!r} with frequency_decay={equation.frequency_decay:g}: shrinking "
                "frequencies are solved on the points; use method='auto'"
            )
        if self.by == "lanczos" and equation.decay.active:
            raise ValueError(
                f"method='lanczos' with weight_decay={equation.weight_decay:g}: a Krylov space "
                "serves an operator that does not change; use method='frequency' or 'auto'"
            )

    def _refuse_deep(self, layers: HiddenLayers) -> None:
        """Refuse ways that hidden layers do not have, and too many points for those they have."""
        if self.by == "frequency":
            raise ValueError(
                f"method='frequency' with depth={layers.depth}: hidden layers are solved by the "
                "matrix of the samples or by its products; leave method out"
            )
        if self.by == "lanczos" and not layers.smooth:
            raise ValueError(
                f"method='lanczos' with activation={layers.named}: products are fast where the "
                "series of the activation is short, as of 'tanh' and 'sine'; leave method out"
            )
        if self.by == "gram" or self.equation.decay.active or not layers.smooth or self.all_states:
            self.refuse_matrix()

    def refuse_matrix(self) -> None:
        """Refuse more points than a dense matrix can have."""
        count = len(self.measure.x)
        refuse_rows(f"x has {count} points", count, self._fewer_points(count))

    @property
    def _by_waves(self) -> bool:
        return self.equation.dim <= 3 and self.equation.density.has_pdf

    def _fewer_points(self, count: int) -> str:
        every = -(-count // MAX_ROWS) if count > MAX_ROWS else 2
        fewer = f"give fewer samples, for instance x[::{every}]"
        return f"use method='auto', or {fewer}" if self.by == "gram" else fewer

    def for_all_states(self) -> Self:
        """The same for many initial states at once: a Krylov space serves one."""
        if self.by == "lanczos":
            raise ValueError(
                "method='lanczos' follows one initial state, not all of them at once; use "
                "method='gram' or 'frequency'"
            )
        return replace(self, all_states=True)

    def refuse_tables(self, times: int) -> None:
        """Refuse times and points of which no table fits into memory: none is made at once."""

    def fastest_rate(self) -> float:
        """Largest rate of the operator."""
        return self._fastest_rate

    @cached_property
    def _fastest_rate(self) -> float:
        x, weights = self.measure.x, self.measure.weights
        if self.equation.layers is not None:
            return deep_rate(self.equation, x, weights)
        return largest_rate(self.equation.density, x, weights, self.equation.sigma_a)

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
        """No discretization in space is needed, but waves or features may take less time."""
        equation, t_end = self.equation, float(t[-1])
        if equation.layers is not None:
            refuse_tables(len(t), len(self.measure.x), "points", "give fewer times")
            return self._behind_layers(equation.layers, t, rtol, dynamics, outputs)
        if equation.decay.contracts:
            return self._contracting(t, rtol, outputs)
        lasting = equation.weight_decay
        horizon = t_end * dynamics.acceleration
        horizon = min(horizon, 1 / lasting) if lasting > 0 else horizon
        demand = Demand(equation, self.measure, max(horizon, 1e-300), rtol, outputs)
        dense = self.all_states or equation.decay.active
        if self.by == "auto":
            by, nodes = quickest(demand, dense)
        else:
            by, most = self.by, demand.most_dense if dense else MOST_WAVES
            waves = by == "frequency" or (by == "lanczos" and self._by_waves and demand.count > FEW)
            nodes = demand.nodes(most) if waves else None
        if by == "frequency":
            return self._by_frequency(demand, nodes, t, dynamics, dense)
        if by == "lanczos":
            return self._by_products(demand, nodes, t, dynamics)
        self.refuse_matrix()
        refuse_tables(len(t), len(self.measure.x), "points", "give fewer times")
        system = PointsSystem(equation, self.measure)
        plain = Discretized.of(system, method="Gram flow on the points")
        return plain.with_decay(t_end, 0.5 * rtol)

    def _behind_layers(
        self,
        layers: HiddenLayers,
        t: FloatArray,
        rtol: float,
        dynamics: Dynamics,
        outputs: FloatArray | None,
    ) -> Discretized:
        """The matrix, or a Krylov space of its products."""
        equation, t_end = self.equation, float(t[-1])
        horizon = max(t_end * dynamics.acceleration, 1e-300)
        demand = DeepDemand(equation, self.measure, horizon, rtol, outputs)
        all_modes = self.by == "gram" or self.all_states or equation.decay.active
        if all_modes or (self.by == "auto" and demand.by_matrix):
            self.refuse_matrix()
            deep = DeepPoints(equation, self.measure)
            plain = Discretized.of(deep, method="Gram flow of hidden layers on the points")
            return replace(plain, error=layers.error).with_decay(t_end, 0.5 * rtol)
        many = DeepSampled(equation, self.measure, max(demand.kernel_tolerance, 1e-13))
        products = many.products
        error = demand.horizon * demand.trace * max(products.kernel_error, layers.error)
        details = {"products": products.method, "kernel_error": products.kernel_error}
        note = demand.note("lanczos", demand.count, None)
        what = "products behind hidden layers"
        return self._krylov(demand, many, t, dynamics, error, what, details, note)

    def _by_frequency(
        self, demand: Demand, nodes: Nodes | None, t: FloatArray, dynamics: Dynamics, dense: bool
    ) -> Discretized:
        """The span of the waves: all of it where it is small, else a Krylov space in it."""
        equation = self.equation
        if nodes is None:
            most = demand.most_dense if dense else MOST_WAVES
            demand.refuse_waves(most, "" if self.by == "auto" else "use method='auto', ")
        assert nodes is not None
        error, basis = demand.error(nodes), demand.basis(nodes)
        refuse_tables(len(t), basis.size, "features", "give fewer times")
        details = {"waves": nodes.count, "kernel_error": nodes.error, "features": basis.size}
        if demand.dense(basis.size):
            system = FrequencyPoints(equation, self.measure, basis)
            found = Discretized.of(system, method="waves of the kernel, all their modes", **details)
            found = replace(found, error=error, sound_until=demand.sound_until(error))
            return found.with_decay(float(t[-1]), 0.4 * demand.rtol)
        lattice = FeaturePoints(equation, self.measure, basis)
        note = demand.note("frequency", basis.size, nodes)
        return self._krylov(
            demand, lattice, t, dynamics, error, "waves of the kernel", details, note
        )

    def _by_products(
        self, demand: Demand, nodes: Nodes | None, t: FloatArray, dynamics: Dynamics
    ) -> Discretized:
        """A Krylov space of errors at the points."""
        equation = self.equation
        refuse_tables(len(t), demand.count, "points", "give fewer times")
        tolerance = max(demand.kernel_tolerance, 1e-13)
        if nodes is not None and nodes.index is not None and not demand.on_lattice:
            system = SampledPoints(equation, self.measure, tolerance, nodes, demand.reach)
            error = demand.error(nodes)
        else:
            system = SampledPoints(equation, self.measure, tolerance)
            error = demand.horizon * demand.trace * system.kernel.kernel_error
        kernel = system.kernel
        details = {"products": kernel.method, "kernel_error": kernel.kernel_error}
        note = demand.note("lanczos", demand.count, nodes)
        return self._krylov(
            demand, system, t, dynamics, error, "products on the points", details, note
        )

    def _krylov(
        self,
        demand: Demand,
        system: Any,
        t: FloatArray,
        dynamics: Dynamics,
        error: float,
        what: str,
        details: dict[str, Any],
        note: str,
    ) -> Discretized:
        (block,) = system.blocks
        scale = initial_norm(system)
        part = LanczosPropagator.fitted(
            dynamics,
            block,
            t,
            0.2 * demand.rtol * scale,
            demand.most_dimensions(block.size),
            through_features=what == "waves of the kernel",
            note=note,
            expected=demand.steps,
        )
        spent = part.error / scale if scale > 0 else 0.0
        details = {
            "method": f"{what}, a Krylov space",
            "krylov_dimension": part.dimension,
        } | details
        until = demand.sound_until(error)
        return Discretized(system, (part,), error + spent, details, sound_until=until)

    def _contracting(self, t: FloatArray, rtol: float, outputs: FloatArray | None) -> Discretized:
        """Features of the kernel, through which the points move."""
        from ntkfreq.pde.points.contracting import ContractingPoints

        equation, t_end = self.equation, float(t[-1])
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
