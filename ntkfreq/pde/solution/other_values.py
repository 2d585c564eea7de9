"""Other values at the same samples: another channel of an image, another quantity of a record."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq.pde.asked_test import resolve_test
from ntkfreq.pde.solution.linear import LinearSolution
from ntkfreq.problem.target import Target


def with_values(solution: LinearSolution, y: Any, test: Any = None) -> LinearSolution:
    """The solution for other values at the samples of a solution on points.

    Parameters
    ----------
    solution : LinearSolution
        On Points, of samples; its operators, times and frequencies are kept.
    y : array_like, shape (n,)
        Values at the same samples.
    test : (x_test, y_test), optional
        Test data.

    Examples
    --------
    >>> from ntkfreq import Normal, solve_frequency_pde
    >>> x = np.linspace(-1, 1, 30)
    >>> first = solve_frequency_pde(Normal(scale=4.0), (x, np.sin(3 * x)))
    >>> second = with_values(first, np.cos(3 * x))
    >>> afresh = solve_frequency_pde(Normal(scale=4.0), (x, np.cos(3 * x)), t=first.t)
    >>> bool(np.allclose(second.train_loss, afresh.train_loss))
    True
    """
    begin = time.perf_counter()
    method = solution._method
    target = Target.from_samples(method.measure.x, y)
    other = replace(method, equation=replace(solution.equation, target=target))
    highest = float(np.abs(solution.frequencies).max())
    return LinearSolution.evaluate(
        method=other,
        discretized=solution._discretized.for_equation(
            other.equation, solution._dynamics, solution.t
        ),
        dynamics=solution._dynamics,
        test=resolve_test(other, test, highest),
        t=solution.t,
        frequencies=solution.frequencies,
        rtol=solution.rtol,
        begin=begin,
    )
