"""Whether a prediction and a run describe the same training, and how their clocks relate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.comparison.clock import common_clock, regular_spacing
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.inputs import Network
from ntkfreq.network.mlp import FourierFeatureMLP
from ntkfreq.network.mlp_standard import rates_of
from ntkfreq.network.stability import stable_step
from ntkfreq.ntk.gram import limit_gram
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.stepped.solution import SteppedSolution
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.density import Density
from ntkfreq.problem.density.reaches import sizes
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.rates import LayerRates
from ntkfreq.problem.measure import Line, is_measure
from ntkfreq.problem.optimizers import Momentum

_GROUPS = ("frequencies", "readout", "output_bias")
# Largest relative difference of sampled and exact initial spectrum, up to half of Nyquist.
_ALIASED = 0.05
_MOST_POINTS = 3000
# Directions, and axes at most, along which kernels are compared.
_DIRECTIONS, _AXES = 8, 64


def refuse_mismatch(solution: FrequencySolution, history: TrainHistory, x: FloatArray) -> None:
    """Refuse a run on other data, or from another start, density, sigma_a or decay."""
    problem, net = solution.equation, history.initial_net
    followed = isinstance(solution, SteppedSolution)
    layers = problem.layers
    if not followed and layers is None and history.descent.parametrization != "ntk":
        raise ValueError(
            "history was trained with parametrization='standard', in which w learns more slowly "
            "beside the output weights than the prediction has it; train with "
            "parametrization='ntk' (two layers of m units: with m times the step_size, at which "
            "the output weights learn as before)"
        )
    _refuse_other_decay(solution, history, x)
    y = problem.target.at(x)
    if np.abs(y - history.y).max() > 1e-6 * max(np.abs(y).max(), 1e-300):
        raise ValueError(
            f"history.y differs from the target of the solution by up to "
            f"{np.abs(y - history.y).max():.3g}; train on the same values"
        )
    own, theirs = problem.initial_output_at(x), history.train_output[0]
    gap = float(np.abs(own - theirs).max())
    if gap > history.precision.outputs * max(_magnitude(net), float(np.abs(theirs).max())):
        raise ValueError(
            f"solution and history start from outputs f_0 that differ by {gap:.3g}; solve with "
            "initial_output=net, or sample the network with zero_output=True"
        )
    if problem.layers is not None:
        _refuse_other_layers(problem.layers, history)
    sigma_a = _sigma_a(history)
    if sigma_a is not None and abs(sigma_a - problem.sigma_a) > 1e-12 * max(sigma_a, 1.0):
        raise ValueError(
            f"history has sigma_a={sigma_a:g} (0 for frozen frequencies), the solution "
            f"{problem.sigma_a:g}; use the same"
        )
    if isinstance(net.density, Density) and not _same_density(problem.density, net):
        raise ValueError(
            f"history drew its frequencies from {checks.show(net.density)}, the solution has "
            f"{checks.show(problem.density)}; use the same"
        )


def _refuse_other_layers(layers: HiddenLayers, history: TrainHistory) -> None:
    """Refuse a network with other hidden layers than those of the solution."""
    net, frozen = history.initial_net, history.descent.freeze_frequencies
    wanted = {
        "depth": (layers.depth, getattr(net, "depth", 0)),
        "activation": (layers.activation, getattr(net, "activation", None)),
        "sigma_w": (layers.sigma_w, getattr(net, "sigma_w", None)),
        "sigma_b": (layers.sigma_b, getattr(net, "sigma_b", None)),
        "sigma_a": (layers.sigma_a, getattr(net, "sigma_a", None)),
        "train_frequencies": (layers.train_frequencies, not frozen),
    }
    for name, (own, theirs) in wanted.items():
        if theirs is not None and own != theirs:
            raise ValueError(
                f"history trained a network with {name}={theirs!r}, and the solution has "
                f"{own!r}; solve with {name}={theirs!r}"
            )
    _refuse_other_rates(layers, history)


def _refuse_other_rates(layers: HiddenLayers, history: TrainHistory) -> None:
    """Refuse a network whose layers learn at other rates than those of the solution."""
    net, standard = history.initial_net, history.descent.parametrization == "standard"
    if not isinstance(net, FourierFeatureMLP):
        return
    theirs = rates_of(net) if standard else LayerRates()
    pairs = [
        *zip(layers.rates.of_layers(layers.depth), theirs.of_layers(layers.depth), strict=True),
        *(((getattr(one, name),) for one in (layers.rates, theirs)) for name in _GROUPS),
    ]
    if not all(np.allclose(own, other, rtol=1e-9, atol=0.0) for own, other in pairs):
        # With twins layers are as wide as one of them, and with other sizes as each is.
        alike = net.branches == 1 and {len(bias) for _, bias in net.layers} == {net.width}
        remedy = "no rates"
        if standard:
            given = f"parametrization='standard', width={net.width}"
            remedy = given if alike else "depth=HiddenLayers(..., rates=) of these rates"
        raise ValueError(
            f"history was trained with parametrization={history.descent.parametrization!r}, where "
            f"groups of parameters learn at {theirs!r}, and the solution has {layers.rates!r}; "
            f"solve with {remedy}"
        )


def refuse_other_training(training: StepwiseTraining, history: TrainHistory) -> None:
    """Refuse a run by another rule, step size, width or batches than what was followed."""
    descent = history.descent
    pairs = {
        "optimizer": (training.optimizer, descent.optimizer),
        "step_size": (training.step_size, descent.step_size),
        "parametrization": (training.parametrization, descent.parametrization),
        "width": (training.width, history.initial_net.width),
        "batch_size": (training.batch_size, descent.batch_size),
    }
    if not (training.optimizer.normalized or training.parametrization == "standard"):
        del pairs["width"]
    for name, (own, theirs) in pairs.items():
        if own != theirs:
            raise ValueError(
                f"history was trained with {name}={theirs}, and the solution has {own}; solve "
                f"with {name}={theirs}"
            )
    steps = int(history.step[-1])
    own = training.batches(steps, len(history.y))
    if own is None or steps == 0:
        return
    for step in {0, steps // 2, steps - 1}:
        seen, wanted = history.batch(step), own[step]
        if seen is None or not np.array_equal(np.sort(seen), np.sort(wanted[wanted >= 0])):
            raise ValueError(
                f"history saw other points than the solution at step {step}; solve with the "
                "batches of the run: order=[history.batch(n) for n in range(steps)], or its seed"
            )


def _magnitude(net: Any) -> float:
    """What the sums of an evaluation add up in magnitude; their error is relative to it."""
    if not isinstance(net, FourierFeatureNet):
        return 1.0
    total = float(np.abs(net.a).sum() + np.abs(net.b).sum())
    return max(1.0, total / float(np.sqrt(net.width)))


def _sigma_a(history: TrainHistory) -> float | None:
    """The sigma_a that the theory has to have for a run; None where it is free.

    It is free where nobody knows it, and for networks with hidden layers: their output weights do
    not play the part that sigma_a has in the kernel of two layers.
    """
    net = history.initial_net
    if isinstance(net, FourierFeatureMLP) and net.depth > 0:
        return None
    return 0.0 if history.descent.freeze_frequencies else net.sigma_a


def momentum_of(history: TrainHistory, stepwise: bool) -> Momentum:
    """Momentum of the run and whether it is Nesterov's; refuses rules that nothing predicts."""
    rule, batch_size = history.optimizer, history.descent.batch_size
    found = rule.momentum_if_linear() if rule.clip is None else None
    if found is None or batch_size is not None:
        raise ValueError(
            f"history was trained with optimizer={rule}, batch_size={batch_size}; the prediction "
            "holds for full-batch GradientDescent, HeavyBall and Nesterov without clip: solve with "
            "the optimizer, width and batches of the run, which follows it step by step"
        )
    if found.beta > 0 and not stepwise:
        raise ValueError(
            f"history was trained with momentum={found.beta:g}, which only the prediction in steps "
            "knows, without decay and with discrete=True; train by gradient descent"
        )
    return found


def _refuse_other_decay(solution: FrequencySolution, history: TrainHistory, x: FloatArray) -> None:
    """Refuse a run under other decay than the solution, on the solution's own clock."""
    factor, _ = common_clock(solution, x)
    decay, descent = solution.equation.decay, history.descent
    wanted = {
        "weight_decay": descent.weight_decay / factor,
        "readout_decay": descent.readout_decay / factor,
        "frequency_decay": 0.0 if descent.freeze_frequencies else descent.frequency_decay / factor,
    }
    of_weights = "weight_decay" if solution.equation.layers is None else "readout_decay"
    if of_weights == "readout_decay" and descent.weight_decay > 0:
        raise ValueError(
            f"history was trained with weight_decay={descent.weight_decay:g}, which acts on hidden "
            "weights too, and follows from no equation; train with readout_decay"
        )
    if of_weights == "weight_decay" and descent.readout_decay > 0:
        raise ValueError(
            f"history was trained with readout_decay={descent.readout_decay:g}, and the solution "
            "has no hidden layers; solve with the depth of the network"
        )
    for name, own in ((of_weights, decay.weight), ("frequency_decay", decay.frequency)):
        if abs(own - wanted[name]) > 1e-9 * max(own, wanted[name]):
            raise ValueError(
                f"history was trained with {name}={getattr(descent, name):g}, {wanted[name]:g} on "
                f"the clock of the solution, which has {own:g}; solve with {name}={wanted[name]:g}"
            )
    if decay.frequency > 0 and history.decay_towards != decay.towards:
        raise ValueError(
            f"history decays towards {history.decay_towards!r}, the solution towards "
            f"{decay.towards!r}; use the same decay_towards"
        )


def _same_density(density: Density, net: Network) -> bool:
    """Equal by value: same parameters, or same kernel; a network's own atoms are also right."""
    drawn = net.density
    assert isinstance(drawn, Density)
    if density == drawn:
        return True
    if density.atomic is not None and np.array_equal(density.atomic[0], net.w):
        return True
    if density.dim != drawn.dim:
        return False
    # Along each axis and between them, each at the distances over which its own kernel varies.
    dim, rng = density.dim, np.random.default_rng(0)
    others = rng.standard_normal((_DIRECTIONS if dim > 1 else 0, dim))
    directions = np.concatenate([np.eye(dim)[:_AXES], np.ones((1, dim)), others])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    steps = np.multiply.outer(np.geomspace(0.1, 20.0, 24), directions).reshape(-1, dim)
    z = steps / np.maximum(sizes(drawn, 0.3), 1e-300)
    gap = density.kernel_values(z) - drawn.kernel_values(z)
    return bool(np.abs(gap).max() <= 1e-8)


def refuse_unfaithful_samples(
    solution: FrequencySolution, history: TrainHistory, x: FloatArray, measured: ComplexArray
) -> None:
    """On Line: refuse samples that alias, and steps that are unstable on them.

    The line knows neither: its spectrum is not periodic and its operator has no largest rate.
    """
    if not is_measure(solution.equation.measure, Line):
        return
    below = np.abs(history.frequencies) <= np.pi / (2 * regular_spacing(x))
    expected, found = solution.data_spectrum[0, below], measured[0, below]
    size = float(np.linalg.norm(expected))
    gap = float(np.linalg.norm(found - expected)) / max(size, 1e-300)
    if gap > _ALIASED:
        raise ValueError(
            "history has samples whose spectrum differs from that of the target by "
            f"{100 * gap:.2g} %: they alias; train on denser samples"
        )
    if len(x) > _MOST_POINTS:
        return
    gram = limit_gram(solution.equation.density, x, x, solution.equation.sigma_a) / len(x)
    fastest = float(np.linalg.eigvalsh(gram)[-1])
    step_size = history.descent.step_size
    stable = stable_step(history.optimizer, fastest)
    if step_size > stable:
        raise ValueError(
            f"history took steps of {step_size:g}, above {stable:.4g} where gradient descent "
            "on its samples is stable; train with a smaller step_size or nearer to x = 0"
        )
