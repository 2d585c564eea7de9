"""Public reports of people who do this job, each rebuilt small in a module of its own.

`python -m tests.cases` prints the table. A case has the public thread as its source, the input
built in the module, and the right answer from a computation that shares no code with the package.
"""

from __future__ import annotations

import importlib
import pkgutil

from .verdict import Case

_HELPERS = ("__main__", "verdict", "dense", "table")


def all_cases() -> dict[str, Case]:
    """Each case by the name of its module."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {
        name: importlib.import_module(f"{__name__}.{name}").CASE
        for name in names
        if name not in _HELPERS
    }
