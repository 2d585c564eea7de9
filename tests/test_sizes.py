"""What a call would take is known before it starts, and refused with the call that works."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from ntkfreq import (
    Empirical,
    Grid,
    Normal,
    Uniform,
    alias_shares,
    error_spectrum,
    expected_losses,
    expected_losses_many,
    gram_flow,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    ntk_spectrum,
    solve_frequency_pde,
)
from ntkfreq._support import sizes
from ntkfreq.numerics import dense

NORMAL = Normal(scale=20.0)
# A refusal takes milliseconds; other work on the machine may slow it down.
_AT_ONCE = 5.0


def samples(count):
    x = np.linspace(-1, 1, count)
    return x, np.sin(5 * x)


REFUSED = {
    "solve": (
        lambda: solve_frequency_pde(NORMAL, samples(20_000), method="gram"),
        r"20000 points, above the 12000 .*\(13.4 GB and about 27 minutes\); use method='auto', or "
        r"give fewer samples, for instance x\[::2\]",
    ),
    "solve with shrinking frequencies": (
        lambda: solve_frequency_pde(NORMAL, samples(20_000), frequency_decay=0.1),
        r"20000 points, above .*; give fewer samples, for instance x\[::2\]",
    ),
    "decay of an atom": (
        lambda: solve_frequency_pde(Empirical([20.0]), samples(20_000), weight_decay=0.1),
        r"20000 points, above .*; give fewer samples, for instance x\[::2\]",
    ),
    "too many waves": (
        lambda: solve_frequency_pde(
            Uniform(scale=1e7), samples(20_000), t=[0.0, 1e6], method="frequency"
        ),
        r"Uniform.* over an extent of 2 takes more than 4e\+06 features of waves .*: "
        r"use method='auto', raise rtol, shorten t",
    ),
    "expected_losses": (
        lambda: expected_losses(NORMAL, samples(20_000), method="gram"),
        r"20000 points, above the 12000",
    ),
    "expected_losses_many": (
        lambda: expected_losses_many(Empirical([20.0]), samples(20_000), sigma_a=[0.1, 1.0]),
        r"20000 points, above the 12000",
    ),
    "ntk_gram": (
        lambda: ntk_gram(NORMAL, samples(100_000)[0]),
        r"100000 and 100000 points.*this takes 85 GB of memory, above .*ntk_operator\(rho_w, x",
    ),
    "ntk_operator": (
        lambda: ntk_operator(NORMAL, samples(100_000)[0], method="dense"),
        r"method is 'dense': this takes 90 GB .*; use method='auto'",
    ),
    "ntk_regression": (
        lambda: ntk_regression(NORMAL, *samples(20_000), method="dense"),
        r"20000 points, above .*; use method='cg', or fewer points",
    ),
    "ntk_spectrum": (
        lambda: ntk_spectrum(NORMAL, samples(20_000)[0], count=6000),
        r"x has 20000 points and count=6000, above .*; give count=5000 or less",
    ),
    "ntk_spectrum of an operator": (
        lambda: ntk_spectrum(NORMAL, samples(100_000)[0], count=2000),
        r"eigenvectors of 2e\+08 numbers, above 1e\+08; give count=1000 or less",
    ),
    "gram_flow": (
        lambda: gram_flow(
            ntk_operator(NORMAL, samples(20_000)[0]), np.ones(20_000), [1.0], method="eigen"
        ),
        r"gram has 20000 rows, above .*; use method='lanczos'",
    ),
    "times of gram_flow": (
        lambda: gram_flow(np.eye(100), np.ones(100), np.arange(1e7)),
        r"t has 10000000 entries and error0 100: this takes 24 GB .*give fewer times",
    ),
    "times and frequencies": (
        lambda: solve_frequency_pde(
            Normal(), samples(20), t=np.arange(1e5), frequencies=np.linspace(0, 1, 100_000)
        ),
        r"t has 100000 entries and there are 100000 frequencies: this takes .* GB",
    ),
    "times and points": (
        lambda: solve_frequency_pde(
            Normal(), samples(5000), t=np.arange(1e6), frequencies=[0.0], method="gram"
        ),
        r"t has 1000000 entries and there are 5000 points: this takes 320 GB",
    ),
    "memory of error_spectrum": (
        lambda: error_spectrum(np.ones(10), np.ones((1000, 10)), np.linspace(0, 1, 1_000_000)),
        r"frequencies 1000000 entries: this takes 32 GB of memory",
    ),
    "time of error_spectrum": (
        lambda: error_spectrum(np.ones((10**5, 4)), np.ones(10**5), np.ones((10**6, 4))),
        r"frequencies 1000000 entries: this takes about 42 minutes, above the 15 minutes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_once(name):
    call, message = REFUSED[name]
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ValueError, match=message):
        call()
    assert time.perf_counter() - begin < _AT_ONCE
    # In kilobytes: nothing of the size in question was begun with.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_many_samples_two_ways():
    """Products on the samples, the waves of the kernel, and a dense flow of every tenth sample."""
    x, y = samples(20_000)
    flow = gram_flow(ntk_operator(NORMAL, x, sigma_a=1.0), -y, [1.0, 10.0], method="lanczos")
    waves = solve_frequency_pde(NORMAL, (x, y), t=[1.0, 10.0])
    np.testing.assert_allclose(np.mean(flow**2, axis=1), waves.train_loss, rtol=1e-5)
    few = solve_frequency_pde(NORMAL, (x[::10], y[::10]), t=[1.0, 10.0], method="gram")
    np.testing.assert_allclose(few.train_loss, waves.train_loss, rtol=2e-3)


def test_memory_of_the_machine_and_of_the_process_count(monkeypatch):
    monkeypatch.setattr(sizes, "_left_by_the_machine", lambda: [3e9, 2e9])
    assert sizes.usable_memory() == 2e9
    with pytest.raises(ValueError, match=r"this takes 2.27 GB of memory, above the 2 GB that one"):
        dense.refuse_rows("x has 8220 points", 8220, "give fewer")
    monkeypatch.undo()
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
        from ntkfreq._support import sizes
        assert 1e8 < sizes.usable_memory() < 2**31
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)


def test_points_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(sizes, "_left_by_the_machine", lambda: [1.5e8])
    with pytest.raises(ValueError, match=r"x has 1000000 points: this takes 192 MB .* give fewer"):
        solve_frequency_pde(NORMAL, samples(1_000_000))


def test_work_is_told_in_units_of_time():
    with pytest.raises(sizes.SizeError, match=r"this takes about 33 minutes, above the 15 minu"):
        sizes.refuse_work("t is long", 2e13, "shorten it")
    with pytest.raises(sizes.SizeError, match=r"about 33 minutes, above the 30 seconds"):
        sizes.refuse_work("t is long", 2e13, "shorten it", most=30)


def test_error_in_the_thread_is_raised_in_the_caller():
    with pytest.raises(ZeroDivisionError):
        sizes.interruptible(divmod, 1, 0)


def test_interrupt_takes_effect_at_once_while_eigenvectors_are_computed():
    code = """
        import time
        import numpy as np
        from ntkfreq import Normal, solve_frequency_pde
        x = np.linspace(-1, 1, 50)
        solve_frequency_pde(Normal(), (x, x), t=[0.0, 1.0])
        print("ready", flush=True)
        x = np.linspace(-1, 1, 5000)
        try:
            solve_frequency_pde(Normal(), (x, x), t=[0.0, 1.0], method="gram")
        except KeyboardInterrupt:
            print("stopped", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(4.0)
        begin = time.perf_counter()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "stopped\n"
        # A tenth of a second on an idle machine; the factorization takes half a minute.
        assert time.perf_counter() - begin < 5.0
        child.kill()


def test_draws_beyond_memory_and_tones_beyond_the_range_are_refused():
    with pytest.raises(
        ValueError, match=r"size=1099511627776 in dimension 2: this takes .*several"
    ):
        Normal(dim=2).sample(2**40, rng=0)
    for tone in (1e160, -1e-300):
        with pytest.raises(ValueError, match=r"frequency has a largest magnitude of 1e"):
            alias_shares(Normal(), tone, Grid(0.5))
