"""A solved equation: its fields and views, its status, and the own parts of bands."""
