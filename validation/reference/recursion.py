"""The closed recursion of a wide Fourier-feature network under an optimizer, as plainly as can be.

A loop over steps, and in it over nodes; the means over the phase and the radius of a unit by
quadrature, on panels that shrink towards the narrow direction of the second moment. Nothing is
closed, nothing is fast: some tens of nodes and steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PlainRule:
    """An update rule for gradients of order one.

    `kind` is "linear", "root" or "sign". The mean takes `kept` of the old one and `taken` of the
    gradient; the numerator is `of_gradient` times the gradient and `of_mean` times the mean; the
    mean square keeps `square`; `corrected` divides both by what they lack at the start; `momentum`
    is of directions.
    """

    kind: str
    kept: float = 0.0
    taken: float = 1.0
    of_gradient: float = 1.0
    of_mean: float = 0.0
    square: float = 0.0
    corrected: bool = False
    momentum: float = 0.0


def adam(beta1: float = 0.9, beta2: float = 0.999) -> PlainRule:
    """Adam, by its two memories."""
    return PlainRule("root", beta1, 1 - beta1, 0.0, 1.0, beta2, True)


def rms_prop(alpha: float = 0.99, momentum: float = 0.0) -> PlainRule:
    """RMSprop as PyTorch has it, without correction of the bias."""
    return PlainRule("root", square=alpha, momentum=momentum)


def signs(momentum: float = 0.0) -> PlainRule:
    """Descent by signs of the gradient, or of its mean."""
    return PlainRule("sign", momentum, 1.0, 0.0, 1.0)


def heavy_ball(momentum: float) -> PlainRule:
    """Polyak's momentum; 0 for gradient descent."""
    return PlainRule("linear", momentum, 1.0, 0.0, 1.0)


def nesterov(momentum: float) -> PlainRule:
    """Nesterov's momentum."""
    return PlainRule("linear", momentum, 1.0, 1.0, momentum)


def graded(smallest: float, largest: float, order: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre rule on [0, largest], panels doubling from `smallest` on."""
    doublings = max(1, int(np.ceil(np.log2(largest / smallest))))
    breaks = np.append(0.0, largest * 2.0 ** -np.arange(doublings, -1, -1.0))
    unit, weight = np.polynomial.legendre.leggauss(order)
    half = np.diff(breaks)[:, None] / 2
    middle = (breaks[1:] + breaks[:-1])[:, None] / 2
    return (middle + half * unit).ravel(), (half * weight).ravel()


def unit_means(second: np.ndarray, mean: np.ndarray, sigma_a: float, epsilon: float) -> np.ndarray:
    """E r u (r u.mean) / (r sqrt(u' second u) + epsilon), u on the circle, r of Rayleigh's law.

    The circle is run through from the short axis of `second` on, the radius from 0.
    """
    squares, axes = np.linalg.eigh(second)
    if squares[1] <= 0:
        return np.zeros(2)
    b, a = np.sqrt(np.maximum(squares, 1e-30 * squares[1]))
    narrow = b / a if epsilon == 0 else min(1.0, b / a, epsilon / (sigma_a * a))
    psi, weight = graded(1e-3 * max(narrow, 1e-12), np.pi / 2)
    q = np.sqrt(a**2 * np.sin(psi) ** 2 + b**2 * np.cos(psi) ** 2)
    if epsilon == 0:
        radial = sigma_a * np.sqrt(np.pi / 2) / q
    else:
        r, share = graded(1e-8 * sigma_a, 9.5 * sigma_a)
        law = share * r / sigma_a**2 * np.exp(-((r / sigma_a) ** 2) / 2)
        radial = np.array([np.sum(law * r**2 / (r * one + epsilon)) for one in q])
    weight = weight * radial * 2 / np.pi
    means = np.array([np.sum(weight * np.cos(psi) ** 2), np.sum(weight * np.sin(psi) ** 2)])
    return np.asarray(axes @ (means * (axes.T @ mean)))


class _Memory:
    """The histories of the gradients of one parameter, or of a pair that turns with the phase."""

    def __init__(self, rule: PlainRule, size: int) -> None:
        self.rule = rule
        self.mean, self.square = np.zeros(size), np.zeros((size, size))
        self.onward = np.zeros(size)

    def numerator(self, g: np.ndarray, step: int) -> np.ndarray:
        """What the direction is proportional to; takes up the gradient."""
        rule = self.rule
        self.mean = rule.kept * self.mean + rule.taken * g
        self.square = rule.square * self.square + (1 - rule.square) * np.outer(g, g)
        mean = self.mean / (1 - rule.kept ** (step + 1)) if rule.corrected else self.mean
        return np.asarray(rule.of_gradient * g + rule.of_mean * mean)

    def second(self, step: int) -> np.ndarray:
        """Mean square, corrected."""
        share = 1 - self.rule.square ** (step + 1) if self.rule.corrected else 1.0
        return self.square / share

    def go_on(self, direction: np.ndarray) -> np.ndarray:
        """Momentum of directions."""
        self.onward = self.rule.momentum * self.onward + direction
        return self.onward


def _readout(memory: _Memory, g: float, step: int, epsilon: float) -> float:
    p = memory.numerator(np.array([g]), step)[0]
    if memory.rule.kind == "sign":
        p = np.sign(p)
    elif memory.rule.kind == "root":
        p = p / (np.sqrt(memory.second(step)[0, 0]) + epsilon)
    return float(memory.go_on(np.array([p]))[0])


def _inner(memory: _Memory, g: np.ndarray, step: int, sigma_a: float, epsilon: float) -> np.ndarray:
    p = memory.numerator(g, step)
    if memory.rule.kind == "linear":
        p = sigma_a**2 * p
    elif memory.rule.kind == "sign":
        p = sigma_a * np.sqrt(np.pi / 2) * (2 / np.pi) * p / np.linalg.norm(p)
    else:
        p = unit_means(memory.second(step), p, sigma_a, epsilon)
    return memory.go_on(p)


def _of_unit(
    memory: _Memory, g: np.ndarray, step: int, pair: np.ndarray, epsilon: float
) -> np.ndarray:
    """What the frequency of one unit of output weights a, b does, times b and -a."""
    a, b = pair
    return np.array([b, -a]) * _readout(memory, float(b * g[0] - a * g[1]), step, epsilon)


def clip_factor(
    gradients: np.ndarray, shares: Any, dim: int, clip: float, weights: float, readout: float
) -> float:
    """Factor of a step whose gradients are of norm `clip` at most.

    `gradients` (M, 2, 1 + d) of each node: of cosine and sine, without x and with each coordinate.
    A unit has output weights a, b of variance `weights` and the gradients ``readout * C``,
    ``readout * S`` and, in `dim` coordinates of w, ``b C' - a S'``.
    """
    square = 0.0
    for share, (c, s) in zip(shares, gradients, strict=True):
        square += share * readout**2 * (c[0] ** 2 + s[0] ** 2)
        for k in range(1, 1 + dim):
            square += share * weights * (c[k] ** 2 + s[k] ** 2)
    return min(1.0, clip / (float(np.sqrt(square)) + 1e-6))


def recursion(
    w: Any,
    shares: Any,
    x: Any,
    y: Any,
    rule: PlainRule,
    steps: int,
    *,
    rate: float,
    sigma_a: float = 1.0,
    epsilon: float = 0.0,
    factors: Sequence[float] | None = None,
    frozen: bool = False,
    decay_a: float = 0.0,
    decay_w: float = 0.0,
    f0: Callable[[np.ndarray], np.ndarray] | None = None,
    batches: Sequence[Sequence[int]] | None = None,
    frequency_rate: float | None = None,
    x_other: Any = None,
    readout_weights: Any = None,
    clip: float | None = None,
    readout_norm: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Output (steps + 1, N) at x (N, d), and (steps + 1, n) at other points.

    Nodes w (M, d) with `shares` (M,); `factors` of the step size, a number a step; decays are
    shares a step of full size. With `readout_weights` (M, 2) each node is one unit. `readout_norm`
    multiplies gradients of a and b where their norm is taken, which is the root of the width in the
    standard parametrization.
    """
    w, x = np.asarray(w, float), np.asarray(x, float)
    other = x[:1] if x_other is None else np.asarray(x_other, float)
    first = (lambda points: np.zeros(len(points))) if f0 is None else f0
    m, dim = w.shape
    alpha, inner = np.zeros((m, 2)), np.zeros((m, dim, 2))
    readout = [[_Memory(rule, 1) for _ in range(2)] for _ in range(m)]
    size = 2 if readout_weights is None else 1
    turning = [[_Memory(rule, size) for _ in range(dim)] for _ in range(m)]
    kept_a, kept_w = 1.0, 1.0
    slow = rate if frequency_rate is None else frequency_rate

    def output(points: np.ndarray) -> np.ndarray:
        total = kept_a * first(kept_w * points)
        for j in range(m):
            phase = points @ (kept_w * w[j])
            for wave, k in ((np.cos(phase), 0), (np.sin(phase), 1)):
                total = total + shares[j] * wave * (alpha[j, k] + points @ inner[j, :, k])
        return np.asarray(total)

    found, elsewhere = [output(x)], [output(other)]
    for n in range(steps):
        seen = np.arange(len(x)) if batches is None else np.asarray(batches[n])
        e = (output(x) - y)[seen] / len(seen)
        factor = 1.0 if factors is None else factors[n]
        left_a, left_w = 1 - factor * decay_a, 1 - factor * decay_w
        trained = 0 if frozen else dim
        seen_by = np.column_stack([e, e[:, None] * x[seen]])
        gradients = np.zeros((m, 2, 1 + dim))
        for j in range(m):
            phase = x[seen] @ (kept_w * w[j])
            gradients[j] = np.cos(phase) @ seen_by, np.sin(phase) @ seen_by
        if clip is not None:
            spread = (kept_a * sigma_a) ** 2
            gradients *= clip_factor(gradients, shares, trained, clip, spread, readout_norm)
        for j in range(m):
            for k in range(2):
                move = _readout(readout[j][k], gradients[j, k, 0], n, epsilon)
                alpha[j, k] = left_a * alpha[j, k] - factor * rate * move
            for axis in range(trained):
                g = kept_a * gradients[j, :, 1 + axis]
                if readout_weights is None:
                    move_w = _inner(turning[j][axis], g, n, sigma_a, epsilon)
                else:
                    pair = np.asarray(readout_weights)[j]
                    move_w = _of_unit(turning[j][axis], g, n, pair, epsilon)
                # Output weights have decayed when the frequency moves.
                grown = factor * slow * kept_a * left_a
                inner[j, axis] = left_a * left_w * inner[j, axis] - grown * move_w
        kept_a, kept_w = kept_a * left_a, kept_w * left_w
        found.append(output(x))
        elsewhere.append(output(other))
    return np.array(found), np.array(elsewhere)
