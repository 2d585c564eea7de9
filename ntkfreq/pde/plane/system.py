r"""Line in two dimensions: the damped heat equation on a tensor grid of frequencies.

Where the density is even in each frequency by itself, the four parities of the spectrum move
independently on the quadrant: "ee" and "oo" (even-even, odd-odd) make up its real part, "eo" and
"oe" its imaginary part. Otherwise real and imaginary part live on the whole plane, as two
right-hand sides of one system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.elements.tensor import TensorBlock, TensorForms, TensorSpace
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.pde.time.discretized import initial_norm
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.target import Target

_CHUNK = 2_000_000
# A block whose share of the initial error is below this is zero to rounding.
_ZERO = 1e-14
QUADRANT = ("ee", "oo", "eo", "oe")
WHOLE = ("real", "imag")


@dataclass(frozen=True, eq=False)
class PlaneSystem(Portable):
    """Finite elements on the tensor product of two axes, of frequencies from 0 or of all.

    Parameters
    ----------
    problem : PlaneProblem
        Density and data by frequency.
    axes : (ElementAxis, ElementAxis)
        Elements along each frequency; where parities move independently, from 0 on.
    """

    problem: PlaneProblem
    axes: tuple[ElementAxis, ElementAxis]

    @property
    def equation(self) -> FrequencyEquation:
        """The equation that is solved."""
        return self.problem.equation

    @property
    def quadrant(self) -> bool:
        """Whether the parities move independently."""
        return self.problem.quadrant

    @cached_property
    def points(self) -> tuple[FloatArray, FloatArray]:
        """Quadrature points along each frequency."""
        first, second = (axis.rule[0].ravel() for axis in self.axes)
        return first, second

    @cached_property
    def forms(self) -> TensorForms:
        """The bilinear forms; by Parseval the loss is the squared norm under M."""
        images = 4 if self.quadrant else 1
        density = (2 * np.pi) ** 2 * self.problem.density_on(*self.points)
        return TensorForms(self.axes, density, self.equation.sigma_a**2, images / (2 * np.pi) ** 2)

    def kept(self, axis: int, parity: str) -> IntArray:
        """Unknowns of an axis that a parity has: an odd function vanishes at 0."""
        every = np.arange(self.axes[axis].size, dtype=np.int64)
        dropped = [0.0] if parity == "o" else []
        if self.quadrant:
            dropped += self.problem.vanishing(parity)
        gone = np.isin(self.axes[axis].vertices, dropped)
        return np.setdiff1d(every, np.flatnonzero(gone))

    @cached_property
    def spaces(self) -> dict[str, TensorSpace]:
        """The space of each part of the spectrum; parts with the same matrices share one."""
        if not self.quadrant:
            whole = TensorSpace(self.forms, (self.kept(0, ""), self.kept(1, "")))
            return dict.fromkeys(WHOLE, whole)
        return {
            name: TensorSpace(self.forms, (self.kept(0, name[0]), self.kept(1, name[1])))
            for name in QUADRANT
        }

    def parts_of(self, part: Target | None) -> dict[str, FloatArray]:
        """Transform of a function at the quadrature points, by part of the spectrum."""
        if part is None:
            shape = tuple(map(len, self.points))
            return {name: np.zeros(shape) for name in self.spaces}
        return self._by_part(self.problem.parts(part, *self.points))

    def _by_part(self, parity: dict[str, FloatArray]) -> dict[str, FloatArray]:
        if self.quadrant:
            return parity
        return {"real": parity["ee"] + parity["oo"], "imag": parity["eo"] + parity["oe"]}

    @cached_property
    def _loaded(self) -> dict[str, TensorBlock]:
        """Blocks by part, without those that the initial error does not excite."""
        start, goal = (self.parts_of(part) for part in (self.equation.start, self.equation.target))
        blocks = {
            name: TensorBlock.on(space, space.functional(start[name]), space.functional(goal[name]))
            for name, space in self.spaces.items()
        }
        energy = {name: block.load @ block.solve_mass(block.load) for name, block in blocks.items()}
        least = _ZERO**2 * sum(energy.values())
        kept = {name: block for name, block in blocks.items() if energy[name] > least}
        # Where nothing is to be learned one block is kept, so that results have their shapes.
        return kept or dict(list(blocks.items())[:1])

    @property
    def blocks(self) -> tuple[TensorBlock, ...]:
        """Independent blocks."""
        return tuple(self._loaded.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Which part of the spectrum each block is."""
        return tuple(self._loaded)

    @property
    def moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 over x, shape (3,)."""
        return self.problem.moments

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Error spectrum if nothing were learned, shape (T, F)."""
        return np.broadcast_to(self.problem.free_spectrum(frequencies), (len(t), len(frequencies)))

    def whole(self, name: str, states: FloatArray) -> FloatArray:
        """Unknowns of one part over the full tensor, zero where not kept, shape (T, N1, N2)."""
        keep = self.spaces[name].keep
        full = np.zeros((len(states), self.axes[0].size, self.axes[1].size))
        shape = (len(states), *self.spaces[name].shape)
        full[:, keep[0][:, None], keep[1]] = states.reshape(shape)
        return full

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the error spectrum, shape (T, F)."""
        return self.series(evolution.change, frequencies)

    def series(
        self, states: Sequence[FloatArray], frequencies: FloatArray, slope: int = -1
    ) -> ComplexArray:
        """Finite-element functions with these unknowns, one array (T, n) a block, shape (T, F).

        With `slope` 0 or 1 their derivative by that frequency.
        """
        signs = np.where(frequencies < 0, -1.0, 1.0)
        at = np.abs(frequencies) if self.quadrant else frequencies
        tables = []
        for k, axis in enumerate(self.axes):
            unknowns, values, slopes, _ = axis.at(at[:, k])
            tables.append((unknowns, slopes if k == slope else values))
        (rows, first), (columns, second) = tables
        total = np.zeros((len(states[0]), len(frequencies)), dtype=np.complex128)
        step = max(1, _CHUNK // (first.shape[1] ** 2 * len(total)))
        for name, state in zip(self.names, states, strict=True):
            sign = np.ones(len(frequencies))
            for k in range(2) if self.quadrant else ():
                if (name[k] == "o") != (k == slope):
                    sign = sign * signs[:, k]
            unit = 1.0 if name in ("ee", "oo", "real") else 1j
            full = self.whole(name, state)
            for begin in range(0, len(frequencies), step):
                part = slice(begin, begin + step)
                local = full[:, rows[part][:, :, None], columns[part][:, None, :]]
                inside = np.einsum("fa,fb,tfab->tf", first[part], second[part], local)
                total[:, part] += unit * sign[part] * inside
        return total

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        r"""What learning adds to the output at (n, 2) points, shape (T, n).

        The inverse transform by parity: of "ee" the integral against
        :math:`\cos(\xi_1x_1)\cos(\xi_2x_2)`, of "oo" minus that against the sines, of "eo" and "oe"
        minus that against one sine.
        """
        return self.inverse(evolution.change, x)

    def inverse(self, states: Sequence[FloatArray], x: FloatArray) -> FloatArray:
        """Inverse transform at (n, 2) points of functions with these unknowns, shape (T, n)."""
        values = np.zeros((len(states[0]), len(x)))
        waves = [_Waves(axis, x[:, k]) for k, axis in enumerate(self.axes)]
        for name, state in zip(self.names, states, strict=True):
            full = self.forms.scale * self.whole(name, state)
            pairs = {"real": (("ee", 1), ("oo", -1)), "imag": (("eo", -1), ("oe", -1))}.get(
                name, ((name, 1 if name == "ee" else -1),)
            )
            for parity, sign in pairs:
                values += sign * _pair(waves[0], waves[1], parity, full)
        return values

    def squares(self, name: str, change: FloatArray, memory: FloatArray) -> FloatArray:
        """Squared norms of functions of one part with unknowns (T, n), a row a loss, (1, T)."""
        return self.spaces[name].norms(change)[None] ** 2

    @property
    def sizes(self) -> FloatArray:
        """Squared norms of the initial error, one a loss."""
        return np.array([initial_norm(self) ** 2])


class _Waves:
    """Integrals of each basis function of an axis against cosines and sines at points."""

    def __init__(self, axis: ElementAxis, x: FloatArray) -> None:
        self.x, self.where = np.unique(x, return_inverse=True)
        longest = 4.0 / max(float(np.abs(x).max()), 1e-300)
        rules = [panel_rule(subdivide(nodes, longest)) for nodes in axis.intervals]
        xi = np.concatenate([nodes for nodes, _ in rules])
        weights = np.concatenate([weight for _, weight in rules])
        unknowns, values, _, _ = axis.at(xi)
        starts = np.arange(0, values.size + 1, values.shape[1])
        table = sparse.csr_array(
            ((weights[:, None] * values).ravel(), unknowns.ravel(), starts), (len(xi), axis.size)
        )
        self.against = {name: np.empty((len(self.x), axis.size)) for name in "eo"}
        step = max(1, _CHUNK // len(xi))
        for begin in range(0, len(self.x), step):
            part = slice(begin, begin + step)
            phase = np.outer(self.x[part], xi)
            self.against["e"][part] = np.cos(phase) @ table
            self.against["o"][part] = np.sin(phase) @ table


def _pair(first: _Waves, second: _Waves, parity: str, full: FloatArray) -> FloatArray:
    """Integrals of (T, N1, N2) unknowns against two waves at each point, shape (T, n)."""
    one, other = first.against[parity[0]], second.against[parity[1]]
    values = np.empty((len(full), len(first.where)))
    for k, unknowns in enumerate(full):
        along = one @ unknowns
        if len(first.x) * len(second.x) <= 4 * len(first.where):
            values[k] = (along @ other.T)[first.where, second.where]
        else:
            values[k] = np.einsum("ik,ik->i", along[first.where], other[second.where])
    return values
