r"""Kernel products by recurrence over sorted points, for kernels that are exponential.

For a Student t density in one dimension with odd degrees of freedom :math:`\nu = 2p + 1` the kernel
is a polynomial of degree p times an exponential in :math:`u = \sqrt\nu\,s|z|`, and
:math:`\sum_{j<i} e^{-u_{ij}} u_{ij}^l v_j` follows from its value at the point before, in
2 n (p + 1)^2 operations, exact to rounding. The tail of such a density, :math:`|\xi|^{-2p-2}`,
would take very many frequencies.

References
----------
The state-space form of Matern kernels: Hartikainen and Sarkka, IEEE MLSP 2010,
doi:10.1109/MLSP.2010.5589113.
"""

from __future__ import annotations

import numba
import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.problem.density.base import ExponentialKernel
from ntkfreq.spectra import sincos
from ntkfreq.spectra.phases import exact_wave


class StateProduct:
    """The product of k(x - x') with vectors for points x (n, 1)."""

    def __init__(self, kernel: ExponentialKernel, x: FloatArray) -> None:
        self._order = np.argsort(x[:, 0], kind="stable")
        line = x[self._order, 0]
        self._steps = kernel.rate * np.diff(line, prepend=line[0])
        self._polynomial = kernel.polynomial
        # cos(c (x - x')) = cos cx cos cx' + sin cx sin cx': two products for a density off centre.
        center = kernel.center
        wave = exact_wave(np.array(center), line)
        self._waves = [np.ones(len(line))] if center == 0 else [wave.real, wave.imag]

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Rows (r, n) times the kernel."""
        sorted_rows = rows[:, self._order]
        total = np.zeros_like(rows)
        for wave in self._waves:
            sums = np.empty_like(rows)
            state_sums(self._steps, self._polynomial, sorted_rows * wave, sums)
            total += sums * wave
        products = np.empty_like(rows)
        products[:, self._order] = total
        return products


@sincos.jit(parallel=True)
def state_sums(
    steps: FloatArray, polynomial: FloatArray, rows: FloatArray, out: FloatArray
) -> None:
    """Fill `out` (r, n) with the sums over all points; `steps` are the gaps u, the first 0."""
    n, terms = steps.size, polynomial.size
    for row in numba.prange(rows.shape[0]):
        state = np.zeros(terms)
        for i in range(n):
            # From the left, the point itself included.
            _move(state, steps[i])
            state[0] += rows[row, i]
            total = 0.0
            for k in range(terms):
                total += polynomial[k] * state[k]
            out[row, i] = total
        state[:] = 0.0
        for i in range(n - 2, -1, -1):
            state[0] += rows[row, i + 1]
            _move(state, steps[i + 1])
            total = 0.0
            for k in range(terms):
                total += polynomial[k] * state[k]
            out[row, i] += total


@sincos.jit()
def _move(state: FloatArray, step: float) -> None:
    """(u + step)^l by the binomial theorem, the highest first: it needs the old lower ones."""
    decay = np.exp(-step)
    for power in range(state.size - 1, -1, -1):
        total, factor = state[power], 1.0
        for lower in range(power - 1, -1, -1):
            factor *= step * (lower + 1) / (power - lower)
            total += factor * state[lower]
        state[power] = decay * total
