"""Learning times on a photograph."""
