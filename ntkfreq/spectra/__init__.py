"""The Fourier convention, sums of waves, bands of frequencies and their energies."""
