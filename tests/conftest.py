"""Set-up of the whole suite: matched refusals are noted, their tally comes last."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import raises

HERE = Path(__file__).parent
# A file for the type checker, full of slips that are meant.
collect_ignore = ["typed/client.py"]
TALLY = "test_every_raise_is_matched"
# Files that take most of the time: left out by `make quick`, as are tests that are marked slow.
SLOW = {
    "test_backends.py",
    "test_bands.py",
    "test_box_plane.py",
    "test_cases.py",
    "test_comparison.py",
    "test_decay.py",
    "test_examples.py",
    "test_expected.py",
    "test_files.py",
    "test_finite_width.py",
    "test_hostile.py",
    "test_hostile_training.py",
    "test_layers.py",
    "test_notebook.py",
    "test_optimizers.py",
    "test_plane.py",
    "test_plane_lattice.py",
    "test_plotting.py",
    "test_recursion.py",
    "test_recursion_clip.py",
    "test_references.py",
    "test_report.py",
    "test_stepped.py",
    "test_stores.py",
    "test_sweep_cluster.py",
    "test_sweep_stopped.py",
    "test_validate_command.py",
    "test_validation.py",
}


class Figures:
    """Closed after each test, doctest and page: matplotlib warns of the 21st that is open."""

    @staticmethod
    def pytest_runtest_teardown():
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


class SideBySide:
    """Tests in several processes: what each has matched is told to the one that counts."""

    def __init__(self):
        self.whole = False

    def pytest_sessionfinish(self, session):
        """A worker hands over what it has seen; the one that counts fails where some are left."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["seen"] = sorted(raises.seen)
            session.config.workeroutput["whole"] = session.config.whole_suite
        elif self.whole and raises.unseen():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_testnodedown(self, node, error):
        """The process that counts adds it to its own."""
        output = getattr(node, "workeroutput", {})
        raises.seen.update(map(tuple, output.get("seen", ())))
        self.whole |= output.get("whole", False)

    def pytest_terminal_summary(self, terminalreporter):
        """After a whole suite, the statements that no test has matched."""
        for line in raises.unseen() if self.whole else ():
            terminalreporter.write_line(f"raised in no test that matches: {line}", red=True)


def pytest_configure(config):
    # Of all, not of the items below this folder only.
    config.pluginmanager.register(Figures())
    config.whole_suite = False
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(SideBySide())
    # Behind an ampersand a shell has Ctrl-C ignored, and all that the tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pytest.raises = raises.watch(pytest.raises)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Put the tally last; leave it out where a part of the suite runs, which cannot have all."""
    for item in items:
        if item.path.name in SLOW or item.path.suffix == ".rst":
            item.add_marker(pytest.mark.slow)
    tally = [item for item in items if item.name == TALLY]
    items[:] = [item for item in items if item.name != TALLY]
    whole = {item.path.name for item in items if item.path.parent == HERE}
    whole = whole >= {path.name for path in HERE.glob("test_*.py")} - {"test_raises.py"}
    narrowed = config.option.keyword or config.option.markexpr or config.option.deselect
    config.whole_suite = bool(whole and not narrowed)
    if config.whole_suite and not hasattr(config, "workerinput"):
        items.extend(tally)
    elif tally:
        config.hook.pytest_deselected(items=tally)
