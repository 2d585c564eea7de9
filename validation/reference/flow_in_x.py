"""Dense references in x for random problems on Points and Box.

Where the frequencies shrink, the kernel moves and the Volterra equation along the characteristics
is solved; else see `memories`. A kernel with kinks or poles is integrated on a box between
polynomials on panels, by rules that shrink towards its diagonal.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre

from validation.reference.formulas import Problem, density, kernel, total
from validation.reference.memories import Law, Modes, clock_settings, plain, remembered
from validation.reference.quadrature import Pieces, gauss, panels, radau


def _features(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and square roots of weights of cosines that add up to the kernel on the data."""
    unit, weight = gauss(16)
    found = []
    for part in problem.density:
        reach = {"normal": 9.0, "laplace": 38.0, "uniform": 1.0}[part.family] * part.scale
        longest = min(0.7 * part.scale, 2.5 / problem.reach)
        edges = [part.loc - reach, part.loc, part.loc + reach]
        cuts = [np.linspace(a, b, 1 + int(np.ceil((b - a) / longest))) for a, b in pairwise(edges)]
        for low, high in pairwise(np.unique(np.concatenate(cuts))):
            xi = (low + high) / 2 + (high - low) / 2 * unit
            # The even part twice over the whole line is the density over both of its halves.
            size = (high - low) / 2 * weight * part._shape((xi - part.loc) / part.scale)[0]
            found.append((xi, size * part.weight / part.scale))
    xi, size = (np.concatenate(column) for column in zip(*found, strict=True))
    return xi, np.sqrt(size)


def volterra(
    problem: Problem, x: np.ndarray, weights: np.ndarray, order: int, growth: float, first: float
) -> np.ndarray:
    """Errors (T, n) at nodes under contraction, from the integral equation

    f(x, t) = exp(-g_a t) f_0(x exp(-g_w t)) - sum_j w_j int_0^t exp(-g_a (t - s))
        [1 + sigma_a^2 exp(-2 g_a s - g_w (t - s)) x x_j]
        k(exp(-g_w t) x - exp(-g_w s) x_j) e_j(s) ds.

    What is past is kept in cosines and sines of the moving points; the kernel is a formula.
    """  # fmt: skip
    t, (g_a, g_w) = np.array(problem.t), (problem.gamma_a, problem.gamma_w)
    nodes, share, lagrange = radau(order)
    unit, weight = gauss(order + 6)
    square, goal = problem.sigma_a**2 * np.outer(x, x), total(problem.target, x)
    xi, root = _features(problem)
    wide = max(abs(part.loc) + 2 * part.scale for part in problem.density) * problem.reach
    longest = 0.3 / (g_a + g_w * max(1.0, wide / 4))

    def influence(time: float, past: np.ndarray) -> np.ndarray:
        gap = (time - past)[:, None, None]
        product = square * np.exp(-2 * g_a * past[:, None, None] - g_w * gap)
        moved = np.exp(-g_w * time) * x[:, None] - np.exp(-g_w * past)[:, None, None] * x
        return np.asarray(
            np.exp(-g_a * gap) * (1 + product) * kernel(problem.density, moved) * weights
        )

    def waves(time: float) -> np.ndarray:
        angle = np.exp(-g_w * time) * np.outer(x, xi)
        return np.concatenate([np.cos(angle) * root, np.sin(angle) * root], axis=1)

    fading = np.array([[g_a], [g_a + g_w]])
    memories, ends = np.zeros((2, 2 * len(xi))), {}
    for low, high in pairwise(panels(t, first * t[0], growth, longest)):
        length, n = high - low, len(x)
        matrix, right, seen = np.eye(order * n), np.empty((order, n)), []
        for i, c in enumerate(nodes):
            time = low + length * c
            seen.append(waves(time))
            held = (np.exp(-fading * length * c) * memories) @ seen[i].T
            free = np.exp(-g_a * time) * total(problem.start, np.exp(-g_w * time) * x) - goal
            right[i] = free - held[0] - problem.sigma_a**2 * x * held[1]
            inner = c * (unit + 1) / 2
            basis = legendre.legvander(2 * inner - 1, order - 1) @ lagrange
            local = influence(time, low + length * inner)
            local = np.einsum("lq,lmn->mqn", (length * c * weight / 2)[:, None] * basis, local)
            matrix[i * n : (i + 1) * n] += local.reshape(n, order * n)
        error = np.linalg.solve(matrix, right.ravel()).reshape(order, n)
        memories = np.exp(-fading * length) * memories
        for c, part, wave, row in zip(nodes, share, seen, error, strict=True):
            charge = length * part * weights * row
            both = np.stack([charge, np.exp(-2 * g_a * (low + length * c)) * x * charge])
            memories += np.exp(-fading * length * (1 - c)) * (both @ wave)
        ends[high] = error[-1]
    return np.array([ends[time] for time in t])


def in_x(
    problem: Problem, x: np.ndarray, weights: np.ndarray, gram: np.ndarray, level: int
) -> np.ndarray:
    """Errors (T, n) at nodes with weights, the stationary kernel being a matrix with weights."""
    t, root = np.array(problem.t), np.sqrt(weights)
    first = root[:, None] * gram / root
    first = (first + first.T) / 2
    modes = Modes.of(first, problem.sigma_a**2 * x[:, None] * first * x)
    start, goal = total(problem.start, x), total(problem.target, x)
    spread = modes.vectors.T * root
    if not problem.decays and not (level == 0 and problem.measure == "Points"):
        change, _ = plain(modes, spread @ (start - goal), t)
    else:
        parts = spread @ start, spread @ goal

        def free(time: float) -> np.ndarray:
            return np.asarray(np.exp(-problem.gamma_a * time) * parts[0] - parts[1])

        change, _ = remembered(modes, Law.of(problem), free, t, *clock_settings(level))
    left = np.multiply.outer(np.exp(-problem.gamma_a * t), start) - goal
    return np.asarray(left + (change @ modes.vectors.T) / root)


def points_errors(problem: Problem, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, weights and errors (T, n); the coarser level integrates in time what it need not."""
    x = np.array(problem.place)
    weights = np.full(len(x), 1 / len(x))
    if problem.contracts:
        return x, weights, volterra(problem, x, weights, *clock_settings(level))
    gram = kernel(problem.density, x[:, None] - x) * weights
    return x, weights, in_x(problem, x, weights, gram, level)


def _graded(low: float, high: float, marks: list[float], least: float, most: float) -> np.ndarray:
    """Breaks of an interval in panels that shrink towards its ends and marks."""
    breaks = [np.array([low, high])]
    corners = np.unique([low, *marks, high])
    for a, b in pairwise(corners):
        half, steps = (b - a) / 2, [0.0]
        while steps[-1] < half:
            steps.append(steps[-1] + min(most, max(least, 0.8 * steps[-1])))
        inner = np.array(steps) * half / steps[-1]
        breaks += [a + inner, b - inner]
    rounded = np.sort(np.concatenate(breaks))
    return np.asarray(rounded[np.concatenate([[True], np.diff(rounded) > 1e-9])])


def _box_pieces(problem: Problem, level: int) -> Pieces:
    """Panels that end at the kinks of the target and resolve kernel, target and initial output.

    A kernel that is not entire leaves layers at the ends and kinks, as wide as the highest
    frequency learned.
    """
    low, high = problem.place
    kinks = [kink for wave in problem.target for kink in wave.kinks if low < kink < high]
    wide = max(abs(part.loc) + 2.5 * part.scale for part in problem.density)
    top = max(wide, *(wave.frequency + 3 / wave.width for wave in problem.target + problem.start))
    if problem.contracts or entire(problem):
        sharp = max(p.scale if p.family == "laplace" else 0.0 for p in problem.density)
        most = min(0.9, 4.5 / max(sharp, 1e-9))
        breaks = _graded(low, high, kinks, most, most)
        count = 26 + 0.5 * np.diff(breaks).max() * top
        return Pieces(breaks, int(count * (0.85, 1.0)[level]))
    xi = np.geomspace(0.1, 1e4, 400)
    learned = 2 * np.pi * density(problem.density, xi) * problem.t[-1] / (high - low) > 1e-2
    layer = 4.0 / float(xi[learned].max(initial=1.0))
    breaks = _graded(low, high, kinks, layer, max(layer, 9.0 / top))
    return Pieces(breaks, (17, 20)[level])


def entire(problem: Problem) -> bool:
    """Whether the kernel has neither kinks nor poles."""
    return all(part.family in ("normal", "uniform") for part in problem.density)


def _rule_towards_zero(ratio: float, levels: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Rule on [0, 1] whose panels shrink towards 0."""
    cuts = np.concatenate([[0.0], ratio ** np.arange(levels, -1.0, -1.0)])
    pieces = Pieces(cuts, order)
    return pieces.nodes, pieces.weights


def _near_block(problem: Problem, one: Pieces, other: Pieces) -> np.ndarray:
    """Double integral of k between the polynomials on two panels that touch or nearly do.

    The inner rule is graded towards x, or the end of the panel next to it, as kernels have a kink
    or pole near the diagonal; the outer rule towards both ends.
    """
    ramp, share = _rule_towards_zero(0.15, 5, one.count + 4)
    (low, high), (c, d) = one.breaks, other.breaks
    half = (high - low) / 2
    x = np.concatenate([low + half * ramp, high - half * ramp])
    outer = one.at(x) * (half * np.concatenate([share, share]))[:, None]
    ramp, share = _rule_towards_zero(0.15, 7, one.count + 4)
    left, right = np.clip(x - c, 0.0, d - c), np.clip(d - x, 0.0, d - c)
    place = np.clip(x, c, d)[:, None] + np.concatenate(
        [-left[:, None] * ramp, right[:, None] * ramp], axis=1
    )
    sizes = np.concatenate([left[:, None] * share, right[:, None] * share], axis=1)
    values = sizes * kernel(problem.density, x[:, None] - place)
    inner = np.einsum("ij,ijk->ik", values, other.at(place.ravel()).reshape(*place.shape, -1))
    return np.asarray(outer.T @ inner)


def _galerkin(problem: Problem, pieces: Pieces) -> np.ndarray:
    """Double integrals of k between polynomials on panels, by their nodal values, (n, n)."""
    x, weights, n = pieces.nodes, pieces.weights, pieces.count
    matrix = weights[:, None] * kernel(problem.density, x[:, None] - x) * weights
    panels = [Pieces(np.array(ends), n) for ends in pairwise(pieces.breaks)]
    for i, one in enumerate(panels):
        for j in range(i, len(panels)):
            gap = panels[j].breaks[0] - one.breaks[1]
            if gap < max(np.ptp(one.breaks), np.ptp(panels[j].breaks)):
                block = _near_block(problem, one, panels[j])
                matrix[i * n : (i + 1) * n, j * n : (j + 1) * n] = block
                matrix[j * n : (j + 1) * n, i * n : (i + 1) * n] = block.T
    return np.asarray(matrix)


def box_errors(problem: Problem, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights (sum one) and errors (T, n) at the nodes of the finer level."""
    pieces, fine = _box_pieces(problem, level), _box_pieces(problem, 1)
    x, volume = pieces.nodes, problem.place[1] - problem.place[0]
    weights = pieces.weights / volume
    if problem.contracts:
        errors = volterra(problem, x, weights, *clock_settings(level))
    else:
        if entire(problem):
            gram = kernel(problem.density, x[:, None] - x) * weights
        else:
            gram = _galerkin(problem, pieces) / pieces.weights[:, None] / volume
        errors = in_x(problem, x, weights, gram, level)
    if level == 0:
        # The output is smoother than the error and is what is interpolated.
        goal = total(problem.target, fine.nodes)
        errors = (errors + total(problem.target, x)) @ pieces.at(fine.nodes).T - goal
    return fine.nodes, fine.weights / volume, errors
