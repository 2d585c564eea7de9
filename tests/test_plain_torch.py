"""Each update rule of `train` against the loop that a user of PyTorch writes, on every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from ntkfreq import (
    Adam,
    AdamW,
    FourierFeatureMLP,
    FourierFeatureNet,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normal,
    RMSProp,
    SignDescent,
    compare,
    solve_frequency_pde,
    train,
    train_many,
)

STEPS = 50
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (11, 2))
Y = np.sin(3 * X[:, 0]) + 0.3
NET = FourierFeatureNet.sample(Normal(scale=4.0, dim=2), 16, rng=0)
# Fast transforms to rounding, for the others nothing is approximate.
BACKENDS = {"reference": {}, "direct": {}, "nufft": {"tolerance": 1e-14}, "torch": {}}


class Plain(torch.nn.Module):
    """The network by its formula, with the factor of the NTK parametrization or without."""

    def __init__(self, net: FourierFeatureNet, parametrization: str = "ntk") -> None:
        super().__init__()
        root = len(net.a) ** 0.5
        self.factor, scale = (1 / root, 1.0) if parametrization == "ntk" else (1.0, root)
        self.w, self.a, self.b = (
            torch.nn.Parameter(torch.tensor(part))
            for part in (np.array(net.w), net.a / scale, net.b / scale)
        )

    def forward(self, x: Any) -> Any:
        phase = x @ self.w.T
        return self.factor * (torch.cos(phase) @ self.a + torch.sin(phase) @ self.b)


def by_sign(beta: float) -> Any:
    """Sign descent by hand, for there is none in ``torch.optim``."""

    class Signs(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    mean = self.state[p].get("mean", torch.zeros_like(p))
                    self.state[p]["mean"] = mean = beta * mean + (1 - beta) * p.grad
                    p -= group["lr"] * (group["weight_decay"] * p + torch.sign(mean))

    return lambda groups, lr: Signs(groups, {"lr": lr})


@dataclass(frozen=True)
class Case:
    """A rule here and there; decays of a and b, and of w."""

    rule: Any
    theirs: Any
    step_size: float
    decays: tuple[float, float] = (0.0, 0.0)
    clip: float | None = None


def adam(epsilon: float, decays: tuple[float, float] = (0.0, 0.0)) -> Case:
    return Case(
        Adam(epsilon=epsilon), lambda g, lr: torch.optim.Adam(g, lr, eps=epsilon), 0.01, decays
    )


CASES = {
    "gradient descent": Case(GradientDescent(), torch.optim.SGD, 0.3),
    "heavy ball": Case(HeavyBall(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9), 0.05),
    "Nesterov": Case(Nesterov(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9, nesterov=True), 0.05),
    "Adam, epsilon 0": adam(0.0),
    "Adam, epsilon 1e-8": adam(1e-8),
    "Adam, epsilon 1": adam(1.0),
    "Adam with decay": adam(1e-8, (0.2, 0.05)),
    "AdamW": Case(AdamW(), torch.optim.AdamW, 0.01, (0.2, 0.05)),
    "RMSProp": Case(RMSProp(), torch.optim.RMSprop, 0.003),
    "RMSProp, epsilon 0": Case(
        RMSProp(epsilon=0.0), lambda g, lr: torch.optim.RMSprop(g, lr, eps=0.0), 0.003
    ),
    "RMSProp, all options": Case(
        RMSProp(0.9, 1e-3, 0.8),
        lambda g, lr: torch.optim.RMSprop(g, lr, 0.9, 1e-3, momentum=0.8),
        0.001,
        (0.2, 0.05),
    ),
    "sign descent": Case(SignDescent(), by_sign(0.0), 0.003),
    "sign descent with momentum": Case(SignDescent(0.9), by_sign(0.9), 0.003, (0.2, 0.05)),
}


def by_torch(case: Case, module: Any, parts: Any = None) -> Any:
    """Trained by a plain loop; `parts` are the output weights, and w."""
    x, y = torch.tensor(X), torch.tensor(Y)
    parts = ([module.a, module.b], [module.w]) if parts is None else parts
    groups = [
        {"params": params, "weight_decay": rate}
        for params, rate in zip(parts, case.decays, strict=True)
        if params
    ]
    optimizer = case.theirs(groups, case.step_size)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * torch.mean((module(x) - y) ** 2)).backward()
        if case.clip is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), case.clip)
        optimizer.step()
    return module


def settings(case: Case) -> dict[str, Any]:
    """The same for `train`."""
    outer, inner = case.decays
    return {
        "step_size": case.step_size,
        "steps": STEPS,
        "optimizer": case.rule,
        "weight_decay": outer,
        "frequency_decay": inner,
        "record": 5,
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_that_of_the_plain_loop(name, backend):
    case = CASES[name]
    module = by_torch(case, Plain(NET))
    run = train(NET, X, Y, backend=backend, **settings(case), **BACKENDS[backend])
    for part in ("w", "a", "b"):
        # Sums in another order, over fifty steps.
        np.testing.assert_allclose(
            getattr(run.net, part), getattr(module, part).detach().numpy(), rtol=0, atol=1e-10
        )
    np.testing.assert_array_equal(run.t, case.step_size * run.step)
    assert run.status.startswith("completed 50 steps")
    assert np.abs(run.net.w - NET.w).max() > 1e-3


# Of gradient descent the step is that of the output weights times their number.
STANDARD = {
    "SGD": Case(GradientDescent(), torch.optim.SGD, 0.02),
    "SGD with decay": Case(GradientDescent(), torch.optim.SGD, 0.02, (0.3, 0.1)),
    "momentum": Case(HeavyBall(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9), 0.003),
    "Nesterov": Case(
        Nesterov(0.9), lambda g, lr: torch.optim.SGD(g, lr, 0.9, nesterov=True), 0.003, (0.3, 0.1)
    ),
    "clipping": Case(GradientDescent(clip=0.5), torch.optim.SGD, 0.05, (0.3, 0.1), 0.5),
    "Adam": adam(1e-8),
    "Adam, epsilon 0": adam(0.0),
    "Adam, epsilon 0.1": adam(0.1, (0.2, 0.05)),
    "AdamW": Case(AdamW(), torch.optim.AdamW, 0.01, (0.2, 0.05)),
    "RMSProp": CASES["RMSProp"],
    "RMSProp, all options": CASES["RMSProp, all options"],
    "sign descent": CASES["sign descent with momentum"],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", STANDARD)
def test_the_standard_parametrization_is_the_module_without_factors(name, backend):
    case = STANDARD[name]
    module = by_torch(case, Plain(NET, "standard"))
    options = settings(case) | {"parametrization": "standard"} | BACKENDS[backend]
    run = train(NET, X, Y, backend=backend, **options)
    theirs = {"w": module.w, "a": 4 * module.a, "b": 4 * module.b}
    for part, values in theirs.items():
        np.testing.assert_allclose(
            getattr(run.net, part), values.detach().numpy(), rtol=0, atol=1e-10
        )
    with torch.no_grad():
        np.testing.assert_allclose(run.train_output[-1], module(torch.tensor(X)), atol=1e-10)
    np.testing.assert_array_equal(run.t, case.step_size * run.step)
    # The other parametrization is another run.
    other = train(NET, X, Y, backend=backend, **settings(case), **BACKENDS[backend])
    assert np.abs(run.net.a - other.net.a).max() > 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_frozen_frequencies_stay_in_the_standard_parametrization(backend):
    case, module = adam(0.1, (0.2, 0.0)), Plain(NET, "standard")
    module.w.requires_grad_(False)
    by_torch(case, module, ([module.a, module.b], []))
    options = settings(case) | {"parametrization": "standard"} | BACKENDS[backend]
    run = train(NET, X, Y, backend=backend, freeze_frequencies=True, **options)
    np.testing.assert_array_equal(run.net.w, NET.w)
    np.testing.assert_allclose(run.net.a, 4 * module.a.detach().numpy(), rtol=0, atol=1e-10)


class PlainDeep(torch.nn.Module):
    """A deep network as it is mostly written: no factors."""

    def __init__(self, net: FourierFeatureMLP) -> None:
        super().__init__()
        below, gain = 2 * net.width, 2**0.5
        self.w = torch.nn.Parameter(torch.tensor(np.array(net.w)))
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for weights, bias in net.layers:
            self.weights.append(torch.nn.Parameter(torch.tensor(gain / below**0.5 * weights)))
            self.biases.append(torch.nn.Parameter(torch.tensor(np.array(bias))))
            # The mean square of tanh over the standard normal distribution, by quadrature.
            below, gain = len(bias), 1.5925374197228314
        self.readout = torch.nn.Parameter(torch.tensor(gain / below**0.5 * net.readout))

    def forward(self, x: Any) -> Any:
        phase = x @ self.w.T
        units = torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)
        for weights, bias in zip(self.weights, self.biases, strict=True):
            units = torch.tanh(units @ weights.T + bias)
        return units @ self.readout


@pytest.mark.parametrize("name", ["SGD with decay", "momentum", "Adam", "AdamW", "clipping"])
def test_deep_networks_have_the_standard_parametrization_too(name):
    case = STANDARD[name]
    net = FourierFeatureMLP.sample(Normal(scale=4.0, dim=2), 10, hidden=14, sigma_b=0.3, rng=0)
    module = PlainDeep(net)
    inner = [module.w]
    outer = [p for key, p in module.named_parameters() if key != "w"]
    by_torch(case, module, (outer, inner))
    run = train(net, X, Y, parametrization="standard", **settings(case))
    with torch.no_grad():
        np.testing.assert_allclose(run.train_output[-1], module(torch.tensor(X)), atol=1e-10)
    trained = PlainDeep(run.net)
    for mine, theirs in zip(trained.parameters(), module.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), theirs.detach(), rtol=0, atol=1e-10)
    assert np.abs(run.net.w - net.w).max() > 1e-4


def test_twins_of_a_deep_network_share_the_scale_of_their_output():
    net = FourierFeatureMLP.sample(Normal(scale=4.0, dim=2), 6, zero_output=True, rng=0)
    module, x = net.to_module(), torch.tensor(X)
    # The output, by weights that have taken up all factors.
    sizes = [p.numel() for p in (module.w, *_in_order(module), module.readout)]
    parts = np.split(net.packed() / net.standard_scale(), np.cumsum(sizes)[:-1])
    w, *layers, readout = map(torch.tensor, parts)
    phase = x @ w.reshape(2, 3, 2).mT
    units = torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)
    for weights, bias in zip(layers[::2], layers[1::2], strict=True):
        units = torch.tanh(units @ weights.reshape(2, 3, -1).mT + bias.reshape(2, 1, 3))
    each = (units @ readout.reshape(2, 3, 1))[:, :, 0]
    assert float(each[0].abs().max()) > 0.1
    np.testing.assert_allclose(each.sum(0).numpy(), net(X), atol=1e-13)
    # One branch alone is the network drawn, over the root of two.
    lone = FourierFeatureMLP(
        net.w[:3], [(v[:3], b[:3]) for v, b in net.layers], net.readout[:3], sigma_a=1.0
    )
    np.testing.assert_allclose(each[0].numpy(), lone(X) / 2**0.5, atol=1e-13)


def _in_order(module: Any) -> list[Any]:
    pairs = zip(module.weights, module.biases, strict=True)
    return [part for pair in pairs for part in pair]


def test_a_run_in_the_standard_parametrization_resumes_and_repeats(tmp_path):
    options = {"step_size": 0.01, "optimizer": Adam(), "parametrization": "standard", "record": 5}
    options |= {"backend": "direct", "threads": 1}
    whole = train(NET, X, Y, steps=50, **options)
    path = tmp_path / "run.npz"
    train(NET, X, Y, steps=50, checkpoint=path, **options)
    again = train(NET, X, Y, steps=50, checkpoint=path, **options)
    assert again.stats["resumed_from"] == 50
    assert whole.settings["parametrization"] == whole.descent.parametrization == "standard"
    (many,) = train_many(
        [NET], X, Y, steps=50, **{k: v for k, v in options.items() if k != "threads"}
    )
    for other in (again, many):
        np.testing.assert_array_equal(other.net.packed(), whole.net.packed())
    with pytest.raises(ValueError, match="belongs to a run with other data"):
        train(NET, X, Y, steps=50, checkpoint=path, **options | {"parametrization": "ntk"})


def test_learning_times_and_stable_steps_are_those_of_the_module():
    net = FourierFeatureNet.sample(Normal(scale=4.0), 200, zero_output=True, rng=0)
    x = np.linspace(-1, 1, 40)
    y = np.sin(3 * x) + np.sin(9 * x)
    # Here w hardly moves: the step is the one of frozen frequencies, m times shorter.
    slow = train(net, x, y, step_size=0.5 / 200, steps=400, parametrization="standard")
    frozen = train(net, x, y, step_size=0.5, steps=400, freeze_frequencies=True)
    for band in ((2.0, 4.0), (8.0, 10.0)):
        assert 200 * slow.learning_time(band, 0.3) == pytest.approx(
            frozen.learning_time(band, 0.3), rel=0.05
        )
    top = np.linalg.eigvalsh(_standard_gram(net, x) / len(x))[-1]
    with pytest.warns(RuntimeWarning, match="diverged"):
        run = train(net, x, y, step_size=8.0, steps=400, parametrization="standard")
    assert f"above 2/lambda_max = {2 / top:.2g}" in run.status


def _standard_gram(net: FourierFeatureNet, x: np.ndarray) -> np.ndarray:
    """Kernel of the gradients in A, B and w."""
    phase = np.outer(x, net.w[:, 0])
    c, s = np.cos(phase), np.sin(phase)
    inner = x[:, None] * (net.b * c - net.a * s) / len(net.a) ** 0.5
    return c @ c.T + s @ s.T + inner @ inner.T


def test_no_prediction_is_laid_over_a_run_in_the_standard_parametrization():
    x = np.linspace(-1, 1, 8)
    net = FourierFeatureNet.sample(Normal(scale=4.0), 20, rng=0)
    run = train(net, x, x, step_size=0.01, steps=5, parametrization="standard")
    solution = solve_frequency_pde(Normal(scale=4.0), (x, x), initial_output=net)
    with pytest.raises(ValueError, match=r"parametrization='standard'.*train with.*'ntk'"):
        compare(solution, run)
    with pytest.raises(ValueError, match="parametrization='mup' must be one of 'ntk', 'standard'"):
        train(net, x, x, step_size=0.01, steps=5, parametrization="mup")
