"""The objects of the theory: densities, measures, targets and the equation."""
