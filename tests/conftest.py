"""Set-up of the whole suite: matched refusals are noted, their tally comes last."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import raises

TALLY = "test_every_raise_is_matched"


class Figures:
    """Closed after each test, doctest and page: matplotlib warns of the 21st that is open."""

    @staticmethod
    def pytest_runtest_teardown():
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def pytest_configure(config):
    # Of all, not of the items below this folder only.
    config.pluginmanager.register(Figures())
    # Behind an ampersand a shell has Ctrl-C ignored, and all that the tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pytest.raises = raises.watch(pytest.raises)


def pytest_collection_modifyitems(config, items):
    """Put the tally last; leave it out where a part of the suite runs, which cannot have all."""
    tally = [item for item in items if item.name == TALLY]
    items[:] = [item for item in items if item.name != TALLY]
    here = Path(__file__).parent
    whole = {item.path.name for item in items if item.path.parent == here}
    whole = whole >= {path.name for path in here.glob("test_*.py")} - {"test_raises.py"}
    narrowed = config.option.keyword or config.option.markexpr or config.option.deselect
    if whole and not narrowed:
        items.extend(tally)
    elif tally:
        config.hook.pytest_deselected(items=tally)
