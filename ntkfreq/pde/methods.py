"""Which method solves an equation: one for each measure and dimension, loaded when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from ntkfreq._support import checks
from ntkfreq.pde.method import Method
from ntkfreq.problem.equation import FrequencyEquation

# Name of the measure, and dimension: 1, 2, any other (0), or radial.
_METHODS = {
    ("Line", "1"): "ntkfreq.pde.line.method:LineMethod",
    ("Line", "2"): "ntkfreq.pde.plane.method:PlaneMethod",
    ("Line", "radial"): "ntkfreq.pde.radial.method:RadialMethod",
    ("Grid", "1"): "ntkfreq.pde.lattice.method:LatticeMethod",
    ("Grid", "2"): "ntkfreq.pde.plane.lattice_method:PlaneLatticeMethod",
    ("Box", "1"): "ntkfreq.pde.box.method:BoxMethod",
    ("Box", "2"): "ntkfreq.pde.box_plane.method:BoxPlaneMethod",
    ("Points", "any"): "ntkfreq.pde.points.method:PointsMethod",
}


def method_for(equation: FrequencyEquation, by: str = "auto") -> Method[Any]:
    """The method of an equation, and the way of solution that is asked of it.

    Raises
    ------
    ValueError
        For a dimension that is not solved on the measure, or a way that it does not have.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> problem = FrequencyEquation.create(Normal(scale=3.0), ([0.0, 1.0], [1.0, 2.0]))
    >>> type(method_for(problem)).__name__
    'PointsMethod'
    """
    kind = type(equation.measure).__name__
    for dimension in ("radial" if equation.radial else str(equation.dim), "any"):
        place = _METHODS.get((kind, dimension))
        if place is not None:
            module, _, name = place.partition(":")
            method: type[Method[Any]] = getattr(importlib.import_module(module), name)
            if by != "auto":
                _refuse_way(by, method.ways, equation)
            return method(equation, equation.measure, by)
    raise ValueError(
        f"measure={equation.measure} has dimension {equation.dim}; {kind} is solved in one and two "
        "dimensions: use measure=Points(x), which takes any dimension"
    )


def _refuse_way(by: str, ways: tuple[str, ...], equation: FrequencyEquation) -> None:
    if len(ways) == 1:
        raise ValueError(
            f"method={by!r} with measure={equation.measure!r}: ways of solution are told apart on "
            "Points; leave method out"
        )
    checks.choice("method", by, ways)
