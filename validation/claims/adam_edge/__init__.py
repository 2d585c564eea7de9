"""The edge of stability under Adam, predicted and trained."""
