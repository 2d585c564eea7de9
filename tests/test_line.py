"""Line: finite elements in frequency against dense gradient flows in x.

Every dense reference states the half-width D of its domain and its spacing h, and a test shows
that it has converged in both to less than the tolerance it is used for.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest
from scipy import linalg

from ntkfreq import (
    FrequencyEquation,
    Laplace,
    Line,
    Mixture,
    Normal,
    StudentT,
    Target,
    Uniform,
    solve_frequency_pde,
)
from ntkfreq.pde.elements.mesh import FrequencyMesh
from ntkfreq.pde.line.system import LineSystem
from validation.reference.dense import line_flow, uniform_line_spectrum
from validation.reference.kernels import KERNELS, normal

SIGMA_A, SCALE = 0.7, 3.0
T = np.array([0.1, 1.0, 10.0, 100.0])
XI = np.linspace(-15, 15, 241)
# Density, half-width D, spacing h, tolerance relative to the largest initial magnitude.
CASES = {
    "normal": (Normal(scale=SCALE), 16.0, 0.06, 1e-7),
    "studentt3": (StudentT(3.0, scale=SCALE), 10.0, 0.015, 1e-7),
    "laplace": (Laplace(scale=SCALE), 40.0, 0.04, 1e-5),
}


def y(x):
    return np.exp(-(x**2) / 4) * (np.cos(2 * x) + 0.7 * np.sin(6 * x - 0.4))


def transform_of_y(xi):
    """By hand: each tone shifts the transform 2 sqrt(pi) exp(-xi^2) of the window."""

    def window(u):
        return 2 * np.sqrt(np.pi) * np.exp(-(u**2))

    cosine = (window(xi - 2) + window(xi + 2)) / 2
    sine = (np.exp(-0.4j) * window(xi - 6) - np.exp(0.4j) * window(xi + 6)) / 2j
    return cosine + 0.7 * sine


TOP = float(np.abs(transform_of_y(XI)).max())


@lru_cache
def dense(name, half_width=None, spacing=None):
    _, default_width, default_spacing, _ = CASES[name]
    return line_flow(
        partial(KERNELS[name], scale=SCALE),
        y,
        SIGMA_A,
        T,
        half_width=half_width or default_width,
        spacing=spacing or default_spacing,
    )


@lru_cache
def solved(name):
    return solve_frequency_pde(CASES[name][0], y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-8)


def gap(one, other):
    """Largest difference of spectra (T, F), relative to the largest initial magnitude."""
    return float(np.abs(one - other).max() / TOP)


@pytest.mark.parametrize("name", CASES)
def test_spectrum_is_that_of_the_dense_flow(name):
    assert solved(name).status.startswith("converged")
    assert gap(solved(name).spectrum, dense(name).spectrum(XI)) < CASES[name][3]


@pytest.mark.parametrize("name", CASES)
def test_loss_is_that_of_the_dense_flow(name):
    initial = dense(name).initial ** 2 @ dense(name).nodes.weights
    assert np.abs(solved(name).train_loss - dense(name).loss).max() < CASES[name][3] * initial
    np.testing.assert_array_equal(solved(name).test_loss, solved(name).train_loss)


@pytest.mark.parametrize("name", CASES)
def test_output_is_that_of_the_dense_flow(name):
    """At the grid points within |x| <= 8 (the dense f = y + e holds at its own points only)."""
    x = dense(name).x
    near = np.abs(x) <= 8
    flow = y(x[near]) + dense(name).errors[:, near]
    assert np.abs(solved(name).output(x[near]) - flow).max() < CASES[name][3]
    assert np.abs(solved(name).error(x[near]) - dense(name).errors[:, near]).max() < CASES[name][3]


def test_reference_for_normal_has_converged():
    """Smooth and fast decaying: another domain and another spacing change less than 1e-8."""
    spectrum = dense("normal").spectrum(XI)
    assert gap(dense("normal", 12.0).spectrum(XI), spectrum) < 1e-8
    assert gap(dense("normal", spacing=0.08).spectrum(XI), spectrum) < 1e-8


def test_reference_for_student_converges_with_the_fourth_power_of_its_spacing():
    """The kink of its kernel at 0 costs h^4: error 9e-7 at h = 0.03, 6e-8 at 0.015.

    The difference of the two is 15/16 of the coarse error: 15 times the fine one.
    """
    fine = dense("studentt3").spectrum(XI)
    coarse = dense("studentt3", spacing=0.03).spectrum(XI)
    assert gap(fine, coarse) / 15 < 6e-8
    truth = solved("studentt3").spectrum
    ratio = np.abs(coarse - truth).max() / np.abs(fine - truth).max()
    assert ratio == pytest.approx(16, abs=0.5)
    extrapolated = fine + (fine - coarse) / 15
    assert gap(extrapolated, truth) < 1e-8
    assert gap(dense("studentt3", 8.0).spectrum(XI), fine) < 2e-8


def test_reference_for_laplace_is_limited_by_its_domain():
    """The error decays like |x|^-3: widening D from 24 to 40 gains (5/3)^3 = 4.6, h nothing."""
    wide = dense("laplace").spectrum(XI)
    truth = solved("laplace").spectrum
    ratio = gap(dense("laplace", 24.0).spectrum(XI), truth) / gap(wide, truth)
    assert 3.5 < ratio < 6
    assert gap(dense("laplace", spacing=0.05).spectrum(XI), wide) < 1e-8


def test_theory_section_2():
    """N(0, 3^2), sigma_a 0.7, windowed tones at 2 and 6: 1e-9 of the initial error."""
    times = [0.0, 0.5, 2.0, 10.0, 100.0]

    def tones(x):
        return np.exp(-(x**2) / 8) * (np.cos(2 * x) + np.cos(6 * x))

    solution = solve_frequency_pde(
        Normal(scale=3.0), tones, sigma_a=0.7, t=times, frequencies=XI, rtol=1e-10
    )
    kernel = partial(KERNELS["normal"], scale=3.0)
    flow = line_flow(kernel, tones, 0.7, times, half_width=24.0, spacing=0.06)
    spectrum = flow.spectrum(XI)
    top = np.abs(spectrum[0]).max()
    assert np.abs(solution.spectrum - spectrum).max() < 1e-9 * top
    other = line_flow(kernel, tones, 0.7, times, half_width=20.0, spacing=0.07).spectrum(XI)
    assert np.abs(other - spectrum).max() < 1e-9 * top


def test_uniform_density_is_the_cosine_series():
    """Scale 5: an eigenfunction expansion on the support, no flux at its edge.

    The dense flow in x is no reference here: its error decays like 1/|x|.
    """
    xi = np.concatenate([XI, [-5.0001, -4.9999, 4.9999, 5.0001]])
    solution = solve_frequency_pde(
        Uniform(scale=5.0), y, sigma_a=SIGMA_A, t=T, frequencies=xi, rtol=1e-8
    )
    series = uniform_line_spectrum(lambda u: -transform_of_y(u), SIGMA_A, 5.0, T, xi)
    assert np.abs(solution.spectrum - series).max() < 1e-7 * TOP
    outside = np.abs(xi) > 5
    np.testing.assert_allclose(
        solution.spectrum[-1, outside], -transform_of_y(xi[outside]), atol=1e-11 * TOP
    )


def test_shifted_normal():
    """Location 4: only the even part counts, whose kernel is cos(4 z) exp(-2 z^2)."""
    solution = solve_frequency_pde(
        Normal(loc=4.0, scale=2.0), y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-8
    )

    def kernel(z):
        return np.cos(4.0 * z[..., 0]) * normal(z, 2.0)

    def spectrum(half_width, spacing):
        flow = line_flow(kernel, y, SIGMA_A, T, half_width=half_width, spacing=spacing)
        return flow.spectrum(XI)

    assert gap(solution.spectrum, spectrum(16.0, 0.06)) < 1e-7
    assert gap(spectrum(14.0, 0.07), spectrum(16.0, 0.06)) < 1e-8


def test_mixture_of_normals():
    """Two scales: domain and spacing serve the wider kernel and the wider density."""
    rho = Mixture([Normal(scale=1.5), Normal(scale=5.0)], [0.3, 0.7])
    solution = solve_frequency_pde(rho, y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-8)

    def kernel(z):
        return 0.3 * normal(z, 1.5) + 0.7 * normal(z, 5.0)

    def spectrum(half_width, spacing):
        flow = line_flow(kernel, y, SIGMA_A, T, half_width=half_width, spacing=spacing)
        return flow.spectrum(XI)

    assert gap(solution.spectrum, spectrum(24.0, 0.06)) < 1e-7
    assert gap(spectrum(20.0, 0.07), spectrum(24.0, 0.06)) < 1e-8


@pytest.mark.parametrize(
    "rho", [Normal(scale=3.0), Laplace(scale=3.0), Uniform(scale=5.0), StudentT(3.0, scale=3.0)]
)
def test_without_diffusion_each_frequency_decays_alone(rho):
    """sigma_a = 0: exp(-2 pi rho t), with the even part of rho."""
    times = np.array([0.0, 0.5, 3.0, 30.0])
    solution = solve_frequency_pde(
        rho, y, sigma_a=0.0, t=times, frequencies=XI, rtol=1e-10, measure=Line()
    )
    closed = -transform_of_y(XI) * np.exp(-2 * np.pi * np.outer(times, rho.even_pdf(XI)))
    assert gap(solution.spectrum, closed) < 1e-9


def test_gradient_descent_is_the_power_of_the_step():
    """h = 0.06, D = 16: (1 - eta lambda)^n on the grid against the same on the elements."""
    limit = solved("normal").max_step_size
    eta = 0.02
    assert eta < limit
    times = eta * np.array([0, 1, 7, 50, 500, 5000])
    kernel = partial(KERNELS["normal"], scale=SCALE)
    flow = line_flow(kernel, y, SIGMA_A, times, half_width=16.0, spacing=0.06, step_size=eta)
    solution = solved("normal").at(t=times, step_size=eta)
    assert gap(solution.spectrum, flow.spectrum(XI)) < 1e-7
    np.testing.assert_allclose(solution.train_loss, flow.loss, atol=1e-7 * flow.loss[0])
    # It is not the flow: the fastest modes, where eta lambda is largest, differ.
    assert gap(solution.spectrum, solved("normal").at(t=times).spectrum) > 1e-3


def test_initial_output_that_decays():
    def first(x):
        return 0.8 * np.exp(-((x - 1) ** 2)) * np.cos(4 * x)

    solution = solve_frequency_pde(
        Normal(scale=SCALE), y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-8,
        initial_output=first,
    )  # fmt: skip
    kernel = partial(KERNELS["normal"], scale=SCALE)
    flow = line_flow(kernel, y, SIGMA_A, T, half_width=16.0, spacing=0.06, f0=first)
    assert gap(solution.spectrum, flow.spectrum(XI)) < 1e-7
    near = np.abs(flow.x) <= 8
    dense_output = y(flow.x[near]) + flow.errors[:, near]
    assert np.abs(solution.output(flow.x[near]) - dense_output).max() < 1e-7


def test_initial_output_that_vanishes_to_rounding_counts_as_none():
    """A network of mirrored pairs is zero only up to rounding, and does not decay."""
    plain = solved("normal")
    solution = solve_frequency_pde(
        Normal(scale=SCALE), y, sigma_a=SIGMA_A, t=T, frequencies=XI, rtol=1e-8,
        initial_output=lambda x: 1e-16 * np.cos(x),
    )  # fmt: skip
    np.testing.assert_array_equal(solution.spectrum, plain.spectrum)


def test_jump_of_the_target_is_met_at_its_kinks():
    """The indicator of [-1, 1], transform 2 sin(xi)/xi; without diffusion in closed form."""
    step = Target.from_function(lambda x: np.ones_like(x), support=(-1, 1), kinks=(-1, 1))
    solution = solve_frequency_pde(
        Normal(scale=3.0), step, sigma_a=0.0, t=[0.0, 2.0], frequencies=XI, rtol=1e-8
    )
    transform = 2 * np.sinc(XI / np.pi)
    density = np.exp(-(XI**2) / 18) / np.sqrt(18 * np.pi)
    closed = -transform * np.exp(-2 * np.pi * np.outer([0.0, 2.0], density))
    assert np.abs(solution.spectrum - closed).max() < 1e-8 * 2
    assert solution.train_loss[0] == pytest.approx(2.0, abs=1e-12)


def test_scaling_of_the_problem():
    """Frequencies s times higher, x and times s times ... : one solution, two units of length.

    With x = X/s, rho(xi) = rho'(xi/s)/s, sigma_a = sigma'_a s: spectra are 1/s of each other and
    the clock runs s times slower.
    """
    s = 100.0
    scaled = solve_frequency_pde(
        Normal(scale=SCALE * s), lambda x: y(s * x), sigma_a=SIGMA_A * s, t=T * s,
        frequencies=XI * s, rtol=1e-8,
    )  # fmt: skip
    assert gap(scaled.spectrum * s, solved("normal").spectrum) < 1e-7


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_frequencies_are_read_like_many(count):
    """The elements' library keeps basis values by the number of points: none may be reused."""
    xi = np.array([0.3, -2.1, 6.0, 7.7])[:count]
    solution = solved("normal").at(frequencies=xi)
    expected = solved("normal").at(frequencies=np.concatenate([xi, XI])).spectrum[:, :count]
    np.testing.assert_allclose(solution.spectrum, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        solved("normal").output(xi), solved("normal").output(np.tile(xi, 3))[:, :count], atol=1e-13
    )


def test_target_that_is_zero_stays_learned():
    solution = solve_frequency_pde(Normal(scale=3.0), lambda x: 0.0, t=[0.0, 1.0])
    assert np.all(solution.train_loss == 0)
    assert np.all(solution.spectrum == 0)


@pytest.mark.parametrize("degree", [1, 2, 8])
def test_matrices_are_those_of_a_finite_element_library(degree):
    """The same space spanned by another basis: the eigenvalues of the matrix pair agree."""
    skfem = pytest.importorskip("skfem")
    from skfem.helpers import d, dot

    density = Laplace(scale=SCALE)
    equation = FrequencyEquation.create(density, y, sigma_a=SIGMA_A)
    nodes = np.array([0.0, 0.4, 1.0, 1.5, 3.0])
    even = LineSystem(equation, FrequencyMesh((nodes,)), degree).blocks[0]
    found = linalg.eigh(even.operator.toarray(), even.mass.toarray(), eigvals_only=True)
    element = {1: skfem.ElementLineP1(), 2: skfem.ElementLineP2()}.get(
        degree, skfem.ElementLinePp(degree)
    )
    basis = skfem.Basis(skfem.MeshLine(nodes), element, intorder=2 * degree + 8)

    def damped_heat(u, v, w):
        rho = density.even_pdf(w.x[0].ravel()).reshape(w.x[0].shape)
        return 2 * np.pi * rho * (u * v + SIGMA_A**2 * dot(d(u), d(v)))

    operator = skfem.BilinearForm(damped_heat).assemble(basis).toarray()
    mass = skfem.BilinearForm(lambda u, v, _: u * v).assemble(basis).toarray()
    reference = linalg.eigh(operator, mass, eigvals_only=True)
    np.testing.assert_allclose(found, reference, rtol=1e-10, atol=1e-10 * reference[-1])
