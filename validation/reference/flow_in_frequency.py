"""Dense references on Line and Grid: spectral elements in frequency, on the half-line or half-zone.

With nodes (Legendre-Gauss-Lobatto) and their weights the operator is ``B^T B``, B holding
``sqrt(2 pi rho)`` and ``sigma_a sqrt(2 pi rho) d/dxi``; its modes are the singular vectors of B, so
slow rates do not drown in the rounding of fast ones. Real and imaginary part of a spectrum are two
fields: on Line one is even and one odd; on Grid they meet at the Nyquist frequency, where the
phase is known. Where nothing diffuses, every frequency moves by itself and there are no elements.

"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg

from validation.reference.formulas import Problem, spectrum, total
from validation.reference.memories import Law, Modes, clock_settings, plain, remembered
from validation.reference.quadrature import Pieces, gauss
from validation.reference.spectral_elements import Elements
from validation.reference.zone import Zone

ALIASES = 400


def _bases(elements: Elements, zone: Zone) -> list[np.ndarray]:
    """Orthonormal embeddings of the unknowns into (real, imaginary) parts, one per block."""
    n = len(elements.weights)
    identity = np.eye(n)
    kept = np.ones(n, dtype=bool)
    kept[0] = elements.spans[0][0] > 0
    none = np.zeros((n, n))
    if not zone.lattice:
        return [np.concatenate([identity, none]), np.concatenate([none, identity])[:, kept]]
    spacing, origin = zone.problem.place
    kept[-1] = False
    angle = np.pi * origin / spacing
    both = np.zeros((2 * n, 1))
    # exp(i g o) v is periodic and v(-xi) the conjugate of v: at pi / spacing the phase is known.
    both[n - 1], both[-1] = np.cos(angle), -np.sin(angle)
    real, imaginary = np.concatenate([identity, none]), np.concatenate([none, identity])
    inner = np.concatenate([real[:, :-1], imaginary[:, kept]], axis=1)
    return [np.concatenate([inner, both], axis=1)]


def _block_modes(elements: Elements, zone: Zone, basis: np.ndarray) -> Modes:
    """Modes of one block, from singular vectors; columns are (real, imaginary) parts."""
    n = len(elements.weights)
    moving = elements.root_operator(zone.rho, zone.problem.sigma_a)
    damping = elements.damping(zone.rho)
    stack = np.concatenate(
        [
            np.sqrt(np.concatenate([damping, damping]))[:, None] * basis,
            moving @ basis[:n],
            moving @ basis[n:],
        ]
    )
    triangle = linalg.qr(stack, mode="r", check_finite=False)[0][: basis.shape[1]]
    _, singular, rows = linalg.svd(triangle, check_finite=False)
    vectors = basis @ rows.T
    first = (vectors * np.concatenate([damping, damping])[:, None]).T @ vectors
    return Modes(singular**2, vectors, first)


@dataclass(frozen=True)
class Learned:
    """Change of the spectrum and second memory as functions of frequency at the output times."""

    zone: Zone
    elements: Elements
    change: np.ndarray
    memory: np.ndarray

    @classmethod
    def solve(cls, zone: Zone, level: int) -> Learned:
        """Solve by elements (needs diffusion)."""
        problem, t = zone.problem, np.array(zone.problem.t)
        elements = Elements(zone.spans(level), (18, 22)[level])
        nodes = np.empty(len(elements.weights))
        nodes[elements.numbers] = elements.local_nodes
        root = np.sqrt(elements.weights)
        change = np.zeros((len(t), 2 * len(nodes)))
        memory = np.zeros_like(change)

        def state(time: float) -> np.ndarray:
            values = zone.free(time, nodes) * root
            return np.concatenate([values.real, values.imag])

        for basis in _bases(elements, zone):
            modes = _block_modes(elements, zone, basis)
            if problem.decays:
                modes = _excited(modes, [state(float(time)) for time in (0.0, *t[2:])], level)
                parts = remembered(
                    modes,
                    Law.of(problem),
                    _modal(modes, zone, nodes, root),
                    t,
                    *clock_settings(level),
                )
            else:
                parts = plain(modes, modes.vectors.T @ state(0.0), t)
            change += parts[0] @ modes.vectors.T
            memory += parts[1] @ modes.vectors.T
        n = len(nodes)
        both = [(part[:, :n] + 1j * part[:, n:]) / root for part in (change, memory)]
        return cls(zone, elements, both[0], both[1])


def _modal(
    modes: Modes, zone: Zone, nodes: np.ndarray, root: np.ndarray
) -> Callable[[float], np.ndarray]:
    """Free error in modes, as a function of time."""
    problem = zone.problem

    def project(values: np.ndarray) -> np.ndarray:
        values = values * root
        return np.asarray(modes.vectors.T @ np.concatenate([values.real, values.imag]))

    if problem.contracts:
        return lambda time: project(zone.free(time, nodes))
    start, goal = (project(part) for part in zone.transforms(nodes))
    return lambda time: np.exp(-problem.gamma_a * time) * start - goal


def _excited(modes: Modes, states: list[np.ndarray], level: int) -> Modes:
    """The modes up to a margin beyond the last that the data excite."""
    size = np.max([np.abs(modes.vectors.T @ state) for state in states], axis=0)
    order = np.argsort(modes.rates)
    excited = np.flatnonzero(size[order] > (1e-13, 1e-14)[level] * size.max())
    kept = order[: int((1.1, 1.2)[level] * (excited.max(initial=20) + 20))]
    return Modes(modes.rates[kept], modes.vectors[:, kept], modes.first[np.ix_(kept, kept)])


def frozen(zone: Zone, zeta: np.ndarray, level: int) -> np.ndarray:
    """Change of the spectrum at frequencies zeta without diffusion: each moves by itself."""
    problem, t = zone.problem, np.array(zone.problem.t)
    rates = 2 * np.pi * zone.rho(zeta)
    if not problem.decays or not (problem.gamma_a or problem.contracts):
        deficit = -np.expm1(-np.multiply.outer(t, rates))
        return np.asarray(-deficit * zone.free(0.0, zeta))
    if not problem.contracts:
        # f' = -rho (f - y) - g f, by hand.
        start, goal = zone.transforms(zeta)
        both = rates + problem.gamma_a
        left = np.exp(-np.multiply.outer(t, both))
        rest = -np.expm1(-np.multiply.outer(t, both)) * rates / np.maximum(both, 1e-300)
        damping = np.exp(-problem.gamma_a * t)[:, None]
        return np.asarray((left - damping) * start + rest * goal)
    return _frozen_contracting(zone, zeta, rates, level)


def _frozen_contracting(zone: Zone, zeta: np.ndarray, rates: np.ndarray, level: int) -> np.ndarray:
    """The same when frequencies shrink: F' = -exp(g_w t) rate (F - G) - g_a F, by quadrature."""
    problem, t = zone.problem, np.array(zone.problem.t)
    g_a, g_w = problem.gamma_a, problem.gamma_w
    unit, weight = gauss((12, 16)[level])
    longest = 6.0 / (g_w * waves_seen(problem, zeta))
    learned = np.zeros((len(t), len(zeta)), dtype=complex)
    for k, time in enumerate(t):
        # By the distance to `time`: what is long ago is forgotten exponentially.
        steps = time * np.concatenate([[0.0], np.exp(-np.arange(56.0, -0.01, -0.4))])
        counts = np.maximum(1, np.ceil(np.diff(steps) / longest)).astype(int)
        ends = zip(steps[:-1], steps[1:], counts, strict=True)
        cuts = [np.linspace(a, b, count + 1)[:-1] for a, b, count in ends]
        steps = np.append(np.concatenate(cuts), time)
        for low, high in pairwise(steps):
            gaps = (low + high) / 2 + (high - low) / 2 * unit
            for gap, share in zip(gaps, (high - low) / 2 * weight, strict=True):
                past = time - gap
                clock = np.exp(g_w * past) * np.expm1(g_w * gap) / g_w
                fade = np.exp(-g_a * gap - rates * clock + g_w * past)
                free = zone.free(past, zeta)
                learned[k] -= share * rates * fade * free
    return learned


def waves_seen(problem: Problem, zeta: np.ndarray) -> float:
    """Largest phase of a spectrum of the problem at these frequencies."""
    waves = problem.target + problem.start
    return float(
        max(
            min(wave.band, zeta.max()) * (abs(wave.center) + 3 * wave.width) + 10.0
            for wave in waves
        )
    )


@dataclass(frozen=True)
class Seen:
    """Errors E (T, F) at frequencies zeta (F,) and the weights (T, F) of |E|^2 in the loss.

    Under contraction E is the spectrum at exp(-g_w t) zeta times exp(-g_w t).
    """

    zeta: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    test_loss: np.ndarray | None

    def norm(self, errors: np.ndarray) -> np.ndarray:
        """Norms (T,) of errors (T, F)."""
        return np.asarray(np.sqrt(np.sum(self.weights * np.abs(errors) ** 2, axis=1)))


def frequency_errors(problem: Problem, level: int) -> Seen:
    """Errors that the data see on Line and Grid, and on Grid the loss on the whole line.

    At the Gauss nodes of the elements of the finer level; on Line also some way beyond them.
    """
    zone, t = Zone(problem), np.array(problem.t)
    spans = zone.spans(1)
    if not zone.lattice:
        beyond = spans[-1][-1] * np.linspace(1.0, 2.5, 24)
        spans = (*((np.array([0.0, spans[0][0]]),) if spans[0][0] > 0 else ()), *spans, beyond)
    rules = [Pieces(span, 24) for span in spans]
    zeta = np.concatenate([rule.nodes for rule in rules])
    weights = np.concatenate([rule.weights for rule in rules]) / np.pi
    slopes = np.zeros((len(t), len(zeta)))
    if problem.sigma_a == 0:
        change = frozen(zone, zeta, level)
    else:
        learned = Learned.solve(zone, level)
        change = learned.elements.at(zeta, learned.change)[0]
        slopes = learned.elements.at(zeta, learned.memory)[1]
    free = np.stack([zone.free(float(time), zeta) for time in t])
    grow = np.exp(problem.gamma_w * t)[:, None] if problem.contracts else np.ones((len(t), 1))
    loss = _line_loss(zone, zeta, weights, change, slopes) if zone.lattice else None
    return Seen(zeta, grow * weights, free + change, loss)


def _line_loss(
    zone: Zone, zeta: np.ndarray, weights: np.ndarray, change: np.ndarray, slopes: np.ndarray
) -> np.ndarray:
    """Loss on the whole line: each alias g has the share rho(. + g) / rho_fold of what is learned.

    And 2 pi sigma_a^2 rho_fold times the slope of that share times the slope of the memory.
    """
    problem, t = zone.problem, np.array(zone.problem.t)
    left = np.exp(-problem.gamma_a * t)
    kinks = [kink for wave in problem.target for kink in wave.kinks]
    line = Pieces(np.unique([*np.linspace(-problem.reach, problem.reach, 400), *kinks]), 16)
    free = np.multiply.outer(left, total(problem.start, line.nodes))
    loss = (free - total(problem.target, line.nodes)) ** 2 @ line.weights
    folded, folded_slope = zone.folded(zeta)
    safe = np.where(folded > 0, folded, 1.0)
    period, origin = 2 * np.pi / problem.place[0], problem.place[1]
    for turns in range(-ALIASES, ALIASES + 1):
        xi = zeta + turns * period
        value, slope = np.sum([part.even(xi) for part in problem.density], axis=0)
        diffused = 2 * np.pi * problem.sigma_a**2 * (slope - value / safe * folded_slope)
        learned = np.exp(-1j * turns * period * origin) * (
            value / safe * change + diffused * slopes
        )
        start, goal = spectrum(problem.start, xi), spectrum(problem.target, xi)
        untouched = np.multiply.outer(left, start) - goal
        both = np.abs(learned) ** 2 + 2 * np.real(np.conj(untouched) * learned)
        loss += both @ weights
    return np.asarray(loss)
