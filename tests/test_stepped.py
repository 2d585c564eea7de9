"""Predictions step by step through the front door: against networks and exact dynamics."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    AdamW,
    Empirical,
    FourierFeatureNet,
    FrequencySolution,
    GradientDescent,
    HeavyBall,
    Line,
    Normal,
    Points,
    RMSProp,
    SignDescent,
    SteppedSolution,
    Warmup,
    compare,
    solve_frequency_pde,
    train,
)

X = np.linspace(-1, 1, 33)
Y = np.sin(np.pi * X) + 0.5 * np.cos(3 * np.pi * X) + 0.25 * np.sin(5 * np.pi * X)
RHO = Normal(scale=10.0)
BANDS = [(2, 4), (8, 11), (14, 17)]
ADAM = {"optimizer": Adam(), "step_size": 1e-3, "width": 1024}


def drawn(width=4096, rng=0, **options):
    return FourierFeatureNet.sample(RHO, width, zero_output=True, rng=rng, **options)


@pytest.mark.parametrize("rule", [Adam(), AdamW(), SignDescent(), Adam(epsilon=0.0)])
def test_learning_times_are_those_of_a_network(rule):
    """Within 5 %: what a draw of 2 x 2048 frequencies leaves is some 2 %."""
    run = train(drawn(), X, Y, optimizer=rule, step_size=1e-3, steps=200)
    solution = solve_frequency_pde(
        RHO, (X, Y), optimizer=rule, step_size=1e-3, width=4096, steps=200
    )
    assert solution.status.startswith("converged")
    both = compare(solution, run)
    times = both.learning_times(BANDS)
    assert [time.low for time in times] == [2, 8, 14]
    assert all(abs(time.ratio - 1) < 0.05 for time in times)
    assert both.output_error.max() < 0.1


def test_a_networks_own_frequencies_are_the_network_where_they_are_frozen():
    net = drawn(512)
    options = {"optimizer": Adam(), "step_size": 1e-3, "steps": 150}
    run = train(net, X, Y, freeze_frequencies=True, **options)
    solution = solve_frequency_pde(RHO, (X, Y), sigma_a=0.0, initial=net, **options)
    both = compare(solution, run)
    np.testing.assert_allclose(both.predicted_loss, both.measured_loss, rtol=1e-8)
    # The initial output is zero, and the first records relative to an output that is small.
    gap = np.abs(solution.at(steps=run.step).output(X) - run.train_output).max()
    assert gap < 1e-10


def test_gradient_descent_on_atoms_is_that_of_the_equation():
    rho_w = Empirical([1.0, 3.0, 4.5])
    every = np.tile(np.arange(len(X)), (40, 1))
    for rule, tolerance in ((GradientDescent(), 1e-11), (HeavyBall(0.8), 1e-10)):
        exact = solve_frequency_pde(
            rho_w, (X, Y), optimizer=rule, step_size=0.1, t=0.1 * np.arange(0, 41, 8)
        )
        followed = solve_frequency_pde(
            rho_w, (X, Y), optimizer=rule, step_size=0.1, order=every, steps=np.arange(0, 41, 8)
        )
        np.testing.assert_allclose(followed.train_loss, exact.train_loss, rtol=tolerance)
        np.testing.assert_allclose(
            followed.data_spectrum, exact.at(frequencies=followed.frequencies).data_spectrum,
            atol=1e-10,
        )  # fmt: skip
        np.testing.assert_allclose(followed.output([0.3]), exact.output([0.3]), atol=1e-10)


@pytest.mark.parametrize("order", ["shuffled", "independent"])
def test_batches_are_those_of_train(order):
    net = drawn(2048)
    options = {"optimizer": Adam(), "step_size": 1e-3, "batch_size": 8, "order": order}
    run = train(net, X, Y, steps=60, rng=3, **options)
    solution = solve_frequency_pde(RHO, (X, Y), initial=net, steps=60, seed=3, **options)
    both = compare(solution, run)
    assert both.output_error[-1] < 0.1
    with pytest.raises(ValueError, match=r"history saw other points.*order=\[history\.batch\(n\)"):
        compare(solve_frequency_pde(RHO, (X, Y), initial=net, steps=60, **options), run)
    given = [run.batch(step) for step in range(60)]
    if order == "independent":
        again = solve_frequency_pde(
            RHO, (X, Y), optimizer=Adam(), step_size=1e-3, initial=net, order=given, steps=60
        )
        np.testing.assert_array_equal(again.train_loss, solution.train_loss)


def test_decay_and_initial_output_of_a_network():
    net = FourierFeatureNet.sample(RHO, 8192, rng=1)
    options = {"step_size": 1e-3, "weight_decay": 5.0, "frequency_decay": 2.0}
    run = train(net, X, Y, optimizer=AdamW(), steps=200, **options)
    solution = solve_frequency_pde(
        RHO, (X, Y), optimizer=AdamW(), initial_output=net, width=8192, steps=200, **options
    )
    assert compare(solution, run).output_error.max() < 0.05


def test_small_values_are_learned_as_slowly_as_epsilon_makes_them():
    """Values in other units: beside an epsilon of 1e-8 gradients of 1e-9 hardly count."""
    net, y = drawn(4096), 1e-9 * Y
    options = {"optimizer": Adam(), "step_size": 1e-9, "steps": 200}
    run = train(net, X, y, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = solve_frequency_pde(RHO, (X, y), initial=net, **options)
    both = compare(solution, run)
    assert both.output_error.max() < 0.03
    # Without an epsilon the first step alone would move the output by more than it must learn.
    assert both.predicted_loss[1] > 0.9 * both.predicted_loss[0]


def test_standard_parametrization():
    net = drawn(2048)
    options = {"optimizer": Adam(), "step_size": 1e-5, "parametrization": "standard"}
    run = train(net, X, Y, steps=300, **options)
    solution = solve_frequency_pde(RHO, (X, Y), initial=net, steps=300, **options)
    both = compare(solution, run)
    assert all(abs(time.ratio - 1) < 0.05 for time in both.learning_times(BANDS[:2]))


def test_times_steps_and_records():
    solution = solve_frequency_pde(RHO, (X, Y), steps=50, **ADAM)
    assert isinstance(solution, SteppedSolution)
    assert isinstance(solution, FrequencySolution)
    assert (solution.step[0], solution.step[-1]) == (0, 50)
    np.testing.assert_allclose(solution.t, 1e-3 * solution.step)
    some = solution.at(t=[0.0, 0.01, 0.037], frequencies=[3.0, 9.0])
    np.testing.assert_array_equal(some.step, [0, 10, 37])
    assert some.data_spectrum.shape == (3, 2)
    whole = solve_frequency_pde(RHO, (X, Y), steps=[0, 10, 37], **ADAM)
    np.testing.assert_allclose(some.train_loss, whole.train_loss, rtol=1e-12)
    assert solution.learning_step((2, 4)) == pytest.approx(1e3 * solution.learning_time((2, 4)))
    warm = Adam(schedule=Warmup(10))
    slow = solve_frequency_pde(
        RHO, (X, Y), optimizer=warm, step_size=1e-3, width=1024, steps=[0, 1, 10, 20]
    )
    np.testing.assert_allclose(slow.t, [0, 1e-4, 5.5e-3, 1.55e-2])
    assert slow.train_loss[1] > solution.at(steps=[0, 1]).train_loss[1]


def test_records_are_those_asked_for():
    whole = solve_frequency_pde(RHO, (X, Y), steps=[0, 4, 9], **ADAM)
    for asked in ({"steps": [4, 9]}, {"t": [4e-3, 9e-3]}):
        some = solve_frequency_pde(RHO, (X, Y), **asked, **ADAM)
        np.testing.assert_array_equal(some.step, [4, 9])
        np.testing.assert_allclose(some.train_loss, whole.train_loss[1:], rtol=1e-14)
        assert some.path.moves.shape[0] == some.data_spectrum.shape[0] == 2
    assert solve_frequency_pde(RHO, (X, Y), steps=[0], **ADAM).step.tolist() == [0]
    with pytest.raises(ValueError, match="a learning time needs the start, include t = 0"):
        some.learning_step((2, 4))
    # A path that diverges before has what there is.
    with np.errstate(all="ignore"):
        lost = solve_frequency_pde(
            RHO, (X, Y), optimizer=GradientDescent(), step_size=60.0, width=1024, steps=[400]
        )
    assert "grows without bound" in lost.status
    assert lost.step.tolist() == [0]


@pytest.mark.parametrize("order", ["shuffled", "independent"])
def test_a_run_of_years_is_refused_before_its_batches_are_made(order):
    with pytest.raises(ValueError, match=r"steps=1000000000 with \d+ nodes and 33 points: this ta"):
        solve_frequency_pde(RHO, (X, Y), steps=10**9, batch_size=4, order=order, **ADAM)


def test_test_points_text_pickle_and_dataset():
    x = np.linspace(-1, 1, 50)
    solution = solve_frequency_pde(RHO, (X, Y), steps=30, test=(x, np.sin(np.pi * x)), **ADAM)
    assert solution.test_loss.shape == solution.train_loss.shape
    assert solution.spectrum.shape == solution.data_spectrum.shape
    again = pickle.loads(pickle.dumps(solution))
    np.testing.assert_array_equal(again.train_loss, solution.train_loss)
    np.testing.assert_array_equal(again.output(x), solution.output(x))
    assert str(solution).startswith("SteppedSolution(measure=Points")
    data = solution.to_xarray()
    assert data.attrs["width"] == 1024
    assert "Adam" in data.attrs["optimizer"]
    assert solution.band_shares(BANDS).shape == (len(solution.t), 3)
    np.testing.assert_allclose(solution.error(X), solution.output(X) - Y)


def test_a_single_point_is_learned():
    solution = solve_frequency_pde(RHO, ([0.3], [1.0]), steps=200, **ADAM)
    assert solution.train_loss[-1] < 1e-2 < solution.train_loss[0] == 1.0


def test_large_steps_are_told():
    with pytest.warns(UserWarning, match=r"step_size=0\.05 at width=1024: a step moves the output"):
        solution = solve_frequency_pde(RHO, (X, Y), steps=20, **ADAM | {"step_size": 0.05})
    assert "right in their order of magnitude" in solution.status
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve_frequency_pde(RHO, (X, Y), steps=20, **ADAM)
    # Ten times as long are the first steps of a mean square that starts at 0.
    with pytest.warns(UserWarning, match=r"step_size=0\.005 at width=1024: a step moves"):
        solve_frequency_pde(
            RHO, (X, Y), steps=20, **ADAM | {"optimizer": RMSProp(), "step_size": 5e-3}
        )


def test_x_far_from_0_is_the_users_to_move():
    """Moved by c it is another training: networks on x - c are those that are then predicted."""
    options = ADAM | {"steps": 40}
    for moved in (X + 1e5, X + 1e9):
        told = r"x up to 1e\+\d+ from 0 .*; give x - c with c among the data, and train on x - c as"
        with pytest.raises(ValueError, match=told):
            solve_frequency_pde(RHO, (moved, Y), **options)
    few = FourierFeatureNet.sample(RHO, 64, zero_output=True, rng=0)
    with pytest.raises(
        ValueError, match=r"lose their digits; give x - c .* train on x - c as well"
    ):
        solve_frequency_pde(RHO, (X + 1e6, Y), initial=few, **options | {"width": None})
    losses = [solve_frequency_pde(RHO, (X + c, Y), **options).train_loss[-1] for c in (0.0, 1.0)]
    assert abs(losses[1] / losses[0] - 1) > 0.2
    runs = [
        train(drawn(), X + c, Y, optimizer=Adam(), step_size=5e-4, steps=40).train_loss[-1]
        for c in (0.0, 1.0)
    ]
    # Networks of width 4096 in place of 1024, with half the step: the same limit.
    assert runs == pytest.approx(losses, rel=0.15)


REFUSED = {
    "no width": ({"width": None}, r"optimizer=Adam needs width, the number of hidden units"),
    "no step": ({"step_size": None}, r"optimizer=Adam needs step_size: it is followed step by"),
    "line": ({"measure": Line()}, r"measure=Line\(.*followed on samples; give target=\(x, y\)"),
    "method": ({"method": "gram"}, r"method='gram' is a way to solve the equation of gradient"),
    "start": (
        {"frequency_decay": 1.0, "decay_towards": "start", "optimizer": AdamW()},
        r"decay_towards='start' has no closed recursion.*use decay_towards='zero'",
    ),
    "coupled": ({"weight_decay": 1.0}, r"optimizer=Adam adds decay to the gradient.*use AdamW"),
    "both": ({"t": [0.0, 0.1], "steps": 3}, r"t and steps say the same thing twice"),
    "part": ({"t": [0.0, 0.0105]}, r"t=0\.0105 is no multiple of step_size=0\.001"),
    "schedule": (
        {"t": [0.0, 0.01], "optimizer": Adam(schedule=Warmup(5))},
        r"t with schedule=Warmup.*give steps= instead",
    ),
    "steps": ({"steps": [3, 2]}, r"steps=.* must be increasing whole numbers"),
    "order": ({"order": "independent"}, r"order='independent' draws batches; give batch_size"),
    "parametrization": (
        {"parametrization": "standard", "optimizer": GradientDescent(), "width": None,
         "batch_size": 4},
        r"optimizer=GradientDescent needs width.*in the standard parametrization",
    ),
    "momentum": ({"momentum": 0.5}, r"momentum=0\.5, nesterov=False: rules that are followed"),
    "weights": (
        {"batch_size": 4, "measure": Points(X, np.arange(1.0, 34.0))},
        r"batch_size or order with weighted points: the points of a batch count alike",
    ),
    "initial": ({"initial": np.cos}, r"initial=.* must be a FourierFeatureNet"),
    "width of initial": (
        {"initial": drawn(64)}, r"width=1024 is not that of initial, 64; leave width out"
    ),
    "size and order": (
        {"order": np.zeros((5, 2), int), "steps": 5, "batch_size": 4},
        r"batch_size=4 is not that of order, whose batches have 2 point\(s\); leave batch_size out",
    ),
    "masked order": (
        {"order": np.ma.masked_equal([[0, 1], [2, 3]], 0), "steps": 2},
        r"order is a masked array with 1 of 4 entries masked",
    ),
    "unsigned order": (
        {"order": np.full((2, 2), 2**64 - 1, dtype=np.uint64), "steps": 2},
        r"order, or batches, runs from 18446744073709551615 to 18446744073709551615",
    ),
    "ragged order": ({"order": [[0, 1], [2]], "steps": 2}, r"order=.* must be an array"),
    "size": ({"batch_size": 2.0}, r"batch_size=2\.0 must be an integer"),
    "reversal": (
        {"weight_decay": 1e3, "optimizer": AdamW()},
        r"weight_decay=1000 times step_size=0\.001 must be below 1: a step would reverse",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    options, message = REFUSED[name]
    target = (lambda x: np.exp(-(x**2))) if name == "line" else (X, Y)
    with pytest.raises((ValueError, TypeError), match=message):
        solve_frequency_pde(RHO, target, **ADAM | options)


def test_what_is_of_other_rules_or_dimensions():
    with pytest.raises(ValueError, match=r"steps=10 needs step_size, the length of a step"):
        solve_frequency_pde(RHO, (X, Y), steps=10)
    with pytest.raises(ValueError, match=r"steps=10 is for rules that are followed step by step"):
        solve_frequency_pde(RHO, (X, Y), t=[0.0, 1.0]).at(steps=10)
    solution = solve_frequency_pde(RHO, (X, Y), steps=10, **ADAM)
    with pytest.raises(ValueError, match=r"cannot be changed in a prediction that was followed"):
        solution.at(step_size=0.1)
    high = np.random.default_rng(0).uniform(-1, 1, (9, 4))
    with pytest.raises(ValueError, match=r"rho_w has dimension 4; rules such as Adam are followed"):
        solve_frequency_pde(Normal(dim=4), (high, high[:, 0]), **ADAM)
    flat = FourierFeatureNet.sample(Normal(dim=2), 64, rng=0)
    with pytest.raises(ValueError, match=r"initial has frequencies of another dimension than rho"):
        solve_frequency_pde(
            RHO, (X, Y), optimizer=Adam(), step_size=1e-3, initial=flat, initial_output=np.cos
        )


def test_runs_of_another_training_are_refused():
    solution = solve_frequency_pde(RHO, (X, Y), steps=10, **ADAM)
    run = train(drawn(256), X, Y, optimizer=Adam(), step_size=1e-3, steps=10)
    with pytest.raises(ValueError, match=r"history was trained with width=256, and the solution"):
        compare(solution, run)
    run = train(drawn(1024), X, Y, optimizer=RMSProp(), step_size=1e-3, steps=10)
    with pytest.raises(ValueError, match=r"history was trained with optimizer=RMSProp"):
        compare(solution, run)


def test_later_records_know_how_the_run_began():
    whole = solve_frequency_pde(RHO, (X, Y), steps=np.arange(101), **ADAM)
    later, other = whole.at(steps=[50, 100]), np.array([0.013, 0.4])
    assert later.output(other) == pytest.approx(whole.output(other)[[50, 100]])
    assert later.band_curve(BANDS[0], False) == pytest.approx(
        whole.band_curve(BANDS[0], False)[[50, 100]]
    )
