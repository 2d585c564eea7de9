r"""Grid: the folded equation on one Brillouin zone by the finite elements of Line.

The spectrum of samples at :math:`o + k\Delta` is quasi-periodic,
:math:`\hat v(\xi + g) = e^{-igo}\hat v(\xi)`. As y is real its real part is even and its imaginary
part odd, so half the zone, :math:`[0, \pi/\Delta]`, is enough: at 0 the imaginary part vanishes;
at the Nyquist frequency the phase of :math:`\hat v` is known, :math:`\hat v = r e^{-i\pi o/\Delta}`
with one real unknown r. A lattice with a point at 0, or halfway between two, leaves the two parts
independent; any other couples them there and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.pde.elements import forms
from ntkfreq.pde.lattice.layered_table import LayeredTable
from ntkfreq.pde.lattice.unfold import (
    AliasTable,
    Memories,
    alias_factors,
    kernel_reach,
    output_by_aliases,
    output_by_samples,
    output_by_shares,
    turn_phase,
)
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.pde.time.discretized import extrapolated
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.folded import FoldedDensity
from ntkfreq.problem.layers.pair import TwoDensities
from ntkfreq.problem.measure import Grid
from ntkfreq.spectra.spectrum import fourier_sum

# Aliases at which the target times the share of the alias is below this, relative to the largest,
# are negligible in the test loss.
_NEGLIGIBLE = 1e-11
_PROBES = 2**17
# Bytes held for each sample: its place, two values, and their transforms.
_HELD = 64.0


@dataclass(frozen=True, eq=False)
class LatticeSystem(LineSystem):
    """Finite elements of one degree on one mesh of half the zone.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Grid, in one dimension.
    mesh : FrequencyMesh
        Elements in [0, pi / spacing]; nodes lie at the kinks of the folded density.
    degree : int
        Polynomial degree, 1 to 9.
    grid : Grid
        The lattice.
    """

    grid: Grid

    @property
    def densities(self) -> TwoDensities:
        """Densities in the equation, folded."""
        return self.equation.densities.folded(self.grid.spacing)

    @cached_property
    def folded(self) -> FoldedDensity:
        """The density of damping with all aliases added up."""
        found = self.densities.damping
        assert isinstance(found, FoldedDensity)
        return found

    @cached_property
    def origin(self) -> float:
        """Sample next to 0, in (-spacing / 2, spacing / 2]."""
        spacing = self.grid.spacing
        # The remainder is exact; a multiple of the spacing taken off loses the digits of an origin
        # far from 0.
        nearest = math.remainder(self.grid.origin, spacing)
        return spacing / 2 if nearest == -spacing / 2 else nearest

    @cached_property
    def _samples(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Samples (n, 1) that reach beyond the data, initial output and target there, (n,) each."""
        spacing = self.grid.spacing
        low, high = self.equation.initial_error.support or (0.0, 0.0)
        first, last = (
            np.floor((low - self.origin) / spacing),
            np.ceil((high - self.origin) / spacing),
        )
        refuse_memory(
            f"measure={self.grid!r} has {last - first + 1:.3g} samples on the support",
            _HELD * (last - first + 1),
            "give a wider spacing, or measure=Line() for data without gaps",
        )
        x = self.origin + spacing * np.arange(first, last + 1)[:, None]
        return x, self.equation.initial_output_at(x), self.equation.target.at(x)

    def _values(self, density: Density, xi: FloatArray) -> FloatArray:
        """One of the folded densities at frequencies (n,)."""
        return density.pdf(xi)

    def _transforms(self, xi: FloatArray) -> list[ComplexArray | None]:
        """Sums over the samples of initial output and target at frequencies (n,); None is zero."""
        x, start, goal = self._samples
        sums = fourier_sum(x, self.grid.spacing * np.stack([start, goal]), xi[:, None])
        return [sums[0] if start.any() else None, sums[1]]

    @cached_property
    def moments(self) -> FloatArray:
        """Sums over the samples of f_0^2, f_0 y and y^2, times the spacing, shape (3,)."""
        _, start, goal = self._samples
        return self.grid.spacing * np.array([start @ start, start @ goal, goal @ goal])

    @cached_property
    def test_moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 over x, shape (3,)."""
        x, weights, _ = self.equation.initial_error.resolved.rule()
        start = self.equation.initial_output_at(x[:, None])
        goal = self.equation.target.at(x[:, None])
        return np.array([weights @ start**2, weights @ (start * goal), weights @ goal**2])

    @cached_property
    def _embeddings(self) -> tuple[Any, ...]:
        """From the unknowns of each block to the nodal real (N) and imaginary (N) parts."""
        n = self.axis.size
        identity = sparse.csc_array(sparse.eye_array(2 * n))
        even, odd = np.arange(n), n + np.arange(self._odd_from, n)
        nodes = self.mesh.intervals[-1]
        # Without diffusion spectra need not be continuous, and no condition holds at the ends of
        # the zone.
        if self.densities.spread == 0 or nodes[-1] < self.folded.nyquist:
            return identity[:, even], identity[:, odd]
        end = len(self.axis.vertices) - 1
        angle = np.pi * self.origin / self.folded.spacing
        cosine, sine = np.cos(angle), np.sin(angle)
        if abs(sine) < 1e-14:
            return identity[:, even], identity[:, odd[odd != n + end]]
        if abs(cosine) < 1e-14:
            return identity[:, even[even != end]], identity[:, odd]
        tied = sparse.csc_array(([cosine, -sine], ([end, n + end], [0, 0])), shape=(2 * n, 1))
        free = np.concatenate([even[even != end], odd[odd != n + end]])
        return (sparse.csc_array(sparse.hstack([identity[:, free], tied])),)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Real and imaginary part, or both at once where the lattice couples them."""
        pattern = forms.Pattern.of(self.axis.unknowns, self.axis.size)
        matrices = [
            None if part is None else _twice(pattern.matrix(part)) for part in self._integrals
        ]
        start, goal = (np.concatenate([load.real, load.imag]) for load in self._loads)
        blocks = []
        for embedding in self._embeddings:
            stationary, moving, mass = (
                None if part is None else (embedding.T @ part @ embedding).tocsr()
                for part in matrices
            )
            blocks.append(Block(stationary, moving, mass, embedding.T @ start, embedding.T @ goal))
        return tuple(blocks)

    def _parts(self, change: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Nodal real and imaginary parts, (N, T) each."""
        both = sum(
            embedding @ part.T for embedding, part in zip(self._embeddings, change, strict=True)
        )
        n = self.axis.size
        return np.asarray(both[:n]), np.asarray(both[n:])

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Data spectrum if nothing were learned, shape (T, F)."""
        start, goal = self._transforms(frequencies[:, 0])
        assert goal is not None
        if start is None:
            return np.broadcast_to(-goal, (len(t), len(frequencies)))
        return np.asarray(np.multiply.outer(self.equation.decay.damping(t), start) - goal)

    def series(self, change: Sequence[FloatArray], frequencies: FloatArray) -> ComplexArray:
        """Finite-element functions with these unknowns, quasi-periodic, shape (T, F)."""
        return self._function(change, frequencies[:, 0], slope=False)

    def _function(self, change: Sequence[FloatArray], xi: FloatArray, slope: bool) -> ComplexArray:
        """As `series` at frequencies (F,), or its derivative."""
        zone, turns = self.folded.reduce(xi)
        values = np.zeros((len(change[0]), len(xi)), dtype=np.complex128)
        matrix, where = self._interpolation(np.abs(zone), slope)
        if where.size:
            real, imag = (np.asarray(matrix @ part).T for part in self._parts(change))
            sign = np.where(zone[where] < 0, -1.0, 1.0)
            values[:, where] = sign * real + 1j * imag if slope else real + 1j * sign * imag
        return values * turn_phase(self.folded, self.origin, turns)

    def test_spectrum(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the error on the whole line, between the samples as well, shape (T, F)."""
        xi = frequencies[:, 0]
        share, excess, _ = alias_factors(self.folded, xi)
        spectrum = self._free_everywhere(evolution.t, frequencies)
        spectrum = spectrum + share * self.series(evolution.change, frequencies)
        if self.densities.spread > 0:
            flux = self._diffusivity * self._function(evolution.memory(1), xi, slope=True)
            spectrum += excess * flux
        return np.asarray(spectrum)

    def _free_everywhere(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """The same if nothing were learned."""
        return super().free_spectrum(t, frequencies)

    @property
    def _diffusivity(self) -> float:
        return 2 * np.pi * self.densities.spread**2

    @cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Quadrature nodes of the elements and weights of the loss, in one row each."""
        xi, weights = self.axis.rule
        return xi.ravel(), weights.ravel() / np.pi

    def _at_nodes(self, change: Sequence[FloatArray], slope: bool = False) -> ComplexArray:
        """Finite-element functions, or their derivatives, at the quadrature nodes, shape (T, n)."""
        return self.at_nodes(change, slope).reshape(len(change[0]), -1)

    def _flux(self, memory: Sequence[FloatArray]) -> ComplexArray:
        """2 pi times the mass of the diffusivity times the slope of the memory, at the nodes."""
        return self._diffusivity * self._at_nodes(memory, slope=True)

    @cached_property
    def _excited(self) -> tuple[FloatArray, list[ComplexArray | None]]:
        """Aliases at which the data are not negligible, and initial output and target there.

        Multiples of the period, shape (A,), and two arrays (A, n); None is zero.
        """
        folded, density = self.folded, self.folded.density
        low, high = self.equation.initial_error.support or (-1.0, 1.0)
        step = 0.5 / max(abs(low), abs(high), folded.spacing)
        end = min(density.landmarks().support[-1][1], density.radius(1e-13))
        xi = step * np.arange(min(np.ceil(end / step) + 1, _PROBES))
        parts = [part for part in super()._transforms(xi) if part is not None]
        size = np.max([np.abs(part) / max(np.abs(part).max(), 1e-300) for part in parts], axis=0)
        xi = xi[size > _NEGLIGIBLE]
        excited = np.empty(0)
        if xi.size:
            zone, periods = folded.reduce(xi)
            share = density.even_values(xi) / np.maximum(folded.pdf(zone), 1e-300)
            excited = periods[share * size[size > _NEGLIGIBLE] > _NEGLIGIBLE]
        turns = np.unique(np.concatenate([[0.0], excited, -excited]))
        nodes, _ = self._nodes
        omega = np.add.outer(turns * folded.period, nodes)
        found = super()._transforms(omega.ravel())
        return turns, [None if part is None else part.reshape(omega.shape) for part in found]

    @cached_property
    def _table(self) -> AliasTable | LayeredTable:
        return AliasTable.at(self.folded, self._nodes[0], self._excited[0])

    def _fields(self, evolution: Evolution) -> tuple[ComplexArray, ...]:
        """What the factors of an alias multiply, at the quadrature nodes, shape (T, n) each."""
        return self._at_nodes(evolution.change), self._flux(evolution.memory(1))

    def _tails_of_fields(self, evolution: Evolution) -> list[tuple[ComplexArray, ...]]:
        """Their last three pairs of terms."""
        changes = self.tails(evolution.change)
        slopes = self.tails(evolution.memory(1), slope=True)
        return [
            (
                change.reshape(len(change), -1),
                (self._diffusivity * slope).reshape(len(change), -1),
            )
            for change, slope in zip(changes, slopes, strict=True)
        ]

    def test_loss(self, evolution: Evolution) -> FloatArray:
        """Integral of the squared error over all x, shape (T,).

        At aliases where the data are not negligible the error itself is squared, so a small loss
        keeps its digits; at all others the error is what was learned.
        """
        _, weights = self._nodes
        fields = self._fields(evolution)
        left = self.equation.decay.damping(evolution.t)
        turns, (starts, goals) = self._excited
        assert goals is not None
        loss = self._table.squares(fields, without=turns) @ weights
        at_first = np.zeros(len(left))
        rows = np.searchsorted(self._table.turns, turns)
        for k, row in enumerate(rows):
            free = np.broadcast_to(-goals[k], fields[0].shape)
            if starts is not None:
                free = free + np.multiply.outer(left, starts[k])
            at_first += np.abs(free) ** 2 @ weights
            learned = self._table.learned(row, fields)
            error = free + turn_phase(self.folded, self.origin, turns[k]) * learned
            loss += np.abs(error) ** 2 @ weights
        start, both, goal = self.test_moments
        unlearned = left**2 * start - 2 * left * both + goal - at_first
        return np.asarray(loss + np.maximum(unlearned, 0.0))

    def error_squares(self, evolution: Evolution) -> FloatArray:
        """Squared relative errors on each element, the larger of train and test, (T, elements)."""
        start, both, goal = np.stack([self.moments, self.test_moments], axis=1)
        sizes = np.maximum(start - 2 * both + goal, 0.0)
        # All samples may lie where the target is zero; a tiny size then avoids a division by zero.
        sizes = np.maximum(sizes, 1e-20 * sizes.max())[:, None, None]
        estimate = extrapolated(self.tail_squares(evolution))
        squares = np.divide(estimate, sizes, out=np.zeros_like(estimate), where=sizes > 0)
        return np.asarray(squares.max(axis=0))

    def tail_squares(self, evolution: Evolution) -> FloatArray:
        """Squares of the last three pairs of terms of the series, shape (3, 2, T, elements).

        On each element, of the error that the samples see, in the norm whose square is the loss,
        and of that on the whole line.
        """
        found = []
        for fields in self._tails_of_fields(evolution):
            flat = fields[0]
            both = np.stack([np.abs(flat) ** 2, self._table.squares(fields)])
            weighted = both * self._nodes[1]
            found.append(weighted.reshape(2, len(flat), self.mesh.elements, -1).sum(axis=-1))
        return np.stack(found)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, 1) points, shape (T, n)."""
        parts = [(share, part, kernel_reach(part)) for share, part in self.folded.density.parts]
        far = float(np.abs(x).max(initial=1e-300)) + max(reach or 0.0 for _, _, reach in parts)
        rules = [panel_rule(subdivide(nodes, 4.0 / far)) for nodes in self.mesh.intervals]
        xi, weights = (np.concatenate(column) for column in zip(*rules, strict=True))
        # A jump of the shares would make their slope a delta function.
        if all(reach is None for _, _, reach in parts) and not self.folded.shared_jumps:
            learned = self._function(evolution.change, xi, slope=False)
            flux = None
            if self.densities.spread > 0:
                flux = self._diffusivity * self._function(evolution.memory(1), xi, slope=True)
            return output_by_shares(self.folded, self.origin, xi, weights, learned, flux, x)
        moving = None
        if self.densities.spread > 0:
            slopes = self._function(evolution.memory(1), xi, slope=True)
            moving = 1j * self.densities.spread**2 * slopes
        stationary = self.densities.mass * self._function(evolution.memory(0), xi, slope=False)
        memories = Memories(xi, weights, stationary, moving)
        change = np.zeros((len(evolution.t), len(x)))
        for share, part, reach in parts:
            if reach is None:
                change += share * output_by_aliases(self.folded, part, self.origin, memories, x)
            else:
                change += share * output_by_samples(
                    self.folded, part, self.origin, memories, x, reach
                )
        return change


def _twice(matrix: Any) -> Any:
    """Block diagonal of a matrix with itself."""
    return sparse.csr_array(sparse.block_diag((matrix, matrix)))
