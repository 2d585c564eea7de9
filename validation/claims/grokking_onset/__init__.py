"""Onset of generalization, predicted and trained."""
