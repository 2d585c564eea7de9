"""Linear algebra on one thread: set inside, lifted by the thread that set it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from ntkfreq._support.threads import allowed_threads, cores, one_thread
from ntkfreq.network.backends.cost import Work


def counts():
    np.eye(2) @ np.eye(2)
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_limit_holds_inside_and_is_lifted_after():
    before = counts()
    with one_thread(), one_thread():
        assert counts() == {1}
    assert counts() == before
    with one_thread(when=False):
        assert counts() == before


def test_lifted_after_an_error():
    before = counts()
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert counts() == before


def test_only_the_thread_that_set_it_lifts_it():
    before, entered, leave = counts(), threading.Event(), threading.Event()

    def work():
        with one_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    with one_thread():
        thread.start()
        entered.wait(10)
        leave.set()
        thread.join()
        assert counts() == {1}
    assert counts() == before


@pytest.mark.parametrize(
    ("wanted", "found"), [("1", 1), ("1,1", 1), ("999", cores()), ("", cores()), ("many", cores())]
)
def test_the_environment_limits_threads(monkeypatch, wanted, found):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert allowed_threads() == found
    assert Work.of(np.zeros((8, 1)), np.zeros((4, 1))).threads == found
