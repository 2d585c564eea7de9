"""Late generalization of deep networks whose output weights decay."""
