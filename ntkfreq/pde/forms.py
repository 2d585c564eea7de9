r"""Weak forms of the damped heat equation in frequency: one function a term, nothing else.

Multiplying :math:`\partial_t\hat e = 2\pi[\sigma_a^2(\rho\hat e')' - \rho\hat e]` by a test
function and integrating by parts leaves no boundary term: the flux :math:`\rho\hat e'`
vanishes where the density ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ntkfreq._types import FloatArray


class Shape(NamedTuple):
    """Values and slopes of shape functions at quadrature points."""

    value: FloatArray
    slope: FloatArray


def mass(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The mass term, :math:`\int u v\,d\xi`."""
    return u.value * v.value


def damping(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The damping term, :math:`2\pi\int \rho\, u v\,d\xi`."""
    return 2 * np.pi * rho * u.value * v.value


def diffusion(u: Shape, v: Shape, rho: FloatArray) -> FloatArray:
    r"""The diffusion term, :math:`2\pi\int \rho\, u' v'\,d\xi`, to be scaled by the variance."""
    return 2 * np.pi * rho * u.slope * v.slope


Form = Callable[[Shape, Shape, FloatArray], FloatArray]


def assemble(form: Form, basis: Any, rho: FloatArray) -> Any:
    """Sparse matrix of a form, all pairs of shape functions at once.

    A dozen times faster than a loop over the 81 pairs of degree 8, which would take longer
    than all else together.
    """
    shape = shapes(basis)
    one = Shape(shape.value[:, None], shape.slope[:, None])
    local = np.sum(form(one, shape, rho) * basis.dx, axis=-1)
    dofs = basis.element_dofs
    rows = np.broadcast_to(dofs[:, None], local.shape)
    columns = np.broadcast_to(dofs[None], local.shape)
    entries = (local.ravel(), (rows.ravel(), columns.ravel()))
    return sparse.coo_matrix(entries, shape=(basis.N, basis.N)).tocsr()


def functional(basis: Any, values: FloatArray) -> FloatArray:
    """Integrals of a function, given at the quadrature points, against all shape functions."""
    local = np.sum(shapes(basis).value * (values * basis.dx), axis=-1)
    return np.asarray(np.bincount(basis.element_dofs.ravel(), local.ravel(), basis.N), dtype=float)


def shapes(basis: Any) -> Shape:
    """Shape functions of a basis on every element, arrays (functions, elements, points)."""
    fields = [function[0] for function in basis.basis]
    size = basis.dx.shape
    return Shape(
        np.stack([np.broadcast_to(np.asarray(field), size) for field in fields]),
        np.stack([np.broadcast_to(field.grad[0], size) for field in fields]),
    )
