"""Products of the kernel of deep networks with vectors.

The atoms of F are sums of the entries; what is left of F and G are characteristic functions, each
with a product of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import layered_gram
from ntkfreq.ntk.products import Choice, Product, choose, prefers_matrix
from ntkfreq.problem.density import Density
from ntkfreq.problem.layers import HiddenLayers
from ntkfreq.problem.layers.compound import compound


@dataclass(frozen=True, eq=False)
class LayeredProduct:
    """The product of F(k) + x.x' G(k) with rows (r, n), for points x (n, d).

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Points.
    atom : float
        Coefficient of the constant in F.
    still, moving : tuple of (float, callable), or None
        Factor and product of what is left of F, and of G; None for 0.
    """

    x: FloatArray
    atom: float
    still: tuple[float, Product] | None
    moving: tuple[float, Product] | None

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Rows (r, n) times the kernel."""
        total = np.empty_like(rows)
        total[:] = self.atom * rows.sum(axis=1, keepdims=True)
        if self.still is not None:
            total += self.still[0] * self.still[1](rows)
        if self.moving is not None:
            lifted = np.concatenate([rows * line for line in self.x.T])
            parts = self.moving[0] * self.moving[1](lifted).reshape(-1, *rows.shape)
            for part, line in zip(parts, self.x.T, strict=True):
                total += line * part
        return total


def choose_layered(
    density: Density, x: FloatArray, layers: HiddenLayers, tolerance: float, method: str
) -> Choice:
    """The product asked for, or the fastest that meets the tolerance."""
    if prefers_matrix(x, method):
        return _by_matrix(density, x, layers)
    found: list[tuple[float, Choice] | None] = []
    for part, mass in enumerate(layers.masses):
        spread = mass - layers.atom if part == 0 else mass
        # Weights of 0 leave a constant.
        if spread <= 1e-15 * mass:
            found.append(None)
            continue
        choice = choose(compound(density, layers, part), x, tolerance, method)
        if choice.method == "dense":
            return _by_matrix(density, x, layers)
        found.append((spread, choice))
    still, moving = ((one[0], one[1].product) if one else None for one in found)
    names = dict.fromkeys(one[1].method for one in found if one)
    error = max((one[1].error for one in found if one), default=1e-15)
    return Choice(
        LayeredProduct(x, layers.atom, still, moving), "+".join(names) or "constant", error
    )


def _by_matrix(density: Density, x: FloatArray, layers: HiddenLayers) -> Choice:
    refuse_memory(
        f"x has {len(x)} points and method is 'dense'", 9.0 * len(x) ** 2, "use method='auto'"
    )
    matrix = layered_gram(density, x, x, layers)
    return Choice(lambda rows: np.asarray(rows @ matrix), "dense", 1e-15)
