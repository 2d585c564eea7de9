"""What `regression_peers.py` found: in words, as a table, and as a figure."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from _regression_peers import PEERS

from ntkfreq.plotting import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    subplots,
)

TARGET = 1e-3
# Errors below are drawn there: the exact solutions are not known much better.
FLOOR = 1e-10
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, GREY, YELLOW, "black"]
# Solutions shown by their errors are those of this size, where there is one.
SHOWN = "100000"


def worst(one: dict[str, Any]) -> float:
    """Error on the samples or off them."""
    return float(max(one["error"], one["error_held_out"]))


def best(swept: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest within the target."""
    within = [one for one in swept if worst(one) <= TARGET]
    return min(within, key=lambda one: float(one["seconds"])) if within else None


def told(found: dict[str, Any]) -> str:
    """A line about a solver on a problem."""
    chosen, ended = found["best"], f"; {found['ended']}" if found["ended"] else ""
    if chosen:
        return f"{chosen['seconds']:8.3f} s, {worst(chosen):.1e} with {chosen['setting']}{ended}"
    nearest = min(found["sweep"], key=worst, default=None)
    if nearest is None:
        return f"nothing{ended}"
    return f"only {worst(nearest):.1e}, in {nearest['seconds']:.3f} s{ended}"


def entry(found: dict[str, Any] | None) -> str:
    """The same in a table."""
    if found is None:
        return ""
    if found["best"]:
        seconds = found["best"]["seconds"]
        return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"
    if found["sweep"]:
        nearest = min(found["sweep"], key=worst)
        return f"error {worst(nearest):.1e} in {nearest['seconds']:.2g}".replace("e-0", "e-")
    return str(found["ended"]).split(":")[0]


def spaced(size: str) -> str:
    """A number of samples, by thousands."""
    return f"{int(size):,}".replace(",", " ")


def write_table(results: dict[str, Any], path: str) -> None:
    """Seconds at equal error, a row a solver."""
    problems = [
        (f"{space}, {spaced(size)}", problem["solvers"])
        for space, sizes in results["problems"].items()
        for size, problem in sizes.items()
    ]
    rows = [["Solver", *(head for head, _ in problems)]]
    for name, peer in PEERS.items():
        if any(name in solvers for _, solvers in problems):
            rows.append([peer.label, *(entry(solvers.get(name)) for _, solvers in problems)])
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def growth(sizes: dict[str, Any], name: str, limit: float) -> tuple[list[Any], list[Any]]:
    """Seconds by samples where the target is met, and the first size where time runs out."""
    curve: list[Any] = []
    for size, problem in sizes.items():
        found = problem["solvers"].get(name)
        if found is None or not found["best"]:
            late = found is not None and str(found["ended"]) == f"above {limit} s"
            return curve, [(int(size), limit)] if late else []
        curve.append((int(size), found["best"]["seconds"]))
    return curve, []


def front(points: list[Any]) -> list[Any]:
    """Of points (seconds, error): those that no other beats in both."""
    kept: list[Any] = []
    for point in sorted(points):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def draw(results: dict[str, Any], path: str) -> None:
    """Error against seconds at one size, and seconds against samples at equal error."""
    figure, axes = subplots(2, 2, figsize=(9.6, 8.2), sharey="row")
    limit = results["limit"]
    for column, (space, sizes) in enumerate(results["problems"].items()):
        above, below = axes[:, column]
        shown = SHOWN if SHOWN in sizes else max(sizes, key=int)
        for index, (name, peer) in enumerate(PEERS.items()):
            colour, order = COLOURS[index], {"zorder": 20 - index}
            edge = "black" if colour == YELLOW else colour
            look = {"marker": peer.marker, "color": colour, "mec": edge, **order}
            swept = sizes[shown]["solvers"].get(name, {}).get("sweep", [])
            points = [(one["seconds"], max(worst(one), FLOOR)) for one in swept]
            above.loglog(*columns(points), **look, linestyle="none", markersize=5)
            above.loglog(*columns(front(points)), color=colour, **order)
            curve, late = growth(sizes, name, limit)
            below.loglog(*columns(curve), **look, label=peer.label)
            # Side by side, not on top of one another.
            aside = [(size * 1.06 ** (index - 4), seconds) for size, seconds in late]
            if aside:
                below.loglog(*columns([*curve[-1:], *aside]), ":", color=colour)
                below.loglog(*columns(aside), **look, linestyle="none", mfc="white")
        for ax, value, words in ((above, TARGET, "target"), (below, limit, "cut off")):
            ax.axhline(value, color=GREY, linewidth=1, linestyle="--", zorder=0)
            place = {"xy": (0, value), "xycoords": ("axes fraction", "data")}
            look = {"textcoords": "offset points", "color": GREY, "fontsize": 8}
            ax.annotate(words, xytext=(4, 3), **place, **look)
        deviation = results["standard deviations"][space]
        above.set(title=f"{space}, standard deviation {deviation:g}: {spaced(shown)} samples")
        above.set(xlabel="seconds", ylim=(FLOOR / 3, 1))
        below.set(ylim=(None, 3 * limit))
        below.set(title=f"{space}: time for an error of {TARGET:g}", xlabel="samples")
    axes[0, 0].set(ylabel="error, relative to the exact solution")
    axes[1, 0].set(ylabel="seconds")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)


def columns(points: list[Any]) -> tuple[list[Any], list[Any]]:
    """Abscissas and ordinates."""
    return [p[0] for p in points], [p[1] for p in points]
