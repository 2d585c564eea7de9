"""Deep networks as people train them."""
