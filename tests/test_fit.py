"""Training of any module: torch's own loop, steps by hand, batches, losses, refusals."""

import copy

import numpy as np
import pytest
import torch

from ntkfreq import (
    Adam,
    AdamW,
    Cosine,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Optimizer,
    RMSProp,
    Warmup,
    error_spectrum,
)
from ntkfreq.experiments import fit, mlp, projected_spectrum

RNG = np.random.default_rng(3)
X, X_TEST = RNG.normal(size=(23, 4)), RNG.normal(size=(7, 4))
Y, Y_TEST = RNG.normal(size=(23, 3)), RNG.normal(size=(7, 3))
CLASSES = RNG.integers(3, size=23)


def small(outputs=3, **options):
    return mlp([4, 12, outputs], **({"activation": "tanh", "rng": 1} | options))


def plain_loss(loss, output, y):
    if loss == "cross_entropy":
        return -torch.log_softmax(output, dim=1)[torch.arange(len(y)), y].mean()
    return 0.5 * ((output - y) ** 2).sum(dim=1).mean()


def all_ones(layer):
    """A layer whose sums overflow where its inputs nearly do, whatever was drawn before."""
    torch.nn.init.ones_(layer.weight)
    return layer


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_steps_are_those_of_a_plain_loop(name, batch_size, loss, dtype):
    net = small().to(dtype)
    twin, y = copy.deepcopy(net), CLASSES if loss == "cross_entropy" else Y
    points = torch.tensor(X, dtype=dtype)
    targets = torch.tensor(y) if loss == "cross_entropy" else torch.tensor(y, dtype=dtype)
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name]
    optimizer, order = make(twin.parameters(), lr=0.01), np.random.default_rng(8)
    for step in range(30):
        batch = np.arange(23)
        if batch_size is not None:
            # 23 points make four batches of five and one of three.
            if step % 5 == 0:
                shuffled = order.permutation(23)
            batch = shuffled[5 * (step % 5) : 5 * (step % 5) + 5]
        optimizer.zero_grad()
        plain_loss(loss, twin(points[batch]), targets[batch]).backward()
        optimizer.step()
    run = fit(
        net,
        X,
        y,
        step_size=0.01,
        steps=30,
        optimizer=name,
        batch_size=batch_size,
        loss=loss,
        test=(X_TEST, None),
        record=[4, 9],
        rng=8,
    )
    rtol = 1e-12 if dtype == torch.float64 else 1e-4
    with torch.no_grad():
        expected = twin(points)
        at_test = twin(torch.tensor(X_TEST, dtype=dtype))
    np.testing.assert_allclose(run.output[-1], expected.numpy(), rtol=rtol, atol=1e-5 * rtol)
    np.testing.assert_allclose(run.test_output[-1], at_test.numpy(), rtol=rtol, atol=1e-5 * rtol)
    assert run.loss[-1] == pytest.approx(plain_loss(loss, expected, targets).item(), rel=rtol)
    assert run.step.tolist() == [0, 4, 9, 30]
    assert run.t.tolist() == [0.0, 0.04, 0.09, 0.3]
    assert run.output.dtype == np.float64
    assert next(run.module.parameters()).dtype == dtype
    assert run.test_loss is None
    assert run.settings == {
        "optimizer": name,
        "loss": loss,
        "step_size": 0.01,
        "steps": 30,
        "batch_size": batch_size,
    }


def test_two_steps_of_adam_by_hand():
    """f = p x on the point x = 2, y = 0: the gradient is 4 p."""
    net = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(net.weight)
    run = fit(net, [2.0], [0.0], step_size=0.1, steps=2, record=[1])
    first = 1 - 0.1 * 4 / (4 + 1e-8)
    slope = 4 * first
    mean = (0.9 * 0.1 * 4 + 0.1 * slope) / (1 - 0.9**2)
    square = (0.999 * 0.001 * 16 + 0.001 * slope**2) / (1 - 0.999**2)
    second = first - 0.1 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(run.output[:, 0] / 2, [1.0, first, second], rtol=1e-14)
    np.testing.assert_allclose(run.loss, 2 * np.array([1.0, first, second]) ** 2, rtol=1e-13)


class Halved(Optimizer):
    """A rule of the user's own."""

    def update(self, theta, slope, memory, rate, step):
        theta -= rate * slope / 2


RULES = {
    "gd": (GradientDescent(), lambda p: torch.optim.SGD(p, lr=0.01)),
    "heavy ball": (HeavyBall(0.8), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8)),
    "nesterov": (
        Nesterov(0.8), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True),
    ),
    "adam": (Adam(0.8, 0.95, 1e-6), lambda p: torch.optim.Adam(p, 0.01, (0.8, 0.95), 1e-6)),
    "adamw": (AdamW(0.8), lambda p: torch.optim.AdamW(p, 0.01, (0.8, 0.999), weight_decay=0)),
    "rmsprop": (RMSProp(momentum=0.5), lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5)),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "make"), RULES.values(), ids=list(RULES))
def test_rules_of_the_trainer_are_those_of_torch(rule, make):
    net = small()
    twin, targets = copy.deepcopy(net), torch.tensor(Y)
    optimizer = make(twin.parameters())
    for _ in range(12):
        optimizer.zero_grad()
        plain_loss("squared", twin(torch.tensor(X)), targets).backward()
        optimizer.step()
    run = fit(net, X, Y, step_size=0.01, steps=12, optimizer=rule)
    np.testing.assert_allclose(run.output[-1], twin(torch.tensor(X)).detach().numpy(), rtol=1e-11)
    assert run.settings["optimizer"] == repr(rule)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("rule", [Adam(epsilon=0.0), RMSProp(epsilon=0.0)])
def test_units_that_never_answer_stay_without_epsilon(rule, dtype):
    net = small(activation="relu").to(dtype)
    with torch.no_grad():
        net[0].bias[:6] = -1e3
    run = fit(net, X, Y, step_size=0.01, steps=12, optimizer=rule)
    after = run.module[0].weight
    assert torch.equal(after[:6], net[0].weight[:6])
    assert bool((after[6:] != net[0].weight[6:]).any())
    assert run.loss[-1] < run.loss[0]


def test_clip_and_schedule_are_followed():
    net, schedule = small(), Warmup(4, Cosine(20))
    twin, targets = copy.deepcopy(net), torch.tensor(Y)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    for step in range(10):
        optimizer.param_groups[0]["lr"] = 0.01 * schedule.factor(step)
        optimizer.zero_grad()
        plain_loss("squared", twin(torch.tensor(X)), targets).backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
    rule = Adam(clip=0.5, schedule=schedule)
    run = fit(net, X, Y, step_size=0.01, steps=10, optimizer=rule, record=[2])
    np.testing.assert_allclose(run.output[-1], twin(torch.tensor(X)).detach().numpy(), rtol=1e-11)
    sizes = [0.01 * schedule.factor(step) for step in range(10)]
    np.testing.assert_allclose(run.t, [0.0, sum(sizes[:2]), sum(sizes)], rtol=1e-14)


@pytest.mark.parametrize(("loss", "y"), [("squared", Y), ("cross_entropy", CLASSES)])
def test_test_loss_is_the_training_loss_elsewhere(loss, y):
    run = fit(small(), X, y, step_size=0.01, steps=9, loss=loss, test=(X, y))
    np.testing.assert_array_equal(run.test_loss, run.loss)
    np.testing.assert_array_equal(run.test_output, run.output)


class SideBySide(torch.nn.Module):
    """Networks of one hidden layer, one for each column of points and outputs."""

    def __init__(self, nets):
        super().__init__()
        self.nets = torch.nn.ModuleList(nets)

    def forward(self, x):
        return torch.cat([net(x[:, k]) for k, net in enumerate(self.nets)], dim=1)


def test_networks_side_by_side_are_trained_as_each_alone():
    nets = [small(1, rng=k) for k in range(3)]
    x = RNG.normal(size=(23, 3, 4))
    both = fit(SideBySide(nets), x, Y, step_size=0.01, steps=40)
    for k, net in enumerate(nets):
        alone = fit(net, x[:, k], Y[:, k], step_size=0.01, steps=40)
        np.testing.assert_allclose(both.output[:, :, k], alone.output, rtol=1e-10, atol=1e-13)


def test_batches_depend_on_the_seed_and_the_module_is_left_alone():
    net = small()
    before = copy.deepcopy(net.state_dict())
    first, again, other = (
        fit(net, X, Y, step_size=0.01, steps=20, batch_size=4, rng=seed).output[-1]
        for seed in (0, np.random.default_rng(0), 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_single_outputs_have_no_last_axis():
    run = fit(small(1), X, Y[:, 0], step_size=0.01, steps=2, test=(X_TEST, None))
    assert run.output.shape == (3, 23)
    assert run.test_output.shape == (3, 7)


@pytest.mark.parametrize("batch_size", [None, 5])
def test_divergence_is_reported(batch_size):
    with pytest.raises(FloatingPointError, match=r"diverged by step \d+: step_size=5; use .* 0.5$"):
        fit(
            mlp([4, 3], rng=0),
            X,
            Y,
            step_size=5.0,
            steps=500,
            optimizer="sgd",
            batch_size=batch_size,
        )


@pytest.mark.parametrize(
    ("net", "changes", "error", "message"),
    [
        (lambda: len, {}, TypeError, "must be a torch.nn.Module"),
        (lambda: small().requires_grad_(False), {}, ValueError, "no parameter that requires"),
        (lambda: small(2), {}, ValueError, r"shape \(23, 2\) for 23 point.* return \(n, 3\) as y"),
        (small, {"y": Y[:, 0]}, ValueError, r"must return one number each"),
        (small, {"y": Y[1:]}, ValueError, "y holds 22 value"),
        (small, {"y": Y[:, :, None]}, ValueError, "y has shape"),
        (small, {"optimizer": "lion"}, ValueError, "optimizer='lion' must be an Optimizer"),
        (small, {"loss": "hinge"}, ValueError, "loss='hinge' must be one of"),
        (small, {"batch_size": 0}, ValueError, "batch_size=0 must be at least 1"),
        (small, {"rng": -1}, ValueError, "rng=-1 must be at least 0"),
        (
            small,
            {"test": (None, Y)},
            TypeError,
            r"None or a pair \(x_test, y_test\), in which",
        ),
        (small, {"test": X_TEST}, TypeError, r"must be None or a pair \(x_test, y_test\)"),
        (small, {"test": (X_TEST, Y)}, ValueError, "y_test holds 23 value"),
        (small, {"optimizer": Halved()}, ValueError, "has no namesake in torch.optim"),
        (small, {"optimizer": "sign"}, ValueError, "has no namesake in torch.optim"),
        (
            lambda: small(2),
            {"y": CLASSES, "loss": "cross_entropy"},
            ValueError,
            "y holds classes up to 2; it must return one number a class",
        ),
        (small, {"y": CLASSES - 1, "loss": "cross_entropy"}, ValueError, "must hold class numbers"),
        (small, {"y": CLASSES + 0.5, "loss": "cross_entropy"}, ValueError, "class numbers"),
        (small, {"y": CLASSES * 1e30, "loss": "cross_entropy"}, ValueError, "class numbers"),
        (
            lambda: small().float(),
            {"test": (1e45 * X_TEST, None)},
            ValueError,
            "x_test holds numbers of up to .*e.45, too large for the module's torch.float32",
        ),
        (
            lambda: all_ones(torch.nn.Linear(4, 3).float()),
            {"test": (np.full_like(X_TEST, 3.4e38), None)},
            FloatingPointError,
            "the output at x_test is not finite at step 0: use points",
        ),
    ],
)
def test_bad_fits_are_refused(net, changes, error, message):
    with pytest.raises(error, match=message):
        fit(net(), **({"x": X, "y": Y, "step_size": 0.1, "steps": 2} | changes))


def test_projected_spectrum_is_that_of_the_whole_vector():
    direction, k = RNG.normal(size=4), np.linspace(0, 3, 11)
    expected = error_spectrum(X, Y.T, np.outer(k, direction))
    np.testing.assert_allclose(projected_spectrum(X, Y, direction, k), expected, atol=1e-14)
    one = projected_spectrum(X, Y[:, 1], direction, k)
    np.testing.assert_allclose(one, expected[1], atol=1e-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": [1.0]}, "direction has 1 component"),
        ({"values": Y[1:]}, r"values has shape \(22, 3\)"),
        ({"x": X[0]}, "x has shape"),
    ],
)
def test_bad_projections_are_refused(changes, message):
    good = {"x": X, "values": Y, "direction": np.ones(4), "frequencies": [0.0]}
    with pytest.raises(ValueError, match=message):
        projected_spectrum(**(good | changes))
