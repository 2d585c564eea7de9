"""Random problems on points for the solution in frequency space, and their dense flows.

The reference has its own kernels, its own eigenvectors and its own quadrature in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import integrate

from ntkfreq import (
    HeavyBall,
    Laplace,
    Mixture,
    Nesterov,
    Normal,
    Points,
    StudentT,
    Uniform,
    solve_frequency_pde,
)

FAMILIES = ("normal", "uniform", "laplace", "student", "mixture")
RULES = ("flow", "flow", "descent", "heavy", "nesterov", "decay", "start")
LAYOUTS = ("random", "clustered", "gappy", "duplicated", "far", "line")
RTOL = 1e-10


def kernel(family: str, scale: float, z: np.ndarray) -> np.ndarray:
    """Characteristic function at displacements (n, m, d), by its formula."""
    if family == "normal":
        return np.exp(-0.5 * scale**2 * np.sum(z**2, axis=-1))
    if family == "uniform":
        return np.prod(np.sinc(scale * z / np.pi), axis=-1)
    if family == "laplace":
        return np.prod(1 / (1 + (scale * z) ** 2), axis=-1)
    if family == "student":
        u = np.sqrt(3.0) * scale * np.linalg.norm(z, axis=-1)
        return (1 + u) * np.exp(-u)
    return 0.3 * kernel("normal", 0.3 * scale, z) + 0.7 * kernel("normal", scale, z)


def density(family: str, scale: float, dim: int) -> Any:
    """The same as the package has it; the uniform one is on [-scale, scale]."""
    if family == "normal":
        return Normal(scale=scale, dim=dim)
    if family == "uniform":
        return Uniform(scale=scale, dim=dim)
    if family == "laplace":
        return Laplace(scale=scale, dim=dim)
    if family == "student":
        return StudentT(df=3, scale=scale, dim=dim)
    parts = [Normal(scale=0.3 * scale, dim=dim), Normal(scale=scale, dim=dim)]
    return Mixture(parts, [0.3, 0.7])


@dataclass(frozen=True)
class Case:
    """One problem."""

    dim: int
    family: str
    scale: float
    sigma_a: float
    x: np.ndarray
    weights: np.ndarray
    y: np.ndarray
    wave: np.ndarray | None
    rule: str
    decay: float
    t: np.ndarray
    step: float | None
    frequencies: np.ndarray
    elsewhere: np.ndarray

    def start(self, x: np.ndarray) -> np.ndarray:
        """The initial output at points (n, d)."""
        return np.zeros(len(x)) if self.wave is None else 0.7 * np.sin(x @ self.wave + 1.0)

    @property
    def gram(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernels of output weights and of frequencies between the points."""
        return self.between(self.x)

    def between(self, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same from points (n, d) to those of the data."""
        k = kernel(self.family, self.scale, others[:, None] - self.x)
        return k, self.sigma_a**2 * (others @ self.x.T) * k


def layout(rng: np.random.Generator, kind: str, count: int, dim: int) -> np.ndarray:
    """Points about [-1, 1]^d of a kind."""
    x = rng.uniform(-1, 1, (count, dim))
    if kind == "clustered":
        x = rng.choice([-0.8, 0.1, 0.7], (count, 1)) + 0.05 * rng.standard_normal((count, dim))
    elif kind == "gappy":
        x[:, 0] = np.sign(x[:, 0]) * (0.6 + 0.4 * np.abs(x[:, 0]))
    elif kind == "duplicated":
        x[count // 2 :] = x[: count - count // 2]
    elif kind == "far":
        x += 5.0
    elif kind == "line" and dim > 1:
        x[:, 1:] = 0.3
    return x


def draw(seed: int) -> Case:
    """A problem, the same for a seed."""
    rng = np.random.default_rng(seed)
    dim = int(rng.choice([1, 1, 2, 3]))
    family = FAMILIES[seed % len(FAMILIES)]
    # So that the features, of which heavy tails and three dimensions take many, stay in thousands.
    most = {1: 25.0, 2: 5.0, 3: 2.0}[dim]
    if family in ("student", "laplace"):
        most = (
            {1: 2.0, 2: 0.6, 3: 0.1}[dim] if family == "laplace" else {1: 1.0, 2: 0.0, 3: 0.0}[dim]
        )
    if most == 0.0:
        dim, most = 1, 1.0
    scale = float(most * rng.uniform(0.3, 1.0))
    count = int(rng.integers(20, 260))
    x = layout(rng, str(rng.choice(LAYOUTS)), count, dim)
    weights = rng.uniform(0.2, 1.0, count) if rng.random() < 0.5 else np.ones(count)
    y = np.cos(x @ rng.uniform(-1, 1, dim) * 2 * scale) + 0.3 * rng.standard_normal(count)
    wave = rng.uniform(-2, 2, dim) * scale if rng.random() < 0.4 else None
    rule = str(rng.choice(RULES))
    sigma_a = float(rng.choice([0.0, 1.0]))
    case = Case(
        dim, family, scale, sigma_a, x, weights / weights.sum(), y, wave, rule, 0.0, x[:, 0], None,
        rng.uniform(-2, 2, (12, dim)) * scale, rng.uniform(-1, 1, (15, dim)) * 0.9 + x.mean(axis=0),
    )  # fmt: skip
    root = np.sqrt(case.weights)
    top = float(np.linalg.eigvalsh(sum(case.gram) * root[:, None] * root)[-1])
    t = np.append(0.0, np.geomspace(0.1, 10 ** rng.uniform(1, 4), 8)) / top
    step = None
    if rule in ("descent", "heavy", "nesterov"):
        step = float(rng.uniform(0.2, 1.0)) / top
        t = step * np.unique(np.rint(t / step))
    decay = float(10 ** rng.uniform(-3, 0) * top) if rule in ("decay", "start") else 0.0
    return Case(**{**case.__dict__, "t": t, "step": step, "decay": decay})


def solved(case: Case, method: str = "frequency") -> Any:
    """The solution of the package."""
    options: dict[str, Any] = {}
    if case.wave is not None:
        options["initial_output"] = lambda x: case.start(x.reshape(len(x), case.dim))
    if case.rule in ("heavy", "nesterov"):
        options["optimizer"] = (HeavyBall if case.rule == "heavy" else Nesterov)(0.8)
    if case.decay:
        options["weight_decay"] = case.decay
        if case.rule == "start":
            options |= {"frequency_decay": case.decay / 3, "decay_towards": "start"}
    return solve_frequency_pde(
        density(case.family, case.scale, case.dim),
        (case.x, case.y),
        measure=Points(case.x, case.weights),
        sigma_a=case.sigma_a,
        t=case.t,
        step_size=case.step,
        frequencies=case.frequencies,
        rtol=RTOL,
        method=method,
        **options,
    )


def flow(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Errors (T, N) and learned outputs elsewhere (T, n) of the dense problem."""
    first = case.start(case.x)
    root = np.sqrt(case.weights)
    stationary, moving = case.gram
    far_stationary, far_moving = case.between(case.elsewhere)
    if case.decay:
        return _fading(case, first)
    rates, modes = np.linalg.eigh((stationary + moving) * root[:, None] * root)
    rates = np.maximum(rates, 0.0)
    amplitudes = modes.T @ (root * (first - case.y))
    left, held = [], []
    for t in case.t:
        factor, integral = _mode(case, rates, float(t))
        left.append(factor * amplitudes)
        held.append(integral * amplitudes)
    errors = (np.array(left) @ modes.T) / root
    shares = (np.array(held) @ modes.T) * root
    return errors, -shares @ (far_stationary + far_moving).T


def _mode(case: Case, rates: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Remaining share of modes and what has moved the output, step by step where there are any."""
    if case.step is None:
        product = rates * t
        safe = np.where(product > 0, product, 1.0)
        return np.exp(-product), t * np.where(product > 0, -np.expm1(-product) / safe, 1.0)
    steps = round(t / case.step)
    error, velocity, held = np.ones_like(rates), np.zeros_like(rates), np.zeros_like(rates)
    beta = 0.0 if case.rule == "descent" else 0.8
    # Parameters move by -step * direction; held adds up what multiplies the kernel.
    memory = np.zeros_like(rates)
    for _ in range(steps):
        velocity = beta * velocity + error
        ahead = error + beta * velocity if case.rule == "nesterov" else velocity
        memory = memory + case.step * ahead
        error = 1.0 - rates * memory
    held = memory
    return error, held


def _fading(case: Case, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flow under decay, by an explicit method of high order on the memories."""
    stationary, moving = case.gram
    far_stationary, far_moving = case.between(case.elsewhere)
    n, gamma = len(case.x), case.decay
    gamma_w = gamma / 3 if case.rule == "start" else 0.0

    def error(t: float, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        learned = stationary @ (case.weights * one) + moving @ (case.weights * two)
        return np.exp(-gamma * t) * first - case.y - learned

    def slope(t: float, state: np.ndarray) -> np.ndarray:
        one, two = state[:n], state[n:]
        e = error(t, one, two)
        return np.concatenate(
            [-gamma * one + e, -(gamma + gamma_w) * two + np.exp(-2 * gamma * t) * e]
        )

    # From one time to the next: values between steps are interpolated to fewer digits.
    states = [np.zeros(2 * n)]
    for begin, end in pairwise(case.t):
        done = integrate.solve_ivp(
            slope, (begin, end), states[-1], "DOP853", rtol=1e-12, atol=1e-13
        )
        states.append(done.y[:, -1])
    ones, twos = np.split(np.array(states), 2, axis=1)
    errors = np.array([error(t, a, b) for t, a, b in zip(case.t, ones, twos, strict=True)])
    learned = -(ones * case.weights) @ far_stationary.T - (twos * case.weights) @ far_moving.T
    return errors, learned


def distances(case: Case, solution: Any) -> dict[str, float]:
    """Largest differences to the dense flow, relative to the initial error."""
    errors, learned = flow(case)
    loss = errors**2 @ case.weights
    size = np.sqrt(loss[0])
    found = solution.output(case.x) - case.y
    faded = np.exp(-case.decay * case.t)[:, None] * case.start(case.elsewhere)
    far = solution.output(case.elsewhere) - faded
    waves = np.exp(-1j * case.x @ case.frequencies.T)
    spectrum = (errors * case.weights) @ waves
    return {
        "loss": float(np.abs(solution.train_loss - loss).max() / loss[0]),
        "error": float(np.sqrt(((found - errors) ** 2 @ case.weights).max()) / size),
        "output": float(np.abs(far - learned).max() / size),
        "spectrum": float(np.abs(solution.data_spectrum - spectrum).max() / size),
    }
