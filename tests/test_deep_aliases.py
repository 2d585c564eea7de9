"""Shares of aliases behind hidden layers: by Fourier integrals, and on samples."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Empirical,
    Grid,
    Laplace,
    Mixture,
    Normal,
    alias_shares,
    deep_density,
    ntk_gram,
    solve_frequency_pde,
)
from validation.reference.deep_kernel import Network, kernel
from validation.reference.kernels import KERNELS

SPACING = 0.6
PERIOD = 2 * np.pi / SPACING
SCALES = {"sigma_w": 1.2, "sigma_b": 0.4, "sigma_a": 0.7}


def frozen(activation, k):
    """F by a layerwise quadrature: the kernel of a network with frozen frequencies."""
    network = Network(2, activation, 1.2, 0.4, 0.7, trained=False)
    return kernel(network, k, np.zeros(len(k)))


def plain_shares(activation, k_of, aliases, reach, panels):
    r"""rho_F at aliases, :math:`\frac1\pi\int_0^\infty(F(k(z)) - F(0))\cos\xi z\,dz`, over its sum.

    On the half-line the integrand is smooth, whatever kink F(k) has at 0. The sum over aliases is
    by Poisson's formula one over samples.
    """
    unit, weight = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(0, reach, panels + 1)
    z = (edges[:-1, None] + np.diff(edges)[:, None] * (unit + 1) / 2).ravel()
    weights = np.outer(np.diff(edges) / 2, weight).ravel()
    atom = frozen(activation, np.zeros(1))[0]
    rest = frozen(activation, k_of(z)) - atom
    values = np.cos(np.outer(aliases, z)) @ (weights * rest) / np.pi
    samples = SPACING * np.arange(0.0, np.ceil(reach / SPACING))
    terms = (frozen(activation, k_of(samples)) - atom) * np.cos(aliases[0] * samples)
    return values / (SPACING / (2 * np.pi) * (2 * terms.sum() - terms[0]))


def normal(z):
    return KERNELS["normal"](z[:, None], 3.0)


@pytest.mark.parametrize(("activation", "panels"), [("tanh", 30), ("sine", 30), ("relu", 20)])
def test_shares_are_those_of_fourier_integrals(activation, panels):
    aliases = 8.0 + PERIOD * np.array([0, -1, -2, 1, -3])
    expected = plain_shares(activation, normal, aliases, 3.0, panels)
    found = alias_shares(
        Normal(scale=3.0), 8.0, Grid(SPACING), depth=2, activation=activation, **SCALES
    )
    listed = dict(zip(found.frequencies.round(6), found.shares, strict=True))
    shares = [listed[place] for place in aliases.round(6)]
    # Of the rectifier's series a power law is all that is known beyond 2048 terms.
    np.testing.assert_allclose(shares, expected, atol=5e-7 if activation == "relu" else 1e-9)
    assert found.own == pytest.approx(shares[0], rel=1e-12)
    assert found.shares.sum() + found.remainder == pytest.approx(1.0, abs=1e-9)


def test_a_normal_off_zero_and_a_mixture():
    def both(z):
        return 0.25 * np.exp(-(z**2) / 2) + 0.75 * np.cos(2 * z) * np.exp(-((3 * z) ** 2) / 2)

    density = Mixture([Normal(scale=1.0), Normal(loc=2.0, scale=3.0)], [0.25, 0.75])
    aliases = 8.0 + PERIOD * np.array([0, -1, -2])
    expected = plain_shares("sine", both, aliases, 9.0, 60)
    found = alias_shares(density, 8.0, Grid(SPACING), depth=2, activation="sine", **SCALES)
    listed = dict(zip(found.frequencies.round(6), found.shares, strict=True))
    shares = [listed[place] for place in aliases.round(6)]
    np.testing.assert_allclose(shares, expected, atol=1e-6)
    one = alias_shares(Normal(loc=2.0, scale=3.0), 8.0, Grid(SPACING), depth=2, activation="tanh")
    assert one.shares.sum() + one.remainder == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_solution_on_samples_ends_with_these_shares(activation):
    """A tone under a window, frozen frequencies, long after: the output's spectrum, off them."""
    x = SPACING * np.arange(-100, 101)
    layers = {"depth": 2, "activation": activation, **SCALES}
    found = alias_shares(Normal(scale=3.0), 8.0, Grid(SPACING), **layers, least=1e-3)

    def tone(x):
        return np.cos(8 * x) * np.exp(-(x**2) / 400)

    solution = solve_frequency_pde(
        Normal(scale=3.0), (x, tone(x)), train_frequencies=False, t=[0.0, 1e8], **layers
    )
    fine = np.arange(-55, 55, SPACING / 40)
    learned = solution.output(fine)[-1]
    waves = np.exp(-1j * np.outer(found.frequencies, fine))
    size = np.abs(np.exp(-8j * fine) @ tone(fine))
    # The window makes a band of width 0.07 of the tone, over which shares vary by some 1e-3.
    np.testing.assert_allclose(np.abs(waves @ learned) / size, found.shares, rtol=1e-2, atol=1e-4)


def test_an_alias_at_zero_gets_all():
    for times in (1, -2, 3):
        found = alias_shares(Normal(scale=3.0), times * PERIOD, Grid(SPACING), depth=2)
        assert found.frequencies.tolist() == [0.0]
        assert (found.shares.tolist(), found.own, found.remainder) == ([1.0], 0.0, 0.0)
        assert found.test_energy == 2.0
    constant = alias_shares(Normal(scale=3.0, dim=2), [0.0, 0.0], Grid(SPACING), depth=2)
    assert (constant.own, constant.test_energy) == (1.0, 0.0)
    assert constant.frequencies.shape == (1, 2)
    # Next to it the atom plays no part, and neither does it on one axis alone.
    near = alias_shares(Normal(scale=3.0), PERIOD + 1e-3, Grid(SPACING), depth=2)
    assert 0.5 < near.shares[0] < 0.95
    edge = alias_shares(Normal(scale=3.0, dim=2), [PERIOD, 1.0], Grid(SPACING), depth=2, least=0.01)
    assert 0.3 < edge.shares[0] < 0.95


def test_on_samples_the_constant_gets_all_but_one_over_their_number():
    """What the output of samples of cos(2 pi x / spacing) is between them: nearly constant."""
    off = []
    for count in (100, 200, 400):
        x = SPACING * (np.arange(count) - count // 2)
        fine = np.linspace(0.0, SPACING, 33)
        options = {"depth": 2, "activation": "tanh", "train_frequencies": False}
        gram = ntk_gram(Normal(scale=3.0), x, **options)
        other = ntk_gram(Normal(scale=3.0), fine, x, **options)
        output = other @ np.linalg.solve(gram, np.ones(count))
        off.append(np.abs(output - 1).max())
    assert off[0] < 0.01
    np.testing.assert_allclose(np.array(off[:-1]) / off[1:], 2.0, rtol=0.05)


def test_two_dimensions_against_a_plain_sum():
    density, spacing = Normal(scale=3.0, dim=2), 0.5
    layers = {"depth": 1, "activation": "sine"}
    found = alias_shares(density, [8.0, 1.0], Grid(spacing), **layers)
    n = np.arange(1, 40)
    series = deep_density(density, **layers, train_frequencies=False).damping.coefficients(40)[1:]
    steps = 2 * np.pi / spacing * np.arange(-12, 13)
    plane = np.stack(np.meshgrid(8.0 + steps, 1.0 + steps, indexing="ij"), axis=-1).reshape(-1, 2)
    squares = np.sum(plane**2, axis=1)[:, None]
    values = np.exp(-squares / (18 * n)) @ (series / (18 * np.pi * n))
    plain = values / values.sum()
    assert found.own == pytest.approx(plain[12 * 25 + 12], rel=1e-9)
    assert found.shares[:4] == pytest.approx(np.sort(plain)[::-1][:4], rel=1e-9)


def test_depth_zero_is_as_before_and_scales_play_no_part():
    plain = alias_shares(Normal(scale=3.0), 8.0, Grid(SPACING))
    again = alias_shares(Normal(scale=3.0), 8.0, Grid(SPACING), depth=0, sigma_a=3.0)
    np.testing.assert_array_equal(plain.shares, again.shares)
    # With hidden layers the size of the output weights says how much these learn.
    one, two = (
        alias_shares(Normal(scale=3.0), 8.0, Grid(SPACING), depth=2, sigma_a=size).own
        for size in (0.0, 2.0)
    )
    assert one < two


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_narrow_and_wide_densities(activation):
    layers = {"depth": 2, "activation": activation}
    narrow = alias_shares(Normal(scale=0.01), 0.3, Grid(SPACING), **layers)
    assert narrow.own == pytest.approx(1.0, abs=1e-2)
    wide = alias_shares(Normal(scale=1e4), 0.3, Grid(SPACING), **layers, least=1e-5)
    assert wide.shares.sum() + wide.remainder == pytest.approx(1.0, abs=1e-9)
    assert wide.shares[0] < 0.01
    far = alias_shares(Normal(scale=3.0), 1e7, Grid(SPACING), **layers)
    assert 0 <= far.own < 1e-6 < far.shares[0]


@pytest.mark.parametrize(
    ("density", "options", "match"),
    [
        (Laplace(scale=3.0), {"depth": 1}, r"known at single frequencies.*Normal about 0"),
        (Normal(loc=1.0), {"depth": 1}, r"activation=.*known at single frequencies"),
        (Empirical([1.0, 2.0]), {"depth": 2, "activation": "tanh"}, "known at single frequencies"),
        (Normal(), {"depth": -1}, "depth"),
        (Normal(), {"depth": 1, "activation": "gelu"}, "must be one of"),
        (Normal(), {"activation": "tanh"}, "without hidden layers"),
        (
            Normal(),
            {"depth": 1, "sigma_w": 0.0, "sigma_b": 1.0, "sigma_a": 0.0},
            "no mass but its atom",
        ),
        (Normal(), {"sigma_a": -1.0}, "sigma_a"),
        (Normal(scale=1e-3), {"depth": 1, "activation": "sine"}, "rho_w is zero"),
        (Normal(loc=1e8), {"depth": 1, "activation": "sine"}, r"periods 2 pi / spacing.*away"),
    ],
)
def test_refusals(density, options, match):
    with pytest.raises(ValueError, match=match):
        alias_shares(density, 1.0, Grid(SPACING), **options)
