"""Hostile input: a minute of the suite, and that its judges see each kind of fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.hostile import awkward, families, flows, kernels, nodes, outcomes, stepped, table
from tests.hostile.attempts import ANSWERED, Try, Verdict, compare
from tests.hostile.catalogue import draw
from tests.hostile.runner import in_child
from tests.hostile.values import REFUSE, UNKNOWN, Arg, Draw
from validation.reference import recursion

ROOT = Path(__file__).parent.parent
# A seed of its own: the committed results are of seed 0.
SEED, TRIES = 13, 200


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Outcomes of a minute's tries, by the command itself: its parent must not have threads."""
    path = tmp_path_factory.mktemp("hostile") / "lines.jsonl"
    command = [sys.executable, "-m", "tests.hostile", "--seed", str(SEED), "--tries", str(TRIES)]
    done = subprocess.run(
        [*command, "--workers", "2", "--lines", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_minute_of_hostile_input_finds_no_fault(lines):
    assert sorted(line["index"] for line in lines) == list(range(TRIES))
    faults = [line for line in lines if line["outcome"] in outcomes.FAULTS]
    assert faults == []
    share = sum(line["outcome"] == "right" for line in lines) / TRIES
    assert share > 0.1  # a suite that compares nothing proves nothing


def attempt(call, *, judge=lambda result: ANSWERED, args=None, sane=lambda result: "", **limits):
    """Outcome of a plain function in place of a call of the package."""
    node = nodes.f("test.call")
    tried = Try("call", node, args or {"x": Arg(1.0, 1.0)}, ("y",), judge, sane)

    def work():
        outcomes.build = lambda node, made: call()  # in the child only
        return outcomes.attempt(tried)

    with warnings.catch_warnings():
        # Other tests may have started threads, which none of these calls needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        return in_child(work, **limits)


def refuse(message, error=ValueError):
    """Raise from a frame that looks like the package's."""
    code = compile(f"raise error({message!r})", "/somewhere/ntkfreq/door.py", "exec")
    exec(code, {"error": error})


def test_right_wrong_and_answered():
    wanted = lambda result: compare(result, [1.0, 2.0], 1e-9, "result")  # noqa: E731
    assert attempt(lambda: np.array([1.0, 2.0]), judge=wanted)["outcome"] == "right"
    found = attempt(lambda: np.array([1.0, 2.1]), judge=wanted)
    assert found["outcome"] == "wrong"
    assert "result is 2.1, right is 2" in found["detail"]
    found = attempt(lambda: np.array([1.0]), judge=wanted)
    assert found["outcome"] == "wrong"
    assert "shape" in found["detail"]
    assert attempt(lambda: np.array([1.0]))["outcome"] == "answered"
    assert attempt(lambda: np.ones(1), sane=lambda result: "absurd")["outcome"] == "wrong"


def test_what_has_to_be_refused_must_not_be_answered():
    args = {"x": Arg(1.0, REFUSE, "masked"), "y": Arg(1.0, UNKNOWN, "odd")}
    found = attempt(lambda: np.ones(1), args=args)
    assert found["outcome"] == "wrong"
    assert "x (masked)" in found["detail"]
    never = lambda result: Verdict("wrong")  # noqa: E731
    odd = {"y": Arg(1.0, UNKNOWN, "odd")}
    assert attempt(lambda: np.ones(1), args=odd, judge=never)["outcome"] == "answered"


def test_a_call_that_writes_into_its_argument():
    doubled = nodes.m(nodes.f("np.array", [1.0, 2.0]), "__imul__", 2.0)
    tried = Try("call", doubled, {"x": Arg(1.0, 1.0)}, (), lambda result: ANSWERED)
    found = outcomes.attempt(tried)
    assert found["outcome"] == "wrong"
    assert "written into" in found["detail"]


def test_nan_and_warning():
    assert attempt(lambda: np.array([1.0, np.nan]))["outcome"] == "nan"
    assert attempt(lambda: SimpleNamespace())["outcome"] == "answered"

    def warns(category=UserWarning, text="careful"):
        warnings.warn(text, category, stacklevel=1)
        return 1.0

    found = attempt(warns)
    assert found["outcome"] == "warning"
    assert "careful" in found["detail"]
    assert attempt(lambda: warns(RuntimeWarning, "diverged at step 3"))["outcome"] == "answered"
    assert attempt(lambda: warns(RuntimeWarning, "overflow"))["outcome"] == "warning"


def test_refusals():
    assert attempt(lambda: refuse("x=nan must be finite"))["outcome"] == "refused"
    assert attempt(lambda: refuse("x must be 1", TypeError))["outcome"] == "refused"
    assert attempt(lambda: refuse("it must be finite"))["outcome"] == "nameless"
    assert attempt(lambda: refuse("x is odd"))["outcome"] == "nameless"
    assert attempt(lambda: refuse("x must be 1", KeyError))["outcome"] == "exception"

    def accident():
        inside = compile("call()", "/somewhere/ntkfreq/door.py", "exec")
        exec(inside, {"call": lambda: np.linalg.inv(np.zeros((2, 2)))})

    assert attempt(accident)["outcome"] == "accident"
    # The arguments themselves failed: nothing of the package was called.
    assert attempt(lambda: np.zeros(3).reshape(2, 2))["outcome"] == "void"


def test_hang():
    def spins():
        while True:
            pass

    begin = time.monotonic()
    assert attempt(spins, seconds=0.5)["outcome"] == "hang"
    assert attempt(lambda: time.sleep(60), seconds=0.2)["outcome"] == "hang"
    assert time.monotonic() - begin < 20


def test_memory():
    found = attempt(lambda: np.ones(10**9), gigabytes=1.0)
    assert found["outcome"] == "memory"
    assert found["megabytes"] < 5000


def test_crash():
    assert attempt(lambda: os.kill(os.getpid(), signal.SIGSEGV)) == {
        "outcome": "crash", "detail": "SIGSEGV"
    } | {key: pytest.approx(0, abs=1e5) for key in ("seconds", "megabytes")}  # fmt: skip
    assert attempt(lambda: os._exit(7))["outcome"] == "crash"


def test_a_try_depends_on_seed_and_index_alone():
    code = (
        "from tests.hostile.catalogue import draw; from tests.hostile.nodes import text; "
        "print([text(draw(3, k)[1].node) for k in range(40)])"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=ROOT, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(texts) == 1


def test_nodes_build_and_print():
    node = nodes.m(nodes.f("np.array", [1.0, nodes.number(np.inf)]), "reshape", -1, 1)
    assert nodes.text(node) == "np.array([1.0, float('inf')]).reshape(-1, 1)"
    assert nodes.build(node).shape == (2, 1)
    assert json.loads(json.dumps(node)) == node
    assert nodes.text(nodes.t(1, "a")) == "(1, 'a')"
    with pytest.raises(KeyError):
        nodes.lookup("os.system")


def test_meanings_of_arrays():
    rng = Draw(0, 0)
    base = np.array([0.0, 0.5, 1.0])
    stamps = awkward.AWKWARD["stamps"](rng, base)
    assert stamps.meaning is REFUSE
    assert np.max(nodes.build(stamps.node)) > 2**53
    dates = awkward.DATES["clocks"](rng, base)
    np.testing.assert_allclose(dates.meaning, np.array([0.0, 50.0, 100.0]) / 24)
    masked = awkward.AWKWARD["masked"](rng, base)
    assert np.ma.getmaskarray(nodes.build(masked.node)).any()
    assert masked.meaning is REFUSE


def test_flows_of_both_precisions_agree():
    family = kernels.Family("student", 2, (0.5, 0.5), 2.0, 3.0)
    x = np.array([[0.0, 0.1], [1.0, -0.4], [-0.6, 0.9]])
    weights, start, t = np.array([0.2, 0.3, 0.5]), np.array([1.0, -2.0, 0.5]), np.array([0.0, 2.0])
    plain = flows.flow(family, x, weights, start, 0.7, t)
    digits = flows._many_digits(family, x, weights, start, 0.7, t)
    np.testing.assert_allclose(plain.errors, digits.errors, atol=1e-12)
    # One point: the error decays at the rate of the kernel there.
    one = flows.flow(family, x[:1], np.ones(1), start[:1], 0.7, t)
    assert one.errors[1, 0] == pytest.approx(np.exp(-2 * (1 + 0.49 * 0.01)))
    # Steps of a size that rounding cannot tell from none.
    slow = flows.flow(family, x, weights, start, 0.7, t, step=1e-17)
    np.testing.assert_allclose(slow.errors, plain.errors, atol=1e-9)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sign", "nesterov"])
def test_steps_are_those_of_the_plainest_loop(name):
    """Of the reference of the validation, which goes from node to node."""
    plain = {
        "adam": recursion.adam(), "adamw": recursion.adam(), "rmsprop": recursion.rms_prop(),
        "sign": recursion.signs(), "nesterov": recursion.nesterov(0.9),
    }[name]  # fmt: skip
    rng = np.random.default_rng(0)
    w, shares = rng.standard_normal((5, 2)) * 3, np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    x, y = rng.uniform(-1, 1, (6, 2)), rng.standard_normal(6)
    seen = stepped.epochs(6, 4, 7, seed=3) if name != "sign" else None
    decay, factors = (0.01, 0.02), stepped.factors({"Warmup": 4.0}, 7)
    one = stepped.rule(name, {"epsilon": 0.0})
    how = stepped.Setting(one, (0.05, 0.03), (0.0, 0.0), 0.8, factors, decay, seen)
    path, _ = recursion.recursion(
        w, shares, x, y, plain, 7, rate=0.05, frequency_rate=0.03, sigma_a=0.8, factors=factors,
        decay_a=decay[0], decay_w=decay[1], batches=seen,
    )  # fmt: skip
    found = stepped.losses(w, shares, x, y, np.full(6, 1 / 6), how)
    np.testing.assert_allclose(found, np.mean((path - y) ** 2, axis=1), rtol=1e-9)


def test_tries_of_one_scenario_alone():
    assert {draw(0, index, ("line law",))[0] for index in range(9)} == {"line law"}
    assert len({draw(0, index)[0] for index in range(60)}) > 9


def test_lines_survive_a_kill(tmp_path):
    from tests.hostile.command import read_lines

    path = tmp_path / "lines.jsonl"
    path.write_text('{"index": 0}\n{"index": 1}\n{"ind')
    assert [line["index"] for line in read_lines(path)] == [0, 1]
    assert path.read_text() == '{"index": 0}\n{"index": 1}\n'


def test_one_run_at_a_time_and_on_from_where_it_was(tmp_path):
    """A run that is stopped goes on; two do not write the same file."""
    path = tmp_path / "lines.jsonl"
    command = [sys.executable, "-m", "tests.hostile", "--tries", "2000", "--lines", str(path)]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as behind an ampersand
    )  # fmt: skip
    while not path.exists() or path.read_bytes().count(b"\n") < 2:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.05)
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "is written by another run" in second.stderr
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 1, errors
    assert "goes on from here" in errors
    most = path.read_bytes().count(b"\n") + 10
    command[command.index("2000")] = str(most)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{most} tries" in done.stdout
    indices = [json.loads(line)["index"] for line in path.read_text().splitlines()]
    assert len(set(indices)) == len(indices)
    assert set(range(most)) <= set(indices)


def test_silent_wrong_numbers_are_counted_by_their_kind():
    lines = [
        {"outcome": "wrong", "kinds": ["x: masked", "t: NaN"], "meaning": True,
         "detail": "answered, though to be refused: x (masked)"},
        {"outcome": "wrong", "kinds": ["y: function: writes"], "detail": "loss is 1, right is 2"},
        {"outcome": "nan", "kinds": ["rho_w: normal scale: extreme", "x: bools"], "detail": ""},
        {"outcome": "right", "kinds": ["x: masked"], "detail": ""},
    ]  # fmt: skip
    found = families.silent(lines)
    assert {name: count for name, count in found.items() if count} == {
        "masks and fill values": 1, "functions that misbehave": 1, "several at once": 1
    }  # fmt: skip
    assert families.family("rho_w: atoms: timedelta64[s]") == "dates and spans of time"
    assert families.family("x: strided") == "containers and options"


def test_table():
    def line(outcome, detail="x is 3.5"):
        return {
            "seed": 0, "index": 1, "scenario": "a", "function": "f", "kinds": ["x: NaN"],
            "outcome": outcome, "detail": detail, "seconds": 0.1,
        }  # fmt: skip

    lines = [line("right"), line("wrong"), line("wrong", "x is 4.5")]
    assert table.counts(lines, "scenario") == {"a": {"right": 1, "wrong": 2}}
    assert table.by_kind(lines) == {"NaN": {"right": 1, "wrong": 2}}
    assert [len(found) for found in table.groups(lines).values()] == [2]
    assert "3 tries" in table.summary(lines)


def test_the_committed_results_are_on_the_page_and_hold():
    content = json.loads((Path(__file__).parent / "hostile" / "results.json").read_text("utf-8"))
    root = Path(__file__).parent.parent
    assert table.page(content) in (root / "docs" / "reliability.rst").read_text("utf-8")
    assert content["tries"] >= 20_000
    assert not any(content["outcomes"].get(name) for name in outcomes.FAULTS)
