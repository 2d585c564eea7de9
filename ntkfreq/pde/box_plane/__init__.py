"""Box in two dimensions: products of Legendre polynomials, kernels as sums of products."""
