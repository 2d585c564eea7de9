"""The path of a problem on some nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from ntkfreq._support.types import IntArray
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.recursion.nodes import FrequencyNodes
from ntkfreq.recursion.path import follow
from ntkfreq.recursion.predicted import PredictedPath


def points_of(equation: FrequencyEquation) -> Points:
    """The measure of a problem that is followed on its samples."""
    assert is_measure(equation.measure, Points)
    return cast("Points", equation.measure)


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


def some(path: PredictedPath, steps: IntArray) -> PredictedPath:
    """Some of the records of a path."""
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
