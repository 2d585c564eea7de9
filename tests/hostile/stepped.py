"""References for rules that are followed step by step, and for batches, as plain loops over steps.

Nothing here imports the package that is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy import special

from validation.reference.recursion import unit_means

from .kernels import Family

# Ratio of second eigenvalues below which a matrix is of rank one.
_RANK_ONE = 1e-20
# Epsilon over the root of a mean square up to which it changes less than is compared.
_NO_EPSILON = 1e-9
# The same of many nodes, which have an error of their own; what few and many are.
_LITTLE, _FEW, _MANY = 1e-4, 8, 1000
# Standard deviations that are followed, and cells within them.
_REACH = {"normal": 6.5, "uniform": 1.0, "laplace": 20.0}
_CELLS = 3000
# By the name that users give: the class, and its settings.
RULES: dict[str, tuple[str, dict[str, float]]] = {
    "adam": ("Adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    "adamw": ("AdamW", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    "rmsprop": ("RMSProp", {"alpha": 0.99, "epsilon": 1e-8, "momentum": 0.0}),
    "sign": ("SignDescent", {"momentum": 0.0}),
    "heavy_ball": ("HeavyBall", {"momentum": 0.9}),
    "nesterov": ("Nesterov", {"momentum": 0.9}),
    "gd": ("GradientDescent", {}),
}
GOOD = {
    "beta1": (0.0, 0.5, 0.95), "beta2": (0.0, 0.9, 0.99), "epsilon": (0.0, 1e-8, 1e-3),
    "alpha": (0.0, 0.9), "momentum": (0.0, 0.5),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """Direction of a history: numerator of a mean and the gradient, over a root, or its sign."""

    kind: str
    kept: float = 0.0
    taken: float = 1.0
    of_gradient: float = 1.0
    of_mean: float = 0.0
    square: float = 0.0
    corrected: bool = False
    momentum: float = 0.0
    epsilon: float = 0.0


def rule(name: str, options: dict[str, float]) -> Rule:
    """A rule by the name that users give."""
    beta = options.get("momentum", 0.9)
    if name in ("adam", "adamw"):
        b1, b2 = options.get("beta1", 0.9), options.get("beta2", 0.999)
        return Rule("root", b1, 1 - b1, 0.0, 1.0, b2, True, 0.0, options.get("epsilon", 1e-8))
    if name == "rmsprop":
        alpha, onward = options.get("alpha", 0.99), options.get("momentum", 0.0)
        epsilon = options.get("epsilon", 1e-8)
        return Rule("root", square=alpha, momentum=onward, epsilon=epsilon)
    if name == "sign":
        return Rule("sign", options.get("momentum", 0.0), 1.0, 0.0, 1.0)
    if name == "nesterov":
        return Rule("linear", beta, 1.0, 1.0, beta)
    if name == "heavy_ball":
        return Rule("linear", beta, 1.0, 0.0, 1.0)
    return Rule("linear")


class _History:
    """Means of gradients (..., k) and of their outer products."""

    def __init__(self, one: Rule, shape: tuple[int, ...], paired: bool) -> None:
        self.rule, self.paired = one, paired
        self.mean, self.onward = np.zeros(shape), np.zeros(shape)
        self.square = np.zeros((*shape, shape[-1]) if paired else shape)

    def numerator(self, g: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        one = self.rule
        self.mean = one.kept * self.mean + one.taken * g
        outer = g[..., :, None] * g[..., None, :] if self.paired else g**2
        self.square = one.square * self.square + (1 - one.square) * outer
        mean, square = self.mean, self.square
        if one.corrected:
            mean = mean / (1 - one.kept ** (step + 1))
            square = square / (1 - one.square ** (step + 1))
        return one.of_gradient * g + one.of_mean * mean, square

    def go_on(self, direction: np.ndarray) -> np.ndarray:
        self.onward = self.rule.momentum * self.onward + direction
        return self.onward


@dataclass(frozen=True)
class Setting:
    """How the limit is trained: rates and epsilons of the outputs of a, b and of w."""

    rule: Rule
    rates: tuple[float, float]
    epsilons: tuple[float, float]
    sigma_a: float
    factors: list[float]
    decay: tuple[float, float] = (0.0, 0.0)
    batches: Any = field(default=None)
    first: Any = field(default=None)


def losses(
    w: np.ndarray, shares: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray, how: Any
) -> np.ndarray | None:
    """Losses (steps + 1,) of the limit on nodes w (M, d); None if they are not known."""
    one, frozen = how.rule, how.sigma_a == 0
    alpha = np.zeros((len(w), 2))
    inner = np.zeros((*w.shape, 2))
    outer_memory = _History(one, alpha.shape, False)
    inner_memory = _History(one, inner.shape, True)
    kept_a = kept_w = 1.0

    def output() -> np.ndarray:
        phase = kept_w * (x @ w.T)
        waves = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
        moves = alpha + np.einsum("nd,mdk->nmk", x, inner)
        start = 0.0 if how.first is None else kept_a * how.first(kept_w * x)
        return start + np.einsum("nmk,nmk,m->n", waves, moves, shares)

    found = []
    for step in range(len(how.factors) + 1):
        e = output() - y
        found.append(float(weights @ e**2))
        if step == len(how.factors):
            return np.array(found)
        if how.batches is None:
            pull, seen = weights * e, x
        else:
            which = np.asarray(how.batches[step])
            which = which[which >= 0]
            pull, seen = e[which] / len(which), x[which]
        phase = kept_w * (seen @ w.T)
        waves = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
        factor = how.factors[step]
        left_a, left_w = 1 - factor * how.decay[0], 1 - factor * how.decay[1]
        p, square = outer_memory.numerator(np.einsum("n,nmk->mk", pull, waves), step)
        direction = _over(one, p, square, how.epsilons[0])
        alpha = left_a * alpha - factor * how.rates[0] * outer_memory.go_on(direction)
        if not frozen:
            g = kept_a * np.einsum("n,nd,nmk->mdk", pull, seen, waves)
            p, square = inner_memory.numerator(g, step)
            turned = _turned(one, p, square, how)
            if turned is None:
                return None
            grown = factor * how.rates[1] * kept_a * left_a
            inner = left_a * left_w * inner - grown * inner_memory.go_on(turned)
        kept_a, kept_w = kept_a * left_a, kept_w * left_w
    return None


def factors(options: dict[str, float], steps: int) -> list[float]:
    """Factors of the step size under a warm-up or half a cosine."""
    n = np.arange(steps)
    if "Warmup" in options:
        return np.minimum((n + 1) / options["Warmup"], 1.0).tolist()
    if "Cosine" in options:
        length = options["Cosine"]
        return (0.5 * (1 + np.cos(np.pi * np.minimum(n, length) / length))).tolist()
    return [1.0] * steps


def epochs(points: int, size: int, steps: int, seed: int) -> list[list[int]]:
    """Batches of shuffled epochs, by seed and epoch."""
    found: list[list[int]] = []
    for epoch in range(steps):
        order = np.random.default_rng([seed, epoch]).permutation(points).tolist()
        found += [order[begin : begin + size] for begin in range(0, points, size)]
    return found[:steps]


def _over(one: Rule, p: np.ndarray, square: np.ndarray, epsilon: float) -> np.ndarray:
    if one.kind == "linear":
        return p
    if one.kind == "sign":
        return np.sign(p)
    root = np.sqrt(square) + epsilon
    return np.divide(p, root, out=np.zeros_like(p), where=root > 0)


def _turned(one: Rule, p: np.ndarray, square: np.ndarray, how: Setting) -> np.ndarray | None:
    """Mean move of frequencies over the outer weights of their units."""
    sigma = how.sigma_a
    if one.kind == "linear":
        return sigma**2 * p
    size = np.linalg.norm(p, axis=-1, keepdims=True)
    if one.kind == "sign":
        share = sigma * np.sqrt(2 / np.pi)
        return share * np.divide(p, size, out=np.zeros_like(p), where=size > 0)
    values, axes = np.linalg.eigh(square)
    small, large = values[..., 0], values[..., 1]
    matters = how.epsilons[1] > _NO_EPSILON * sigma * np.sqrt(large)
    if matters.any():
        return _with_epsilon(p, square, how, matters)
    ratio = np.maximum(small / large, _RANK_ONE)
    k2 = 1 - ratio
    e, k = special.ellipe(k2), special.ellipkm1(ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 2 / (np.pi * k2 * np.sqrt(large))
        long, short = share * (e - ratio * k), share * (k - e)
    near = k2 < 1e-5
    long = np.where(near, 0.5 / np.sqrt(large), long)
    short = np.where(near, 0.5 / np.sqrt(large), short)
    means = np.stack([short, long], axis=-1)
    along = np.einsum("mdkj,mdk->mdj", axes, p)
    return sigma * np.sqrt(np.pi / 2) * np.einsum("mdkj,mdj->mdk", axes, means * along)


def _with_epsilon(
    p: np.ndarray, square: np.ndarray, how: Setting, matters: np.ndarray
) -> np.ndarray | None:
    """The same by quadrature over angle and radius; of many nodes where few would need it."""
    if p[..., 0].size <= _FEW:
        found = np.empty_like(p)
        for place in np.ndindex(p.shape[:2]):
            found[place] = unit_means(square[place], p[place], how.sigma_a, how.epsilons[1])
        return found
    large = np.linalg.eigvalsh(square)[..., 1]
    if (
        p[..., 0].size < _MANY
        or np.mean(how.epsilons[1] > _LITTLE * how.sigma_a * np.sqrt(large)) > 0.01
    ):
        return None
    return _turned(how.rule, p, square, replace(how, epsilons=(how.epsilons[0], 0.0)))


def nodes_of(family: Family, cells: int = _CELLS) -> tuple[np.ndarray, np.ndarray] | None:
    """Frequencies (M, d) and shares of a density: its atoms, or many cells in one dimension."""
    if family.name == "empirical":
        return np.asarray(family.atoms), np.asarray(family.weights)
    parts = family.parts or (family,)
    if family.dim > 1 or not all(part.name in _REACH for part in parts):
        return None
    reach = max(abs(part.loc[0]) + _REACH[part.name] * part.scale for part in parts)
    if reach > 100 * min(part.scale for part in parts):
        return None
    w = (np.arange(cells) + 0.5)[:, None] * reach / cells
    pdf = family.pdf(w) + family.pdf(-w)
    return w, pdf / pdf.sum()


def half_steps(start: complex, gain: float, how: Setting, fraction: float, most: int) -> float:
    """Steps until the modulus of c <- c - gain (D[Re c] + i D[Im c]) is a share of its start."""
    c = np.array([[start.real, start.imag]])
    memory, before = _History(how.rule, c.shape, False), float(np.hypot(*c[0]))
    level = fraction * before
    for step in range(most):
        p, square = memory.numerator(c, step)
        moved = memory.go_on(_over(how.rule, p, square, how.epsilons[0]))
        c = c - how.rates[0] * how.factors[step] * gain * moved
        size = float(np.hypot(*c[0]))
        if size <= level:
            return step + (before - level) / (before - size)
        before = size
    return float("inf")


def mean_losses(
    gram: np.ndarray,
    start: np.ndarray,
    one: Rule,
    sizes: list[float],
    order: Any,
    size: int,
) -> np.ndarray | None:
    """Mean losses (steps + 1,) over all sequences of batches; None where they are too many."""
    n, steps = len(start), len(sizes)
    if isinstance(order, str):
        if order == "independent":
            choices = list(combinations(range(n), size))
        elif order == "repeated":
            choices = list(product(range(n), repeat=size))
        else:
            return None
        if len(choices) ** steps > 5000:
            return None
        sequences = [choices] * steps
    else:
        sequences = [[tuple(k for k in row if k >= 0)] for row in order[:steps]]
    states = [(start, np.zeros(n))]
    found = [float(np.mean(start**2))]
    for step_size, choices in zip(sizes, sequences, strict=True):
        after = []
        for e, velocity in states:
            for batch in choices:
                slope = np.zeros(n)
                np.add.at(slope, list(batch), e[list(batch)] / len(batch))
                moved = one.kept * velocity + slope
                move = one.of_gradient * slope + one.of_mean * moved
                after.append((e - step_size * gram @ move, moved))
        states = after
        found.append(float(np.mean([np.mean(e**2) for e, _ in states])))
    return np.array(found)
