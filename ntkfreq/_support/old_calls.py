"""Forms of a call that an earlier release took: they work for one release, with a warning."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from ntkfreq._support.arrays import show

P = ParamSpec("P")
R = TypeVar("R")


def renamed(**names: str | tuple[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Take arguments by their old names as well, with a FutureWarning that names the new ones.

    Parameters
    ----------
    **names : str or (str, str)
        By the new name: the old one, or two that are now one pair.

    Examples
    --------
    >>> @renamed(rtol="tolerance")
    ... def solve(*, rtol=1e-6):
    ...     return rtol
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     print(solve(tolerance=0.1), caught[0].message)
    0.1 solve: tolerance= is now rtol=; the old name works for one release
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def accepting(*args: Any, **more: Any) -> Any:
            for new, old in names.items():
                more = _by_new_name(function.__name__, new, old, more)
            plain: Any = function
            return plain(*args, **more)

        return cast(Callable[P, R], accepting)

    return decorate


def _by_new_name(
    function: str, new: str, old: str | tuple[str, str], given: dict[str, Any]
) -> dict[str, Any]:
    names = (old,) if isinstance(old, str) else old
    used = [name for name in names if name in given]
    if not used:
        return given
    known = ", ".join(f"{name}=" for name in used)
    if new in given:
        raise TypeError(
            f"{function}: {known} is the old name of {new}=, which is given as well; drop {known}"
        )
    both = "" if isinstance(old, str) else f"({', '.join(names)})"
    warnings.warn(
        f"{function}: {known} is now {new}={both}; the old name works for one release",
        FutureWarning,
        stacklevel=3,
    )
    rest = {name: value for name, value in given.items() if name not in names}
    value = given[old] if isinstance(old, str) else tuple(given.get(name) for name in names)
    return rest | {new: value}


def location_and_scale_by_keyword(leading: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Take `loc`, `scale` and `dim` of an `__init__` by keyword, after some positional arguments.

    Two positional numbers or more are taken with a FutureWarning. A single one is refused: it was
    the centre, and usually the scale was meant.

    Parameters
    ----------
    leading : int
        Positional arguments of the family's own that come before, without `self`.
    """
    names = ("loc", "scale", "dim")

    def decorate(init: Callable[P, R]) -> Callable[P, R]:
        # Kept as an object of unknown type: its arguments are put together here.
        plain: Any = init

        @functools.wraps(init)
        def accepting(self: Any, /, *args: Any, **more: Any) -> Any:
            own, rest = args[:leading], args[leading:]
            if not rest or len(rest) > len(names):
                return plain(self, *args, **more)
            family = type(self).__name__
            given = dict(zip(names, rest, strict=False))
            twice = sorted(given.keys() & more.keys())
            if twice:
                raise TypeError(
                    f"{_call(family, args, more)} gives {twice[0]} twice, by its place and by its "
                    "name; give it by its name only"
                )
            if len(rest) == 1 and "scale" not in more:
                scaled, moved = ({name: rest[0], **more} for name in ("scale", "loc"))
                place = "one" if leading == 0 else "a second"
                raise TypeError(
                    f"{_call(family, args, more)}: {place} positional number would be loc, the "
                    f"centre; write {_call(family, own, scaled)} or {_call(family, own, moved)}"
                )
            warnings.warn(
                f"{_call(family, args, more)}: loc, scale and dim will be taken by keyword only; "
                f"write {_call(family, own, {**given, **more})}",
                FutureWarning,
                stacklevel=2,
            )
            return plain(self, *own, **given, **more)

        return cast(Callable[P, R], accepting)

    return decorate


def _call(name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    named = [f"{key}={show(value)}" for key, value in keywords.items()]
    return f"{name}({', '.join([*map(show, args), *named])})"


def moved_names(old: str, new: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds its names in another module, with a FutureWarning."""

    def find(name: str) -> Any:
        home = importlib.import_module(new)
        if name.startswith("_") or not hasattr(home, name):
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        public = name in importlib.import_module("ntkfreq").__all__
        warnings.warn(
            f"{old}.{name} has moved; write from {'ntkfreq' if public else new} import {name}",
            FutureWarning,
            stacklevel=2,
        )
        return getattr(home, name)

    return find
