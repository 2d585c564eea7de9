"""Which compiled engines this process has loaded, as far as a choice between them may know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Parts that count as loaded; None for those that are.
ASSUMED: ContextVar[frozenset[str] | None] = ContextVar("ASSUMED", default=None)


@contextmanager
def assuming(parts: frozenset[str] = frozenset()) -> Iterator[None]:
    """Choose engines as if these parts were loaded: results do not depend on what ran before.

    Examples
    --------
    >>> with assuming():
    ...     ASSUMED.get()
    frozenset()
    """
    token = ASSUMED.set(parts)
    try:
        yield
    finally:
        ASSUMED.reset(token)
