"""How the list of problems was drawn: at random, by predicted phase, before any training.

Every draw takes all of a problem's settings at random. The equation predicts its phase for a
network of width 16384, and the draw is kept while its phase is still short of its share;
nothing else is looked at, so problems near the border of two phases are in the list as often as
they are drawn. ``python -m validation.claims.grokking_onset.design`` writes the list anew;
`ill_conditioned` then tells which problems need wide networks.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np

from validation.claims.grokking_onset.problem import (
    BUDGET,
    PATCH,
    TARGETS,
    WINDOW,
    Setting,
    expected_losses_of,
    predicted,
    settings,
)

WANTED = {"confusion": 12, "memorization": 36, "grokking": 36, "comprehension": 36}
WIDTH, SEED = 16384, 20261126
FLAT, CLOSE = 0.2, 0.04
LIST = Path(__file__).with_name("drawn_problems.py")
_HEAD = '''"""Problems drawn by `design` before any network was trained.

Number, target, points, N, sigma_w, sigma_a, weight decay, frequency decay, seed.
"""

SETTINGS = (
'''


def draw(rng: np.random.Generator, seed: int) -> Setting:
    """One problem whose points are too few for the frequencies of its network.

    Nyquist's frequency of N points on [-1, 1] is about pi N / 2; the density reaches to 3 sigma_w.
    """

    def log_uniform(low: float, high: float) -> float:
        return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")

    target = str(rng.choice(TARGETS))
    points = str(rng.choice(["regular", "scattered"]))
    plane = target == "terrain patch"
    sigma_w = log_uniform(3.0, 9.0) if plane else log_uniform(4.0, 25.0)
    share = rng.uniform(0.4, 1.0)  # of the points that the density would need
    weight_decay = 0.0 if rng.random() < 0.1 else log_uniform(3e-4, 0.1)
    # By how much the frequencies shrink within the budget, as a logarithm.
    contraction = 0.0 if plane or rng.random() < 0.9 else log_uniform(0.05, 2.0)
    side = int(np.clip(round(share * 6 * sigma_w / np.pi), 4 if plane else 6, 8 if plane else 45))
    assert side < (PATCH if plane else WINDOW)
    one = Setting(
        number=0,
        target=target,
        points=points,
        count=side**2 if plane else side,
        sigma_w=sigma_w,
        sigma_a=log_uniform(0.1, 5.0),
        weight_decay=weight_decay,
        frequency_decay=0.0,
        seed=seed,
    )
    rate = contraction * one.fastest / BUDGET
    return replace(one, frequency_decay=float(f"{rate:.3g}"))


def propose() -> list[Setting]:
    """Draws until every phase has its share, in the order of the draws."""
    rng, left, kept = np.random.default_rng(SEED), dict(WANTED), list[Setting]()
    seed = 0
    while any(left.values()):
        one = draw(rng, seed)
        seed += 1
        phase = predicted(one, one.network(WIDTH)).phase
        print(f"{seed:4d} {phase:14s} {one}", flush=True)
        if left[phase]:
            left[phase] -= 1
            kept.append(one)
    return kept


def ill_conditioned() -> list[int]:
    """Problems whose mean losses cross their threshold on a flat slope, or hardly touch it.

    There no network of moderate width has a time of its own: of its losses a percent is scatter.
    """
    found = []
    for number, one in settings().items():
        t, *curves = expected_losses_of(one)
        for loss in curves:
            slope = np.gradient(np.log(np.maximum(loss[1:], 1e-300)), np.log(t[1:]))
            below = np.flatnonzero(loss <= one.threshold)
            flat = below.size > 0 and abs(slope[max(below[0] - 1, 0)]) < FLAT
            if flat or abs(loss.min() / one.threshold - 1) < CLOSE:
                found.append(number)
                break
    return found


def main() -> None:
    """Write the list."""
    rows = [astuple(one)[1:] for one in propose()]
    lines = [f"    {(number, *row)!r}," for number, row in enumerate(rows)]
    LIST.write_text(_HEAD + "\n".join(lines) + "\n)\n", encoding="utf-8")


if __name__ == "__main__":
    main()
