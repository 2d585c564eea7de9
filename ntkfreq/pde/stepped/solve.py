"""Follow a rule step by step: nodes to a tolerance, the path, and what is to be said of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.pde.stepped.solution import (
    SteppedSolution,
    asked,
    expected_seconds,
    followed,
    points_of,
)
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.recursion.nodes import FrequencyNodes, density_nodes, own_nodes
from ntkfreq.recursion.predicted import PredictedPath, node_error
from ntkfreq.recursion.rules import ROOT, closed_rule

# Tolerance of a prediction step by step where none is given.
RTOL = 1e-3
# From so many seconds on a bar shows the steps.
_LONG = 5.0
# Nodes are refined for an error so many times the tolerance, at most so often.
_ENOUGH, _TRIES = 1.0, 3
# Above this share of the size of y two steps can pass over what is left to learn.
_COARSE = 0.5


def refuse_stepwise(equation: FrequencyEquation, method: str) -> None:
    """Refuse a problem that cannot be followed step by step."""
    if not is_measure(equation.measure, Points):
        raise ValueError(
            f"measure={equation.measure!r}: rules such as Adam are followed on samples; give "
            "target=(x, y), or measure=Points(x)"
        )
    if equation.dim > 3:
        raise ValueError(
            f"rho_w has dimension {equation.dim}; rules such as Adam are followed in up to three: "
            "train networks"
        )
    if equation.frequency_decay > 0 and equation.decay_towards != "zero":
        raise ValueError(
            f"decay_towards={equation.decay_towards!r} has no closed recursion: what a step does "
            "then depends on where each unit began; use decay_towards='zero'"
        )
    if method != "auto":
        raise ValueError(
            f"method={method!r} is a way to solve the equation of gradient descent; leave method "
            "out for rules that are followed step by step"
        )


def solve_stepwise(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    *,
    steps: IntArray,
    frequencies: FloatArray,
    test: Tested,
    rtol: float,
    initial: Any = None,
) -> SteppedSolution:
    """The prediction, on nodes of the density or on the frequencies of a network."""
    where = points_of(equation).x
    if test.points is not None:
        where = np.concatenate([where, test.points.x])
    if initial is not None or equation.density.atomic is not None:
        nodes = (
            own_nodes(initial.w) if initial is not None else density_nodes(equation.density, where)
        )
        path, error, kind = _path(equation, training, nodes, steps), 0.0, "frequencies as they are"
    else:
        path, error = _refined(equation, training, where, steps, rtol)
        kind = "nodes of the density"
    stats = {
        "method": f"closed recursion step by step, {kind}",
        "nodes": path.nodes.count,
        "engine": path.engine,
        "estimated_error": error,
        "edge_step": path.edge_step,
        "largest_sharpness": None if path.sharpness is None else float(path.sharpness.max()),
        "diverged": path.diverged,
        "seconds": path.seconds,
    }
    status = _status(path, training, error, rtol)
    path = asked(path, steps)
    return SteppedSolution.evaluate(
        equation, training, path, test, frequencies, rtol, status, stats
    )


def _path(
    equation: FrequencyEquation, training: StepwiseTraining, nodes: FrequencyNodes, steps: IntArray
) -> PredictedPath:
    took = expected_seconds(equation, training, nodes, int(steps[-1]))
    return followed(equation, training, nodes, steps, progress=took > _LONG)


def _refined(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    where: FloatArray,
    steps: IntArray,
    rtol: float,
) -> tuple[PredictedPath, float]:
    """The path on nodes for the tolerance, and the error they leave: from coarser ones."""
    tolerance = rtol
    coarser = density_nodes(equation.density, where, tolerance, coarser=2.0)
    coarse = followed(equation, training, coarser, steps, sharpness=False)
    for left in reversed(range(_TRIES)):
        nodes = density_nodes(equation.density, where, tolerance)
        path = _path(equation, training, nodes, steps)
        both = min(len(path.steps), len(coarse.steps))
        if both < len(path.steps) or both < len(coarse.steps):
            return path, np.inf
        error = node_error(path, coarse)
        if error <= _ENOUGH * rtol or left == 0:
            break
        coarse, tolerance = path, 0.5 * tolerance * rtol / error
        try:
            density_nodes(equation.density, where, tolerance)
        except SizeError:
            break
    return path, error


def _status(path: PredictedPath, training: StepwiseTraining, error: float, rtol: float) -> str:
    """Whether nodes met the tolerance, and until which step outputs are meant."""
    limits = []
    if path.diverged:
        limits.append(
            f"the loss grows without bound after step {path.steps[-1]}: take smaller steps"
        )
    if path.edge_step is not None:
        limits.append(
            f"from step {path.edge_step} on the preconditioned sharpness stays above "
            f"{path.edge:.3g}, the edge of stability: outputs are right in their order of magnitude"
        )
    size = float(np.sqrt(path.weights @ path.errors[0] ** 2))
    # Gradients are at most of the size of the error: below epsilon they move by less.
    step = training.rates.readout * size / max(size + training.rates.readout_epsilon, 1e-300)
    rule = closed_rule(training.optimizer)
    if rule.kind == ROOT and not rule.corrected:
        # The mean square starts at 0, and the first steps are so many times as long.
        step /= max(1 - rule.square, 1e-300) ** 0.5
    if training.optimizer.normalized and 2 * step > _COARSE * size > 0:
        told = (
            f"a step moves the output by up to about {2 * step:.2g}, more than half of what is to "
            f"be learned ({size:.2g}): learning times are right in their order of magnitude"
        )
        warnings.warn(
            f"step_size={training.step_size:g} at width={training.width}: {told}; take a smaller "
            "step_size",
            stacklevel=4,
        )
        limits.append(told)
    begin = f"converged: estimated error {error:.1e} within rtol={rtol:.1e}"
    if error > rtol:
        begin = (
            f"tolerance not met: nodes leave an estimated error of {error:.1e}, above "
            f"rtol={rtol:.1e}; raise rtol, or give a network's own frequencies (initial=net)"
        )
    return "; ".join([begin, *limits])


def network_width(initial: Any, width: Any) -> Any:
    """Width of a two-layer network whose frequencies are to be the nodes."""
    if not (hasattr(initial, "w") and hasattr(initial, "width") and callable(initial)):
        raise TypeError(
            f"initial={checks.show(initial)} must be a FourierFeatureNet, whose frequencies are "
            "then followed as they are; give an initial output alone as initial_output"
        )
    if width is not None and width != initial.width:
        raise ValueError(
            f"width={checks.show(width)} is not that of initial, {initial.width}; leave width out"
        )
    return initial.width


def fitting_network(initial: Any, dim: int) -> Any:
    """A network whose frequencies have dimension d."""
    if checks.points("initial.w", initial.w).shape[1] != dim:
        raise ValueError(f"initial has frequencies of another dimension than rho_w, {dim}")
    return initial
