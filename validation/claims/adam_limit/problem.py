"""Rules with what goes with them, in the units of the limit of wide networks; data; networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ntkfreq import (
    Adam,
    AdamW,
    Cosine,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    Optimizer,
    RMSProp,
    SignDescent,
    Warmup,
)

DENSITY, SAMPLES, STEPS, ETA0 = Normal(scale=10.0), 32, 200, 0.05
PLANE, SIDE = Normal(scale=5.0, dim=2), 10
# Points of a batch.
BATCH = 8


@dataclass(frozen=True)
class Training:
    """A rule in the units of the limit: none of its numbers depends on the width.

    Attributes
    ----------
    rule : Optimizer
        With epsilon beside gradients times the root of the width.
    eta0 : float
        Step size times the root of the width; of rules that are linear in the gradient the step
        size itself.
    decay : (float, float)
        Shares by which a and b, and w, shrink in a step.
    batches : bool
        Whether a step sees 8 of the points, in a given order.
    started : bool
        Whether the initial output is that of the drawn network, not zero.
    frozen : bool
        Whether w stays.
    sigma_a : float
        Standard deviation of the initial output weights.
    """

    rule: Optimizer
    eta0: float = ETA0
    decay: tuple[float, float] = (0.0, 0.0)
    batches: bool = False
    started: bool = False
    frozen: bool = False
    sigma_a: float = 1.0

    def options(self, width: int, steps: int, samples: int) -> dict[str, Any]:
        """What prediction and network of a width are both told."""
        root, rule = float(np.sqrt(width)), self.rule
        if isinstance(rule, Adam | RMSProp):
            rule = replace(rule, epsilon=rule.epsilon / root)
        step_size = self.eta0 / root if rule.normalized else self.eta0
        found: dict[str, Any] = {"optimizer": rule, "step_size": step_size}
        for name, share in zip(("weight_decay", "frequency_decay"), self.decay, strict=True):
            found[name] = share / step_size
        if self.batches:
            draws = np.random.default_rng(5)
            found["order"] = [draws.permutation(samples)[:BATCH] for _ in range(steps)]
        return found


ADAM = Adam(epsilon=0.0)
# Rules with a memory, whose distance from the limit falls with the width.
REMEMBERING: Mapping[str, Training] = MappingProxyType(
    {
        "Adam": Training(ADAM),
        "Adam, w frozen": Training(ADAM, frozen=True),
        "Adam, beta2 0.98": Training(Adam(beta2=0.98, epsilon=0.0)),
        "Adam, epsilon_0 = 1": Training(Adam(epsilon=1.0)),
        "Adam, warm-up and cosine": Training(
            Adam(epsilon=0.0, schedule=Warmup(20, Cosine(STEPS - 20)))
        ),
        "Adam, batches of 8": Training(ADAM, batches=True),
        "Adam, random f_0": Training(ADAM, started=True),
        "AdamW on a, b": Training(AdamW(epsilon=0.0), decay=(0.01, 0.0)),
        "AdamW on a, b and w": Training(AdamW(epsilon=0.0), decay=(0.01, 0.01)),
        "AdamW on a, b and w, random f_0": Training(
            AdamW(epsilon=0.0), decay=(0.01, 0.01), started=True
        ),
        # Its mean square is not corrected: the first step is ten times as long as the later ones.
        "RMSProp": Training(RMSProp(epsilon=0.0), eta0=ETA0 / 10),
        "heavy ball": Training(HeavyBall(0.9), eta0=0.1),
        "Nesterov": Training(Nesterov(0.9), eta0=0.1),
        "gradient descent, batches of 8": Training(GradientDescent(), eta0=0.5, batches=True),
    }
)
# Rules of signs: once the loss is small they step to and fro by about eta0.
SIGNS: Mapping[str, Training] = MappingProxyType(
    {"sign descent": Training(SignDescent()), "signum": Training(SignDescent(0.9))}
)
TRAININGS = {**REMEMBERING, **SIGNS}


def records(steps: int) -> np.ndarray:
    """Steps that are recorded, from 0, evenly in log(1 + step)."""
    return np.unique(np.rint(np.expm1(np.linspace(0, np.log1p(steps), 64))).astype(int))


def samples() -> tuple[np.ndarray, np.ndarray]:
    """32 points of [-1, 1] and three tones on them, of amplitudes 1, 0.3 and 0.1."""
    x = np.linspace(-1.0, 1.0, SAMPLES)
    tones = zip((1.0, 0.3, 0.1), (np.pi, 3 * np.pi, 5 * np.pi), (0.0, 1.0, 2.0), strict=True)
    return x, np.sum([a * np.sin(k * x + phase) for a, k, phase in tones], axis=0)


def square() -> tuple[np.ndarray, np.ndarray]:
    """10 x 10 points of the square and three plane waves of the same amplitudes on them."""
    side = np.linspace(-1.0, 1.0, SIDE)
    x = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    waves = (1.0, (2.0, 1.0), 0.3), (0.3, (-3.0, 5.0), 1.0), (0.1, (7.0, 4.0), 2.0)
    return x, np.sum([a * np.sin(x @ np.array(k) + phase) for a, k, phase in waves], axis=0)


def network(training: Training, density: Normal, width: int, seed: int) -> FourierFeatureNet:
    """The network of a width and seed, of zero output unless it is to start from its own."""
    return FourierFeatureNet.sample(
        density,
        width,
        sigma_a=training.sigma_a,
        zero_output=not training.started,
        rng=np.random.default_rng([width, density.dim, seed]),
    )
