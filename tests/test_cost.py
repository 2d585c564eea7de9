"""The choice of a backend."""

from dataclasses import replace

import numpy as np
import pytest

from ntkfreq.network import FourierFeatureNet, backends
from ntkfreq.network.backends import cost
from ntkfreq.problem.density import Normal


def work(points, units, dim=1, steps=10**6, std=10.0, threads=2):
    net = FourierFeatureNet.sample(Normal(scale=std, dim=dim), units, rng=0)
    x = np.random.default_rng(0).uniform(-1, 1, (points, dim))
    return net.work(x, steps, threads)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (work(16, 64, steps=10), "reference"),
        (work(16, 64), "direct"),
        (work(1000, 100_000), "nufft"),
        (work(2000, 100_000, dim=2), "nufft"),
        (work(256, 256, dim=3), "direct"),
        (work(256, 4096, dim=5), "direct"),
        (work(8, 4096, dim=20), "direct"),
    ],
)
def test_choice(problem, expected):
    name, why = backends.choose(problem)
    assert name == expected
    assert f"expected: {expected}" in why


def test_where_a_fast_transform_would_not_fit_another_backend_is_taken():
    assert cost.step_seconds("nufft", work(1000, 1000, dim=5)) == np.inf
    spread = work(10, 10, dim=3, std=1e4)
    assert spread.grid > backends.LARGEST_GRID
    assert cost.step_seconds("nufft", spread) == np.inf


def test_costs_grow_with_the_work_and_fall_with_threads():
    large = cost.Work(1000, 300_000, 1, 1, 60.0, 2)
    for name in ("reference", "direct", "nufft"):
        assert cost.step_seconds(name, work(100, 1000)) < cost.step_seconds(name, large)
    for name in ("direct", "nufft"):
        alone = replace(large, threads=1)
        assert cost.step_seconds(name, alone) > 1.5 * cost.step_seconds(name, large)


def test_work_measures_extents():
    net = FourierFeatureNet(w=[[0.0, 1.0], [2.0, 3.0]], a=[1.0, 1.0], b=[0.0, 0.0])
    found = net.work(np.array([[0.0, 0.0], [3.0, -5.0]]))
    np.testing.assert_allclose(found.grid, (6 / np.pi + 12) * (10 / np.pi + 12))
    assert found.pairs == 4
