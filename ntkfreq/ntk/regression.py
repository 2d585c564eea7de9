"""The limit of training: kernel regression, with the ridge of weight decay."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.guard import guarded
from ntkfreq._support.old_calls import renamed
from ntkfreq._support.types import ArrayLike, FloatArray, Function, PointsLike
from ntkfreq.ntk.features.basis import WaveBasis
from ntkfreq.ntk.features.operator_error import operator_error
from ntkfreq.ntk.features.solve import FEW_FEATURES, basis_for, regression
from ntkfreq.ntk.gram import layered_gram
from ntkfreq.ntk.operator import KernelOperator, layered_operator
from ntkfreq.numerics.dense import MAX_ROWS, refuse_rows, symmetric_eigen
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.given import DensityLike, Pair, pair_of
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.asked import layers_of
from ntkfreq.problem.layers.rates import PerLayer

METHODS = ("auto", "dense", "waves", "cg")
_FEW = 3000
_MOST_PRODUCTS = 2000
# Features of waves.
_MOST_FEATURES = 6_000_000
# Kernel values at new points that are held at once.
_ENTRIES = 20_000_000
# Error of the matrix, over the ridge, of waves that tell what regression leaves of y.
_ROUGH = 0.02
_EPS = float(np.finfo(np.float64).eps)


@renamed(rtol="tolerance", x_test="x2")
@guarded
def ntk_regression(
    rho_w: DensityLike,
    x: PointsLike | Pair,
    y: ArrayLike | None = None,
    x_test: PointsLike | None = None,
    *,
    sigma_a: float = 1.0,
    ridge: float = 0.0,
    method: str = "auto",
    rtol: float = 1e-8,
    depth: int | HiddenLayers = 0,
    activation: str | Function = "relu",
    sigma_w: PerLayer = 1.0,
    sigma_b: PerLayer = 0.0,
    train_frequencies: bool = True,
) -> FloatArray:
    r"""Output of the infinitely wide network after endless training on samples.

    .. math:: f(x') = K(x', x)\,\bigl[K(x, x) + N \lambda\bigr]^{-1} y

    Without decay, :math:`\lambda = 0`, this is where gradient flow from :math:`f_0 = 0` ends: at
    the interpolant of least norm. Decay of the output weights at rate :math:`\gamma_a` switches the
    training of the frequencies off in the long run. It then ends with ``sigma_a=0`` and ``ridge``
    :math:`\gamma_a`, whatever sigma_a the network started with.

    Parameters
    ----------
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies.
    x : array_like, shape (n,) or (n, d)
        Points of the samples; or the pair (x, y).
    y : array_like, shape (n,)
        Values there, less the initial output where there is one: :math:`y - f_0`. The result is
        then what training adds to :math:`f_0`.
    x_test : array_like, shape (n2,) or (n2, d), optional
        Where the output is wanted. Default: `x`.
    sigma_a : float, default 1
        Standard deviation of the output weights; 0 for frozen frequencies, or under decay.
    ridge : float, default 0
        :math:`\lambda`, the rate of decay of the output weights.
    method : str, default "auto"
        "dense" (Cholesky; eigenvectors for no ridge or one near rounding), that of up to 3000
        points, and up to 12 000 behind hidden rectifiers; "waves" in the span of the waves that
        make up the kernel, whose number does not depend on that of the points (up to three
        dimensions); "cg" for conjugate gradients on products with :func:`ntkfreq.ntk_operator`.
    rtol : float, default 1e-8
        Of "waves": error on the samples, relative to the norm of y; of "cg": norm of the residual
        there, relative to that of y.
    depth, activation, sigma_w, sigma_b, train_frequencies
        Hidden layers, as for :func:`ntkfreq.ntk_gram`; by "dense" or "cg".

    Returns
    -------
    ndarray, shape (n2,)

    Raises
    ------
    ValueError, TypeError
        On samples that do not fit, a negative ridge, or a system that "cg" cannot solve to the
        tolerance.

    Notes
    -----
    Without a ridge, "dense" leaves out eigenvalues below :math:`N\varepsilon\lambda_{\max}`, which
    are rounding: directions that no training in double precision would learn. "cg" stops
    as soon as y is met to the tolerance, which leaves out what is learned last.

    With hidden layers the ridge is that of kernel regression. It is where training under decay of
    the output weights alone ends, with ``sigma_a=0``; of hidden weights that decay the output is no
    linear function, and no kernel tells where they end.

    References
    ----------
    Jacot, Gabriel, Hongler, arXiv 1806.07572, section 5; weight decay as in the decay section of
    the documentation's theory page.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal
    >>> x = np.linspace(-1, 1, 9)
    >>> ntk_regression(Normal(scale=3.0), x, np.cos(3 * x), [0.0, 0.3], ridge=1e-6)
    array([0.999..., 0.621...])
    """
    density = as_density(rho_w)
    x, y = pair_of(x, y)
    axis = Axis.of("x", x)
    points = checks.points("x", x, density.dim, axis)
    values = checks.values_at("y", y, len(points))
    others = points if x_test is None else checks.points("x_test", x_test, density.dim, axis)
    layers = layers_of(depth, activation, sigma_w, sigma_b, sigma_a, train_frequencies)
    ridge = checks.non_negative("ridge", ridge)
    rtol = checks.positive("rtol", rtol)
    checks.choice("method", method, METHODS)
    few = _FEW if layers.depth == 0 or layers.smooth else MAX_ROWS
    if method == "dense" or (method == "auto" and len(points) <= few):
        refuse_rows(f"x has {len(points)} points", len(points), "use method='cg', or fewer points")
        shares = _dense(layered_gram(density, points, points, layers), values, ridge)
        step = max(1, _ENTRIES // len(points))
        parts = [others[start : start + step] for start in range(0, len(others), step)]
        return np.concatenate(
            [layered_gram(density, part, points, layers) @ shares for part in parts]
        )
    if method == "waves" and layers.depth > 0:
        raise ValueError(
            f"method='waves' serves networks without hidden layers, not depth={layers.depth}; use "
            "method='cg', or up to 12 000 points method='dense'"
        )
    if method in ("auto", "waves") and layers.depth == 0:
        always = method == "waves"
        found = _by_waves(density, points, values, others, layers.moving, ridge, rtol, always)
        if found is not None:
            return found
        if always:
            raise ValueError(
                f"method='waves' with {checks.show(density)} and ridge={ridge:g}: too many waves, "
                "or a system that conjugate gradients do not solve; use method='cg', a larger "
                "ridge or rtol, or a narrower density"
            )
    operator = layered_operator(density, points, layers, _kernel_tolerance(ridge, rtol))
    shares = _conjugate_gradients(operator, values, ridge, rtol)
    return _at(density, points, others, shares, layers)


def _dense(gram: FloatArray, values: FloatArray, ridge: float) -> FloatArray:
    n = len(gram)
    # Below this ridge Cholesky may meet a negative pivot.
    if ridge > 100 * _EPS * float(np.trace(gram)):
        gram[np.diag_indices(n)] += n * ridge
        return np.asarray(linalg.cho_solve(linalg.cho_factor(gram, lower=True), values))
    found, modes = symmetric_eigen(gram)
    keep = found > n * _EPS * found[-1]
    modes = modes[:, keep]
    return np.asarray(modes @ ((modes.T @ values) / (found[keep] + n * ridge)))


def _by_waves(
    density: Density,
    points: FloatArray,
    values: FloatArray,
    others: FloatArray,
    sigma_a: float,
    ridge: float,
    rtol: float,
    always: bool,
) -> FloatArray | None:
    """The same in the span of waves; None where they are too many, or none.

    An error E of the matrix changes the solution by no more than the norm of E over the ridge,
    times that of y - f: what regression leaves of y, which rough waves tell, says how fine they
    must be.
    """
    tolerance, allowed = _kernel_tolerance(ridge, rtol), 0.5 * rtol * ridge

    def waves(error: float) -> WaveBasis | None:
        # Conjugate gradients need a ridge; without one all modes are computed.
        return basis_for(
            density,
            points,
            sigma_a,
            tolerance=tolerance,
            allowed=error,
            most=_MOST_FEATURES if ridge > 0 else FEW_FEATURES,
            others=others,
            always=always,
        )

    basis, begin = waves(max(allowed, _ROUGH * ridge)), None
    if basis is not None and basis.nodes.error > tolerance:
        begin, left = regression(basis, values, ridge, max(rtol, _ROUGH))
        if left > max(rtol, _ROUGH):
            return None
        rest, norm = values - basis.combine(begin[None], points)[0], np.linalg.norm(values)
        share = min(1.0, float(np.linalg.norm(rest) / norm) + 2 * _ROUGH) if norm > 0 else _ROUGH
        enough = allowed / share
        error = operator_error(density, basis.nodes, points, basis.weights, sigma_a, enough)
        if error > enough:
            basis, begin = waves(enough), None
    if basis is None:
        return None
    coefficients, left = regression(basis, values, ridge, rtol, begin)
    return basis.combine(coefficients[None], others)[0] if left <= rtol else None


def _kernel_tolerance(ridge: float, rtol: float) -> float:
    """An error of k that changes the solution by no more than the tolerance."""
    return float(np.clip(0.1 * rtol * ridge, 1e-12, 1e-8))


def _conjugate_gradients(
    operator: KernelOperator, values: FloatArray, ridge: float, rtol: float
) -> FloatArray:
    from scipy.sparse.linalg import LinearOperator, cg

    n = len(values)
    system = LinearOperator(
        (n, n), matvec=lambda v: operator.matvec(v.ravel()) / n + ridge * v.ravel(), dtype=float
    )
    shares, failed = cg(system, values / n, rtol=rtol, atol=0.0, maxiter=_MOST_PRODUCTS)
    if failed:
        left = float(np.linalg.norm(system @ shares - values / n) / np.linalg.norm(values / n))
        raise ValueError(
            f"ridge={ridge:g} leaves a system that conjugate gradients do not solve: after "
            f"{_MOST_PRODUCTS} products {left:.2g} of y is left, rtol={rtol:g}; give a "
            "larger ridge or rtol, or up to 10 000 points method='dense'"
        )
    return np.asarray(shares)


def _at(
    density: Density,
    points: FloatArray,
    others: FloatArray,
    shares: FloatArray,
    layers: HiddenLayers,
) -> FloatArray:
    """K(x_test, x) times the shares: products over both sets of points, zero at the second."""
    both = np.concatenate([points, others])
    wide = layered_operator(density, both, layers, 1e-12)
    return (wide @ np.append(shares, np.zeros(len(others))))[len(shares) :]
