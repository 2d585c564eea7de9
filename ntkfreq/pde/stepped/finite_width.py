r"""What single networks of a finite width do: their spread about the limit.

A network differs from the limit by its draw of m units, by :math:`O(m^{-1/2})`, and by how far its
units move, by :math:`O(m^{-1})`. The first is followed: draws of units (w, a, b), each unit a node
of its own, give the outputs of networks that are linear in what their units move. Wide networks are
drawn narrower, and what the draws differ by is multiplied by the root of the ratio of the widths.
Units that come in pairs of opposite a and b, so that the initial output is zero, count once a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.progress import progress_bar
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.solution.intervals import (
    Interval,
    Intervals,
    NetworkIntervals,
    of_logarithms,
    of_values,
)
from ntkfreq.pde.stepped.following import asked, followed
from ntkfreq.recursion.nodes import own_nodes
from ntkfreq.spectra.bands import pick_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ntkfreq.pde.stepped.solution import SteppedSolution

# Units of a draw at most. A wider network is this one with a spread that is smaller.
_UNITS = 512


@dataclass(frozen=True, eq=False)
class FiniteWidth(NetworkIntervals):
    """Drawn networks beside a prediction; made by `SteppedSolution.finite_width`.

    Attributes
    ----------
    width : int
        Hidden units m of the networks that are meant.
    distinct : int
        Those that are drawn apart: half of m where units come in pairs.
    units : int
        Units of a draw; the spread is multiplied by the root of this over `distinct`.
    draws : int
        Number K of draws.
    output : ndarray, shape (K, T, N)
        Their output at the training points; NaN after a loss that grows without bound.
    test_output : ndarray, shape (K, T, n), or None
        The same at the test points.
    """

    width: int
    distinct: int
    units: int
    draws: int
    solution: SteppedSolution = field(repr=False)
    output: FloatArray = field(repr=False)
    test_output: FloatArray | None = field(repr=False)

    @property
    def shrinks(self) -> float:
        """Deviation of a network of the width over that of a draw."""
        return float(np.sqrt(self.units / self.distinct))

    @property
    def spread(self) -> FloatArray:
        """Root mean square over the points of a network's deviation from the limit, shape (T,)."""
        off = (self.output - self.solution.path.output) ** 2
        return np.asarray(self.shrinks * np.sqrt(off.mean(axis=0) @ self.solution.path.weights))

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
        return self._passages(self.solution.t, band, fraction, level, spectrum, units)

    def learning_step(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> Interval:
        """The same as `learning_time` in steps."""
        steps = self.solution.step.astype(np.float64)
        return self._passages(steps, band, fraction, level, spectrum, units)

    def outputs(self, level: float = 0.9) -> Intervals:
        """Interval for a single network's output at the training points, arrays of shape (T, N)."""
        return Intervals(*of_values(self.solution.path.output, self.output, level, self.shrinks))

    def train_loss(self, level: float = 0.9) -> Intervals:
        """Interval for a single network's training loss, arrays of shape (T,)."""
        off = (self.output - self.solution.path.y) ** 2
        losses = off @ self.solution.path.weights
        return Intervals(*of_logarithms(self.solution.train_loss, losses, level, self.shrinks))

    def test_loss(self, level: float = 0.9) -> Intervals:
        """The same of the test loss; refused where there is no test set."""
        where, limit = self.solution.test_points, self.solution.test_loss
        if limit is None:
            raise ValueError("there is no test loss; give solve_frequency_pde a test set, test=")
        if where is None or self.test_output is None:
            return self.train_loss(level)
        off = (self.test_output - where.y) ** 2
        return Intervals(*of_logarithms(limit, off @ where.weights, level, self.shrinks))

    def plot(
        self,
        bands: int | Sequence[tuple[float, float]] | None = None,
        fraction: float = 0.5,
        *,
        level: float = 0.9,
        ax: Axes | None = None,
    ) -> Axes:
        """Learning steps of bands with their intervals, see `NetworkIntervals.plot`."""
        words = (
            f"steps until {fraction:g} is left",
            f"{100 * level:g} % of networks of width {self.width}",
            f"no band is learned down to fraction={fraction:g} within the "
            f"{self.solution.step[-1]} steps of this prediction; solve for more steps",
        )

        def of(band: tuple[float, float]) -> Interval:
            return self.learning_step(band, fraction, level=level)

        return self._drawn(self.solution, of, bands, ax, words)

    def _passages(
        self,
        clock: FloatArray,
        band: tuple[float, float],
        fraction: float,
        level: float,
        which: str,
        units: str,
    ) -> Interval:
        solution = self.solution
        chosen = pick_spectrum(solution.spectrum, solution.data_spectrum, which)
        on_test = chosen is not solution.data_spectrum and self.test_output is not None
        drawn = self.test_output if on_test else self.output
        assert drawn is not None
        where = solution.test_points
        y = where.y if on_test and where is not None else solution.path.y
        times = [
            solution.passage(clock, band, fraction, on_test, units, errors=one - y) for one in drawn
        ]
        limit = np.array(solution.passage(clock, band, fraction, on_test, units))
        ends = of_logarithms(limit, np.array(times), level, self.shrinks)
        return Interval(*(float(end) for end in ends))


def drawn_networks(
    solution: SteppedSolution, draws: int, seed: int, paired: bool, progress: bool
) -> FiniteWidth:
    """Draw networks and follow them; users call `SteppedSolution.finite_width`."""
    draws, seed = checks.integer("draws", draws, 2), checks.integer("seed", seed, 0)
    if solution.path.nodes.readout is not None:
        raise ValueError(
            "this prediction follows the units of one network, initial=, so that nothing is drawn; "
            "for networks of this density and width solve without initial="
        )
    equation, training = solution.equation, solution.training
    width = training.width
    distinct = max(width // 2, 1) if paired else width
    units, where = min(distinct, _UNITS), solution.test_points
    shape = (draws, len(solution.step), len(solution.path.x))
    points = shape[2] + (0 if where is None else len(where.x))
    refuse_memory(
        f"{draws} draws with {shape[1]} records at {points} points",
        8.0 * draws * shape[1] * points,
        "record fewer steps, or make fewer draws",
    )
    output = np.full(shape, np.nan)
    elsewhere = None if where is None else np.full((*shape[:2], len(where.x)), np.nan)
    with progress_bar(progress, draws, "network", what="draw") as bar:
        for k in range(draws):
            rng = np.random.default_rng([seed, k])
            w = np.asarray(equation.density.sample(units, rng)).reshape(units, -1)
            a, b = equation.sigma_a * rng.standard_normal((2, units))
            nodes = own_nodes(w, a, b)
            path = asked(
                followed(equation, training, nodes, solution.step, sharpness=False), solution.step
            )
            output[k, : len(path.steps)] = path.output
            if elsewhere is not None and where is not None:
                elsewhere[k, : len(path.steps)] = path.outputs(where.x)
            if bar is not None:
                bar.update(1)
    return FiniteWidth(width, distinct, units, draws, solution, output, elsewhere)
