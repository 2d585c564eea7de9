r"""The phase diagram of grokking: four phases over 10 000 configurations, and networks on it.

20 regular points on [-1, 1], a normal density of std 18 whose upper half they undersample, target
sin 3x + 0.5 cos 7x, all parameters trained, output weights decaying. Losses are means over random
initial outputs, so no network is drawn: `expected_losses_many` advances the equation and
`phase_map` reads the phases off.

The map runs over weight decay gamma_a (1e-4 to 0.1) and initialization scale sigma_a (0.1 to 10);
a second one over weight decay and the number of points, at sigma_a = 3. The training budget is
t = 2000. A loss counts as small at 0.03, 4.6 % of the target's mean square; a test loss is late
when it takes three times as long as the training loss. These choices are ours.

- *confusion*: decay holds the outputs down, the data are never fitted;
- *memorization*: the data are fitted, the test loss is above its threshold when the budget ends
  (and, in a strip beside confusion, for ever: decay holds down what lies between the points);
- *grokking*: it falls below it, late;
- *comprehension*: it falls below it together with the training loss.

The delay law: what the points do not see of the initial output keeps the share u of its variance
and fades as exp(-gamma_a t) only, so that

.. math:: t_\mathrm{test} = \ln(\sigma_a^2 u / \mathrm{threshold}) / (2\gamma_a),

where u is the variance of a Gaussian process of kernel k given its values at the points, a mean
over the test set. Nothing in it is fitted. It leaves out the small test loss that decay itself
causes, so it fails where that approaches the threshold, close to confusion, and where
sigma_a^2 u does.

Claimed:

- every phase takes at least a tenth of the map;
- at least 90 % of the trained networks have the phase of the map where they lie, and 95 % one that
  the map has within a cell. Each is one draw of a network of finite width, the map a mean;
- where grokking ends for lack of budget, 2 gamma_a t_end against ln sigma_a^2 has slope 1 and the
  law's intercept, both within 10 % (of 1, and of ln(u/threshold)), and the median departure of
  t_test from the law over all of the grokking region is below 10 %;
- configurations solved one by one by `expected_losses`, with a tolerance a hundred times smaller,
  have the same times within 1 %.

The networks were placed on a coarse grid of the map before any was trained. Every one has its own
seed. It is trained until both losses are small, or to the end of the budget. How much of their
departure is due to the draw is measured: the equation is also solved from each network's own f_0.

How long the cells of each part took is in the result. All numbers of the maps
are the same to the last bit wherever a row is computed: `digest` is a hash of them, and a test
compares what two Dask workers compute with what one process does.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from scipy import stats

from ntkfreq import expected_losses_many, phase_map
from ntkfreq.grokking import PHASES
from validation.claims.phase_diagram.problem import (
    CAP,
    DENSITY,
    FIRST,
    HORIZON,
    LATE,
    POINTS,
    RECORDED,
    SCALE,
    SHARE,
    THRESHOLD,
    X_TEST,
    one_by_one,
    predicted,
    problem,
    target,
    trained,
    unseen,
)
from validation.engine import (
    Execution,
    Measurement,
    Result,
    intervals,
    medians,
    size_of,
    verdicts,
)
from validation.onsets import TIMES, log_ratios

RATES, SCALES, COUNTS = (1e-4, 1e-1), (0.1, 10.0), (8, 40)
KEPT = ("phase", "t_train", "t_test", "steps", "mismatch")
BASES = {"map": "the map", "draw": "its own f_0"}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "map": (12, 12), "points_map": (4, 6), "networks": (2, 1), "points_networks": (1, 1),
        "width": 1024, "checks": 4,
    },
    "full": {
        "map": (100, 100), "points_map": (33, 60), "networks": (6, 7), "points_networks": (4, 4),
        "width": 8192, "checks": 24,
    },
}  # fmt: skip


def row(sigma_a: float, n_points: int, rates: int) -> dict[str, Any]:
    """One row of a map: phases and times over all weight decays, (rates,) each."""
    curves = expected_losses_many(
        DENSITY,
        target,
        sigma_a=sigma_a,
        weight_decay=np.geomspace(*RATES, rates),
        **problem(n_points),
    )
    found = phase_map(curves.squeeze("sigma_a"), threshold=THRESHOLD, late=LATE)
    return {name: found[name].values for name in ("phase", *TIMES)}


def from_own_draw(network: int, size: str) -> dict[str, Any]:
    """Times and phase that the equation gives the network of a place from its initial output."""
    config = size_of(SIZES, size)
    return predicted(**places(config)[network]["setting"], width=config["width"], seed=network)


def spread(count: int, cells: int) -> list[int]:
    """So many cells, evenly among all of them."""
    return [int((k + 0.5) * cells / count) for k in range(count)]


def axes(config: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values up and across each map."""
    (scales, rates), (counts, fewer) = config["map"], config["points_map"]
    return {
        "sigma_a": (np.geomspace(*SCALES, scales), np.geomspace(*RATES, rates)),
        "n_points": (
            np.unique(np.linspace(*COUNTS, counts).round().astype(int)),
            np.geomspace(*RATES, fewer),
        ),
    }


def places(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Where networks are trained: cells evenly spread over both maps, and what they stand for."""
    coarse = {"sigma_a": config["networks"], "n_points": config["points_networks"]}
    found = []
    for name, (up, across) in axes(config).items():
        for i in spread(coarse[name][0], len(up)):
            for j in spread(coarse[name][1], len(across)):
                varied = {"sigma_a": SCALE, "n_points": POINTS} | {name: up[i].item()}
                setting = {"weight_decay": across[j].item()} | varied
                found.append({"map": name, "cell": (i, j), "setting": setting})
    return found


def network(network: int, size: str) -> dict[str, Any]:
    """The network of one place of a size."""
    config = size_of(SIZES, size)
    return trained(**places(config)[network]["setting"], width=config["width"], seed=network)


def computed_maps(execution: Execution, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Both maps: axes, phases and times, (rows, columns) each."""
    maps = {}
    for name, (up, across) in axes(config).items():
        rest = {"sigma_a": SCALE, "n_points": POINTS, "rates": len(across)}
        del rest[name]
        cells = execution.cells(f"phase_diagram-{name}", row, {name: up.tolist()}, rest)
        maps[name] = {name: up, "weight_decay": across} | {
            key: cells[key].values for key in ("phase", *TIMES)
        }
    return maps


def digest(maps: dict[str, dict[str, Any]]) -> str:
    """Hash of all phases and times, to the last bit."""
    mark = hashlib.sha256()
    for part in maps.values():
        for key in ("phase", *TIMES):
            mark.update(np.ascontiguousarray(part[key]).tobytes())
    return mark.hexdigest()


def delay_law(part: dict[str, Any]) -> dict[str, Any]:
    """The law against the map: over all of the grokking region, and where the budget ends it."""
    share = unseen()
    scales, rates = part["sigma_a"], part["weight_decay"]
    late = np.log(scales[:, None] ** 2 * share / THRESHOLD) / (2 * rates)
    grokked = part["phase"] == PHASES.index("grokking")
    ratio = part["t_test"][grokked] / late[grokked]
    boundary = []
    for i, scale in enumerate(scales):
        columns = np.flatnonzero(grokked[i])
        if columns.size and columns[0] > 0:
            # The first cell that groks in time; from there to the budget it is less than a cell.
            rate = rates[columns[0]] * part["t_test"][i, columns[0]] / HORIZON
            boundary.append((scale, rate))
    edge = np.array(boundary)
    slope, intercept = np.polyfit(np.log(edge[:, 0] ** 2), 2 * HORIZON * edge[:, 1], 1)
    return {
        "unseen": share,
        "boundary": edge,
        "slope": float(slope),
        "intercept": float(intercept),
        "intercept of the law": float(np.log(share / THRESHOLD)),
        "departure": float(np.median(np.abs(ratio - 1))),
        "departure, 95th percentile": float(np.quantile(np.abs(ratio - 1), 0.95)),
    }


def trained_networks(
    execution: Execution, size: str, config: dict[str, Any], maps: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every network with the phase and times of the map where it lies."""
    placed = places(config)
    grid, constants = {"network": range(len(placed))}, {"size": size}
    cells = execution.cells("phase_diagram-networks", network, grid, constants)
    draws = execution.cells("phase_diagram-draws", from_own_draw, grid, constants)
    found = []
    for k, place in enumerate(placed):
        part, (i, j) = maps[place["map"]], place["cell"]
        around = part["phase"][max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        own = {key: cells[key].values[k].item() for key in cells.data_vars if key in KEPT}
        told = {f"map_{key}": part[key][i, j].item() for key in ("phase", *TIMES)}
        told |= {f"draw_{key}": draws[key].values[k].item() for key in KEPT[:3]}
        near = bool(np.any(around == own["phase"]))
        found.append(place | own | told | {"near": near, "seed": k})
    return found


def departure_one_by_one(config: dict[str, Any], part: dict[str, Any]) -> float:
    """Largest |ln| of times of the map over those solved one by one."""
    scales, rates = part["sigma_a"], part["weight_decay"]
    count = config["checks"]
    logs = []
    rows, columns = spread(count, len(scales)), spread(count, len(rates))
    for k in range(count):
        # Five has no factor in common with the counts: places all over, not on the diagonal.
        i, j = rows[k], columns[(5 * k + 2) % count]
        one = one_by_one(scales[i], rates[j])
        pairs = [(part[key][i, j], one[key]) for key in TIMES]
        # Both infinite agrees; only one of them is an infinite departure.
        logs += [abs(np.log(a / b)) for a, b in pairs if np.isfinite(a) or np.isfinite(b)]
    return float(np.max(logs))


def judged(
    config: dict[str, Any],
    maps: dict[str, dict[str, Any]],
    networks: list[dict[str, Any]],
    law: dict[str, Any],
) -> dict[str, tuple[float, float, float]]:
    """Claims as (value, low, high)."""
    phase = maps["sigma_a"]["phase"]
    shares = [float(np.mean(phase == k)) for k in range(len(PHASES))]
    same = [one["phase"] == one["map_phase"] for one in networks]
    least = float(np.prod(config["map"]))
    return {
        "configurations of the map": (float(phase.size), least, np.inf),
        "share of the rarest of the four phases": (min(shares), 0.1, np.inf),
        f"share of {len(same)} networks with the phase of the map": (np.mean(same), 0.9, 1.0),
        "share of networks with a phase the map has within a cell": (
            float(np.mean([one["near"] for one in networks])),
            0.95,
            1.0,
        ),
        "end of grokking: slope of 2 gamma_a t_end over ln sigma_a^2": (law["slope"], 0.9, 1.1),
        "end of grokking: intercept over that of the law": (
            law["intercept"] / law["intercept of the law"],
            0.9,
            1.1,
        ),
        "grokking region: median departure of t_test from the law": (law["departure"], 0.0, 0.1),
        "largest |ln| of times over those of single solutions": (
            departure_one_by_one(config, maps["sigma_a"]),
            0.0,
            0.01,
        ),
    }


def measured(networks: list[dict[str, Any]]) -> dict[str, Measurement]:
    """How far the networks are from the map's mean, and from the prediction of their own draw."""
    found: dict[str, Measurement] = {}
    for base, words in BASES.items():
        for key, loss in (("t_train", "training"), ("t_test", "test")):
            theirs, ours = (np.array([one[k] for one in networks]) for k in (key, f"{base}_{key}"))
            # A time that only one side reaches is infinitely wrong.
            logs = log_ratios(ours, theirs)
            found |= medians({f"{loss} time: median |ln| of trained over that of {words}": logs})
        same = [one["phase"] == one[f"{base}_phase"] for one in networks]
        share = stats.binomtest(sum(same), len(same))
        ends = share.proportion_ci(0.95, method="exact")
        name = f"share of networks with the phase of {words}"
        found |= intervals({name: (float(np.mean(same)), ends.low, ends.high)})
    return found


def stored(part: dict[str, Any]) -> dict[str, Any]:
    """A map as JSON keeps it: a digit a phase, times to three digits."""
    kept = dict(part)
    kept["phase"] = ["".join(map(str, line)) for line in part["phase"]]
    for key in TIMES:
        kept[key] = [" ".join(f"{value:.3g}" for value in line) for line in part[key]]
    return kept


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Maps, networks, the law, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    before = len(execution.seconds)
    maps = computed_maps(execution, config)
    networks = trained_networks(execution, size, config, maps)
    seconds = dict(zip([*maps, "networks", "draws"], execution.seconds[before:], strict=True))
    law = delay_law(maps["sigma_a"])
    return Result(
        verdicts(judged(config, maps, networks, law)),
        config
        | {
            "seeds": len(networks),
            "rng": "one network a place, default_rng(number of the place)",
            "points": POINTS,
            "sigma_a of the map over points": SCALE,
            "density": repr(DENSITY),
            "target": "sin 3x + 0.5 cos 7x",
            "test points": len(X_TEST),
            "threshold": THRESHOLD,
            "late": LATE,
            "budget": HORIZON,
            "times": f"0 and {RECORDED - 1} from {FIRST:g} to {HORIZON:g}, even in log t",
            "optimizer": f"gradient descent, step {SHARE:g} / largest rate, at most {CAP:g}",
            "phases": list(PHASES),
            "seconds of the cells, added up": {
                name: round(value, 1) for name, value in seconds.items()
            },
        },
        measured(networks),
        {
            "digest": digest(maps),
            "law": law,
            "maps": {name: stored(part) for name, part in maps.items()},
            "networks": networks,
        },
    )
