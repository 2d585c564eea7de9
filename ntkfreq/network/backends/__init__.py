"""Engines that evaluate and train the network, loaded on first use.

========== ============================================== =================
name       method                                         engine
========== ============================================== =================
reference  the formulas in NumPy                          NumPy
direct     fused sums, vectorized sine-cosine, threads    Numba
========== ============================================== =================
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from ntkfreq._types import FloatArray
from ntkfreq.network.backends.state import Descent, NetworkState

__all__ = ["BACKENDS", "Backend", "Descent", "NetworkState", "choose", "load"]

BACKENDS = MappingProxyType(
    {
        "reference": "ntkfreq.network.backends.reference",
        "direct": "ntkfreq.network.backends.direct",
    }
)
# Pairs of point and unit, times steps, that NumPy does in the second which loading Numba takes
# (80 ns a pair and step measured).
SMALL_WORK = 10_000_000
# Above this |w . x| the sine-cosine of `direct` loses digits.
LARGEST_PHASE = 1e8


class Backend(Protocol):
    """What a backend module offers; arrays are w (m, d), a (m,), b (m,), x (n, d), y (n,)."""

    def evaluate(self, w: FloatArray, a: FloatArray, b: FloatArray, x: FloatArray) -> FloatArray:
        """Network output at x."""

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take gradient-descent steps in place."""

    def threads(self, pairs: int) -> int:
        """Cores that a step over this many pairs occupies."""

    def warm_up(self, pairs: int) -> None:
        """Compile what a problem of this many pairs will call."""


def load(name: str) -> Backend:
    """Import the backend of this name."""
    return cast(Backend, import_module(BACKENDS[name]))


def choose(work: int, phase: float, small: int = SMALL_WORK) -> tuple[str, str]:
    """Name of the backend for a problem, and the reason in words.

    Parameters
    ----------
    work : int
        Points times units times steps.
    phase : float
        Bound on ``|w . x|``.
    small : int
        Amount of work up to which `reference` is preferred.

    Returns
    -------
    (name, why)

    Examples
    --------
    >>> choose(4_000_000_000, 30.0)
    ('direct', 'points x units x steps = 4e+09, more than 1e+07')
    """
    if phase > LARGEST_PHASE:
        return "reference", f"phases |w.x| up to {phase:.3g}, more than {LARGEST_PHASE:.0e}"
    size = f"points x units x steps = {work:.3g}"
    if work <= small:
        return "reference", f"{size}, no more than {small:.3g}"
    return "direct", f"{size}, more than {small:.3g}"
