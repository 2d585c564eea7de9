"""Alias shares of undersampled tones."""
