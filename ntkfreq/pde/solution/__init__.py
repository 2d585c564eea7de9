"""A solved equation: its fields and views, how it went, and bands followed by themselves."""
