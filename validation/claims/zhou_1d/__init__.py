"""The one-dimensional experiment of arXiv 2405.17479."""
