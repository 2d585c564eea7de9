r"""Line in any dimension where all is radial: one equation in :math:`r = |\xi|`.

An isotropic density and a radial target leave the error radial. Integrated over spheres the weak
form is the one of one dimension with weights :math:`|S^{d-1}|\,r^{d-1}`,

.. math:: \int r^{d-1} u\,\partial_t\hat e\,dr = -(2\pi)^d\int r^{d-1}\rho_w
          \left(u\,\hat e + \sigma_a^2 u'\,\hat e'\right)dr,

on the half-line with the natural condition at 0. Volumes, :math:`(2\pi)^d\rho_w` and
:math:`r^{d-1}` over- and underflow by themselves in high dimensions; they are added up as
logarithms.

The loss does not depend on the spectrum near 0, where there is almost no volume. In high dimensions
spectra are therefore not taken from modes, which are orthogonal in the sense of the loss, but from
resolvents: by the maximum principle these are bounded point by point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.numerics.hankel import log_sphere, mean_wave, radial_transform
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.density import Density
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.target import Target

# In more dimensions r^{d-1} underflows within the mesh.
MAX_DIM = 64
_CHUNK = 2_000_000
# Points of the contour; the error of the rule falls like 2.85 to minus this power.
_CONTOUR = 32


def log_rate(density: Density, r: FloatArray) -> FloatArray:
    r"""Logarithm of :math:`(2\pi)^d\rho_w` at distances `r` from 0, of an isotropic density.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> rate = log_rate(Normal(scale=2.0, dim=300), np.array([0.0, 10.0]))
    >>> rate.round(3)
    array([67.737, 55.237])
    """
    profile = density.log_profile
    assert profile is not None, "a radial problem has an isotropic density"
    return np.asarray(profile(r) + density.dim * np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class RadialSystem(Portable):
    r"""Finite elements on the half-line of :math:`|\xi|`.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Line, an isotropic density about 0 and a radial target.
    axis : ElementAxis
        Elements from 0 on, or in high dimensions from where there is volume.
    known : pair of ndarrays, shape (Q,), optional
        The transforms of initial output and target at the quadrature points, where they are known.
    """

    equation: FrequencyEquation
    axis: ElementAxis
    known: tuple[FloatArray, FloatArray] | None = None

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self.equation.dim

    def _volume(self, r: FloatArray) -> FloatArray:
        r"""Parseval's :math:`(2\pi)^{-d}|S^{d-1}|\,r^{d-1}`."""
        log = log_sphere(self.dim) - self.dim * np.log(2 * np.pi)
        return np.asarray(np.exp(log + (self.dim - 1) * np.log(r)))

    @cached_property
    def points(self) -> tuple[FloatArray, FloatArray]:
        """Quadrature points and weights that measure the loss, shape (Q,) each."""
        r, weights = (part.ravel() for part in self.axis.rule)
        return r, weights * self._volume(r)

    @cached_property
    def blocks(self) -> tuple[Block]:
        """The one block."""
        r, weights = self.points
        values, slopes = self.axis.evaluation
        damping = weights * np.exp(log_rate(self.equation.density, r))
        moving = None
        if self.equation.sigma_a > 0:
            moving = self.equation.sigma_a**2 * ((slopes.T * damping) @ slopes).tocsr()
        loads = [values.T @ (weights * part) for part in self.transforms]
        return (
            Block(
                ((values.T * damping) @ values).tocsr(),
                moving,
                ((values.T * weights) @ values).tocsr(),
                *loads,
            ),
        )

    @cached_property
    def transforms(self) -> tuple[FloatArray, FloatArray]:
        """Transforms of initial output and target at the quadrature points, shape (Q,) each."""
        if self.known is not None:
            return self.known
        r, _ = self.points
        goal = radial_transform(self.equation.target.resolved_radius, self.dim, r, 0.0)
        if self.equation.start is None:
            return np.zeros(len(r)), goal
        return radial_transform(self.equation.start.resolved_radius, self.dim, r, 0.0), goal

    def lowered(self, degree: int) -> tuple[RadialSystem, IntArray]:
        """The same elements at a lower degree, and which of these unknowns it has."""
        axis, place = self.axis.lower(degree)
        return RadialSystem(self.equation, axis, self.transforms), place

    @cached_property
    def moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 over x, shape (3,)."""
        start, goal = (
            0.0 if part is None else _squared(part, self.dim)
            for part in (self.equation.start, self.equation.target)
        )
        both = _squared(self.equation.initial_error, self.dim)
        return np.array([start, (start + goal - both) / 2, goal])

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Error spectrum if nothing were learned, shape (T, F)."""
        size = np.linalg.norm(frequencies, axis=1)
        goal = radial_transform(self.equation.target.resolved_radius, self.dim, size, 0.0)
        left = np.zeros((len(t), 1))
        start = np.zeros(len(size))
        if self.equation.start is not None:
            left = self.equation.decay.damping(t)[:, None]
            start = radial_transform(self.equation.start.resolved_radius, self.dim, size, 0.0)
        return (left * start - goal).astype(np.complex128)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the error spectrum, shape (T, F)."""
        size = np.maximum(np.linalg.norm(frequencies, axis=1), self.axis.low[0])
        states = evolution.change
        if self.axis.low[0] > 0 and evolution.step_size is None:
            states = [self._pointwise(evolution.t)]
        return self._series(states, size).astype(np.complex128)

    def _pointwise(self, t: FloatArray) -> FloatArray:
        r"""Change under gradient flow, accurate at every r, shape (T, n).

        By the trapezoid rule on a parabola around the spectrum,
        :math:`e^{-tL} = \frac{1}{2\pi i}\int e^z (z + tL)^{-1} dz`.
        """
        block, axis = self.blocks[0], self.axis
        # Unknowns in order of the distance from 0, and rows of equal size: rounding errors are then
        # relative to each value and not to the largest volume.
        bubbles = np.repeat(axis.high + axis.low, axis.degree - 1) / 2
        order = np.argsort(np.concatenate([axis.vertices, bubbles]), kind="stable")
        rows = sparse.diags_array(1 / block.mass.diagonal())
        mass, operator = (
            (rows @ part).tocsr()[order][:, order].tocsc() for part in (block.mass, block.operator)
        )
        start = _solve(mass, (block.load / block.mass.diagonal())[order])
        # The resolvents act on what is learned at once, so that little change is accurate too.
        learned = operator @ start
        angle = np.pi * (2 * np.arange(_CONTOUR // 2) + 1) / _CONTOUR
        z = _CONTOUR * (0.1309 - 0.1194 * angle**2 + 0.25j * angle)
        weights = np.exp(z) * (0.25 + 0.2388j * angle) * 2 / z
        states = np.zeros((len(t), block.size))
        for k in np.flatnonzero(t > 0):
            change = sum(
                weight * _solve(shift * mass + t[k] * operator, -t[k] * learned)
                for shift, weight in zip(z, weights, strict=True)
            )
            states[k, order] = np.real(change)
        return states

    def _series(self, states: Sequence[FloatArray], r: FloatArray) -> FloatArray:
        """The function with these unknowns, zero beyond the mesh, shape (T, len(r))."""
        unknowns, values, _, _ = self.axis.at(r)
        return np.asarray(np.einsum("fk,tfk->tf", values, states[0][:, unknowns]))

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, d) points, shape (T, n)."""
        distance, where = np.unique(np.linalg.norm(x, axis=1), return_inverse=True)
        return self._output(evolution.change, distance)[:, where]

    def _output(self, states: Sequence[FloatArray], distance: FloatArray) -> FloatArray:
        """Inverse transform at distances (n,) from 0, shape (T, n)."""
        longest = 4.0 / max(float(distance.max(initial=0.0)), 1e-300)
        rules = [panel_rule(subdivide(nodes, longest)) for nodes in self.axis.intervals]
        r, weights = (np.concatenate(column) for column in zip(*rules, strict=True))
        strength = self._series(states, r) * (weights * self._volume(r))
        values = np.empty((len(strength), len(distance)))
        step = max(1, _CHUNK // len(r))
        for begin in range(0, len(distance), step):
            part = slice(begin, begin + step)
            values[:, part] = strength @ mean_wave(self.dim, np.outer(r, distance[part]))
        return values


def _solve(matrix: Any, load: FloatArray) -> Any:
    """Solution by elimination in the order given."""
    factor = sparse_linalg.splu(sparse.csc_array(matrix), permc_spec="NATURAL")
    return factor.solve(load.astype(matrix.dtype))


def _squared(part: Target, dim: int) -> float:
    """Integral of the square of a radial function over space."""
    r, weights, values = part.resolved_radius.rule()
    volume = np.exp(log_sphere(dim) + (dim - 1) * np.log(r))
    return float(weights @ (values**2 * volume))
