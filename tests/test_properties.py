"""What must hold for every density, target and time: the loss falls, t = 0 is the start, no NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkfreq import (
    Box,
    Laplace,
    Line,
    Mixture,
    Normal,
    Points,
    StudentT,
    Uniform,
    solve_frequency_pde,
)

few = settings(deadline=None, max_examples=25, derandomize=True)

scales = st.floats(0.5, 20.0)
locations = st.one_of(st.just(0.0), st.floats(-10.0, 10.0))
families = st.one_of(
    st.builds(Normal, loc=locations, scale=scales),
    st.builds(Uniform, loc=locations, scale=scales),
    st.builds(Laplace, loc=locations, scale=scales),
    st.builds(StudentT, st.floats(1.0, 8.0), loc=locations, scale=scales),
)
smooth = st.one_of(
    st.builds(Normal, loc=locations, scale=scales), st.builds(Uniform, loc=locations, scale=scales)
)
densities = st.one_of(
    families,
    st.builds(lambda a, b, p: Mixture([a, b], [p, 1 - p]), families, families, st.floats(0.1, 0.9)),
)
variances = st.one_of(st.just(0.0), st.floats(0.05, 2.0))
clocks = st.builds(
    lambda first, decades, count: np.concatenate(
        [[0.0], np.geomspace(first, first * 10.0**decades, count)]
    ),
    st.floats(1e-3, 1.0),
    st.integers(1, 5),
    st.integers(3, 20),
)


@st.composite
def tones(draw):
    """A sum of tones under a Gaussian window: decays, and is a fine target on a box as well."""
    width, center = draw(st.floats(0.5, 2.0)), draw(st.floats(-1.0, 1.0))
    parts = draw(
        st.lists(
            st.tuples(st.floats(0.2, 2.0), st.floats(0.0, 8.0), st.floats(-3.0, 3.0)),
            min_size=1,
            max_size=3,
        )
    )

    def function(x):
        window = np.exp(-((x - center) ** 2) / (2 * width**2))
        return window * sum(a * np.cos(k * x + p) for a, k, p in parts)

    return function


samples = st.tuples(st.integers(2, 40), st.integers(0, 2**31))


def assert_sound(solution, initial_loss, where, initial_error):
    """Falling loss, the identities at t = 0, Hermitian spectra, and no NaN anywhere."""
    assert solution.t[0] == 0
    loss = solution.train_loss
    assert loss[0] == pytest.approx(initial_loss, rel=1e-9)
    # A few units of rounding of the largest term of the sum that the loss is.
    assert np.all(np.diff(loss) <= 4e-16 * loss[0])
    assert np.all(loss >= 0)
    np.testing.assert_allclose(
        solution.error(where)[0], initial_error, atol=1e-12 * np.abs(initial_error).max()
    )
    arrays = [solution.data_spectrum, loss, solution.output(where)]
    arrays += [values for values in (solution.spectrum, solution.test_loss) if values is not None]
    for values in arrays:
        assert np.all(np.isfinite(values))
    for spectrum in (solution.data_spectrum, solution.spectrum):
        if spectrum is not None:
            size = np.abs(spectrum).max()
            np.testing.assert_allclose(spectrum[:, ::-1], spectrum.conj(), atol=1e-13 * size)
    assert np.isfinite(solution.max_step_size)
    assert solution.max_step_size > 0


XI = np.concatenate([-np.geomspace(30, 0.1, 20), [0.0], np.geomspace(0.1, 30, 20)])


@few
@given(rho=densities, target=tones(), sigma_a=variances, t=clocks)
def test_line(rho, target, sigma_a, t):
    solution = solve_frequency_pde(
        rho, target, sigma_a=sigma_a, measure=Line(), t=t, frequencies=XI, rtol=1e-4
    )
    x = np.linspace(-20, 20, 40_001)
    assert_sound(solution, np.sum(target(x) ** 2) * 1e-3, x[::400], -target(x[::400]))


@few
@given(
    rho=densities,
    target=tones(),
    sigma_a=variances,
    t=clocks,
    lower=st.floats(-2.0, 1.0),
    length=st.floats(0.2, 3.0),
)
def test_box(rho, target, sigma_a, t, lower, length):
    box = Box(lower, lower + length)
    solution = solve_frequency_pde(
        rho, target, sigma_a=sigma_a, measure=box, t=t, frequencies=XI, rtol=1e-4
    )
    unit, weight = np.polynomial.legendre.leggauss(100)
    x = lower + length * (unit + 1) / 2
    start = -target(x)
    assert_sound(solution, target(x) ** 2 @ weight / 2, x, start)


@few
@given(rho=densities, data=samples, sigma_a=variances, t=clocks)
def test_points(rho, data, sigma_a, t):
    count, seed = data
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-2, 2, count), rng.standard_normal(count)
    weights = rng.uniform(0.5, 2.0, count)
    solution = solve_frequency_pde(
        rho, (x, y), sigma_a=sigma_a, measure=Points(x, weights), t=t, frequencies=XI, rtol=1e-4
    )
    assert_sound(solution, y**2 @ weights / weights.sum(), x, -y)


@few
@given(
    rho=families,
    target=tones(),
    first=tones(),
    sigma_a=variances,
    measure=st.sampled_from([Line(), Box(-1, 1.5), Points(np.linspace(-1, 1, 9))]),
)
def test_start_from_an_initial_output(rho, target, first, sigma_a, measure):
    t = np.array([0.0, 0.1, 1.0, 10.0])
    solution = solve_frequency_pde(
        rho, target, sigma_a=sigma_a, measure=measure, t=t, frequencies=XI, rtol=1e-4,
        initial_output=first,
    )  # fmt: skip
    x = np.linspace(-1, 1, 9)
    size = np.abs(first(x)).max() + np.abs(target(x)).max()
    np.testing.assert_allclose(solution.output(x)[0], first(x), atol=1e-12 * size)
    assert np.all(np.diff(solution.train_loss) <= 4e-16 * solution.train_loss[0])


@few
@given(rho=smooth, target=tones(), sigma_a=variances)
def test_loss_falls_at_the_rate_of_the_energy_identity(rho, target, sigma_a):
    r"""d/dt loss = -2 int int e(x) K(x, x') e(x') on a box, at t = 0, by Gauss-Legendre sums."""
    unit, weight = np.polynomial.legendre.leggauss(200)
    error, weight = -target(unit), weight / 2
    kernel = (1 + sigma_a**2 * np.outer(unit, unit)) * rho.kernel(
        (unit[:, None] - unit).ravel()
    ).reshape(200, 200)
    rate = 2 * (weight * error) @ kernel @ (weight * error)
    step = 1e-5
    solution = solve_frequency_pde(
        rho, target, sigma_a=sigma_a, measure=Box(-1, 1), t=[0.0, step, 2 * step], rtol=1e-8
    )
    loss = solution.train_loss
    # One-sided difference of second order; what is left is (step * rate)^2.
    slope = (-3 * loss[0] + 4 * loss[1] - loss[2]) / (2 * step)
    assert -slope == pytest.approx(rate, rel=1e-4, abs=1e-9 * loss[0])
