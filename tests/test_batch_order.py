"""Which points each step sees: epochs, independent draws, and batches that were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ntkfreq import Adam, FourierFeatureMLP, FourierFeatureNet, Normal, train, train_many
from ntkfreq.network.backends import Descent

X = np.linspace(-1, 1, 10)
Y = np.sin(4 * X)
NET = FourierFeatureNet.sample(Normal(scale=4.0), 20, rng=0)
BACKENDS = {"reference": {}, "direct": {}, "nufft": {"tolerance": 1e-14}, "torch": {}}
# Some points twice in a batch, as drawn with replacement.
ORDER = np.random.default_rng(0).integers(0, 10, (30, 4))


def run(**changes):
    return train(NET, X, Y, **({"step_size": 0.2, "steps": 30, "record": 5} | changes))


@pytest.mark.parametrize("backend", BACKENDS)
def test_given_batches_are_those_of_a_plain_loop(backend):
    w, a, b = (torch.tensor(np.array(part), requires_grad=True) for part in (NET.w, NET.a, NET.b))
    optimizer = torch.optim.Adam([w, a, b], lr=0.01)
    for rows in ORDER:
        x, y = torch.tensor(X[rows])[:, None], torch.tensor(Y[rows])
        phase = x @ w.T
        output = (torch.cos(phase) @ a + torch.sin(phase) @ b) / 20**0.5
        optimizer.zero_grad()
        (0.5 * torch.mean((output - y) ** 2)).backward()
        optimizer.step()
    options = {"optimizer": Adam(), "step_size": 0.01, "backend": backend} | BACKENDS[backend]
    history = run(order=ORDER, **options)
    for part, theirs in (("w", w), ("a", a), ("b", b)):
        np.testing.assert_allclose(
            getattr(history.net, part), theirs.detach().numpy(), rtol=0, atol=1e-10
        )
    assert history.settings["order"] == history.descent.order == "given"
    assert history.settings["batch_size"] == history.descent.batch_size == 4
    assert "given" not in history.settings
    assert np.abs(history.net.a - run(order=ORDER[::-1], **options).net.a).max() > 1e-4


@pytest.mark.parametrize("order", ["shuffled", "independent"])
def test_batches_that_were_drawn_can_be_given(order):
    first = run(order=order, batch_size=5, rng=3)
    batches = [first.batch(step) for step in range(30)]
    again = run(order=batches)
    np.testing.assert_array_equal(again.net.packed(), first.net.packed())
    np.testing.assert_array_equal(again.batch(7), batches[7])
    assert first.settings["order"] == order
    # Points of one step are different ones; two steps are an epoch, or not.
    assert all(len(set(batch)) == 5 for batch in batches)
    halves = zip(batches[::2], batches[1::2], strict=True)
    epochs = [set(one) | set(two) == set(range(10)) for one, two in halves]
    assert all(epochs) if order == "shuffled" else not all(epochs)


def test_independent_batches_are_uniform_and_depend_on_seed_and_step_alone():
    descent = Descent(0.1, batch_size=3, seed=5, order="independent")
    drawn = np.array([descent.batch(step, 10, {}) for step in range(4000)])
    assert {len(set(batch)) for batch in drawn.tolist()} == {3}
    counts = np.bincount(drawn.ravel(), minlength=10)
    # Each point is in a batch with probability 0.3: 1200 times, give or take 29.
    assert np.abs(counts - 1200).max() < 5 * 29
    following = zip(drawn[:-1].tolist(), drawn[1:].tolist(), strict=True)
    shared = [len(set(one) & set(two)) for one, two in following]
    # Two batches share 0.9 points on average, with a standard deviation of 0.7.
    assert np.mean(shared) == pytest.approx(0.9, abs=5 * 0.7 / 4000**0.5)
    np.testing.assert_array_equal(descent.batch(17, 10, {}), drawn[17])
    other = Descent(0.1, batch_size=3, seed=6, order="independent")
    assert not np.array_equal(other.batch(17, 10, {}), drawn[17])


def test_full_batches_have_no_places():
    history = run()
    assert history.batch(0) is None
    assert history.settings["order"] == "shuffled"
    with pytest.raises(ValueError, match="step=30 must be at most 29"):
        history.batch(30)
    with pytest.raises(ValueError, match="step=-1 must be at least 0"):
        history.batch(-1)


@pytest.mark.parametrize(
    "options", [{"order": "independent", "batch_size": 4, "rng": 2}, {"order": ORDER}]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_resumes_with_the_batches_that_follow(tmp_path, monkeypatch, backend, options):
    from ntkfreq.network import checkpoint

    options = options | {"backend": backend, "threads": 1}
    whole, path, original = run(**options), tmp_path / "run.npz", checkpoint.write

    class KilledError(Exception):
        pass

    def dies(*arguments):
        original(*arguments)
        raise KilledError

    monkeypatch.setattr(checkpoint, "write", dies)
    with pytest.raises(KilledError):
        run(checkpoint=path, checkpoint_seconds=0, **options)
    monkeypatch.setattr(checkpoint, "write", original)
    resumed = run(checkpoint=path, **options)
    assert 0 < resumed.stats["resumed_from"] < 30
    np.testing.assert_array_equal(resumed.net.packed(), whole.net.packed())
    changed = ORDER.copy()
    changed[29, 3] = (changed[29, 3] + 1) % 10
    for other in ({"order": changed, "batch_size": 4}, {"order": "shuffled", "batch_size": 4}):
        with pytest.raises(ValueError, match="belongs to a run with other data"):
            run(checkpoint=path, **(options | {"rng": 2} | other))


def test_deep_networks_and_several_runs_take_an_order():
    deep = FourierFeatureMLP.sample(Normal(scale=4.0), 6, rng=0)
    options = {"step_size": 0.1, "steps": 30, "order": ORDER, "record": 3}
    runs = train_many([NET, deep], X, Y, **options)
    for net, history in zip((NET, deep), runs, strict=True):
        alone = train(net, X, Y, threads=1, **options)
        np.testing.assert_array_equal(history.net.packed(), alone.net.packed())
        assert np.abs(history.net.packed() - net.packed()).max() > 1e-3


def test_the_callers_array_is_left_alone_and_not_looked_at_again():
    order = ORDER.copy()
    history = run(order=order)
    order[:] = 0
    np.testing.assert_array_equal(history.batch(3), ORDER[3])
    history.batch(3)[:] = 1
    np.testing.assert_array_equal(history.batch(3), ORDER[3])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"order": "sorted"}, ValueError, "order='sorted' must be 'shuffled', 'independent', or"),
        ({"order": "independent"}, ValueError, "order='independent' draws batches; give batch_"),
        ({"order": ORDER[:9]}, ValueError, r"order has 9 batch\(es\) for steps=30"),
        ({"order": ORDER + 1}, ValueError, "places from 1 to 10; for 10 training.* from 0 to 9"),
        ({"order": ORDER - 1}, ValueError, "places from -1 to 8; for 10 training"),
        ({"order": ORDER + 0.5}, ValueError, r"order must hold integers.*numpy.flatnonzero"),
        ({"order": ORDER[0]}, ValueError, r"order has shape \(4,\); it must have 2"),
        ({"order": [[0, 1], [2]]}, (TypeError, ValueError), "order="),
        ({"order": ORDER, "batch_size": 3}, ValueError, "batch_size=3 is not that of order, wh"),
        ({"order": np.zeros((30, 11))}, ValueError, "order has batches of 11 of 10 training"),
        (
            {"order": "independent", "batch_size": 4, "checkpoint": "run.npz"},
            ValueError,
            "rng=None draws other batches",
        ),
    ],
)
def test_bad_orders_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run(**changes)
