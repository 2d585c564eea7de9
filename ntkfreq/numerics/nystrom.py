r"""Finitely many features of a kernel, by pivoted Cholesky on landmarks.

With pivots Z and :math:`k(Z, Z) = L L^\top` the features :math:`\Phi(z) = k(z, Z) L^{-\top}`
make the kernel :math:`\Phi(z)\Phi(z')^\top`: exact on Z, positive semi-definite, and off by at
most :math:`\sqrt{r(z)\,r(z')}`, with :math:`r(z) = k(z, z) - |\Phi(z)|^2`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray, IntArray

# Rows for which memory is allocated at first.
_FIRST = 64


@dataclass(frozen=True, eq=False)
class Pivots:
    """Chosen landmarks, the Cholesky factor of their Gram matrix, and the residual.

    Attributes
    ----------
    index : ndarray, shape (r,)
        Which landmarks.
    factor : ndarray, shape (r, r)
        L, lower triangular.
    residual : float
        Largest r(z) over the landmarks.
    """

    index: IntArray
    factor: FloatArray
    residual: float

    def leading(self, tolerance: float) -> Pivots:
        """The first pivots, those that reduced the residual by more than `tolerance`."""
        added = np.diag(self.factor) ** 2
        count = int(np.sum(added > tolerance))
        left = float(added[count:].max(initial=self.residual))
        return Pivots(self.index[:count], self.factor[:count, :count], left)

    def features(self, columns: FloatArray) -> FloatArray:
        """Features, shape (n, r), from kernel values k(z, Z) of shape (n, r)."""
        solved = linalg.solve_triangular(self.factor, columns.T, lower=True, check_finite=False)
        return np.asarray(solved.T)


def pivoted_cholesky(
    diagonal: FloatArray, column: Callable[[int], FloatArray], tolerance: float, most: int
) -> Pivots:
    """Landmarks that span a kernel to `tolerance`, greedily; at most `most` of them.

    Parameters
    ----------
    diagonal : ndarray, shape (n,)
        k(z, z) at the landmarks.
    column : callable
        Kernel of all landmarks with the i-th, shape (n,).
    tolerance : float
        Residual r(z) that may be left anywhere on the landmarks.
    most : int
        Largest number of pivots.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.linspace(0, 1, 50)
    >>> found = pivoted_cholesky(np.ones(50), lambda i: np.exp(-((z - z[i]) ** 2)), 1e-12, 50)
    >>> bool(len(found.index) < 15), bool(found.residual <= 1e-12)
    (True, True)
    """
    left = diagonal.copy()
    most = min(most, len(left))
    rows = np.empty((min(most, _FIRST), len(left)))
    index: list[int] = []
    while len(index) < most:
        pivot = int(left.argmax())
        if left[pivot] <= tolerance:
            break
        done = len(index)
        if done == len(rows):
            more = min(most, 2 * done)
            refuse_memory(
                f"a kernel on {len(left)} points spans more than {done} features",
                16.0 * more * len(left),
                "give fewer points or a density with fewer or lower frequencies",
            )
            rows = np.concatenate([rows, np.empty((more - done, len(left)))])
        row = column(pivot) - rows[:done, pivot] @ rows[:done]
        rows[done] = row / np.sqrt(left[pivot])
        left = np.maximum(left - rows[done] ** 2, 0.0)
        left[pivot] = 0.0
        index.append(pivot)
    chosen = np.array(index, dtype=np.int64)
    return Pivots(chosen, rows[: len(chosen), chosen].T, float(left.max()))
