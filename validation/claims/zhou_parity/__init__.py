"""The parity experiment of arXiv 2405.17479."""
