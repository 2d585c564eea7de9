"""Spectral mismatch of the data against the delay."""
