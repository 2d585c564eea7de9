"""Prediction against trained network, and what of a difference is finite width."""
