"""Runs many tries, keeps their outcomes as JSON lines, and sums them up."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import ntkfreq

from .catalogue import SCENARIOS, draw
from .nodes import text
from .outcomes import attempt
from .runner import in_child

ROOT = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.json"


def run_one(seed: int, index: int, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Outcome of one try, in a child of its own."""
    scenario, one = draw(seed, index, only)
    found = in_child(lambda: attempt(one))
    return {
        "seed": seed,
        "index": index,
        "scenario": scenario,
        "function": one.function,
        "kinds": one.kinds,
        **found,
    }


def code_hash() -> str:
    """Of the package that is tried and of this suite."""
    digest = hashlib.sha256()
    for folder in (Path(ntkfreq.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Outcomes written so far; a line that a kill cut short is dropped from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def worker(
    number: int, workers: int, seed: int, wanted: list[int], path: Path, only: tuple[str, ...] = ()
) -> None:
    """Run every `workers`-th of the wanted tries; each line is written in one piece."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    stopped: list[int] = []

    def stop(signum: int, frame: object) -> None:
        # An exception alone may come while a fork calls back, where Python drops it.
        stopped.append(signum)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    for index in wanted[number::workers]:
        if stopped:
            break
        line = json.dumps(run_one(seed, index, only)) + "\n"
        os.write(handle, line.encode())
    os.close(handle)


def run(
    seed: int, tries: int, workers: int, path: Path, only: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Run what is missing of the tries 0 to `tries` - 1 and return all outcomes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # closed, and so let go, at the end
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(
            f"{path} is written by another run; wait for it, or give --lines"
        ) from None
    done = {line["index"] for line in read_lines(path)}
    wanted = [index for index in range(tries) if index not in done]
    # Behind an ampersand a shell has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pids = []
    for number in range(min(workers, len(wanted))):
        pid = os.fork()
        if pid == 0:
            try:
                # It keeps the lock: a run whose parent was killed is still a run.
                worker(number, workers, seed, wanted, path, only)
            except KeyboardInterrupt:
                pass
            finally:
                os._exit(0)
        pids.append(pid)
    _wait(pids, len(done), tries, path)
    os.close(lock)
    return [line for line in read_lines(path) if line["index"] < tries]


def _wait(pids: list[int], done: int, tries: int, path: Path) -> None:
    from tqdm import tqdm

    left = set(pids)
    try:
        with tqdm(total=tries, initial=min(done, tries), unit="try", disable=None) as bar:
            while left:
                for pid in list(left):
                    if os.waitpid(pid, os.WNOHANG)[0]:
                        left.discard(pid)
                if path.exists():
                    bar.update(min(path.read_bytes().count(b"\n"), tries) - bar.n)
                time.sleep(0.5)
    except KeyboardInterrupt:
        for pid in left:
            os.kill(pid, signal.SIGINT)
        raise SystemExit("stopped; the same command goes on from here") from None


def show(seed: int, index: int, execute: bool, only: tuple[str, ...] = ()) -> None:
    """Print one try as a Python call, and what becomes of it."""
    scenario, one = draw(seed, index, only)
    print(f"# {scenario}, seed {seed}, index {index}: {'; '.join(one.kinds)}")
    print(text(one.node))
    if execute:
        found = in_child(lambda: attempt(one))
        print(f"# {found['outcome']}: {found['detail']}")
        print(f"# {found['seconds']} s, {found['megabytes']} MB, {found.get('place', '')}")


def main() -> None:
    """Parse the arguments and do what they say."""
    from .table import before, page, summary, write_results

    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--tries", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--workers", type=int, default=2, help="tries at a time (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the tries (default 0)")
    parser.add_argument("--lines", type=Path, help="file of the outcomes, by default in results/")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    parser.add_argument(
        "--show", type=int, nargs=2, metavar=("SEED", "INDEX"), help="replay one try"
    )
    parser.add_argument(
        "--before", nargs=2, metavar=("FILE", "COMMIT"), help="keep these outcomes of earlier code"
    )
    parser.add_argument(
        "--only", action="append", choices=list(SCENARIOS), default=[], metavar="SCENARIO",
        help="tries of this scenario alone; repeatable; --show needs the same",
    )  # fmt: skip
    parser.add_argument("--table", action="store_true", help="print the tables of the results")
    options = parser.parse_args()
    if options.show:
        show(*options.show, execute=True, only=tuple(options.only))
        return
    if options.table:
        print(page(json.loads(RESULTS.read_text(encoding="utf-8"))))
        return
    if options.before:
        lines, commit = read_lines(Path(options.before[0])), options.before[1]
        content = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        content["before"] = before(lines, commit)
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return
    mark = code_hash()
    only = tuple(options.only)
    if only and options.write:
        parser.error("--write is of all scenarios; leave --only out")
    name = "-".join([str(options.seed), *sorted(only), mark]).replace(" ", "_")
    path = options.lines or ROOT / "results" / "hostile" / f"{name}.jsonl"
    lines = run(options.seed, options.tries, options.workers, path.absolute(), only)
    print(summary(lines))
    if options.write:
        write_results(RESULTS, lines, mark, options.seed)
