"""What the scripts on the onset of grokking count with: problems, statistics, kept results."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from ntkfreq import FourierFeatureNet, Normal, grokking_onset, train
from validation.claims.expected_onset import claim as expected_onset
from validation.claims.grokking_onset.claim import SIZES
from validation.claims.grokking_onset.design import ill_conditioned
from validation.claims.grokking_onset.problem import BUDGET, TARGETS, parts, settings
from validation.claims.mismatch import statistics
from validation.engine.committed import committed
from validation.engine.result import numbers
from validation.onsets import columns, log_ratios, percentile, table, train_until_small

INF = np.inf


def test_the_list_holds_120_different_undersampled_problems():
    found = list(settings().values())
    assert [one.number for one in found] == list(range(120))
    assert len({one.seed for one in found}) == 120
    assert Counter(one.target for one in found).keys() == set(TARGETS)
    for one in found:
        x, y, x_test, y_test = one.data()
        assert len(x) == len(y) == one.count < len(x_test) == len(y_test)
        # Fewer points a side than the frequencies of the network would need.
        assert one.count ** (1 / one.dim) <= 6 * one.sigma_w / np.pi + 1 or one.count in (6, 16)


@pytest.mark.parametrize("number", [3, 4])
def test_terrain_is_trained_on_some_of_the_samples_it_is_tested_on(number):
    x, y, x_test, y_test = settings()[number].data()
    assert np.mean(y_test**2) == pytest.approx(1.0)
    assert {tuple(np.atleast_1d(p)) for p in x} <= {tuple(np.atleast_1d(p)) for p in x_test}
    assert set(y) <= set(y_test)


def test_steps_fill_the_budget():
    found = parts(2.0, BUDGET)
    assert sum(step * count for step, count in found) == pytest.approx(BUDGET / 2, rel=1e-3)
    assert max(step for step, _ in found) == 0.2


@pytest.mark.slow
def test_flat_crossings_are_those_that_are_trained_wide(monkeypatch):
    # Those with contracting frequencies take minutes; 103 is one of them.
    wide = set(SIZES["full"]["wide"])
    near = {k: one for k, one in settings().items() if k in wide | set(range(60, 70))}
    quick = {k: one for k, one in near.items() if not one.frequency_decay}
    monkeypatch.setattr("validation.claims.grokking_onset.design.settings", lambda: quick)
    assert set(ill_conditioned()) == wide & set(quick)
    assert wide - set(quick) == {103}


def test_training_in_parts_is_training_at_once_up_to_where_both_losses_are_small():
    x, x_test = np.linspace(-1, 1, 12), np.linspace(-1, 1, 40)
    net = FourierFeatureNet.sample(Normal(scale=6.0), 256, zero_output=True, rng=0)
    data, test = (x, np.sin(3 * x)), (x_test, np.sin(3 * x_test))
    threshold, count = 0.05, [0]

    def stages():
        for steps in (30, 40, 1000, 1000):
            count[0] += 1
            yield 0.02, steps, np.arange(steps + 1)

    onset, steps = train_until_small(net, *data, stages(), test=test, threshold=threshold)
    assert steps == sum((30, 40, 1000, 1000)[: count[0]])
    assert count[0] == 3  # neither before both are small nor after
    whole = train(
        net, *data, step_size=0.02, steps=steps, test=test, record=np.arange(steps + 1),
        frequencies=[0.0],
    )  # fmt: skip
    at_once = grokking_onset(whole.t, whole.train_loss, whole.test_loss, threshold=threshold)
    found, expected = columns(onset), columns(at_once)
    assert found["phase"] == expected["phase"]
    for name in ("t_train", "t_test"):
        assert found[name] == pytest.approx(expected[name], rel=1e-9)


def test_times_that_only_one_side_reaches_are_infinitely_wrong():
    off = log_ratios(np.array([1.0, INF, 2.0, INF]), np.array([1.0, INF, INF, 3.0]))
    assert off.tolist() == [0.0, INF, INF]


def test_percentiles_are_order_statistics():
    values = np.array([3.0, 1.0, INF, 2.0])
    assert [percentile(values, share) for share in (0.5, 0.75, 0.95)] == [2.0, 3.0, INF]


def test_table_counts_predicted_rows_and_trained_columns():
    counts = table(np.array([0, 2, 2]), np.array([0, 2, 1]))
    assert counts[0, 0] == counts[2, 2] == counts[2, 1] == 1
    assert counts.sum() == 3


def test_committed_results_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="ntkfreq validate grokking_onset --size full"):
        committed("grokking_onset", tmp_path)
    path = tmp_path / "claims" / "some" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"claims": {}, "t": [1, null]}')
    assert numbers(committed("some", tmp_path).data["t"]).tolist() == [1.0, INF]


def test_networks_of_another_list_are_refused(monkeypatch):
    result = committed("grokking_onset")
    first, *rest = result.config["settings"]
    other = replace(result, config={**result.config, "settings": [first | {"seed": -1}, *rest]})
    monkeypatch.setattr(expected_onset, "committed", lambda script: other)
    with pytest.raises(ValueError, match="another list of problems"):
        expected_onset.trained_networks([0])


def test_statistics_of_a_line_with_runs_that_never_arrive():
    m, d = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 2.0, 3.0, INF])
    assert statistics.rank_correlation(m, d) == pytest.approx(1.0)
    assert statistics.rank_correlation(m, d[::-1]) == pytest.approx(-1.0)
    assert statistics.slope(m, d) == pytest.approx(10.0)
    assert statistics.share(m, d) == pytest.approx(1.0)
    assert np.isnan(statistics.rank_correlation(np.ones(4), d))
    assert np.isnan(statistics.slope(np.ones(4), d))


def test_what_causes_explain():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 50))
    assert statistics.explained(one + 2 * other, one, other) == pytest.approx(1.0)
    assert statistics.explained(one + 2 * other, one) < 0.5
