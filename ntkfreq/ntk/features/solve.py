r"""Kernel regression and gradient flow in the space of features.

With features F of the points, weighted by 1/N, regression with a ridge is
:math:`f = F (F^\top F + \lambda)^{-1} F^\top y` and the flow
:math:`e(t) = e(0) - F \psi_t(F^\top F) F^\top e(0)` with
:math:`\psi_t(\mu) = (1 - e^{-\mu t})/\mu`: the points enter before and after, and no iteration
sees them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import linalg

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.features.lattice_operator import LatticeOperator
from ntkfreq.ntk.features.select import waves_for
from ntkfreq.numerics.dense import symmetric_eigen
from ntkfreq.numerics.lanczos import flow_integral, lanczos
from ntkfreq.problem.density import Density

# Up to so many features their inner products are a matrix.
FEW_FEATURES = 3000
_MOST_PRODUCTS = 2000
# Products times features: some minutes.
_MOST_WORK = 1e9
# Features for each point.
_MOST_A_POINT = 40
_EPS = float(np.finfo(np.float64).eps)
# Numbers that a Krylov space may hold.
_MOST_NUMBERS = 120_000_000


def basis_for(
    density: Density,
    x: FloatArray,
    sigma_a: float,
    *,
    tolerance: float,
    allowed: float,
    most: float,
    others: FloatArray | None = None,
    always: bool = False,
) -> WaveBasis | None:
    """Features of equally weighted points (n, d), at most so many; None where there are none.

    The kernel is met to `tolerance`, or its matrix to the error `allowed`, between the points and
    between them and `others`. Many more features than points do not pay, and are made only where
    `always` says so.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    if others is not None:
        low, high = np.minimum(low, others.min(axis=0)), np.maximum(high, others.max(axis=0))
    blocks = 1 if sigma_a == 0 else 1 + x.shape[1]
    weights, few = np.full(len(x), 1 / len(x)), FEW_FEATURES / (2 * blocks)
    nodes = waves_for(
        density, x, weights, sigma_a, high - low, tolerance, allowed, most / (2 * blocks), few
    )
    if nodes is None:
        return None
    basis = WaveBasis(nodes, x, weights, sigma_a, reach=(low, high))
    if basis.size <= FEW_FEATURES or (always and nodes.index is not None):
        return basis
    # Many more features than points: iterations on the points take less time.
    return None if nodes.index is None or basis.size > _MOST_A_POINT * len(x) else basis


def products_of(basis: WaveBasis) -> Callable[[FloatArray], FloatArray]:
    """Inner products of the features times a vector (m 2 J,)."""
    if basis.nodes.index is None:
        return basis.through_points
    moved, factors = basis.x - basis.origin, basis.factors(basis.x)
    return LatticeOperator(basis.nodes, moved, basis.weights, factors)


def regression(
    basis: WaveBasis, y: FloatArray, ridge: float, rtol: float, start: FloatArray | None = None
) -> tuple[FloatArray, float]:
    """Coefficients (m 2 J,) of the features, and their error on the samples relative to y.

    Iterations begin at `start`, the coefficients of a looser tolerance.
    """
    load = basis.project(y[None])[0]
    if basis.size <= FEW_FEATURES:
        return _all_modes(basis, load, ridge), 0.0
    from scipy.sparse.linalg import LinearOperator, cg

    action, size = products_of(basis), basis.size
    # All inner products of a feature with itself are its coefficient times a mean over the points.
    means = (basis.factors(basis.x) ** 2) @ basis.weights
    scale = np.concatenate([mean * np.tile(basis.nodes.weights / 2, 2) for mean in means]) + ridge
    # A residual r of the coefficients moves the output on the samples by |r| / (2 sqrt(ridge)).
    norm = float(np.sqrt(basis.weights @ y**2))
    enough = 2 * np.sqrt(ridge) * rtol * norm
    system = LinearOperator((size, size), matvec=lambda v: action(v) + ridge * v, dtype=np.float64)
    half = LinearOperator((size, size), matvec=lambda v: v / scale, dtype=np.float64)
    most = int(min(_MOST_PRODUCTS, _MOST_WORK / size))
    found, _ = cg(system, load, start, rtol=0.0, atol=0.9 * enough, maxiter=most, M=half)
    left = float(np.linalg.norm(load - system.matvec(found)))
    return np.asarray(found), left / (2 * np.sqrt(ridge) * norm) if norm > 0 else 0.0


def _all_modes(basis: WaveBasis, load: FloatArray, ridge: float) -> FloatArray:
    gram = basis.gram
    trace = float(np.trace(gram))
    if ridge > 100 * _EPS * trace:
        gram[np.diag_indices(len(gram))] += ridge
        return np.asarray(linalg.cho_solve(linalg.cho_factor(gram, lower=True), load))
    rates, modes = symmetric_eigen(gram)
    kept = rates > len(basis.x) * _EPS * rates[-1]
    modes = modes[:, kept]
    return np.asarray(modes @ ((modes.T @ load) / (rates[kept] + ridge)))


def flow(basis: WaveBasis, start: FloatArray, t: FloatArray, rtol: float) -> FloatArray | None:
    """Errors (T, n) at times (T,), within `rtol` of the norm of `start`; None if out of reach."""
    load = basis.project(start[None])[0]
    if basis.size <= FEW_FEATURES:
        rates, modes = symmetric_eigen(basis.gram)
        learned = (flow_integral(np.maximum(rates, 0.0), t) * (modes.T @ load)) @ modes.T
    else:
        most = int(min(_MOST_NUMBERS // basis.size, basis.size))
        action, top = products_of(basis), float(np.sum(basis.factors(basis.x) ** 2 @ basis.weights))
        # A residual of the coefficients moves the errors by no more than F, over all the time.
        norm = float(np.sqrt(basis.weights @ start**2))
        space = lanczos(action, load, t, rtol * norm / np.sqrt(top), most)
        if len(space.basis) == most and most < basis.size:
            return None
        amplitudes = space.norm * space.vectors[0]
        learned = ((flow_integral(space.rates, t) * amplitudes) @ space.vectors.T) @ space.basis
    return np.asarray(start - basis.combine(learned, basis.x))
