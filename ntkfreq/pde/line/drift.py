r"""Line with shrinking frequencies: finite elements that move along with them.

Decay of the frequencies towards zero advects the learned spectrum. At the initial frequency
:math:`\zeta = e^{\gamma_w t}\xi` nothing is advected: with
:math:`F(\zeta, t) = e^{-\gamma_w t}\hat f(e^{-\gamma_w t}\zeta, t)`,

.. math:: \partial_t F = 2\pi\left[\sigma_a^2 e^{(3\gamma_w - 2\gamma_a)t}(\rho_w E')'
          - e^{\gamma_w t}\rho_w E\right] - \gamma_a F, \qquad
          E = F - e^{-\gamma_w t}\hat y(e^{-\gamma_w t}\zeta),

the matrices do not change and the target moves outward instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.pde.time.system import Block, Evolution


@dataclass(frozen=True, eq=False)
class DriftingLine(LineSystem):
    """Finite elements on Line for an equation whose frequencies decay towards zero."""

    @cached_property
    def blocks(self) -> tuple[Block, Block]:
        """The even block (real part) and the odd one (imaginary part)."""
        rate = self.equation.decay.frequency
        even, odd = super().blocks
        return (
            replace(even, growth=(rate, 3 * rate), drifting_goal=partial(self._goal, 0)),
            replace(odd, growth=(rate, 3 * rate), drifting_goal=partial(self._goal, 1)),
        )

    def _goal(self, which: int, t: FloatArray) -> FloatArray:
        """Functional of the moving target in the even (0) or odd (1) block, shape (T, n)."""
        xi = self.axis.rule[0]
        shrink = self.equation.decay.contraction(t)
        values = self.equation.target.resolved.transform(np.multiply.outer(shrink, xi).ravel())
        values = values.reshape(len(t), *xi.shape) * shrink[:, None, None]
        part = values.real if which == 0 else values.imag
        loads = np.stack([self._functional(row) for row in part])
        return loads if which == 0 else loads[:, self._odd_from :]

    def free_spectrum(self, t: FloatArray, frequencies: FloatArray) -> ComplexArray:
        """Error spectrum if nothing were learned, shape (T, F)."""
        xi = frequencies[:, 0]
        goal = self.equation.target.resolved.transform(xi)
        if self.equation.start is None:
            return np.broadcast_to(-goal, (len(t), len(xi)))
        decay = self.equation.decay
        shrink = decay.contraction(t)
        start = self.equation.start.resolved.transform(np.multiply.outer(1 / shrink, xi).ravel())
        left = (decay.damping(t) / shrink)[:, None]
        return np.asarray(left * start.reshape(len(t), -1) - goal)

    def spectrum_change(self, evolution: Evolution, frequencies: FloatArray) -> ComplexArray:
        """What learning adds to the error spectrum, shape (T, F)."""
        grow = 1 / self.equation.decay.contraction(evolution.t)
        rows = [
            factor
            * self.series([part[k : k + 1] for part in evolution.change], factor * frequencies)
            for k, factor in enumerate(grow)
        ]
        return np.concatenate(rows)

    def error_squares(self, evolution: Evolution) -> FloatArray:
        """Squares of estimated relative errors at times (T,) on each element, (T, elements).

        Elements that move along are stretched, and their squared errors count in proportion.
        """
        shrink = self.equation.decay.contraction(evolution.t)[:, None]
        return np.asarray(super().error_squares(evolution) / shrink)

    def output_change(self, evolution: Evolution, x: FloatArray) -> FloatArray:
        """What learning adds to the output at (n, 1) points, shape (T, n)."""
        shrink = self.equation.decay.contraction(evolution.t)
        rows = [
            self._inverse([part[k : k + 1] for part in evolution.change], factor * x)
            for k, factor in enumerate(shrink)
        ]
        return np.concatenate(rows)

    def train_loss(self, evolution: Evolution) -> FloatArray:
        """Integral of the squared error over x, shape (T,)."""
        t, decay = evolution.t, self.equation.decay
        grow = 1 / decay.contraction(t)
        x, weights, _ = self.equation.initial_error.resolved.rule()
        goal = self.equation.target.at(x[:, None])
        free = np.full(len(t), weights @ goal**2)
        if self.equation.start is not None:
            # f_0 stretches with time: its square is scaled, its product with y integrated anew.
            square = self.moments[0] * grow * decay.damping(t) ** 2
            both = self.equation.free_output(t, x[:, None]) @ (weights * goal)
            free = free + square - 2 * both
        for block in self.blocks:
            load = block.free_load(decay, t)
            free = free - grow * np.sum(load * block.solve_mass(load.T).T, axis=1)
        return np.asarray(grow * evolution.energy + np.maximum(free, 0.0))
