r"""A function known at points as a sum of waves, so that its bands can be separated.

The spectrum of finitely many values, :math:`\sum_i e_i e^{-i\xi\cdot x_i}`, leaks: a constant of
280 puts more into the band of a daily tone of amplitude one half than the tone does, and on
scattered points no window helps. Here the values are decomposed into waves on a lattice of
frequencies several times finer than the points resolve, by the power P of each frequency:

.. math:: R = A\,\mathrm{diag}(P)\,A^* + \sigma^2, \qquad c = P\,A^* R^{-1} e, \qquad
          P_k \leftarrow \left|\frac{a_k^* R^{-1} e}{a_k^* R^{-1} a_k}\right|^2 .

Given the powers P this is the linear estimate of least mean square error; the powers follow from
the data, each against the interference of all others (the iterative adaptive approach). Strong
waves therefore do not leak, whether they are on the lattice or not and however the points lie, and
the parts of all bands add up to the data but for the noise :math:`\sigma^2`, the error of a
prediction of one point by all others: zero for functions that the waves resolve.

References
----------
Yardibi, Li, Stoica, Xue, Baggeroer, IEEE Trans. Aerospace and Electronic Systems 46 (2010) 425.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.spectra.wave_lattice import WaveLattice, wave_lattice

_ITERATIONS = 12
# Powers are estimated from at most so many random points, in one, two, and more dimensions, which
# takes a dozen inverses; the waves are then fitted to at most _FITTED_TO, by one factorization.
_POWERS_FROM = (1000, 700, 500)
_FITTED_TO = 3000
# Share of the total power that keeps R definite against the rounding of its entries.
_ROUNDING = 1e-11
# With fewer points the error of predicting one by the others is no estimate of noise.
_FEWEST_FOR_NOISE = 16


@dataclass(frozen=True, eq=False)
class WaveSum:
    r"""A real function :math:`\sum_k c_k e^{i\xi_k\cdot x}` on a lattice of frequencies."""

    lattice: WaveLattice
    coefficients: ComplexArray

    def band(self, low: float, high: float) -> WaveSum:
        r"""The part with :math:`low \le |\xi| \le high`."""
        inside = (self.lattice.magnitude >= low) & (self.lattice.magnitude <= high)
        return WaveSum(self.lattice, np.where(inside, self.coefficients, 0.0))

    def __call__(self, x: Any) -> FloatArray:
        """Values at points (n,) or (n, d)."""
        points = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        return self.lattice.synthesis(points, self.coefficients)


def fit_waves(x: FloatArray, rows: FloatArray, frequencies: FloatArray) -> list[WaveSum]:
    """Functions known at points as sums of waves; powers are those of their sum.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Points; values at equal ones are averaged.
    rows : ndarray, shape (k, n)
        Values of k functions.
    frequencies : ndarray, shape (F, d)
        Frequencies that will be asked for: scattered points have no highest frequency of their
        own. Beyond three dimensions the waves are these and the constant.

    Returns
    -------
    list of WaveSum

    Examples
    --------
    A tone beside a constant 560 times as large, on scattered points:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, (120, 1))
    >>> tone = 0.5 * np.cos(94.0 * x[:, 0])
    >>> [waves] = fit_waves(x, (280 + tone)[None], np.array([[100.0]]))
    >>> bool(np.abs(waves.band(91, 97)(x) - tone).max() < 1e-3)
    True
    """
    points, where = np.unique(x, axis=0, return_inverse=True)
    count = np.bincount(where.ravel())
    means = np.stack([np.bincount(where.ravel(), row) / count for row in rows])
    size = float(np.abs(means).max())
    lattice = wave_lattice(points, frequencies)
    if size == 0:
        return [WaveSum(lattice, np.zeros(lattice.shape, dtype=np.complex128)) for _ in rows]
    means = means / size
    rng = np.random.default_rng(0)
    few = _POWERS_FROM[min(points.shape[1], 3) - 1]
    some = _some(rng, len(points), few)
    powers, noise = _powers(lattice, points[some], means.sum(axis=0)[some])
    some = _some(rng, len(points), _FITTED_TO)
    factor = _factor(lattice, points[some], powers, noise)
    sums = []
    for row in means:
        solved = linalg.cho_solve(factor, row[some])
        coefficients = size * powers * lattice.analysis(points[some], solved)
        sums.append(WaveSum(lattice, coefficients))
    return sums


def _some(rng: np.random.Generator, count: int, most: int) -> Any:
    """All indices, or so many of them."""
    return slice(None) if count <= most else np.sort(rng.permutation(count)[:most])


def _powers(lattice: WaveLattice, x: FloatArray, values: FloatArray) -> tuple[FloatArray, float]:
    """Power of every wave, and the variance of the noise."""
    powers = np.abs(lattice.analysis(x, values)) ** 2 / len(x) ** 2
    noise = 0.0
    if not powers.any():
        powers = np.ones(lattice.shape)
    for _ in range(_ITERATIONS):
        lower, _ = _factor(lattice, x, powers, noise)
        inverse, _ = linalg.lapack.dpotri(lower, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        solved = inverse @ values
        if len(x) >= _FEWEST_FOR_NOISE:
            # The error at a point of its prediction by all others.
            noise = float(np.mean((solved / np.diag(inverse)) ** 2))
        against = lattice.weighted(x, inverse)
        against = np.maximum(against, 1e-12 * float(against.max()))
        powers = np.abs(lattice.analysis(x, solved) / against) ** 2
    return powers, noise


def _factor(
    lattice: WaveLattice, x: FloatArray, powers: FloatArray, noise: float
) -> tuple[FloatArray, bool]:
    """Cholesky factor of R, lower; its rounding is raised until there is one."""
    covariance = lattice.covariance(x, powers)
    total = float(powers.sum())
    rounding = _ROUNDING
    while True:
        covariance[np.diag_indices(len(x))] = total + noise + rounding * total
        try:
            return linalg.cho_factor(covariance, lower=True)
        except linalg.LinAlgError:
            rounding *= 10
