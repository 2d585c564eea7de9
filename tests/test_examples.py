"""The examples give the numbers they were written to show, and the README's lines run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
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


def test_adam_frequency_bias():
    # Reference values: independent prototypes give 11.4 to 11.8, and 11, 2.2 and 50 at phase 0 and
    # other learning rates; these are of the phases of the example, from the package itself.
    numbers = numbers_of("adam_frequency_bias")
    for name in ("k", "equal", "1/k"):
        assert 10 < numbers[f"gradient descent, {name}"] < 14
    assert numbers["Adam, equal"] == pytest.approx(12.9, rel=0.03)
    assert numbers["Adam, 1/k"] == pytest.approx(2.53, rel=0.03)
    assert numbers["Adam, k"] == pytest.approx(37.2, rel=0.03)


def test_depth_and_density():
    numbers = numbers_of("depth_and_density")
    # F(1) of the rectifier is 1 + 2 L; the ratios from the package itself, within a few per cent of
    # the 6.0, 4.3 and 2.7 of an independent prototype on another grid and two tones at each end.
    for depth, ratio in ((0, 19.3), (1, 7.67), (2, 5.16), (5, 3.04)):
        assert numbers[f"depth {depth}, mass"] == pytest.approx(1 + 2 * depth, rel=1e-12)
        assert numbers[f"depth {depth}, highest over lowest"] == pytest.approx(ratio, rel=0.01)


def test_adam_single_networks():
    # From the package itself; four times the width halves the logarithm of the ratio.
    numbers = numbers_of("adam_single_networks")
    assert numbers["width 256"] == pytest.approx(2.0, rel=0.15)
    small, large = np.log(numbers["width 1024"]), np.log(numbers["width 4096"])
    assert large / small == pytest.approx(0.5, abs=0.03)


def test_domain_matters():
    # Reference values: Gauss-Legendre discretizations of the NTK flow, 120 nodes a unit of length.
    numbers = numbers_of("domain_matters")
    assert numbers["box"] == pytest.approx(5.544e-6, rel=0.005)
    assert numbers["padded"] == pytest.approx(1.0656e-3, rel=0.005)
    assert numbers["tapered"] == pytest.approx(5.573e-9, rel=0.005)
    assert numbers["padded"] > 100 * numbers["box"]


def test_folding():
    # Reference values: dense NTK gradient flow on 81 samples, its output by the kernel.
    numbers = numbers_of("folding")
    assert numbers["train_left"] < 1e-12
    assert numbers["test_least"] == pytest.approx(0.658978, rel=1e-4)
    assert numbers["test_last"] == pytest.approx(0.880148, rel=1e-4)
    assert numbers["at_tone"] == pytest.approx(0.049937, rel=1e-3)
    assert numbers["at_ghost"] == pytest.approx(0.949976, rel=1e-3)


def test_decay_and_grokking():
    # Reference values: the equation on samples and 120 test points by an explicit Runge-Kutta
    # method, its covariance from that of the start; with shrinking frequencies, the output on a
    # Chebyshev grid that covers the samples.
    numbers = numbers_of("decay_and_grokking")
    assert numbers["plateau"] == pytest.approx(1.883534, rel=1e-3)
    for rate, train, test in (
        ("0.01", 20.360, 153.50),
        ("0.003", 21.544, 495.19),
        ("0.001", 21.939, 1477.43),
    ):
        assert numbers[f"train, {rate}"] == pytest.approx(train, rel=0.005)
        assert numbers[f"test, {rate}"] == pytest.approx(test, rel=0.005)
        # The formula, which neglects what is still learned on the way.
        assert numbers[f"law, {rate}"] == pytest.approx(test, rel=0.05)
    assert numbers["best, shrinking 0"] == pytest.approx(0.0148936, rel=1e-3)
    assert numbers["last, shrinking 0"] == pytest.approx(0.0152131, rel=1e-3)
    assert numbers["best, shrinking 0.01"] == pytest.approx(0.0216593, rel=1e-3)
    assert numbers["last, shrinking 0.01"] == pytest.approx(0.6551398, rel=1e-3)


def test_momentum():
    # Reference values: 5000 steps of each method, one by one, on the kernel matrix; those of the
    # tones from each tone alone, of which the package finds 99.9 % in the sum.
    numbers = numbers_of("momentum")
    for name, slow, fast, small, rises in (
        ("plain", 7.10506, 22.91685, 2589, 0),
        ("heavy ball", 3.05065, 6.07383, 256, 7),
        ("Nesterov", 2.36772, 5.40796, 256, 4),
    ):
        assert numbers[f"{name}, slow tone"] == pytest.approx(slow, rel=2e-3)
        assert numbers[f"{name}, fast tone"] == pytest.approx(fast, rel=2e-3)
        assert numbers[f"{name}, loss 3e-6"] == small
        assert numbers[f"{name}, rises"] == rises


def test_two_dimensions():
    # Reference values: dense NTK gradient flow on a quarter of [-5.2, 5.2]^2, spacing 0.16.
    numbers = numbers_of("two_dimensions")
    assert numbers["vertical"] == pytest.approx(2.25034, rel=0.005)
    assert numbers["horizontal"] == pytest.approx(21.4361, rel=0.005)
    assert numbers["ratio"] == pytest.approx(9.526, rel=0.005)


def test_kernel_eigenvalues():
    # Reference values: the integral operator on [-1, 1] by 300 Gauss-Legendre nodes.
    numbers = numbers_of("kernel_eigenvalues")
    assert numbers["normal, no. 9"] == pytest.approx(0.05156858, rel=0.03)
    assert numbers["Laplace, no. 9"] == pytest.approx(0.03006261, rel=0.03)
    assert numbers["normal, off by"] < 0.05
    assert numbers["Laplace, off by"] < 0.1
    assert numbers["normal, fast over slow"] == pytest.approx(15.30, rel=0.01)
    assert numbers["network, off by"] < 0.5


def test_photograph():
    # Reference values: the dense flow on the pixels that are seen (method="gram").
    numbers = numbers_of("photograph")
    assert numbers["too narrow"] == pytest.approx(19.31, abs=0.02)
    assert numbers["right"] == pytest.approx(20.70, abs=0.02)
    assert numbers["too wide"] == pytest.approx(12.22, abs=0.02)


def test_each_example_is_asserted():
    assert {f"test_{name}" for name in NAMES} <= set(globals())


def test_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the last line saves a figure
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(block, namespace)
