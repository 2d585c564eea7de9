"""Networks trained under weight decay."""
