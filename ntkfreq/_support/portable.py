"""Objects that are pickled and copied without values that they can compute again."""

from __future__ import annotations

import functools
import pickle
import sys
from types import FrameType, FunctionType, MappingProxyType
from typing import Any, ClassVar


class Portable:
    """Pickled and copied without the values of cached properties, which are computed again.

    Among them are factorizations, which do not pickle, and tables many times the size of the
    results. A user's function that cannot be pickled is refused with the remedy.

    Examples
    --------
    >>> import copy
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Circle(Portable):
    ...     radius: float
    ...     @functools.cached_property
    ...     def area(self):
    ...         return 3.14159 * self.radius**2
    >>> circle = Circle(2.0)
    >>> circle.area, sorted(vars(circle)), sorted(vars(copy.deepcopy(circle)))
    (12.56636, ['area', 'radius'], ['radius'])
    """

    _lasting: ClassVar[frozenset[str]] = frozenset()
    """Cached values that are kept: results of long computations, or of a state that may change."""

    _functions: ClassVar[MappingProxyType[str, str]] = MappingProxyType({})
    """Fields that hold a user's function, with what to give instead of one that does not pickle."""

    def __getstate__(self) -> Any:
        for name, remedy in self._functions.items():
            # The message names the public class, of which this may be a subclass.
            known = next(kind for kind in type(self).__mro__ if "_functions" in vars(kind))
            _refuse_local(known.__name__, name, getattr(self, name), remedy)
        state: Any = super().__getstate__()
        if isinstance(state, dict):
            return self._without_cached(state)
        # A subclass with slots has its other attributes in a second dictionary.
        return (self._without_cached(state[0] or {}), state[1]) if state else state

    def _without_cached(self, state: dict[str, Any]) -> dict[str, Any]:
        kind = type(self)
        return {
            name: value
            for name, value in state.items()
            if name in self._lasting
            or not isinstance(getattr(kind, name, None), functools.cached_property)
        }


def _refuse_local(owner: str, name: str, value: object, remedy: str) -> None:
    """Refuse a function that pickle does not find by its name."""
    while isinstance(value, functools.partial):
        value = value.func
    if not isinstance(value, FunctionType) or _is_found(value) or _keeps_functions():
        return
    what = "a lambda" if value.__name__ == "<lambda>" else "defined inside another function"
    raise pickle.PicklingError(
        f"{name}={value.__qualname__} of this {owner} is {what}, and pickle stores only where a "
        f"function is found: define it with def at the top level of a module, or {remedy}"
    )


def _is_found(function: FunctionType) -> bool:
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _keeps_functions() -> bool:
    """Whether this is a copy, which shares functions, or a pickler that stores their code.

    An object does not know whether it is copied or pickled; the caller is on the stack.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module == "copy" or not {"cloudpickle", "dill"}.isdisjoint(module.split(".")):
            return True
        frame = frame.f_back
    return False
