"""Overflow and lack of memory in public calls become errors with a remedy.

Within a guarded call an overflow or an invalid operation is an error at the place where it
happens, not a NaN in a result; functions of the user run as the user has set NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ntkfreq._support.sizes import SizeError, shown_bytes, usable_memory

P = ParamSpec("P")
R = TypeVar("R")
_OUTSIDE: ContextVar[dict[str, Any] | None] = ContextVar("_OUTSIDE", default=None)
_PACKAGE = Path(__file__).parents[1]
_EDGE = (FloatingPointError, OverflowError, ZeroDivisionError, np.linalg.LinAlgError)


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose overflows and lack of memory become a refusal.

    Examples
    --------
    >>> @guarded
    ... def square(x):
    ...     return np.float64(x) ** 2
    >>> float(square(3.0))
    9.0
    >>> square(1e200)
    Traceback (most recent call last):
    ValueError: square: the numbers leave the range of double precision (overflow encountered in ...
    """

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        if _OUTSIDE.get() is not None:
            return function(*args, **kwargs)
        token = _OUTSIDE.set(dict(np.geterr()))
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                return function(*args, **kwargs)
        except MemoryError as error:
            raise SizeError(
                f"{function.__name__}: this takes more memory than there is "
                f"({shown_bytes(usable_memory())} may be used; {error}); use fewer points, a "
                "smaller domain, a narrower density, lower frequencies or a shorter t"
            ) from None
        except _EDGE as error:
            raise _beyond(function.__name__, error) from error
        except ValueError as error:
            # Messages of libraries about infinite matrices and impossible sizes.
            if _ours(error):
                raise
            raise _beyond(function.__name__, error) from error
        finally:
            _OUTSIDE.reset(token)

    return inner


def _beyond(name: str, error: BaseException) -> ValueError:
    return ValueError(
        f"{name}: the numbers leave the range of double precision ({_brief(error)}); choose units "
        "in which x, y, t, sigma_a and the widths of rho_w are of moderate size"
    )


def _ours(error: BaseException) -> bool:
    """Whether the exception was raised by a line of this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or Path(trace.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE)


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120]


@contextmanager
def users_own() -> Iterator[None]:
    """Run a user's function with floating-point errors handled as outside the guarded call."""
    with np.errstate(**(_OUTSIDE.get() or {})):
        yield
