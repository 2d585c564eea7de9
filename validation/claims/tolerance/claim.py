r"""The tolerance is honoured: the error of a converged solution is below `rtol`.

Random one-dimensional problems (`problem`: heavy tails, kinks, mixtures of stds of ratio
100 to 1000, target energy beyond four stds; all measures; decay in a third) are solved at three
tolerances. Each is compared with a dense reference that shares no code with the solver: on Points
and Box the flow in x (`flow_in_x`), on Line and Grid spectral elements (`flow_in_frequency`),
each at two resolutions. The error is the largest over eight times of

    ||e_solver(t) - e_reference(t)|| / ||e(0)||

in L2 of the data measure, which on Line and Grid is that of the spectrum. On Grid the root of the
test loss on the whole line is judged as well, relative to the initial one.

Claims, per tolerance, among the solutions that say "converged": at least 99 % of the errors are
below it, none above ten times it, and at most 5 % of the solutions say otherwise; the references
are converged to a tenth of the tightest tolerance.

A full run takes about 15 minutes on two cores.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from ntkfreq import Line, solve_frequency_pde
from ntkfreq.files.results import json_ready
from validation.claims.tolerance.problem import draw as random_problem
from validation.claims.tolerance.problem import solver_arguments
from validation.engine import Execution, Result, size_of, verdicts
from validation.reference.flow_in_frequency import Seen, frequency_errors
from validation.reference.flow_in_x import box_errors, points_errors
from validation.reference.formulas import Problem, total
from validation.reference.zone import Zone

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "problems": [0, 1, 2, 5, 19, 23, 34, 39, 46, 55, 72, 186],
        "tolerances": [1e-6],
    },
    "full": {"problems": list(range(240)), "tolerances": [1e-4, 1e-6, 1e-8]},
}
TAGS = ("heavy", "kinks", "ratio", "far", "decay", "start")
REFERENCE = 1e-9


class InSpace:
    """Reference on Points and Box, and the distance of a solution to it."""

    def __init__(self, problem: Problem) -> None:
        compute = points_errors if problem.measure == "Points" else box_errors
        self.x, self.weights, self.errors = compute(problem, 1)
        self.initial = self._norm(problem.first_error(self.x))
        rough = compute(problem, 0)[2]
        self.uncertainty = float(self._norm(self.errors - rough).max()) / self.initial
        self.goal = total(problem.target, self.x)

    def _norm(self, errors: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(errors**2 @ self.weights))

    def options(self) -> dict[str, Any]:
        """What to ask the solver for beyond the problem."""
        return {"frequencies": np.linspace(-5.0, 5.0, 11)}

    def distance(self, solution: Any) -> dict[str, float]:
        """Largest error over time, relative to the initial one."""
        found = solution.output(self.x)[1:] - self.goal
        return {"error": float(self._norm(found - self.errors).max()) / float(self.initial)}


class InFrequency:
    """The same on Line and Grid."""

    def __init__(self, problem: Problem) -> None:
        self.problem, zone = problem, Zone(problem)
        self.seen: Seen = frequency_errors(problem, 1)
        rough = frequency_errors(problem, 0)
        self.initial, self.line_initial = zone.norm, zone.line_norm
        self.uncertainty = float(
            self.seen.norm(self.seen.errors - rough.errors).max() / self.initial
        )
        if self.seen.test_loss is not None and rough.test_loss is not None:
            change = np.sqrt(self.seen.test_loss) - np.sqrt(rough.test_loss)
            self.uncertainty = max(
                self.uncertainty, float(np.abs(change).max()) / self.line_initial
            )

    def options(self) -> dict[str, Any]:
        """What to ask the solver for beyond the problem."""
        lattice = {"test": Line()} if self.problem.measure == "Grid" else {}
        return {"frequencies": self.seen.zeta} | lattice

    def distance(self, solution: Any) -> dict[str, float]:
        """Largest errors over time of the spectrum and of the root of the test loss."""
        found = solution.data_spectrum[1:]
        if self.problem.contracts:
            shrink = np.exp(-self.problem.gamma_w * np.array(self.problem.t))
            rows = [
                factor
                * solution.at(t=[0.0, t], frequencies=factor * self.seen.zeta).data_spectrum[1]
                for factor, t in zip(shrink, self.problem.t, strict=True)
            ]
            found = np.stack(rows)
        error = self.seen.norm(found - self.seen.errors).max() / self.initial
        if self.seen.test_loss is None:
            return {"error": float(error)}
        test = np.sqrt(solution.test_loss[1:]) - np.sqrt(self.seen.test_loss)
        return {
            "error": float(error),
            "test_error": float(np.abs(test).max()) / self.line_initial,
        }


def judge(seed: int, tolerances: list[float]) -> dict[str, Any]:
    """One problem at all tolerances: errors, status and seconds of each, and the reference."""
    problem = random_problem(seed)
    begin = time.perf_counter()
    in_space = problem.measure in ("Points", "Box")
    reference: InSpace | InFrequency = InSpace(problem) if in_space else InFrequency(problem)
    row: dict[str, Any] = {
        "seed": seed,
        "measure": problem.measure,
        "tags": problem.tags,
        "reference_uncertainty": reference.uncertainty,
        "reference_seconds": time.perf_counter() - begin,
        "runs": [],
    }
    density, target, options = solver_arguments(problem)
    for rtol in tolerances:
        begin = time.perf_counter()
        run: dict[str, Any] = {"rtol": rtol}
        try:
            solution = solve_frequency_pde(
                density, target, rtol=rtol, **options, **reference.options()
            )
            run |= {"status": solution.status, "seconds": time.perf_counter() - begin}
            run |= reference.distance(solution)
        except Exception as failure:  # a failure is a result to report, not the end of the run
            run |= {"status": f"raised {type(failure).__name__}: {failure}"}
        row["runs"].append({"seconds": time.perf_counter() - begin} | run)
    return row


def cell(seed: int, tolerances: list[float]) -> dict[str, str]:
    """Row of one problem as text: how many entries it has depends on the problem."""
    return {"row": json.dumps(json_ready(judge(seed, tolerances)))}


def ratios(rows: list[dict[str, Any]], rtol: float) -> np.ndarray:
    """Errors over tolerance of the solutions that say converged, the worse of data and test."""
    runs = [run for row in rows for run in row["runs"] if run["rtol"] == rtol]
    said = [run for run in runs if run["status"].startswith("converged")]
    return np.array([max(run["error"], run.get("test_error", 0.0)) / rtol for run in said])


def summary(rows: list[dict[str, Any]], rtol: float) -> dict[str, Any]:
    """Figures of one tolerance."""
    runs = [(row, run) for row in rows for run in row["runs"] if run["rtol"] == rtol]
    found = ratios(rows, rtol)
    seconds = np.array([run["seconds"] for _, run in runs])
    by_measure = {
        name: ratios([row for row in rows if row["measure"] == name], rtol)
        for name in ("Points", "Box", "Line", "Grid")
    }
    return {
        "rtol": rtol,
        "converged": len(found),
        "share_below": float(np.mean(found <= 1)) if len(found) else 0.0,
        "median_ratio": float(np.median(found)) if len(found) else None,
        "max_ratio": float(found.max()) if len(found) else None,
        "max_ratio_by_measure": {
            name: float(part.max()) for name, part in by_measure.items() if len(part)
        },
        "above": [
            {"seed": row["seed"], "error": max(run["error"], run.get("test_error", 0.0))}
            for row, run in runs
            if run["status"].startswith("converged")
            and max(run["error"], run.get("test_error", 0.0)) > rtol
        ],
        "not_converged": [
            {"seed": row["seed"], "status": run["status"], "error": run.get("error")}
            for row, run in runs
            if not run["status"].startswith("converged")
        ],
        "median_seconds": float(np.median(seconds)),
        "max_seconds": float(seconds.max()),
    }


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Errors of every problem at every tolerance, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    seeds, tolerances = config["problems"], config["tolerances"]
    found = execution.cells("tolerance", cell, {"seed": seeds}, {"tolerances": tolerances})
    rows = [json.loads(row) for row in found["row"].values]
    tables = [summary(rows, rtol) for rtol in tolerances]
    claims: dict[str, tuple[float, float, float]] = {
        "largest uncertainty of a reference": (
            max(row["reference_uncertainty"] for row in rows), 0.0, REFERENCE,
        )
    }  # fmt: skip
    for table in tables:
        name = f"rtol {table['rtol']:g}"
        claims[f"{name}: share of converged solutions with error below it"] = (
            table["share_below"], 0.99, 1.0,
        )  # fmt: skip
        claims[f"{name}: largest error over it"] = (table["max_ratio"] or np.inf, 0.0, 10.0)
        other = len(table["not_converged"]) / len(rows)
        claims[f"{name}: share of solutions that say not converged"] = (other, 0.0, 0.05)
    for tag in TAGS if size != "quick" else ():
        share = float(np.mean([tag in row["tags"] for row in rows]))
        claims[f"share of problems with {tag}"] = (share, 0.2, 1.0)
    return Result(
        verdicts(claims),
        {"seeds": len(seeds), "tolerances": tolerances},
        data={"tables": tables, "problems": rows},
    )
