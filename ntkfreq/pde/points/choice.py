"""Which way points are solved: the Gram matrix, its products, or waves; by an estimate of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import SizeError, shown_bytes, shown_seconds, usable_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.features.nodes import Nodes
from ntkfreq.ntk.features.operator_error import operator_error
from ntkfreq.ntk.features.rate import largest_rate
from ntkfreq.ntk.features.select import waves_for, waves_needed
from ntkfreq.ntk.toeplitz import find_lattice
from ntkfreq.numerics.dense import MAX_ROWS
from ntkfreq.problem.density import Density
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points

METHODS = ("auto", "gram", "lanczos", "frequency")
# With so few points their matrix is the fastest, and exact.
FEW = 1000
# Features of which all inner products and eigenvectors are computed.
MOST_FEATURES = 6000
# Numbers of a matrix of features at points.
MOST_ENTRIES = 1.5e8
# Features of which products are computed.
MOST_WAVES = 4_000_000
# Seconds on two cores, measured: eigenvectors of n rows, a kernel value, a number of a basis that
# is read and written while a Krylov space grows, a cell of an FFT, a point in a transform.
_EIGEN, _VALUE, _BASIS, _CELL, _POINT = 1.2e-10, 4e-8, 1.6e-9, 6e-9, 1.0e-7
# Seconds and bytes from which on a user is told beforehand.
_LONG, _LARGE = 10.0, 1e9
# A Krylov space may take this share of the usable memory, and so many dimensions.
_SHARE, _MOST_DIMENSIONS, _CROWDED = 0.3, 3000, 30.0


@dataclass(frozen=True, eq=False)
class Demand(Portable):
    """What is asked of a solution on points.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem.
    points : Points
        Its measure.
    horizon : float
        Time over which an error of the operator adds up.
    rtol : float
        Tolerance.
    outputs : ndarray, shape (n, d), optional
        Where outputs will be asked for.
    """

    equation: FrequencyEquation
    points: Points
    horizon: float
    rtol: float
    outputs: FloatArray | None = None

    @cached_property
    def reach(self) -> tuple[FloatArray, FloatArray]:
        """Corners of the box that points and outputs lie in."""
        x = self.points.x
        low, high = x.min(axis=0), x.max(axis=0)
        if self.outputs is None or len(self.outputs) == 0:
            return low, high
        return np.minimum(low, self.outputs.min(axis=0)), np.maximum(high, self.outputs.max(axis=0))

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.points.x)

    @cached_property
    def trace(self) -> float:
        """Trace of the operator, which bounds its largest rate."""
        size = np.sum(self.points.x**2, axis=1)
        return float(self.points.weights @ (1 + self.equation.sigma_a**2 * size))

    @property
    def kernel_tolerance(self) -> float:
        """Error of the kernel that changes no state by more than the tolerance."""
        return float(np.clip(0.2 * self.rtol / (self.horizon * self.trace), 2e-14, 1e-2))

    @cached_property
    def steps(self) -> int:
        """About the dimension of a Krylov space."""
        span = self.horizon * largest_rate(
            self.equation.density, self.points.x, self.points.weights, self.equation.sigma_a
        )
        return int(min(12 + np.sqrt(1.25 * span * np.log(10 / self.rtol)), self.count))

    def nodes(self, most: float) -> Nodes | None:
        """Waves that make up the kernel to the tolerance, at most so many features; None if more.

        The tolerance is relaxed where the error of the operator, which is smaller than the largest
        error of the kernel, allows it.
        """
        waves = 2 * self._blocks
        return waves_for(*self._asked, most / waves, MOST_FEATURES / waves)

    @property
    def _asked(self) -> tuple[Density, FloatArray, FloatArray, float, FloatArray, float, float]:
        """What waves must do: kernel, points, extent, errors of kernel and operator."""
        return (
            self.equation.density,
            self.points.x,
            self.points.weights,
            self.equation.sigma_a,
            self.reach[1] - self.reach[0],
            self.kernel_tolerance,
            0.5 * self.rtol / self.horizon,
        )

    def refuse_waves(self, most: float, remedy: str = "") -> None:
        """Refuse more features than `most`, with their number, size and time, and a remedy."""
        waves, cells = waves_needed(*self._asked)
        rho_w, size = checks.show(self.equation.density), 2 * waves * self._blocks
        takes = f"takes more than {most:g} features of waves"
        if np.isfinite(waves):
            seconds = self._lattice_time(size, cells)
            takes = (
                f"takes about {size:.1g} features of waves, of at most {most:g} ("
                f"{shown_bytes(8 * size)} a vector, and about {shown_seconds(seconds)})"
            )
        raise SizeError(
            f"{rho_w} over an extent of {self.points.extent:g} {takes} for rtol={self.rtol:g} "
            f"until t={self.horizon:g}, and x has {self.count} points, of which no matrix is "
            f"computed: {remedy}raise rtol, shorten t, give fewer samples, or a narrower density "
            "or extent"
        )

    @cached_property
    def on_lattice(self) -> bool:
        """Whether the points lie on a regular grid, whose matrix takes FFTs without waves."""
        return find_lattice(self.points.x) is not None

    @property
    def by_waves(self) -> bool:
        """Whether the kernel is a sum of waves: of a density with a pdf, in a few dimensions."""
        return self.equation.dim <= 3 and self.equation.density.has_pdf

    @property
    def _blocks(self) -> int:
        """What each wave is multiplied by: 1, and each coordinate where frequencies train."""
        return 1 if self.equation.sigma_a == 0 else 1 + self.equation.dim

    def error(self, nodes: Nodes) -> float:
        """Estimate of the error of states, relative to the initial one."""
        x, weights = self.points.x, self.points.weights
        enough = 0.5 * self.rtol / self.horizon
        rho_w, sigma_a = self.equation.density, self.equation.sigma_a
        off = operator_error(rho_w, nodes, x, weights, sigma_a, enough)
        return self.horizon * off

    def sound_until(self, error: float) -> float:
        """When an error of the operator, which adds up over time, has reached the tolerance."""
        return self.horizon * max(1.0, 0.8 * self.rtol / error) if error > 0 else np.inf

    def basis(self, nodes: Nodes) -> WaveBasis:
        """The data in terms of the waves."""
        x, weights, sigma_a = self.points.x, self.points.weights, self.equation.sigma_a
        return WaveBasis(nodes, x, weights, sigma_a, reach=self.reach)

    def most_dimensions(self, size: float) -> int:
        """Largest dimension of a Krylov space of vectors of a size, by memory."""
        room = int(_SHARE * usable_memory() / (8.0 * size))
        return int(np.clip(room, 20, min(_MOST_DIMENSIONS, size)))

    def dense(self, size: float) -> bool:
        """Whether so many features, or the points, are few enough for all modes."""
        return size <= MOST_FEATURES or (
            self.count <= MOST_FEATURES and self.count * size <= MOST_ENTRIES
        )

    @property
    def most_dense(self) -> float:
        """Most features of which all modes are computed."""
        few = MOST_ENTRIES / self.count if self.count <= MOST_FEATURES else 0.0
        return max(MOST_FEATURES, few)

    def note(self, method: str, size: int, nodes: Nodes | None) -> str:
        """What is said beforehand of a Krylov space of vectors of a size, if it is large."""
        seconds, held = self.seconds(method, nodes), 8.0 * self.steps * size
        if seconds <= _LONG and held <= _LARGE:
            return ""
        room = min(held, 8.0 * self.most_dimensions(size) * size)
        return f"solve, at most about {shown_seconds(seconds)} and {shown_bytes(room)}"

    def seconds(self, method: str, nodes: Nodes | None) -> float:
        """About how long a method takes; infinite where it does not apply."""
        n, blocks = self.count, self._blocks
        if method == "gram":
            return np.inf if n > MAX_ROWS else _EIGEN * n**3 + _VALUE * n**2
        if method == "lanczos":
            # Without waves products are fast in one dimension, and on a regular grid.
            if nodes is None and n > MAX_ROWS and self.equation.dim > 1 and not self.on_lattice:
                return np.inf
            product = min(8e-10 * n**2, blocks * (2 * _POINT * n + 1e-3))
            return self._crowded(n) * self.steps * (product + _BASIS * self.steps * n) + 0.1
        if nodes is None:
            return np.inf
        size = 2 * nodes.count * blocks
        sums = blocks * (blocks + 1) / 2 * _POINT * n
        if self.dense(size) and size > self.count:
            return _EIGEN * self.count**3 + _VALUE * self.count * size
        if size <= MOST_FEATURES:
            pairs = 0.0 if nodes.index is not None else 2.0 * nodes.count**2
            return _EIGEN * size**3 + sums + blocks**2 * 3e-7 * pairs
        return self._lattice_seconds(nodes, size, sums)

    def _lattice_seconds(self, nodes: Nodes, size: int, sums: float) -> float:
        if nodes.index is None:
            passed = self._blocks * 20 * _POINT * (self.count + nodes.count)
            return self.steps * passed + sums
        cells = float(np.prod(4.0 * np.abs(nodes.index).max(axis=0) + 1))
        return self._lattice_time(size, cells) + sums

    def _lattice_time(self, size: float, cells: float) -> float:
        each = 2 * self._blocks * _CELL * cells + _BASIS * self.steps * size
        return self._crowded(size) * self.steps * each

    def _crowded(self, size: float) -> float:
        """What to multiply the time with where memory may not hold all vectors of a space."""
        return 1.0 if self.steps <= self.most_dimensions(size) else _CROWDED


def quickest(demand: Demand, dense: bool) -> tuple[str, Nodes | None]:
    """The method of least time, and its waves if it takes any.

    `dense` says that all modes are needed, for decay or for many initial states.
    """
    if demand.count <= FEW:
        return "gram", None
    nodes = None
    if demand.by_waves:
        nodes = demand.nodes(demand.most_dense if dense else MOST_WAVES)
    options = ["gram", "frequency"] if dense else ["gram", "lanczos", "frequency"]
    times = {method: demand.seconds(method, nodes) for method in options}
    if min(times.values()) == np.inf and demand.by_waves:
        demand.refuse_waves(demand.most_dense if dense else MOST_WAVES)
    return min(times, key=times.__getitem__), nodes
