"""Models of the experiments and their training: starts, closed forms, torch.optim, refusals."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats

from ntkfreq import FourierFeatureMLP, Normal, empirical_ntk_gram
from ntkfreq.experiments import descend, largest_stable_step, mlp

X = np.linspace(-1.0, 1.0, 12)
Y = np.sin(3 * X) + 0.4 * X
LABELS = np.where(Y > 0, 1.0, -1.0)
RNG = np.random.default_rng(0)
PLANE = RNG.uniform(-1, 1, (9, 3))
PLANE_Y = RNG.normal(size=9)


def small(**options):
    return mlp([1, 16, 16, 1], **({"activation": "tanh", "rng": 1} | options))


def numbers(parameters):
    return parameters.detach().numpy().ravel()


# What each rule says of a layer of n inputs and m outputs; the gain of tanh is 5/3.
RULES = {
    "he": lambda n, m: stats.norm(scale=np.sqrt(2 / n)),
    "xavier": lambda n, m: uniform(5 / 3 * np.sqrt(6 / (n + m))),
    "pytorch": lambda n, m: uniform(1 / np.sqrt(n)),
}


def uniform(bound):
    return stats.uniform(loc=-bound, scale=2 * bound)


@pytest.mark.parametrize("init", RULES)
def test_weights_follow_the_rule(init):
    net = mlp([40, 60, 50], activation="tanh", init=init, rng=3)
    for layer, fans in zip((net[0], net[2]), ((40, 60), (60, 50)), strict=True):
        law = RULES[init](*fans)
        assert stats.kstest(numbers(layer.weight), law.cdf).pvalue > 0.01
        if init == "pytorch":
            assert stats.kstest(numbers(layer.bias), law.cdf).pvalue > 0.01
        else:
            assert not numbers(layer.bias).any()


def test_default_is_what_the_layer_does_by_itself():
    own = torch.nn.Linear(30, 4000, dtype=torch.float64)
    ours = mlp([30, 4000], init="pytorch", rng=0)[0]
    for name in ("weight", "bias"):
        pair = [numbers(getattr(layer, name)) for layer in (own, ours)]
        assert stats.ks_2samp(*pair).pvalue > 0.001


def test_biases_on_request():
    net = mlp([5, 3000, 1], init="he", bias_std=0.2, rng=0)
    assert stats.kstest(numbers(net[0].bias), stats.norm(scale=0.2).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda z: np.maximum(z, 0)),
        ("leaky_relu", lambda z: np.where(z > 0, z, 0.01 * z)),
        ("tanh", np.tanh),
        ("hardtanh", lambda z: np.clip(z, -1, 1)),
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("gelu", lambda z: z * stats.norm.cdf(z)),
    ],
)
@pytest.mark.parametrize("init", RULES)
def test_output_is_the_formula(activation, formula, init):
    net = mlp([3, 7, 5, 1], activation=activation, init=init, bias_std=0.3, rng=2)
    h = PLANE
    for k in (0, 2, 4):
        h = h @ net[k].weight.detach().numpy().T + net[k].bias.detach().numpy()
        h = formula(h) if k < 4 else h
    np.testing.assert_allclose(net(torch.tensor(PLANE)).detach().numpy(), h, rtol=1e-13)


def test_gain_of_an_activation_torch_does_not_know_is_one():
    weights = numbers(mlp([300, 300], activation="gelu", init="xavier", rng=0)[0].weight)
    assert stats.kstest(weights, uniform(np.sqrt(6 / 600)).cdf).pvalue > 0.01


def test_seed_repeats_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, again, other = small(rng=5), small(rng=np.random.default_rng(5)), small(rng=6)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert first[0].weight.dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"widths": 5}, TypeError, "widths=5 must be a sequence"),
        ({"widths": [1]}, ValueError, "must name at least"),
        ({"widths": [1, 0, 1]}, ValueError, r"widths\[1\]=0 must be at least 1"),
        ({"activation": "step"}, ValueError, "activation='step' must be one of"),
        ({"init": "glorot"}, ValueError, "init='glorot' must be one of"),
        ({"bias_std": -1.0}, ValueError, "bias_std=-1.0 must not be negative"),
        ({"rng": -1}, ValueError, "rng=-1 must be at least 0"),
    ],
)
def test_bad_models_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        mlp(**({"widths": [1, 4, 1]} | arguments))


def test_linear_module_takes_the_exact_steps_of_its_kernel():
    """Affine in its parameters, so that (1 - eta K / N)^n holds to rounding."""
    line = mlp([3, 1], rng=0)
    gram = empirical_ntk_gram(line, PLANE) / len(PLANE)
    step = 0.7 * largest_stable_step(line, PLANE)
    run = descend(line, PLANE, PLANE_Y, step_size=step, steps=50, record=[3, 20])
    assert run.step.tolist() == [0, 3, 20, 50]
    for n, output, loss in zip(run.step, run.output, run.loss, strict=True):
        power = np.linalg.matrix_power(np.eye(len(gram)) - step * gram, int(n))
        error = power @ (run.output[0] - PLANE_Y)
        np.testing.assert_allclose(output - PLANE_Y, error, atol=1e-12)
        assert loss == pytest.approx(0.5 * np.mean(error**2), rel=1e-11)


class Flat(torch.nn.Module):
    """A module may return (n,) as well as (n, 1)."""

    def __init__(self):
        super().__init__()
        self.net = small()

    def forward(self, x):
        return self.net(x)[:, 0]


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("make", [small, Flat])
def test_steps_are_those_of_torch(loss, make):
    net, labels = make(), torch.tensor(LABELS)
    twin = copy.deepcopy(net)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    points = torch.tensor(X)[:, None]
    for _ in range(30):
        optimizer.zero_grad()
        output = twin(points).reshape(-1)
        if loss == "squared":
            value = 0.5 * torch.nn.functional.mse_loss(output, labels)
        else:
            value = torch.log(1 + torch.exp(-labels * output)).mean()
        value.backward()
        optimizer.step()
    run = descend(net, X, LABELS, loss=loss, step_size=0.1, steps=30, test=(X[::3] + 0.01, None))
    with torch.no_grad():
        expected = [twin(z).reshape(-1).numpy() for z in (points, points[::3] + 0.01)]
        start = net(points).reshape(-1).numpy()
    np.testing.assert_allclose(run.output[-1], expected[0], rtol=1e-12)
    np.testing.assert_allclose(run.test_output[-1], expected[1], rtol=1e-12)
    np.testing.assert_array_equal(run.output[0], start)
    np.testing.assert_allclose(run.t, 0.1 * run.step)
    assert run.settings == {
        "optimizer": "sgd",
        "loss": loss,
        "step_size": 0.1,
        "steps": 30,
        "batch_size": None,
    }


def test_module_is_left_alone_and_frozen_parameters_stay():
    net = small().float()
    net[0].weight.requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    run = descend(net, X, Y, step_size=0.1, steps=5)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(run.module[0].weight, net[0].weight.double())
    assert not torch.equal(run.module[2].weight, net[2].weight.double())
    assert run.test_output is None


def test_steps_of_a_random_feature_module():
    net = FourierFeatureMLP.sample(Normal(scale=4.0), 20, rng=0)
    run = descend(net.to_module(), X, Y, step_size=0.05, steps=3)
    np.testing.assert_allclose(run.output[0], net(X), rtol=1e-12)


@pytest.mark.parametrize(("loss", "gain"), [("squared", 2.0), ("logistic", 8.0)])
def test_stable_step_parts_decay_from_growth(loss, gain):
    """On one point with label 1 and f = 0 at first the squared loss is quadratic throughout."""
    line = mlp([1, 1], rng=0)
    stable = largest_stable_step(line, X, loss)
    assert stable == pytest.approx(
        gain * len(X) / np.linalg.eigvalsh(empirical_ntk_gram(line, X))[-1]
    )
    if loss == "squared":
        below, above = (
            descend(line, X, Y, step_size=share * stable, steps=60).loss for share in (0.98, 1.02)
        )
        assert below[-1] < below[0] < above[-1]


def test_no_kernel_no_bound():
    line = torch.nn.Linear(1, 1, bias=False)
    assert largest_stable_step(line, [0.0]) == np.inf


def test_divergence_names_the_stable_step():
    net = mlp([1, 1], rng=0)
    stable = largest_stable_step(net, X)
    with pytest.raises(FloatingPointError, match=f"above 2/lambda_max = {stable:.3g}"):
        descend(net, X, Y, step_size=3 * stable, steps=200)
    with pytest.raises(FloatingPointError, match=r"diverged by step .* is below .*wider layers"):
        descend(Cubic(), X, Y, step_size=1.9, steps=200)


class Cubic(torch.nn.Module):
    """Its kernel vanishes at start but not where its parameter goes."""

    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.tensor(0.1, dtype=torch.float64))

    def forward(self, x):
        return 30 * self.p**3 * x


def frozen():
    return small().requires_grad_(False)


def broken():
    net = small()
    torch.nn.init.constant_(net[0].bias, np.nan)
    return net


@pytest.mark.parametrize(
    ("net", "changes", "error", "message"),
    [
        (lambda: len, {}, TypeError, "must be a torch.nn.Module"),
        (broken, {}, ValueError, "module starts from a loss of nan"),
        (frozen, {}, ValueError, "module has no parameter that requires a gradient"),
        (lambda: mlp([1, 2], rng=0), {}, ValueError, r"returned shape \(12, 2\) for 12 point"),
        (small, {"loss": "hinge"}, ValueError, "loss='hinge' must be one of"),
        (small, {"loss": "logistic"}, ValueError, "must hold labels -1 and 1"),
        (small, {"y": Y[1:]}, ValueError, "y holds 11 value"),
        (small, {"x": [np.nan]}, ValueError, "x holds 1 NaN"),
        (small, {"test": ([np.nan], None)}, ValueError, "x_test holds 1 NaN"),
        (small, {"step_size": 0.0}, ValueError, "step_size=0.0 must be greater than 0"),
        (small, {"steps": -1}, ValueError, "steps=-1 must be at least 0"),
        (small, {"record": [3, 2]}, ValueError, "record=.* must hold increasing integers"),
    ],
)
def test_bad_runs_are_refused(net, changes, error, message):
    with pytest.raises(error, match=message):
        descend(net(), **({"x": X, "y": Y, "step_size": 0.1, "steps": 2} | changes))


def test_bad_bounds_are_refused():
    with pytest.raises(ValueError, match="loss='hinge'"):
        largest_stable_step(small(), X, "hinge")
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        largest_stable_step(None, X)
