"""PyTorch backend: automatic differentiation, on any device, in single or double precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from ntkfreq._support.types import FloatArray
from ntkfreq.network.backends.limits import within
from ntkfreq.network.backends.state import Descent, NetworkState, split
from ntkfreq.network.backends.stepping import apply
from ntkfreq.network.backends.torch_threads import at_most

# Points times units of one tape: 128 MB an array in double precision, of which it keeps about five.
_BLOCK_PAIRS = 2**24
# Numbers in the gradients of a Gram matrix that are kept at once, 256 MB; beyond, column by column.
_GRAM_NUMBERS = 2**25


def two_layer(theta: Any, x: Any) -> Any:
    """Output (n,) of a Fourier-feature network with parameters theta (d + 2, m) at x (n, d)."""
    w, a, b = split(theta)
    phase = x @ w
    return (torch.cos(phase) @ a + torch.sin(phase) @ b) / a.numel() ** 0.5


@dataclass(frozen=True)
class Torch:
    """The backend that differentiates by itself.

    Parameters
    ----------
    forward : callable
        Output (n,) from tensors theta and x (n, d).
    units : int
        Hidden units a point keeps on the tape; bounds the points of a block.
    device : str
        Where to compute.
    dtype : {"float64", "float32"}
        Precision of parameters, optimizer and output.
    most_threads : int, optional
        Largest number of threads; default PyTorch's.
    """

    forward: Callable[[Any, Any], Any] = two_layer
    units: int | None = None
    device: str = "cpu"
    dtype: str = "float64"
    most_threads: int | None = None

    def evaluate(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Output (n,) at x (n, d)."""
        with at_most(self.most_threads), torch.no_grad():
            parameters, points = self._tensor(theta), self._tensor(x)
            parts = [self.forward(parameters, points[rows]) for rows in self._blocks(theta, x)]
            return _numpy(torch.cat(parts))

    def gradient(self, theta: FloatArray, x: FloatArray, r: FloatArray, first: int) -> FloatArray:
        """Rows from `first` on of the gradient of ``sum_i r_i f(x_i)``."""
        with at_most(self.most_threads):
            leaf, weights = self._tensor(theta).requires_grad_(), self._tensor(r)
            slope = self._slope(leaf, self._tensor(x), lambda output, rows: weights[rows])
            return _numpy(slope[first:])

    def tangent(
        self, theta: FloatArray, direction: FloatArray, x: FloatArray, first: int
    ) -> FloatArray:
        """Change of the output (n,) at x per unit of a direction (rows from `first` on)."""
        whole = np.zeros_like(theta)
        whole[first:] = direction
        with at_most(self.most_threads):
            leaf, points = self._tensor(theta).requires_grad_(), self._tensor(x)
            along, parts = self._tensor(whole), []
            for rows in self._blocks(theta, x):
                # The pull-back J^T u is linear in u: its own pull-back along v is J v.
                output = self.forward(leaf, points[rows])
                dual = torch.zeros_like(output, requires_grad=True)
                (pulled,) = torch.autograd.grad(output, leaf, dual, create_graph=True)
                parts.append(torch.autograd.grad(pulled, dual, along)[0])
            return _numpy(torch.cat(parts))

    def gram(self, theta: FloatArray, x: FloatArray, first: int) -> FloatArray:
        """Gram matrix (n, n) of the gradients at few points x: the empirical NTK."""
        one = np.ones(1)
        with at_most(self.most_threads):
            if theta.size * len(x) <= _GRAM_NUMBERS:
                slopes = np.array([self.gradient(theta, p[None], one, first).ravel() for p in x])
                rows = torch.from_numpy(slopes)
                return _numpy(rows @ rows.T)
            columns = [
                self.tangent(theta, self.gradient(theta, p[None], one, first), x, first) for p in x
            ]
        return np.asarray(columns)

    def advance(
        self, state: NetworkState, x: FloatArray, y: FloatArray, descent: Descent, steps: int
    ) -> None:
        """Take `steps` steps in place, or fewer: up to one that leaves the limits."""
        first = state.first(descent)
        with at_most(self.most_threads):
            points, values = self._tensor(x), self._tensor(y)
            decay, anchor = (
                self._tensor(state.decay(descent)[first:]),
                self._tensor(state.anchor[first:]),
            )
            leaf, memory = self._tensor(state.theta).requires_grad_(), self._tensor(state.memory)
            theta = leaf.detach()
            bound = None if state.bound is None else self._tensor(state.bound)
            scale = None if state.scale is None else self._tensor(state.scale[first:])
            for step in range(state.step, state.step + steps):
                rows = descent.batch(step, y.shape[0], state.orders)
                seen, wanted = (points, values) if rows is None else (points[rows], values[rows])
                slope = self._slope(leaf, seen, partial(_residual, wanted))[first:]
                apply(descent, theta[first:], slope, memory[:, first:], decay, anchor, step, scale)
                state.step += 1
                if bound is not None and not within(theta, state.frequency_rows, bound):
                    state.escaped = True
                    break
        # Frozen rows stay as they are, in whatever precision the others move.
        state.theta[first:], state.memory[:] = _numpy(theta[first:]), _numpy(memory)
        if descent.batch_size is None and not state.escaped:
            state.output[:] = self.evaluate(state.theta, x)

    def threads(self, points: int, units: int) -> int:
        """Cores that a step occupies."""
        del points, units
        with at_most(self.most_threads):
            return int(torch.get_num_threads())

    def warm_up(self, points: int, units: int, dim: int) -> None:
        """Nothing to compile."""
        del points, units, dim

    def _slope(self, leaf: Any, x: Any, residual: Callable[[Any, slice], Any]) -> Any:
        """Gradient in `leaf`, block of points by block."""
        total = torch.zeros_like(leaf)
        for rows in self._blocks(leaf, x):
            output = self.forward(leaf, x[rows])
            (part,) = torch.autograd.grad(output, leaf, residual(output.detach(), rows))
            total += part
        return total

    def _blocks(self, theta: Any, x: Any) -> Iterator[slice]:
        units = theta.shape[-1] if self.units is None else self.units
        size = max(1, _BLOCK_PAIRS // units)
        for start in range(0, x.shape[0], size):
            yield slice(start, start + size)

    def _tensor(self, array: FloatArray) -> Any:
        return torch.tensor(array, dtype=getattr(torch, self.dtype), device=self.device)


def _residual(values: Any, output: Any, rows: slice) -> Any:
    """Gradient of the halved mean square in the output, at the points of one block."""
    return (output - values[rows]) / values.shape[0]


def _numpy(tensor: Any) -> FloatArray:
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)
