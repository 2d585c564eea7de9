"""The experiment on digits of arXiv 2405.17479."""
