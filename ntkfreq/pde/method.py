"""The interface of a method of solution, one for each measure and dimension."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.judging.testset import OnData, Tested
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.pde.time.dynamics import Dynamics
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Measure
from ntkfreq.spectra.frequency_grid import default_frequencies

M = TypeVar("M", bound=Measure)


@dataclass(frozen=True, eq=False)
class Method(Portable, abc.ABC, Generic[M]):
    """How one equation on one measure is solved.

    Look it up with :func:`ntkfreq.pde.methods.method_for`. A method for another measure says what
    it refuses, how fast the fastest mode is, which frequencies are shown, and discretizes; the rest
    has defaults.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem.
    measure : Measure
        Its measure, of the one kind that the method is for.
    by : str
        The way of solution asked for.
    """

    equation: FrequencyEquation
    measure: M
    by: str = "auto"

    ways: ClassVar[tuple[str, ...]] = ("auto",)
    """What `by` may be: ways of solution that a user can ask for."""

    on_one_thread: ClassVar[bool] = False
    """Whether matrices are so small and banded that threads only get in each other's way."""

    for_all_times: ClassVar[bool] = False
    """Whether the discretization depends neither on the times nor on the optimizer."""

    samples_alone: ClassVar[bool] = False
    """Whether a target known at samples is known there alone, not between them."""

    leaks: ClassVar[bool] = False
    """Whether the spectrum of one band reaches into all others, the data being finite."""

    without_expectation: ClassVar[str | None] = "a random initial output has infinite energy there"
    """Why there are no expected losses over random initial outputs; None where there are."""

    @abc.abstractmethod
    def refuse(self) -> None:
        """Refuse what has no sound equation or discretization here, naming what has."""

    @abc.abstractmethod
    def fastest_rate(self) -> float:
        """About the fastest rate at which something is learned."""

    @abc.abstractmethod
    def discretize(
        self, t: FloatArray, rtol: float, dynamics: Dynamics, outputs: FloatArray | None
    ) -> Discretized:
        """Build the system, accurate to the tolerance at times (T,).

        `outputs` (n, d) are points where outputs will be asked for, if they are known already.
        """

    @abc.abstractmethod
    def sampled(self) -> FloatArray:
        """Points (n, d) that show the initial error, for the default frequencies."""

    @abc.abstractmethod
    def extent(self) -> float:
        """Largest distance between two points of the data."""

    def for_all_states(self) -> Self:
        """The same for many initial states at once."""
        return self

    def default_frequencies(self) -> FloatArray:
        """Angular frequencies (F,) or (F, d) that resolve the initial error."""
        x, reach = self.sampled(), self.equation.density.radius(0.01)
        return default_frequencies(x, self.equation.initial_error_at(x), reach)

    def default_test(self, highest: float) -> Tested:
        """What the solution is judged on; spectra will be asked for up to `highest`."""
        return OnData()

    def refuse_tables(self, times: int) -> None:
        """Refuse tables over times and data that do not fit into memory."""

    @property
    def lattice_step(self) -> float | None:
        """Distance by whole multiples of which data may be moved; None where by any."""
        return None

    def split_points(self, frequencies: FloatArray) -> FloatArray:
        """Points (n, d) at which the error is split into bands, of a method that leaks.

        Nothing up to the frequencies (F, d) aliases on them.
        """
        raise NotImplementedError


def refuse_decay(equation: FrequencyEquation) -> None:
    """Refuse decay on Line and Grid beyond one dimension."""
    if equation.decay.active:
        raise ValueError(
            f"weight_decay={equation.weight_decay:g}, frequency_decay="
            f"{equation.frequency_decay:g} on {equation.measure} with dim={equation.dim}: decay is "
            "solved there for dim=1; use measure=Points(x), which takes any dimension"
        )
