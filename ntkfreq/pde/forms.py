r"""Weak forms of the damped heat equation in frequency: one function a term, nothing else.

Multiplying :math:`\partial_t\hat e = 2\pi[\sigma_a^2(\rho\hat e')' - \rho\hat e]` by a test
function and integrating by parts leaves no boundary term: the flux :math:`\rho\hat e'`
vanishes where the density ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from skfem.helpers import d, dot


def mass(u: Any, v: Any, _: Any) -> Any:
    r"""The mass term, :math:`\int u v\,d\xi`."""
    return u * v


def damping(u: Any, v: Any, w: Any) -> Any:
    r"""The damping term, :math:`2\pi\int \rho\, u v\,d\xi`."""
    return 2 * np.pi * w.rho * u * v


def diffusion(u: Any, v: Any, w: Any) -> Any:
    r"""The diffusion term, :math:`2\pi\int \rho\, u' v'\,d\xi`, to be scaled by the variance."""
    return 2 * np.pi * w.rho * dot(d(u), d(v))


def load(v: Any, w: Any) -> Any:
    r"""The initial data against a test function, :math:`\int \hat e_0\, v\,d\xi`."""
    return w.initial * v
