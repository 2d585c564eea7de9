"""The empirical NTK against the Jacobian of autograd, and its Monte Carlo rate."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ntkfreq.density import Normal
from ntkfreq.network import FourierFeatureNet
from ntkfreq.ntk import empirical
from ntkfreq.ntk.empirical import empirical_ntk_gram


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
    monkeypatch.setattr(empirical, "_BLOCK", 7 * 6)
    np.testing.assert_allclose(empirical_ntk_gram(net, x), whole, rtol=1e-13)


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
