"""Random one-dimensional problems with committed seeds: a seed is a problem, for good.

The measure follows from the seed modulo 4, and whether anything decays from a third of the rest.
What a density or target does to the difficulty is kept as tags: "heavy" (tails), "kinks" (of
density or target), "ratio" (mixtures of normals with stds of ratio 100 to 1000), "far" (target
energy beyond four standard deviations of the density), "decay", "start".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ntkfreq import Box, Grid, Laplace, Line, Mixture, Normal, Points, StudentT, Uniform
from ntkfreq.problem.density import Density
from ntkfreq.problem.target import Target
from validation.reference.formulas import Component, Problem, Wave, total

MEASURES = ("Points", "Box", "Line", "Grid")
FAMILIES = {"normal": 0.16, "student": 0.24, "laplace": 0.14, "uniform": 0.12, "mixture": 0.34}


def solver_arguments(problem: Problem) -> tuple[Density, Target, dict[str, Any]]:
    """The problem as the package takes it: density, target and keyword arguments."""
    kinks = tuple(sorted({kink for wave in problem.target for kink in wave.kinks}))
    options = {
        "sigma_a": problem.sigma_a,
        "measure": _MEASURE[problem.measure](problem.place),
        "initial_output": (lambda x: total(problem.start, x)) if problem.start else None,
        "weight_decay": problem.gamma_a,
        "frequency_decay": problem.gamma_w,
        "decay_towards": problem.towards,
        "t": np.concatenate([[0.0], problem.t]),
    }
    goal = Target.from_function(lambda x: total(problem.target, x), kinks=kinks)
    return _density(problem.density), goal, options


_MEASURE: dict[str, Callable[[tuple[float, ...]], Any]] = {
    "Points": lambda place: Points(np.array(place)),
    "Box": lambda place: Box(*place),
    "Line": lambda place: Line(),
    "Grid": lambda place: Grid(*place),
}


_FAMILIES: dict[str, Callable[..., Density]] = {
    "normal": Normal,
    "laplace": Laplace,
    "uniform": Uniform,
}


def _density(parts: tuple[Component, ...]) -> Density:
    made: list[Density] = []
    for part in parts:
        if part.family == "student":
            made.append(StudentT(part.df, loc=part.loc, scale=part.scale))
        else:
            made.append(_FAMILIES[part.family](loc=part.loc, scale=part.scale))
    return made[0] if len(made) == 1 else Mixture(made, [part.weight for part in parts])


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _draw_density(
    rng: np.random.Generator, measure: str, sigma_a: float
) -> tuple[tuple[Component, ...], list[str]]:
    family = str(rng.choice(list(FAMILIES), p=list(FAMILIES.values())))
    scale = _log_uniform(rng, 1.0, 10.0)
    df, ratio, share = (
        rng.uniform(1.5, 5.0),
        _log_uniform(rng, 100.0, 1000.0),
        rng.uniform(0.2, 0.8),
    )
    moved, centre = rng.random(), rng.uniform(0.2, 1.5)
    if family == "uniform" and measure == "Grid" and sigma_a > 0:
        # Edges of a support that the lattice aliases make the test loss on the whole line infinite.
        family = "laplace"
    if family == "mixture":
        narrow = Component(share, "normal", 0.0, scale / ratio)
        wide = Component(1 - share, "normal", 0.0, scale)
        return (narrow, wide), ["ratio"]
    often = {"normal": 0.15, "student": 0.15, "laplace": 0.4, "uniform": 0.6}[family]
    loc = scale * centre if moved < often else 0.0
    tags = {"normal": [], "student": ["heavy"], "laplace": ["heavy", "kinks"], "uniform": ["kinks"]}
    part = Component(1.0, family, loc, scale, df if family == "student" else 0.0)
    return (part,), tags[family]


def _draw_target(
    rng: np.random.Generator, parts: tuple[Component, ...], cornered: bool, far: bool
) -> tuple[Wave, ...]:
    std = float(np.sqrt(sum(part.weight * part.std**2 for part in parts)))
    middle = abs(parts[-1].loc) if len(parts) == 1 else 0.0
    waves = [
        Wave(
            "gauss",
            rng.uniform(0.4, 1.0),
            rng.uniform(-1.0, 1.0),
            rng.uniform(0.5, 1.5),
            abs(middle + rng.uniform(-2.0, 2.0) * std),
            rng.uniform(0, 2 * np.pi),
        )
        for _ in range(rng.integers(1, 4))
    ]
    if cornered:
        kind, frequency = str(rng.choice(["hat", "corner"])), rng.uniform(0.0, std)
        hat = kind == "hat"
        waves[0] = replace(
            waves[0],
            kind=kind,
            width=rng.uniform(0.3, 0.6) * (2 if hat else 1),
            frequency=0.0 if hat else frequency,
            phase=0.0 if hat else rng.uniform(-1.0, 1.0),
        )
    if far:
        spot = middle + rng.uniform(4.5, 6.0) * std
        waves.append(replace(waves[-1], kind="gauss", width=rng.uniform(0.5, 1.5), frequency=spot))
    return tuple(waves)


def _draw_place(
    rng: np.random.Generator, measure: str, parts: tuple[Component, ...]
) -> tuple[float, ...]:
    if measure == "Points":
        return tuple(np.sort(rng.uniform(-1.5, 1.5, rng.integers(8, 41))))
    if measure == "Box":
        half, centre = rng.uniform(0.5, 2.0), rng.uniform(-0.5, 0.5) * rng.integers(0, 2)
        return (centre - half, centre + half)
    if measure == "Line":
        return ()
    spacing = np.pi / (rng.uniform(0.5, 3.0) * max(part.scale for part in parts))
    return (spacing, spacing * rng.uniform(-0.5, 0.5) * rng.integers(0, 2))


def fastest_rate(problem: Problem) -> float:
    """About the rate at which the fastest of what the data excite is learned."""
    stretch = 1 + (problem.sigma_a * min(problem.reach, 8.0)) ** 2
    if problem.measure in ("Points", "Box"):
        return stretch
    xi = np.linspace(0.0, 30.0, 30_001)
    # A peak narrower than data of extent 8 resolve acts as a constant kernel on them.
    peaks = [min(2 * np.pi * part.even(xi)[0].max(), 8 * part.weight) for part in problem.density]
    return stretch * float(max(peaks))


def draw(seed: int) -> Problem:
    """The problem of a seed."""
    rng = np.random.default_rng([2024, seed])
    measure, decays = MEASURES[seed % 4], (seed // 4) % 3 == 0
    sigma_a = 0.0 if rng.random() < 0.15 else float(rng.uniform(0.1, 2.0))
    parts, tags = _draw_density(rng, measure, sigma_a)
    heavy, lopsided = parts[0].family == "student", parts[0].family == "uniform"
    cornered, far, started = rng.random() < 0.3, rng.random() < 0.35, rng.random() < 0.25
    if measure == "Line" and (heavy or max(part.scale for part in parts) > 4):
        cornered = False  # an algebraic tail learned far out: no dense reference in reasonable time
    target = _draw_target(rng, parts, cornered, far)
    start: tuple[Wave, ...] = ()
    if started:
        wide = measure in ("Points", "Box")
        start = tuple(
            replace(wave, kind="gauss", width=20.0 if wide else rng.uniform(0.5, 1.5),
                    amplitude=0.7 * wave.amplitude, frequency=0.6 * wave.frequency + 0.5)
            for wave in target[:2]
        )  # fmt: skip
    tags += ["kinks"] * (cornered and "kinks" not in tags) + ["far"] * far
    tags += (
        ["decay"] * decays + ["start"] * started + ["off-centre"] * (lopsided and parts[0].loc > 0)
    )
    problem = Problem(
        seed,
        measure,
        _draw_place(rng, measure, parts),
        parts,
        target,
        start,
        sigma_a,
        tags=tuple(tags),
    )
    t = np.geomspace(1e-2, 10 ** rng.uniform(2.0, 3.5), 8) / fastest_rate(problem)
    problem = replace(problem, t=tuple(t))
    return _with_decay(rng, problem) if decays else problem


def _with_decay(rng: np.random.Generator, problem: Problem) -> Problem:
    """The problem with decay; time scales from a tenth to ten times the last time."""
    last = problem.t[-1]
    which = str(rng.choice(["a", "w", "both"]))
    towards = str(rng.choice(["zero", "start"]))
    gamma_a = 10 ** rng.uniform(-0.7, 1.0) / last
    gamma_w = (rng.uniform(0.2, 2.0) if towards == "zero" else 10 ** rng.uniform(-0.7, 0.7)) / last
    if problem.measure == "Grid":
        return replace(problem, gamma_a=gamma_a)
    if problem.density[0].family == "student" and problem.measure in ("Points", "Box"):
        towards = "start"  # the moving kernel has kinks in time, which the reference cannot take
    return replace(
        problem,
        gamma_a=gamma_a if which != "w" else 0.0,
        gamma_w=gamma_w if which != "a" else 0.0,
        towards=towards,
    )
