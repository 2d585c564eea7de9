r"""Grid in two dimensions: finite elements on a zone, and the output between the samples.

Between the samples, with the share :math:`s = \rho_w/\rho_{\mathrm{fold}}` and the memory q of
the samples' error,

.. math:: \hat f = s\,\hat f_{\mathrm{fold}} + (2\pi)^2\sigma_a^2\,
          (\nabla\rho_w - s\,\nabla\rho_{\mathrm{fold}})\cdot\nabla q .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.ntk.gram import stationary_gram
from ntkfreq.pde.plane.lattice_problem import LatticeProblem
from ntkfreq.pde.plane.problem import PlaneProblem
from ntkfreq.pde.plane.system import PlaneSystem
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.rectangle import tensor_points

# A folded density below this has moved nothing at any time.
_NOTHING = 1e-100
# Samples beyond those with this share of the largest memory are left out of outputs.
_NEGLIGIBLE = 1e-12
_MOST_SAMPLES = 320
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class PlaneLatticeSystem(PlaneSystem):
    """Finite elements on a quadrant of the zone, or on all of it."""

    problem: LatticeProblem

    def series(
        self, states: Sequence[FloatArray], frequencies: FloatArray, slope: int = -1
    ) -> ComplexArray:
        """Finite-element functions with these unknowns, continued from the zone, shape (T, F)."""
        turns = np.rint(frequencies / self.problem.fold.period)
        nyquist = self.problem.fold.nyquist
        zone = np.clip(frequencies - turns * self.problem.fold.period, -nyquist, nyquist)
        values = super().series(states, zone, slope)
        if self.problem.halfway:
            values *= 1 - 2 * (turns.sum(axis=1) % 2)
        return values

    @property
    def _diffusivity(self) -> float:
        return (2 * np.pi) ** 2 * self.equation.sigma_a**2

    def test_spectrum(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """Spectrum of the error on the whole plane, between the samples as well, shape (T, F)."""
        turns = np.rint(frequencies / self.problem.fold.period)
        folded = self.problem.fold.at(frequencies - turns * self.problem.fold.period)
        own = self.equation.density.even_value_and_gradient(frequencies)
        share, excess = _shares(own, folded)
        spectrum = PlaneProblem(self.equation).free_spectrum(frequencies)
        spectrum = spectrum + share * self.series(evolution.change, frequencies)
        if self.equation.sigma_a > 0:
            for k in range(2):
                slope = self.series(evolution.memory(1), frequencies, slope=k)
                spectrum += self._diffusivity * excess[k] * slope
        return np.asarray(spectrum)

    @cached_property
    def _folded(self) -> FloatArray:
        """Folded density and gradient at the quadrature points, never zero, (3, Q1, Q2)."""
        folded = self.problem.fold.on(*self.points)
        folded[0] = np.where(folded[0] > _NOTHING, folded[0], np.inf)
        return folded

    @cached_property
    def _sums(self) -> dict[str, FloatArray]:
        """Sums over aliases of s^2, s r_k and r_k r_l at the quadrature points."""
        square, *rest = self.problem.fold.products(*self.points)
        total, first, second = self._folded
        square = square / total**2
        cross = [part / total for part in rest[:2]]
        slopes = (first, second)
        moved = np.isfinite(total)
        excess = [(cross[k] - slopes[k] * square) * moved for k in range(2)]
        squares = {
            (k, m): rest[2 + k + m]
            - slopes[m] * cross[k]
            - slopes[k] * cross[m]
            + slopes[k] * slopes[m] * square
            for k, m in ((0, 0), (0, 1), (1, 1))
        }
        return {
            "ss": square,
            "s0": excess[0],
            "s1": excess[1],
            "00": squares[0, 0] * moved,
            "01": squares[0, 1] * moved,
            "11": squares[1, 1] * moved,
        }

    @cached_property
    def _initial_sums(self) -> dict[str, FloatArray]:
        """Sums over aliases of the initial error times s, r_0 and r_1, by part, (3, Q1, Q2)."""
        fold, most = self.problem.fold, self.problem.excited_aliases
        turns = np.arange(-most, most + 1)
        axes = [np.add.outer(turns * fold.period, points).ravel() for points in self.points]
        shape = (len(turns), len(self.points[0]), len(turns), len(self.points[1]))
        own = self.equation.density.even_value_and_gradient(tensor_points(axes[0], axes[1]))
        own = own.reshape(3, *shape)
        share, excess = _shares(own, self._folded[:, None, :, None, :])
        factors = np.stack([share, *excess])
        if self.problem.halfway:
            factors *= 1 - 2 * (np.add.outer(turns, turns)[:, None, :, None] % 2)
        line = PlaneProblem(self.equation)
        goal = self._by_part(line.parts(self.equation.target, axes[0], axes[1]))
        start = None
        if self.equation.start is not None:
            start = self._by_part(line.parts(self.equation.start, axes[0], axes[1]))
        sums = {}
        for name in self.spaces:
            free = -goal[name] if start is None else start[name] - goal[name]
            sums[name] = np.einsum("kaxby,axby->kxy", factors, free.reshape(shape))
        return sums

    @cached_property
    def _test_start(self) -> float:
        """Integral of the squared initial error over the plane."""
        return self.equation.initial_error.resolved_plane.squared

    def _fields(self, name: str, change: FloatArray, memory: FloatArray) -> list[FloatArray]:
        """Change, and the flux along each axis, at the quadrature points, (Q1, Q2) each."""
        first, second = self.spaces[name].factors
        shape = self.spaces[name].shape
        fields = [first.values @ second.along(change.reshape(shape))]
        if self.equation.sigma_a > 0:
            q = self._diffusivity * memory.reshape(shape)
            fields.append(first.slopes @ second.along(q))
            fields.append((second.slopes @ (first.values @ q).T).T)
        return fields

    def squares(self, name: str, change: FloatArray, memory: FloatArray) -> FloatArray:
        """Squared norms on the samples and on the whole plane, shape (2, T)."""
        weights, sums = self.forms.weights, self._sums
        plane = np.zeros(len(change))
        for k, (state, q) in enumerate(zip(change, memory, strict=True)):
            fields = self._fields(name, state, q)
            total = sums["ss"] * fields[0] ** 2
            if len(fields) > 1:
                _, one, two = fields
                total += 2 * fields[0] * (sums["s0"] * one + sums["s1"] * two)
                total += sums["00"] * one**2 + 2 * sums["01"] * one * two + sums["11"] * two**2
            plane[k] = np.sum(weights * total)
        sampled = self.spaces[name].norms(change) ** 2
        return np.stack([sampled, np.maximum(plane, 0.0)])

    @property
    def sizes(self) -> FloatArray:
        """Squared norms of the initial error, of the samples and on the whole plane."""
        sampled = float(super().sizes[0])
        # All samples may lie where the target is zero; a tiny size then avoids a division by zero.
        return np.maximum([sampled, self._test_start], 1e-20 * max(sampled, self._test_start))

    def test_loss(self, evolution: Evolution) -> FloatArray:
        """Integral of the squared error over the plane, shape (T,)."""
        loss = np.full(len(evolution.t), self._test_start)
        parts = zip(self.names, evolution.change, evolution.memory(1), strict=True)
        for name, change, memory in parts:
            loss += self.squares(name, change, memory)[1]
            initial = self._initial_sums[name] * self.forms.weights
            for k, (state, q) in enumerate(zip(change, memory, strict=True)):
                fields = self._fields(name, state, q)
                loss[k] += 2 * sum(
                    float(np.sum(one * other)) for one, other in zip(initial, fields, strict=False)
                )
        return np.asarray(np.maximum(loss, 0.0))

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        r"""What learning adds to the output at (n, 2) points: the kernel against the memory.

        :math:`-\Delta^2\sum_k k(x - x_k)(1 + \sigma_a^2\,x\cdot x_k)\,q_k`, over the samples whose
        memory is not negligible.
        """
        spacing, origin = self.problem.grid.spacing, self.problem.grid.origin
        count = 16 + int(np.ceil(np.abs(self.equation.target.rectangle or 1.0).max() / spacing))
        memory = evolution.memory(0)
        while True:
            count = min(count, _MOST_SAMPLES)
            line = (
                origin
                - spacing * np.rint(origin / spacing)
                + spacing * np.arange(-count, count + 1)
            )
            samples = tensor_points(line, line)
            charges = self.inverse(memory, samples)
            size = np.abs(charges).max(axis=0)
            edge = size.reshape(len(line), -1)
            edges = max(edge[[0, -1]].max(), edge[:, [0, -1]].max())
            if edges <= _NEGLIGIBLE * size.max() or count == _MOST_SAMPLES:
                break
            count *= 2
        kept = size > 1e-3 * _NEGLIGIBLE * size.max()
        samples, charges = samples[kept], spacing**2 * charges[:, kept]
        change = np.empty((len(evolution.t), len(x)))
        step = max(1, _CHUNK // max(len(samples), 1))
        for begin in range(0, len(x), step):
            part = x[begin : begin + step]
            gram = stationary_gram(self.equation.density, samples, part)
            change[:, begin : begin + step] = -charges @ gram
            for axis in range(2) if self.equation.sigma_a > 0 else ():
                dipoles = (self.equation.sigma_a**2 * charges * samples[:, axis]) @ gram
                change[:, begin : begin + step] -= dipoles * part[:, axis]
        return change


def _shares(own: FloatArray, folded: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Share s of an alias, and its gradient less s times that of the folded density."""
    total = np.where(folded[0] > _NOTHING, folded[0], np.inf)
    share = own[0] / total
    moved = np.isfinite(total)
    return share, [(own[k] - share * folded[k]) * moved for k in (1, 2)]
