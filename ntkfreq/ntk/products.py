"""Products of the stationary kernel k(x - x') with vectors, by the fastest method."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.features.equispaced import equispaced_nodes
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.ntk.series import KernelSeries, SeriesProduct, series_of, windowed_series
from ntkfreq.ntk.toeplitz import ToeplitzProduct, find_lattice
from ntkfreq.problem.density import Density, Mixture
from ntkfreq.spectra.spectrum import fourier_sum

METHODS = ("auto", "dense", "toeplitz", "nufft", "features", "blocks")
Product: TypeAlias = Callable[[FloatArray], FloatArray]
# Up to _FEW points in one, two and more dimensions a dense product is the fastest (measured: 0.3, 3
# and 13 ms, against non-uniform FFTs of 50, 60^2 and 60^3 frequencies). _MOST_DENSE take 1 GB.
_FEW, _MOST_DENSE = (768, 2000, 4000), 11_500
_BLOCK = 4_000_000
# Differences at which a product is compared with the kernel itself, from two points each.
_CHECKED = 5000


class Choice(NamedTuple):
    """How products are made: the function of rows (r, n), its name, and the kernel's error."""

    product: Product
    method: str
    error: float


def prefers_matrix(x: FloatArray, method: str) -> bool:
    """Whether the matrix is asked for, or the fastest for so few points.

    Examples
    --------
    >>> prefers_matrix(np.zeros((768, 1)), "auto"), prefers_matrix(np.zeros((769, 1)), "auto")
    (True, False)
    """
    few = method == "auto" and len(x) <= _FEW[min(x.shape[1], 3) - 1]
    return few or method == "dense"


def choose(density: Density, x: FloatArray, tolerance: float, method: str) -> Choice:
    """The product asked for, or the fastest that meets the tolerance."""
    if prefers_matrix(x, method):
        return Choice(_dense(density, x), "dense", 1e-15)
    if method == "blocks":
        return Choice(_blocks(density, x), "blocks", 1e-15)
    if method in ("auto", "toeplitz"):
        lattice = find_lattice(x)
        # Rounding alone moves regular times of about 1.6e9 by 1e-7.
        error = np.inf if lattice is None else density.kernel_change(2 * lattice.deviation)
        if lattice is not None and error <= tolerance:
            return Choice(ToeplitzProduct(density, lattice), "toeplitz", max(error, 1e-14))
        if method == "toeplitz" and lattice is not None:
            off = lattice.deviation
            raise ValueError(
                f"tolerance={tolerance:g} is not met by method='toeplitz': x is {off:.2g} off a "
                f"regular grid, which changes k by up to {error:.2g}; use method='auto' or a "
                "larger tolerance"
            )
        if method == "toeplitz":
            raise ValueError(
                "method='toeplitz' needs points on a regular grid, to rounding, with an eighth of "
                "its cells taken; x is none, use method='auto'"
            )
    closest = np.inf
    # Sampling the kernel of atoms in the plane takes longer than many products with them.
    if density.atomic is not None and (method == "features" or x.shape[1] > 1):
        return Choice(_features(*density.atomic, x), "features", 1e-14)
    if method in ("auto", "nufft") and x.shape[1] <= 3:
        for window in (False, True):
            found = _by_nufft(density, x, tolerance, window)
            if found is not None and found.error <= tolerance:
                return found
            closest = closest if found is None else min(closest, found.error)
    if method == "auto" and density.atomic is not None:
        return Choice(_features(*density.atomic, x), "features", 1e-14)
    if method == "auto" and len(x) <= _MOST_DENSE:
        return Choice(_dense(density, x), "dense", 1e-15)
    raise ValueError(_refusal(density, x, tolerance, method, closest))


def _refusal(density: Density, x: FloatArray, tolerance: float, method: str, closest: float) -> str:
    if method == "features":
        return f"method='features' is for Empirical densities, not {checks.show(density)}"
    if x.shape[1] > 3:
        why = f"x has dimension {x.shape[1]}, and non-uniform FFTs end at 3"
    elif closest < np.inf:
        why = (
            f"tolerance={tolerance:g} is not met: the error of k is {closest:.2g}, about the "
            "rounding of the largest phases"
        )
    else:
        why = (
            f"tolerance={tolerance:g} takes too many frequencies for the tail of "
            f"{checks.show(density)} over the extent of x"
        )
    return (
        f"{why}; use a larger tolerance or a regular grid, up to {_MOST_DENSE} points "
        "method='dense', or method='blocks', which takes n^2 kernel values a product"
    )


def _dense(density: Density, x: FloatArray) -> Product:
    refuse_memory(
        f"x has {len(x)} points and method is 'dense'", 9.0 * len(x) ** 2, "use method='auto'"
    )
    matrix = stationary_gram(density, x, x)
    return lambda rows: np.asarray(rows @ matrix)


def _blocks(density: Density, x: FloatArray) -> Product:
    def product(rows: FloatArray) -> FloatArray:
        products = np.empty_like(rows)
        size = max(1, _BLOCK // len(x))
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            products[:, part] = rows @ stationary_gram(density, x, x[part])
        return products

    return product


def _features(atoms: FloatArray, weights: FloatArray, x: FloatArray) -> Product:
    def product(rows: FloatArray) -> FloatArray:
        waves = weights * fourier_sum(x, rows, atoms).conj()
        return np.asarray(fourier_sum(atoms, waves, x).real)

    return product


def _by_nufft(density: Density, x: FloatArray, tolerance: float, window: bool) -> Choice | None:
    """Sum over the parts of a mixture; those with a heavy tail in one dimension by recurrence."""
    heavy = [(share, part.exponential) for share, part in density.parts if part.exponential]
    light = [(share, part) for share, part in density.parts if not part.exponential]
    products: list[tuple[float, Product]] = []
    if heavy:
        from ntkfreq.ntk.states import StateProduct

        products = [(share, StateProduct(kernel, x)) for share, kernel in heavy]
    names = ["states"] if heavy else []

    if light:
        total = sum(share for share, _ in light)
        rest = light[0][1] if len(light) == 1 else _mixture(light, total)
        series = _series(rest, np.ptp(x, axis=0), tolerance / (2 * total), window)
        if series is None:
            return None
        products.append((total, SeriesProduct(x, series, tolerance / 10)))
        names.append("nufft")
    product = _sum(products)
    return Choice(product, "+".join(names), _measured(density, product, x))


def _mixture(parts: list[tuple[float, Density]], total: float) -> Density:
    return Mixture([part for _, part in parts], [share / total for share, _ in parts])


def _series(
    density: Density, extent: FloatArray, tolerance: float, window: bool
) -> KernelSeries | None:
    """The kernel as equispaced waves, or times a window."""
    if window:
        return windowed_series(density.kernel_values, extent, density.radius, tolerance)
    nodes = equispaced_nodes(density, extent, tolerance)
    return None if nodes is None else series_of(nodes)


def _sum(products: list[tuple[float, Product]]) -> Product:
    if len(products) == 1:
        return products[0][1]
    return lambda rows: np.asarray(sum(share * product(rows) for share, product in products))


def _measured(density: Density, product: Product, x: FloatArray) -> float:
    """Largest error of two columns of the kernel: from one end of the data, and from inside."""
    sources = [int(np.argmin(x[:, 0])), len(x) // 3]
    rows = np.zeros((2, len(x)))
    rows[[0, 1], sources] = 1.0
    parts = [np.linspace(0, len(x) - 1, _CHECKED).astype(int), np.argmax(x, axis=0)]
    for source in sources:
        # The nearest points as well: between most others a kernel may be nearly zero.
        distance = np.sum((x - x[source]) ** 2, axis=1)
        parts.append(np.argpartition(distance, min(100, len(x) - 1))[:101])
    some = np.unique(np.concatenate(parts))
    columns = product(rows)[:, some]
    truth = density.kernel_between(x[sources], x[some])
    return float(np.abs(columns - truth).max())
