r"""FINUFFT backend: sums over units and over points as non-uniform FFTs, O(N + m) a step.

.. math:: f(x) = \mathrm{Re}\, m^{-1/2} \sum_j (a_j - i b_j)\, e^{i w_j \cdot x}, \qquad
          \sum_i r_i \cos(w_j \cdot x_i) + i \sum_i r_i \sin(w_j \cdot x_i)
          = \sum_i r_i\, e^{i w_j \cdot x_i}

are transforms of type 3, in one to three dimensions, to a stated tolerance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ntkfreq._support.threads import allowed_threads
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.network.backends.cost import by_direct_sums, grid_points, out_of_reach
from ntkfreq.network.backends.state import Descent, NetworkState, split
from ntkfreq.network.backends.stepping import take_steps
from ntkfreq.network.backends.two_layer import TwoLayer
from ntkfreq.spectra.spectrum import nufft_threads

if TYPE_CHECKING:
    from ntkfreq.network.backends.direct import Direct

# On larger grids the sums of a gradient are computed one by one, each in the memory of the last.
_ONE_BY_ONE = 1e6
# A coordinate of this size does not change a phase: its factor is 1e50 at most.
_TINY = 1e-200


@dataclass(frozen=True)
class Nufft(TwoLayer):
    """The fast-transform backend.

    Parameters
    ----------
    tolerance : float
        Relative error of each sum, against the sum of the magnitudes.
    most_threads : int, optional
        Largest number of threads; default all. On one thread results repeat bit for bit.
    """

    tolerance: float = 1e-9
    most_threads: int | None = None

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        w, a, b = split(theta)
        grid = _grid(w, np.ptp(x, axis=0))
        if by_direct_sums(len(x) * a.size, grid, len(w)):
            return self._direct().evaluate(theta, x)
        waves = self._sums(w, (a - 1j * b)[None], x.T, grid)
        return np.asarray(waves[0].real / math.sqrt(a.size))

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        w, a, b = split(theta)
        grid = _grid(w, np.ptp(x, axis=0))
        if by_direct_sums(len(x) * a.size, grid, len(w)):
            return self._direct().gradient(theta, x, r, first)
        r = r / math.sqrt(a.size)
        strengths = np.array([r, *(r * x[:, k] for k in range(first, x.shape[1]))])
        waves = self._sums(x.T, strengths, w, grid)
        along = [b * wave.real - a * wave.imag for wave in waves[1:]]
        return np.array([*along, waves[0].real, waves[0].imag])

    def gram(self, theta: FloatArray, x: FloatArray, first: int) -> FloatArray:
        """Gram matrix (n, n) of the gradients at few points x, where direct sums are faster."""
        return self._direct().gram(theta, x, first)

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take `steps` steps in place."""
        extent = np.ptp(x, axis=0)
        most = min(descent.batch_size or len(x), len(x)) * state.theta.shape[1]

        def allowed(now: NetworkState) -> bool:
            return now.within() and not out_of_reach(most, _grid(now.theta[:-2], extent))

        with np.errstate(over="ignore", invalid="ignore"):
            take_steps(self.evaluate, self.gradient, state, x, y, descent, steps, allowed)

    def threads(self, points: int, units: int) -> int:
        """Cores that a step occupies."""
        if nufft_threads(points + units) == 1:
            return 1
        most = allowed_threads()
        return most if self.most_threads is None else min(most, self.most_threads)

    def warm_up(self, points: int, units: int, dim: int) -> None:
        """Load FINUFFT, and Numba for the drift of the kernel."""
        del points, units
        self.evaluate(np.ones((3, 1)), np.ones((1, 1)))
        self.gram(np.ones((dim + 2, 1)), np.ones((1, dim)), 0)

    def _direct(self) -> Direct:
        """The backend for grids that have become too large."""
        from ntkfreq.network.backends.direct import Direct

        return Direct(self.most_threads)

    def _upsampling(self, dim: int) -> float:
        """A grid coarser than twice takes a quarter of the time in 3-D, but no tolerance below."""
        return 1.25 if dim == 3 and self.tolerance >= 1e-9 else 2.0

    def _sums(
        self, sources: FloatArray, strengths: ComplexArray, at: FloatArray, grid: float
    ) -> ComplexArray:
        """Sums of strengths (k, n) at sources (d, n), at points (d, p), shape (k, p)."""
        import finufft

        if not np.isfinite(strengths).all():
            return np.full((len(strengths), at.shape[1]), complex(np.nan, np.nan))
        transform = (finufft.nufft1d3, finufft.nufft2d3, finufft.nufft3d3)[len(sources) - 1]
        sums = transform(
            *map(_coordinate, sources),
            np.ascontiguousarray(strengths, dtype=np.complex128),
            *map(_coordinate, at),
            isign=1,
            eps=self.tolerance,
            upsampfac=self._upsampling(len(sources)),
            maxbatchsize=0 if grid < _ONE_BY_ONE else 1,
            nthreads=self.threads(strengths.shape[1], at.shape[1]),
        )
        return np.asarray(sums).reshape(strengths.shape[0], -1)


def _grid(w: FloatArray, extent_x: FloatArray) -> float:
    """Points of the grid for frequencies (d, m); infinite for such as are no numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        grid = grid_points(np.ptp(w, axis=1), extent_x)
    return grid if grid == grid else math.inf


def _coordinate(values: FloatArray) -> FloatArray:
    """One coordinate as FINUFFT takes it: it divides by extents, and ends Python at 1e-310."""
    if np.abs(values).max() < _TINY:
        return np.zeros(values.shape)
    return np.ascontiguousarray(values)
