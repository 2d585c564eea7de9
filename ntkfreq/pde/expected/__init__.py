"""Losses over all random initial outputs."""
