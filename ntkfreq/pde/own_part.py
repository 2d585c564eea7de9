r"""What a band held at the start, followed by itself.

The equation is linear, so the error is a sum of parts that evolve as if each were alone. A band's
own part is split off the initial error by :mod:`ntkfreq.spectra.wave_fit` and evolved with the same
discretization; the spectrum of *its* error tells when the band is learned. The spectrum of all
errors would tell of leakage: on finitely many points, or on a box, every constant and every tone
reaches into every band. On Line and Grid the transform is exact and nothing leaks.

With diffusion the part spreads into neighbouring bands and what spreads into the band from others
does not count: a learning time is about what the band held at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.pde.box.system import BoxSystem
from ntkfreq.pde.discretize import discretize
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.testset import TestSet
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.pde.time.propagators import EigenPropagator
from ntkfreq.pde.time.system import Evolution, System
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Box, Points
from ntkfreq.problem.target import Target
from ntkfreq.spectra.bands import EmptyBandError, band_frequencies, band_rms, refuse_empty
from ntkfreq.spectra.spectrum import fourier_sum
from ntkfreq.spectra.wave_fit import WaveSum, fit_waves

# Points on a box at which its functions are split, along an axis in two dimensions.
_ON_BOX = (256, 2000)
_ON_SQUARE = 40
# Of test points at most so many serve to split functions.
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
    test: TestSet | str | None

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
        if not isinstance(self.test, TestSet):
            return self.data_spectrum(frequencies)
        return fourier_sum(self.test.x, self.error(self.test.x) * self.test.weights, frequencies)


@dataclass(frozen=True, eq=False)
class OwnParts:
    """The own parts of all bands of one solution.

    Attributes
    ----------
    equation, discretized, dynamics, test, t, rtol
        Those of the solution.
    frequencies : ndarray, shape (F, d)
        At which spectra are read.
    """

    equation: FrequencyEquation
    discretized: Discretized
    dynamics: Dynamics
    test: TestSet | str | None
    t: FloatArray
    rtol: float
    frequencies: FloatArray

    @property
    def needed(self) -> bool:
        """Whether spectra of the data leak."""
        return isinstance(self.equation.measure, Points | Box)

    def least(self, on_test: bool) -> float:
        """Where spectra are read as they are: share of the largest that a band must hold.

        In an empty band a discretization leaves about the tolerance, test points what leaks.
        """
        leaks = on_test and isinstance(self.test, TestSet)
        return 1e-3 if leaks else min(max(1e-6, 100 * self.rtol), 1e-3)

    @property
    def quick(self) -> bool:
        """Whether another initial error takes no more than products with known modes."""
        modal = all(isinstance(part, EigenPropagator) for part in self.discretized.propagators)
        return modal and isinstance(self.discretized.system, PointsSystem | BoxSystem)

    @cached_property
    def _points(self) -> FloatArray:
        """Where the initial error is known: data, test points, or points of the box."""
        measure = self.equation.measure
        if isinstance(measure, Points):
            data = measure.x
        else:
            assert isinstance(measure, Box)
            data = self._on_box(measure)
        return data if self._tested is None else np.concatenate([data, self._tested.x])

    @cached_property
    def _tested(self) -> TestSet | None:
        """Test points, not all of many."""
        if not isinstance(self.test, TestSet):
            return None
        count = len(self.test.x)
        some = np.random.default_rng(0).permutation(count)[:_TESTED]
        return replace(self.test, x=self.test.x[some], y=self.test.y[some])

    def _on_box(self, box: Box) -> FloatArray:
        """One point at random in each of many equal cells: nothing aliases on such points."""
        lower, upper = np.array(box.lower), np.array(box.upper)
        highest = np.abs(self.frequencies).max(axis=0)
        count = [_ON_SQUARE] * box.dim
        if box.dim == 1:
            wanted = 2 * highest[0] * (upper[0] - lower[0]) / np.pi
            count = [int(np.clip(np.ceil(wanted), *_ON_BOX))]
        cells = np.stack(np.meshgrid(*[np.arange(n) for n in count], indexing="ij"), axis=-1)
        cells = cells.reshape(-1, box.dim)
        place = (cells + np.random.default_rng(0).uniform(size=cells.shape)) / np.array(count)
        return np.asarray(lower + (upper - lower) * place)

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
            When the band holds nothing that can be told from what others leak.
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
        equation = replace(self.equation, target=Target(second), initial_output=first)
        if self.quick:
            known_operator = self.discretized.system
            assert isinstance(known_operator, PointsSystem | BoxSystem)
            system = replace(known_operator, equation=equation)
            return OwnPart(equation, system, self._evolve(system.loads), self.test)
        known = self.test.x if isinstance(self.test, TestSet) else None
        afresh = discretize(equation, self.t, self.rtol, self.dynamics, known)
        return OwnPart(equation, afresh.system, afresh.evolve(self.dynamics, self.t), self.test)

    def _evolve(self, loads: tuple[FloatArray, ...]) -> Evolution:
        """Other initial errors under the factorized operator."""
        blocks = []
        for propagator, load in zip(self.discretized.propagators, loads, strict=True):
            assert isinstance(propagator, EigenPropagator)
            blocks.append(propagator.evolve_from(load, self.dynamics, self.t))
        return Evolution(self.t, blocks)

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
