r"""Line: the damped heat equation in frequency by high-order finite elements.

The density enters by its even part and y is real, so the real part of the spectrum is even and
the imaginary part odd: both live on the half-line, the first with the natural
condition at 0, the second vanishing there. They are two independent systems, each of half the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from scipy import sparse

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ComplexArray, FloatArray, IntArray
from ntkfreq.numerics.quadrature import panel_rule, subdivide
from ntkfreq.pde.elements import forms
from ntkfreq.pde.elements.axis import ElementAxis
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.time.discretized import extrapolated, initial_norm
from ntkfreq.pde.time.system import Block, Evolution
from ntkfreq.problem.density import Density
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.layers.pair import TwoDensities

_CHUNK = 2_000_000
DEGREES = tuple(range(1, 10))
# Sums of waves have rounding errors of about this share of the largest sum.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class LineSystem(Portable):
    """Finite elements of one degree on one mesh of the half-line.

    Parameters
    ----------
    equation : FrequencyEquation
        With measure Line, in one dimension.
    mesh : FrequencyMesh
        Elements; nodes lie at the kinks of the density.
    degree : int
        Polynomial degree, 1 to 9; the L2 error falls with the power degree + 1 of the mesh size.
    """

    equation: FrequencyEquation
    mesh: FrequencyMesh
    degree: int

    @cached_property
    def axis(self) -> ElementAxis:
        """The elements; p + 1 points integrate the mass exactly, the rest is for the density."""
        return ElementAxis(self.mesh.intervals, self.degree, self.degree + 5)

    @cached_property
    def _integrals(self) -> tuple[FloatArray, FloatArray | None, FloatArray]:
        """Element matrices, stationary, moving (None if nothing moves) and mass, of all pairs."""
        axis, both = self.axis, self.densities
        xi, shape = axis.rule[0].ravel(), axis.rule[0].shape
        rho = self._values(both.damping, xi).reshape(shape)
        # Parseval on the half-line: the loss is 1/pi times the integral of |e|^2.
        stationary = both.mass * forms.integrals(forms.damping, axis, rho) / np.pi
        mass = forms.integrals(forms.mass, axis, rho) / np.pi
        moving = None
        if both.spread > 0:
            if not both.alike:
                rho = self._values(both.diffusion, xi).reshape(shape)
            variance = both.spread**2 / np.pi
            moving = forms.integrals(forms.diffusion, axis, rho) * variance
        return stationary, moving, mass

    @property
    def densities(self) -> TwoDensities:
        """Densities in the equation."""
        return self.equation.densities

    def _values(self, density: Density, xi: FloatArray) -> FloatArray:
        """One of them at frequencies (n,)."""
        return density.even_values(xi)

    def _transforms(self, xi: FloatArray) -> list[ComplexArray | None]:
        """Transforms of initial output and target at frequencies (n,); None is zero."""
        parts = (self.equation.start, self.equation.target)
        return [None if part is None else part.resolved.transform(xi) for part in parts]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The even block (real part) and the odd one (imaginary part)."""
        parts = np.stack([[load.real, load.imag] for load in self._loads])
        sizes = np.abs(parts).max(axis=(0, 2))
        # A target that is even, or odd, leaves rounding in the other part.
        parts[:, sizes <= _ROUNDING * sizes.max()] = 0.0
        return tuple(
            self._block(self.axis.unknowns - skipped, parts[:, k, skipped:])
            for k, skipped in enumerate((0, self._odd_from))
        )

    def _block(self, unknowns: IntArray, loads: FloatArray) -> Block:
        """Block of the unknowns (elements, k) of each element, negative ones left out."""
        pattern = forms.Pattern.of(unknowns, loads.shape[1])
        stationary, moving, mass = self._integrals
        damping = pattern.matrix(stationary)
        if self.densities.atom > 0 and loads.shape[1] == self.axis.size:
            # The constant feeds back the integral of the error, the even part at frequency 0.
            at_zero = np.array([0], dtype=np.int64)
            damping = damping + sparse.csr_array(
                (np.array([self.densities.atom]), (at_zero, at_zero)), shape=damping.shape
            )
        return Block(
            damping,
            None if moving is None else pattern.matrix(moving),
            pattern.matrix(mass),
            loads[0],
            loads[1],
        )

    @cached_property
    def _odd_from(self) -> int:
        """First unknown of the odd block: 1 where 0 is the first vertex, at which it vanishes."""
        return int(self.mesh.intervals[0][0] <= 0)

    @cached_property
    def _loads(self) -> tuple[ComplexArray, ComplexArray]:
        """Functionals of the transforms of initial output and target, shape (N,) each."""
        xi = self.axis.rule[0]
        loads = []
        for part in self._transforms(xi.ravel()):
            if part is None:
                loads.append(np.zeros(self.axis.size, dtype=np.complex128))
                continue
            values = part.reshape(xi.shape)
            loads.append(self._functional(values.real) + 1j * self._functional(values.imag))
        return loads[0], loads[1]

    def _functional(self, values: FloatArray) -> FloatArray:
        """Functional of a function given at the quadrature points, shape (N,)."""
        return forms.functional(self.axis, values) / np.pi

    @cached_property
    def moments(self) -> FloatArray:
        """Integrals of f_0^2, f_0 y and y^2 over x, shape (3,)."""
        x, weights, _ = self.equation.initial_error.resolved.rule()
        start = self.equation.initial_output_at(x[:, None])
        goal = self.equation.target.at(x[:, None])
        return np.array([weights @ start**2, weights @ (start * goal), weights @ goal**2])

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Error spectrum if nothing were learned, shape (T, F)."""
        xi = frequencies[:, 0]
        goal = self.equation.target.resolved.transform(xi)
        if self.equation.start is None:
            return np.broadcast_to(-goal, (len(t), len(xi)))
        start = self.equation.start.resolved.transform(xi)
        return np.asarray(np.multiply.outer(self.equation.decay.damping(t), start) - goal)

    def _interpolation(self, xi: FloatArray, slope: bool = False) -> tuple[Any, IntArray]:
        """Sparse matrix from unknowns to values or slopes at the `xi` in the mesh, and which."""
        unknowns, values, slopes, inside = self.axis.at(xi)
        where = np.flatnonzero(inside).astype(np.int64)
        entries = (slopes if slope else values)[where]
        first = np.arange(0, entries.size + 1, entries.shape[1])
        shape = (len(where), self.axis.size)
        return sparse.csr_array((entries.ravel(), unknowns[where].ravel(), first), shape), where

    def _parts(self, change: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Nodal real and imaginary parts, (n, T) each, the odd one with its zero at frequency 0."""
        real, odd = change
        imag = np.zeros_like(real)
        imag[:, self._odd_from :] = odd
        return real.T, imag.T

    def at_nodes(self, change: Sequence[FloatArray], slope: bool = False) -> ComplexArray:
        """Finite-element functions, or their derivatives, on the rule, shape (T, elements, q)."""
        shape = forms.shapes(self.axis)
        functions = shape.slope if slope else shape.value
        parts = []
        for part in self._parts(change):
            # One matrix product for each element is many times faster than a general sum.
            local = part.T[:, self.axis.unknowns].swapaxes(0, 1)
            parts.append((local @ functions.transpose(1, 0, 2)).swapaxes(0, 1))
        return np.asarray(parts[0] + 1j * parts[1])

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the error spectrum, shape (T, F)."""
        return self.series(evolution.change, frequencies)

    def series(self, change: Sequence[FloatArray], frequencies: FloatArray) -> ComplexArray:
        """Finite-element functions with these unknowns, one array (T, n) a block, shape (T, F)."""
        xi = frequencies[:, 0]
        values = np.zeros((len(change[0]), len(xi)), dtype=np.complex128)
        matrix, where = self._interpolation(np.abs(xi))
        if where.size:
            real, imag = self._parts(change)
            sign = np.sign(xi[where])
            values[:, where] = (matrix @ real).T + 1j * sign * (matrix @ imag).T
        return values

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, 1) points, shape (T, n)."""
        return self._inverse(evolution.change, x)

    def _inverse(self, change: Sequence[FloatArray], x: FloatArray) -> FloatArray:
        r"""Inverse transform at (n, 1) points of the function with these unknowns, shape (T, n).

        By parity it is :math:`\frac1\pi\int_0^\infty(\Re\cos\xi x - \Im\sin\xi x)\,d\xi`.
        """
        longest = 4.0 / max(float(np.abs(x).max()), 1e-300)
        rules = [panel_rule(subdivide(nodes, longest)) for nodes in self.mesh.intervals]
        xi = np.concatenate([nodes for nodes, _ in rules])
        weights = np.concatenate([weight for _, weight in rules]) / np.pi
        matrix, where = self._interpolation(xi)
        real, imag = self._parts(change)
        weights = weights[where][:, None]
        values = np.empty((real.shape[1], len(x)))
        step = max(1, _CHUNK // max(len(where), 1))
        for start in range(0, len(x), step):
            phase = np.outer(xi[where], x[start : start + step, 0])
            cosine = real.T @ (matrix.T @ (weights * np.cos(phase)))
            sine = imag.T @ (matrix.T @ (weights * np.sin(phase)))
            values[:, start : start + step] = cosine - sine
        return values

    def error_squares(self, evolution: Evolution) -> FloatArray:
        """Squares of estimated relative errors at times (T,) on each element, (T, elements)."""
        size = initial_norm(self) ** 2
        weights = self.axis.rule[1] / np.pi
        squares = extrapolated(
            np.stack(
                [
                    np.einsum("teq,eq->te", np.abs(part) ** 2, weights)
                    for part in self.tails(evolution.change)
                ]
            )
        )
        return squares / size if size > 0 else squares

    def tails(self, change: Sequence[FloatArray], slope: bool = False) -> list[ComplexArray]:
        """The last three pairs of Legendre terms of finite-element functions, the last pair first.

        On every element, at the points of the rule, three arrays of shape (T, elements, q), from
        which the convergence of the series is estimated.
        """
        values = self.at_nodes(change, slope)
        nodes, weights, _, _ = self.axis.reference
        last = self.degree - int(slope)
        found = legendre.legvander(nodes, last) * np.sqrt(np.arange(last + 1) + 0.5)
        pairs = [found[:, max(end - 2, 0) : max(end, 0)] for end in (last + 1, last - 1, last - 3)]
        return [values @ ((weights[:, None] * pair) @ pair.T) for pair in pairs]
