"""Advance a block in time: one interface, chosen by size and by need."""

from ntkfreq.pde.propagators.eigen import EigenPropagator, StillPropagator
from ntkfreq.pde.propagators.implicit import ImplicitPropagator
from ntkfreq.pde.propagators.krylov import KrylovPropagator

__all__ = ["EigenPropagator", "ImplicitPropagator", "KrylovPropagator", "StillPropagator"]
