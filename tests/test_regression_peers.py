"""The solvers of the benchmark of kernel regression solve its system; those that are installed."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import _regression_figure as figure  # noqa: E402
import _regression_peers as peers  # noqa: E402


@pytest.fixture(scope="module")
def samples():
    return peers.Samples.draw(1, 1500)


@pytest.fixture(scope="module")
def exact(samples):
    return samples.dense()


def test_truth(samples, exact):
    # Cholesky of a matrix of condition 1e4 loses four digits; the truth off 10 000 samples is
    # asked for 1e-11.
    assert samples.direct(exact) < 1e-11
    waves = peers.ntkfreq_waves(samples, peers.TRUTH_RTOL, "waves")
    for found, true in zip(waves, exact, strict=True):
        np.testing.assert_allclose(found, true, atol=1e-10 * np.linalg.norm(true))
    wrong = (exact[0] * (1 + 1e-5), exact[1])
    assert samples.direct(wrong) > 1e-6


@pytest.mark.parametrize("name", peers.PEERS)
def test_solver(name, samples, exact):
    peer = peers.PEERS[name]
    if peer.missing:
        pytest.skip(f"{', '.join(peer.missing)} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other packages
        found = peer.fit(samples, peer.settings[1][-1])
    # Random features converge like one over the root of their number, here 3000.
    bound = 1e-2 if name == "random features" else figure.TARGET
    for one, true in zip(found, exact, strict=True):
        assert np.linalg.norm(one - true) < bound * np.linalg.norm(true)


def test_the_fastest_within_the_target():
    swept = [
        {"seconds": 1.0, "error": 1e-4, "error_held_out": 2e-3},
        {"seconds": 3.0, "error": 1e-9, "error_held_out": 1e-9},
        {"seconds": 2.0, "error": 1e-4, "error_held_out": 9e-4},
    ]
    assert figure.best(swept) is swept[2]
    assert figure.best(swept[:1]) is None
    assert figure.front([(1, 3), (2, 4), (3, 1)]) == [(1, 3), (3, 1)]
