"""The drawn map of phases: its cells, its words, its axes, and the marks on it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from ntkfreq.plotting import plot_phases

mpl.use("Agg")


def halves(up, name="sigma_a"):
    """Memorization on the left, comprehension on the right."""
    rates = np.geomspace(1e-4, 1e-1, 20)
    code = np.where(np.arange(20) < 10, 1, 3) + np.zeros((len(up), 1), dtype=int)
    return xr.Dataset({"phase": ((name, "weight_decay"), code)}, {name: up, "weight_decay": rates})


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
