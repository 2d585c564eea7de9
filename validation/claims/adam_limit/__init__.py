"""Networks under Adam and its relatives against the limit of wide ones."""
