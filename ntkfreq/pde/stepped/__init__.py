"""Predictions step by step, for rules that no equation linear in the error describes."""
