"""Backends against autograd, against each other, and the sine-cosine against many digits."""

import subprocess
import sys

import mpmath
import numba
import numpy as np
import pytest
import torch

from ntkfreq import sincos
from ntkfreq.network import backends
from ntkfreq.network.backends import Descent, NetworkState, direct

RULES = {
    "plain": {},
    "decay": {"weight_decay": 0.05, "frequency_decay": 0.02},
    "frozen": {"weight_decay": 0.03, "freeze_frequencies": True},
}


def problem(dim, width=60, points=23, seed=0):
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 6, (width, dim))
    a, b = rng.normal(size=(2, width))
    x = rng.uniform(-1, 1, (points, dim))
    return w, a, b, x, np.sin(3 * x[:, 0]) + 0.3


def advanced(name, parts, descent, steps, *, start=False, calls=1):
    w, a, b, x, y = parts
    engine = backends.load(name)
    anchor = w.copy() if start else np.zeros_like(w)
    state = NetworkState(w.copy(), a.copy(), b.copy(), anchor, engine.evaluate(w, a, b, x))
    for _ in range(calls):
        engine.advance(state, x, y, descent, steps // calls)
    return state


def torch_steps(parts, descent, steps, *, start=False):
    w, a, b = (torch.tensor(part, requires_grad=True) for part in parts[:3])
    x, y, first = torch.tensor(parts[3]), torch.tensor(parts[4]), torch.tensor(parts[0])

    def output():
        return (torch.cos(x @ w.T) @ a + torch.sin(x @ w.T) @ b) / a.numel() ** 0.5

    for _ in range(steps):
        loss = 0.5 * torch.mean((output() - y) ** 2)
        grads = torch.autograd.grad(loss, (w, a, b))
        with torch.no_grad():
            if not descent.freeze_frequencies:
                away = w - first if start else w
                w -= descent.step_size * (grads[0] + descent.frequency_decay * away)
            a -= descent.step_size * (grads[1] + descent.weight_decay * a)
            b -= descent.step_size * (grads[2] + descent.weight_decay * b)
    return [part.detach().numpy() for part in (w, a, b, output())]


@pytest.mark.parametrize("name", backends.BACKENDS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("steps", [1, 7])
def test_steps_are_those_of_autograd(name, rule, start, steps):
    parts, descent = problem(2), Descent(0.4, **RULES[rule])
    state = advanced(name, parts, descent, steps, start=start)
    expected = torch_steps(parts, descent, steps, start=start)
    for ours, theirs in zip((state.w, state.a, state.b, state.output), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("width", [60, 700])
def test_direct_agrees_with_reference_after_100_steps(dim, rule, width):
    # 700 x 23 pairs take the parallel kernels, 60 x 23 the serial ones.
    parts, descent = problem(dim, width), Descent(0.3, **RULES[rule])
    assert (width * 23 >= direct.PARALLEL_PAIRS) == (width == 700)
    plain = advanced("reference", parts, descent, 100)
    fast = advanced("direct", parts, descent, 100)
    for name in ("w", "a", "b", "output"):
        scale = np.abs(getattr(plain, name)).max()
        assert np.abs(getattr(fast, name) - getattr(plain, name)).max() < 1e-12 * scale
    assert np.array_equal(plain.w, parts[0]) == descent.freeze_frequencies


def test_large_moves_of_the_phase_take_the_full_sine_cosine():
    parts = problem(1, width=4)
    descent = Descent(8.0)
    assert np.abs(advanced("reference", parts, descent, 1).w - parts[0]).max() > sincos.SMALL_PHASE
    plain, fast = (advanced(name, parts, descent, 3) for name in ("reference", "direct"))
    np.testing.assert_allclose(fast.output, plain.output, rtol=1e-11)


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_splitting_a_run_into_calls_changes_no_bit(name):
    parts, descent = problem(2), Descent(0.3, **RULES["decay"])
    once, often = (advanced(name, parts, descent, 60, calls=calls) for calls in (1, 12))
    for part in ("w", "a", "b", "output"):
        np.testing.assert_array_equal(getattr(once, part), getattr(often, part))


def test_direct_gives_the_same_bits_on_any_number_of_threads():
    parts, descent = problem(1, width=900), Descent(0.3)
    threads = numba.get_num_threads()
    many = advanced("direct", parts, descent, 20)
    try:
        numba.set_num_threads(1)
        assert backends.load("direct").threads(10**6) == 1
        one = advanced("direct", parts, descent, 20)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one.w, many.w)
    np.testing.assert_array_equal(one.output, many.output)
    assert direct.threads(10**6) == threads
    assert direct.threads(10) == 1


@pytest.mark.parametrize("largest", [1.0, 100.0, 1e5, 1e8])
def test_sine_cosine_error(largest):
    phases = np.random.default_rng(1).uniform(-largest, largest, 3000)
    phases[:6] = np.pi * np.array([0.0, 0.5, -0.5, 1.0, 1.5, -2.0])
    one = np.ones(1)
    evaluate = backends.load("direct").evaluate
    cosine = evaluate(one[:, None], one, 0 * one, phases[:, None])
    sine = evaluate(one[:, None], 0 * one, one, phases[:, None])
    with mpmath.workdps(40):
        exact_c = np.array([float(mpmath.cos(mpmath.mpf(float(p)))) for p in phases])
        exact_s = np.array([float(mpmath.sin(mpmath.mpf(float(p)))) for p in phases])
    assert np.abs(cosine - exact_c).max() < 2e-15
    assert np.abs(sine - exact_s).max() < 2e-15


def test_reference_blocks_change_nothing_but_memory(monkeypatch):
    parts, descent = problem(2), Descent(0.3, **RULES["decay"])
    whole = advanced("reference", parts, descent, 5)
    monkeypatch.setattr("ntkfreq.network.backends.reference._BLOCK_PAIRS", 7 * 23)
    np.testing.assert_allclose(advanced("reference", parts, descent, 5).w, whole.w, rtol=1e-12)


def test_choice_of_backend():
    assert backends.choose(100, 1.0)[0] == "reference"
    assert backends.choose(10**9, 1.0)[0] == "direct"
    name, why = backends.choose(10**9, 1e9)
    assert name == "reference"
    assert "1e+09" in why


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_every_backend_offers_the_interface(name):
    engine = backends.load(name)
    engine.warm_up(10)
    assert engine.threads(10) == 1


def test_parallel_kernels_are_parallel_even_from_the_cache():
    # Two compilations of one function share a cache entry unless a closure variable differs.
    code = (
        "import numba, numpy as np\n"
        "from ntkfreq.network.backends import direct\n"
        "def run(width):\n"
        "    w = np.ones((width, 1))\n"
        "    direct.evaluate(w, w[:, 0], w[:, 0], np.ones((32, 1)))\n"
        "    try:\n"
        "        return numba.threading_layer()\n"
        "    except ValueError:\n"
        "        return None\n"
        "print(run(10), run(1000) is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]
