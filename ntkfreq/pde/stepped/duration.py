"""How long predictions step by step take, by estimates made before they begin."""

from __future__ import annotations

from typing import Any

from ntkfreq._support.sizes import PER_SECOND, refuse_work
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.stepped.following import points_of
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.recursion.cost import seconds
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes
from ntkfreq.recursion.rules import closed_rule

# Factor of the distance of the nodes of the second path, which tells the error of the first.
COARSER = 2.0
# Looks for the edge of stability beside those at records.
_LOOKS = 20


def given_nodes(equation: FrequencyEquation, initial: Any) -> FrequencyNodes | None:
    """Frequencies that are followed as they are: a network's, or atoms; None for a density."""
    if initial is not None:
        return own_nodes(initial.w, initial.a, initial.b)
    if equation.density.atomic is not None:
        return density_nodes(equation.density, points_of(equation).x)
    return None


def path_seconds(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    nodes: FrequencyNodes,
    steps: IntArray,
    *,
    sharpness: bool = True,
) -> float:
    """Expected seconds of one path, recorded at steps (T,)."""
    x, rates, batch = points_of(equation).x, training.rates, training.batch_size
    if not isinstance(training.order, str):
        batch = max(len(row) for row in training.order)
    looks = len(steps) + _LOOKS if sharpness and closed_rule(training.optimizer).edge else 0
    return seconds(
        nodes,
        x[:batch],
        max(int(steps[-1]), 1),
        frozen=equation.sigma_a == 0 or rates.frequency == 0,
        damped=max(rates.readout_epsilon, rates.frequency_epsilon) > 0,
        batched=batch is not None,
        decays=rates.frequency_decay > 0,
        clipped=training.optimizer.clip is not None,
        looks=looks,
    )


def run_seconds(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    where: FloatArray,
    steps: IntArray,
    rtol: float,
    initial: Any = None,
) -> tuple[float, int]:
    """Expected seconds of a prediction with outputs at points (n, d), and its nodes."""
    nodes = given_nodes(equation, initial)
    if nodes is not None:
        return path_seconds(equation, training, nodes, steps), nodes.count
    nodes = density_nodes(equation.density, where, rtol)
    coarse = density_nodes(equation.density, where, rtol, coarser=COARSER)
    both = path_seconds(equation, training, nodes, steps)
    both += path_seconds(equation, training, coarse, steps, sharpness=False)
    return both, nodes.count


def refuse_long(equation: FrequencyEquation, steps: IntArray, seconds: float, nodes: int) -> None:
    """Refuse a prediction that is expected to take too long."""
    refuse_work(
        f"{int(steps[-1])} steps of {nodes} nodes and {len(points_of(equation).x)} points",
        PER_SECOND * seconds,
        "raise rtol, or give fewer steps or points (ntkfreq.stepwise_seconds tells the time)",
    )
