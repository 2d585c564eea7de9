"""FrequencySolution: learning times, status, stats, other times, labelled results, figure."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from ntkfreq import (
    Box,
    Empirical,
    Line,
    Normal,
    Points,
    Uniform,
    load_zarr,
    save_zarr,
    solve_frequency_pde,
)
from ntkfreq.files.labelled import frequency_coordinates
from ntkfreq.files.results import json_ready
from ntkfreq.numerics import dense
from ntkfreq.pde.box import method as box_method
from ntkfreq.pde.elements import mesh, refined
from ntkfreq.pde.time.propagators import EigenPropagator
from ntkfreq.pde.time.system import Block

X = np.linspace(-1, 1, 21)


def y(x):
    return np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.cos(6 * x))


def wave(x):
    return np.sin(3 * x) + 0.5 * np.cos(11 * x)


@pytest.fixture(scope="module")
def on_line():
    return solve_frequency_pde(Normal(scale=3.0), y)


@pytest.fixture(scope="module")
def on_points():
    return solve_frequency_pde(Normal(scale=6.0), wave, measure=Points(X))


def test_learning_time_without_diffusion_by_hand():
    """sigma_a = 0 at a single frequency: RMS falls as exp(-2 pi rho t), so ln 2 / (2 pi rho)."""
    t = np.concatenate([[0.0], np.geomspace(0.01, 100, 7)])
    solution = solve_frequency_pde(
        Normal(scale=3.0), y, sigma_a=0.0, t=t, frequencies=[2.0, 6.0], rtol=1e-10
    )
    rho = np.exp(-(np.array([2.0, 6.0]) ** 2) / 18) / np.sqrt(18 * np.pi)
    for xi, density in zip((2.0, 6.0), rho, strict=True):
        band = (xi - 0.5, xi + 0.5)
        expected = np.log(2) / (2 * np.pi * density)
        assert solution.learning_time(band) == pytest.approx(expected, rel=1e-8)
        tenth = solution.learning_time(band, 0.1)
        assert tenth == pytest.approx(np.log(10) / (2 * np.pi * density), rel=1e-8)
    assert solution.learning_time((1, 3), 1e-40) == np.inf


def test_learning_time_of_the_spectrum_asked_for(on_points):
    by_name = {
        name: on_points.learning_time((0, 6), spectrum=name) for name in ("auto", "data", "test")
    }
    assert by_name["auto"] == by_name["test"]
    assert by_name["data"] != by_name["test"]
    only_data = solve_frequency_pde(Normal(scale=6.0), (X, wave(X)))
    # The samples alone tell the two tones apart less well than the function does.
    assert only_data.learning_time((0, 6)) == pytest.approx(by_name["data"], rel=0.01)
    with pytest.raises(ValueError, match="spectrum='test' is not there"):
        only_data.learning_time((0, 6), spectrum="test")
    with pytest.raises(ValueError, match="spectrum='train' must be one of 'auto', 'data', 'test'"):
        only_data.learning_time((0, 6), spectrum="train")


@pytest.mark.parametrize("measure", [Line(), Box(-2, 1), Points(X)])
def test_at_evaluates_without_solving_again(measure):
    first = solve_frequency_pde(
        Normal(scale=3.0), y, measure=measure, t=[0.0, 1.0, 50.0], frequencies=[0.0, 2.0]
    )
    later = first.at(t=[0.5, 50.0], frequencies=[1.0, 2.0, 3.0])
    # A new time may enlarge the space; what is found anew agrees to the rtol of 1e-6.
    assert later.data_spectrum.shape == (2, 3)
    np.testing.assert_array_equal(later.t, [0.5, 50.0])
    np.testing.assert_allclose(
        later.data_spectrum[1, 1], first.data_spectrum[2, 1], rtol=0, atol=1e-7
    )
    assert later.train_loss[1] == pytest.approx(first.train_loss[2], abs=1e-12)
    same = first.at()
    np.testing.assert_array_equal(same.data_spectrum, first.data_spectrum)
    if not isinstance(measure, Points):
        with pytest.raises(ValueError, match=r"t ends at 60, beyond 50, .*solve again"):
            first.at(t=[60.0])
    with pytest.raises(ValueError, match="frequencies holds points of dimension 2"):
        first.at(frequencies=np.eye(2))
    with pytest.raises(ValueError, match=r"step_size=-1.0 must be greater than 0"):
        first.at(step_size=-1.0)
    with pytest.raises(ValueError, match=r"t=0.005 is no multiple of step_size=0.002"):
        first.at(t=[0.005], step_size=0.002)


def test_points_may_be_asked_at_any_time(on_points):
    assert on_points.at(t=[1e9]).train_loss[0] < on_points.train_loss[-1]


def test_max_step_size_is_two_over_the_fastest_rate(on_line, on_points):
    for solution in (on_line, on_points):
        assert solution.max_step_size == 2 / solution.stats["fastest_rate"]
        assert solution.step_size is None


class TestStatus:
    def test_converged(self, on_line):
        assert on_line.status.startswith("converged: estimated error ")
        assert on_line.status.endswith("within rtol=1.0e-06")
        assert on_line.stats["estimated_error"] <= 1e-6

    def test_tolerance_not_met_beyond_the_largest_basis(self, monkeypatch):
        monkeypatch.setattr(box_method, "_MOST", 60)
        solution = solve_frequency_pde(
            Normal(scale=40.0), lambda x: np.cos(60 * x), measure=Box(-1, 1), t=[0.0, 1e3]
        )
        assert solution.status.startswith("tolerance not met: estimated error ")
        assert "does not resolve" in solution.status
        assert solution.stats["modes"] == 48

    def test_tolerance_not_met_by_the_finest_mesh(self, monkeypatch):
        monkeypatch.setattr(refined, "_ATTEMPTS", 1)
        monkeypatch.setattr(mesh, "_PHASE_AT_1E4", 60.0)
        solution = solve_frequency_pde(Normal(scale=3.0), y, t=[0.0, 10.0], rtol=1e-9)
        assert solution.status.startswith("tolerance not met: estimated error ")

    def test_limited_by_rounding(self):
        solution = solve_frequency_pde(Normal(), (X, np.sin(3 * X)), t=[0.0, 1e14])
        assert solution.status.startswith("limited by rounding: at t=1e+14")
        assert "shorten t or raise rtol" in solution.status


class TestStatsChange:
    @pytest.mark.parametrize("measure", [Line(), Box(-3, 3)])
    def test_with_the_tolerance(self, measure):
        rough, fine = (
            solve_frequency_pde(Normal(scale=6.0), y, measure=measure, t=[0.0, 100.0], rtol=rtol)
            for rtol in (1e-3, 1e-10)
        )
        assert fine.stats["unknowns"] > rough.stats["unknowns"]
        assert fine.stats["estimated_error"] < rough.stats["estimated_error"]
        assert fine.rtol == 1e-10

    def test_with_the_mesh(self):
        narrow, wide = (
            solve_frequency_pde(Normal(scale=scale), y, t=[0.0, 10.0]) for scale in (1.0, 4.0)
        )
        assert wide.stats["elements"] != narrow.stats["elements"]
        assert wide.stats["truncation"] > narrow.stats["truncation"]
        assert "degree 8" in wide.stats["method"]

    def test_with_refinement(self, monkeypatch):
        """From a first mesh five times too coarse."""
        monkeypatch.setattr(mesh, "_PHASE_AT_1E4", 60.0)
        solution = solve_frequency_pde(Normal(scale=3.0), y, t=[0.0, 10.0], rtol=1e-9)
        assert solution.status.startswith("converged")
        assert solution.stats["refinements"] > 0

    def test_with_the_basis(self):
        one, other = (
            solve_frequency_pde(Uniform(scale=scale), wave, measure=Box(-1, 1), t=[0.0, 1e3])
            for scale in (5.0, 60.0)
        )
        assert other.stats["modes"] > one.stats["modes"]
        assert one.stats["method"] == "Galerkin, Legendre polynomials"

    def test_with_the_times_and_the_problem(self, on_line, on_points):
        assert on_points.stats["fitted_until"] == np.inf
        assert on_line.stats["fitted_until"] == on_line.t[-1]
        assert on_points.stats["unknowns"] == 21
        assert on_points.stats["fastest_rate"] != on_line.stats["fastest_rate"]
        assert on_points.stats["seconds"] > 0
        assert on_line.stats["seconds"] >= on_line.stats["setup_seconds"] > 0


class TestDefaults:
    def test_times_span_six_decades_from_zero(self, on_line, on_points):
        for solution in (on_line, on_points):
            assert solution.t.shape == (65,)
            assert solution.t[0] == 0
            assert solution.t[-1] / solution.t[1] == pytest.approx(1e6)
            assert solution.t[1] * solution.stats["fastest_rate"] < 1
            assert solution.train_loss[1] > 0.9 * solution.train_loss[0]
            assert solution.train_loss[-1] < 0.1 * solution.train_loss[0]

    def test_times_are_whole_steps_with_a_step_size(self):
        solution = solve_frequency_pde(Normal(scale=6.0), wave, measure=Points(X), step_size=0.01)
        steps = solution.t / 0.01
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
        assert solution.t[0] == 0
        assert np.all(np.diff(solution.t) > 0)

    @pytest.mark.parametrize(
        ("measure", "extent"), [(Box(-1, 2), 3.0), (Points(X), 2.0), (Points(X * 5), 10.0)]
    )
    def test_frequencies_resolve_the_data_and_reach_the_density(self, measure, extent):
        rho = Normal(scale=6.0)
        solution = solve_frequency_pde(rho, wave, measure=measure, t=[0.0, 1.0])
        assert solution.frequencies[0] == 0
        np.testing.assert_allclose(np.diff(solution.frequencies), np.pi / extent, rtol=1e-9)
        assert solution.frequencies[-1] >= rho.radius(0.01)

    def test_frequencies_reach_the_data_where_the_density_does_not(self):
        solution = solve_frequency_pde(
            Normal(scale=0.5), lambda x: np.cos(40 * x), measure=Box(-1, 1), t=[0.0, 1.0]
        )
        assert 40 <= solution.frequencies[-1] < 60

    def test_frequencies_of_atoms(self):
        solution = solve_frequency_pde(Empirical([1.0, 30.0]), wave, measure=Points(X))
        assert solution.frequencies[-1] >= 30

    def test_test_measure(self, on_line, on_points):
        np.testing.assert_array_equal(on_line.spectrum, on_line.data_spectrum)
        assert on_points.spectrum.shape == on_points.data_spectrum.shape
        assert not np.array_equal(on_points.spectrum, on_points.data_spectrum)
        for other in (Line(), Box(-1, 1)):
            solution = solve_frequency_pde(
                Normal(scale=3.0), y, measure=other, t=[0.0, 1.0], test=other
            )
            np.testing.assert_array_equal(solution.test_loss, solution.train_loss)


def test_test_pair_on_line_and_box():
    """Judged at points: the mean square of error(x) there."""
    x = np.linspace(-1, 1, 7)
    for measure in (Line(), Box(-1, 1)):
        solution = solve_frequency_pde(
            Normal(scale=3.0), y, measure=measure, t=[0.0, 1.0, 5.0], test=(x, y(x))
        )
        expected = np.mean(solution.error(x) ** 2, axis=1)
        np.testing.assert_allclose(solution.test_loss, expected, rtol=1e-12)


def test_tiny_step_is_nearly_the_flow(on_points):
    t = np.array([0.0, 1.0, 10.0])
    flow, descent = on_points.at(t=t), on_points.at(t=t, step_size=1e-5)
    np.testing.assert_allclose(descent.train_loss, flow.train_loss, rtol=1e-4)
    assert not np.array_equal(descent.train_loss, flow.train_loss)


class TestLabelled:
    def test_dataset_holds_everything(self, on_points):
        data = on_points.to_xarray()
        assert dict(data.sizes) == {"t": 65, "frequency": on_points.frequencies.size}
        for name in ("train_loss", "test_loss", "spectrum", "data_spectrum"):
            np.testing.assert_array_equal(data[name], getattr(on_points, name))
        np.testing.assert_array_equal(data["xi"], on_points.frequencies)
        assert data["xi"].attrs["units"] == "rad per unit of x"
        assert data.attrs["status"] == on_points.status
        assert data.attrs["density"] == "Normal(loc=0.0, scale=6.0, dim=1)"
        assert data.attrs["measure"] == "Points(x=21 of dimension 1)"
        assert data.attrs["step_size"] == "gradient flow"
        assert json.loads(data.attrs["stats"])["unknowns"] == 21

    def test_unknown_spectra_are_left_out(self):
        data = solve_frequency_pde(Normal(), (X, X)).to_xarray()
        assert set(data.data_vars) == {"train_loss", "data_spectrum"}

    def test_vector_frequencies(self):
        x = np.random.default_rng(0).uniform(-1, 1, (9, 2))
        solution = solve_frequency_pde(Normal(dim=2), (x, x[:, 0]), t=[0.0, 1.0])
        data = solution.to_xarray()
        np.testing.assert_array_equal(data["xi_1"], solution.frequencies[:, 1])
        assert set(frequency_coordinates(solution.frequencies)) == {"xi_0", "xi_1"}

    def test_zarr_round_trip(self, on_points, tmp_path):
        data = on_points.to_xarray()
        store = save_zarr(data, tmp_path / "deep" / "run.zarr")
        back = load_zarr(store)
        xr.testing.assert_identical(back, data)
        assert back["spectrum"].dtype == np.complex128
        assert back.attrs == data.attrs

    def test_zarr_replaces_whole_and_leaves_nothing_behind(self, tmp_path):
        store = tmp_path / "run.zarr"
        save_zarr(xr.Dataset({"a": ("t", [1.0, 2.0])}), store)
        save_zarr(xr.Dataset({"b": ("t", [3.0])}), store)
        assert list(load_zarr(store).data_vars) == ["b"]
        assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]

    def test_zarr_keeps_the_old_store_when_writing_fails(self, tmp_path):
        store = tmp_path / "run.zarr"
        save_zarr(xr.Dataset({"a": ("t", [1.0, 2.0])}), store)
        with pytest.raises(TypeError):
            save_zarr(xr.Dataset(attrs={"bad": object()}), store)
        assert list(load_zarr(store).data_vars) == ["a"]
        assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]

    def test_trees_come_back_as_trees(self, tmp_path):
        tree = xr.DataTree.from_dict({"/": xr.Dataset(), "/one": xr.Dataset({"a": ("t", [1.0])})})
        back = load_zarr(save_zarr(tree, tmp_path / "tree.zarr"))
        assert back["one/a"].values == [1.0]

    def test_refusals(self, tmp_path):
        (tmp_path / "mine.txt").write_text("precious")
        with pytest.raises(
            ValueError, match=r"path=.*mine.txt' exists and is not a folder; choose"
        ):
            save_zarr(xr.Dataset(), tmp_path / "mine.txt")
        with pytest.raises(ValueError, match=r"path=.* exists and is no Zarr store; choose"):
            save_zarr(xr.Dataset(), tmp_path)
        with pytest.raises(ValueError, match=r"path=.*none' is no Zarr store; give the directory"):
            load_zarr(tmp_path / "none")
        assert (tmp_path / "mine.txt").read_text() == "precious"

    def test_json_ready(self):
        assert json_ready({1: np.arange(2), "b": (None, True, 1.5, "s")}) == {
            "1": [0, 1],
            "b": [None, True, 1.5, "s"],
        }
        assert json_ready(np.cos).startswith("<ufunc")


@pytest.mark.parametrize("name", ["on_line", "on_points"])
def test_plot_is_a_figure_with_labelled_axes(name, request):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = request.getfixturevalue(name).plot()
    figure.canvas.draw()
    panels = [axis for axis in figure.axes if axis.get_xlabel()]
    assert len(panels) == 3
    assert "rad per unit of x" in panels[0].get_xlabel()
    assert all(axis.get_ylabel() for axis in figure.axes)
    labels = [text.get_text() for text in panels[2].get_legend().get_texts()]
    assert labels == ["training", "test"]
    plt.close(figure)


def test_propagator_refuses_what_it_cannot_hold(monkeypatch):
    monkeypatch.setattr(dense, "MAX_ROWS", 5)
    with pytest.raises(ValueError, match=r"6 unknowns, above the 5 .*raise rtol, shorten t"):
        EigenPropagator(Block(np.eye(6), None, None, np.zeros(6), np.ones(6)))


def test_negligible_fast_modes_take_the_rate_of_the_fastest_that_counts():
    block = Block(np.diag([1.0, 2.0, 50.0]), None, None, np.zeros(3), np.array([1.0, 1.0, 1e-9]))
    np.testing.assert_allclose(EigenPropagator(block).rates, [1, 2, 50])
    np.testing.assert_allclose(EigenPropagator(block, 1e-8).rates, [1, 2, 2])
