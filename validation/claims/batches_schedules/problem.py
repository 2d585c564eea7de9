"""Samples, rules and networks of `batches_schedules`, and what one cell computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import (
    Cosine,
    Exponential,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    Optimizer,
    Warmup,
    batch_losses,
    compare,
    solve_frequency_pde,
    train,
)
from validation.reference.batches import enumerated_losses, kernel

SCALE, SAMPLES = 12.0, 32
DENSITY = Normal(scale=SCALE)
# Name: rule, step size, samples of a batch, whether networks start from their own f_0.
BATCHES: dict[str, tuple[Optimizer, float, int, bool]] = {
    "8 of 32, step 0.3": (GradientDescent(), 0.3, 8, False),
    "8 of 32, step 1": (GradientDescent(), 1.0, 8, False),
    "2 of 32, step 0.3": (GradientDescent(), 0.3, 2, False),
    "8 of 32, heavy ball 0.8, warm-up": (HeavyBall(0.8, schedule=Warmup(16)), 0.2, 8, False),
    "8 of 32, step 1, random f_0": (GradientDescent(), 1.0, 8, True),
}
ORDERS = ("shuffled", "independent")
STEPS, RECORDS = 64, np.array([0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64])
# Name: rule with schedule, and largest step as a share of the largest stable one.
LENGTH = 120
_WARM = Warmup(30, Cosine(90, final=0.02))
SCHEDULES: dict[str, tuple[Optimizer, float]] = {
    "warm-up and cosine": (GradientDescent(schedule=_WARM), 0.75),
    "stairs": (GradientDescent(schedule=Exponential(0.8, steps=15)), 0.75),
    "heavy ball, warm-up and cosine": (HeavyBall(0.8, schedule=_WARM), 0.2),
    "Nesterov, cosine": (Nesterov(0.8, schedule=Cosine(120, final=0.02)), 0.2),
}


def samples(tones: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Regular samples on [-1, 1] of three tones and a slope."""
    x = np.linspace(-1.0, 1.0, SAMPLES)
    first, second, third = tones
    return x, np.sin(first * x) + 0.7 * np.cos(second * x) + 0.4 * np.sin(third * x) + 0.3 * x


TONES = (3.0, 11.0, 17.0)


def batch_cell(case: str, order: str, seed: int, width: int) -> dict[str, Any]:
    """One network on batches of its own: losses trained, and predicted for these batches."""
    rule, step_size, size, own = BATCHES[case]
    x, y = samples(TONES)
    rng = np.random.default_rng([width, seed])
    net = FourierFeatureNet.sample(DENSITY, width, zero_output=not own, rng=rng)
    history = train(
        net,
        x,
        y,
        step_size=step_size,
        steps=STEPS,
        optimizer=rule,
        batch_size=size,
        order=order,
        rng=seed,
        record=RECORDS,
        frequencies=[0.0],
        kernel_probe=0,
        threads=1,
    )
    batches = np.array([history.batch(step) for step in range(STEPS)])
    same = batch_losses(
        DENSITY,
        (x, y),
        step_size=step_size,
        optimizer=rule,
        order=batches,
        steps=RECORDS,
        initial_output=net if own else None,
    )
    return {"trained": history.train_loss, "predicted": same.train_mean}


def mean_over_batches(case: str, order: str, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted mean losses at the records, and their standard error (0 where exact)."""
    rule, step_size, size, own = BATCHES[case]
    found = batch_losses(
        DENSITY,
        samples(TONES),
        step_size=step_size,
        optimizer=rule,
        batch_size=size,
        order=order,
        steps=RECORDS,
        draws=draws,
        initial_output="random" if own else None,
    )
    error = np.zeros(len(RECORDS)) if found.train_error is None else found.train_error
    return found.train_mean, error


def schedule_cell(schedule: str, width: int, seed: int) -> dict[str, Any]:
    """One network under a schedule, from its own f_0: losses, and distance of the outputs."""
    rule, share = SCHEDULES[schedule]
    x, y = samples(TONES)
    rng = np.random.default_rng([width, seed])
    net = FourierFeatureNet.sample(DENSITY, width, rng=rng)
    plain = solve_frequency_pde(DENSITY, (x, y), t=[0.0, 1.0])
    step_size = share * plain.max_step_size
    prediction = solve_frequency_pde(
        DENSITY, (x, y), initial_output=net, optimizer=rule, step_size=step_size, steps=[0, LENGTH]
    )
    history = train(
        net,
        x,
        y,
        step_size=step_size,
        steps=LENGTH,
        optimizer=rule,
        record=np.arange(0, LENGTH + 1, 3),
        frequencies=[0.0],
        kernel_probe=0,
        threads=1,
    )
    both = compare(prediction, history)
    return {
        "step": history.step,
        "trained": both.measured_loss,
        "predicted": both.predicted_loss,
        "distance": float(both.output_error.max()),
    }


# Four samples and three test points whose sequences of batches are all followed.
_X, _Y = np.array([-0.9, -0.2, 0.3, 1.0]), np.array([1.0, -0.5, 0.8, 0.3])
_T, _TY = np.array([-0.5, 0.1, 0.6]), np.array([0.2, 0.4, -0.7])
ENUMERATED: dict[str, tuple[Optimizer, float, bool]] = {
    "gradient descent, warm-up": (GradientDescent(schedule=Warmup(3)), 0.0, False),
    "heavy ball": (HeavyBall(0.6), 0.6, False),
    "Nesterov, cosine": (Nesterov(0.5, schedule=Cosine(9)), 0.5, True),
}


def from_enumeration(name: str, order: str, size: int, steps: int) -> float:
    """Largest relative difference of mean losses to those over all sequences of batches."""
    rule, beta, nesterov = ENUMERATED[name]
    scale = 3.0
    found = batch_losses(
        Normal(scale=scale),
        (_X, _Y),
        step_size=0.8,
        batch_size=size,
        order=order,
        optimizer=rule,
        steps=np.arange(steps + 1),
        test=(_T, _TY),
    )
    train_mean, test_mean = enumerated_losses(
        kernel(scale, _X, _X),
        -_Y,
        [0.8 * rule.schedule.factor(step) for step in range(steps)],
        order,
        size,
        beta,
        nesterov,
        kernel(scale, _T, _X),
        -_TY,
    )
    assert found.test_mean is not None
    return float(
        max(
            np.abs(found.train_mean / train_mean - 1).max(),
            np.abs(found.test_mean / test_mean - 1).max(),
        )
    )
