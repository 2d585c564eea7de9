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
from skfem import Basis, ElementLineP1, ElementLineP2, ElementLinePp, MeshLine

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

    def _matrices(self) -> tuple[Any, Any, Any]:
        """Stationary, moving (None if nothing moves) and mass matrix of all unknowns."""
        basis = self._basis
        xi = np.asarray(basis.global_coordinates())[0]
        rho = self._density_at(xi.ravel()).reshape(xi.shape)
        # Parseval on the half-line: the loss is 1/pi times the integral of |e|^2.
        stationary = forms.assemble(forms.damping, basis, rho) / np.pi
        mass = forms.assemble(forms.mass, basis, rho) / np.pi
        moving = None
        if self.equation.sigma_a > 0:
            variance = self.equation.sigma_a**2 / np.pi
            moving = forms.assemble(forms.diffusion, basis, rho) * variance
        return stationary, moving, mass

    def _density_at(self, xi: FloatArray) -> FloatArray:
        """Density in the equation at frequencies (n,)."""
        return self.equation.density.even_pdf(xi)

    def _transforms(self, xi: FloatArray) -> list[ComplexArray | None]:
        """Transforms of initial output and target at frequencies (n,); None is zero."""
        parts = (self.equation.start, self.equation.target)
        return [None if part is None else part.resolved.transform(xi) for part in parts]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The even pencil (real part) and the odd one (imaginary part)."""
        stationary, moving, mass = self._matrices()
        start, goal = self._loads()
        odd = self._odd

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

    def _loads(self) -> tuple[ComplexArray, ComplexArray]:
        """Functionals of the transforms of initial output and target, shape (N,) each."""
        xi = np.asarray(self._basis.global_coordinates())[0]
        loads = []
        for part in self._transforms(xi.ravel()):
            if part is None:
                loads.append(np.zeros(self._basis.N, dtype=np.complex128))
                continue
            values = part.reshape(xi.shape)
            loads.append(self._functional(values.real) + 1j * self._functional(values.imag))
        return loads[0], loads[1]

    def _functional(self, values: FloatArray) -> FloatArray:
        """Functional of a function given at the quadrature points, shape (N,)."""
        return forms.functional(self._basis, values) / np.pi

    @cached_property
    def _odd(self) -> IntArray:
        """Unknowns of the odd pencil."""
        return np.setdiff1d(np.arange(self._basis.N), self._at_zero).astype(np.int64)

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
        left = np.concatenate([nodes[:-1] for nodes in self.mesh.intervals])
        right = np.concatenate([nodes[1:] for nodes in self.mesh.intervals])
        element = np.searchsorted(left, xi, side="right") - 1
        where = np.flatnonzero((element >= 0) & (xi <= right[element])).astype(np.int64)
        element = element[where]
        length = (right - left)[element]
        local = np.clip((xi[where] - left[element]) / length, 0.0, 1.0)[None]
        shape = _element(self.degree)
        dofs = self._basis.element_dofs[:, element]
        values = [shape.lbasis(local, k) for k in range(len(dofs))]
        if slope:
            entries = np.stack([gradient[0] / length for _, gradient in values])
        else:
            entries = np.stack([value for value, _ in values])
        rows = np.broadcast_to(np.arange(len(where)), dofs.shape)
        matrix = sparse.coo_matrix(
            (entries.ravel(), (rows.ravel(), dofs.ravel())), shape=(len(where), self._basis.N)
        )
        return matrix.tocsr(), where

    def _parts(self, change: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Nodal real and imaginary parts, (n, T) each, the odd one with its zero at frequency 0."""
        real, odd = change
        imag = np.zeros_like(real)
        imag[:, self._odd] = odd
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

    def lowered(self, degree: int) -> LineSystem:
        """The same elements at a lower degree (above 2): a corner of the same matrices."""
        lower = LineSystem(self.equation, self.mesh, degree)
        kept = self._kept(degree)
        even, odd = self.blocks
        position = np.full(self._basis.N, -1)
        position[self._odd] = np.arange(len(self._odd))
        inside = position[kept][position[kept] >= 0]
        lower.__dict__["blocks"] = (corner(even, kept), corner(odd, inside))
        return lower

    def _kept(self, degree: int) -> IntArray:
        """Unknowns of a lower degree: the shape functions are hierarchical."""
        basis = self._basis
        return np.concatenate(
            [basis.nodal_dofs.ravel(), basis.interior_dofs[: degree - 1].ravel()]
        ).astype(np.int64)

    def squares(
        self, change: Sequence[FloatArray], degree: int, other: Sequence[FloatArray]
    ) -> FloatArray:
        r"""Square of :math:`\|\delta\hat e(t)\|_2` on each element, shape (T, elements).

        The difference to a solution `other` of a lower degree on the same mesh, in the norm
        whose square is the loss.
        """
        kept = self._kept(degree)
        position = np.full(self._basis.N, -1)
        position[self._odd] = np.arange(len(self._odd))
        inside = position[kept][position[kept] >= 0]
        even, odd = (part.copy() for part in change)
        even[:, kept] -= other[0]
        odd[:, inside] -= other[1]
        shape = forms.shapes(self._basis).value
        total = np.zeros((len(even), self.mesh.elements))
        for part in self._parts((even, odd)):
            local = part[self._basis.element_dofs]
            values = np.einsum("ieq,iet->teq", shape, local, optimize=True)
            total += np.einsum("teq,eq->te", values**2, self._basis.dx)
        return total / np.pi


def corner(block: Block, kept: IntArray) -> Block:
    """The block of some of the unknowns."""

    def part(matrix: Any) -> Any:
        return None if matrix is None else matrix[kept][:, kept]

    return Block(
        part(block.stationary),
        part(block.moving),
        part(block.mass),
        block.start[kept],
        block.goal[kept],
    )
