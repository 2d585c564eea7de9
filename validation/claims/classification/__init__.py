"""Logistic loss and features that are not smooth."""
