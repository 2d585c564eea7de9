"""Helpers of all parts: checks of input, sizes, threads, types, the meaning of an axis."""
