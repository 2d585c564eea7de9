"""The phase diagram of grokking."""
