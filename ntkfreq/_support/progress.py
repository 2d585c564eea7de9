"""Progress bars, which cost an import only where one is shown."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def progress_bar(
    shown: bool, total: int, unit: str, initial: int = 0, what: str = "train"
) -> AbstractContextManager[Any]:
    """A tqdm bar, or None in its place."""
    if not shown:
        return nullcontext()
    from tqdm import tqdm

    return tqdm(total=total, initial=initial, unit=unit, desc=what)
