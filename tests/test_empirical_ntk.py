"""The empirical NTK against the Jacobian of autograd, and its Monte Carlo rate."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ntkfreq.network import FourierFeatureNet
from ntkfreq.ntk import fourier_net, module
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.problem.density import Normal


def jacobian(net, x):
    x = torch.tensor(x)

    def output(w, a, b):
        return (torch.cos(x @ w.T) @ a + torch.sin(x @ w.T) @ b) / a.numel() ** 0.5

    parts = tuple(torch.tensor(np.array(part)) for part in (net.w, net.a, net.b))
    blocks = torch.autograd.functional.jacobian(output, parts)
    return torch.cat([block.reshape(x.shape[0], -1) for block in blocks], dim=1).numpy()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_gram_is_the_product_of_jacobians(dim):
    net = FourierFeatureNet.sample(Normal(scale=3.0, dim=dim), 40, sigma_a=1.4, rng=0)
    rng = np.random.default_rng(1)
    x, x2 = rng.uniform(-1, 1, (7, dim)), rng.uniform(-1, 1, (4, dim))
    first, second = jacobian(net, x), jacobian(net, x2)
    np.testing.assert_allclose(empirical_ntk_gram(net, x), first @ first.T, atol=1e-13)
    np.testing.assert_allclose(empirical_ntk_gram(net, x, x2), first @ second.T, atol=1e-13)


def test_blocks_change_nothing_but_memory(monkeypatch):
    net = FourierFeatureNet.sample(Normal(scale=3.0), 50, rng=0)
    x = np.linspace(-1, 1, 6)
    whole = empirical_ntk_gram(net, x)
    monkeypatch.setattr(fourier_net, "_BLOCK", 7 * 6)
    np.testing.assert_allclose(empirical_ntk_gram(net, x), whole, rtol=1e-13)


@pytest.mark.parametrize(("dim", "scale"), [(1, 0.3), (1, 8.0), (1, 40.0), (2, 0.8), (3, 0.02)])
def test_interpolation_is_exact_to_rounding(dim, scale):
    """Few Chebyshev nodes stand for many points; the plain sums are made unit by unit."""
    net = FourierFeatureNet.sample(Normal(scale=scale, dim=dim), 4000, sigma_a=1.4, rng=0)
    rng = np.random.default_rng(1)
    x = 0.7 + rng.uniform(-0.5, 0.5, (2000, dim)) * np.array([1.0, 1.0, 0.0][:dim])
    x2 = rng.uniform(-0.7, 0.3, (1990, dim)) * np.array([1.0, 0.5, 0.0][:dim])
    assert fourier_net._interpolation(net.w, x, 1000) is not None
    assert fourier_net._interpolation(net.w, x2, 990) is not None
    some, others = slice(0, 2000, 97), slice(0, 1990, 61)
    for first, second, gram in (
        (x[some], x[others], empirical_ntk_gram(net, x)[some, others]),
        (x[some], x2[others], empirical_ntk_gram(net, x, x2)[some, others]),
    ):
        phase, phase2 = first @ net.w.T, second @ net.w.T
        c, s, c2, s2 = np.cos(phase), np.sin(phase), np.cos(phase2), np.sin(phase2)
        slopes = (net.b * c - net.a * s) @ (net.b * c2 - net.a * s2).T
        expected = (c @ c2.T + s @ s2.T + first @ second.T * slopes) / 4000
        np.testing.assert_allclose(gram, expected, rtol=0, atol=3e-13)


def test_frozen_frequencies_leave_the_features():
    net = FourierFeatureNet.sample(Normal(scale=3.0), 30, rng=0)
    x = np.linspace(-1, 1, 6)
    phase = np.outer(x, net.w[:, 0])
    expected = (np.cos(phase) @ np.cos(phase).T + np.sin(phase) @ np.sin(phase).T) / 30
    got = empirical_ntk_gram(net, x, freeze_frequencies=True)
    np.testing.assert_allclose(got, expected, atol=1e-13)


def perceptron():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 9), torch.nn.Tanh(), torch.nn.Linear(9, 5), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(5, 1))
    net[0].bias.requires_grad_(False)
    return net


def autograd_rows(net, x):
    """Gradients of a double-precision copy, one backward pass a point."""
    net = copy.deepcopy(net).double()
    rows = []
    for point in torch.tensor(x):
        net.zero_grad()
        net(point[None]).sum().backward()
        parts = [p.grad.reshape(-1) for p in net.parameters() if p.requires_grad]
        rows.append(torch.cat(parts).numpy().copy())
    return np.array(rows)


@pytest.mark.parametrize("block", [32_000_000, 40])
def test_module_is_differentiated_in_blocks(monkeypatch, block):
    net, rng = perceptron(), np.random.default_rng(1)
    x, x2 = rng.uniform(-1, 1, (7, 2)), rng.uniform(-1, 1, (5, 2))
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_BATCH", 100 if block == 40 else module._BATCH)
    first, second = autograd_rows(net, x), autograd_rows(net, x2)
    got = empirical_ntk_gram(net, x)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, first @ first.T, rtol=1e-12)
    np.testing.assert_allclose(empirical_ntk_gram(net, x, x2), first @ second.T, rtol=1e-12)
    assert next(net.parameters()).dtype == torch.float32  # the module is left as it was


def test_module_of_the_network_has_its_kernel():
    net = FourierFeatureNet.sample(Normal(scale=3.0), 40, rng=0)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            parts = {name: torch.tensor(getattr(net, name)) for name in ("w", "a", "b")}
            self.parts = torch.nn.ParameterDict(parts)

        def forward(self, x):
            phase = x @ self.parts["w"].T
            sums = torch.cos(phase) @ self.parts["a"] + torch.sin(phase) @ self.parts["b"]
            return sums / net.width**0.5

    x = np.linspace(-1, 1, 6)
    expected = empirical_ntk_gram(net, x)
    np.testing.assert_allclose(empirical_ntk_gram(Module(), x), expected, rtol=1e-12)


def frozen():
    return perceptron().requires_grad_(False)


class Pair(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.weight * x, x


@pytest.mark.parametrize(
    ("net", "x", "options", "error", "message"),
    [
        (perceptron, [0.0], {}, ValueError, r"net failed on points of shape \(1, 1\)"),
        (lambda: perceptron()[0], [[0.0, 1.0]], {}, ValueError, r"net returned \(1, 9\) for one"),
        (Pair, [0.0], {}, ValueError, "net returned tuple for one point"),
        (frozen, [[0.0, 1.0]], {}, ValueError, "net has no parameter that requires a gradient"),
        (perceptron, [[np.nan, 1.0]], {}, ValueError, "x holds 1 NaN"),
        (perceptron, [[0.0, 1.0]], {"freeze_frequencies": True}, ValueError, "requires_grad_"),
        (perceptron, [[0.0, 1.0]], {"freeze_frequencies": 1}, TypeError, "freeze_frequencies=1"),
    ],
)
def test_modules_that_do_not_fit_are_refused(net, x, options, error, message):
    with pytest.raises(error, match=message):
        empirical_ntk_gram(net(), x, **options)


def test_gram_approaches_its_limit_at_the_monte_carlo_rate():
    density, sigma_a, x = Normal(scale=3.0), 0.8, np.linspace(-1, 1, 8)
    limit = (1 + sigma_a**2 * np.outer(x, x)) * density.kernel((x[:, None] - x).ravel()).reshape(
        8, 8
    )
    widths, errors = [100, 400, 1600, 6400], []
    for width in widths:
        squares = [
            np.mean((empirical_ntk_gram(draw, x) - limit) ** 2)
            for draw in (
                FourierFeatureNet.sample(density, width, sigma_a=sigma_a, rng=seed)
                for seed in range(60)
            )
        ]
        errors.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert abs(slope + 0.5) < 0.1


@pytest.mark.parametrize(
    ("net", "x", "error", "message"),
    [
        (SimpleNamespace(w=[1.0], a=[1.0]), [0.0], TypeError, "has no b"),
        (SimpleNamespace(w=[1.0], a=[1.0, 2.0], b=[0.0]), [0.0], ValueError, "net.a holds 2"),
        (SimpleNamespace(w=[np.nan], a=[1.0], b=[0.0]), [0.0], ValueError, "net.w holds 1 NaN"),
        (SimpleNamespace(w=[1.0], a=[1.0], b=[0.0]), [[0.0, 1.0]], ValueError, "x holds points"),
    ],
)
def test_bad_input_is_refused(net, x, error, message):
    with pytest.raises(error, match=message):
        empirical_ntk_gram(net, x)
    with pytest.raises(error, match=message.replace("x holds", "x2 holds")):
        empirical_ntk_gram(net, [0.0], x)


def test_a_module_that_depends_on_the_batch_is_refused_and_left_alone():
    net = torch.nn.Sequential(
        torch.nn.Linear(1, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)
    ).double()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match=r"call net\.eval\(\) first|net failed on points"):
        empirical_ntk_gram(net, [0.0, 1.0])
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert empirical_ntk_gram(net.eval(), [0.0, 1.0]).shape == (2, 2)
