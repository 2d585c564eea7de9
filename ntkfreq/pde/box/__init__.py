"""Box in one dimension: Legendre polynomials and spherical Bessel functions."""
