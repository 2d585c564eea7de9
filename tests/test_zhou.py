"""What the scripts on undersampled data rest on: networks side by side, points."""

import numpy as np
import torch

from ntkfreq.experiments import mlp
from validation.claims.zhou_1d import claim as zhou_1d
from validation.claims.zhou_1d.networks import SideBySide
from validation.claims.zhou_parity import claim as zhou_parity


def test_networks_side_by_side_are_those_of_each():
    nets = [mlp([2, 5, 4, 1], activation="tanh", rng=k) for k in range(3)]
    x = np.random.default_rng(0).normal(size=(7, 3, 2))
    both = SideBySide(nets, torch.tanh)(torch.tensor(x)).detach().numpy()
    for k, net in enumerate(nets):
        alone = net(torch.tensor(x[:, k])).detach().numpy()[:, 0]
        np.testing.assert_allclose(both[:, k], alone, rtol=1e-13)


def test_uneven_points_lie_where_lower_tones_look_alike():
    x = zhou_1d.training_points(zhou_1d.UNEVEN, np.random.default_rng(0))
    assert x.shape == (65,)
    gaps = [np.abs(np.sin(k * x) - np.sin(6 * x)) for k in (1, 3)]
    # One of 10000 points is at most 3e-4 off, where the difference has a slope of at most 9.
    assert gaps[0][:20].max() < 9 * np.pi / 5000
    assert gaps[1][20:30].max() < 9 * np.pi / 5000
    assert np.median(gaps[0][30:]) > 0.3


def test_even_points_are_even():
    x = zhou_1d.training_points(zhou_1d.CONTROLS[1], np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(x), 2 * np.pi / 64)


def test_likeness_tells_tones_apart():
    x = zhou_1d.X_TEST
    output = np.stack([3 * np.sin(x), -np.sin(6 * x), 0 * x])
    np.testing.assert_allclose(zhou_1d.likeness(output, 1), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(zhou_1d.likeness(output, 6), [0, -1, 0], atol=1e-12)


def test_parity_of_all_points():
    assert zhou_parity.POINTS.shape == (1024, 10)
    assert zhou_parity.PARITY.sum() == 0
    assert [zhou_parity.size_at(share) for share in (0.2, 0.5, 0.8)] == [205, 512, 819]
