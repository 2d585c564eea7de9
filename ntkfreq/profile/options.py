"""Words of the command line for what `read_profile` takes as values."""

from __future__ import annotations

from collections.abc import Sequence

from ntkfreq.profile.delimiter import NAMES
from ntkfreq.profile.numbers import is_number


def delimiter_named(word: str | None) -> str | None:
    r"""A delimiter from its name or itself.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> delimiter_named("tab"), delimiter_named(";"), delimiter_named(None)
    ('\t', ';', None)
    """
    if word is None or word in NAMES:
        return word
    found = [mark for mark, name in NAMES.items() if word.lower().rstrip("s") == name]
    if not found and word != r"\t":
        raise ValueError(f"delimiter={word!r} must be one of {', '.join(NAMES.values())}")
    return found[0] if found else "\t"


def numbers_missing(words: Sequence[str] | None) -> list[float] | None:
    """Numbers that stand for a missing value; the word "none" says that no number does.

    Raises
    ------
    ValueError
        When a word is neither a number nor "none".

    Examples
    --------
    >>> numbers_missing(["-9999", "1e20"]), numbers_missing(["none"]), numbers_missing([])
    ([-9999.0, 1e+20], [], None)
    """
    if not words:
        return None
    if [word.lower() for word in words] == ["none"]:
        return []
    for word in words:
        if not is_number(word, "."):
            raise ValueError(f"missing={word!r} must be a number, or none if no number means it")
    return [float(word) for word in words]
