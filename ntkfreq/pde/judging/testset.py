"""What a solution is judged on: the test measure behind `spectrum` and `test_loss`."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.pde.moved_origin import turned
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.spectra.spectrum import fourier_sum


@dataclass(frozen=True, eq=False)
class Judged:
    """Spectrum (T, F) and loss (T,) of the error against a measure, or None where y is unknown."""

    spectrum: ComplexArray | None
    loss: FloatArray | None


class Tested(abc.ABC):
    """A test measure on which spectrum and loss of a solution can be computed."""

    on_data: ClassVar[bool] = False
    """Whether it is the data measure itself."""

    @property
    def points(self) -> TestSet | None:
        """Points with weights and target values, of a measure that consists of some."""
        return None

    @property
    def outputs(self) -> FloatArray | None:
        """Where outputs will be asked for, (n, d), if that is known."""
        return None if self.points is None else self.points.x

    @abc.abstractmethod
    def judged(
        self, discretized: Discretized, evolution: Evolution, frequencies: FloatArray, data: Judged
    ) -> Judged:
        """Spectrum and loss at frequencies (F, d), from those against the data."""


class Nowhere(Tested):
    """The target is unknown off the data."""

    def judged(
        self, discretized: Discretized, evolution: Evolution, frequencies: FloatArray, data: Judged
    ) -> Judged:
        """Nothing is known."""
        return Judged(None, None)


class OnData(Tested):
    """The data measure itself."""

    on_data: ClassVar[bool] = True

    def judged(
        self, discretized: Discretized, evolution: Evolution, frequencies: FloatArray, data: Judged
    ) -> Judged:
        """Those against the data."""
        return data


@runtime_checkable
class BetweenSamples(Protocol):
    """A system on a lattice that has spectrum and loss between its points as well."""

    def test_spectrum(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the error on the whole line or plane, shape (T, F)."""
        ...

    def test_loss(self, evolution: Evolution) -> FloatArray:
        """Integral of the squared error, shape (T,)."""
        ...


class OnLine(Tested):
    """The whole line or plane, for samples on a lattice."""

    def judged(
        self, discretized: Discretized, evolution: Evolution, frequencies: FloatArray, data: Judged
    ) -> Judged:
        """Those that the system computes between its samples."""
        system = discretized.system
        assert isinstance(system, BetweenSamples)
        spectrum = system.test_spectrum(evolution, frequencies)
        return Judged(
            turned(spectrum, frequencies, discretized.center), system.test_loss(evolution)
        )


@dataclass(frozen=True, eq=False)
class TestSet(Tested):
    """Points (n, d), weights (sum one) and target values that a solution is judged on."""

    __test__ = False  # not a test case, whatever pytest reads into the name

    x: FloatArray
    weights: FloatArray
    y: FloatArray
    converged: bool = True

    @property
    def points(self) -> TestSet | None:
        """These."""
        return self

    def judged(
        self, discretized: Discretized, evolution: Evolution, frequencies: FloatArray, data: Judged
    ) -> Judged:
        """From the errors at the points."""
        errors = discretized.asked.free_output(evolution.t, self.x) - self.y
        errors += discretized.output_change(evolution, self.x)
        spectrum = fourier_sum(self.x, errors * self.weights, frequencies)
        return Judged(spectrum, errors**2 @ self.weights)

    @classmethod
    def even(cls, x: FloatArray, y: FloatArray) -> TestSet:
        """Points of equal weight."""
        return cls(x, np.full(len(x), 1 / len(x)), y)


def target_on(equation: FrequencyEquation, x: FloatArray, weights: FloatArray) -> TestSet:
    """Points and weights with the values of the target there."""
    return TestSet(x, weights, equation.target.at(x))
