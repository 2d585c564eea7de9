"""The choice of a backend."""

import gc
import sys
from dataclasses import replace

import numpy as np
import pytest

from ntkfreq._support.loaded import assuming
from ntkfreq.network import FourierFeatureNet, backends, train, train_many
from ntkfreq.network.backends import cost, loading
from ntkfreq.problem.density import Normal
from ntkfreq.sweeps.cell import run_cell

NOTHING, ALL = frozenset(), frozenset({"finufft", "numba", "functions", "kernels"})
SMALL = FourierFeatureNet.sample(Normal(scale=5.0), 100, rng=0)
X = np.linspace(-1, 1, 20)


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
    name, why = backends.choose(problem, NOTHING)
    assert name == expected
    assert f"expected: {expected}" in why


@pytest.mark.parametrize(
    ("problem", "fresh", "warm"),
    [
        # Nothing is worth loading for some milliseconds of work.
        (work(16, 64, steps=20), "reference", "direct"),
        (work(16, 1024, steps=20), "reference", "direct"),
        (work(128, 1024, steps=20), "reference", "direct"),
        (work(64, 256, dim=3, steps=20), "reference", "direct"),
        # Direct sums take less than a transform, whether loaded or not.
        (work(48, 4096, steps=400), "direct", "direct"),
        (work(128, 1024, steps=400), "direct", "direct"),
        (work(16, 64, steps=10_000), "direct", "direct"),
        (work(10_000, 10_000, steps=20), "nufft", "nufft"),
        (work(512, 65536, steps=400), "nufft", "nufft"),
    ],
)
def test_choice_by_what_is_loaded(problem, fresh, warm):
    assert backends.choose(problem, NOTHING)[0] == fresh
    assert backends.choose(problem, ALL)[0] == warm
    assert "to load it" in backends.choose(problem, NOTHING)[1]
    assert "to load it" not in backends.choose(problem, ALL)[1]


@pytest.mark.parametrize("name", ["direct", "nufft"])
def test_every_part_that_is_loaded_saves_its_time(name):
    whole = loading.loading_seconds(name, NOTHING, False)
    needed = {"numba", "functions", "kernels" if name == "direct" else "finufft"}
    for part in needed:
        assert loading.loading_seconds(name, frozenset({part}), False) < whole
    assert loading.loading_seconds(name, frozenset(needed), True) == 0
    assert loading.loading_seconds("reference", NOTHING, False) == 0


def test_a_backend_that_was_taken_is_taken_again():
    # What it loaded makes it cheaper, and the others by no more.
    loads = {"direct": ALL - {"finufft"}, "nufft": ALL - {"kernels"}}
    rng = np.random.default_rng(0)
    taken = set()
    for dim in (1, 2, 3):
        for size in np.exp(rng.uniform(1, 10, (100, 3))):
            problem = cost.Work(int(size[0]), int(size[1]), dim, int(size[2]), 50.0**dim, 2)
            name, _ = backends.choose(problem, NOTHING)
            taken.add(name)
            assert backends.choose(problem, loads.get(name, NOTHING))[0] == name
    assert taken == {"reference", "direct", "nufft"}


def test_what_is_loaded_is_seen(monkeypatch):
    for module in ("numba", "numba.np.npyimpl", "finufft"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(loading, "_called", set())
    assert loading.loaded_parts(1, False) == NOTHING
    monkeypatch.setitem(sys.modules, "numba", None)
    assert loading.loaded_parts(1, False) == {"numba"}
    monkeypatch.setitem(sys.modules, "finufft", None)
    loading.note_kernels(1, False)
    assert loading.loaded_parts(1, False) == {"numba", "finufft", "kernels"}
    assert "kernels" not in loading.loaded_parts(1, True)
    assert "kernels" not in loading.loaded_parts(2, False)
    with assuming(ALL):
        assert loading.loaded_parts(2, True) == ALL


def test_a_first_run_tells_the_choice_what_it_loaded(monkeypatch):
    monkeypatch.setattr(loading, "_called", set())
    train(SMALL, X, np.sin(X), step_size=0.1, steps=2, backend="direct")
    assert loading.loaded_parts(1, False) >= {"numba", "functions", "kernels"}
    run = train(SMALL, X, np.sin(X), step_size=0.1, steps=2)
    assert run.stats["backend"] == "direct"


def test_runs_that_have_to_repeat_do_not_look_at_the_process(tmp_path):
    settings = {"step_size": 0.1, "steps": 2}
    train(SMALL, X, np.sin(X), backend="direct", **settings)
    held = train(SMALL, X, np.sin(X), checkpoint=tmp_path / "run.npz", **settings)
    assert held.stats["backend"] == "reference"
    many = train_many([SMALL] * 2, X, np.sin(X), checkpoint=tmp_path / "runs", **settings)
    assert [run.stats["backend"] for run in many] == ["reference"] * 2

    def cell(n):
        runs = [train(SMALL, X, np.sin(X), **settings)]
        runs += train_many([SMALL] * n, X, np.sin(X), **settings)
        return {"direct": sum(run.stats["backend"] == "direct" for run in runs)}

    assert run_cell(cell, {"n": 2}, {}).values["direct"][1] == 0
    assert cell(2)["direct"] == 3


def test_runs_of_one_call_choose_alike_whatever_the_first_loads():
    with assuming():
        runs = train_many([SMALL] * 3, X, np.sin(X), step_size=0.1, steps=2, workers=1)
    assert {run.stats["backend"] for run in runs} == {"reference"}


def test_records_count():
    plain = work(16, 20_000, steps=20)
    recorded = replace(plain, records=21, probe=8, tests=100)
    for name in ("reference", "direct", "nufft"):
        assert cost.record_seconds(name, plain) == 0
        without = replace(recorded, tests=0)
        assert 0 < cost.record_seconds(name, without) < cost.record_seconds(name, recorded)


def test_loading_leaves_the_collector_as_it_was():
    assert gc.isenabled()
    with loading.without_collection():
        assert not gc.isenabled()
        with loading.without_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no"), loading.without_collection():
        raise ValueError("no")
    assert gc.isenabled()


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
