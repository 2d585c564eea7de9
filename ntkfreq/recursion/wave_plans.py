r"""Fast transforms between points and nodes, planned once for all steps.

.. math:: \sum_i r_i e^{-iw_j\cdot x_i} = C_j - iS_j, \qquad
          f(x) = \mathrm{Re}\sum_j \rho_j\,(z_j + x\cdot z'_j)\,e^{-iw_j\cdot x},
          \quad z = \alpha + i\beta,

of type 1 and 2 where the nodes or the points are on a lattice, of type 3 otherwise. Only
frequencies that decay are set anew at each step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.recursion.lattice import SMALL, TransformLattice
from ntkfreq.recursion.problem import FollowedProblem
from ntkfreq.spectra.spectrum import nufft_threads

# Error of a transform relative to the sum of the magnitudes; with the smaller fine grid of
# a lattice in two dimensions as much is left by 3e-10.
_EPS, _EPS_SMALL = 1e-10, 3e-10
# Sums below this share of the magnitudes are the transform's error: a rule that normalizes would
# make them as large as any. Of an odd function on the pixels of a square 4e-11 is left.
_NOISE = 1e-10


class WavePlans:
    """Plans of both directions between points (n, d) and nodes, for frequencies times `scale`.

    Parameters
    ----------
    problem : FollowedProblem
        Nodes, and whether their frequencies are trained.
    x : ndarray, shape (n, d)
        Points.
    side : {"nodes", "points", ""}
        Which of them are on a lattice; see `ntkfreq.recursion.cost.StepWork`.
    """

    def __init__(self, problem: FollowedProblem, x: FloatArray, side: str = "") -> None:
        w, self.x, self.rows = problem.nodes.frequencies, x, 1 + problem.trained
        lattice = None
        if side:
            nodes = problem.nodes
            found = (TransformLattice.of_nodes(nodes), TransformLattice.of_points(x, w))
            lattice = found[side == "points"]
        self._onto_nodes = lattice is None or side == "nodes"
        self._sums: _ScatteredSums | _LatticeSums
        if lattice is None:
            self._sums = _ScatteredSums(x, w, self.rows)
        else:
            self._sums = _LatticeSums(lattice, x if self._onto_nodes else w, self.rows)

    def project(self, r: FloatArray, scale: float) -> ComplexArray:
        """Sums over the points of r and r x times e^{-iwx}, shape (1 + d, M); (1, M) if frozen."""
        self._sums.set(scale)
        strengths = np.empty((self.rows, len(r)))
        strengths[0] = r
        strengths[1:] = r * self.x.T[: self.rows - 1]
        sums = self._sums.gather(strengths) if self._onto_nodes else self._sums.scatter(strengths)
        noise = _NOISE * np.abs(strengths).sum(axis=1)[:, None]
        sums.real[np.abs(sums.real) <= noise] = 0.0
        sums.imag[np.abs(sums.imag) <= noise] = 0.0
        return sums

    def values(self, z: ComplexArray, scale: float) -> FloatArray:
        """Real part at the points of the sum over nodes of z (1 + d, M), the others times x."""
        self._sums.set(scale)
        sums = (self._sums.scatter(z) if self._onto_nodes else self._sums.gather(z)).real
        total = sums[0]
        for k in range(1, self.rows):
            total = total + self.x[:, k - 1] * sums[k]
        return np.asarray(total)


class _LatticeSums:
    """Sums over scattered positions at the places of a lattice, and the other way round.

    Parameters
    ----------
    lattice : TransformLattice
        Frequencies or points.
    scattered : ndarray, shape (n, d)
        The other ones.
    rows : int
        Sums taken together.
    """

    def __init__(self, lattice: TransformLattice, scattered: FloatArray, rows: int) -> None:
        import finufft

        self._shape, self.rows, self._places = lattice.shape, rows, lattice.places
        self._phases = scattered * lattice.step
        self._centre, self._scale = scattered @ lattice.centre, 0.0
        threads = nufft_threads(len(scattered) + len(lattice.index))
        options = {"n_trans": rows, "eps": _EPS, "isign": -1, "nthreads": threads}
        if lattice.finer == SMALL:
            options |= {"eps": _EPS_SMALL, "upsampfac": SMALL}
        self._onto, self._off = (finufft.Plan(kind, self._shape, **options) for kind in (1, 2))

    def set(self, scale: float) -> None:
        """Multiply frequencies by `scale`."""
        if scale == self._scale:
            return
        self._scale = scale
        phases = scale * self._phases
        phases -= 2 * np.pi * np.rint(phases / (2 * np.pi))
        # Kept, for a plan does not copy them.
        self._lines = [np.ascontiguousarray(line) for line in phases.T]
        self._onto.setpts(*self._lines)
        self._off.setpts(*self._lines)
        turn = scale * self._centre
        self._shift = np.cos(turn) - 1j * np.sin(turn)

    def gather(self, strengths: Any) -> ComplexArray:
        """Sums over the scattered at the places, (rows, n) to (rows, L)."""
        strengths = strengths * self._shift
        sums = self._onto.execute(strengths[0] if self.rows == 1 else strengths)
        return np.asarray(sums.reshape(self.rows, -1)[:, self._places])

    def scatter(self, values: Any) -> ComplexArray:
        """Sums over the places at the scattered, (rows, L) to (rows, n)."""
        cells = np.zeros((self.rows, math.prod(self._shape)), dtype=np.complex128)
        cells[:, self._places] = values
        cells = cells.reshape(self.rows, *self._shape)
        sums = self._off.execute(cells[0] if self.rows == 1 else cells)
        return np.asarray(sums.reshape(self.rows, -1) * self._shift)


class _ScatteredSums:
    """Sums over points (n, d) at frequencies (m, d), and the other way round."""

    def __init__(self, x: FloatArray, w: FloatArray, rows: int) -> None:
        self.x, self.w, self.rows, self._scale = x, w, rows, 0.0

    def set(self, scale: float) -> None:
        """Multiply frequencies by `scale`."""
        if scale == self._scale:
            return
        import finufft

        self._scale, dim = scale, self.x.shape[1]
        threads = nufft_threads(len(self.x) + len(self.w))
        options = {"n_trans": self.rows, "eps": _EPS, "isign": -1, "nthreads": threads}
        points = [np.ascontiguousarray(line) for line in (scale * self.x).T]
        w = [np.ascontiguousarray(line) for line in self.w.T]
        none = [None] * (3 - dim)
        self._there, self._back = (finufft.Plan(3, dim, **options) for _ in range(2))
        self._there.setpts(*points, *none, *w)
        self._back.setpts(*w, *none, *points)

    def gather(self, strengths: Any) -> ComplexArray:
        """Sums over the points at the frequencies, (rows, n) to (rows, m)."""
        return self._execute(self._there, strengths)

    def scatter(self, values: Any) -> ComplexArray:
        """Sums over the frequencies at the points, (rows, m) to (rows, n)."""
        return self._execute(self._back, values)

    def _execute(self, plan: Any, strengths: Any) -> ComplexArray:
        strengths = np.ascontiguousarray(strengths, dtype=np.complex128)
        return np.asarray(plan.execute(strengths[0] if self.rows == 1 else strengths)).reshape(
            self.rows, -1
        )
