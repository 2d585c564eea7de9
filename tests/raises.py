"""Which `raise` statements of the package some test has seen raised, with a match of the message.

`watch` stands in for `pytest.raises` and notes where the exception it is given came from.
"""

from __future__ import annotations

import ast
from pathlib import Path

import ntkfreq

ROOT = Path(ntkfreq.__file__).parent
# What `ntkfreq validate` does stands in the checkout.
ENGINE = ROOT.parent / "validation" / "engine"
# What no user meets by its message: methods that subclasses have, exit codes, names that a module
# does not have, and exceptions by which parts of the package tell each other to stop.
WITHIN = (
    "NotImplementedError", "AttributeError", "typer.Exit", "StoppedError", "np.linalg.LinAlgError",
    "pickle.PicklingError", "KeyError",
)  # fmt: skip
# The same, by place and text: each is caught, and what the user meets is raised where it is.
CAUGHT = {
    ("network/checkpoint.py", "ValueError('compressed')"),
    ("profile/archive.py", "ValueError('too large')"),
    ("files/stores.py", "ValueError('its files are not those that were written')"),
    ("files/locks.py", "NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))"),
}

seen: set[tuple[str, int]] = set()


def statements(path, source=None):
    """(first line, last line, text) of the raises of a file that a user may meet."""
    tree = ast.parse(path.read_text(encoding="utf-8") if source is None else source)
    for node in ast.walk(tree):
        # An exception that is passed on, `raise error`, was raised elsewhere.
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            text = ast.unparse(node.exc)
            if ast.unparse(node.exc.func) not in WITHIN:
                yield node.lineno, node.end_lineno, text


def place_of(path):
    """Path of a file within the package, or within the checkout."""
    return str(path.relative_to(ROOT if path.is_relative_to(ROOT) else ROOT.parent))


def unseen():
    """Place and text of each statement that no test has matched so far."""
    missing = []
    for path in sorted([*ROOT.rglob("*.py"), *ENGINE.glob("*.py")]):
        place = place_of(path)
        lines = {line for file, line in seen if file == place}
        for first, last, text in statements(path):
            if lines.isdisjoint(range(first, last + 1)) and (place, text) not in CAUGHT:
                missing.append(f"{place}:{first}: {text}")
    return missing


def note(traceback):
    """Remember the statement that raised, where it is one of the package."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return
    path = Path(traceback.tb_frame.f_code.co_filename)
    if path.is_relative_to(ROOT) or path.is_relative_to(ENGINE):
        seen.add((place_of(path), traceback.tb_lineno))


class _Watched:
    def __init__(self, inner):
        self._inner = inner

    def __enter__(self):
        return self._inner.__enter__()

    def __exit__(self, kind, value, traceback):
        expected = self._inner.__exit__(kind, value, traceback)
        if expected:
            note(traceback)
        return expected


def watch(raises):
    """`raises` that notes where matched exceptions come from."""

    def watched(*args, **options):
        inner = raises(*args, **options)
        return _Watched(inner) if options.get("match") else inner

    return watched
