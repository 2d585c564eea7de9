"""What became of a try: one of a dozen outcomes, seven of them faults."""

from __future__ import annotations

import re
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .attempts import Try
from .nodes import build

GOOD = ("right", "answered", "refused")
# The arguments themselves cannot be made: nothing of the package was called.
VOID = ("void",)
# A refusal that does not help: of another library, or without the name of what is refused.
UNCLEAR = ("accident", "nameless")
FAULTS = ("wrong", "nan", "exception", "warning", "hang", "memory", "crash")
OUTCOMES = (*GOOD, *VOID, *UNCLEAR, *FAULTS)

_REMEDY = re.compile(
    r"\b(must|give|use|pass|remove|choose|widen|drop|need|needs|shrink|keep|name|rescale|average|"
    r"divide|call|take|shorten|only|set|lower|raise|train|sample|draw|solve|write|save|cannot|"
    r"convert|centre|subtract|expected|leave|start|agree|make|no file|at least|at most|is no|"
    r"between|below|above|valid|neither|exceeds|quote|is for|holds for|kernel's is)\b"
)
_DIVERGED = re.compile(r"diverged")
# Warnings that are meant: of steps too large to follow closely, of schedules that have ended, of
# networks that depart from their linearization.
_TOLD = re.compile(
    r"order of magnitude; take a smaller|nothing moves after; give fewer steps"
    r"|departs from its linearization"
)


def attempt(one: Try) -> dict[str, Any]:
    """Make the call and say what became of it; never raises except at a limit of memory."""
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        made = _Kept()
        try:
            result = build(one.node, made)
        except MemoryError as error:
            return _found("memory", _last(error))
        except BaseException as error:  # whatever a call raises is what is looked for
            return _raised(one, error)
    complaint = _leaks(leaked)
    try:
        found = _answered(one, result)
    except MemoryError as error:
        return _found("memory", f"in the judge: {_last(error)}")
    if found["outcome"] in GOOD and made.changed():
        return _found("wrong", "the call has written into its argument")
    if complaint and found["outcome"] in GOOD:
        return _found("warning", complaint)
    return found


class _Kept(list[Any]):
    """Arrays as they were made, beside copies of them."""

    def append(self, value: Any) -> None:
        """Keep an array of numbers; pass over all else."""
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiuc":
            super().append((value, value.copy()))

    def changed(self) -> bool:
        """Whether one of them holds other numbers now."""
        return not all(np.array_equal(one, two, equal_nan=True) for one, two in self)


def _found(outcome: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, "detail": " ".join(detail.split())[:300], **more}


def _last(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _place(error: BaseException) -> str:
    """Innermost frame of an exception, and the innermost of the package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/ntkfreq/" in frame.filename]
    if not own:
        return "outside the package"
    return f"{_short(own[-1].filename)}:{own[-1].name}"


def _short(path: str) -> str:
    return path.rpartition("/ntkfreq/")[2] if "/ntkfreq/" in path else Path(path).name


def _innermost(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].filename if frames else ""


def _raised(one: Try, error: BaseException) -> dict[str, Any]:
    place = _place(error)
    if place == "outside the package" and type(error).__name__ != "CommandRefusedError":
        return _found("void", _last(error))
    if not isinstance(error, ValueError | TypeError) or isinstance(error, UnicodeError):
        kind = "memory" if "bad_alloc" in str(error) else "exception"
        return _found(kind, _last(error), place=place, error=type(error).__name__)
    message = str(error)
    if "/ntkfreq/" not in _innermost(error) and type(error).__name__ != "CommandRefusedError":
        return _found("accident", _last(error), place=place, error=type(error).__name__)
    names = {*one.args, *one.names}
    named = any(re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", message) for name in names)
    if not named or not _REMEDY.search(message):
        return _found("nameless", _last(error), place=place, error=type(error).__name__)
    return _found("refused", _last(error), place=place)


def _leaks(leaked: list[warnings.WarningMessage]) -> str:
    for warning in leaked:
        text = str(warning.message)
        if issubclass(warning.category, RuntimeWarning) and _DIVERGED.search(text):
            continue
        if issubclass(warning.category, UserWarning) and _TOLD.search(text):
            continue
        own = "/ntkfreq/" in warning.filename or "/hostile/" in warning.filename
        if issubclass(warning.category, DeprecationWarning | FutureWarning) and "ntkfreq" in text:
            continue
        where = _short(warning.filename) if own else Path(warning.filename).name
        return f"{warning.category.__name__}: {text} ({where}:{warning.lineno})"
    return ""


def _answered(one: Try, result: Any) -> dict[str, Any]:
    if one.refused:
        kinds = ", ".join(f"{name} ({one.args[name].kind})" for name in one.refused)
        return _found("wrong", f"answered, though to be refused: {kinds}", meaning=True)
    bad = not_finite(result)
    if bad:
        return _found("nan", f"{bad} is NaN or infinite")
    complaint = one.sane(result)
    if complaint:
        return _found("wrong", complaint)
    if one.unknown:
        return _found("answered", "")
    verdict = one.judge(result)
    return _found(verdict.outcome, verdict.detail)


# Numbers of results that may be infinite or NaN, as documented.
_MAY_BE_INFINITE = {"delay", "t_train", "t_test", "t_lost", "learning_time", "max_step_size"}


def numbers_of(result: Any) -> dict[str, np.ndarray]:
    """The numbers of a result by name: of an array, a mapping, or an object with such fields."""
    if isinstance(result, np.ndarray | float | complex | np.generic):
        return {"result": np.asarray(result)}
    if isinstance(result, list | tuple):
        return {
            f"{k}.{name}": v for k, one in enumerate(result) for name, v in numbers_of(one).items()
        }
    if hasattr(result, "data_vars"):
        return {str(name): np.asarray(result[name].values) for name in result.data_vars}
    names = getattr(type(result), "__dataclass_fields__", None)
    if names is None:
        return {}
    found = {name: getattr(result, name) for name in names if not name.startswith("_")}
    return {
        name: np.asarray(value)
        for name, value in found.items()
        if isinstance(value, np.ndarray | float | complex) and name not in _MAY_BE_INFINITE
    }


def not_finite(result: Any) -> str:
    """Name of a number in a result that is NaN or infinite, "" if there is none."""
    # Cells of a sweep hold NaN where they failed or returned it.
    swept = hasattr(result, "data_vars") and "error" in result
    for name, values in ({} if swept else numbers_of(result)).items():
        if name in _MAY_BE_INFINITE or values.dtype.kind not in "fc":
            continue
        # A single number is a learning time, which is infinite where the run does not get there.
        if isinstance(result, float) and result == np.inf:
            continue
        if not np.all(np.isfinite(values)):
            return name
    return ""
