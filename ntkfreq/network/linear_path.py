r"""What a network's own kernel at the start makes of a part of its error.

In the linear regime a part of the error evolves as if it were alone, :math:`\dot p = -K p/N` with
the empirical NTK K of the initial network, in the steps of the run: the optimizer's own rule on the
modes of K/N. It is exact for frozen frequencies without hidden layers. With it the error of other
bands is taken off the recorded one, which leaves what is a band's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.network.backends import load
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.mlp_standard import rates_of
from ntkfreq.network.stability import stable_step
from ntkfreq.ntk.layered_net import LayeredUnits, units_gram
from ntkfreq.problem.layers.units import unit_of
from ntkfreq.problem.optimizers import Optimizer

# Products of waves for the Gram matrix at most, and steps times points of the recursion: seconds.
_MOST_PRODUCTS = 4e10
_MOST_STEPS = 1e9


@dataclass(frozen=True, eq=False)
class LinearPath:
    """The path of a run in its linear regime.

    Attributes
    ----------
    gram : ndarray, shape (n + m, n + m)
        Kernel between training points, and points that are looked at besides.
    step : ndarray of int, shape (R,)
        Recorded steps.
    optimizer : Optimizer
        Gradient descent or momentum, with any schedule.
    step_size : float
    """

    gram: FloatArray
    step: IntArray
    optimizer: Optimizer
    step_size: float
    points: int

    @classmethod
    def of(cls, history: Any, others: FloatArray | None) -> LinearPath | None:
        """That of a training history; None where its steps are not linear or it is too large.

        Linear are full batches without decay under gradient descent or momentum.
        """
        net, descent, rule = history.initial_net, history.descent, history.optimizer
        linear = rule.momentum_if_linear() is not None and rule.clip is None
        linear &= descent.batch_size is None
        linear &= descent.largest_decay == 0
        if not linear:
            return None
        x = history.x.reshape(len(history.x), -1)
        every = x if others is None else np.concatenate([x, others])
        if len(x) * int(history.step[-1]) > _MOST_STEPS:
            return None
        if len(every) ** 2 * net.units > _MOST_PRODUCTS:
            return None
        frozen, standard = descent.freeze_frequencies, descent.parametrization == "standard"
        if isinstance(net, FourierFeatureNet):
            gram = _two_layers(net, every, frozen=frozen, standard=standard)
        elif len(every) * net.parameters > _MOST_PRODUCTS:
            return None
        else:
            rates = rates_of(net) if standard else None
            gram = units_gram(_units(net), every, None, frozen=frozen, rates=rates)
        path = cls(gram, history.step, rule, descent.step_size, len(x))
        # Past its edge a network may still train, by leaving the linear regime that diverges.
        top = float(path._modes[0][-1])
        return path if top == 0 or descent.step_size <= stable_step(rule, top) else None

    @cached_property
    def _modes(self) -> tuple[FloatArray, FloatArray]:
        n = self.points
        rates, modes = linalg.eigh(self.gram[:n, :n] / n)
        return np.maximum(rates, 0.0), modes

    def of_part(self, part: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Change of the error at the training points and at the others, (R, n) and (R, m).

        `part` (n,) is the part of the initial error at the training points.
        """
        rates, modes = self._modes
        start = modes.T @ part
        # The parameters move along the gradients by -s; the part that is left is start - rates s.
        moved = np.zeros((1, len(start)))
        memory = np.zeros((self.optimizer.slots, 1, len(start)))
        kept = np.zeros((len(self.step), len(start)))
        record = 0
        for step in range(int(self.step[-1]) + 1):
            if step == self.step[record]:
                kept[record] = moved[0]
                record += 1
            slope = rates * moved - start
            rate = self.step_size * self.optimizer.schedule.factor(step)
            self.optimizer.update(moved, slope, memory, rate, step)
        spread = kept @ modes.T
        n = self.points
        change = -(kept * rates) @ modes.T
        return change, -spread @ self.gram[:n, n:] / n


def _two_layers(net: FourierFeatureNet, x: FloatArray, *, frozen: bool, standard: bool) -> Any:
    """Empirical NTK at points (n, d)."""
    backend, theta, rows = load("reference"), net.packed(), net.frequency_rows
    gram = backend.gram(theta, x, x.shape[1] if frozen else 0)
    if standard:
        outer = backend.gram(theta, x, rows)
        gram = gram - outer + float(net.standard_scale()[rows, 0] ** 2) * outer
    return gram


def _units(net: Any) -> LayeredUnits:
    unit = unit_of(net.activation)
    return LayeredUnits(net.w, net.layers, net.readout, unit, net.branches)
