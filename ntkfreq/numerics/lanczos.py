r"""Lanczos: the flow of one initial state under a symmetric operator known by its products.

In the space :math:`\mathrm{span}(b, Ab, \ldots, A^{m-1}b)` the projected flow leaves a residual
along the next vector only, whose time integral

.. math:: R_m(t) = \beta_m \|b\| \int_0^t [e^{-sT}]_{m1}\,ds

bounds the error up to a small factor. The space takes about :math:`\sqrt{t\,\lambda_{\max}}`
vectors for the flow, as many for gradient descent over the same time, and never more than A has
distinct eigenvalues.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray

# A function of rates (m,) and times (T,), shape (T, m).
TimeFunction: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]

# Vectors before the first check of convergence, and the ratio of their numbers between checks.
_FIRST, _GROWTH = 12, 1.1
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class LanczosSpace:
    r"""An orthonormal basis, and the operator projected on it.

    Attributes
    ----------
    basis : ndarray, shape (m, n)
        Vectors in rows; the first is the initial state over its norm.
    rates : ndarray, shape (m,)
        Eigenvalues of the projected operator, not negative.
    vectors : ndarray, shape (m, m)
        Its eigenvectors in columns.
    norm : float
        Norm of the initial state.
    residual : float
        Largest :math:`R_m(t)` at the times asked for.
    link : float
        :math:`\beta_m`, the coefficient of the next vector.
    lowest : float
        Smallest eigenvalue before negative ones are set to zero.
    """

    basis: FloatArray
    rates: FloatArray
    vectors: FloatArray
    norm: float
    residual: float
    link: float = 0.0
    lowest: float = 0.0

    def residual_at(self, t: FloatArray) -> FloatArray:
        """The integral R_m at times (T,)."""
        shares = flow_integral(self.rates, t) @ (self.vectors[0] * self.vectors[-1])
        return np.asarray(self.link * self.norm * np.abs(shares))

    def change(self, deficit: TimeFunction, t: FloatArray) -> FloatArray:
        """The state at times (T,) minus the initial one, in the basis, shape (T, m).

        `deficit` is one minus the factor by which a rate has decayed.
        """
        amplitudes = self.norm * self.vectors[:1].ravel()
        return np.asarray(-(deficit(self.rates, t) * amplitudes) @ self.vectors.T)


def flow_deficit(rates: FloatArray, t: FloatArray) -> FloatArray:
    r"""Deficit of the flow, :math:`1 - e^{-\lambda t}`."""
    return np.asarray(-np.expm1(-rates * t[:, None]))


def flow_integral(rates: FloatArray, t: FloatArray) -> FloatArray:
    """Deficit of the flow over the rate; the time where the rate is 0."""
    zero = rates <= 0
    quotient = flow_deficit(rates, t) / np.where(zero, 1.0, rates)
    return np.where(zero, t[:, None], quotient)


def lanczos(
    operator: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    t: FloatArray,
    tolerance: float,
    most: int,
) -> LanczosSpace:
    r"""Space in which :math:`e^{-tA} b` is known within about `tolerance` at times `t`.

    Parameters
    ----------
    operator : callable
        A times a vector (n,), symmetric positive semi-definite.
    start : ndarray, shape (n,)
        The initial state b.
    t : ndarray, shape (T,)
        Times.
    tolerance : float
        Bound on the residual's time integral.
    most : int
        Largest dimension.

    References
    ----------
    Hochbruck and Lubich, SIAM J. Numer. Anal. 34 (1997); Botchev, Grimm, Hochbruck, SIAM J. Sci.
    Comput. 35 (2013), on the residual.

    Examples
    --------
    >>> import numpy as np
    >>> rates = 0.5 ** np.arange(60)
    >>> t = np.array([0.0, 10.0])
    >>> space = lanczos(lambda v: rates * v, np.ones(60), t, 1e-12, 60)
    >>> change = space.change(flow_deficit, t) @ space.basis
    >>> error = 1 + change - np.exp(-np.outer(t, rates))
    >>> bool(np.abs(error).max() < 1e-12), len(space.basis) < 25
    (True, True)
    """
    process = LanczosProcess(operator, start)
    if process.norm == 0.0:
        empty = np.empty(0)
        return LanczosSpace(np.empty((0, start.size)), empty, np.empty((0, 0)), 0.0, 0.0)
    most = min(most, start.size)
    check = _FIRST
    while True:
        process.extend(min(check, most))
        used = process.dimension
        space = process.space(t)
        floor = _EPS * process.norm * (1 + float(t[-1]) * float(space.rates[-1]))
        if space.residual <= max(tolerance, floor) or used == most or process.invariant:
            return space
        check = int(_GROWTH * check) + 4


class LanczosProcess(Portable):
    """The growing orthonormal basis of a Krylov space, and the operator projected on it.

    Parameters
    ----------
    operator : callable
        A times a vector (n,), symmetric positive semi-definite.
    start : ndarray, shape (n,)
        The initial state.

    Examples
    --------
    >>> process = LanczosProcess(lambda v: np.arange(1.0, 5.0) * v, np.ones(4))
    >>> process.extend(4)
    >>> process.dimension, process.ritz()[0].round(12)
    (4, array([1., 2., 3., 4.]))
    """

    def __init__(self, operator: Callable[[FloatArray], FloatArray], start: FloatArray) -> None:
        self._operator = operator
        self.norm = float(np.linalg.norm(start))
        self.invariant = self.norm == 0.0
        self._store = np.empty((0 if self.invariant else min(64, start.size), start.size))
        if not self.invariant:
            self._store[0] = start / self.norm
        self._diagonal: list[float] = []
        self._beside: list[float] = []
        self._found: tuple[FloatArray, FloatArray, float] | None = None

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return len(self._diagonal)

    @property
    def basis(self) -> FloatArray:
        """Orthonormal vectors in rows, the initial state over its norm first."""
        return self._store[: self.dimension]

    def copy(self) -> LanczosProcess:
        """A space that grows without this one."""
        other = copy.copy(self)
        other._store = self._store[: self.dimension + (not self.invariant)].copy()
        other._diagonal, other._beside = list(self._diagonal), list(self._beside)
        return other

    def extend(self, dimension: int) -> None:
        """Grow the space to a dimension, or until it is invariant."""
        size = self._store.shape[1]
        while self.dimension < min(dimension, size) and not self.invariant:
            used = self.dimension + 1
            basis = self._store
            ahead = self._operator(basis[used - 1])
            self._diagonal.append(float(basis[used - 1] @ ahead))
            # The recurrence orthogonalizes up to rounding, and one more pass removes its errors.
            ahead = ahead - self._diagonal[-1] * basis[used - 1]
            if used > 1:
                ahead -= self._beside[-1] * basis[used - 2]
            ahead -= (basis[:used] @ ahead) @ basis[:used]
            self._beside.append(float(np.linalg.norm(ahead)))
            self.invariant = used == size or self._beside[-1] <= _EPS * max(
                map(abs, self._diagonal)
            )
            if self.invariant:
                return
            if used == len(basis):
                more = np.empty((min(max(used // 2, 32), size - used), size))
                self._store = np.concatenate([basis, more])
            self._store[used] = ahead / self._beside[-1]

    def ritz(self) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues (m,) of the projected operator, not negative, and eigenvectors (m, m)."""
        rates, vectors, _ = self._decomposed()
        return np.maximum(rates, 0.0), vectors

    def _decomposed(self) -> tuple[FloatArray, FloatArray, float]:
        if self.dimension == 0:
            return np.empty(0), np.empty((0, 0)), 0.0
        if self._found is None or len(self._found[0]) != self.dimension:
            diagonal, beside = np.array(self._diagonal), np.array(self._beside[:-1])
            rates, vectors = linalg.eigh_tridiagonal(diagonal, beside)
            self._found = np.asarray(rates), np.asarray(vectors), float(rates[0])
        return self._found

    def space(self, t: FloatArray) -> LanczosSpace:
        """The space with its residual at times (T,)."""
        rates, vectors = self.ritz()
        link, lowest = self._beside[-1], self._decomposed()[2]
        space = LanczosSpace(self.basis, rates, vectors, self.norm, 0.0, link, lowest)
        return replace(space, residual=float(space.residual_at(t).max()))
