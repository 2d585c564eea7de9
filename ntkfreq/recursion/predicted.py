"""The result of following a path: outputs at its records, and from them the output anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, IntArray, PointsLike
from ntkfreq.problem.functions import evaluate
from ntkfreq.recursion.nodes import ORDERS, FrequencyNodes
from ntkfreq.recursion.rules import Rates
from ntkfreq.spectra.spectrum import fourier_sum

# Numbers of a block of records that are summed at once.
_BLOCK = 2e7


@dataclass(frozen=True, eq=False)
class PredictedPath(Portable, Described):
    r"""Output of an infinitely wide network at recorded steps.

    Attributes
    ----------
    nodes : FrequencyNodes
        Frequencies and their shares.
    x, y, weights : ndarray
        Points (N, d), values (N,), and weights of the loss (N,), of sum one.
    first : ndarray, shape (N,)
        Initial output at the points.
    steps : ndarray of int, shape (T,)
        Recorded steps; of `follow` the first is 0.
    output : ndarray, shape (T, N)
        Output at the points.
    moves : ndarray, shape (T, M, 2) or (T, M, 2 + 2 d)
        What a and b of each node moved, in mean, then what its frequency did, a pair a coordinate.
    shrunk, scale : ndarray, shape (T,)
        Factors by which decay has contracted the initial a and b, and w.
    rates : Rates
        Rates of the limit.
    initial : callable or None
        Initial output where it was a function.
    sharpness : ndarray, shape (T,), or None
        Step size times largest preconditioned curvature over the points; None where not asked for
        and for rules of signs. At step 0 it is 0, for want of a mean square. With clip it is that
        of the steps as they were taken: times the mean factor of the last 20.
    edge : float or None
        What the sharpness must stay below, :math:`2(1+\beta_1)/(1-\beta_1)` for Adam.
    edge_step : int or None
        Step from which it stayed above, for 20 steps at least, and after step 50 where gradients
        are normalized; outputs after it are right in their order of magnitude only. Of a linear
        rule that clips: from which it swings without end, held by clipping alone; see
        `ntkfreq.recursion.sharpness`.
    diverged : bool
        Whether the loss grew without bound after the last record.
    engine : str
        "direct" or "nufft".
    clipped_steps : int or None
        Steps whose gradient was shortened; None for rules without clip.
    seconds : float
        What it took.
    """

    _functions: ClassVar = MappingProxyType({"initial": "pass the network itself"})

    nodes: FrequencyNodes = field(repr=False)
    x: FloatArray
    y: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    first: FloatArray = field(repr=False)
    steps: IntArray
    output: FloatArray = field(repr=False)
    moves: FloatArray = field(repr=False)
    shrunk: FloatArray = field(repr=False)
    scale: FloatArray = field(repr=False)
    rates: Rates
    initial: Callable[[FloatArray], FloatArray] | None = field(repr=False)
    sharpness: FloatArray | None = field(repr=False)
    edge: float | None
    edge_step: int | None
    diverged: bool
    engine: str
    clipped_steps: int | None
    seconds: float

    @property
    def errors(self) -> FloatArray:
        """Output less values, shape (T, N)."""
        return self.output - self.y

    @property
    def loss(self) -> FloatArray:
        """Weighted mean of the squared errors, shape (T,)."""
        return np.asarray(self.errors**2 @ self.weights)

    def outputs(self, x: PointsLike) -> FloatArray:
        """Output at any points.

        Parameters
        ----------
        x : array_like, shape (n,) or (n, d)
            Points, within about the extent for which the nodes were chosen.

        Returns
        -------
        ndarray, shape (T, n)

        Raises
        ------
        ValueError
            Where the initial output is known at the training points only.
        """
        points = checks.points("x", x, self.nodes.dim)
        if self.initial is None and self.first.any():
            raise ValueError(
                "the initial output is known at the training points only; pass initial as a "
                "function, for instance the network itself"
            )
        found = np.empty((len(self.steps), len(points)))
        still = bool(np.all(self.scale == 1.0))
        rows = self.moves.shape[2] // 2
        block = max(1, int(_BLOCK / (rows * (self.nodes.count + len(points))))) if still else 1
        for start in range(0, len(self.steps), block):
            part = slice(start, start + block)
            found[part] = self._moved(part, points, float(self.scale[start]))
            if self.initial is not None:
                first = evaluate("initial", self.initial, points * self.scale[start])
                found[part] += self.shrunk[part, None] * first
        return found

    def _moved(self, part: slice, x: FloatArray, scale: float) -> FloatArray:
        """Output of the moves of some records, of one contraction of w."""
        moves = self.moves[part] * self.nodes.weights[:, None]
        z = (moves[..., 0::2] + 1j * moves[..., 1::2]).transpose(0, 2, 1)
        sums = fourier_sum(self.nodes.frequencies, z, x * scale).real
        total = sums[:, 0]
        for k in range(1, z.shape[1]):
            total = total + x[:, k - 1] * sums[:, k]
        return np.asarray(total)


def node_error(path: PredictedPath, coarse: PredictedPath) -> float:
    r"""Estimate of the error that the nodes of a path leave, from a path on coarser nodes.

    The root mean square over records and points of the difference, relative to that of y, over
    :math:`q - 1` with :math:`q = (M/M_c)^p`, for errors fall like the power p of the number of
    nodes M; in two and three dimensions, where nodes of two sets lie without any relation and so do
    their errors, over :math:`\sqrt{1 + q^2}`, which is within a quarter of the error itself.
    Records after the edge of stability, where outputs are chaotic, are left out.

    Parameters
    ----------
    path, coarse : PredictedPath
        The same problem at the same records, `coarse` with `density_nodes(..., coarser=2)`.

    Raises
    ------
    ValueError
        Where the records differ.
    """
    if not np.array_equal(path.steps, coarse.steps):
        raise ValueError("coarse must have the records of path: give both the same record")
    ratio = (path.nodes.count / coarse.nodes.count) ** ORDERS[path.nodes.dim - 1]
    edge = np.inf if path.edge_step is None else path.edge_step
    kept = path.steps <= edge
    off = float(np.sqrt(np.mean((path.output[kept] - coarse.output[kept]) ** 2)))
    size = float(np.sqrt(np.mean(path.y**2)))
    over = max(ratio - 1, 0.5) if path.nodes.dim == 1 else float(np.hypot(1.0, ratio))
    return off / size / over if size > 0 else off
