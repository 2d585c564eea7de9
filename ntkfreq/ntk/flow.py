"""Gradient flow on finitely many points under a fixed kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.old_calls import renamed
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ArrayLike, FloatArray, HasProducts
from ntkfreq.ntk.features.solve import FEW_FEATURES, basis_for, flow
from ntkfreq.ntk.kernels import as_operator, is_operator, symmetric_gram
from ntkfreq.ntk.krylov_flow import krylov_flow
from ntkfreq.ntk.operator import KernelOperator
from ntkfreq.numerics.dense import refuse_rows, symmetric_eigen

METHODS = ("auto", "eigen", "waves", "lanczos")
# Features of waves that are tried.
_MOST_FEATURES = 1_000_000
# Up to this many points all eigenvectors take about a second.
_FEW = 2000


@renamed(rtol="tolerance")
@guarded
def gram_flow(
    gram: ArrayLike | HasProducts,
    error0: ArrayLike,
    t: ArrayLike,
    *,
    method: str = "auto",
    rtol: float = 1e-6,
) -> FloatArray:
    r"""Errors on the training points under kernel gradient flow, :math:`e(t) = e^{-tK/N} e(0)`.

    Parameters
    ----------
    gram : array_like, shape (n, n), or operator
        Symmetric positive semi-definite Gram matrix K; or its products: what
        :func:`ntkfreq.ntk_operator` returns, or a ``scipy.sparse.linalg.LinearOperator``.
    error0 : array_like, shape (n,)
        Initial errors :math:`f_0(x_i) - y_i`.
    t : array_like, shape (T,)
        Times, the clock of the loss :math:`\tfrac12\,\mathrm{mean}(e^2)`: step size times steps.
    method : str, default "auto"
        "eigen" for all eigenvectors, exact to rounding: that of a matrix, and of operators on up to
        2000 points. "waves" in the span of the waves that make up the kernel of an operator of
        :func:`ntkfreq.ntk_operator`, by steps whose cost does not depend on the number of points:
        that of larger operators where it pays. "lanczos" for a Krylov space on the points. It takes
        some hundred products and at most half a gigabyte; where that does not reach the last time,
        it is restarted from the time reached.
    rtol : float, default 1e-6
        Error of "waves" and "lanczos" at any time, relative to the norm of `error0`.

    Returns
    -------
    ndarray, shape (T, n)
        Errors at each time.

    Raises
    ------
    ValueError, TypeError
        When the kernel is not square, not symmetric or not positive semi-definite, when the error
        of an operator's kernel could exceed the tolerance at the last time, or when its products
        are not finite.

    References
    ----------
    Jacot, Gabriel, Hongler, arXiv 1806.07572, section 5; Hochbruck, Lubich, SIAM J. Numer. Anal.
    34 (1997).

    Examples
    --------
    >>> gram_flow([[2.0, 0.0], [0.0, 0.0]], [1.0, 1.0], [0.0, 1.0])
    array([[1.     , 1.     ],
           [0.36788, 1.     ]])
    """
    checks.choice("method", method, METHODS)
    rtol = checks.positive("rtol", rtol)
    if not is_operator(gram):
        rows = _rows(gram)
        if method != "lanczos":
            refuse_rows(f"gram has {rows} rows", rows, "use method='lanczos', or fewer points")
        matrix = symmetric_gram("gram", gram)
        start, clock = checks.values_at("error0", error0, len(matrix)), checks.times("t", t)
        _refuse_many_times(clock, start)
        if method != "lanczos":
            return _eigen_flow(matrix, start, clock)
        gram = matrix
    operator = as_operator("gram", gram)
    start = checks.values_at("error0", error0, operator.shape[0])
    clock = checks.times("t", t)
    _refuse_many_times(clock, start)
    if method == "eigen" or (method == "auto" and operator.shape[0] <= _FEW):
        refuse_rows(
            f"gram has {len(start)} rows", len(start), "use method='lanczos', or fewer points"
        )
        dense = (
            gram.to_dense() if hasattr(gram, "to_dense") else operator.matmat(np.eye(len(start)))
        )
        return _eigen_flow(symmetric_gram("gram", dense), start, clock)
    if method in ("auto", "waves"):
        found = _wave_flow(operator, start, clock, rtol, always=method == "waves")
        if found is not None:
            return found
    return krylov_flow(operator, start, clock, rtol)


def _wave_flow(
    operator: Any, start: FloatArray, clock: FloatArray, rtol: float, *, always: bool
) -> FloatArray | None:
    """The flow in the span of waves; None where there are none, or where it does not pay."""
    found = None
    if isinstance(operator, KernelOperator) and operator.layers is None:
        count, end = len(start), max(float(clock[-1]), 1e-300)
        trace = float(operator.diagonal().mean())
        basis = basis_for(
            operator.density,
            operator.x,
            operator.sigma_a,
            tolerance=float(np.clip(0.2 * rtol / (end * trace), 2e-14, 1e-2)),
            allowed=0.5 * rtol / end,
            most=_MOST_FEATURES,
            always=always,
        )
        if basis is not None and (always or basis.size <= FEW_FEATURES or basis.size < count / 4):
            found = flow(basis, start, clock, 0.4 * rtol)
    if found is None and always:
        raise ValueError(
            "method='waves' serves operators of ntk_operator without hidden layers whose density "
            "has a pdf, in up to three dimensions, where the waves are few; use method='lanczos'"
        )
    return found


def _rows(gram: Any) -> int:
    return len(gram) if checks.is_sequence(gram) or np.ndim(gram) > 0 else 0


def _refuse_many_times(clock: FloatArray, start: FloatArray) -> None:
    refuse_memory(
        f"t has {len(clock)} entries and error0 {len(start)}",
        24.0 * len(clock) * len(start),
        "give fewer times, or ask for some after the others",
    )


def _eigen_flow(matrix: FloatArray, start: FloatArray, clock: FloatArray) -> FloatArray:
    rates, modes = symmetric_eigen(matrix / len(matrix))
    if rates[0] < -1e-8 * max(rates[-1], 1e-300):
        raise ValueError(
            f"gram has a negative eigenvalue {rates[0] * len(matrix):.3g}; a kernel's is >= 0"
        )
    coefficients = modes.T @ start
    decay = np.exp(-clock[:, None] * np.maximum(rates, 0.0))
    return np.asarray((decay * coefficients) @ modes.T)
