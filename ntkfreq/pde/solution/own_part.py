r"""The part of the initial error that belongs to a band, evolved by itself.

The equation is linear, so the error is a sum of parts that evolve as if each were alone. A band's
own part is split off the initial error by :mod:`ntkfreq.spectra.wave_fit` and evolved with the same
discretization; the spectrum of *its* error shows when the band is learned. The spectrum of the
whole error would show leakage instead: on finitely many points, or on a box, every constant and
every tone reaches into every band. On Line and Grid the transform is exact and nothing leaks.

With diffusion the part spreads into neighbouring bands and what spreads into the band from others
does not count: a learning time is about what the band held at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.method import Method
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.system import Evolution, System
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.target import Everywhere
from ntkfreq.spectra.bands import EmptyBandError, band_frequencies, band_rms, refuse_empty
from ntkfreq.spectra.spectrum import fourier_sum
from ntkfreq.spectra.wave_fit import WaveSum, fit_waves

# At most this many test points are used to split functions.
_TESTED = 1000


@dataclass(frozen=True, eq=False)
class OwnPart:
    """A band's own part of the error, evolved.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem whose initial error is the part.
    evolution : Evolution
        Of its unknowns.
    """

    equation: FrequencyEquation
    system: System
    evolution: Evolution
    test: TestSet | None

    def data_spectrum(self, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum of the part at frequencies (F, d), shape (T, F)."""
        free = self.system.free_spectrum(self.evolution.t, frequencies)
        return free + self.system.spectrum_change(self.evolution, frequencies)

    def error(self, x: FloatArray) -> FloatArray:
        """The part at points (n, d), shape (T, n)."""
        free = self.equation.free_output(self.evolution.t, x) - self.equation.target.at(x)
        return np.asarray(free + self.system.output_change(self.evolution, x))

    def spectrum(self, frequencies: FloatArray) -> ComplexArray:
        """The same against the test measure."""
        if self.test is None:
            return self.data_spectrum(frequencies)
        return fourier_sum(self.test.x, self.error(self.test.x) * self.test.weights, frequencies)


@dataclass(frozen=True, eq=False)
class OwnParts(Portable):
    """The own parts of all bands of one solution.

    Attributes
    ----------
    method, discretized, dynamics, t, rtol
        Those of the solution.
    test : TestSet or None
        Its test points.
    frequencies : ndarray, shape (F, d)
        At which spectra are read.
    """

    method: Method[Any]
    discretized: Discretized
    dynamics: Dynamics
    test: TestSet | None
    t: FloatArray
    rtol: float
    frequencies: FloatArray

    @property
    def needed(self) -> bool:
        """Whether spectra of the data leak."""
        return self.method.leaks

    @property
    def equation(self) -> FrequencyEquation:
        """The problem."""
        return self.method.equation

    def least(self, on_test: bool) -> float:
        """Where spectra are read as they are: share of the largest that a band must hold.

        An empty band holds about the tolerance of a discretization, or leakage on test points.
        """
        leaks = on_test and self.test is not None
        return 1e-3 if leaks else min(max(1e-6, 100 * self.rtol), 1e-3)

    @property
    def quick(self) -> bool:
        """Whether another initial error takes no more than products with known modes."""
        return self.discretized.takes_other_data

    @cached_property
    def _points(self) -> FloatArray:
        """Where the initial error is known: data, test points, or points of the box."""
        data = self.method.split_points(self.frequencies)
        return data if self._tested is None else np.concatenate([data, self._tested.x])

    @cached_property
    def _tested(self) -> TestSet | None:
        """Test points, not all of many."""
        if self.test is None:
            return None
        count = len(self.test.x)
        some = np.random.default_rng(0).permutation(count)[:_TESTED]
        return replace(self.test, x=self.test.x[some], y=self.test.y[some])

    @cached_property
    def _waves(self) -> tuple[WaveSum, WaveSum]:
        """Initial output, and the target with its sign turned, as waves; their sum is the error."""
        x = self._points
        # Test values may be others than those of the target, which may be unknown there.
        tested = np.empty(0) if self._tested is None else self._tested.y
        target = np.concatenate([self.equation.target.at(x[: len(x) - len(tested)]), tested])
        rows = np.stack([self.equation.initial_output_at(x), -target])
        start, goal = fit_waves(x, rows, self.frequencies)
        return start, goal

    def part(self, band: tuple[float, float]) -> OwnPart:
        """The part of a band, evolved.

        Raises
        ------
        ValueError
            When the band holds nothing beyond the leakage of others.
        """
        low, high = band
        start, goal = (waves.band(low, high) for waves in self._waves)
        whole = self._waves[0](self._points) + self._waves[1](self._points)
        own = start(self._points) + goal(self._points)
        top = float(self._waves[0].lattice.magnitude.max())
        refuse_empty(band, own, whole, top, self.equation.axis.frequency_unit)
        moves = self.equation.decay.active and bool(start.coefficients.any())
        if moves:
            first, second = start, WaveSum(goal.lattice, -goal.coefficients)
        else:
            first = None
            second = WaveSum(goal.lattice, -(start.coefficients + goal.coefficients))
        equation = replace(self.equation, target=Everywhere(second), initial_output=first)
        if self.quick:
            system, evolution = self.discretized.with_other_data(equation, self.dynamics, self.t)
            return OwnPart(equation, system, evolution, self.test)
        outputs = None if self.test is None else self.test.x
        method = replace(self.method, equation=equation)
        afresh = discretize(method, self.t, self.rtol, self.dynamics, outputs)
        return OwnPart(equation, afresh.system, afresh.evolve(self.dynamics, self.t), self.test)

    def shares(self, bands: Sequence[tuple[float, float]], on_test: bool) -> FloatArray:
        """Remaining shares of bands for figures, (T, B); NaN where a band holds nothing."""
        columns = []
        for band in bands:
            try:
                rms = self.rms(band, on_test)
                columns.append(rms / rms[0])
            except EmptyBandError:
                columns.append(np.full(len(self.t), np.nan))
        return np.stack(columns, axis=1)

    def rms(self, band: tuple[float, float], on_test: bool) -> FloatArray:
        """RMS over a band of the spectrum of its own part, shape (T,)."""
        unit = self.equation.axis.frequency_unit
        some = band_frequencies(self.frequencies, band, unit)
        part = self.part(band)
        return band_rms(part.spectrum(some) if on_test else part.data_spectrum(some))
