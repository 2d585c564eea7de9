"""Onset of generalization by the mean losses."""
