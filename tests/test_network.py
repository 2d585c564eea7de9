"""The network: its formula, its sampling, its checks."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from ntkfreq.network import FourierFeatureNet
from ntkfreq.ntk.empirical import empirical_ntk_gram
from ntkfreq.problem.density import Normal


def formula(net, x):
    total = sum(
        a * np.cos(x @ w) + b * np.sin(x @ w) for w, a, b in zip(net.w, net.a, net.b, strict=True)
    )
    return total / np.sqrt(net.width)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_output_is_the_formula(dim):
    net = FourierFeatureNet.sample(Normal(scale=4.0, dim=dim), 37, rng=1)
    x = np.random.default_rng(0).uniform(-1, 1, (9, dim))
    np.testing.assert_allclose(net(x), formula(net, x), atol=1e-14)
    if dim == 1:
        np.testing.assert_array_equal(net(x[:, 0]), net(x))


def test_large_evaluations_agree_with_small_ones():
    net = FourierFeatureNet.sample(Normal(scale=10.0), 3000, rng=1)
    x = np.linspace(-1, 1, 400)
    np.testing.assert_allclose(net(x), np.concatenate([net(x[:200]), net(x[200:])]), atol=2e-14)


def test_arrays_are_checked_copies_that_cannot_be_written():
    w = np.arange(3.0)
    net = FourierFeatureNet(w=w, a=[1, 2, 3], b=[0, 0, 1])
    w[0] = 9.0
    assert net.w.shape == (3, 1)
    assert net.w[0, 0] == 0.0
    assert net.w.flags.c_contiguous
    assert net.a.dtype == np.float64
    for array in (net.w, net.a, net.b):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    with pytest.raises(FrozenInstanceError):
        net.a = net.b


def test_sample_follows_seed_scale_and_density():
    one = FourierFeatureNet.sample(Normal(loc=2.0, scale=3.0), 20_000, sigma_a=0.5, rng=3)
    same = FourierFeatureNet.sample(
        Normal(loc=2.0, scale=3.0), 20_000, sigma_a=0.5, rng=np.random.default_rng(3)
    )
    np.testing.assert_array_equal(one.w, same.w)
    np.testing.assert_array_equal(one.a, same.a)
    assert one.sigma_a == 0.5
    assert one.density == Normal(loc=2.0, scale=3.0)
    for array, mean, std in ((one.w, 2.0, 3.0), (one.a, 0.0, 0.5), (one.b, 0.0, 0.5)):
        assert abs(array.mean() - mean) < 5 * std / np.sqrt(20_000)
        assert abs(array.std() - std) < 5 * std / np.sqrt(2 * 20_000)
    assert abs(np.corrcoef(one.a, one.b)[0, 1]) < 5 / np.sqrt(20_000)
    other = FourierFeatureNet.sample(Normal(), 4)
    assert not np.array_equal(other.w, FourierFeatureNet.sample(Normal(), 4).w)


@pytest.mark.parametrize("points", [50, 400])
def test_zero_output_is_zero_with_adjacent_twins(points):
    net = FourierFeatureNet.sample(Normal(scale=9.0), 4000, sigma_a=2.0, zero_output=True, rng=0)
    assert np.abs(net(np.linspace(-2, 2, points))).max() < 1e-15
    np.testing.assert_array_equal(net.w[::2], net.w[1::2])
    np.testing.assert_array_equal(net.a[::2], -net.a[1::2])
    np.testing.assert_array_equal(net.b[::2], -net.b[1::2])


def test_zero_output_keeps_the_limiting_kernel():
    density, sigma_a, x = Normal(scale=3.0), 1.3, np.linspace(-1, 1, 5)
    limit = (1 + sigma_a**2 * np.outer(x, x)) * density.kernel((x[:, None] - x).ravel()).reshape(
        5, 5
    )
    net = FourierFeatureNet.sample(density, 80_000, sigma_a=sigma_a, zero_output=True, rng=0)
    gram = empirical_ntk_gram(net, x)
    assert np.abs(gram - limit).max() < 5 * np.abs(limit).max() / np.sqrt(40_000)


def test_network_import_loads_no_engine():
    code = (
        "import sys, ntkfreq.network as n; n.FourierFeatureNet([1.0], [1.0], [0.0])([0.0]); "
        "print([m for m in ('numba', 'torch', 'tqdm', 'xarray', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"w": [np.nan]}, ValueError, "w holds 1 NaN"),
        ({"w": [[[1.0]]]}, ValueError, "w has shape"),
        ({"w": [1 + 1j]}, TypeError, "w=.*real"),
        ({"a": [1.0, 2.0]}, ValueError, r"a holds 2 value\(s\) for 1"),
        ({"b": [np.inf]}, ValueError, "b holds 1 NaN or infinite"),
        ({"sigma_a": -1.0}, ValueError, "sigma_a=-1.0 must not be negative"),
    ],
)
def test_bad_parameters_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FourierFeatureNet(**({"w": [1.0], "a": [1.0], "b": [0.0]} | arguments))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rho_w": "normal"}, TypeError, "rho_w='normal' is no density"),
        ({"width": 0}, ValueError, "width=0 must be at least 1"),
        ({"width": 2.5}, TypeError, "width=2.5 must be an integer"),
        ({"sigma_a": np.nan}, ValueError, "sigma_a=nan must be finite"),
        ({"width": 5, "zero_output": True}, ValueError, "width=5 must be even.*use 6"),
        ({"rng": "seed"}, TypeError, "rng='seed' must be an integer"),
        ({"rng": -1}, ValueError, "rng=-1 must be at least 0"),
    ],
)
def test_bad_sampling_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FourierFeatureNet.sample(**({"rho_w": Normal(), "width": 4} | arguments))


def test_points_of_another_dimension_are_refused():
    net = FourierFeatureNet.sample(Normal(dim=2), 4, rng=0)
    with pytest.raises(ValueError, match="x holds points of dimension 1"):
        net([0.0, 1.0])


def test_repr_says_what_is_known():
    assert repr(FourierFeatureNet([1.0], [1.0], [1.0])) == "FourierFeatureNet(width=1, dim=1)"
    known = FourierFeatureNet([1.0], [1.0], [1.0], density=Normal())
    assert repr(known).endswith(f"dim=1, density={Normal()!r})")
    assert repr(FourierFeatureNet([1.0], [1.0], [1.0], sigma_a=0.5)).endswith("dim=1, sigma_a=0.5)")
