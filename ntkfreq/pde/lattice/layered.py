"""Grid with hidden layers: damping and diffusion have densities of their own, both folded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.pde.lattice.layered_table import FoldedPair, LayeredTable, layered_factors
from ntkfreq.pde.lattice.system import LatticeSystem
from ntkfreq.pde.lattice.unfold import (
    Memories,
    kernel_reach,
    output_by_aliases,
    output_by_samples,
)
from ntkfreq.pde.time.system import Evolution


@dataclass(frozen=True, eq=False)
class LayeredLattice(LatticeSystem):
    """Finite elements on half the zone for two densities, without decay."""

    @cached_property
    def _pair(self) -> FoldedPair:
        both = self.equation.densities
        return FoldedPair(both.diffusion, self.grid.spacing, damping=both.damping)

    @cached_property
    def _table(self) -> LayeredTable:
        return LayeredTable.at(self._pair, self._nodes[0], self._excited[0])

    @property
    def _rate(self) -> float:
        return 2 * np.pi * self.densities.mass

    def _fields(self, evolution: Evolution) -> tuple[ComplexArray, ...]:
        """Change, flux, and the memory times 2 pi and the mass of the damping."""
        held = self._rate * self._at_nodes(evolution.memory(0))
        return *super()._fields(evolution), held

    def _tails_of_fields(self, evolution: Evolution) -> list[tuple[ComplexArray, ...]]:
        """Their last three pairs of terms."""
        held = [self._rate * part for part in self.tails(evolution.memory(0))]
        return [
            (*fields, part.reshape(len(part), -1))
            for fields, part in zip(super()._tails_of_fields(evolution), held, strict=True)
        ]

    def test_spectrum(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the error on the whole line, between the samples as well, shape (T, F)."""
        xi = frequencies[:, 0]
        sums = self._pair.all_sums(self.folded.reduce(xi)[0])
        factors = layered_factors(self._pair, xi, sums)
        fields = (
            self.series(evolution.change, frequencies),
            self._diffusivity * self._function(evolution.memory(1), xi, slope=True),
            self._rate * self._function(evolution.memory(0), xi, slope=False),
        )
        learned = sum(factor * field for factor, field in zip(factors, fields, strict=True))
        return np.asarray(self._free_everywhere(evolution.t, frequencies) + learned)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, 1) points, shape (T, n)."""
        both = self.equation.densities
        reaches = kernel_reach(both.damping), kernel_reach(both.diffusion)
        far = float(np.abs(x).max(initial=1e-300)) + max(reach or 0.0 for reach in reaches)
        rules = [panel_rule(subdivide(nodes, 4.0 / far)) for nodes in self.mesh.intervals]
        xi, weights = (np.concatenate(column) for column in zip(*rules, strict=True))
        still = both.mass * self._function(evolution.memory(0), xi, slope=False)
        slopes = self._function(evolution.memory(1), xi, slope=True)
        memories = (
            Memories(xi, weights, still, None),
            Memories(xi, weights, np.zeros_like(still), 1j * both.spread**2 * slopes),
        )
        change = np.zeros((len(evolution.t), len(x)))
        for part, held, reach in zip(
            (both.damping, both.diffusion), memories, reaches, strict=True
        ):
            if reach is None:
                change += output_by_aliases(self.folded, part, self.origin, held, x)
            else:
                change += output_by_samples(self.folded, part, self.origin, held, x, reach)
        return change
