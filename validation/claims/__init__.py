"""One folder a script: what it claims, its problem, its figure and its committed result."""
