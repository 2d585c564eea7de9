"""Quadrature, transforms and linear algebra that several solvers share."""
