"""What a case is, and how an answer of the package is judged against the right one."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RIGHT, REFUSED, WRONG = "right", "refused", "WRONG"


@dataclass(frozen=True)
class Verdict:
    """`outcome` is one of right, refused and WRONG; `got` is what the package gives."""

    outcome: str
    got: str


@dataclass(frozen=True)
class Attempt:
    """One call of a case. With limits, it runs in a process of its own."""

    call: Callable[[], Verdict]
    gigabytes: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Case:
    """One public report, rebuilt small.

    Attributes
    ----------
    source : str
        The public thread.
    kind : str
        What kind of fault it is, in a few words.
    right : str
        The right answer and how it is known.
    attempts : dict
        The report itself first, then other members of its kind.
    """

    source: str
    kind: str
    right: str
    attempts: dict[str, Attempt] = field(default_factory=dict)

    def attempt(
        self, label: str, *, gigabytes: float | None = None, seconds: float | None = None
    ) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
        """Add the function below as an attempt; limits put it into a process of its own."""

        def add(call: Callable[[], Verdict]) -> Callable[[], Verdict]:
            assert label not in self.attempts, label
            self.attempts[label] = Attempt(call, gigabytes, seconds)
            return call

        return add

    def each(self, **members: Any) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
        """Add one attempt for each keyword: the function below at the keyword's value."""

        def add(call: Callable[..., Verdict]) -> Callable[..., Verdict]:
            for name, member in members.items():
                self.attempt(name.replace("_", " "))(lambda member=member: call(member))
            return call

        return add


def show(value: Any) -> str:
    """A few digits of a number or an array."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "fiuc":
        return str(value)
    text = " ".join(f"{number:.4g}" for number in array.ravel()[:5])
    return text if array.size <= 5 else text + " ..."


def close(got: Any, right: Any, rtol: float) -> bool:
    """Whether all numbers are right to `rtol` of the largest right one."""
    got, right = np.asarray(got), np.asarray(right)
    if right.dtype == bool:
        return bool(np.array_equal(got, right))
    if got.shape != right.shape or not np.all(np.isfinite(got)):
        return False
    return bool(np.all(np.abs(got - right) <= rtol * np.abs(right).max()))


def judge(
    call: Callable[[], Any],
    right: Any,
    *,
    rtol: float = 1e-5,
    refusal: str | None = None,
    remedy: Callable[[], Any] | None = None,
) -> Verdict:
    """Verdict on what `call` gives.

    Parameters
    ----------
    call : callable
        The package's answer.
    right : array_like or None
        The right answer; None where there is none and only a refusal will do.
    rtol : float
        Allowed difference, in units of the largest right number.
    refusal : str, optional
        What the message of a ValueError or TypeError must say (a regular expression). Without
        it a refusal is wrong.
    remedy : callable, optional
        What the message advises. It has to give the right answer.
    """
    with warnings.catch_warnings():
        # A warning that nobody asked for counts as an answer that is not right.
        warnings.simplefilter("error")
        try:
            got = call()
        except (ValueError, TypeError) as error:
            return _refused(error, right, rtol, refusal, remedy)
        except (Exception, MemoryError) as error:
            return Verdict(WRONG, f"{type(error).__name__}: {str(error)[:90]}")
    if right is None:
        return Verdict(WRONG, f"{show(got)} without a word")
    return Verdict(RIGHT if close(got, right, rtol) else WRONG, show(got))


def _refused(
    error: Exception,
    right: Any,
    rtol: float,
    refusal: str | None,
    remedy: Callable[[], Any] | None,
) -> Verdict:
    text = " ".join(str(error).split())
    if refusal is None:
        return Verdict(WRONG, f"refused: {text[:110]}")
    if not re.search(refusal, text):
        return Verdict(WRONG, f"the message does not lead on: {text[:110]}")
    if remedy is None:
        return Verdict(REFUSED, text[:110])
    after = judge(remedy, right, rtol=rtol)
    if after.outcome != RIGHT:
        return Verdict(WRONG, f"the remedy gives {after.got[:90]}")
    return Verdict(REFUSED, f"{text[:80]}; with the remedy {after.got}")


def both(*verdicts: Verdict) -> Verdict:
    """The worst of several verdicts."""
    order = (WRONG, REFUSED, RIGHT)
    return min(verdicts, key=lambda verdict: order.index(verdict.outcome))


def at_once(verdict: Callable[[], Verdict], seconds: float) -> Verdict:
    """`verdict`, wrong where it took longer; processor time, as other processes may be busy."""
    start = time.process_time()
    found = verdict()
    taken = time.process_time() - start
    if taken <= seconds:
        return found
    return Verdict(WRONG, f"after {taken:.1f} s of work: {found.got[:90]}")
