"""Grid in one dimension: the folded equation against dense gradient flows on the samples.

A dense flow is exact but for the samples beyond its half-width; a test shows for each case what
these matter. Between the samples its error is integrated by Gauss rules on the cells of the
lattice. Without diffusion everything is a plain sum over aliases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import (
    Box,
    Grid,
    Laplace,
    Line,
    Mixture,
    Normal,
    Points,
    StudentT,
    Uniform,
    solve_frequency_pde,
)
from ntkfreq.problem.density.folded import FoldedDensity
from validation.reference.decay import decay_flow
from validation.reference.dense import dense_flow, uniform_line_spectrum
from validation.reference.kernels import KERNELS, gram, normal
from validation.reference.kinks import extrapolated
from validation.reference.nodes import (
    Errors,
    box_nodes,
    cell_nodes,
    lattice_nodes,
    points_nodes,
    transform,
)

SIGMA_A, SCALE, SPACING = 0.7, 3.0, 0.6
PERIOD = 2 * np.pi / SPACING
GENERIC = 0.17
T = np.concatenate([[0.0], np.geomspace(0.1, 1e3, 9)])
XI = np.random.default_rng(0).uniform(-2.5, 2.5, 200) * PERIOD  # five zones
X = np.random.default_rng(1).uniform(-6, 6, 40)
NORMAL = partial(normal, scale=SCALE)


def y(x):
    """Tones at 2 and at 8, above the Nyquist frequency 5.24."""
    return np.exp(-(x**2) / 8) * (np.cos(2 * x) + 0.7 * np.sin(8 * x - 0.4))


def transform_of_y(xi):
    """By hand: each tone shifts the transform sqrt(8 pi) exp(-2 xi^2) of the window."""

    def window(u):
        return np.sqrt(8 * np.pi) * np.exp(-2 * u**2)

    cosine = (window(xi - 2) + window(xi + 2)) / 2
    sine = (np.exp(-0.4j) * window(xi - 8) - np.exp(0.4j) * window(xi + 8)) / 2j
    return cosine + 0.7 * sine


def packet(x):
    """An initial output that decays."""
    return 0.5 * np.exp(-((x - 0.7) ** 2)) * np.cos(3 * x)


def fast_packet(x):
    """One whose frequencies no weight has: what is between the samples can only decay."""
    return packet(x) + 0.5 * np.exp(-(x**2)) * np.sin(26 * x)


def spiked(z):
    return 0.7 * normal(z, 6.0) + 0.3 * np.cos(7 * z[..., 0]) * normal(z, 0.06)


@dataclass(frozen=True)
class Case:
    """A density, its kernel, a lattice, and what the dense flow on it is good for.

    Tolerances hold for rtol = 1e-8 asked for: those of losses relative to the start, those of
    spectra relative to their tops.
    """

    density: object
    kernel: Callable
    origin: float = 0.0
    spacing: float = SPACING
    half_width: float = 24.0
    data_spectrum: float = 1e-8
    test_loss: float = 1e-9
    spectrum: float = 1e-8

    @property
    def grid(self):
        return Grid(self.spacing, self.origin)


STUDENT = Case(StudentT(3.0, scale=SCALE), partial(KERNELS["studentt3"], scale=SCALE))
# A kink at 0 is folded onto the reciprocal lattice, so errors have long tails in x.
LAPLACE = Case(
    Laplace(scale=SCALE),
    partial(KERNELS["laplace"], scale=SCALE),
    half_width=80.0,
    data_spectrum=5e-7,
    test_loss=1e-8,
    spectrum=2e-5,
)
# The narrow part, beyond the Nyquist frequency, reaches a hundred times as far in x.
SPIKED = Case(
    Mixture([Normal(scale=6.0), Normal(loc=7.0, scale=0.06)], [0.7, 0.3]),
    spiked,
    GENERIC,
    half_width=240.0,
    spectrum=2e-6,
)
CASES = {
    "normal": Case(Normal(scale=SCALE), NORMAL),
    "normal, halfway": Case(Normal(scale=SCALE), NORMAL, SPACING / 2),
    "normal, generic": Case(Normal(scale=SCALE), NORMAL, GENERIC),
    "normal, coarse": Case(Normal(scale=SCALE), NORMAL, 1.3, spacing=5.0, half_width=60.0),
    "off zero": Case(
        Normal(loc=4.0, scale=2.0), lambda z: np.cos(4 * z[..., 0]) * normal(z, 2.0), GENERIC
    ),
    "student": STUDENT,
    "student, generic": replace(STUDENT, origin=GENERIC),
    "cauchy": Case(StudentT(1.0, scale=SCALE), lambda z: np.exp(-SCALE * np.abs(z[..., 0]))),
    "laplace": LAPLACE,
    "laplace, generic": replace(LAPLACE, origin=GENERIC),
    "narrow part": SPIKED,
}
SMOOTH = [name for name in CASES if CASES[name].spectrum == Case.spectrum]


@lru_cache
def dense(name, widening=1.0):
    case = CASES[name]
    nodes = lattice_nodes(case.spacing, widening * case.half_width, origin=case.origin)
    return dense_flow(case.kernel, nodes, y, SIGMA_A, T)


@lru_cache
def between(name, widening=1.0, order=20):
    """Errors on cells no longer than 0.6 that cover the nodes of the dense flow."""
    case = CASES[name]
    cell = case.spacing / np.ceil(case.spacing / SPACING)
    reach = widening * case.half_width
    return dense(name, widening).on(cell_nodes(cell, reach, origin=case.origin, order=order))


@lru_cache
def spectrum_between(name, widening=1.0, order=20):
    return between(name, widening, order).spectrum(XI)


@lru_cache
def solved(name, rtol=1e-8):
    return solve_frequency_pde(
        CASES[name].density,
        y,
        measure=CASES[name].grid,
        sigma_a=SIGMA_A,
        t=T,
        frequencies=XI,
        rtol=rtol,
    )


def gap(one, other):
    """Largest difference, relative to the largest magnitude."""
    return float(np.abs(one - other).max() / np.abs(other).max())


def away(name):
    """Frequencies where the reference for the spectrum holds: a kink makes it jump at others."""
    if not name.startswith("laplace"):
        return np.ones(XI.size, bool)
    return np.abs((XI / PERIOD + 0.5) % 1 - 0.5) > 0.1


@pytest.mark.parametrize("name", CASES)
def test_samples_against_the_dense_flow(name):
    assert solved(name).status.startswith("converged")
    assert gap(solved(name).train_loss, dense(name).loss) < 1e-9
    wanted = dense(name).spectrum(XI)
    assert gap(solved(name).data_spectrum, wanted) < CASES[name].data_spectrum


@pytest.mark.parametrize("name", CASES)
def test_line_against_the_dense_flow(name):
    wanted, kept = spectrum_between(name), away(name)
    assert gap(solved(name).test_loss, between(name).loss) < CASES[name].test_loss
    assert gap(solved(name).spectrum[:, kept], wanted[:, kept]) < CASES[name].spectrum


@pytest.mark.parametrize("name", CASES)
def test_output_against_the_dense_flow(name):
    wanted = dense(name).output(X)
    assert gap(solved(name).output(X), wanted) < 1e-8
    assert gap(solved(name).error(X), wanted - y(X)) < 1e-8


@pytest.mark.parametrize("name", CASES)
def test_dense_flow_has_converged(name):
    """Half-widths of 24 leave 1e-13 in losses and spectra, and so do 20 nodes a cell."""
    case, kept = CASES[name], away(name)
    sharp = name in SMOOTH
    wide = 2.0 if case.test_loss > 1e-9 else 1.25
    assert gap(dense(name).loss, dense(name, wide).loss) < (1e-12 if sharp else 1e-10)
    assert gap(between(name).loss, between(name, wide).loss) < (
        1e-12 if sharp else case.test_loss / 2
    )
    one, other = dense(name).spectrum(XI), dense(name, wide).spectrum(XI)
    assert gap(one, other) < (1e-11 if sharp else case.data_spectrum)
    one, other = spectrum_between(name)[:, kept], spectrum_between(name, wide)[:, kept]
    assert gap(one, other) < (1e-11 if sharp else case.spectrum)
    assert gap(dense(name).output(X), dense(name, wide).output(X)) < (1e-11 if sharp else 2e-9)
    if sharp:
        finer = between(name, order=28)
        assert gap(between(name).loss, finer.loss) < 1e-12
        assert gap(spectrum_between(name), finer.spectrum(XI)) < 1e-12


def test_test_loss_of_laplace_without_its_tails():
    """What the dense flow lacks beyond the half-width is like its inverse: it extrapolates."""
    kernel = LAPLACE.kernel
    losses = []
    for reach in (150.0, 300.0):
        flow = dense_flow(kernel, lattice_nodes(SPACING, reach), y, SIGMA_A, T, parity=True)
        losses.append(flow.on(cell_nodes(SPACING, reach, order=12)).loss)
    assert gap(losses[0], losses[1]) > 1e-9
    assert gap(solved("laplace").test_loss, extrapolated(*losses, 2, 1)) < 1e-10


# --- what the equation says -----------------------------------------------------------------------


def test_undersampled_tone_is_learned_as_another():
    """N(0, 3^2), sigma_a 0.7, windowed tones at 2 and 8: train falls to 0, test rises again.

    Test errors are means over [-16, 16]: 0.083 at t = 0.5 and 0.1016 at t = 10, for ever.
    """

    def tones(x):
        return np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.sin(8 * x))

    times = np.array([0.5, 2.0, 10.0, 1e3])
    solution = solve_frequency_pde(
        Normal(scale=3.0), tones, measure=Grid(0.6), sigma_a=0.7, t=times, frequencies=XI, rtol=1e-9
    )
    samples = lattice_nodes(0.6, 24.0)
    assert len(samples.x) == 81
    flow = dense_flow(NORMAL, samples, tones, 0.7, times)
    start = float(tones(samples.x[:, 0]) ** 2 @ samples.weights)
    assert np.abs(solution.train_loss - flow.loss).max() < 1e-10 * start
    assert np.abs(solution.data_spectrum - flow.spectrum(XI)).max() < 1e-9 * np.sqrt(8 * np.pi)
    np.testing.assert_allclose(
        solution.test_loss, flow.on(cell_nodes(0.6, 24.0, order=20)).loss, rtol=1e-10
    )
    assert np.all(np.diff(solution.train_loss) < 0)
    assert solution.train_loss[2] < 1e-5 * start
    assert solution.train_loss[3] < 1e-25
    assert np.all(np.diff(solution.test_loss) > 0)
    np.testing.assert_allclose(solution.test_loss[[0, 2]] / 32, [0.083, 0.1016], atol=5e-5)


@pytest.mark.parametrize("name", ["normal", "normal, halfway", "normal, generic"])
def test_spectrum_of_samples_repeats_with_a_phase(name):
    origin = CASES[name].origin
    moved = solved(name).at(frequencies=XI + 3 * PERIOD).data_spectrum
    wanted = np.exp(-3j * PERIOD * origin) * solved(name).data_spectrum
    assert gap(moved, wanted) < 1e-11
    mirrored = solved(name).at(frequencies=-XI)
    assert gap(mirrored.data_spectrum, solved(name).data_spectrum.conj()) < 1e-11
    assert gap(mirrored.spectrum, solved(name).spectrum.conj()) < 1e-11


@pytest.mark.parametrize("name", ["laplace, generic", "off zero"])
def test_losses_are_integrals_of_the_spectra(name):
    """Parseval: a Gauss rule on panels that end where the spectrum jumps."""
    edges = np.linspace(-4.5, 4.5, 9 * 12 + 1) * PERIOD
    unit, weight = np.polynomial.legendre.leggauss(12)
    half = (edges[1] - edges[0]) / 2
    xi = ((edges[:-1] + half)[:, None] + half * unit).ravel()
    weight = np.tile(half * weight, edges.size - 1) / (2 * np.pi)
    fine = solved(name).at(frequencies=xi)
    assert gap(np.abs(fine.spectrum) ** 2 @ weight, solved(name).test_loss) < 1e-9
    zone = np.abs(xi) < PERIOD / 2
    energy = np.abs(fine.data_spectrum[:, zone]) ** 2 @ weight[zone]
    assert gap(energy, solved(name).train_loss) < 1e-9


def test_what_no_sample_sees_stays():
    solution = solve_frequency_pde(
        Normal(scale=SCALE),
        lambda x: np.exp(-(((x - 0.3) / 0.03) ** 2)),
        measure=Grid(SPACING),
        sigma_a=SIGMA_A,
        t=[0.0, 1.0, 100.0],
    )
    assert solution.status.startswith("converged")
    np.testing.assert_allclose(solution.train_loss, 0.0, atol=1e-60)
    np.testing.assert_allclose(solution.test_loss, 0.03 * np.sqrt(np.pi / 2), rtol=1e-12)


@pytest.mark.parametrize("origin", [5 * SPACING + GENERIC, GENERIC - 2 * SPACING])
def test_any_lattice_point_may_be_the_origin(origin):
    other = solve_frequency_pde(
        Normal(scale=SCALE),
        y,
        measure=Grid(SPACING, origin),
        sigma_a=SIGMA_A,
        t=T,
        frequencies=XI,
        rtol=1e-8,
    )
    assert gap(other.spectrum, solved("normal, generic").spectrum) < 1e-11
    assert gap(other.data_spectrum, solved("normal, generic").data_spectrum) < 1e-11
    assert gap(other.test_loss, solved("normal, generic").test_loss) < 1e-11


# --- without diffusion ----------------------------------------------------------------------------


def normal_pdf(w, loc=0.0, scale=SCALE):
    return np.exp(-0.5 * ((w - loc) / scale) ** 2) / np.sqrt(2 * np.pi) / scale


def student_pdf(w):
    return 2 / (np.pi * np.sqrt(3) * SCALE) / (1 + (w / SCALE) ** 2 / 3) ** 2


def box_pdf(w, loc, half):
    return (np.abs(w - loc) <= half) / (2 * half)


def even(pdf):
    return lambda w: (pdf(w) + pdf(-w)) / 2


# Density, its even part by formula, where that jumps.
FROZEN = {
    "normal": (Normal(loc=1.0, scale=SCALE), even(partial(normal_pdf, loc=1.0)), []),
    "laplace": (Laplace(scale=SCALE), lambda w: np.exp(-np.abs(w) / SCALE) / (2 * SCALE), []),
    "student": (StudentT(3.0, scale=SCALE), student_pdf, []),
    "uniform": (Uniform(scale=8.0), partial(box_pdf, loc=0.0, half=8.0), [8.0]),
    "uniform, off zero": (
        Uniform(loc=2.0, scale=14.0), even(partial(box_pdf, loc=2.0, half=14.0)), [12.0, 16.0],
    ),
    "narrow part": (
        SPIKED.density,
        lambda w: (
            0.7 * normal_pdf(w, scale=6.0)
            + 0.15 * (normal_pdf(w, 7.0, 0.06) + normal_pdf(w, -7.0, 0.06))
        ),
        [],
    ),
}  # fmt: skip
T_FROZEN = np.array([0.0, 0.3, 3.0, 1e4])
ALIASES = PERIOD * np.arange(-3000, 3001)


def frozen(name, origin, xi, folded):
    """Data spectrum and spectrum: each frequency decays at the folded rate, and is shared out."""
    samples = lattice_nodes(SPACING, 24.0, origin=origin)
    seen = -transform(samples, y(samples.x[:, 0])[None], xi)[0]
    factor = np.exp(-2 * np.pi * np.multiply.outer(T_FROZEN, folded))
    share = FROZEN[name][1](xi) / folded
    return seen * factor, share * seen * (factor - 1) - transform_of_y(xi)


def plain_fold(name, xi):
    return np.array([FROZEN[name][1](one + ALIASES).sum() for one in xi])


@lru_cache
def zone_rule(name):
    """Gauss rule on the zone with an edge wherever the folded density jumps; that density."""
    jumps = np.array([0.0, *FROZEN[name][2]])
    jumps = (np.concatenate([jumps, -jumps]) / PERIOD + 0.5) % 1 - 0.5
    edges = np.unique(np.concatenate([np.linspace(-0.5, 0.5, 101), jumps])) * PERIOD
    unit, weight = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    nodes = (edges[:-1, None] + half + half * unit).ravel()
    return nodes, (half * weight).ravel() / (2 * np.pi), plain_fold(name, nodes)


@lru_cache
def solved_frozen(name, origin):
    return solve_frequency_pde(
        FROZEN[name][0],
        y,
        measure=Grid(SPACING, origin),
        sigma_a=0.0,
        t=T_FROZEN,
        frequencies=XI,
        rtol=1e-8,
    )


@pytest.mark.parametrize("origin", [0.0, SPACING / 2, GENERIC])
@pytest.mark.parametrize("name", FROZEN)
def test_frozen_frequencies_share_among_aliases(name, origin):
    """At t = 1e4 the shares of the folded target are rho(xi + g) over the folded density."""
    solution = solved_frozen(name, origin)
    assert solution.status.startswith("converged")
    data, whole = frozen(name, origin, XI, plain_fold(name, XI))
    # The root mean square is what rtol bounds; the largest error is larger where it is narrow.
    tolerance = 5e-8 if name == "narrow part" else 1e-8
    assert gap(solution.data_spectrum, data) < tolerance
    assert gap(solution.spectrum, whole) < tolerance
    share = FROZEN[name][1](XI) / plain_fold(name, XI)
    assert gap(solution.spectrum[-1] + transform_of_y(XI), -share * data[0]) < tolerance


@pytest.mark.parametrize("name", FROZEN)
def test_losses_without_diffusion(name):
    nodes, weights, folded = zone_rule(name)
    train = np.abs(frozen(name, GENERIC, nodes, folded)[0]) ** 2 @ weights
    test = sum(
        np.abs(frozen(name, GENERIC, nodes + turn * PERIOD, folded)[1]) ** 2 @ weights
        for turn in range(-12, 13)
    )
    assert gap(solved_frozen(name, GENERIC).train_loss, train) < 1e-9
    assert gap(solved_frozen(name, GENERIC).test_loss, test) < 1e-9


@pytest.mark.parametrize("name", [name for name in FROZEN if name != "student"])
def test_output_without_diffusion(name):
    """The transform of what was learned, over the 25 zones within which these densities end."""
    nodes, weights, folded = zone_rule(name)
    output = np.zeros((T_FROZEN.size, X.size))
    for turn in range(-12, 13):
        xi = nodes + turn * PERIOD
        learned = frozen(name, GENERIC, xi, folded)[1] + transform_of_y(xi)
        output += ((learned * weights) @ np.exp(1j * np.outer(xi, X))).real
    assert gap(solved_frozen(name, GENERIC).output(X), output) < 1e-8


@pytest.mark.parametrize("name", ["normal", "laplace", "student", "uniform, off zero"])
def test_folded_density_against_plain_sums(name):
    density, pdf, _ = FROZEN[name]
    fold = FoldedDensity(density, SPACING)
    xi = np.random.default_rng(3).uniform(-0.5, 0.5, 30) * PERIOD
    at = xi[:, None] + ALIASES
    value, slope = pdf(at), (pdf(at + 1e-5) - pdf(at - 1e-5)) / 2e-5
    sums = fold.sums(xi)
    np.testing.assert_allclose(sums.density, value.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(fold.pdf(xi + 5 * PERIOD), value.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(sums.square, (value**2).sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(sums.slope, slope.sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(sums.cross, (value * slope).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(sums.slope_square, (slope**2).sum(axis=1), atol=1e-9)


def test_folded_cauchy_in_closed_form():
    """Poisson's sum of exp(-s |x|); a thousand aliases on each side would leave 1e-4 of it."""
    fold = FoldedDensity(StudentT(1.0, scale=SCALE), SPACING)
    xi = np.linspace(-0.5, 0.5, 21) * PERIOD
    a, b = SPACING * SCALE, SPACING * xi
    closed = np.sinh(a) / (np.cosh(a) - np.cos(b)) / PERIOD
    slope = -SPACING * closed * np.sin(b) / (np.cosh(a) - np.cos(b))
    np.testing.assert_allclose(fold.pdf(xi), closed, rtol=1e-12)
    sums = fold.sums(xi)
    np.testing.assert_allclose(sums.density, closed, rtol=1e-12)
    np.testing.assert_allclose(sums.slope, slope, atol=1e-12)


# --- jumps of the density, with diffusion ---------------------------------------------------------


def test_jump_that_is_aliased():
    """Refused on the whole line; on a box against half-widths 150 and 300, extrapolated."""
    settings = {"measure": Grid(SPACING), "sigma_a": SIGMA_A, "t": T[1:], "rtol": 1e-8}
    with pytest.raises(ValueError, match=r"jumps at \|frequency\| 8, .*; pass test=Box"):
        solve_frequency_pde(Uniform(scale=8.0), y, **settings)
    solution = solve_frequency_pde(Uniform(scale=8.0), y, test=Box(-2.0, 2.0), **settings)
    assert solution.status.startswith("converged")
    kernel, rule = partial(KERNELS["uniform"], scale=8.0), box_nodes(60, -2.0, 2.0)
    flows = [
        dense_flow(kernel, lattice_nodes(SPACING, reach), y, SIGMA_A, T[1:], parity=True)
        for reach in (150.0, 300.0)
    ]
    train = extrapolated(*(flow.loss for flow in flows), 2, 1)
    test = extrapolated(*(flow.on(rule).loss for flow in flows), 2, 1)
    assert gap(solution.train_loss, train) < 1e-6
    assert gap(solution.test_loss, test) < 1e-6


def test_uniform_density_within_the_zone():
    """Heat on the support, no flux at its edge, nothing beyond: no alias takes part."""
    half, times = 4.0, np.array([0.05, 0.3, 2.0])
    samples = lattice_nodes(SPACING, 24.0, origin=GENERIC)
    solution = solve_frequency_pde(
        Uniform(scale=half),
        y,
        measure=Grid(SPACING, GENERIC),
        sigma_a=SIGMA_A,
        t=times,
        frequencies=XI,
        rtol=1e-9,
    )
    assert solution.status.startswith("converged")

    def seen(xi):
        return -transform(samples, y(samples.x[:, 0])[None], xi)[0]

    zone = XI[np.abs(XI) < PERIOD / 2]
    exact = uniform_line_spectrum(seen, SIGMA_A, half, times, zone)
    inside = np.abs(XI) < PERIOD / 2
    assert gap(solution.data_spectrum[:, inside], exact) < 1e-8
    learned = np.zeros_like(solution.spectrum)
    learned[:, inside] = exact - seen(zone)
    assert gap(solution.spectrum, learned - transform_of_y(XI)) < 1e-8


# --- initial output, decay ------------------------------------------------------------------------


# Origin, rates of decay of the output weights and of the frequencies, initial output.
MOVING = {
    "initial output": (GENERIC, 0.0, 0.0, packet),
    "initial output, halfway": (SPACING / 2, 0.0, 0.0, packet),
    "output weights": (0.0, 0.05, 0.0, None),
    "both, halfway": (SPACING / 2, 0.05, 0.1, packet),
    "both, generic": (GENERIC, 0.05, 0.02, packet),
    "frequencies, generic": (GENERIC, 0.0, 0.1, None),
    "fast initial output": (GENERIC, 0.05, 0.0, fast_packet),
}
T_MOVING = np.array([0.0, 0.1, 1.0, 5.0, 30.0])


@lru_cache
def dense_moving(name, half_width=13.2):
    origin, weight, frequency, first = MOVING[name]
    nodes = lattice_nodes(SPACING, half_width, origin=origin)
    if not weight and not frequency:
        return dense_flow(NORMAL, nodes, y, SIGMA_A, T_MOVING, f0=first)
    rates = {"gamma_a": weight, "gamma_w": frequency, "towards": "start"}
    return decay_flow(NORMAL, nodes, y, SIGMA_A, T_MOVING, f0=first, **rates)


@lru_cache
def solved_moving(name):
    origin, weight, frequency, first = MOVING[name]
    return solve_frequency_pde(
        Normal(scale=SCALE),
        y,
        measure=Grid(SPACING, origin),
        sigma_a=SIGMA_A,
        t=T_MOVING,
        frequencies=XI,
        weight_decay=weight,
        frequency_decay=frequency,
        decay_towards="start",
        initial_output=first,
        rtol=1e-8,
    )


def between_moving(name, half_width=13.2):
    cells = cell_nodes(SPACING, half_width, origin=MOVING[name][0], order=32)
    return dense_moving(name, half_width).on(cells)


@pytest.mark.parametrize("name", MOVING)
def test_decay_and_initial_output_against_the_dense_flow(name):
    solution, flow, whole = solved_moving(name), dense_moving(name), between_moving(name)
    assert solution.status.startswith("converged")
    assert gap(solution.train_loss, flow.loss) < 2e-9
    assert gap(solution.test_loss, whole.loss) < 2e-9
    assert gap(solution.data_spectrum, flow.spectrum(XI)) < 1e-8
    assert gap(solution.spectrum, whole.spectrum(XI)) < 1e-8
    assert gap(solution.output(X), flow.output(X)) < 1e-8


@pytest.mark.parametrize("name", MOVING)
def test_dense_flow_with_decay_has_converged(name):
    one, other = dense_moving(name), dense_moving(name, 15.6)
    assert gap(one.loss, other.loss) < 1e-10
    assert gap(one.spectrum(XI), other.spectrum(XI)) < 2e-9
    assert gap(one.output(X), other.output(X)) < 1e-9
    one, other = between_moving(name), between_moving(name, 15.6)
    assert gap(one.loss, other.loss) < 1e-10
    assert gap(one.spectrum(XI), other.spectrum(XI)) < 2e-9


def test_decay_of_the_output_weights_ends_in_a_ridge():
    """f(xi) = 2 pi rho / (2 pi rho_fold + gamma) times what is seen, whatever moved before."""
    solution = solve_frequency_pde(
        Normal(scale=SCALE),
        y,
        measure=Grid(SPACING, GENERIC),
        sigma_a=SIGMA_A,
        t=[0.0, 700.0],
        frequencies=XI,
        weight_decay=0.05,
        initial_output=packet,
        rtol=1e-8,
    )
    folded = normal_pdf(XI[:, None] + PERIOD * np.arange(-8, 9)).sum(axis=1)
    samples = lattice_nodes(SPACING, 24.0, origin=GENERIC)
    seen = transform(samples, y(samples.x[:, 0])[None], XI)[0]
    ridge = 2 * np.pi * normal_pdf(XI) / (2 * np.pi * folded + 0.05) * seen
    assert gap(solution.spectrum[1], ridge - transform_of_y(XI)) < 1e-8


# --- finite steps ---------------------------------------------------------------------------------

# Step size, momentum, Nesterov or not, half-width within which steps are stable.
OPTIMIZERS = {
    "descent": (0.01, 0.0, False, 15.6),
    "large steps": (0.02, 0.0, False, 12.6),
    "heavy ball": (0.01, 0.9, False, 15.6),
    "nesterov": (0.005, 0.9, True, 15.6),
}
STEPS = [0, 1, 3, 10, 100, 500]


def descent(name, origin, share=1.0):
    """Errors on the samples after these steps, by a plain loop in the manner of torch's SGD."""
    step, momentum, nesterov, half_width = OPTIMIZERS[name]
    nodes = lattice_nodes(SPACING, share * half_width, origin=origin)
    matrix = gram(NORMAL, nodes.x, nodes.x, SIGMA_A) * nodes.weights
    error = -y(nodes.x[:, 0])
    velocity, kept = np.zeros_like(error), []
    for k in range(STEPS[-1] + 1):
        if k in STEPS:
            kept.append(error)
        gradient = matrix @ error
        velocity = momentum * velocity + gradient
        error = error - step * (gradient + momentum * velocity if nesterov else velocity)
    return Errors(nodes, np.array(kept))


@pytest.mark.parametrize("origin", [0.0, GENERIC])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_against_a_loop_on_the_samples(name, origin):
    """Far out on the lattice steps would be unstable, but nothing is there."""
    step, momentum, nesterov, _ = OPTIMIZERS[name]
    solution = solve_frequency_pde(
        Normal(scale=SCALE),
        y,
        measure=Grid(SPACING, origin),
        sigma_a=SIGMA_A,
        t=step * np.array(STEPS),
        frequencies=XI,
        step_size=step,
        momentum=momentum,
        nesterov=nesterov,
        rtol=1e-8,
    )
    assert solution.status.startswith("converged")
    loop, narrower = descent(name, origin), descent(name, origin, 0.9)
    assert gap(narrower.loss, loop.loss) < 1e-12
    assert gap(solution.train_loss, loop.loss) < 1e-9
    assert gap(narrower.spectrum(XI), loop.spectrum(XI)) < 1e-7
    assert gap(solution.data_spectrum, loop.spectrum(XI)) < 1e-7


# --- fine lattices, test sets, tolerance ----------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "spacing"), [(Normal(scale=SCALE), 0.1), (Laplace(scale=SCALE), 0.05)]
)
def test_fine_lattice_is_line(density, spacing):
    settings = {"sigma_a": SIGMA_A, "t": T[:7], "frequencies": XI, "rtol": 1e-8}
    line = solve_frequency_pde(density, y, **settings)
    grid = solve_frequency_pde(density, y, measure=Grid(spacing, 0.03), **settings)
    np.testing.assert_allclose(grid.train_loss, line.train_loss, rtol=2e-9)
    np.testing.assert_allclose(grid.test_loss, line.test_loss, rtol=2e-9)
    assert gap(grid.spectrum, line.spectrum) < 1e-8
    assert gap(grid.output(X), line.output(X)) < 1e-8


def on_test(test):
    return solve_frequency_pde(
        Normal(scale=SCALE),
        y,
        measure=Grid(SPACING, GENERIC),
        sigma_a=SIGMA_A,
        t=T,
        frequencies=XI,
        test=test,
        rtol=1e-8,
    )


NEAR = X[:12]
TEST_SETS = {
    "box": (Box(-3.0, 2.0), box_nodes(120, -3.0, 2.0), None),
    "box with little in it": (Box(4.0, 9.0), box_nodes(120, 4.0, 9.0), None),
    "points": (
        Points(NEAR, np.arange(1.0, 13.0)), points_nodes(NEAR, np.arange(1.0, 13.0)), None,
    ),
    "pair": ((NEAR, np.sin(NEAR)), points_nodes(NEAR), np.sin(NEAR)),
}  # fmt: skip


@pytest.mark.parametrize("name", TEST_SETS)
def test_other_test_sets(name):
    test, rule, given = TEST_SETS[name]
    solution = on_test(test)
    assert solution.status.startswith("converged")
    goal = y(rule.x[:, 0]) if given is None else given
    wanted = Errors(rule, dense("normal, generic").output(rule.x) - goal)
    assert gap(solution.test_loss, wanted.loss) < 1e-8
    assert gap(solution.spectrum, wanted.spectrum(XI)) < 1e-8
    np.testing.assert_array_equal(solution.train_loss, solved("normal, generic").train_loss)


def test_line_is_the_default_test_measure():
    np.testing.assert_array_equal(on_test(Line()).test_loss, on_test(None).test_loss)
    np.testing.assert_array_equal(on_test(Line()).spectrum, on_test(None).spectrum)
    samples = on_test(Grid(SPACING, GENERIC))
    np.testing.assert_array_equal(samples.test_loss, samples.train_loss)
    np.testing.assert_array_equal(samples.spectrum, samples.data_spectrum)


@lru_cache
def band():
    """Frequencies of a trapezoid rule for norms: errors end within |x| = 60."""
    count = int(np.ceil(PERIOD / 0.05))
    return (np.arange(5 * count) / count - 2.5) * PERIOD


@lru_cache
def wanted_in(name):
    return dense(name).spectrum(band()), between(name).spectrum(band())


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("name", SMOOTH)
def test_true_error_is_below_the_tolerance(name, rtol):
    """In the norm of rtol: root mean squares over frequencies, relative to the start."""
    solution = solved(name, rtol)
    assert solution.status.startswith("converged: estimated error")
    assert solution.stats["estimated_error"] < rtol
    fine = solution.at(frequencies=band())
    for found, wanted in zip((fine.data_spectrum, fine.spectrum), wanted_in(name), strict=True):
        error = np.linalg.norm(found - wanted, axis=1).max()
        assert error < rtol * np.linalg.norm(wanted[0])


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_true_error_of_a_narrow_part_is_below_the_tolerance(rtol):
    solution = solved("narrow part", rtol)
    assert solution.status.startswith("converged: estimated error")
    zone = (np.arange(1000) / 1000 - 0.5) * PERIOD
    wanted = dense("narrow part").spectrum(zone)
    error = np.linalg.norm(solution.at(frequencies=zone).data_spectrum - wanted, axis=1).max()
    assert error < rtol * np.linalg.norm(wanted[0])


@pytest.mark.parametrize("name", [name for name in CASES if name != "normal, coarse"])
def test_tolerance_costs_unknowns(name):
    """Where there is anything to resolve: the coarse lattice has a small zone."""
    stats = [solved(name, rtol).stats for rtol in (1e-4, 1e-8, 1e-11)]
    unknowns = [one["unknowns"] for one in stats]
    assert unknowns[0] < unknowns[1] < unknowns[2]
    errors = [one["estimated_error"] for one in stats]
    assert errors[0] > errors[1] > errors[2] > 0
    assert stats[0]["method"].endswith("on a Brillouin zone")
    assert stats[0]["nyquist"] == pytest.approx(np.pi / CASES[name].spacing)


def test_same_solution_at_other_times():
    solution = solved("normal, generic")
    again = solution.at(t=T[[2, 5]])
    np.testing.assert_allclose(again.test_loss, solution.test_loss[[2, 5]], rtol=1e-12)
    assert gap(again.spectrum, solution.spectrum[[2, 5]]) < 1e-12
    assert gap(again.output(X), solution.output(X)[[2, 5]]) < 1e-12
    with pytest.raises(ValueError, match="beyond 1000, to which the solution was fitted"):
        solution.at(t=[0.0, 2e3])
    steps = 0.01 * np.array(STEPS)
    loop = descent("descent", GENERIC)
    assert gap(solution.at(t=steps, step_size=0.01).train_loss, loop.loss) < 1e-9


def test_zero_target_stays_at_zero():
    solution = solve_frequency_pde(Normal(scale=3.0), lambda x: 0.0, measure=Grid(0.6), t=[0, 1.0])
    np.testing.assert_array_equal(solution.train_loss, 0.0)
    np.testing.assert_array_equal(solution.test_loss, 0.0)


def test_output_is_accurate_far_from_the_data():
    """Where the function has long decayed: the memories times x there would lose three digits."""

    def narrow(x):
        return np.exp(-(x**2) / 0.67) * (np.cos(2.9 * x + 1) + 0.7 * np.sin(7.5 * x + 2))

    density = Mixture([Normal(scale=1.86), Normal(loc=3.0, scale=0.23)], [0.6, 0.4])
    x = np.linspace(-250, 250, 4001)
    options = {"measure": Grid(0.45, 0.225), "sigma_a": 0.7, "t": [0.3, 3.0, 30.0, 300.0]}
    rough, fine = (
        solve_frequency_pde(density, narrow, rtol=rtol, **options).output(x)
        for rtol in (1e-6, 1e-9)
    )
    size = np.sqrt(np.sum(narrow(x) ** 2))
    assert np.sqrt(np.sum((rough - fine) ** 2, axis=1)).max() < 1e-6 * size


def test_front_in_the_tail_of_the_density_is_resolved():
    """At long times a front stands where the density is small; its series dips there by chance."""

    def tone(x):
        window = np.exp(-(x**2) / 2.6)
        return window * (np.cos(3.7 * x + 0.38) + 0.7 * np.sin(3.7 * x + 1.7))

    xi = np.linspace(0.0, np.pi / 0.35, 1500)
    rough, fine = (
        solve_frequency_pde(
            Normal(scale=1.25), tone, measure=Grid(0.35), sigma_a=0.2, t=[0.0, 1e4],
            frequencies=xi, rtol=rtol,
        ).data_spectrum
        for rtol in (1e-6, 1e-9)
    )  # fmt: skip
    assert np.linalg.norm(rough[1] - fine[1]) < 1e-6 * np.linalg.norm(fine[0])


def test_layers_that_thin_out_under_decay_are_resolved():
    """Decay of the output weights switches diffusion off: late layers at a kink are thinner."""

    def tones(x):
        first = 0.89 * np.exp(-((x + 0.89) ** 2) / 3.4) * np.cos(3.76 * x + 1.6)
        return first + 0.45 * np.exp(-((x + 0.82) ** 2) / 2) * np.cos(1.3 * x + 0.5)

    xi = np.concatenate([np.linspace(0.0, 0.1, 400), np.linspace(0.1, np.pi, 800)])
    rough, fine = (
        solve_frequency_pde(
            Laplace(scale=1.55), tones, measure=Grid(1.0), sigma_a=0.208, weight_decay=0.227,
            t=[0.0, 4.6, 17.8], frequencies=xi, rtol=rtol,
        ).data_spectrum
        for rtol in (1e-7, 1e-9)
    )  # fmt: skip
    weights = np.gradient(xi)
    gap = np.sqrt(np.abs(rough - fine) ** 2 @ weights)
    assert np.all(gap < 1e-7 * np.sqrt(np.abs(fine[0]) ** 2 @ weights))
