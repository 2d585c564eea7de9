"""What pages of the reference leave out: names with a leading underscore.

Private fields of a dataclass are arguments of its constructor, which Sphinx would show in the
signature. Only the package passes them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

_ARGUMENT = re.compile(r"^\*{0,2}_\w")


def public(signature: str) -> str:
    """A signature without private arguments; a default made anew for each call becomes dots.

    >>> public("(x, axis=<factory>, _test=None)")
    '(x, axis=...)'
    """
    shown = [part for part in split(signature[1:-1]) if not _ARGUMENT.match(part)]
    while shown and shown[-1] == "*":  # only private ones came behind it
        shown.pop()
    return f"({', '.join(shown)})".replace("<factory>", "...")


def split(arguments: str) -> list[str]:
    """Arguments between the commas that stand outside of any bracket.

    >>> split("x, y=(1, 2), *, z='a'")
    ['x', 'y=(1, 2)', '*', "z='a'"]
    """
    parts, depth = [""], 0
    for character in arguments:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def shorten(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str, Any] | None:
    """Take private arguments out of a signature."""
    return None if not signature else (public(signature), returns)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen to autodoc."""
    app.connect("autodoc-process-signature", shorten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
