"""Engines that evaluate and train networks, loaded on first use.

========== ======================================================== =================
name       method                                                   engine
========== ======================================================== =================
reference  the formulas in NumPy                                    NumPy
direct     fused sums, vectorized sine-cosine, threads              Numba
nufft      non-uniform fast transforms, O(N + m), d at most 3       FINUFFT
torch      automatic differentiation, any device, any precision     PyTorch
========== ======================================================== =================
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol, cast

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends.cost import LARGEST_GRID, Work, choose
from ntkfreq.network.backends.limits import LARGEST_PHASE, refuse_lost_phases
from ntkfreq.network.backends.state import Descent, NetworkState

__all__ = [
    "BACKENDS",
    "LARGEST_GRID",
    "LARGEST_PHASE",
    "Backend",
    "Descent",
    "NetworkState",
    "Work",
    "choose",
    "load",
    "refuse_lost_phases",
]

# Name of the class, in the module of the backend's name.
BACKENDS = MappingProxyType(
    {"reference": "Reference", "direct": "Direct", "nufft": "Nufft", "torch": "Torch"}
)


class Backend(Protocol):
    """The interface of a backend; theta is as packed by a network, points x have shape (n, d)."""

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Network output at x."""

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)`` in theta."""

    def tangent(
        self, theta: FloatArray, direction: FloatArray, x: FloatArray, first: int
    ) -> FloatArray:
        """Change of the output at x per unit of a direction of theta (rows from `first` on)."""

    def gram(self, theta: FloatArray, x: FloatArray, first: int) -> FloatArray:
        """Gram matrix of the gradients at few points x, the empirical NTK."""

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take steps in place."""

    def threads(self, points: int, units: int) -> int:
        """Cores that a step over so many points and units occupies."""

    def warm_up(self, points: int, units: int, dim: int) -> None:
        """Compile what a problem of this size will call."""


def load(name: str, **options: Any) -> Backend:
    """The backend of this name.

    Parameters
    ----------
    name : str
        One of `BACKENDS`.
    **options
        Fields of the backend's class.
    """
    module = import_module(f"{__name__}.{name}")
    return cast(Backend, getattr(module, BACKENDS[name])(**options))
