"""Weight decay: damping, advection and contraction against dense flows in x."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import pytest

from ntkfreq import (
    Box,
    FrequencyEquation,
    Laplace,
    Normal,
    Points,
    StudentT,
    solve_frequency_pde,
)
from ntkfreq.problem.decay import Decay
from validation.reference.decay import decay_flow, fourier_flow, transport_flow, volterra_flow
from validation.reference.dense import ridge_limit
from validation.reference.kernels import KERNELS
from validation.reference.nodes import box_nodes, lattice_nodes, points_nodes

X = np.linspace(-1, 1, 16)
FAR = np.array([-1.4, -0.63, 0.0, 0.22, 0.97, 1.6])
XI = np.linspace(-20, 20, 41)
T = np.array([0.0, 1.0, 13.3, 72.9, 170.8, 400.0])
RATE = 0.01


def y(x):
    return np.sin(3 * x) + 0.5 * np.cos(7 * x)


def f0(x):
    """An initial output with tones that the data do not see."""
    return 2 * np.cos(9 * x + 0.3) - 1.3 * np.sin(26 * x) + 0.4


def normal(scale):
    return partial(KERNELS["normal"], scale=scale)


CASES = {
    "none": (0.0, 0.0, "zero"),
    "output weights": (RATE, 0.0, "zero"),
    "both, slow frequencies": (RATE, RATE / 4, "zero"),
    "both": (RATE, RATE, "zero"),
    "frequencies": (0.0, RATE, "zero"),
    "towards the start": (RATE, RATE, "start"),
}


@lru_cache
def dense(name):
    """The flow without advection, or the Volterra equation along characteristics."""
    weight, frequency, towards = CASES[name]
    flow = volterra_flow if frequency > 0 and towards == "zero" else decay_flow
    return flow(
        normal(12.0), points_nodes(X), y, 3.0, T,
        gamma_a=weight, gamma_w=frequency, towards=towards, f0=f0,
    )  # fmt: skip


@lru_cache
def solved(name, rtol=1e-8):
    weight, frequency, towards = CASES[name]
    return solve_frequency_pde(
        Normal(scale=12.0), y, measure=Points(X), sigma_a=3.0, initial_output=f0,
        weight_decay=weight, frequency_decay=frequency, decay_towards=towards,
        t=T, frequencies=XI, test=(FAR, y(FAR)), rtol=rtol,
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_points_are_those_of_the_dense_flow(name):
    reference, solution = dense(name), solved(name)
    scale = reference.train_loss[0]
    assert solution.status.startswith("converged")
    assert np.abs(solution.train_loss - reference.train_loss).max() < 1e-7 * scale
    size = np.abs(reference.spectrum(XI)).max()
    assert np.abs(solution.data_spectrum - reference.spectrum(XI)).max() < 1e-7 * size
    assert np.abs(solution.output(X) - y(X) - reference.errors).max() < 1e-7 * np.sqrt(scale)


@pytest.mark.parametrize("name", CASES)
def test_outputs_off_the_points_are_those_of_the_dense_flow(name):
    expected = dense(name).output(FAR)
    size = np.abs(expected).max()
    assert np.abs(solved(name).output(FAR) - expected).max() < 1e-5 * size
    loss = np.mean((expected - y(FAR)) ** 2, axis=1)
    assert np.abs(solved(name).test_loss - loss).max() < 1e-5 * size**2


@pytest.mark.parametrize("name", ["output weights", "both"])
def test_error_falls_with_rtol(name):
    errors = []
    for rtol in (1e-3, 1e-5, 1e-7):
        solution = solved(name, rtol)
        gap = np.sqrt(np.mean((solution.output(X) - y(X) - dense(name).errors) ** 2, axis=1))
        errors.append(gap.max() / np.sqrt(dense(name).train_loss[0]))
        assert errors[-1] < rtol
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


@pytest.mark.parametrize(("frequency", "towards"), [(0.0, "zero"), (0.01, "zero"), (0.01, "start")])
def test_points_in_three_dimensions(frequency, towards):
    x = np.random.default_rng(0).uniform(-1, 1, (9, 3))
    new = np.random.default_rng(1).uniform(-1, 1, (4, 3))

    def target(x):
        return np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]

    def first(x):
        return np.cos(x @ np.array([3.0, -2.0, 1.0]))

    t = np.array([0.5, 20.0, 150.0])
    options = {"gamma_a": 0.02, "gamma_w": frequency, "f0": first}
    reference = volterra_flow(
        normal(2.0), points_nodes(x), target, 1.5, t, towards=towards, **options
    )
    solution = solve_frequency_pde(
        Normal(scale=2.0, dim=3), target, measure=Points(x), sigma_a=1.5, initial_output=first,
        weight_decay=0.02, frequency_decay=frequency, decay_towards=towards, t=t,
        test=(new, target(new)), rtol=1e-8,
    )  # fmt: skip
    assert np.abs(solution.output(x) - target(x) - reference.errors).max() < 1e-6
    assert np.abs(solution.output(new) - reference.output(new)).max() < 1e-6


def test_images_of_784_pixels():
    """Where the density's normalization overflows, nothing but the kernel is used."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (30, 784)) * (rng.uniform(size=(30, 784)) < 0.2)
    labels = rng.choice([-1.0, 1.0], 30)
    solution = solve_frequency_pde(
        Normal(scale=0.1, dim=784), (x, labels), sigma_a=0.1, weight_decay=0.01, t=[0.0, 10.0, 1e4]
    )
    gram = np.exp(-0.005 * np.sum((x[:, None] - x) ** 2, axis=-1))
    expected = gram @ np.linalg.solve(gram + 0.01 * 30 * np.eye(30), labels)
    assert np.abs(solution.output(x)[-1] - expected).max() < 1e-6


@pytest.mark.parametrize("sigma_a", [0.0, 1.0, 3.0])
def test_limit_is_ridge_regression_with_the_stationary_kernel(sigma_a):
    solution = solve_frequency_pde(
        Normal(scale=12.0), y, measure=Points(X), sigma_a=sigma_a, initial_output=f0,
        weight_decay=RATE, t=[0.0, 1e4], rtol=1e-12,
    )  # fmt: skip
    for where in (X, FAR):
        expected = ridge_limit(normal(12.0), points_nodes(X), y, RATE, where)
        assert np.abs(solution.output(where)[-1] - expected).max() < 1e-10


class TestLine:
    T = np.array([0.0, 0.3, 1.0, 3.0, 10.0])
    XI = np.linspace(-8, 8, 33)

    @staticmethod
    def y(x):
        return np.exp(-(x**2) / 4) * (np.cos(2 * x) + 0.5 * np.sin(3 * x - 0.3))

    @staticmethod
    def f0(x):
        return 0.5 * np.exp(-((x - 0.5) ** 2) / 3) * np.cos(2.5 * x)

    @pytest.mark.parametrize(
        ("weight", "frequency", "towards", "first"),
        [
            (0.05, 0.0, "zero", True),
            (0.05, 0.03, "start", True),
            (0.03, 0.02, "zero", True),
            (0.0, 0.02, "zero", False),
        ],
    )
    def test_is_the_dense_flow(self, weight, frequency, towards, first):
        start = self.f0 if first else None
        options = {"gamma_a": weight, "gamma_w": frequency, "f0": start}
        if frequency > 0 and towards == "zero":
            reference = fourier_flow(
                normal(2.0), self.y, 0.7, self.T, half_width=20, spacing=0.16, **options
            )
        else:
            nodes = lattice_nodes(0.25, 16)
            reference = decay_flow(
                normal(2.0), nodes, self.y, 0.7, self.T, towards=towards, **options
            )
        solution = solve_frequency_pde(
            Normal(scale=2.0), self.y, sigma_a=0.7, initial_output=start, weight_decay=weight,
            frequency_decay=frequency, decay_towards=towards, t=self.T, frequencies=self.XI,
            rtol=1e-7,
        )  # fmt: skip
        expected = reference.spectrum(self.XI)
        assert np.abs(solution.spectrum - expected).max() < 1e-7 * np.abs(expected[0]).max()
        gap = np.abs(solution.train_loss - reference.train_loss)
        assert gap.max() < 1e-8 * reference.train_loss[0]
        where = np.array([-3.0, 0.1, 2.0])
        assert np.abs(solution.output(where) - reference.output(where)).max() < 1e-7


class TestBox:
    T = np.array([0.5, 10.0, 60.0, 200.0])

    @pytest.mark.parametrize("box", [(-1.0, 1.0), (-0.3, 1.2), (0.4, 1.5)])
    @pytest.mark.parametrize(
        ("frequency", "towards"), [(0.0, "zero"), (0.01, "zero"), (0.01, "start")]
    )
    def test_is_the_dense_flow(self, box, frequency, towards):
        options = {"gamma_a": 0.02, "gamma_w": frequency, "f0": f0}
        nodes = box_nodes(40, *box)
        if frequency > 0 and towards == "zero":
            reference = transport_flow(normal(8.0), nodes, y, 1.5, self.T, count=70, **options)
        else:
            reference = decay_flow(normal(8.0), nodes, y, 1.5, self.T, towards=towards, **options)
        solution = solve_frequency_pde(
            Normal(scale=8.0), y, measure=Box(*box), sigma_a=1.5, initial_output=f0,
            weight_decay=0.02, frequency_decay=frequency, decay_towards=towards, t=self.T,
            frequencies=XI, rtol=1e-7,
        )  # fmt: skip
        assert solution.status.startswith("converged")
        scale = np.sqrt(np.mean((f0(nodes.x[:, 0]) - y(nodes.x[:, 0])) ** 2))
        gap = solution.output(nodes.x[:, 0]) - y(nodes.x[:, 0]) - reference.errors
        assert np.sqrt(gap**2 @ nodes.weights).max() < 1e-7 * scale
        assert np.abs(solution.train_loss - reference.train_loss).max() < 1e-7 * scale**2
        expected = reference.spectrum(XI)
        assert np.abs(solution.spectrum - expected).max() < 1e-7 * scale

    def test_laplace(self):
        kernel = partial(KERNELS["laplace"], scale=4.0)
        nodes = box_nodes(44, -1, 1)
        reference = transport_flow(
            kernel, nodes, y, 1.5, self.T, gamma_a=0.02, gamma_w=0.01, f0=f0, count=80
        )
        solution = solve_frequency_pde(
            Laplace(scale=4.0), y, measure=Box(-1, 1), sigma_a=1.5, initial_output=f0,
            weight_decay=0.02, frequency_decay=0.01, t=self.T, rtol=1e-6,
        )  # fmt: skip
        gap = np.abs(solution.train_loss - reference.train_loss)
        assert gap.max() < 1e-6 * reference.train_loss.max()

    def test_student_t_without_advection(self):
        kernel = partial(KERNELS["studentt3"], scale=6.0)
        losses = [
            decay_flow(
                kernel, box_nodes(n, -1, 1), y, 1.5, self.T, gamma_a=0.02, gamma_w=0.0, f0=f0
            ).train_loss
            for n in (100, 200)
        ]
        # The kernel's kink on the diagonal costs the fourth power of the number of nodes.
        reference = losses[1] + (losses[1] - losses[0]) / 15
        solution = solve_frequency_pde(
            StudentT(3.0, scale=6.0), y, measure=Box(-1, 1), sigma_a=1.5, initial_output=f0,
            weight_decay=0.02, t=self.T, rtol=1e-7,
        )  # fmt: skip
        assert np.abs(solution.train_loss - reference).max() < 1e-7 * reference.max()


def test_initial_output_may_equal_the_target():
    """Nothing is wrong at the start; then decay takes away what was right."""
    solution = solve_frequency_pde(
        Normal(scale=5.0), (X, f0(X)), initial_output=f0, weight_decay=0.1, t=[0.0, 1.0, 100.0]
    )
    assert solution.train_loss[0] == 0
    assert solution.train_loss[1] > 1e-3


def test_loss_may_grow_under_decay_but_stays_finite():
    solution = solve_frequency_pde(
        Normal(scale=5.0), (X, y(X)), weight_decay=1e-3, frequency_decay=0.5, t=[0.0, 1.0, 1e3]
    )
    assert np.all(np.isfinite(solution.train_loss))


@pytest.mark.parametrize("times", [[1.0], [0.0, 1.0, 2.0]])
def test_the_free_output_at_more_points_than_are_evaluated_at_once(times):
    def start(x):
        assert x.size
        return np.cos(9 * x)

    equation = FrequencyEquation.create(
        Normal(scale=5.0), (X, y(X)), initial_output=start, frequency_decay=0.1
    )
    x, t = np.linspace(-1, 1, 150_001)[:, None], np.array(times)
    found = equation.free_output(t, x)
    np.testing.assert_allclose(found, np.cos(9 * np.exp(-0.1 * t)[:, None] * x[:, 0]), atol=1e-12)


def test_rates_and_factors():
    both = Decay(0.1, 0.2, "zero")
    assert both.contracts
    assert both.active
    assert both.rates == (0.1, 0.1)
    assert not Decay(0.1, 0.2, "start").contracts
    assert not Decay().active
    np.testing.assert_allclose(both.damping(np.array([10.0])), np.exp(-1))
    np.testing.assert_allclose(both.contraction(np.array([10.0])), np.exp(-2))
    np.testing.assert_allclose(Decay(0.1, 0.2, "start").contraction(np.array([10.0])), 1.0)


def test_finite_steps_are_refused():
    with pytest.raises(ValueError, match=r"step_size=0.1 with weight_decay=0.01.*leave step_size"):
        solve_frequency_pde(Normal(), (X, y(X)), weight_decay=0.01, step_size=0.1, t=[0.0, 1.0])
