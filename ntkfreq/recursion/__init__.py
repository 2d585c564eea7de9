"""The output of an infinitely wide Fourier-feature network under Adam and its relatives."""
