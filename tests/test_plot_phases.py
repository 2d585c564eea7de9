"""The drawn map of phases: its cells, its words, its axes, and the marks on it."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from ntkfreq.grokking import PHASES
from ntkfreq.plotting import plot_phases, subplots

mpl.use("Agg")


def halves(up, name="sigma_a"):
    """Memorization on the left, comprehension on the right."""
    rates = np.geomspace(1e-4, 1e-1, 20)
    code = np.where(np.arange(20) < 10, 1, 3) + np.zeros((len(up), 1), dtype=int)
    return xr.Dataset({"phase": ((name, "weight_decay"), code)}, {name: up, "weight_decay": rates})


def on_map(code):
    """A map of these phases, rows from below."""
    up, rates = np.geomspace(0.1, 10, code.shape[0]), np.geomspace(1e-4, 1e-1, code.shape[1])
    return xr.Dataset(
        {"phase": (("sigma_a", "weight_decay"), code)}, {"sigma_a": up, "weight_decay": rates}
    )


def diagonal(width, rows=40, columns=60):
    """Grokking as a band between memorization and comprehension, which rises to the right."""
    up, across = np.mgrid[0:rows, 0:columns] / np.array([rows, columns])[:, None, None]
    return np.select([up - across > width, up > across, up - across > -0.45], [1, 2, 3], 0)


def islands(seed):
    noise = np.random.default_rng(seed).normal(size=(30, 50))
    return np.digitize(ndimage.gaussian_filter(noise, 5), [-0.03, 0.0, 0.03])


def strips():
    across = np.arange(60) / 60
    return np.select([across < 0.2, across < 0.25, across < 0.5], [1, 2, 3], 0) + np.zeros(
        (9, 1), int
    )


MAPS = {
    "halves": np.array([[1, 3]]),
    "quarters": np.array([[0, 1], [2, 3]]),
    "wide diagonal": diagonal(0.25),
    "diagonal": diagonal(0.12),
    "thin diagonal": diagonal(0.05),
    "thinnest diagonal": diagonal(0.02),
    "strips": strips(),
    "lying strips": strips().T,
    "speck": np.where(np.arange(900).reshape(30, 30) == 455, 2, 0),
    **{f"islands {seed}": islands(seed) for seed in range(6)},
}


def inside_of_their_phases(ax, code):
    """Names whose boxes, as drawn, cover cells of their own phase only; fails on others."""
    ax.get_figure().canvas.draw()
    found = set()
    for text in [text for text in ax.texts if text.fits]:
        box = text.get_window_extent()
        assert max(box.width, box.height) > 10
        corners = ax.transAxes.inverted().transform(box.get_points())
        assert corners.min() >= 0
        assert corners.max() <= 1
        (left, low), (right, high) = corners
        rows, columns = code.shape
        part = code[
            int(low * rows) : int(np.ceil(high * rows)),
            int(left * columns) : int(np.ceil(right * columns)),
        ]
        assert {PHASES[k] for k in np.unique(part)} == {text.get_text()}
        found.add(text.get_text())
    return found


def in_legend(ax):
    legend = ax.get_legend()
    return set() if legend is None else {text.get_text() for text in legend.get_texts()}


@pytest.mark.parametrize("name", MAPS)
def test_names_lie_inside_their_phases(name):
    code = MAPS[name]
    ax = plot_phases(on_map(code))
    named = inside_of_their_phases(ax, code)
    assert named.isdisjoint(in_legend(ax))
    assert named | in_legend(ax) == {PHASES[k] for k in np.unique(code)}


def test_what_has_no_room_is_in_the_legend():
    assert in_legend(plot_phases(on_map(MAPS["diagonal"]))) == set()
    thin = plot_phases(on_map(MAPS["thinnest diagonal"]))
    assert in_legend(thin) == {"grokking"}
    patch = thin.get_legend().get_patches()[0]
    assert mpl.colors.to_hex(patch.get_facecolor()) == "#9cc9e6"
    assert in_legend(plot_phases(on_map(MAPS["speck"]))) == {"grokking"}


def test_names_are_smaller_or_upright_where_there_is_little_room():
    code = MAPS["strips"]
    ax = plot_phases(on_map(code))
    texts = {text.get_text(): text for text in ax.texts}
    assert texts["confusion"].get_rotation() == 0
    assert texts["grokking"].get_rotation() == 90
    usual = texts["confusion"].get_fontsize()
    small = {text.get_fontsize() for text in plot_phases(on_map(MAPS["diagonal"])).texts}
    assert min(small) < usual == max(small)


@pytest.mark.parametrize("name", ["diagonal", "strips", "islands 0"])
def test_names_stay_inside_when_the_axes_change(name):
    """A legend outside, a colour bar and another size of the figure move the borders."""
    code = MAPS[name]
    figure, axes = subplots(1, 2, figsize=(12, 5))
    plot_phases(on_map(code), axes[0])
    before = axes[0].get_position().bounds
    axes[1].set(ylabel="another\nlabel\nof\nthree lines", title="title\nof two lines")
    figure.legend(axes[1].plot([1, 2]), ["a"], loc="outside lower center", title="two\nlines")
    assert inside_of_their_phases(axes[0], code)
    assert axes[0].get_position().bounds != before
    figure.set_size_inches(8, 4)
    assert inside_of_their_phases(axes[0], code)
    figure.savefig(io.BytesIO(), dpi=170)
    assert len(inside_of_their_phases(axes[0], code)) >= 2


def test_a_name_that_fits_no_more_is_not_drawn():
    code = MAPS["diagonal"]
    figure, ax = subplots(figsize=(6.4, 5.2))
    plot_phases(on_map(code), ax)
    assert "grokking" in inside_of_their_phases(ax, code)
    figure.set_size_inches(3, 2.4)
    assert "grokking" not in inside_of_their_phases(ax, code)
    figure.set_size_inches(6.4, 5.2)
    assert "grokking" in inside_of_their_phases(ax, code)


def test_names_leave_marks_free():
    code = MAPS["quarters"]
    middle = [(10**a, 10**b) for a in (-3.25, -1.75) for b in (-0.5, 0.5)]
    ax = plot_phases(on_map(code), networks=[(*place, 0) for place in middle])
    assert len(inside_of_their_phases(ax, code)) == 4
    for text in ax.texts:
        box = text.get_window_extent()
        for place in ax.transData.transform(middle):
            assert not box.padded(2).contains(*place)


def words(ax):
    return {text.get_text(): text.get_position() for text in ax.texts}


def test_regions_are_named_where_they_lie_whatever_the_order_of_dimensions():
    phases = halves(np.geomspace(0.1, 10, 15))
    for given in (phases, phases.transpose("weight_decay", "sigma_a")):
        ax = plot_phases(given)
        found = words(ax)
        assert set(found) == {"memorization", "comprehension"}
        assert found["memorization"][0] < 0.5 < found["comprehension"][0]
        assert ax.get_xscale() == ax.get_yscale() == "log"
        np.testing.assert_array_equal(ax.collections[0].get_array(), phases.phase.values)
        assert "gamma_a" in ax.get_xlabel()
        assert "sigma_a" in ax.get_ylabel()


def test_cells_reach_halfway_to_their_neighbours():
    ax = plot_phases(halves(np.arange(8, 41), "n_points"), y="n_points")
    assert ax.get_yscale() == "linear"
    np.testing.assert_allclose(ax.get_ylim(), (7.5, 40.5))
    half = 10 ** (1.5 / 19)
    np.testing.assert_allclose(ax.get_xlim(), (1e-4 / half, 1e-1 * half))
    assert plot_phases(halves(np.array([3.0]))).get_ylim() == (2.5, 3.5)


def test_networks_have_the_colour_and_shape_of_their_own_phase():
    networks = [(1e-3, 1.0, 2), (1e-3, 2.0, "grokking"), (1e-2, 1.0, "confusion")]
    ax = plot_phases(halves(np.geomspace(0.1, 10, 15)), networks=networks)
    first, second, third = ax.lines
    assert first.get_marker() == second.get_marker() != third.get_marker()
    assert first.get_color() == second.get_color() != third.get_color()
    assert (first.get_xdata()[0], first.get_ydata()[0]) == (1e-3, 1.0)
    assert ax.get_legend_handles_labels()[1] == ["grokking", "confusion"]


def test_other_dimensions_are_refused():
    phases = halves(np.geomspace(0.1, 10, 3))
    with pytest.raises(ValueError, match=r"phases has dimensions.*select one value of the others"):
        plot_phases(phases.expand_dims(sigma_w=2))
    with pytest.raises(ValueError, match=r"y='n_points'.*or name the axes"):
        plot_phases(phases, y="n_points")


def test_values_that_do_not_increase_are_refused():
    with pytest.raises(ValueError, match=r"sigma_a that do not increase; use phases.sortby"):
        plot_phases(halves(np.array([2.0, 1.0, 3.0])))


def test_unknown_phases_are_refused():
    phases = halves(np.geomspace(0.1, 10, 3))
    with pytest.raises(ValueError, match=r"phases holds codes \[5 7\]; they are places in"):
        plot_phases(phases + 4)
    for phase in ("grok", -1, 4):
        with pytest.raises(ValueError, match=r"networks has the phase .*use one of"):
            plot_phases(phases, networks=[(1e-3, 1.0, phase)])
