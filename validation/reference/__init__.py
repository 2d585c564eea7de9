"""Independent references: the same quantities by other means, for the tests and the validation.

Formulas, dense linear algebra and generic integrators. Nothing in this folder imports ntkfreq: a
reference must not share code with what it judges.
"""
