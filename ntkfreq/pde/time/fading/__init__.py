"""Propagators under decay, where the memories of a system fade: implicit steps of high order."""
