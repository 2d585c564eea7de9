"""Advance a block in time: one interface, chosen by size and by need."""

from ntkfreq.pde.propagators.eigen import EigenPropagator

__all__ = ["EigenPropagator"]
