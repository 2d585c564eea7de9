"""Mean and covariance of the output at points, from the states of all initial outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray
from ntkfreq.pde.expected.ensemble import Ensemble
from ntkfreq.pde.time.response import Response
from ntkfreq.pde.time.system import Evolution

# Numbers of states and outputs held at once: kernels are computed once for all times that fit.
_HELD = 8_000_000


@dataclass(frozen=True, eq=False)
class OutputMoments:
    """The output of all networks at points.

    What the draws leave out is independent of the data: it fades and does not change otherwise.

    Parameters
    ----------
    ensemble : Ensemble
        The states.
    x : ndarray, shape (n, d)
        The points.
    """

    ensemble: Ensemble
    x: FloatArray

    @cached_property
    def _start(self) -> FloatArray:
        """Draws of the initial output, shape (r, n)."""
        return self.ensemble.prior.output(0.0, self.x).T

    def _left(self, t: float) -> float:
        return float(self.ensemble.equation.decay.damping(np.array(t)))

    def _draws(self, t: float) -> FloatArray:
        """The same, faded to time t."""
        if self.ensemble.equation.decay.contracts:
            return self.ensemble.prior.output(t, self.x).T
        return self._left(t) * self._start

    @cached_property
    def _rest(self) -> FloatArray:
        """Variance at the start that the draws leave out, shape (n,)."""
        prior = self.ensemble.prior
        if prior.spans_outputs:
            return np.zeros(len(self.x))
        whole = self.ensemble.equation.sigma_a**2 * prior.variance
        return np.asarray(np.maximum(whole - np.sum(self._start**2, axis=0), 0.0))

    @cached_property
    def _rest_between(self) -> FloatArray:
        """Covariance at the start that the draws leave out, shape (n, n)."""
        prior = self.ensemble.prior
        if prior.spans_outputs:
            return np.zeros((len(self.x), len(self.x)))
        whole = self.ensemble.equation.sigma_a**2 * prior.covariance(self.x, self.x)
        rest = whole - self._start.T @ self._start
        np.fill_diagonal(rest, self._rest)
        return np.asarray(rest)

    def rows(self) -> Iterator[tuple[float, FloatArray]]:
        """Times, and outputs of the draws (r, n) with the mean output as one more row."""
        system, states = self.ensemble.prior.system, self.ensemble.states()
        first, state = next(states)
        count = len(state)
        refuse_memory(
            f"x has {len(self.x)} points, and the initial output {count - 1} components",
            24.0 * count * len(self.x),
            "give fewer points x at once",
        )
        size = max(1, _HELD // (count * max(state.shape[1], len(self.x))))
        some = [first, *(evolution for evolution, _ in islice(states, size - 1))]
        while some:
            change = system.output_change(_joined(some), self.x)
            for k, evolution in enumerate(some):
                t, part = float(evolution.t[0]), change[k * count : (k + 1) * count]
                part[:-1] += self._draws(t)
                yield t, part
            some = [evolution for evolution, _ in islice(states, size)]

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation, shape (T, n) each."""
        means, variances = [], []
        for t, part in self.rows():
            means.append(part[-1].copy())
            variances.append(np.sum(part[:-1] ** 2, axis=0) + self._left(t) ** 2 * self._rest)
        return np.array(means), np.sqrt(variances)

    def covariance(self) -> tuple[FloatArray, FloatArray]:
        """Mean (T, n), and covariance between the points, (T, n, n)."""
        means, between = [], []
        for t, part in self.rows():
            means.append(part[-1].copy())
            between.append(part[:-1].T @ part[:-1] + self._left(t) ** 2 * self._rest_between)
        return np.array(means), np.array(between)


def _joined(some: list[Evolution]) -> Evolution:
    """Several evolutions as the rows of one."""
    if len(some) == 1:
        return some[0]
    blocks = []
    for k in range(len(some[0].blocks)):
        parts = [one.blocks[k] for one in some]
        kinds = range(len(parts[0].memory))
        memory = tuple(np.concatenate([part.memory[kind] for part in parts]) for kind in kinds)
        change = np.concatenate([part.change for part in parts])
        blocks.append(Response(change, memory, change))
    return Evolution(np.concatenate([one.t for one in some]), blocks)
