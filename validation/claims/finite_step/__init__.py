"""Gradient descent and momentum, step by step."""
