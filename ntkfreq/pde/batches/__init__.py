"""Mean losses under batches, on the Gram matrix of the samples."""
