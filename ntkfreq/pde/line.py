r"""Line: the damped heat equation in frequency by high-order finite elements.

The density enters by its even part and y is real, so the real part of the spectrum is even and
the imaginary part odd: both live on the half-line, the first with the natural
condition at 0, the second vanishing there. Two independent pencils, each half the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from skfem import (
    Basis,
    BilinearForm,
    ElementLineP1,
    ElementLineP2,
    ElementLinePp,
    LinearForm,
    MeshLine,
)

from ntkfreq._types import ComplexArray, FloatArray, IntArray
from ntkfreq.equation import FrequencyEquation
from ntkfreq.pde import forms
from ntkfreq.pde.mesh import FrequencyMesh
from ntkfreq.pde.system import Block, Evolution
from ntkfreq.quadrature import panel_rule, subdivide

_CHUNK = 2_000_000
DEGREES = tuple(range(1, 10))


def _element(degree: int) -> Any:
    # A fresh element each time: ElementLinePp keeps the basis values of its last
    # call and reuses them whenever the *number* of points is the same.
    if degree == 1:
        return ElementLineP1()
    return ElementLineP2() if degree == 2 else ElementLinePp(degree)


@dataclass(frozen=True, eq=False)
class LineSystem:
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
    def _basis(self) -> Any:
        nodes = np.concatenate(self.mesh.intervals)
        first = np.concatenate([[0], np.cumsum([len(part) for part in self.mesh.intervals])])
        left = np.concatenate([np.arange(a, b - 1) for a, b in pairwise(first)])
        mesh = MeshLine(nodes[None, :], np.stack([left, left + 1]))
        # 2p integrates the mass exactly; the rest is for the density and the data.
        return Basis(mesh, _element(self.degree), intorder=2 * self.degree + 8)

    @cached_property
    def _at_zero(self) -> Any:
        """The unknown at frequency 0, where the odd part vanishes; none if 0 is off the support."""
        if self.mesh.intervals[0][0] > 0:
            return np.array([], dtype=int)
        return self._basis.nodal_dofs[0, :1]

    @cached_property
    def blocks(self) -> tuple[Block, Block]:
        """The even pencil (real part) and the odd one (imaginary part)."""
        basis = self._basis
        xi = np.asarray(basis.global_coordinates())[0]
        rho = self.equation.density.even_pdf(xi.ravel()).reshape(xi.shape)
        # Parseval on the half-line: the loss is 1/pi times the integral of |e|^2.
        stationary = BilinearForm(forms.damping).assemble(basis, rho=rho) / np.pi
        mass = BilinearForm(forms.mass).assemble(basis) / np.pi
        moving = None
        if self.equation.sigma_a > 0:
            variance = self.equation.sigma_a**2 / np.pi
            moving = BilinearForm(forms.diffusion).assemble(basis, rho=rho) * variance
        start, goal = self._loads(xi)
        odd = np.setdiff1d(np.arange(basis.N), self._at_zero)

        def restricted(matrix: Any) -> Any:
            return None if matrix is None else matrix[odd][:, odd]

        return (
            Block(stationary, moving, mass, start.real, goal.real),
            Block(
                restricted(stationary),
                restricted(moving),
                restricted(mass),
                start.imag[odd],
                goal.imag[odd],
            ),
        )

    def _loads(self, xi: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Functionals of the transforms of initial output and target, shape (N,) each."""
        loads = []
        for part in (self.equation.start, self.equation.target):
            if part is None:
                loads.append(np.zeros(self._basis.N, dtype=np.complex128))
                continue
            values = part.resolved.transform(xi.ravel()).reshape(xi.shape)
            real = LinearForm(forms.load).assemble(self._basis, initial=values.real)
            imag = LinearForm(forms.load).assemble(self._basis, initial=values.imag)
            loads.append(np.asarray(real + 1j * imag) / np.pi)
        return loads[0], loads[1]

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

    def _interpolation(self, xi: FloatArray) -> tuple[Any, IntArray]:
        """Sparse matrix from unknowns to values at the `xi` inside the mesh, and their indices."""
        inside = np.zeros(len(xi), dtype=bool)
        at = xi.copy()
        for nodes in self.mesh.intervals:
            here = (xi >= nodes[0]) & (xi <= nodes[-1])
            # The element finder gives the right end of an interval to the one after it.
            at[here] = np.minimum(xi[here], np.nextafter(nodes[-1], 0.0))
            inside |= here
        where = np.flatnonzero(inside).astype(np.int64)
        if where.size == 0:
            return sparse.csr_matrix((0, self._basis.N)), where
        # Another number of quadrature points than of `xi`, see _element.
        order = 4 if where.size == 2 else 2
        fresh = Basis(self._basis.mesh, _element(self.degree), intorder=order)
        return fresh.probes(at[None, where]).tocsr(), where

    def _parts(self, change: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Nodal real and imaginary parts, (n, T) each, the odd one with its zero at frequency 0."""
        real, odd = change
        imag = np.zeros_like(real)
        imag[:, np.setdiff1d(np.arange(self._basis.N), self._at_zero)] = odd
        return real.T, imag.T

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
        r"""What learning adds to the output, the inverse transform of the spectrum, shape (T, n).

        By parity it is :math:`\frac1\pi\int_0^\infty(\Re\cos\xi x - \Im\sin\xi x)\,d\xi`.
        """
        longest = 4.0 / max(float(np.abs(x).max()), 1e-300)
        rules = [panel_rule(subdivide(nodes, longest)) for nodes in self.mesh.intervals]
        xi = np.concatenate([nodes for nodes, _ in rules])
        weights = np.concatenate([weight for _, weight in rules]) / np.pi
        matrix, where = self._interpolation(xi)
        real, imag = self._parts(evolution.change)
        weights = weights[where][:, None]
        values = np.empty((real.shape[1], len(x)))
        step = max(1, _CHUNK // max(len(where), 1))
        for start in range(0, len(x), step):
            phase = np.outer(xi[where], x[start : start + step, 0])
            cosine = real.T @ (matrix.T @ (weights * np.cos(phase)))
            sine = imag.T @ (matrix.T @ (weights * np.sin(phase)))
            values[:, start : start + step] = cosine - sine
        return values

    def distance(
        self, change: Sequence[FloatArray], other: LineSystem, other_change: Sequence[FloatArray]
    ) -> float:
        r"""Largest :math:`\|\delta\hat e(t)\|_2` between two solutions on the same mesh."""
        rules = [panel_rule(nodes) for nodes in self.mesh.intervals]
        xi = np.concatenate([nodes for nodes, _ in rules])
        weights = np.concatenate([weight for _, weight in rules]) / np.pi
        mine = self.series(change, xi[:, None])
        theirs = other.series(other_change, xi[:, None])
        return float(np.sqrt((np.abs(mine - theirs) ** 2 @ weights).max()))
