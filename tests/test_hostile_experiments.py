"""Modules trained at the ends of double precision and memory: right, or a sentence."""

import numpy as np
import pytest
import torch

from ntkfreq import Normal
from ntkfreq.experiments import (
    descend,
    fit,
    harmonic_density,
    largest_stable_step,
    mlp,
    periodic_features,
    projected_spectrum,
    split,
)

X = np.linspace(-1, 1, 9)
Y = np.sin(2 * X)


def small(**changes):
    return mlp([1, 8, 1], activation="tanh", rng=0, **changes)


class Doubles(torch.nn.Module):
    """Writes into what it is given."""

    def __init__(self):
        super().__init__()
        self.inner = small()

    def forward(self, x):
        x *= 2
        return self.inner(x)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_modules_that_write_into_their_input_learn_at_the_same_points(batch_size):
    settings = {"step_size": 0.05, "steps": 30, "batch_size": batch_size, "rng": 0}
    x = X.copy()
    written = fit(Doubles(), x, Y, test=(X, None), **settings)
    plain = fit(small(), 2 * X, Y, test=(2 * X, None), **settings)
    np.testing.assert_array_equal(written.output, plain.output)
    np.testing.assert_array_equal(written.test_output, plain.test_output)
    np.testing.assert_array_equal(x, X)


def test_a_column_is_taken_as_such():
    settings = {"step_size": 0.1, "steps": 5}
    plain = descend(small(), X, Y, **settings)
    np.testing.assert_array_equal(descend(small(), X, Y[:, None], **settings).output, plain.output)


@pytest.mark.parametrize("step_size", [1e3, 1e20, 1e50])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("single", [False, True])
def test_divergence_is_a_value_error_too(step_size, optimizer, single):
    # A saturated tanh has no gradient, but its last layer is linear.
    module = small().float() if single else small()
    with pytest.raises(ValueError, match=r"the loss diverged by step \d+: .*use for instance"):
        fit(module, X, Y, step_size=step_size, steps=300, optimizer=optimizer)


def test_divergence_without_a_kernel_still_has_advice(monkeypatch):
    def refuse(*arguments):
        raise ValueError("x has 100000 points: this takes 80 GB")

    monkeypatch.setattr("ntkfreq.experiments.descent.empirical_ntk_gram", refuse)
    with pytest.raises(ValueError, match=r"step_size=100 is too large \(x has .*instance 10$"):
        descend(small(), X, Y, step_size=100.0, steps=300)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(small(), 1e200 * X, Y, step_size=0.1, steps=1), "x has a largest magnitude"),
        (lambda: fit(small(), X, 1e200 * Y, step_size=0.1, steps=1), "y has a largest magnitude"),
        (
            lambda: fit(small().float(), X, 1e60 * Y, step_size=0.1, steps=1),
            "y holds numbers of up to .* too large for the module's torch.float32",
        ),
        (
            lambda: fit(small().float(), 1e-48 * X, Y, step_size=0.1, steps=1),
            "x holds numbers of up to .* too small for the module's torch.float32",
        ),
        (
            lambda: fit(small().float(), X, 1e30 * Y, step_size=0.1, steps=1),
            "starts from a loss of inf on y of up to 9.97e.29; .*or scale x and y",
        ),
        (lambda: fit(small(), X, Y, step_size=0.1, steps=10**400), "steps=1000.* at most"),
        (lambda: fit(small(), X, Y, step_size=10**400, steps=1), "step_size=1000.* finite"),
        (
            lambda: fit(small(), np.linspace(0, 1, 10**5), np.ones(10**5), **LONG),
            r"record asks for .* records of 100000 outputs: .* GB.* use record=\d+",
        ),
        (lambda: descend(small(), X, np.ones((9, 2)), step_size=0.1, steps=1), "y has shape"),
        (lambda: largest_stable_step(huge(), X), "module has a kernel that overflows on x"),
        (lambda: mlp([1, 10**6, 10**6, 1]), "widths=.* make 1e.12 parameters: .*fewer units"),
        (lambda: mlp([1] * 2000), "widths names 2000 layers; use at most 1001"),
        (lambda: split(10**15, 5), "count=1000000000000000: .*split fewer points"),
        (lambda: periodic_features(Normal(), 2**40), "width=109.*: .*use fewer units"),
        (lambda: harmonic_density(Normal(), "square", harmonics=10**9), "harmonics=.* at most"),
        (lambda: projected_spectrum([[1e200]], [1.0], [1.0], [1.0]), "x has a largest magnitude"),
        (lambda: projected_spectrum([[1.0]], [1.0], [1e200], [1.0]), "direction has a largest"),
        (
            lambda: projected_spectrum([[1e40]], [1.0], [1e40], [1.0]),
            "x along direction has a largest magnitude of 1e.80",
        ),
    ],
)
def test_ends_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


LONG = {"step_size": 0.1, "steps": 10**6, "record": 10**6}


def huge():
    module = mlp([1, 8, 1], rng=0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 1e200
    return module
