"""Figures and tables in a notebook: each is shown once, and no figure is left open."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CELLS = {
    "set up": """
import numpy as np
from ntkfreq import *
from ntkfreq.plotting import plot_losses, plot_phases, subplots
x = np.linspace(-1, 1, 24)
density = Normal(scale=6.0)
solution, other = (
    solve_frequency_pde(Normal(scale=scale), (x, np.sin(5 * x))) for scale in (6.0, 20.0)
)
""",
    "a figure": "solution.plot()",
    "axes": "density.plot()",
    "losses": "plot_losses([solution, other], labels=['narrow', 'wide'])",
    "kept": "figure = solution.plot(other)",
    "shown later": "figure",
    "own frame": "figure, axes = subplots(1, 2)\naxes[0].plot(x)\nfigure",
    "pyplot is not needed": "import sys\n'matplotlib.pyplot' in sys.modules",
    "pyplot": "import matplotlib.pyplot as plt",
    "a figure beside pyplot": "solution.plot()",
    "axes beside pyplot": "density.plot()",
    "axes of pyplot": "axes = plt.subplots(1, 3)[1]\nsolution.plot(ax=axes)",
    "one axes of pyplot": "fig, ax = plt.subplots()\nplot_losses(solution, ax=ax)",
    "shown by pyplot": "fig, ax = plt.subplots()\ndensity.plot(ax=ax)\nplt.show()",
    "expected": "expected_losses(density, (x, np.sin(5 * x))).plot()",
    "output": "expected_output(density, (x, np.sin(5 * x)), x).plot()",
    "kernel": "ntk_spectrum(density, x).plot()",
    "phases": """
curves = expected_losses_many(
    density, lambda x: np.sin(5 * x), measure=Points(x), sigma_a=[0.1, 1.0, 9.0],
    weight_decay=[1e-4, 1e-2, 1.0],
)
plot_phases(phase_map(curves, threshold=0.03))
""",
    "nothing is open": "plt.get_fignums()",
    "table": "solution",
}
PICTURES = {
    "a figure", "axes", "losses", "shown later", "own frame", "a figure beside pyplot",
    "axes beside pyplot", "axes of pyplot", "one axes of pyplot", "shown by pyplot", "expected",
    "output", "kernel", "phases",
}  # fmt: skip


@pytest.fixture(scope="module")
def outputs():
    """What a kernel shows for each cell, by its name."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS.values()]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client's own libraries
        client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3")
        client.execute(cwd=str(ROOT), env=os.environ | {"PYTHONPATH": path})
    return dict(zip(CELLS, (cell.outputs for cell in book.cells), strict=True))


def shown(output):
    return [part for part in output if "image/png" in part.get("data", {})]


def test_each_figure_is_shown_once(outputs):
    found = {name: len(shown(output)) for name, output in outputs.items()}
    assert found == {name: int(name in PICTURES) for name in CELLS}


def test_nothing_is_left_open_and_pyplot_is_not_loaded(outputs):
    (answer,) = outputs["nothing is open"]
    assert answer["data"]["text/plain"] == "[]"
    (answer,) = outputs["pyplot is not needed"]
    assert answer["data"]["text/plain"] == "False"


def test_nothing_is_written_to_standard_error(outputs):
    assert not [part for output in outputs.values() for part in output if part.get("name")]


def test_objects_are_tables(outputs):
    (answer,) = outputs["table"]
    assert answer["data"]["text/html"].startswith("<table>")
    assert answer["data"]["text/plain"].startswith("FrequencySolution(")
