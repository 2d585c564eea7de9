"""The examples give the numbers they were written to show, and the README's lines run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_window():
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def numbers_of(name: str) -> dict[str, float]:
    """Numbers of an example, whose figure is drawn too and must say what its axes are."""
    module = load(name)
    results = module.solve()
    figure = module.visualize(results)
    assert any(axis.get_xlabel() for axis in figure.axes)
    assert any(axis.get_ylabel() for axis in figure.axes)
    numbers: dict[str, float] = module.main(results)
    return numbers


def test_frequency_bias():
    # Reference values: dense NTK gradient flow on [-24, 24] with spacing 0.03.
    numbers = numbers_of("frequency_bias")
    assert numbers["narrow_low"] == pytest.approx(0.760, rel=0.005)
    assert numbers["narrow_high"] == pytest.approx(20.75, rel=0.005)
    assert numbers["narrow_ratio"] == pytest.approx(27.31, rel=0.005)
    assert numbers["wide_low"] == pytest.approx(6.009, rel=0.005)
    assert numbers["wide_ratio"] == pytest.approx(1.034, abs=0.002)


def test_domain_matters():
    # Reference values: Gauss-Legendre discretizations of the NTK flow, 120 nodes a unit of length.
    numbers = numbers_of("domain_matters")
    assert numbers["box"] == pytest.approx(5.544e-6, rel=0.005)
    assert numbers["padded"] == pytest.approx(1.0656e-3, rel=0.005)
    assert numbers["tapered"] == pytest.approx(5.573e-9, rel=0.005)
    assert numbers["padded"] > 100 * numbers["box"]


def test_each_example_is_asserted():
    assert {f"test_{name}" for name in NAMES} <= set(globals())


def test_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the last line saves a figure
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(block, namespace)
