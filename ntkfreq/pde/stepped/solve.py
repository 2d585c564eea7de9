"""Follow a rule step by step: nodes to a tolerance, the path, and what is to be said of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import SizeError
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.pde.stepped.duration import (
    COARSER,
    given_nodes,
    run_seconds,
)
from ntkfreq.pde.stepped.following import asked, followed, path_seconds, points_of
from ntkfreq.pde.stepped.solution import SteppedSolution
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.recursion.cost import refuse_long
from ntkfreq.recursion.nodes import ORDERS, FrequencyNodes, density_nodes
from ntkfreq.recursion.predicted import PredictedPath, node_error
from ntkfreq.recursion.rules import LINEAR, ROOT, closed_rule

# Tolerance of a prediction step by step where none is given.
RTOL = 1e-3
# From so many seconds on a bar shows the steps.
_LONG = 5.0
# Nodes are refined for an error so many times the tolerance, at most so often, and then for such a
# share of it.
_ENOUGH, _TRIES, _AIM = 1.0, 3, 0.7
# Nodes of a try over those of the last at most; a share of the last error that is no progress, for
# where steps are so large that outputs are chaotic no number of nodes would do.
_MORE, _FALLS = 6.0, 0.7
# Above this share of the size of y two steps can pass over what is left to learn.
_COARSE = 0.5


def refuse_layers(equation: FrequencyEquation) -> None:
    """Refuse hidden layers, before anything is asked of the rule."""
    if equation.layers is not None:
        raise ValueError(
            f"depth={equation.layers.depth} with a rule such as Adam, with width, batches or "
            "initial: behind hidden layers no recursion of such rules is known, and the law of two "
            "layers does not carry over; give gradient descent or momentum, or train networks"
        )


def refuse_stepwise(equation: FrequencyEquation, method: str, training: StepwiseTraining) -> None:
    """Refuse a problem that cannot be followed step by step."""
    clip = training.optimizer.clip
    rules = "rules such as Adam" if clip is None else f"rules that clip gradients (clip={clip:g})"
    if not is_measure(equation.measure, Points):
        raise ValueError(
            f"measure={equation.measure!r}: {rules} are followed on samples; give "
            "target=(x, y), or measure=Points(x)"
        )
    if equation.dim > 3:
        raise ValueError(
            f"rho_w has dimension {equation.dim}; {rules} are followed in up to three: "
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
    where = outputs_at(equation, test)
    took, planned = run_seconds(equation, training, where, steps, rtol, initial)
    refuse_long(planned, len(points_of(equation).x), int(steps[-1]), took)
    nodes = given_nodes(equation, initial)
    if nodes is not None:
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
        "clipped_steps": path.clipped_steps,
        "seconds": path.seconds,
    }
    status = _status(path, training, error, rtol)
    path = asked(path, steps)
    return SteppedSolution.evaluate(
        equation, training, path, test, frequencies, rtol, status, stats
    )


def outputs_at(equation: FrequencyEquation, test: Tested) -> FloatArray:
    """All points (n, d) at which the output is asked for."""
    x = points_of(equation).x
    return x if test.points is None else np.concatenate([x, test.points.x])


def _path(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    nodes: FrequencyNodes,
    steps: IntArray,
    *,
    sharpness: bool = True,
) -> PredictedPath:
    took = path_seconds(equation, training, nodes, steps, sharpness=sharpness)
    return followed(equation, training, nodes, steps, sharpness=sharpness, progress=took > _LONG)


def _refined(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    where: FloatArray,
    steps: IntArray,
    rtol: float,
) -> tuple[PredictedPath, float]:
    """The path on nodes for the tolerance, and the error they leave: from coarser ones."""
    tolerance, before = rtol, np.inf
    finest = _MORE ** -ORDERS[equation.dim - 1]
    coarser = density_nodes(equation.density, where, tolerance, coarser=COARSER)
    coarse = _path(equation, training, coarser, steps, sharpness=False)
    nodes = density_nodes(equation.density, where, tolerance)
    for left in reversed(range(_TRIES)):
        path = _path(equation, training, nodes, steps)
        both = min(len(path.steps), len(coarse.steps))
        if both < len(path.steps) or both < len(coarse.steps):
            return path, np.inf
        error = node_error(path, coarse)
        if error <= _ENOUGH * rtol or left == 0 or error > _FALLS * before:
            break
        coarse, before, tolerance = path, error, tolerance * max(_AIM * rtol / error, finest)
        try:
            nodes = density_nodes(equation.density, where, tolerance)
            more = path_seconds(equation, training, nodes, steps)
            refuse_long(nodes, len(points_of(equation).x), int(steps[-1]), more)
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
    rule = closed_rule(training.optimizer)
    if path.edge_step is not None:
        what = f"the preconditioned sharpness stays above {path.edge:.3g}, the edge of stability"
        if rule.kind == LINEAR and training.optimizer.clip is not None:
            what = "clipping alone keeps steps from growing, and errors swing without end"
        limits.append(
            f"from step {path.edge_step} on {what}: outputs are right in their order of magnitude"
        )
    size = float(np.sqrt(path.weights @ path.errors[0] ** 2))
    # Gradients are at most of the size of the error: below epsilon they move by less.
    step = training.rates.readout * size / max(size + training.rates.readout_epsilon, 1e-300)
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
            f"rtol={rtol:.1e}; raise rtol, or follow the units of a network (initial=net)"
        )
    return "; ".join([begin, *limits])


def network_width(initial: Any, width: Any) -> Any:
    """Width of a two-layer network whose units are to be the nodes."""
    parts = ("w", "a", "b", "width")
    if not (all(hasattr(initial, part) for part in parts) and callable(initial)):
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
