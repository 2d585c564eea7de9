"""compare(): common clock and units, and a refusal where the two are not the same training."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest

from ntkfreq import (
    Box,
    FourierFeatureNet,
    Grid,
    Laplace,
    Line,
    Normal,
    Points,
    compare,
    load_zarr,
    save_zarr,
    solve_frequency_pde,
    train,
)
from ntkfreq.problem.optimizers import GradientDescent, HeavyBall, Nesterov

RHO = Normal(scale=6.0)
X = np.linspace(-1, 1, 24)


def wave(x):
    return np.sin(5 * x) + 0.3


def bump(x):
    return np.exp(-(x**2) / 2) * np.cos(4 * x)


def run_on(x, y, net=None, **options):
    net = FourierFeatureNet.sample(RHO, 4096, zero_output=True, rng=0) if net is None else net
    settings = {"step_size": 0.2, "steps": 200, "record": 12} | options
    return train(net, x, y, **settings)


@pytest.fixture(scope="module")
def run():
    return run_on(X, wave(X))


@pytest.fixture(scope="module")
def prediction():
    return solve_frequency_pde(RHO, (X, wave(X)), t=[0.0, 100.0])


@pytest.fixture(scope="module")
def both(prediction, run):
    return compare(prediction, run)


def test_prediction_is_evaluated_at_the_steps_of_the_run(both, prediction, run):
    np.testing.assert_array_equal(both.t, run.t)
    np.testing.assert_array_equal(both.frequencies, run.frequencies)
    exact = prediction.at(t=run.t, frequencies=run.frequencies, step_size=0.2)
    np.testing.assert_array_equal(both.predicted, exact.data_spectrum)
    np.testing.assert_array_equal(both.predicted_loss, exact.train_loss)
    np.testing.assert_array_equal(both.measured, run.data_spectrum)
    np.testing.assert_array_equal(both.measured_loss, run.train_loss)
    assert both.clock == "the same: step size times steps"


def test_output_error_is_the_relative_distance(both, run):
    predicted = both.solution.output(X)
    gap = np.linalg.norm(run.output - predicted, axis=1)[1:]
    size = np.linalg.norm(predicted, axis=1)[1:]
    # Mirrored pairs start at zero up to the rounding of their sums.
    assert both.output_error[0] < 1e-13
    np.testing.assert_allclose(both.output_error[1:], gap / size, rtol=1e-12)
    # Width 4096 in mirrored pairs: 2048 independent units, a relative 2048^-1/2 = 2 %, times a few.
    assert both.output_error.max() < 0.1


def test_flow_instead_of_steps(prediction, run, both):
    flow = compare(prediction, run, discrete=False)
    expected = prediction.at(t=run.t, frequencies=run.frequencies).data_spectrum
    np.testing.assert_array_equal(flow.predicted, expected)
    assert not np.array_equal(flow.predicted, both.predicted)


def test_learning_times_of_bands_with_energy(both, prediction, run):
    top = float(both.frequencies.max())
    rows = both.learning_times([(0.0, 8.0), (8.0, top)])
    assert (rows[0].low, rows[0].high) == (0.0, 8.0)
    assert rows[0].predicted == both.solution.learning_time((0.0, 8.0), spectrum="data")
    # The two tones leak little: what is predicted of the other one changes the time a little.
    alone = run.learning_time((0.0, 8.0), spectrum="data")
    assert rows[0].measured == pytest.approx(alone, rel=0.02)
    assert rows[0].ratio == pytest.approx(rows[0].measured / rows[0].predicted)
    never = both.learning_times([(0.0, 8.0)], 1e-12)[0]
    assert np.isinf(never.predicted)
    assert np.isnan(never.ratio)


def test_remaining_shares_start_at_one(both):
    predicted, measured = both.remaining([(0.0, 3.0), (3.0, 8.0)])
    assert predicted.shape == measured.shape == (len(both.t), 2)
    np.testing.assert_allclose(predicted[0], 1.0)
    np.testing.assert_allclose(measured[0], 1.0)


def test_dataset_reloads(both, tmp_path):
    data = both.to_xarray()
    assert json.loads(data.attrs["prediction"])["kind"] == "prediction"
    assert json.loads(data.attrs["training"])["step_size"] == 0.2
    back = load_zarr(save_zarr(data, tmp_path / "both.zarr"))
    np.testing.assert_array_equal(back["measured_spectrum"], both.measured)
    np.testing.assert_array_equal(back["predicted_loss"], both.predicted_loss)
    np.testing.assert_array_equal(back["step"], both.history.step)


def test_repr_and_plot(both):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    assert "output_error=at most" in repr(both)
    figure = both.plot()
    assert {"predicted", "trained network"} <= {axis.get_title() for axis in figure.axes}
    assert sum("frequency" in axis.get_xlabel() for axis in figure.axes) == 3
    plt.close(figure)


def test_same_first_output_is_compared_from_a_random_start():
    net = FourierFeatureNet.sample(RHO, 4096, rng=1)
    run = run_on(X, wave(X), net, backend="direct")
    prediction = solve_frequency_pde(RHO, (X, wave(X)), initial_output=net, t=[0.0, 100.0])
    assert compare(prediction, run).output_error[0] < 1e-12


def test_test_points_of_the_run_are_used():
    x_test = np.linspace(-1, 1, 9)
    run = run_on(X, wave(X), test=(x_test, wave(x_test)))
    prediction = solve_frequency_pde(RHO, (X, wave(X)), t=[0.0, 100.0])
    both = compare(prediction, run)
    predicted = both.solution.output(x_test)[1:]
    expected = np.linalg.norm(run.output[1:] - predicted, axis=1) / np.linalg.norm(
        predicted, axis=1
    )
    np.testing.assert_allclose(both.output_error[1:], expected, rtol=1e-12)


def test_box_has_the_clock_of_the_run():
    x = np.linspace(-1, 1, 201)
    run = run_on(x, wave(x), steps=100)
    prediction = solve_frequency_pde(RHO, wave, measure=Box(-1, 1), t=[0.0, 30.0])
    both = compare(prediction, run)
    assert both.clock.startswith("the same: regular samples stand for the uniform measure")
    assert both.output_error.max() < 0.15


def test_line_divides_the_clock_by_the_sampled_length():
    """N h = 12.06 for 201 samples of [-6, 6]: spectra and losses of the run are multiplied."""
    x = np.linspace(-6, 6, 201)
    run = run_on(x, bump(x), steps=200)
    prediction = solve_frequency_pde(RHO, bump, t=[0.0, 40.0])
    both = compare(prediction, run)
    length = 201 * (x[1] - x[0])
    assert both.clock == f"solution time = training time / {length:.6g}, the sampled length N h"
    np.testing.assert_allclose(both.solution.t, run.t / length, rtol=1e-12)
    np.testing.assert_array_equal(both.t, run.t)
    np.testing.assert_allclose(both.measured, run.data_spectrum * length, rtol=1e-12)
    start = np.abs(both.predicted[0]).max()
    np.testing.assert_allclose(both.measured[0], both.predicted[0], atol=1e-6 * start)
    assert both.measured_loss[0] == pytest.approx(both.predicted_loss[0], rel=1e-6)


def solved(rho=RHO, target=None, **options):
    target = (X, wave(X)) if target is None else target
    return solve_frequency_pde(rho, target, **({"t": [0.0, 100.0]} | options))


NET = {"zero_output": True, "rng": 0}
REFUSED = {
    "solution": (lambda run: (run, run), TypeError, "solution=.*must come from solve_"),
    "history": (lambda _: (solved(), solved()), TypeError, "history=.*must come from train"),
    "points": (
        lambda run: (solved(target=(X + 0.1, wave(X))), run), ValueError,
        "solution has 24 points and history 24, not the same ones.*history.x",
    ),
    "weights": (
        lambda run: (solved(measure=Points(X, np.linspace(1, 2, 24))), run), ValueError,
        "weighs its points differently",
    ),
    "target": (
        lambda run: (solved(target=(X, 2 * wave(X))), run), ValueError,
        "history.y differs from the target of the solution by up to 1.3; train on the same values",
    ),
    "initial output": (
        lambda run: (solved(initial_output=np.cos), run), ValueError,
        "outputs f_0 that differ by .*zero_output=True",
    ),
    "sigma_a": (
        lambda run: (solved(sigma_a=0.5), run), ValueError,
        r"history has sigma_a=1 \(0 for frozen frequencies\), the solution 0.5; use the same",
    ),
    "frozen": (
        lambda _: (solved(), run_on(X, wave(X), freeze_frequencies=True, steps=2)), ValueError,
        "history has sigma_a=0",
    ),
    "density": (
        lambda run: (solved(Laplace(scale=6.0)), run), ValueError,
        r"history drew its frequencies from Normal\(.*scale=6.0.*the solution has Laplace",
    ),
    "weight decay": (
        lambda _: (solved(), run_on(X, wave(X), weight_decay=0.1, steps=2)), ValueError,
        "history was trained with weight_decay=0.1.* solve with weight_decay=0.1",
    ),
    "decay towards the start": (
        lambda _: (
            solved(frequency_decay=0.1, t=[0.0, 10.0]),
            run_on(X, wave(X), frequency_decay=0.1, decay_towards="start", steps=2),
        ),
        ValueError, "history decays towards 'start', the solution towards 'zero'",
    ),
    "points off the lattice": (
        lambda _: (
            solved(target=bump, measure=Grid(0.3), t=[0.0, 1.0]),
            run_on(np.linspace(-6, 6, 40), bump(np.linspace(-6, 6, 40)), steps=2),
        ),
        ValueError, "history has points that are not those of measure=Grid",
    ),
    "frequency decay": (
        lambda _: (solved(), run_on(X, wave(X), frequency_decay=0.1, steps=2)), ValueError,
        "history was trained with frequency_decay=0.1",
    ),
    "spacing": (
        lambda _: (
            solved(target=bump, measure=Line(), t=[0.0, 1.0]),
            run_on(np.array([0.0, 1.0, 3.0]), bump(np.array([0.0, 1.0, 3.0])), steps=2),
        ), ValueError, "not regularly spaced, so its clock cannot be converted.*history.x",
    ),
    "box beyond the samples": (
        lambda _: (
            solved(target=wave, measure=Box(-2, 1)), run_on(X, wave(X), steps=2),
        ), ValueError, r"history has points on \[-1, 1\], the box is \[-2, 1\]; train on regular",
    ),
    "line beyond the samples": (
        lambda _: (
            solved(target=bump, t=[0.0, 1.0]), run_on(X, bump(X), steps=2),
        ), ValueError, r"history has points on \[-1, 1\], which do not cover the target",
    ),
    "too short": (
        lambda run: (solved(target=wave, measure=Box(-1, 1), t=[0.0, 1.0]), run), ValueError,
        "t ends at 40, beyond 1, .*longer t",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what_differs(case, run):
    arguments, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        compare(*arguments(run))


@pytest.mark.parametrize("towards", ["zero", "start"])
def test_a_run_under_decay_is_compared_with_the_flow_under_decay(towards):
    net = FourierFeatureNet.sample(RHO, 16384, rng=3)
    decay = {"weight_decay": 0.02, "frequency_decay": 0.01, "decay_towards": towards}
    history = run_on(X, wave(X), net, step_size=0.05, steps=2000, **decay)
    prediction = solve_frequency_pde(RHO, (X, wave(X)), initial_output=net, t=[0.0, 100.0], **decay)
    both = compare(prediction, history)
    assert both.output_error.max() < 0.05
    without = solve_frequency_pde(RHO, (X, wave(X)), initial_output=net, t=[0.0, 100.0])
    assert np.linalg.norm(without.at(t=history.t).output(X)[-1] - history.output[-1]) > 0.1


def test_a_run_on_a_lattice_is_on_the_clock_of_the_grid():
    x = 0.5 * np.arange(-12, 13)
    net = FourierFeatureNet.sample(RHO, 8192, zero_output=True, rng=0)
    history = run_on(x, bump(x), net, step_size=0.02, steps=400)
    prediction = solve_frequency_pde(RHO, bump, measure=Grid(0.5), t=[0.0, 150.0])
    both = compare(prediction, history)
    assert "sampled length" in both.clock
    gap = np.abs(both.predicted_loss - both.measured_loss)
    assert gap.max() < 0.03 * both.predicted_loss[0]


@pytest.mark.parametrize(
    "settings",
    [{"backend": "torch", "dtype": "float32"}, {"backend": "nufft", "tolerance": 1e-6}],
)
def test_a_run_of_less_precision_starts_from_the_same_output(settings):
    net = FourierFeatureNet.sample(RHO, 4096, rng=1)
    history = run_on(X, wave(X), net, steps=20, **settings)
    assert np.abs(history.train_output[0] - net(X)).max() > 1e-8
    prediction = solve_frequency_pde(RHO, (X, wave(X)), initial_output=net, t=[0.0, 100.0])
    assert compare(prediction, history).output_error[0] < 1e-4


@pytest.mark.parametrize("optimizer", [HeavyBall(0.8), Nesterov(0.8)])
def test_momentum_is_predicted_step_by_step(optimizer):
    x = np.linspace(-1, 1, 24)
    y = np.sin(5 * x) + 0.3 * np.cos(11 * x)
    net = FourierFeatureNet.sample(Normal(scale=6.0), 20_000, zero_output=True, rng=0)
    history = train(net, x, y, step_size=1.0, steps=150, optimizer=optimizer, record=40)
    comparison = compare(solve_frequency_pde(Normal(scale=6.0), (x, y)), history)
    assert comparison.output_error[1:].max() < 0.03
    # Without momentum the prediction would be far off.
    plain = comparison.solution.at(t=history.t, step_size=1.0).train_loss
    assert np.max(np.abs(np.log(plain[1:] / comparison.measured_loss[1:]))) > 1.0
    with pytest.raises(ValueError, match=r"momentum=0\.8, which only the prediction in steps"):
        compare(comparison.solution, history, discrete=False)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": GradientDescent(clip=1.0)},
        {"batch_size": 4, "rng": 0},
    ],
)
def test_rules_without_prediction_are_refused(settings):
    x = np.linspace(-1, 1, 12)
    net = FourierFeatureNet.sample(Normal(scale=6.0), 100, zero_output=True, rng=0)
    history = train(net, x, np.sin(5 * x), step_size=0.01, steps=5, **settings)
    with pytest.raises(ValueError, match=r"history was trained with optimizer=.*the prediction"):
        compare(solve_frequency_pde(Normal(scale=6.0), (x, np.sin(5 * x))), history)


def test_a_run_by_fast_transforms_is_compared_within_their_tolerance():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, 3))
    net = FourierFeatureNet.sample(Normal(scale=6.0, dim=3), 20_000, rng=0)
    history = train(net, x, x[:, 0], step_size=0.1, steps=3, backend="nufft")
    prediction = solve_frequency_pde(
        Normal(scale=6.0, dim=3), (x, x[:, 0]), initial_output=net, t=[0.0, 1.0]
    )
    assert compare(prediction, history).output_error[0] < 1e-5
