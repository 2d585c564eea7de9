"""What the first calls load: nothing that they have no use for. Times are in benchmarks/."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENGINES = ("torch", "numba", "finufft", "matplotlib", "xarray", "zarr", "sympy", "dask", "pandas")
# Each takes a tenth of a second and more.
SCIPY = ("scipy.stats", "scipy.interpolate", "scipy.optimize", "scipy.spatial", "scipy.signal")
# What the other measures need.
OTHERS = tuple(
    f"ntkfreq.pde.{part}"
    for part in ("line", "lattice", "plane", "radial", "box", "box_plane", "elements")
)
SAMPLES = "([0.0, 0.2, 0.5, 0.7, 1.0], [1.0, 2.0, 0.5, 0.1, 0.0])"
PLANE = "([[0.0, 0.2], [0.5, 0.7], [1.0, 0.1]], [1.0, 2.0, 0.5])"
CALLS = {
    "points": f"n.solve_frequency_pde(n.Normal(), {SAMPLES}, t=[0.0, 1.0]).output([0.1])",
    "plane": f"n.solve_frequency_pde(n.Normal(dim=2), {PLANE}, t=[0.0, 1.0])",
    "steps": (
        f"n.solve_frequency_pde(n.StudentT(3.0), {SAMPLES}, t=[0.0, 1.0], "
        "step_size=0.5, optimizer=n.HeavyBall(0.5))"
    ),
    "mixture": f"n.solve_frequency_pde(n.Mixture([n.Normal(), n.Laplace()]), {SAMPLES}, t=[0, 1])",
    "decay": (
        f"n.solve_frequency_pde(n.Uniform(), {SAMPLES}, t=[0.0, 1.0], weight_decay=0.1, "
        "frequency_decay=0.1)"
    ),
    "expected": f"n.expected_losses(n.Normal(), {SAMPLES}, t=[0.0, 1.0])",
    "expected output": f"n.expected_output(n.Normal(), {SAMPLES}, [0.5], t=[0.0, 1.0])",
    "regression": f"n.ntk_regression(n.Normal(), {SAMPLES})",
}


def loaded(call: str, names: tuple[str, ...]) -> list[str]:
    """Those of the modules that a fresh process has loaded after a call."""
    code = (
        f"import sys, ntkfreq as n; {call}; print(*[m for m in sys.argv[1:] if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_first_calls_on_points_load_what_they_need(call):
    # Expected losses know both of their measures.
    others = OTHERS if "expected" not in call else ()
    assert loaded(call, (*ENGINES, *SCIPY, *others)) == []


def test_what_is_looked_for_would_be_found():
    """The same on a call that needs some of them."""
    call = "n.as_density(__import__('scipy.stats').stats.norm())"
    assert "scipy.stats" in loaded(call, (*ENGINES, *SCIPY))
