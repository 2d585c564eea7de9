"""Functions of two variables: their supporting rectangle, and integrals by tensor quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ComplexArray, FloatArray, Function
from ntkfreq.numerics.quadrature import ORDER, gauss_legendre, panel_rule, subdivide
from ntkfreq.problem.functions import evaluate, is_constant_zero, refuse_tiny, unseen
from ntkfreq.spectra.spectrum import fourier_sum

# A function counts as zero beyond its rectangle below this share of its largest value.
_ZERO = 1e-13
_FIRST, _LAST = -3, 10
# A 16-point rule integrates e^{ikx} times a function it resolves to 1e-13 while k times the
# length of the panel stays below this.
_PHASE_PER_PANEL = 12.0
_MOST_NODES = 3000
# As for functions of one variable: values rougher than the tolerance, at most _ROUGH, whose
# roughness does not fall below _UNCHANGED of itself in _PATIENCE refinements.
_ROUGH, _UNCHANGED, _PATIENCE = 1e-5, 0.75, 2
# Tables of values that are kept.
_KEPT = 4

Axes = tuple[FloatArray, FloatArray]
Rectangle = tuple[tuple[float, float], tuple[float, float]]


def tensor_points(x: FloatArray, y: FloatArray) -> FloatArray:
    """All pairs of two sets of coordinates, shape (len(x) * len(y), 2)."""
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)


def find_rectangle(function: Function, name: str = "target") -> Rectangle | None:
    """A rectangle outside which a function of the plane looks like zero; None if there is none.

    The function is probed on square grids of 257 x 257 points, each twice as wide as the one
    before, out to 2^10, so narrow features far from 0 can be missed: give `support` to be certain.

    Raises
    ------
    ValueError
        Where every probe gives zero, so that the support is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> (left, right), (low, high) = find_rectangle(lambda x: np.exp(-np.sum(x**2, axis=1)))
    >>> bool(-6.5 < left < -5.4), bool(5.4 < high < 6.5)
    (True, True)
    >>> find_rectangle(lambda x: np.sin(x[:, 0]))
    """
    if is_constant_zero(function, 2):
        return ((-1.0, 1.0), (-1.0, 1.0))  # any rectangle will do
    unit = np.linspace(-1.0, 1.0, 257)
    sizes = []
    for octave in range(_FIRST, _LAST + 1):
        grid = tensor_points(2.0**octave * unit, 2.0**octave * unit)
        sizes.append(np.abs(evaluate(name, function, grid)).reshape(257, 257))
    peak = max(float(size.max()) for size in sizes)
    refuse_tiny(name, peak)
    if peak == 0.0:
        probes = f"{len(sizes)} grids of 257 x 257 probes within |x| < 1024"
        raise unseen(name, probes, "((a1, b1), (a2, b2))")
    # The outer half of a square, which the square before it does not cover.
    outer = np.maximum(np.abs(unit)[:, None], np.abs(unit)) > 0.5
    above = [k for k, size in enumerate(sizes) if (size[outer] > _ZERO * peak).any()]
    last = above[-1] if above else 0
    if last == len(sizes) - 1:
        return None
    half, shown = 2.0 ** (last + _FIRST), sizes[last] > _ZERO * peak
    bounds = []
    for axis in (1, 0):
        where = np.flatnonzero(shown.any(axis=axis)) if shown.any() else np.array([0, 256])
        low, high = (int(k) for k in (where[0] - 1, where[-1] + 1))
        bounds.append((half * (low - 128) / 128, half * (high - 128) / 128))
    return (bounds[0], bounds[1])


@dataclass(frozen=True, eq=False)
class ResolvedPlane(Portable):
    """A function of two variables on panels in each coordinate that resolve it.

    Attributes
    ----------
    breaks : (ndarray, ndarray)
        Panel edges along each coordinate.
    converged : bool
        False where the limit of nodes was reached first (a jump, a corner, noise).
    noise : float
        Roughness that does not fall with smaller panels, relative to the largest value.
    """

    function: Callable[[FloatArray], FloatArray]
    breaks: tuple[FloatArray, FloatArray]
    converged: bool
    noise: float = 0.0

    def within(self, tolerance: float) -> bool:
        """Whether the function is resolved to a tolerance relative to its largest value."""
        return self.converged and self.noise <= tolerance

    def values(self, highest: tuple[float, float] = (0.0, 0.0)) -> tuple[Axes, FloatArray]:
        """Nodes along each coordinate and values there, shape (n1, n2)."""
        (x, _), (y, _) = self._axes(highest)
        return (x, y), self._at(x, y)

    def rule(self, highest: tuple[float, float] = (0.0, 0.0)) -> tuple[Axes, FloatArray]:
        """Nodes along each coordinate and weighted values, for frequencies up to `highest`."""
        (x, first), (y, second) = self._axes(highest)
        return (x, y), first[:, None] * self._at(x, y) * second

    def _axes(self, highest: tuple[float, float]) -> list[tuple[FloatArray, FloatArray]]:
        # Rounded up to octaves, so that the function is seldom evaluated again.
        tops = [2.0 ** np.ceil(np.log2(top)) if top > 0 else 1e-300 for top in highest]
        return [
            panel_rule(subdivide(edges, _PHASE_PER_PANEL / top))
            for edges, top in zip(self.breaks, tops, strict=True)
        ]

    def _at(self, x: FloatArray, y: FloatArray) -> FloatArray:
        key = (len(x), len(y))
        if key not in self._known:
            refuse_memory(
                f"{key[0]} x {key[1]} nodes for integrals over x",
                200.0 * key[0] * key[1],
                "use a target that reaches less far, or lower frequencies",
            )
            if len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = self.function(tensor_points(x, y)).reshape(key)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[int, int], FloatArray]:
        return {}

    @cached_property
    def _transformed(self) -> dict[tuple[bytes, bytes], dict[str, FloatArray]]:
        return {}

    @cached_property
    def squared(self) -> float:
        """The integral of the square."""
        (_, first), (_, second) = self._axes((0.0, 0.0))
        _, values = self.values()
        return float(first @ values**2 @ second)

    def transform(self, frequencies: FloatArray) -> ComplexArray:
        r"""The integral of :math:`u(x) e^{-i\xi\cdot x}` at frequencies (F, 2), shape (F,)."""
        tops = np.abs(frequencies).max(axis=0, initial=0.0)
        (x, y), weighted = self.rule((float(tops[0]), float(tops[1])))
        return fourier_sum(tensor_points(x, y), weighted.ravel(), frequencies)

    def parts(self, xi: FloatArray, eta: FloatArray) -> dict[str, FloatArray]:
        r"""The transform on a tensor of frequencies by parity, four arrays (len(xi), len(eta)).

        Keys name the parity in each frequency: the real part of the transform is "ee" plus "oo",
        the imaginary part "eo" plus "oe".
        """
        key = (xi.tobytes(), eta.tobytes())
        if key not in self._transformed:
            self._transformed.clear()
            self._transformed[key] = self._parts(xi, eta)
        return self._transformed[key]

    def _parts(self, xi: FloatArray, eta: FloatArray) -> dict[str, FloatArray]:
        tops = (float(np.abs(xi).max(initial=0.0)), float(np.abs(eta).max(initial=0.0)))
        (x, y), weighted = self.rule(tops)
        return parity_parts(x, y, weighted, xi, eta)


def parity_parts(
    x: FloatArray, y: FloatArray, weighted: FloatArray, xi: FloatArray, eta: FloatArray
) -> dict[str, FloatArray]:
    r"""Sum of :math:`w_{jk}e^{-i(\xi x_j + \eta y_k)}` by parity in each of the two frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.array([1.0])
    >>> parts = parity_parts(one, 2 * one, np.array([[1.0]]), one, one)
    >>> total = parts["ee"] + parts["oo"] + 1j * (parts["eo"] + parts["oe"])
    >>> bool(np.isclose(total[0, 0], np.exp(-3j)))
    True
    """
    first, second = np.outer(x, xi), np.outer(y, eta)
    half = {"e": np.cos(first).T @ weighted, "o": np.sin(first).T @ weighted}
    wave = {"e": np.cos(second), "o": np.sin(second)}
    return {
        "ee": half["e"] @ wave["e"],
        "oo": -half["o"] @ wave["o"],
        "eo": -half["e"] @ wave["o"],
        "oe": -half["o"] @ wave["e"],
    }


def resolve_plane(
    function: Callable[[FloatArray], FloatArray], rectangle: Rectangle, rtol: float = 1e-13
) -> ResolvedPlane:
    """Bisect panels of each coordinate until Legendre coefficients have decayed on every panel.

    Examples
    --------
    >>> import numpy as np
    >>> bump = resolve_plane(lambda x: np.exp(-np.sum(x**2, axis=1)), ((-7.0, 7.0), (-6.0, 8.0)))
    >>> bool(abs(bump.transform(np.array([[2.0, 0.0]]))[0] - np.pi / np.e) < 1e-13), bump.converged
    (True, True)
    """
    unit, weight = gauss_legendre(ORDER)
    analysis = (np.arange(ORDER) + 0.5)[:, None] * legendre.legvander(unit, ORDER - 1).T * weight
    breaks = [np.linspace(low, high, 9) for low, high in rectangle]
    before, stuck = np.inf, 0
    while True:
        x, y = (panel_rule(edges)[0] for edges in breaks)
        values = function(tensor_points(x, y)).reshape(len(x), len(y))
        peak = float(np.abs(values).max())
        finer, worst = [], 0.0
        for edges, along in zip(breaks, (values, values.T), strict=True):
            panels = along.reshape(len(edges) - 1, ORDER, -1)
            tails = np.abs(analysis[-2:] @ panels).max(axis=(1, 2))
            rough, worst = tails > rtol * peak, max(worst, float(tails.max()))
            middle = (edges[:-1] + edges[1:])[rough] / 2
            finer.append(np.sort(np.concatenate([edges, middle])))
        if all(len(new) == len(old) for new, old in zip(finer, breaks, strict=True)):
            return ResolvedPlane(function, (breaks[0], breaks[1]), True)
        # Values in single precision stay rough however fine the panels are.
        stuck = stuck + 1 if worst > _UNCHANGED * before else 0
        if stuck >= _PATIENCE and worst <= _ROUGH * peak:
            return ResolvedPlane(function, (breaks[0], breaks[1]), True, worst / peak)
        before = worst
        if max(map(len, finer)) * ORDER > _MOST_NODES:
            return ResolvedPlane(function, (breaks[0], breaks[1]), False)
        breaks = finer
