"""What deep networks write between undersampled data: test loss and aliases, beside the limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import (
    DrawnKernels,
    FourierFeatureMLP,
    FrequencySolution,
    Normal,
    solve_frequency_pde,
    train,
)
from ntkfreq.pde.solution.intervals import of_logarithms, of_values
from validation.claims.deep_limit.problem import SHARE

# Twelve problems: density, activation, depth.
PROBLEMS = [
    (scale, activation, depth)
    for scale in (8.0, 16.0)
    for activation in ("relu", "tanh")
    for depth in (1, 2, 3)
]
SAMPLES, TONE, LEFT, LEVEL, DRAWS = 14, 28.0, 0.01, 0.9, 40
X = np.linspace(-1.0, 1.0, SAMPLES)
X_TEST = np.linspace(-1.0, 1.0, 241)
# What samples this far apart cannot tell from the tone.
ALIAS = 2 * np.pi / (X[1] - X[0]) - TONE
RECORDS = 24


def signal(x: np.ndarray) -> np.ndarray:
    """A tone above the Nyquist frequency under a window."""
    return np.asarray(np.exp(-(x**2) / 0.5) * np.cos(TONE * x))


def amplitudes(output: np.ndarray) -> np.ndarray:
    """Shares (..., 2) of the tone and of its alias in outputs at the test points, by fitting both.

    Windowed like the target, in units of its own amplitude.
    """
    waves = np.stack([np.exp(-(X_TEST**2) / 0.5) * np.cos(k * X_TEST) for k in (TONE, ALIAS)])
    return np.asarray(output @ np.linalg.pinv(waves))


def predicted(problem: int, t: np.ndarray, step_size: float | None = None) -> FrequencySolution:
    """By the kernel of infinite width, at times."""
    scale, activation, depth = PROBLEMS[problem]
    return solve_frequency_pde(
        Normal(scale=scale), (X, signal(X)), depth=depth, activation=activation,
        test=(X_TEST, signal(X_TEST)), frequencies=[TONE, ALIAS], t=t, step_size=step_size,
    )  # fmt: skip


def clock(problem: int) -> tuple[float, np.ndarray]:
    """Step size, and the steps that are recorded: until a hundredth of the loss is left."""
    flow = predicted(problem, np.append(0.0, np.geomspace(1e-2, 1e5, 600)))
    end = flow.t[np.argmax(flow.train_loss < LEFT * flow.train_loss[0])]
    step_size = SHARE * 2 / float(flow.stats["fastest_rate"])
    last = int(np.ceil(end / step_size))
    return step_size, np.unique(np.rint(np.append(0, np.geomspace(1, last, RECORDS))).astype(int))


def trained_off(problem: int, seed: int, width: int) -> dict[str, Any]:
    """Test loss over its start (R,) and the shares at the end (2,) of a trained network."""
    scale, activation, depth = PROBLEMS[problem]
    step_size, steps = clock(problem)
    rng = np.random.default_rng([width, problem, seed])
    net = FourierFeatureMLP.sample(
        Normal(scale=scale), width, depth=depth, activation=activation, rng=rng
    )
    # It learns f_0 + y, so that its error starts as that of a network without output.
    history = train(
        net, X, net(X) + signal(X), step_size=step_size, steps=int(steps[-1]),
        record=steps, test=(X_TEST, net(X_TEST) + signal(X_TEST)), kernel_probe=0,
    )  # fmt: skip
    assert history.test_loss is not None
    return {
        "test": np.asarray(history.test_loss / history.test_loss[0]),
        "left": float(history.train_loss[-1] / history.train_loss[0]),
        "shares": amplitudes(history.output[-1] - history.output[0]),
        "steps": int(steps[-1]),
    }


def limit(problem: int, width: int) -> dict[str, Any]:
    """The prediction and the intervals for one network of the width."""
    step_size, steps = clock(problem)
    solution = predicted(problem, steps * step_size, step_size)
    networks = solution.finite_width(width, draws=DRAWS, zero_output=False)
    assert isinstance(networks, DrawnKernels)
    assert solution.test_loss is not None
    tests = np.array([one.test_loss for one in networks.networks]) / solution.test_loss[0]
    shares = np.array([amplitudes(one.output(X_TEST)[-1]) for one in networks.networks])
    middle = amplitudes(solution.output(X_TEST)[-1])
    return {
        "test": of_logarithms(solution.test_loss / solution.test_loss[0], tests, LEVEL),
        "shares": of_values(middle, shares, LEVEL),
        "left": float(solution.train_loss[-1] / solution.train_loss[0]),
    }
