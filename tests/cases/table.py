"""Running attempts, some in a process with limits, and the table of all."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from .verdict import RIGHT, WRONG, Attempt, Case, Verdict

ROOT = Path(__file__).resolve().parents[2]
# Address space beyond memory in use: Python, its libraries, their threads and freed blocks hold it.
_RESERVED = 8.0


def run(name: str, label: str, attempt: Attempt) -> Verdict:
    """The verdict on one attempt."""
    if attempt.gigabytes is None and attempt.seconds is None:
        return attempt.call()
    # The command imports this folder as tests.cases, whatever it is called here.
    command = [sys.executable, "-m", "tests.cases", "--one", name, label]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=(attempt.seconds or 60) + 30
        )
    except subprocess.TimeoutExpired:
        return Verdict(WRONG, f"no answer within {attempt.seconds:g} s")
    if done.returncode:
        return Verdict(WRONG, f"the process ended with {done.returncode}: {done.stderr[-90:]}")
    return Verdict(**json.loads(done.stdout.splitlines()[-1]))


def run_limited(attempt: Attempt) -> str:
    """The verdict as JSON, with memory limited; for the process that `run` starts."""
    if attempt.gigabytes is not None:
        size = int((attempt.gigabytes + _RESERVED) * 2**30)
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        size = size if most == resource.RLIM_INFINITY else min(size, most)
        resource.setrlimit(resource.RLIMIT_AS, (size, most))
    verdict = attempt.call()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if attempt.gigabytes is not None and used > attempt.gigabytes:
        verdict = Verdict(WRONG, f"{used:.1f} GB for: {verdict.got[:90]}")
    return json.dumps({"outcome": verdict.outcome, "got": verdict.got})


def heading(name: str, case: Case) -> str:
    """The line above the attempts of a case."""
    return f"\n{name} ({case.source}): {case.kind}\n  right: {case.right}"


def line(label: str, verdict: Verdict) -> str:
    """The line of an attempt."""
    got = " ".join(verdict.got.split())
    return f"  {verdict.outcome:8}{label:38} {got if len(got) <= 150 else got[:147] + '...'}"


def tally(verdicts: list[Verdict]) -> str:
    """The last line."""
    right = sum(verdict.outcome == RIGHT for verdict in verdicts)
    wrong = sum(verdict.outcome == WRONG for verdict in verdicts)
    refused = len(verdicts) - right - wrong
    counts = f"{right} right, {refused} refused as they should, {wrong} wrong"
    return f"\n{len(verdicts)} attempts: {counts}"
