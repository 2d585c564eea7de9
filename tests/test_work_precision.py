"""The solvers of the work-precision benchmark solve the right problem, each at one coarse knob."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pytest

from validation.reference.dense import line_flow
from validation.reference.kernels import normal

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import _peers as peers  # noqa: E402
import work_precision  # noqa: E402

PROBLEMS = {problem.name: problem for problem in work_precision.PROBLEMS}
# Solver, resolution, tolerance or steps, and bounds for the smooth and the spiky problem: about
# twice what was measured, and for the package the rtol it was asked for. Differences of second
# order are the least accurate at what a test can spend.
SOLVERS = {
    "ours": (peers.ours, None, 1e-4, 1e-4, 1e-4),
    "Crank-Nicolson": (partial(peers.crank_nicolson, damped=False), 1e-5, 16, 1e-5, 1e-5),
    "damped start": (partial(peers.crank_nicolson, damped=True), 1e-5, 16, 1e-5, 1e-5),
}
for method, inverse in (("BDF", "splu"), ("Radau", "dense")):
    differences = partial(peers.finite_differences, method=method)
    SOLVERS[f"differences, {method}"] = (differences, 2000, 1e-5, 1e-4, 3e-4)
    elements = partial(peers.finite_elements, method=method, inverse=inverse)
    SOLVERS[f"elements, {method}"] = (elements, 1e-5, 1e-6, 2e-5, 2e-5)


@pytest.mark.parametrize(("problem", "place"), [("smooth", 0), ("spiky", 1)])
@pytest.mark.parametrize("name", SOLVERS)
def test_solver_reaches_its_error(name, problem, place):
    solver, resolution, tolerance, *bounds = SOLVERS[name]
    outcome = solver(PROBLEMS[problem], resolution, tolerance, 60.0)()
    assert outcome.error(PROBLEMS[problem]) < bounds[place]


@pytest.mark.parametrize(
    ("solver", "knob"), [("runge-kutta", 1e-3), ("implicit", 1e-2), ("scipy", 1e-3)]
)
def test_py_pde_reaches_its_error(solver, knob, monkeypatch):
    pytest.importorskip("pde")
    # It takes longer to compile its expressions than so coarse a run takes without.
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    problem = replace(peers.SMOOTH, times=np.geomspace(1e-3, 10, 24))
    outcome = peers.py_pde(problem, 100, knob, 60.0, solver=solver, backend="numpy")()
    assert outcome.error(problem) < 1e-2


def test_py_pde_is_left_out_where_it_is_missing(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not any("py-pde" in name for name in work_precision.methods(quick=True))
    assert "pip install '.[bench]'" in capsys.readouterr().out


@pytest.mark.parametrize("name", PROBLEMS)
def test_reference_is_that_of_the_tests_and_converged(name):
    problem = PROBLEMS[name]
    times = problem.times[::9]
    kernel = partial(normal, scale=peers.SCALE)
    width = 1.2 * problem.half_width
    flow = line_flow(kernel, problem.target, peers.SIGMA_A, times, half_width=width, spacing=0.12)
    spectrum = flow.spectrum(peers.FREQUENCIES)
    assert np.abs(spectrum.imag).max() < 1e-10
    assert problem.reference.error(times, spectrum.real) < 1e-11


def test_closed_form_of_the_initial_data():
    for problem in PROBLEMS.values():
        initial = problem.initial(peers.FREQUENCIES)[None]
        assert problem.reference.error([0.0], initial) < 1e-12


def test_a_start_by_backward_euler_stops_the_ringing():
    result = work_precision.ringing()
    assert result["plain"]["t=10"] > 1e-3
    assert result["Euler start"]["t=10"] < 2e-5


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "ours"])
def test_a_run_beyond_its_limit_is_stopped(name):
    solver, resolution, tolerance, *_ = SOLVERS[name]
    row = work_precision.measure(
        partial(solver), peers.SMOOTH, (resolution, tolerance), limit=1e-3, budget=1.0
    )
    assert row["error"] is None
    assert row["seconds"] is None


def test_frontier_and_interpolation():
    rows = [
        {"error": error, "seconds": seconds}
        for error, seconds in [(1e-2, 1.0), (1e-1, 3.0), (1e-4, 4.0), (1e-3, 5.0), (None, None)]
    ]
    front = work_precision.frontier(rows)
    assert front == [(1e-2, 1.0), (1e-4, 4.0)]
    assert work_precision.seconds_at(front, 1e-3) == pytest.approx(2.0)
    assert work_precision.seconds_at(front, 1e-4) == pytest.approx(4.0)
    assert work_precision.seconds_at(front, 0.5) == 1.0
    assert work_precision.seconds_at(front, 1e-5) is None
    assert work_precision.seconds_at([], 1e-5) is None


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("results/work_precision.json")))
def test_committed_result_is_a_full_run_of_small_files(path):
    result = json.loads(path.read_text())
    assert not result["settings"]["quick"]
    assert all(change < 1e-10 for change in result["reference_change"].values())
    assert path.with_suffix(".png").stat().st_size < 300_000
