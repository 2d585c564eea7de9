"""Numerics of the frequency-space equation."""
