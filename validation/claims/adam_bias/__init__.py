"""The bias of Adam against the fall of the spectrum."""
