"""Agreement against the width of the network."""
