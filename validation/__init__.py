"""Scripts that check the claims of ntkfreq on trained networks, and what they rest on."""
