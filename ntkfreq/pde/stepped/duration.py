"""How long predictions step by step take, by estimates made before they begin."""

from __future__ import annotations

from typing import Any

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.stepped.following import path_seconds, points_of
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes

# Factor of the distance of the nodes of the second path, which tells the error of the first.
COARSER = 2.0


def given_nodes(equation: FrequencyEquation, initial: Any) -> FrequencyNodes | None:
    """Frequencies that are followed as they are: a network's, or atoms; None for a density."""
    if initial is not None:
        return own_nodes(initial.w, initial.a, initial.b)
    if equation.density.atomic is not None:
        return density_nodes(equation.density, points_of(equation).x)
    return None


def run_seconds(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    where: FloatArray,
    steps: IntArray,
    rtol: float,
    initial: Any = None,
) -> tuple[float, FrequencyNodes]:
    """Expected seconds of a prediction with outputs at points (n, d), and its nodes."""
    nodes = given_nodes(equation, initial)
    if nodes is not None:
        return path_seconds(equation, training, nodes, steps), nodes
    nodes = density_nodes(equation.density, where, rtol)
    coarse = density_nodes(equation.density, where, rtol, coarser=COARSER)
    both = path_seconds(equation, training, nodes, steps)
    both += path_seconds(equation, training, coarse, steps, sharpness=False)
    return both, nodes
