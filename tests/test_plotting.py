"""Figures: where they are drawn, what they return, what their axes say."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntkfreq import (
    Axis,
    Empirical,
    FourierFeatureNet,
    Grid,
    Laplace,
    Mixture,
    Normal,
    Points,
    StudentT,
    Uniform,
    as_density,
    compare,
    deep_density,
    expected_losses,
    expected_losses_many,
    expected_output,
    ntk_spectrum,
    phase_map,
    plotting,
    solve_frequency_pde,
    solve_image,
    train,
)
from ntkfreq.plotting.palette import with_unit
from ntkfreq.plotting.panels import draw_losses, draw_remaining

mpl.use("Agg")

X = np.linspace(-1, 1, 24)
RHO = Normal(scale=6.0)


def wave(x):
    return np.sin(5 * x) + 0.5 * np.cos(14 * x)


@pytest.fixture(scope="module")
def results():
    net = FourierFeatureNet.sample(RHO, 256, zero_output=True, rng=0)
    run = train(net, X, wave(X), step_size=0.2, steps=50, test=(X, wave(X)))
    narrow, wide = (
        solve_frequency_pde(Normal(scale=scale), wave, measure=Points(X)) for scale in (6.0, 20.0)
    )
    curves = expected_losses_many(
        RHO, wave, measure=Points(X), sigma_a=[0.1, 1.0, 9.0], weight_decay=[1e-4, 1e-2, 1.0]
    )
    return {
        "narrow": narrow,
        "wide": wide,
        "run": run,
        "comparison": compare(narrow, run),
        "expected": expected_losses(RHO, wave, measure=Points(X), t=np.geomspace(0.1, 90, 9)),
        "output": expected_output(RHO, wave, X, measure=Points(X), t=[0.0, 9.0]),
        "kernel": ntk_spectrum(RHO, X),
        "phases": phase_map(curves, threshold=0.03),
        "image": solve_image(Normal(scale=3.0, dim=2), np.eye(8)),
    }


# Name, what draws with given axes, and how many axes it needs.
SEVERAL = {
    "plot_dynamics": (lambda r, ax: plotting.plot_dynamics(r["narrow"], ax=ax), 3),
    "solution.plot": (lambda r, ax: r["narrow"].plot(ax=ax), 3),
    "solution.plot(other)": (lambda r, ax: r["narrow"].plot(r["wide"], ax=ax), 4),
    "history.plot": (lambda r, ax: r["run"].plot(r["narrow"], ax=ax), 4),
    "plot_comparison": (lambda r, ax: plotting.plot_comparison(r["comparison"], ax=ax), 4),
    "comparison.plot": (lambda r, ax: r["comparison"].plot(ax=ax), 4),
    "plot_pictures": (
        lambda r, ax: plotting.plot_pictures([np.eye(4), np.ones((4, 4, 3))], ["a", "b"], ax=ax),
        2,
    ),
    "image.plot": (lambda r, ax: r["image"].plot(ax=ax), 3),
    "plot_kernel_spectrum": (lambda r, ax: plotting.plot_kernel_spectrum(r["kernel"], ax=ax), 2),
    "kernel.plot": (lambda r, ax: r["kernel"].plot(ax=ax), 2),
}
SINGLE = {
    "plot_remaining": lambda r, ax: plotting.plot_remaining(r["narrow"], ax=ax),
    "plot_learning_times": lambda r, ax: plotting.plot_learning_times(r["narrow"], ax=ax),
    "plot_losses": lambda r, ax: plotting.plot_losses([r["narrow"], r["run"]], ax=ax),
    "plot_density": lambda r, ax: plotting.plot_density(RHO, ax=ax),
    "plot_deep_density": lambda r, ax: plotting.plot_deep_density(deep_density(RHO, 2), ax=ax),
    "density.plot": lambda r, ax: StudentT(3.0, dim=2).plot(ax=ax),
    "plot_expected_losses": lambda r, ax: plotting.plot_expected_losses(r["expected"], ax=ax),
    "expected.plot": lambda r, ax: r["expected"].plot(ax=ax),
    "plot_expected_output": lambda r, ax: plotting.plot_expected_output(r["output"], ax=ax),
    "output.plot": lambda r, ax: r["output"].plot(ax=ax),
    "plot_phases": lambda r, ax: plotting.plot_phases(r["phases"], ax),
}


def labelled(axes):
    for ax in axes:
        for label in (ax.get_xlabel(), ax.get_ylabel()):
            assert label or "colorbar" in ax.get_label()


def test_every_plot_of_the_module_is_tried():
    drawing = {name for name in plotting.__all__ if name.startswith("plot_")}
    assert drawing == {name for name in [*SEVERAL, *SINGLE] if name.startswith("plot_")}
    for name in plotting.__all__:
        assert getattr(plotting, name) is not None


@pytest.mark.parametrize("name", SEVERAL)
def test_several_pictures_are_a_figure_or_on_the_axes_given(name, results):
    draw, count = SEVERAL[name]
    figure = draw(results, None)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    figure.canvas.draw()
    labelled(figure.axes)
    frame, axes = plt.subplots(1, count, layout="constrained")
    assert draw(results, axes) is axes
    assert plt.get_fignums() == [frame.number]
    assert all(ax.has_data() for ax in axes)
    labelled(frame.axes)
    frame.canvas.draw()
    listed = list(plt.subplots(2, (count + 1) // 2)[1].ravel()[:count])
    assert draw(results, listed) is listed


@pytest.mark.parametrize("name", SEVERAL)
def test_another_number_of_axes_is_refused(name, results):
    draw, count = SEVERAL[name]
    for axes in (plt.subplots()[1], plt.subplots(1, count + 1)[1]):
        with pytest.raises(ValueError, match=rf"ax has \d Axes for {count} pictures \(.*give one"):
            draw(results, axes)
    with pytest.raises(
        TypeError, match="ax='here' holds 'here', which is no matplotlib Axes; give"
    ):
        draw(results, "here")


@pytest.mark.parametrize("name", SINGLE)
def test_one_picture_is_axes_given_or_new(name, results):
    draw = SINGLE[name]
    new = draw(results, None)
    assert isinstance(new, Axes)
    assert plt.get_fignums() == []
    assert new._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    frame, ax = plt.subplots()
    assert draw(results, ax) is ax
    assert plt.get_fignums() == [frame.number]
    assert ax.has_data()
    labelled(frame.axes)
    for wrong in ("here", [ax], plt.subplots(1, 2)[1]):
        with pytest.raises(TypeError, match=r"ax=.* must be one matplotlib Axes, such as plt"):
            draw(results, wrong)


def test_own_figures_are_written_pickled_and_shown(tmp_path, results):
    figure = results["narrow"].plot(bands=3)
    figure.savefig(tmp_path / "one.pdf")
    assert (tmp_path / "one.pdf").stat().st_size > 5000
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert len(pickle.loads(pickle.dumps(figure)).axes) == len(figure.axes)
    assert plt.get_fignums() == []


def test_frames_are_those_of_pyplot_without_its_registry():
    figure, axes = plotting.subplots(2, 3, sharex=True, figsize=(6, 4), width_ratios=(1, 2, 1))
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (6, 4)
    assert isinstance(plotting.subplots()[1], Axes)
    assert plt.get_fignums() == []


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_two_solutions_are_told_apart(results):
    narrow, wide = results["narrow"], results["wide"]
    ax = plotting.plot_losses([narrow, wide], labels=["narrow", "wide"])
    assert names(ax) == ["narrow: training", "narrow: test", "wide: training", "wide: test"]
    colors = [line.get_color() for line in ax.lines]
    assert colors == [plotting.BLUE] * 2 + [plotting.ORANGE] * 2
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"] * 2
    losses = [narrow.train_loss, narrow.test_loss, wide.train_loss, wide.test_loss]
    for line, values in zip(ax.lines, losses, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values[1:])
    figure = narrow.plot(wide, labels=["narrow", "wide"], bands=6)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["narrow", "wide"]
    assert names(figure.axes[2]) == ["narrow", "wide"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() == figure.axes[2].get_xlim()


def test_labels_left_out_say_what_results_are(results):
    narrow, wide, run = results["narrow"], results["wide"], results["run"]
    assert names(plotting.plot_learning_times([narrow, run], bands=3)) == [
        "predicted",
        "trained network",
    ]
    found = names(plotting.plot_learning_times([narrow, wide, run], bands=3))
    assert found == ["predicted 1", "predicted 2", "trained network"]
    ax = plotting.plot_losses([narrow, run])
    assert [line.get_marker() for line in ax.lines] == ["None", "None", "o", "s"]
    alone = plotting.plot_losses(narrow)
    assert names(alone) == ["training", "test"]
    assert alone.get_title() == ""
    assert names(plotting.plot_losses(narrow, labels="a")) == ["a: training", "a: test"]


def test_what_does_not_belong_into_one_picture_is_refused(results):
    narrow = results["narrow"]
    with pytest.raises(TypeError, match=r"results\[1\]=3.0 must be a FrequencySolution or a Train"):
        plotting.plot_losses([narrow, 3.0])
    with pytest.raises(ValueError, match="results is empty; give one solution or history"):
        plotting.plot_losses([])
    for labels in (["a"], ["a", "a"], "a"):
        with pytest.raises(ValueError, match=r"labels=.* must be different texts, one for each"):
            plotting.plot_losses([narrow, narrow], labels=labels)
    line = solve_frequency_pde(RHO, lambda x: np.exp(-(x**2)), t=[0.0, 0.1])
    with pytest.raises(ValueError, match=r"results have different units of time, 1 and 1 / \(unit"):
        narrow.plot(line)
    days = np.datetime64("2022-01-01") + np.arange(24).astype("timedelta64[D]")
    dated = solve_frequency_pde(RHO, (days, wave(X)), t=[0.0, 1.0])
    with pytest.raises(ValueError, match="units of frequency, rad per day and rad per unit of x"):
        plotting.plot_learning_times([narrow, dated])


def test_bands_are_a_number_or_given(results):
    narrow = results["narrow"]
    (line,) = plotting.plot_learning_times(narrow, bands=2).lines
    assert len(line.get_xdata()) == 2
    (line,) = plotting.plot_learning_times(narrow, bands=[(2.0, 8.0), (12.0, 16.0)]).lines
    assert list(line.get_xdata()) == [5.0, 14.0]
    times = [narrow.learning_time((2.0, 8.0)), narrow.learning_time((12.0, 16.0))]
    assert list(line.get_ydata()) == pytest.approx(times, rel=1e-13)
    mesh = plotting.plot_remaining(narrow, bands=[(2.0, 8.0), (12.0, 16.0)]).collections[0]
    assert mesh.get_array().shape[1] == 3
    assert mesh.get_array().mask[:, 1].all()
    with pytest.raises(ValueError, match="bands=0 must be at least 1"):
        plotting.plot_remaining(narrow, bands=0)
    for bands in ([], [(0.0, 5.0), (3.0, 8.0)]):
        with pytest.raises(
            ValueError, match=r"bands=.* must be pairs \(low, high\), each beginning"
        ):
            plotting.plot_remaining(narrow, bands=bands)
    with pytest.raises(ValueError, match=r"bands\[0\]=\(3, 2\) must have low < high"):
        plotting.plot_remaining(narrow, bands=[(3.0, 2.0)])
    with pytest.raises(ValueError, match=r"band=\(1e\+06, 2e\+06\) .* holds none of the"):
        plotting.plot_remaining(narrow, bands=[(1e6, 2e6)])


def test_axes_have_units(results):
    figure = results["narrow"].plot()
    shares, times, losses, bar = figure.axes
    assert shares.get_xlabel() == times.get_xlabel() == r"frequency $|\xi|$ (rad per unit of x)"
    assert shares.get_ylabel() == losses.get_xlabel() == "training time $t$ (step size x steps)"
    assert losses.get_ylabel() == r"loss $\int e^2\,d\mu$ in (unit of y)$^2$"
    assert "share of the error left" in bar.get_ylabel()
    days = np.datetime64("2022-01-01") + np.arange(24).astype("timedelta64[D]")
    grid = Grid(np.timedelta64(1, "D"), days[0])
    dated = solve_frequency_pde(RHO, lambda x: np.exp(-(x**2)), measure=grid, t=[0.0, 0.1, 1.0])
    shares, times, losses, _ = dated.plot().axes
    assert shares.get_xlabel().endswith("(rad per day)")
    assert shares.get_ylabel() == "training time $t$ (1 / day)"
    assert times.get_ylabel() == "time to halve the error (1 / day)"
    assert losses.get_ylabel().endswith("in (unit of y)$^2$ day")
    assert with_unit("x", "$m$^3") == r"x (\$m\$$^3$)"
    assert plotting.frequency_label(Axis("s"), 2) == r"frequency $|\xi|$ of a ring (rad per s)"
    assert plotting.frequency_label(Axis("s"), 5) == r"frequency $|\xi|$ of a shell (rad per s)"


def test_shares_are_drawn_over_any_positive_times():
    bands, ax = [(0.0, 1.0), (1.0, 2.0)], plotting.subplots()[1]
    mesh = draw_remaining(ax, np.array([0.0, 2.0]), bands, np.array([[1, 1], [0.5, 0.2]]))
    np.testing.assert_array_equal(mesh.get_array(), [[0.5, 0.2]])
    assert ax.get_ylim() == (1.0, 4.0)
    with pytest.raises(ValueError, match="t ends at 0, so that there is nothing to draw over"):
        draw_remaining(ax, np.zeros(1), bands, np.ones((1, 2)))


def test_shares_that_have_grown_are_of_another_colour():
    ax = plotting.subplots()[1]
    share = np.array([[1.0, 1 + 1e-9, 1.5, np.nan]])
    bands = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    mesh = draw_remaining(ax, np.array([1.0]), bands, share)
    mesh.update_scalarmappable()
    first, second, grown, nothing = mesh.get_facecolors()
    np.testing.assert_array_equal(first, second)
    assert mpl.colors.to_hex(grown) == plotting.SKY.lower()
    assert nothing[3] == 0


def test_losses_end_above_rounding():
    t, ax = np.geomspace(1, 9, 5), plotting.subplots()[1]
    draw_losses(ax, t, {"training": (np.geomspace(1.0, 1e-60, 5), "-", plotting.BLUE)})
    low, high = ax.get_ylim()
    assert low == pytest.approx(1e-16 * high)


def test_without_a_learned_band_the_figure_says_so(results):
    short = results["narrow"].at(t=[0.0, 1e-6])
    (text,) = plotting.plot_learning_times(short, bands=3).texts
    assert text.get_text() == "no band is halved by t = 1e-06"
    assert not plotting.plot_learning_times(results["narrow"], bands=3).texts


class TestExpected:
    def test_bands_are_one_standard_deviation(self, results):
        losses = results["expected"]
        ax = losses.plot()
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert names(ax) == ["training: mean", "test: mean", "one standard deviation"]
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), losses.train_mean)
        for area, mean, spread in zip(
            ax.collections, (losses.train_mean, losses.test_mean),
            (losses.train_std, losses.test_std), strict=True,
        ):  # fmt: skip
            heights = area.get_paths()[0].vertices[:, 1]
            assert heights.max() == pytest.approx(np.max(mean + spread))
            assert heights.min() == pytest.approx(np.min(np.maximum(mean - spread, 1e-3 * mean)))

    def test_without_test_loss(self):
        ax = expected_losses(RHO, (X, wave(X)), t=[0.0, 1.0, 9.0]).plot()
        assert names(ax) == ["training: mean", "one standard deviation"]


class TestDensity:
    def test_line_is_the_pdf_where_it_is_seen(self):
        for rho in (RHO, StudentT(1.0, scale=3.0), Laplace(loc=40.0, scale=0.1), Uniform(loc=2.0)):
            line = rho.plot().lines[0]
            w, values = line.get_data()
            np.testing.assert_array_equal(values, rho.pdf(w))
            assert np.trapezoid(values, w) == pytest.approx(1.0, abs=0.03)
            assert values.max() == pytest.approx(rho.pdf(np.atleast_1d(rho.loc))[0])

    def test_jumps_are_upright(self):
        w, values = Uniform(loc=2.0, scale=5.0).plot().lines[0].get_data()
        for end in (-3.0, 7.0):
            near = np.abs(w - end) < 1e-6
            assert set(values[near].round(9)) == {0.0, 0.1}

    def test_even_part_is_drawn_where_it_is_another(self):
        assert len(RHO.plot().lines) == 1
        rho = Normal(loc=3.0)
        plain, even = rho.plot().lines
        assert even.get_linestyle() == "--"
        w, values = even.get_data()
        np.testing.assert_array_equal(values, rho.even_pdf(w))
        assert even.get_color() == plain.get_color()

    def test_a_second_density_has_the_next_colour(self):
        ax = RHO.plot()
        assert Laplace(scale=2.0).plot(ax=ax) is ax
        assert [line.get_color() for line in ax.lines] == [plotting.BLUE, plotting.ORANGE]
        assert names(ax) == ["Normal(loc=0.0, scale=6.0)", "Laplace(loc=0.0, scale=2.0)"]

    def test_plane_is_a_map(self):
        rho = Mixture([Normal(loc=(6.0, 2.0), dim=2), StudentT(3.0, scale=2.0, dim=2)])
        ax = rho.plot()
        (mesh,) = ax.collections
        assert mesh.get_array().max() == pytest.approx(rho.pdf([[6.0, 2.0]])[0], rel=0.02)
        place = np.unravel_index(mesh.get_array().argmax(), mesh.get_array().shape)
        centre = mesh.get_coordinates()[place]
        np.testing.assert_allclose(centre, (6.0, 2.0), atol=0.4)
        low, high = ax.get_xlim()
        assert low < -4
        assert high > 8
        figure = ax.get_figure()
        assert "density in (unit of x per rad)$^2$" in [axes.get_ylabel() for axes in figure.axes]

    def test_more_dimensions_are_a_histogram_of_the_first(self):
        ax = Normal(loc=1.0, scale=2.0, dim=16).plot()
        heights, edges, _ = ax.patches[0].get_data()
        assert np.sum(heights * np.diff(edges)) == pytest.approx(1.0, abs=0.01)
        middle = (edges[1:] + edges[:-1]) / 2
        expected = Normal(loc=1.0, scale=2.0).pdf(middle)
        np.testing.assert_allclose(heights, expected, atol=0.01)
        assert ax.get_xlabel().startswith("first coordinate")

    def test_atoms_are_stems_histograms_and_dots(self):
        rng = np.random.default_rng(0)
        few = Empirical([1.0, 3.0], [0.25, 0.75]).plot()
        np.testing.assert_array_equal(few.lines[0].get_ydata(), [0.25, 0.75])
        assert few.get_ylabel() == "probability"
        many = Empirical(rng.normal(size=900)).plot()
        assert "density of the atoms" in many.get_ylabel()
        flat = Empirical(rng.normal(size=(70, 2))).plot()
        assert len(flat.collections[0].get_offsets()) == 70
        assert Empirical(rng.normal(size=(900, 3))).plot().get_xlabel().startswith("first coord")

    def test_densities_of_a_users_own_are_drawn(self):
        tent = as_density(lambda w: 1 - abs(w), support=(-1, 1), kinks=(0,))
        w, values = tent.plot().lines[0].get_data()
        assert values.max() == 1.0
        assert w[0] < -0.99

    def test_text_with_dollars_is_no_formula(self):
        def pdf(w):
            return np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)

        pdf.__name__ = "$a_"
        as_density(pdf).plot().get_figure().canvas.draw()


def test_copies_are_drawn_alike(results):
    again = copy.deepcopy(results["run"])
    assert len(again.plot(bands=3).axes) == len(results["run"].plot(bands=3).axes)


def test_matplotlib_loads_when_something_is_drawn():
    code = (
        "import sys, ntkfreq.plotting as p, ntkfreq.pde.solution.solution;"
        "print('matplotlib' in sys.modules); p.subplots();"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
