"""Advance a block in time: by its modes, or by a Krylov space."""

from ntkfreq.pde.time.propagators.eigen import EigenPropagator, InertPropagator
from ntkfreq.pde.time.propagators.krylov import KrylovPropagator

__all__ = ["EigenPropagator", "InertPropagator", "KrylovPropagator"]
