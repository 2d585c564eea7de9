"""Errors of converged solutions against `rtol`."""
