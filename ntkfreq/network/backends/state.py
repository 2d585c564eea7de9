"""The state of training and its constants: the data that every backend works on.

All parameters of a network live in one array `theta`, the frequencies first. For a
`FourierFeatureNet` it has shape (d + 2, m): the d coordinates of w, then a, then b.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.network.backends.limits import within
from ntkfreq.problem.optimizers import GradientDescent, Optimizer


@dataclass(frozen=True)
class Descent:
    """The rule by which a run steps.

    The optimizer sees the gradient and the decay ``rate * (theta - anchor)``, with rate
    `weight_decay` and anchor 0 for the outer weights, `frequency_decay` and the state's anchor
    for w; `readout_decay` is for the output weights of a deep network alone. In the "standard"
    `parametrization` all this is of parameters over the state's scale.
    """

    step_size: float
    weight_decay: float = 0.0
    frequency_decay: float = 0.0
    readout_decay: float = 0.0
    freeze_frequencies: bool = False
    optimizer: Optimizer = field(default_factory=GradientDescent)
    batch_size: int | None = None
    seed: int = 0
    parametrization: str = "ntk"
    order: str = "shuffled"
    given: IntArray | None = field(default=None, repr=False, compare=False)

    @property
    def largest_decay(self) -> float:
        """Largest of the decay rates; 0 where nothing decays."""
        return max(self.weight_decay, self.frequency_decay, self.readout_decay)

    def rate(self, step: int) -> float:
        """Step size of the step after `step` others."""
        return self.step_size * self.optimizer.schedule.factor(step)

    def batch(self, step: int, points: int, orders: dict[int, IntArray]) -> IntArray | None:
        """Points of the batch of a step; None for all. `orders` keeps the order of an epoch.

        Every epoch shuffles the points anew, by seed and epoch alone, so that a resumed run
        draws what the whole one did. The last batch of an epoch takes what is left. Independent
        batches are drawn by seed and step; `given` has one a step.
        """
        if self.given is not None:
            # A copy: PyTorch warns of indices that cannot be written to.
            return np.array(self.given[step], dtype=np.int64)
        if self.batch_size is None:
            return None
        if self.order == "independent":
            # The third number keeps them apart from the epochs, seeded by two.
            source = np.random.default_rng([self.seed, step, 1])
            drawn: IntArray = source.choice(points, self.batch_size, replace=False, shuffle=False)
            return drawn
        epoch, place = divmod(step, -(-points // self.batch_size))
        if epoch not in orders:
            orders.clear()
            orders[epoch] = np.random.default_rng([self.seed, epoch]).permutation(points)
        return orders[epoch][place * self.batch_size : (place + 1) * self.batch_size]


@dataclass
class NetworkState:
    """Parameters in training, the memory of the optimizer, and the output.

    `output` belongs to the current parameters at all training points (full batches only): a step
    starts from it, so nothing is evaluated twice and a checkpoint that holds it continues bit for
    bit.

    Attributes
    ----------
    theta : ndarray, shape (rows, ...)
        Parameters.
    frequency_rows : int
        Rows that hold frequencies, the first ones.
    readout_rows : int
        Rows that hold output weights, the last ones, where they decay by themselves.
    anchor : ndarray, shape of theta
        The parameters that decay moves towards.
    memory : ndarray, shape (slots, ...)
        Arrays that the optimizer keeps between steps.
    output : ndarray, shape (N,)
        Network output at the training points.
    step : int
        Steps taken.
    orders : dict
        Order of the points in the present epoch, for batches.
    bound : ndarray, shape (d,), or None
        That of `limits.phase_bound` for all points of the run; None looks at no limit.
    scale : ndarray, broadcasts to theta, or None
        Factors of theta over the parameters in which the rule steps; None where they are theta.
    escaped : bool
        Whether the last step left the limits: `output` is then not that of the parameters.
    """

    theta: FloatArray
    frequency_rows: int
    anchor: FloatArray
    memory: FloatArray
    output: FloatArray
    step: int = 0
    orders: dict[int, IntArray] = field(default_factory=dict)
    bound: FloatArray | None = None
    scale: FloatArray | None = None
    escaped: bool = False
    readout_rows: int = 0

    @classmethod
    def start(
        cls,
        theta: FloatArray,
        frequency_rows: int,
        output: FloatArray,
        descent: Descent,
        *,
        towards_start: bool = False,
        bound: FloatArray | None = None,
        scale: FloatArray | None = None,
        readout_rows: int = 0,
    ) -> NetworkState:
        """State before the first step; `towards_start` anchors w at its initial value."""
        anchor = np.zeros_like(theta)
        if towards_start:
            anchor[:frequency_rows] = theta[:frequency_rows]
        memory = np.zeros((descent.optimizer.slots, *theta.shape))
        return cls(
            theta.copy(),
            frequency_rows,
            anchor,
            memory,
            output,
            bound=bound,
            scale=scale,
            readout_rows=readout_rows,
        )

    def copy(self) -> NetworkState:
        """A state of its own, to which an interrupted step can return."""
        return replace(
            self,
            theta=self.theta.copy(),
            memory=self.memory.copy(),
            output=self.output.copy(),
            orders=dict(self.orders),
        )

    @property
    def units(self) -> int:
        """Hidden units of a two-layer network."""
        return int(self.theta.shape[-1])

    def within(self) -> bool:
        """Whether the parameters are within the limits."""
        return self.bound is None or within(self.theta, self.frequency_rows, self.bound)

    def decay(self, descent: Descent) -> FloatArray:
        """Decay rate of each row over its scale, shaped to multiply `theta`."""
        rates = np.full(self.theta.shape[0], descent.weight_decay)
        rates[: self.frequency_rows] = descent.frequency_decay
        if descent.readout_decay > 0:
            rates[len(rates) - self.readout_rows :] = descent.readout_decay
        shaped = rates.reshape(-1, *[1] * (self.theta.ndim - 1))
        return shaped if self.scale is None else shaped / self.scale

    def first(self, descent: Descent) -> int:
        """First row that is trained."""
        return self.frequency_rows if descent.freeze_frequencies else 0


def split(theta: Any) -> tuple[Any, Any, Any]:
    """Frequencies (d, m) and output weights a (m,), b (m,) of a two-layer network, as views."""
    return theta[:-2], theta[-2], theta[-1]
