"""The frequency bias of common initializations."""
