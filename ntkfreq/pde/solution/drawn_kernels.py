r"""What single networks of a finite width do under gradient descent: their kernels, drawn.

A network's kernel at its start differs from the limit by :math:`O(m^{-1/2})`, which is drawn here:
networks as the limit assumes them, of which nothing is trained. How far the kernel moves in
training, by :math:`O(m^{-1})`, is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.progress import progress_bar
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.drawn_units import drawn_units
from ntkfreq.pde.points.drawn import DrawnPoints
from ntkfreq.pde.solution.intervals import (
    Interval,
    Intervals,
    NetworkIntervals,
    of_logarithms,
    of_values,
)
from ntkfreq.pde.time.discretized import Discretized
from ntkfreq.problem.layers.units import is_named
from ntkfreq.problem.measure import Points, is_measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ntkfreq.pde.solution.linear import LinearSolution

# Units of a layer that are drawn at most, and points: a solution each keeps its matrix.
_UNITS, _MOST_POINTS = 2048, 2000


@dataclass(frozen=True, eq=False)
class DrawnKernels(NetworkIntervals):
    """Solutions by the kernels of drawn networks; made by `FrequencySolution.finite_width`.

    Attributes
    ----------
    width, hidden : int
        Frequencies, and units of each hidden layer, of the networks that are meant.
    drawn_width, drawn_hidden : int
        Those that are drawn: half where units come in pairs, at most 2048.
    shrinks : float
        Deviation of a network from the limit over that of a draw.
    solution : FrequencySolution
        The limit.
    networks : tuple of FrequencySolution
        The same by the kernel of each draw.
    """

    width: int
    hidden: int
    drawn_width: int
    drawn_hidden: int
    shrinks: float
    solution: LinearSolution = field(repr=False)
    networks: tuple[LinearSolution, ...] = field(repr=False)

    @property
    def draws(self) -> int:
        """Number of networks that were drawn."""
        return len(self.networks)

    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> Interval:
        """See `NetworkIntervals.learning_time`."""

        def of(one: LinearSolution) -> FloatArray:
            return np.array(one.learning_time(band, fraction, spectrum=spectrum, units=units))

        low, predicted, high = self._of(of, level)
        return Interval(float(low), float(predicted), float(high))

    def train_loss(self, level: float = 0.9) -> Intervals:
        """Interval for a single network's training loss, arrays of shape (T,)."""
        return self._of(lambda one: one.train_loss, level)

    def test_loss(self, level: float = 0.9) -> Intervals:
        """The same of the test loss; refused where there is no test set."""
        if self.solution.test_loss is None:
            raise ValueError("there is no test loss; give solve_frequency_pde a test set, test=")
        return self._of(lambda one: np.asarray(one.test_loss), level)

    def outputs(self, x: FloatArray, level: float = 0.9) -> Intervals:
        """Interval for a single network's output at points (n,) or (n, d), shape (T, n)."""
        drawn = np.array([one.output(x) for one in self.networks])
        return Intervals(*of_values(self.solution.output(x), drawn, level, self.shrinks))

    def plot(
        self,
        bands: int | Sequence[tuple[float, float]] | None = None,
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        ax: Axes | None = None,
    ) -> Axes:
        """Learning times of bands with their intervals, see `NetworkIntervals.plot`."""
        words = (
            f"time until {fraction:g} is left",
            f"{100 * level:g} % of networks of width {self.width}",
            f"no band is learned down to fraction={fraction:g} by t={self.solution.t[-1]:g}; solve "
            "for longer",
        )

        def of(band: tuple[float, float]) -> Interval:
            return self.learning_time(band, fraction, level=level)

        return self._drawn(self.solution, of, bands, ax, words)

    def _of(self, of: Callable[[LinearSolution], FloatArray], level: float) -> Intervals:
        drawn = np.array([of(one) for one in self.networks])
        return Intervals(*of_logarithms(of(self.solution), drawn, level, self.shrinks))


def drawn_kernels(
    solution: LinearSolution,
    width: int,
    hidden: int | None,
    draws: int,
    zero_output: bool | None,
    seed: int,
    progress: bool,
) -> DrawnKernels:
    """Draw networks and solve by their kernels; users call `FrequencySolution.finite_width`."""
    width = checks.integer("width", width, 1)
    hidden = width if hidden is None else checks.integer("hidden", hidden, 1)
    draws, seed = checks.integer("draws", draws, 2), checks.integer("seed", seed, 0)
    points = _samples(solution)
    known = solution.equation.initial_output is None
    paired = checks.flag("zero_output", known if zero_output is None else zero_output)
    apart = [max(size // 2, 1) if paired else size for size in (width, hidden)]
    ratio = min(1.0, _UNITS / max(apart))
    sizes = max(round(ratio * apart[0]), 1), max(round(ratio * apart[1]), 1)
    networks = []
    with progress_bar(progress, draws, "network", what="draw") as bar:
        for number in range(draws):
            rng = np.random.default_rng([seed, number])
            networks.append(_by_own_kernel(solution, points, sizes, rng))
            if bar is not None:
                bar.update(1)
    shrinks = float((sizes[0] / apart[0]) ** 0.5)
    return DrawnKernels(width, hidden, *sizes, shrinks, solution, tuple(networks))


def _samples(solution: LinearSolution) -> Points:
    """The samples; refused is what has no kernel of a drawn network on them."""
    equation = solution.equation
    points: Any = equation.measure
    if not is_measure(points, Points):
        raise ValueError(
            f"measure={equation.measure!r}: networks are drawn for samples; solve with them, "
            "(x, y), or measure=Points(x)"
        )
    if equation.decay.active:
        raise ValueError(
            f"weight_decay={equation.weight_decay:g}, frequency_decay="
            f"{equation.frequency_decay:g}: a drawn kernel is that of the start, which decay "
            "leaves; solve without decay, or train networks"
        )
    if len(points.x) > _MOST_POINTS:
        raise ValueError(
            f"x has {len(points.x)} points, and a drawn network keeps a matrix of them; "
            f"give at most {_MOST_POINTS}"
        )
    layers = equation.layers
    if layers is not None and not is_named(layers.activation):
        raise ValueError(
            f"activation={layers.named}: of a function of your own no derivative is known, which "
            "the kernel of a network takes; use 'relu', 'tanh' or 'sine'"
        )
    samples: Points = points
    return samples


def _by_own_kernel(
    solution: LinearSolution, points: Points, sizes: tuple[int, int], rng: np.random.Generator
) -> LinearSolution:
    """The same problem by the kernel of one drawn network."""
    begin, equation = time.perf_counter(), solution.equation
    layers = equation.layers
    units = drawn_units(equation.density, layers, equation.sigma_a, sizes, rng)
    frozen = equation.sigma_a == 0 if layers is None else not layers.train_frequencies
    system = DrawnPoints(equation, points, units, frozen)
    return type(solution).evaluate(
        method=solution._method,
        discretized=Discretized.of(system, method="kernel of a drawn network"),
        dynamics=solution._dynamics,
        test=solution._test,
        t=solution.t,
        frequencies=solution.frequencies,
        rtol=solution.rtol,
        begin=begin,
    )
