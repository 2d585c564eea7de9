"""Validation scripts: one claim each, `run(...) -> dict`, exit status 1 past its tolerance."""
