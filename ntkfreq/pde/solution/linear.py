"""A solution whose every quantity is a sum over modes: what gradient descent does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray, PointsLike
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.judging.testset import Judged, Tested
from ntkfreq.pde.method import Method
from ntkfreq.pde.moved_origin import turned
from ntkfreq.pde.solution.outcome import refuse_overflow, status_of
from ntkfreq.pde.solution.own_part import OwnParts
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics, dynamics_for
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.spectra.bands import (
    along_axes,
    band_frequencies,
    band_learning_time,
    band_rms,
    checked_fraction,
    first_passage,
    frequencies_in,
    pick_spectrum,
)

if TYPE_CHECKING:
    from ntkfreq.pde.solution.drawn_kernels import DrawnKernels

# A band is drawn if its initial RMS is above this share of the largest band's.
_SEEN = 1e-3


@dataclass(frozen=True, eq=False)
class LinearSolution(FrequencySolution):
    """That of gradient flow, gradient descent and momentum: every quantity is a sum over modes."""

    _shown_as: ClassVar[str] = "FrequencySolution"

    _method: Method[Any] = field(repr=False)
    _discretized: Discretized = field(repr=False)
    _dynamics: Dynamics = field(repr=False)

    @classmethod
    def evaluate(
        cls,
        *,
        method: Method[Any],
        discretized: Discretized,
        dynamics: Dynamics,
        test: Tested,
        t: FloatArray,
        frequencies: FloatArray,
        rtol: float,
        begin: float,
    ) -> LinearSolution:
        """Evaluate a discretized equation at times and frequencies; users call the solver."""
        equation, system = method.equation, discretized.system
        # A solution that is evaluated again has no setup of its own.
        spent = min(discretized.setup_seconds, time.perf_counter() - begin)
        grid = frequencies.reshape(-1, equation.dim)
        evolution = discretized.evolve(dynamics, t)
        data_spectrum = system.free_spectrum(t, grid) + system.spectrum_change(evolution, grid)
        data_spectrum = turned(data_spectrum, grid, discretized.center)
        train_loss = discretized.train_loss(evolution)
        data = Judged(data_spectrum, train_loss)
        found = test.judged(discretized, evolution, grid, data)
        spectrum, test_loss = found.spectrum, found.loss
        refuse_overflow(data_spectrum, spectrum, train_loss, test_loss)
        return cls(
            equation=equation,
            t=t,
            frequencies=frequencies,
            data_spectrum=data_spectrum,
            spectrum=spectrum,
            train_loss=train_loss,
            test_loss=test_loss,
            step_size=dynamics.step_size,
            max_step_size=dynamics.max_step_size(discretized.fastest_rate),
            rtol=rtol,
            status=status_of(method, discretized, dynamics, test, t, rtol),
            stats={
                **discretized.details,
                "target_resolved": discretized.target_resolved,
                "setup_seconds": discretized.setup_seconds,
                "fitted_until": discretized.fitted_until,
                "support": equation.support,
                "unknowns": discretized.unknowns,
                "estimated_error": discretized.error,
                "factorizations": discretized.factorizations,
                "fastest_rate": discretized.fastest_rate,
                "solve_seconds": time.perf_counter() - begin - spent,
                "seconds": time.perf_counter() - begin,
            },
            _method=method,
            _discretized=discretized,
            _dynamics=dynamics,
            _test=test,
        )

    @guarded
    def at(
        self,
        t: ArrayLike | None = None,
        frequencies: ArrayLike | None = None,
        step_size: float | str | None = "as solved",
        momentum: float | None = None,
        nesterov: bool | None = None,
        optimizer: str | Optimizer | None = None,
        *,
        steps: ArrayLike | None = None,
    ) -> LinearSolution:
        """The same solution at other times or frequencies, without solving again.

        Parameters
        ----------
        t : array_like, shape (T,), optional
            New times. Except on Points without decay not beyond the last solved one, to which the
            discretization was fitted (momentum gets there sooner, 1/(1 - momentum) times as
            fast as gradient flow).
        frequencies : array_like, shape (F,) or (F, d), optional
            New angular frequencies.
        step_size : float or None, optional
            Exact gradient descent of this step, or None for gradient flow; default: as solved.
        momentum : float, optional
        nesterov : bool, optional
        optimizer : str or Optimizer, optional
            Heavy ball or Nesterov's momentum, by two numbers or by the update rule as in
            :func:`ntkfreq.solve_frequency_pde`. Left out they are as solved when `step_size` and
            all three are, else 0 and False: one of them names a new rule.
        steps : optional
            Of rules that are followed step by step.

        Raises
        ------
        ValueError
            When the times go beyond the solved range or are no whole steps, the step is too large
            to be stable, a step is asked for under decay, or (except on Points) momentum on what
            was fitted without it.

        Examples
        --------
        >>> from ntkfreq import Normal, solve_frequency_pde
        >>> solution = solve_frequency_pde(Normal(scale=3.0), ([0.0, 1.0], [1.0, -1.0]), t=[0, 9])
        >>> solution.at(t=[0.0, 1.0, 2.0]).train_loss.round(3)
        array([1.   , 0.254, 0.078])
        """
        if steps is not None:
            raise ValueError(
                f"steps={checks.show(steps)} is for rules that are followed step by step; give t, "
                "step_size times the steps"
            )
        clock = self.t if t is None else checks.times("t", t)
        dynamics = self._dynamics
        kept = isinstance(step_size, str) and step_size == "as solved"
        if not kept or any(rule is not None for rule in (momentum, nesterov, optimizer)):
            step = self.step_size if kept else step_size
            beta = 0.0 if momentum is None else momentum
            dynamics = dynamics_for(step, beta, False if nesterov is None else nesterov, optimizer)
            dynamics.refuse_decay(self.equation.decay)
            dynamics.refuse_unstable(self._discretized.fastest_rate)
            self._refuse_unfitted(dynamics)
        fitted = self._discretized.fitted_until / dynamics.acceleration
        if clock[-1] > fitted * (1 + 1e-12):
            raise ValueError(
                f"t ends at {clock[-1]:g}, beyond {fitted:g}, to which the solution was fitted; "
                "solve again with a longer t"
            )
        grid = self.frequencies
        if frequencies is not None:
            grid = checks.points("frequencies", frequencies, self.equation.dim)
            grid = grid[:, 0] if self.equation.dim == 1 else grid
        begin, known = time.perf_counter(), self._discretized
        if clock[-1] * dynamics.acceleration > known.sound_until:
            known = discretize(self._method, clock, self.rtol, dynamics, self._test.outputs)
        return LinearSolution.evaluate(
            method=self._method,
            discretized=known,
            dynamics=dynamics,
            test=self._test,
            t=clock,
            frequencies=grid,
            rtol=self.rtol,
            begin=begin,
        )

    def _refuse_unfitted(self, dynamics: Dynamics) -> None:
        """Refuse momentum on a discretization that was fitted without it."""
        if not self._method.for_all_times and dynamics.acceleration > self._dynamics.acceleration:
            wanted, had = dynamics.momentum, self._dynamics.momentum
            raise ValueError(
                f"momentum={wanted:g} excites what this discretization was not fitted "
                f"to, which was solved with {had:g}; solve again with "
                "step_size= and optimizer= as wanted"
            )

    @guarded
    def output(self, x: PointsLike) -> FloatArray:
        """Network output f(x, t) at points of shape (n,) or (n, d); shape (T, n)."""
        points = checks.points("x", x, self.equation.dim, self.equation.axis)
        known = self._discretized
        if not known.covers(points):
            known = discretize(self._method, self.t, self.rtol, self._dynamics, points)
        learned = known.output_change(known.evolve(self._dynamics, self.t), points)
        return np.asarray(self.equation.free_output(self.t, points) + learned)

    def finite_width(
        self,
        width: int | None = None,
        *,
        hidden: int | None = None,
        draws: int = 20,
        zero_output: bool | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> DrawnKernels:
        """See :meth:`FrequencySolution.finite_width`."""
        from ntkfreq.pde.solution.drawn_kernels import drawn_kernels

        if width is None:
            raise TypeError("width is missing: give that of the networks, finite_width(512)")
        asked = width, hidden, draws, zero_output, seed
        if asked not in self._drawn:
            self._drawn[asked] = drawn_kernels(self, *asked, progress)
        return self._drawn[asked]

    @cached_property
    def _drawn(self) -> dict[tuple[Any, ...], DrawnKernels]:
        """Networks that were drawn: bands are asked for one after the other."""
        return {}

    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> float:
        """See :meth:`FrequencySolution.learning_time`."""
        band = self.axis.band(checks.interval("band", band), units)
        values = pick_spectrum(self.spectrum, self.data_spectrum, spectrum)
        fraction = checked_fraction(fraction, self.t)
        on_test = values is not self.data_spectrum
        if self.own_parts.needed:
            rms = self.own_parts.rms(band, on_test)
            return first_passage(self.t, rms, fraction * rms[0])
        least, largest = self.own_parts.least(on_test), float(np.abs(values[0]).max())
        ((grid, values),) = self._read([band], spectrum)
        unit = self.axis.frequency_unit
        return band_learning_time(self.t, grid, values, band, fraction, least, unit, largest)

    @property
    def bands_quick(self) -> bool:
        """Whether shares of bands take less than another solve each."""
        return not self.own_parts.needed or self.own_parts.quick

    def band_shares(self, bands: Sequence[tuple[float, float]]) -> FloatArray:
        """Remaining share of each band (T, B) for figures, as `learning_time` has it.

        NaN for a band that `learning_time` refuses, or that holds less than a thousandth of what
        others do, and would show how they diffuse into it.
        """
        if self.own_parts.needed:
            return self.own_parts.shares(bands, self._test.points is not None)
        unit = self.axis.frequency_unit
        readings = zip(self._read(bands, "auto"), bands, strict=True)
        rms = np.stack(
            [
                band_rms(values[:, frequencies_in(grid, band, unit)])
                for (grid, values), band in readings
            ],
            axis=1,
        )
        level = _SEEN * rms[0].max()
        return np.where(rms[0] > level, rms / np.maximum(rms[0], level or 1.0), np.nan)

    def _read(
        self, bands: Sequence[tuple[float, float]], spectrum: str
    ) -> list[tuple[FloatArray, ComplexArray]]:
        """Where each band is read, (F, d), and the spectrum there, (T, F): on axes all over it."""
        grid, unit = self.own_parts.frequencies, self.axis.frequency_unit
        if not along_axes(grid) or self.equation.target.radial:
            values = pick_spectrum(self.spectrum, self.data_spectrum, spectrum)
            return [(grid, values)] * len(bands)
        rings = [band_frequencies(grid, band, unit) for band in bands]
        again = self.at(frequencies=np.concatenate(rings))
        values = pick_spectrum(again.spectrum, again.data_spectrum, spectrum)
        ends = np.cumsum([len(ring) for ring in rings])
        return list(zip(rings, np.split(values, ends[:-1], axis=1), strict=True))

    @cached_property
    def own_parts(self) -> OwnParts:
        """The part of the initial error that belongs to each band, evolved by itself."""
        grid = self.frequencies.reshape(-1, self.equation.dim)
        problem = self._method, self._discretized, self._dynamics, self._test.points
        return OwnParts(*problem, self.t, self.rtol, grid)

    def settings(self) -> dict[str, Any]:
        """What determined the solution, as JSON values."""
        problem = self.equation
        dropped = {} if problem.drop_constant is None else {"drop_constant": problem.drop_constant}
        return {
            "kind": "prediction",
            "density": repr(problem.density),
            "measure": repr(problem.measure),
            "sigma_a": problem.sigma_a,
            "step_size": "gradient flow" if self.step_size is None else self.step_size,
            "momentum": self._dynamics.momentum,
            "nesterov": self._dynamics.nesterov,
            "schedule": self._dynamics.schedule_text,
            "weight_decay": problem.weight_decay,
            "frequency_decay": problem.frequency_decay,
            "decay_towards": problem.decay_towards,
            "rtol": self.rtol,
        } | (
            {}
            if problem.layers is None
            else {"layers": repr(problem.layers), "readout_decay": problem.readout_decay} | dropped
        )
