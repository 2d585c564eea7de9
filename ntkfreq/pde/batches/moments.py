r"""Second moments of the error under batches that are drawn for each step by itself.

A batch :math:`\mathcal B` of B of N samples moves the error by :math:`-\eta K q`,
:math:`q = e_{\mathcal B}/B`. Given e, :math:`\mathbb E\,q = e/N`, and with
:math:`M = \mathbb E\,e e^\top`, D its diagonal,

.. math:: \mathbb E\,q q^\top = \alpha D + \gamma M, \qquad
          \gamma = \frac{B-1}{BN(N-1)}, \quad \alpha = \frac1{BN} - \gamma

where no sample is twice in a batch: a pair of samples is in it with probability
:math:`B(B-1)/(N(N-1))`; with repetition :math:`\gamma = (B-1)/(BN^2)`, :math:`\alpha = 1/(BN)`. So

.. math:: M \leftarrow M - \tfrac{\eta}{N}(K M + M K) + \eta^2 K (\alpha D + \gamma M) K

is exact. Momentum, :math:`\nu \leftarrow \beta\nu + q`, has the joint moments of e and
:math:`\nu`; both rules move by :math:`\mu = a q + c\nu`, with :math:`a = 1, c = \beta` for the
heavy ball and :math:`a = 1 + \beta, c = \beta^2` for Nesterov's. In eigenvectors of K all products
are of diagonal matrices but those that make D and bring it back: two of :math:`2 N r^2` operations
a step, for r modes.
"""

from __future__ import annotations

import numpy as np

from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.pde.batches.modes import BatchModes
from ntkfreq.pde.batches.rule import BatchRule

# Operations for each entry of a moment at a step, apart from the two products.
_ENTRY = 120.0


def shares(points: int, size: int, repetition: bool) -> tuple[float, float]:
    """The shares of D and of M in the second moment of a batch's gradient.

    Examples
    --------
    >>> shares(4, 4, False), shares(4, 1, True)
    ((0.0, 0.0625), (0.25, 0.0))
    """
    if repetition:
        return 1 / (size * points), (size - 1) / (size * points**2)
    if size == points:
        return 0.0, 1 / points**2
    pairs = (size - 1) / (size * points * (points - 1))
    return 1 / (size * points) - pairs, pairs


def refuse_long(modes: BatchModes, steps: int) -> None:
    """Refuse second moments that take too long."""
    points, count = modes.count, len(modes.rates)
    refuse_work(
        f"second moments of {points} samples, {count} modes, for {steps} steps",
        steps * (4.0 * points + _ENTRY) * float(count) ** 2,
        "take method='simulation', the mean over simulated batches, or fewer steps",
    )


class _Moments:
    """Moments of error z, velocity u and sum of steps s in modes, all (r, r)."""

    def __init__(self, start: FloatArray, rule: BatchRule, tested: bool) -> None:
        self.rule, self.tested = rule, tested
        self.zz = start @ start.T
        self.zu, self.uu, self.zs, self.us, self.ss = (np.zeros_like(self.zz) for _ in range(5))

    def step(self, eta: float, rates: FloatArray, noise: FloatArray, n: int) -> None:
        """One step; `noise` is the second moment of the gradient of a batch."""
        a, c, beta = self.rule.of_gradient, self.rule.of_velocity, self.rule.beta
        down, across = eta * rates[:, None], eta * rates
        # With the move m; um is of the velocity after this step.
        zm, mm, um = a / n * self.zz, noise, noise
        if beta > 0:
            zm = zm + c * self.zu
            both = self.zu + self.zu.T
            mm = a**2 * noise + (a * c / n) * both + c**2 * self.uu
            um = beta * (a / n * self.zu.T + c * self.uu) + a * noise + c / n * self.zu
        if self.tested:
            ms = a / n * self.zs + c * self.us
            self.us = beta * self.us + self.zs / n - eta * um
            self.zs = self.zs - eta * zm - down * ms + eta * down * mm
            self.ss = self.ss - eta * (ms + ms.T) + eta**2 * mm
        if beta > 0:
            self.uu = beta**2 * self.uu + (beta / n) * both + noise
            self.zu = beta * self.zu + self.zz / n - down * um.T
        moved = zm * across
        self.zz = self.zz - moved - moved.T + down * mm * across


def exact_means(
    modes: BatchModes,
    rule: BatchRule,
    etas: FloatArray,
    records: IntArray,
    size: int,
    repetition: bool,
) -> tuple[FloatArray, FloatArray | None]:
    """Mean losses (T,) at the samples and at test points, from exact second moments."""
    n, vectors, rates = modes.count, modes.vectors, modes.rates
    of_diagonal, of_all = shares(n, size, repetition)
    # The part of the error that never moves, by itself and with the mean of the part that does.
    still = np.sum(modes.rest**2, axis=1)
    beside = vectors * (modes.rest @ modes.start.T)
    moments = _Moments(modes.start, rule, modes.tested is not None)
    left, velocity, gained = np.ones(len(rates)), np.zeros(len(rates)), np.zeros(len(rates))
    train = np.empty(len(records))
    test = None if modes.tested is None else np.empty(len(records))
    row, last, first = 0, int(records[-1]), modes.first_loss
    for step in range(last + 1):
        loss = (float(np.trace(moments.zz)) + float(still.sum())) / n
        rule.refuse_growth(loss / first, step, size)
        while row < len(records) and records[row] == step:
            train[row] = loss
            if test is not None:
                test[row] = _tested(modes, moments.ss, gained)
            row += 1
        if step == last:
            break
        noise = of_all * moments.zz
        if of_diagonal > 0:
            diagonal = np.sum((vectors @ moments.zz) * vectors, axis=1)
            diagonal += 2 * (beside @ left) + still
            noise = noise + of_diagonal * (vectors.T @ (diagonal[:, None] * vectors))
        moments.step(float(etas[step]), rates, noise, n)
        move = rule.of_gradient / n * left + rule.of_velocity * velocity
        velocity = rule.beta * velocity + left / n
        gained = gained + etas[step] * move
        left = left - etas[step] * rates * move
    return train, test


def _tested(modes: BatchModes, steps: FloatArray, gained: FloatArray) -> float:
    """Mean test loss from the second moment of the sum of steps, and its mean over the start."""
    assert modes.tested is not None
    assert modes.test_start is not None
    assert modes.test_weights is not None
    square = np.sum(modes.test_start**2, axis=1)
    cross = np.sum((modes.test_start @ modes.start.T) * modes.tested * gained, axis=1)
    moved = np.sum((modes.tested @ steps) * modes.tested, axis=1)
    return float((square - 2 * cross + moved) @ modes.test_weights)
