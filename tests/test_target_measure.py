"""Targets and their transforms, the quadrature behind them, and the measures."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Box, Grid, Line, Points, Target
from ntkfreq.numerics.quadrature import panel_rule, resolve, subdivide
from ntkfreq.problem.functions import find_support
from ntkfreq.problem.target import as_target

XI = np.linspace(-30, 30, 121)


def test_transform_of_a_gaussian():
    target = Target.from_function(lambda x: np.exp(-((x - 1) ** 2) / 2), support=(-9, 11))
    exact = np.sqrt(2 * np.pi) * np.exp(-(XI**2) / 2 - 1j * XI)
    np.testing.assert_allclose(target.transform(XI), exact, rtol=0, atol=1e-13)


def test_transform_of_a_jump_at_named_kinks():
    target = Target.from_function(lambda x: 1.0 * (np.abs(x) <= 1), (-2, 2), kinks=(-1, 1))
    assert target.resolved.converged
    exact = 2 * np.sinc(XI / np.pi)
    np.testing.assert_allclose(target.transform(XI), exact, rtol=0, atol=1e-13)


def test_support_ends_in_a_jump_that_is_named():
    target = Target.from_function(np.ones_like, support=(0, 1), kinks=(0, 1))
    np.testing.assert_allclose(
        target.transform(XI[:60]), (1 - np.exp(-1j * XI[:60])) / (1j * XI[:60]), atol=1e-13
    )
    np.testing.assert_array_equal(target([-0.1, 0.0, 0.5, 1.0, 1.1]), [0, 1, 1, 1, 0])


def test_jump_off_the_kinks_is_not_resolved_and_says_so():
    rough = resolve(lambda x: np.sign(np.sin(1e4 * x)), [-1.0, 1.0])
    assert not rough.converged
    assert resolve(np.cos, [-1.0, 1.0]).converged


def test_transform_of_decayed_samples_is_that_of_their_spline():
    """400 samples of a Gaussian 0.04 apart: the cubic spline is 1e-8 from it."""
    x = np.linspace(-8, 8, 400)
    target = Target.from_samples(x[::-1], np.exp(-(x**2) / 2))
    exact = np.sqrt(2 * np.pi) * np.exp(-(XI**2) / 2)
    np.testing.assert_allclose(target.transform(XI), exact, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(target.at(target.samples[0]), target.samples[1])


def test_samples_that_do_not_decay_have_no_transform():
    target = Target.from_samples(np.linspace(0, 1, 9), np.ones(9))
    assert target.support is None
    with pytest.raises(ValueError, match="target has no support; on Line it must decay"):
        target.transform([1.0])


def test_samples_in_more_dimensions_are_known_there_only():
    x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    target = Target.from_samples(x, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(target(x), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(target(x[1:]), [2.0, 3.0])
    with pytest.raises(ValueError, match="known at its samples only; pass a function"):
        target([[0.0, 0.0]])


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (lambda x: np.exp(-(x**2)), -5.471, 5.471),
        (lambda x: np.exp(-((x + 300) ** 2) / 200), -377.4, -222.6),
        (lambda x: np.maximum(1 - np.abs(1e3 * x), 0.0), -1e-3, 1e-3),
    ],
)
def test_support_is_found_and_barely_wider(function, low, high):
    """Probed in octaves: the ends come out at most a few per cent of the distance too far."""
    found = find_support(function)
    assert found[0] <= low
    assert found[1] >= high
    assert found[0] == pytest.approx(low, rel=0.1)
    assert found[1] == pytest.approx(high, rel=0.1)


@pytest.mark.parametrize("function", [np.sin, np.ones_like, lambda x: 1 / (1 + x**2)])
def test_no_support_without_decay(function):
    assert find_support(function) is None


def test_as_target():
    target = Target.from_function(np.cos)
    assert as_target(target) is target
    assert as_target(np.cos).samples is None
    assert as_target(([0.0, 1.0], [2.0, 3.0])).samples[0].shape == (2, 1)
    assert as_target(lambda x: 4.0)([0.0, 1.0]).tolist() == [4.0, 4.0]


def test_subdivide_splits_evenly_and_keeps_the_breaks():
    panels = subdivide([0.0, 3.0, 1.0], 0.75)
    np.testing.assert_allclose(panels, [0, 0.5, 1, 5 / 3, 7 / 3, 3])
    assert np.diff(subdivide([0.0, 1.0], 0.3)).max() <= 0.3


def test_panel_rule_is_exact_to_degree_31():
    nodes, weights = panel_rule(np.array([-1.0, 0.25, 2.0]))
    for degree in (0, 7, 30, 31):
        exact = (2.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
        assert weights @ nodes**degree == pytest.approx(exact, rel=1e-13)


def test_resolved_rule_follows_high_frequencies():
    rule = resolve(lambda x: np.exp(-(x**2)), [-7.0, 7.0])
    nodes, weights, values = rule.rule(200.0)
    got = (weights * values) @ np.cos(200 * nodes)
    assert got == pytest.approx(np.sqrt(np.pi) * np.exp(-1e4), abs=1e-13)
    assert len(nodes) > len(rule.rule()[0])


def test_measures():
    assert Box(-1, 2).dim == 1
    assert Box([0, 0], [2, 3]).volume == 6.0
    assert Box(-1, 1) == Box([-1.0], [1.0])
    assert Grid(0.5).nyquist == pytest.approx(2 * np.pi)
    assert Line() == Line()
    points = Points([[0.0, 0.0], [3.0, 1.0]], [1.0, 3.0])
    assert points.dim == 2
    assert points.extent == 3.0
    np.testing.assert_allclose(points.weights, [0.25, 0.75])
    np.testing.assert_allclose(Points([1.0, 2.0]).weights, 0.5)


REFUSED = {
    "box order": (lambda: Box(1.0, -1.0), ValueError, "lower=.*must be below upper"),
    "box nan": (lambda: Box(np.nan, 1.0), ValueError, "lower holds 1 NaN"),
    "box dims": (lambda: Box([0, 0], 1.0), ValueError, "lower has 2 entries and upper 1"),
    "box thin": (lambda: Box(0.0, 1e-60), ValueError, "lower=.*must be 1e-50 apart or more"),
    "box text": (lambda: Box("a", 1.0), TypeError, "lower='a' must be an array"),
    "box shape": (lambda: Box(np.eye(2), 1.0), ValueError, r"lower has shape \(2, 2\)"),
    "spacing": (lambda: Grid(0.0), ValueError, "spacing=0.0 must be greater than 0"),
    "origin": (lambda: Grid(1.0, np.inf), ValueError, "origin=inf must be finite"),
    "points nan": (lambda: Points([1.0, np.nan]), ValueError, "x holds 1 NaN"),
    "points empty": (lambda: Points([]), ValueError, "x is empty"),
    "points weights": (lambda: Points([1.0, 2.0], [1.0]), ValueError, "weights holds 1 value"),
    "points weight sign": (
        lambda: Points([1.0, 2.0], [1.0, 0.0]), ValueError, "weights has a smallest value of 0",
    ),
    "no function": (lambda: Target.from_function(3.0), TypeError, "f=3.0 must be a function"),
    "support order": (
        lambda: Target.from_function(np.sin, (1, 0)), ValueError, r"support=\(1, 0\) must have low",
    ),
    "support number": (
        lambda: Target.from_function(np.sin, 3.0), TypeError, "support=3.0 must be a pair",
    ),
    "support nan": (
        lambda: Target.from_function(np.sin, (0, np.nan)), ValueError, r"support\[1\]=nan must be",
    ),
    "support jump": (
        lambda: Target.from_function(np.cos, (0, 1)), ValueError,
        r"support=\(0, 1\) ends where the target is 1 .*taper the target.*measure=Box",
    ),
    "kink nan": (
        lambda: Target.from_function(np.sin, kinks=(np.nan,)), ValueError, "kinks holds 1 NaN",
    ),
    "samples nearly the same": (
        lambda: Target.from_samples([0.0, 5e-324, 1.0, 2.0], np.ones(4)), ValueError,
        "x has points 4.94e-324 apart in an extent of 2; give points further apart",
    ),
    "samples lengths": (
        lambda: Target.from_samples([1.0, 2.0], [1.0]), ValueError, r"y holds 1 value\(s\) for 2",
    ),
    "samples nan": (lambda: Target.from_samples([1.0], [np.nan]), ValueError, "y holds 1 NaN"),
    "function fails": (
        lambda: as_target(lambda x: x[:, 1])([1.0, 2.0]), ValueError,
        r"target failed on an array of shape \(2,\).*it must map points",
    ),
    "function shape": (
        lambda: as_target(lambda x: np.ones(3))([1.0, 2.0]), ValueError,
        r"target returned shape \(3,\) for 2 points",
    ),
    "function nan": (
        lambda: as_target(lambda x: np.where(x > 1, np.nan, x))([1.0, 2.0]), ValueError,
        r"target is NaN or infinite at 1 point",
    ),
    "target number": (lambda: as_target(3.0), TypeError, "target=3.0 must be a Target, a function"),
    "target list": (lambda: as_target([1.0, 2.0]), TypeError, r"a pair \(x, y\) of arrays"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_argument_value_and_remedy(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_a_support_of_no_dimension_is_refused():
    with pytest.raises(TypeError, match=r"support=.* must be a pair \(low, high\)"):
        Target.from_function(np.cos, support=np.array(3.0))
