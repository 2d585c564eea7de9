"""From the bytes of a file to numbered lines of text."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 256 * 2**20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# First bytes of what people pass by mistake, and what to do with it.
_OTHERS = (
    (b"PK\x03\x04", "a spreadsheet or another archive; save it from there as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; save it from there as CSV"),
    (b"\x89HDF", "netCDF or HDF5; read it with xarray and pass arrays, or save x and y as .npz"),
    (b"CDF", "netCDF; read it with xarray and pass arrays, or save x and y as .npz"),
    (b"\x93NUMPY", "a single array; write two with numpy.savez(path, x=x, y=y)"),
    (b"PAR1", "Parquet; write it with pandas' to_csv"),
    (b"%PDF", "a PDF; give the numbers themselves as CSV"),
    (b"\x89PNG", "a picture; give the numbers themselves as CSV"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f]")
_COMMENT = re.compile(r"\s*(#|%|//)")


@dataclass(frozen=True)
class Text:
    """Lines of a file that are neither blank nor comments, and what decoding it took.

    Attributes
    ----------
    lines : list of (int, str)
        Line numbers, from 1, and text.
    comment : str
        The last comment line above the first other line, without its mark: it may hold names.
    notes : tuple of str
        What is unusual about the file's bytes.
    """

    lines: list[tuple[int, str]]
    comment: str
    notes: tuple[str, ...]


def content(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzip.

    Raises
    ------
    ValueError
        When it cannot be read, or is larger than 256 MB.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                data = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path.name} cannot be read: {reason}") from None
    if len(data) > MOST_BYTES:
        raise ValueError(
            f"{path.name} holds more than {MOST_BYTES >> 20} MB; average or select rows first"
        )
    return data


def text_of(name: str, data: bytes) -> Text:
    r"""Decode bytes, and leave out blank lines and comments.

    Raises
    ------
    ValueError
        When the bytes are no text; the message says what they are where that is known.

    Examples
    --------
    >>> text_of("a.csv", b"# t,V\n\n0,1\n").lines, text_of("a.csv", b"# t,V\n0,1").comment
    ([(3, '0,1')], 't,V')
    """
    for mark, what in _OTHERS:
        if data.startswith(mark):
            raise ValueError(f"{name} is {what}")
    text, notes = _decoded(name, data)
    lines: list[tuple[int, str]] = []
    comment = ""
    # Not splitlines(), which also splits at characters that stand inside cells.
    for number, line in enumerate(re.split("\r\n|\r|\n", text.rstrip("\x1a")), start=1):
        mark_found = _COMMENT.match(line)
        if mark_found:
            comment = comment if lines else line[mark_found.end() :].strip("#%/ \t")
        elif line.strip():
            lines.append((number, line))
    if lines and lines[0][1].lstrip().lower().startswith(("<!doctype", "<html", "<?xml")):
        raise ValueError(f"{name} is a web page or XML; save the table itself as CSV")
    if lines and lines[0][1].lower().startswith("sep=") and len(lines[0][1].strip()) <= 5:
        lines = lines[1:]  # spreadsheets tell each other the delimiter so; the table shows it too
    return Text(lines, comment, notes)


def _decoded(name: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    guess = "utf-8"
    if b"\0" in data[:4096]:
        guess = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    marks = ((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark))
    mark, encoding = next(marks, (b"", guess))
    notes = () if encoding == "utf-8" else (encoding.rpartition("-")[0].upper(),)
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise ValueError(f"{name} is not text; save it as plain CSV") from None
        try:
            text, notes = data.decode("windows-1252"), ("Windows-1252",)
        except UnicodeDecodeError:
            raise ValueError(f"{name} is not text; save it as plain CSV in UTF-8") from None
    if _CONTROL.search(text):
        raise ValueError(f"{name} is not text: it holds control characters; save it as plain CSV")
    return text, notes
