"""Which frequencies are learned when."""
