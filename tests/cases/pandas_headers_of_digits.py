"""Tables as pandas and spreadsheets write them: which rows, columns and decimals are data?"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from ntkfreq.profile import read_profile

from .verdict import Case, judge

CASE = Case(
    source="tables as pandas.DataFrame.to_csv writes them; pandas issue 59299, polars issue 18797",
    kind="a file is read as something else",
    right="the x and y that were written, all rows of them and no more; or a refusal that names "
    "what to change",
)

X = np.linspace(-1, 1, 60)
Y = np.sin(5 * X) + 0.3 * np.cos(17 * X)
PAIR = np.array([X, Y])
FRAME = pd.DataFrame({"x": X, "y": Y})


def read(text, name="in.csv", encoding="utf-8", says=""):
    """What is read from a file of this text: x and y as rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding=encoding)
        profile = read_profile(path)
    assert says in profile.understood
    return np.array([profile.x, profile.y])


def lines(pattern, first=()):
    return (
        "\n".join([*first, *(pattern.format(x=x, y=y) for x, y in zip(X, Y, strict=True))]) + "\n"
    )


def german(text):
    return text.replace(".", ",")


@CASE.each(
    header_0_1=pd.DataFrame(np.c_[X, Y]).to_csv(index=False),
    header_of_names=FRAME.to_csv(index=False),
    no_header=FRAME.to_csv(index=False, header=False),
    header_after_a_comment="# written by a logger\n" + FRAME.to_csv(index=False),
    header_with_units=lines("{x},{y}", ["x [s],y [V]"]),
    quoted_header=lines("{x},{y}", ['"x, s","y, V"']),
    header_with_other_delimiter=lines("{x},{y}", ["x;y"]),
    tabs=FRAME.to_csv(index=False, sep="\t"),
    semicolons=FRAME.to_csv(index=False, sep=";"),
    blanks=FRAME.to_csv(index=False, sep=" "),
    blank_lines=lines("{x},{y}\n", ["x,y"]),
    windows_line_ends=lines("{x},{y}\r", ["x,y\r"]),
    trailing_commas=lines("{x},{y},", ["x,y,"]),
    exponents=lines("{x:.17e},{y:.17e}"),
)
def written(text):
    return judge(lambda: read(text), PAIR, rtol=1e-12)


@CASE.each(
    decimal_commas_and_semicolons=german(FRAME.to_csv(index=False, sep=";")),
    decimal_commas_and_tabs=german(FRAME.to_csv(index=False, sep="\t")),
    decimal_commas_and_semicolons_by_pandas=FRAME.to_csv(index=False, sep=";", decimal=","),
    index_column=FRAME.to_csv(),
    header_0_1_and_index_column=pd.DataFrame(np.c_[X, Y]).to_csv(),
    utf16=None,
)
def understood_or_refused(text):
    """Read rightly, or refused with what to change in the file; then that is read rightly."""
    if text is None:
        text = FRAME.to_csv(index=False)
        call = lambda: read(text, encoding="utf-16")  # noqa: E731
    else:
        call = lambda: read(text)  # noqa: E731
    return judge(
        call,
        PAIR,
        rtol=1e-12,
        refusal="decimal|two columns|two, x and y|columns|UTF-8",
        remedy=lambda: read(FRAME.to_csv(index=False)),
    )


@CASE.each(**{name[1:]: name for name in (".txt", ".tsv", ".dat", ".asc", ".CSV")})
def suffixes(suffix):
    separator = "\t" if suffix == ".tsv" else ","
    return judge(lambda: read(FRAME.to_csv(index=False, sep=separator), "in" + suffix), PAIR)


# A row without a value is dropped, and the line of what was understood says so.
@CASE.each(
    first_row_without_x=(lines("{x},{y}").replace("-1.0,", ",", 1), 0),
    first_row_without_x_after_a_header=(lines("{x},{y}", ["x,y"]).replace("-1.0,", ",", 1), 0),
    a_missing_value=(lines("{x},{y}").replace(f",{Y[30]}", ","), 30),
    a_fill_value_in_words=(lines("{x},{y}").replace(f",{Y[30]}", ",NaN"), 30),
)
def without_the_row(member):
    text, row = member
    return judge(lambda: read(text, says="1 row with missing"), np.delete(PAIR, row, axis=1))


@CASE.each(
    thousands_separators=lines("{x},{y}").replace(f",{Y[0]}", ',"1,299.99"', 1),
    periods_of_thousands_and_decimal_commas=german(lines("{x};{y}")).replace(
        ";" + german(str(Y[0])), ";1.299,99", 1
    ),
)
def thousands(text):
    return judge(lambda: read(text), np.array([X, np.append(1299.99, Y[1:])]))


# These have no two columns of numbers as they are.
@CASE.each(
    one_column_of_decimal_commas=(german(lines("{y:.4f}")), "decimal|one column"),
    digits_with_underscores=(lines("{x},{y}").replace("-1.0,", "1_0,", 1), "1_0"),
    three_columns=(lines("{x},{y},{y}", ["x,y,z"]), "columns"),
    hexadecimal=(lines("{x},{y}").replace("-1.0,", "0x10,", 1), "0x10"),
)  # fmt: skip
def no_two_columns(member):
    text, refusal = member
    return judge(lambda: read(text), None, refusal=refusal)
