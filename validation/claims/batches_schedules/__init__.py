"""Batches and schedules of gradient descent and momentum."""
