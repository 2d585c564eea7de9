"""What every part uses: checks of input, sizes, threads, types, the meaning of an axis."""
