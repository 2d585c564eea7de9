"""Finite elements in frequency: meshes, shape functions, weak forms, tensor products."""
