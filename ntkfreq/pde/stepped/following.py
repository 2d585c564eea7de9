"""The path of a problem on some nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from ntkfreq._support.types import IntArray
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.recursion.cost import refuse_long, seconds
from ntkfreq.recursion.nodes import FrequencyNodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.predicted import PredictedPath
from ntkfreq.recursion.rules import closed_rule

# Looks for the edge of stability beside those at records.
_LOOKS = 20


def points_of(equation: FrequencyEquation) -> Points:
    """The measure of a problem that is followed on its samples."""
    assert is_measure(equation.measure, Points)
    return cast("Points", equation.measure)


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


def followed(
    equation: FrequencyEquation,
    training: StepwiseTraining,
    nodes: FrequencyNodes,
    steps: IntArray,
    *,
    sharpness: bool = True,
    progress: bool = False,
) -> PredictedPath:
    """The path of a problem on some nodes, recorded at steps (T,) and at 0."""
    measure = points_of(equation)
    x, last = measure.x, max(int(steps[-1]), 1)
    # Before batches are made, one by one.
    took = path_seconds(equation, training, nodes, steps, sharpness=sharpness)
    refuse_long(nodes, len(x), last, took)
    return follow(
        nodes,
        x,
        equation.target.at(x),
        optimizer=training.optimizer,
        rates=training.rates,
        steps=last,
        sigma_a=equation.sigma_a,
        initial=equation.initial_output,
        weights=measure.weights,
        batches=training.batches(last, len(x)),
        record=steps,
        sharpness=sharpness,
        progress=progress,
    )


def asked(path: PredictedPath, steps: IntArray) -> PredictedPath:
    """The records of a path at steps that were asked for; all there are where it has diverged."""
    if not np.isin(steps, path.steps).any():
        return path
    rows = np.searchsorted(path.steps, steps[np.isin(steps, path.steps)])
    seen = None if path.sharpness is None else path.sharpness[rows]
    return replace(
        path,
        steps=path.steps[rows],
        output=path.output[rows],
        moves=path.moves[rows],
        shrunk=path.shrunk[rows],
        scale=path.scale[rows],
        sharpness=seen,
    )
