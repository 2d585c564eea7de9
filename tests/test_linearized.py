"""Linearized training: against the Jacobian held whole, against training, and its refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from ntkfreq import (
    Adam,
    Cosine,
    FourierFeatureMLP,
    FourierFeatureNet,
    GradientDescent,
    Normal,
    empirical_ntk_gram,
    gram_flow,
    train,
    train_linearized,
)

X = np.linspace(-1.0, 1.0, 24, endpoint=False)
Y = np.sin(np.pi * X) + 0.4 * np.cos(4 * np.pi * X)
NET = FourierFeatureMLP.sample(Normal(scale=6.0), 32, depth=2, activation="relu", rng=0)
TONES = np.pi * np.arange(1, 6)


def jacobian(net, x):
    """Output (n,) and gradients (n, P) of a module, point by point."""
    rows, values = [], []
    for point in torch.as_tensor(x):
        value = net(point[None]).reshape(())
        rows.append(
            torch.cat([g.reshape(-1) for g in torch.autograd.grad(value, net.parameters())])
        )
        values.append(float(value.detach()))
    return np.array(values), torch.stack(rows).numpy()


@pytest.mark.parametrize(
    "rule", [Adam(), Adam(clip=0.05, schedule=Cosine(30)), GradientDescent()], ids=repr
)
def test_steps_are_those_of_the_jacobian_held_whole(rule):
    start, rows = jacobian(NET.to_module(), X)
    theta, memory, expected = np.zeros(rows.shape[1]), np.zeros((2, rows.shape[1])), []
    for step in range(31):
        expected.append(start + rows @ theta)
        slope = rows.T @ (expected[-1] - Y) / len(Y)
        if rule.clip is not None:
            slope *= min(1.0, rule.clip / (np.linalg.norm(slope) + 1e-6))
        rule.update(theta, slope, memory, 5e-4 * rule.schedule.factor(step), step)
    run = train_linearized(
        NET, X, Y, optimizer=rule, step_size=5e-4, steps=30, record=range(31), frequencies=TONES
    )
    # Adam divides gradients by their size: rounding of the small ones is seen.
    np.testing.assert_allclose(run.train_output, expected, atol=1e-9)
    np.testing.assert_allclose(run.train_loss, np.mean((expected - Y) ** 2, axis=1), atol=1e-9)


def test_small_steps_of_gradient_descent_are_the_flow_of_the_own_kernel():
    run = train_linearized(
        NET, X, Y, optimizer="gd", step_size=1e-3, steps=400, record=[400], frequencies=TONES
    )
    flow = gram_flow(empirical_ntk_gram(NET, X), NET(X) - Y, [0.0, 0.4])
    # Of first order in the step size.
    np.testing.assert_allclose(run.train_output[-1] - Y, flow[-1], atol=2e-3)


def test_wide_networks_under_adam_are_predicted_and_the_departure_says_so():
    """Half-times within 15 % at a departure below 0.15; in single precision too."""
    net = FourierFeatureMLP.sample(
        Normal(scale=6.0), 128, hidden=256, depth=3, activation="relu", rng=1
    )
    settings = {"step_size": 3e-4, "steps": 60, "record": range(61), "frequencies": TONES}
    known = train(net, X, Y, optimizer="adam", freeze_frequencies=True, kernel_probe=0, **settings)
    run = train_linearized(net, X, Y, freeze_frequencies=True, **settings)
    single = train_linearized(net, X, Y, freeze_frequencies=True, dtype="float32", **settings)
    assert run.faithful
    assert run.departure[0] == 0
    for band in ((2.0, 4.0), (11.0, 14.0)):
        steps = run.learning_step(band)
        assert 3 < steps < 40
        assert steps == pytest.approx(known.learning_time(band) / 3e-4, rel=0.15)
        assert steps == pytest.approx(single.learning_step(band), rel=0.01)


def test_departure_is_that_of_the_network_with_the_same_parameters():
    """One large step of gradient descent, done by hand."""
    module = NET.to_module()
    start, rows = jacobian(module, X)
    delta = -4.0 * rows.T @ (start - Y) / len(Y)
    theta = torch.nn.utils.parameters_to_vector(module.parameters()).detach()
    torch.nn.utils.vector_to_parameters(theta + torch.as_tensor(delta), module.parameters())
    moved = module(torch.as_tensor(X)).detach().numpy()
    expected = np.linalg.norm(moved - start - rows @ delta) / np.linalg.norm(start - Y)
    with pytest.warns(UserWarning, match=r"departs from its linearization by .*make it wider"):
        run = train_linearized(NET, X, Y, optimizer="gd", step_size=4.0, steps=1, frequencies=TONES)
    assert run.departure.tolist() == pytest.approx([0.0, expected], rel=1e-9)
    assert not run.faithful


def test_modules_and_test_points():
    """A module with a column as output, trained in part, gives what its network does."""
    module = NET.to_module()
    module.w.requires_grad_(False)

    class Column(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, x):
            return self.inner(x)[:, None]

    settings = {"step_size": 1e-4, "steps": 8, "test": (X + 0.01, Y), "record": [4]}
    run = train_linearized(Column(), (X, Y), **settings)
    other = train_linearized(NET, X, Y, freeze_frequencies=True, **settings)
    np.testing.assert_allclose(run.output, other.output, atol=1e-12)
    assert run.parameters == NET.parameters - 32
    assert run.step.tolist() == [0, 4, 8]
    np.testing.assert_allclose(run.test_loss, np.mean((run.output - Y) ** 2, axis=1))
    # The test points are the training points: the same numbers by another way.
    same = train_linearized(NET, X, Y, **settings | {"test": (X, Y)})
    np.testing.assert_allclose(same.output, same.train_output, atol=1e-12)
    assert all(p.grad is None for p in module.parameters())


def test_runs_are_shown_and_pickled():
    run = train_linearized(NET, X, Y, step_size=1e-5, steps=3)
    assert "departure=at most" in repr(run)
    again = pickle.loads(pickle.dumps(run))
    assert again.departure.tolist() == run.departure.tolist()
    assert again.frequencies.ndim == 1


class Twins(torch.nn.Linear):
    def __init__(self):
        super().__init__(1, 2)


class Pooled(torch.nn.Linear):
    def __init__(self):
        super().__init__(1, 1)

    def forward(self, x):
        return super().forward(x).mean(dim=0)


class Opaque(torch.nn.Linear):
    """With a gradient of its own that PyTorch cannot transform."""

    def __init__(self):
        super().__init__(1, 1)

    def forward(self, x):
        return Doubled.apply(super().forward(x))


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


@pytest.mark.parametrize(
    ("x", "y", "match"),
    [(1e17 * X, Y, r"w\.x|phases"), (X, 1e60 * Y, "squares of the first errors overflow")],
)
def test_numbers_out_of_range_are_refused(x, y, match):
    """The largest number in single precision is 3e38."""
    with pytest.raises(ValueError, match=match):
        train_linearized(NET, x, y, step_size=1e-3, steps=2, dtype="float32")


@pytest.mark.parametrize(
    ("net", "options", "error", "match"),
    [
        (FourierFeatureNet([1.0], [1.0], [1.0]), {}, TypeError, "initial=net"),
        (3.0, {}, TypeError, "net=3.0 must be a FourierFeatureMLP or a torch.nn.Module"),
        (NET, {"steps": 0}, ValueError, "steps=0"),
        (NET, {"optimizer": "lion"}, ValueError, "optimizer='lion' must be"),
        (NET, {"dtype": "half"}, ValueError, "dtype='half'"),
        (NET, {"test": 3}, TypeError, "test=3 must be None or a pair"),
        (NET, {"record": [9]}, ValueError, "record runs from 9"),
        (NET, {"frequencies": [[1.0, 2.0]]}, ValueError, "frequencies holds points of dimension"),
        (
            torch.nn.Linear(1, 1).requires_grad_(False),
            {},
            ValueError,
            "nothing is trained; call net.requires_grad_",
        ),
        (Twins(), {}, ValueError, r"net returned \(1, 2\) for one point"),
        (Pooled(), {}, ValueError, "net returned 1 numbers for 24 points; wrap the module"),
        (Opaque(), {}, ValueError, "net cannot be linearized .*differentiate twice"),
        (
            torch.nn.Sequential(
                torch.nn.Linear(1, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
            ),
            {},
            ValueError,
            "net returned two outputs at the same points: .*call net.eval",
        ),
        (
            NET,
            {"optimizer": "gd", "step_size": 1e3, "steps": 50},
            ValueError,
            "step_size is too large: after .* take a smaller one",
        ),
    ],
)
def test_bad_input_is_refused(net, options, error, match):
    settings = {"step_size": 1e-3, "steps": 2} | options
    with pytest.raises(error, match=match):
        train_linearized(net, X, Y, **settings)


def test_runs_that_do_not_fit_into_memory_are_refused():
    wide = FourierFeatureMLP.sample(Normal(scale=6.0), 64, depth=2, activation="relu", rng=0)
    x = np.linspace(-1.0, 1.0, 2_000_000)
    with pytest.raises(ValueError, match=r"trained parameters at 2000000 points: .*float32"):
        train_linearized(wide, x, np.sin(x), step_size=1e-3, steps=2)
