"""Files as people have them: each is read as what it is, or refused in a sentence.

The samples of `X` and `Y` are written in many ways. Whatever is not refused must give them back.
"""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta

import numpy as np
import pytest

from ntkfreq.profile import Profile, read_profile
from ntkfreq.profile.dates import read_dates

X = np.linspace(0.25, 5.0, 20)  # two decimals
Y = np.round(np.cos(X) + 2, 4)
DAYS = [datetime(2021, 12, 5) + timedelta(hours=18 * k) for k in range(20)]


def lines(form, x=X, y=Y):
    return "".join(form.format(a, b) + "\n" for a, b in zip(x, y, strict=True))


def counted(form, start=0):
    rows = enumerate(zip(X, Y, strict=True), start)
    return "".join(form.format(k, a, b) + "\n" for k, (a, b) in rows)


def commas(text):
    return text.replace(".", ",")


PLAIN = lines("{:.2f},{:.4f}")
SEMICOLONS = commas(lines("{:.2f};{:.4f}"))
# name: (text or bytes, keywords, words that the line of what was understood must hold)
READ = {
    "decimal commas and semicolons": (SEMICOLONS, {}, "semicolon-separated, decimal commas"),
    "one of two columns has decimals": (
        "".join(f"{k};{b:.4f}\n" for k, b in enumerate(Y)).replace(".", ","),
        {"x": "1", "y": "2"},
        "decimal commas",
    ),
    "decimal commas and blanks": (commas(lines("{:.2f}  {:.4f}")), {}, "blank-separated, decimal"),
    "decimal commas and tabs": (commas(lines("{:.2f}\t{:.4f}")), {}, "tab-separated, decimal"),
    "quoted decimal commas": (commas(lines('"{:.2f}"|"{:.4f}"')).replace("|", ","), {}, "comma"),
    "quoted numbers": (lines('"{:.2f}","{:.4f}"'), {}, "comma-separated"),
    "bars": (lines("{:.2f}|{:.4f}"), {}, "bar-separated"),
    "aligned blanks": (lines("{:8.2f} {:10.4f}"), {}, "blank-separated"),
    "tabs and blanks": (lines("{:.2f} \t {:.4f}"), {}, "-separated"),
    "semicolon in the header": ("time (s; UTC),temp\n" + PLAIN, {}, "time (s; UTC), comma"),
    "comma in the header": (
        "time (s, UTC);temp\n" + lines("{:.2f};{:.4f}"),
        {},
        "temp against time (s, UTC), semicolon",
    ),
    "comma in a quoted header": ('"time, UTC",temp\n' + PLAIN, {}, "against time, UTC"),
    "more names than columns": ("a,b,c\n" + PLAIN, {}, "line 1 passed over"),
    "units in a row of their own": ("t,U\ns,V\n" + PLAIN, {}, "U (V) against t (s)"),
    "units in brackets": ("t;U\n[ms];[mV]\n" + SEMICOLONS, {}, "U (mV) against t (ms)"),
    "lines about the file": (
        "Logger;L-200\nSerial no.;12345\nRate;0,5 Hz\n\nt (s);u (V)\n" + SEMICOLONS,
        {},
        "u (V) against t (s), semicolon-separated, decimal commas, 3 lines above",
    ),
    "a title": ("Run of 5 December\nt,u\n" + PLAIN, {}, "line 1 passed over"),
    "a rule under the header": ("t  u\n---- ------\n" + lines("{:.2f} {:.4f}"), {}, "u against t"),
    "names in a comment": ("# t u\n" + lines("{:.2f} {:.4f}"), {}, "u against t"),
    "comments": ("% made by hand\n" + PLAIN + "# end\n", {}, "comma-separated"),
    "blank lines": ("\n\n" + PLAIN.replace("\n", "\n\n"), {}, "comma-separated"),
    "rows of delimiters": ("t,u\n" + PLAIN + ",\n,\n", {}, "u against t"),
    "trailing delimiters": ("t;u;\n" + lines("{:.2f};{:.4f};"), {}, "u against t"),
    "an empty column": ("t;u;flag\n" + lines("{:.2f};{:.4f};"), {}, "left out: flag"),
    "a column of words": ("id,t,u\n" + lines("A 7,{:.2f},{:.4f}"), {}, "left out: id"),
    "index of pandas": (
        ",t,u\n" + counted("{},{:.2f},{:.4f}"),
        {},
        "u against t, comma-separated, row numbers",
    ),
    "row names of R": (
        '"t" "u"\n' + counted('"{}" {:.2f} {:.4f}', 1),
        {},
        "u against t, blank-separated, row numbers",
    ),
    "numbered header": (
        "0,1\n" + lines("{!r},{!r}", (X - 3).tolist(), Y.tolist()),
        {},
        "column 1 against column 0",
    ),
    "numbered header with an index": (
        ",0,1\n" + counted("{},{:.2f},{:.4f}"),
        {},
        "row numbers",
    ),
    "numbered header that was announced": ("0,1\n" + PLAIN, {"header": True}, "column 1"),
    "sep= of spreadsheets": ("sep=;\n" + SEMICOLONS, {}, "decimal commas"),
    "carriage returns": (PLAIN.replace("\n", "\r"), {}, "comma-separated"),
    "byte order mark": (("t,u\n" + PLAIN).encode("utf-8-sig"), {}, "u against t"),
    "UTF-16": (("t\tu\n" + lines("{:.2f}\t{:.4f}")).encode("utf-16"), {}, "UTF-16"),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), {}, "UTF-16"),
    "Windows-1252": (("t,T (°C)\n" + PLAIN).encode("cp1252"), {}, "T (°C) against t, Windows-1252"),
    "gzip": (gzip.compress(PLAIN.encode()), {}, "comma-separated"),
    "missing y": (PLAIN + "9.00,\n9.25,NaN\n9.50,n/a\n", {}, "3 rows with missing values dropped"),
    "missing x in the first row": (",0.5\n" + PLAIN, {}, "1 row with missing values dropped"),
    "missing in the first row": ("nan,nan\n" + PLAIN, {}, "comma-separated"),
    "fill values that were named": (PLAIN + "9.00,-9999\n", {"missing": [-9999]}, "1 row with"),
    "series that were to be averaged": (
        "place,t,u\n" + lines("A,{:.2f},{:.4f}") + lines("B,{:.2f},{:.4f}"),
        {"x": "t", "y": "u"},
        "20 repeated x, with the mean of y at each",
    ),
    "end mark of DOS": (PLAIN + "\x1a", {}, "comma-separated"),
    "not sorted": ("".join(reversed(PLAIN.splitlines(keepends=True))), {}, "sorted by x"),
    "repeated x": (
        PLAIN.replace("0.25,2.9689", "0.25,2.9589\n0.25,2.9789"),
        {},
        "1 repeated x, with the mean of y at each",
    ),
    "exponents of Fortran": (
        lines("{:.6e} {:.6e}").replace("e", "D"),
        {},
        "blank-separated",
    ),
    "signs": (lines("+{:.2f},+{:.4f}"), {}, "comma-separated"),
    "columns by name": (
        "t,noise,u\n" + lines("{:.2f},7.5,{:.4f}"),
        {"x": "T", "y": "u"},
        "u against t",
    ),
    "columns by number": (
        lines("{1:.4f},7.5,{0:.2f}"),
        {"x": "3", "y": "1"},
        "y against x",
    ),
    "thousands": (
        lines('{:.2f};"1,00{:.4f}"'),
        {},
        "semicolon-separated",
    ),
}


def written(tmp_path, content, name="survey.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("kind", READ)
def test_file_is_read_as_what_it_is(kind, tmp_path):
    content, keywords, words = READ[kind]
    profile = read_profile(written(tmp_path, content), **keywords)
    expected_x = np.arange(20.0) if kind.startswith("one of two") else X
    expected_y = Y
    if kind == "numbered header":
        expected_x = X - 3
    if kind.startswith("thousands"):
        expected_y = Y + 1000
    np.testing.assert_allclose(profile.x, expected_x, rtol=1e-15)
    np.testing.assert_allclose(profile.y, expected_y, rtol=1e-12)
    assert words in profile.understood
    assert profile.understood.startswith("survey.csv: 20 samples of ")
    assert "\n" not in profile.understood


def dated(form, head="time;u\n"):
    rows = (f"{day.strftime(form)};{b:.4f}\n" for day, b in zip(DAYS, Y, strict=True))
    return head + "".join(rows)


DATES = {
    "ISO with T": (dated("%Y-%m-%dT%H:%M:%S"), {}, "dates"),
    "ISO with a blank": (dated("%Y-%m-%d %H:%M"), {}, "dates"),
    "ISO with Z": (dated("%Y-%m-%dT%H:%MZ"), {}, "in UTC"),
    "offsets": (
        "".join(
            f"{(day + timedelta(hours=k % 2)).strftime('%Y-%m-%dT%H:%M')}+0{k % 2}:00;{b:.4f}\n"
            for k, (day, b) in enumerate(zip(DAYS, Y, strict=True))
        ),
        {},
        "in UTC",
    ),
    "fractions": (dated("%Y-%m-%dT%H:%M:%S.%f"), {}, "dates"),
    "compact": (dated("%Y%m%dT%H%M%S"), {}, "dates"),
    "digits": (dated("%Y%m%d%H%M"), {}, "dates in digits"),
    "American": (dated("%m/%d/%Y %I:%M %p"), {}, "dates month first"),
    "British": (dated("%d/%m/%Y %H:%M"), {}, "dates day first"),
    "German": (dated("%d.%m.%Y %H:%M"), {}, "dates day first"),
    "two digits": (dated("%d.%m.%y %H:%M"), {}, "dates day first"),
    "named months": (dated("%d-%b-%Y %H:%M:%S"), {}, "dates"),
    "named months first": (dated("%b %d, %Y %H:%M"), {}, "dates"),
    "columns of date and time": (dated("%Y-%m-%d;%H:%M", "day;hour;u\n"), {}, "date and time"),
    "blanks and a half": (
        dated("%m/%d/%Y %I:%M %p", "").replace(";", " "),
        {},
        "date and time joined, dates month first",
    ),
    "dates behind values": (
        "".join(f"{b:.4f};{day:%Y-%m-%d %H:%M}\n" for day, b in zip(DAYS, Y, strict=True)),
        {},
        "dates",
    ),
    "decimal commas beside dates": (commas(dated("%Y-%m-%d %H:%M")), {}, "decimal commas"),
    "decimal commas beside German dates": (
        dated("%d.%m.%Y %H:%M").replace(";1.", ";1,").replace(";2.", ";2,"),
        {},
        "decimal commas, dates day first",
    ),
    "an order that was said": (
        "t;u\n"
        + "".join(
            f"{day}/{day}/2021;{b:.4f}\n" for day, b in zip(range(1, 9), Y[:8], strict=True)
        ) + "".join(f"{k}/12/2021;{b:.4f}\n" for k, b in zip(range(1, 13), Y[8:], strict=True)),
        {"dayfirst": True},
        "dates day first",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DATES)
def test_dates_are_days_since_the_first(kind, tmp_path):
    content, keywords, words = DATES[kind]
    profile = read_profile(written(tmp_path, content), **keywords)
    assert words in profile.understood
    assert profile.x_unit == "day"
    if kind != "an order that was said":
        np.testing.assert_allclose(profile.x, 0.75 * np.arange(20), rtol=1e-14)
        np.testing.assert_array_equal(profile.y, Y)
        assert "day since 2021-12-05 00:00" in profile.x_label
    else:
        expected = [(datetime(2021, k, k) - datetime(2021, 1, 1)).days for k in range(1, 9)]
        expected += [(datetime(2021, 12, k) - datetime(2021, 1, 1)).days for k in range(1, 13)]
        np.testing.assert_array_equal(profile.x, expected)


def test_clock_times_and_durations(tmp_path):
    rows = "".join(f"{k // 4}:{15 * (k % 4):02d};{b:.4f}\n" for k, b in enumerate(Y))
    profile = read_profile(written(tmp_path, "t;u\n" + rows))
    np.testing.assert_allclose(profile.x, np.arange(20) / 4, rtol=1e-15)
    assert (profile.x_unit, profile.x_label) == ("h", "t (h)")
    rows = "".join(f"0 days 00:00:{k / 10:04.1f};{b:.4f}\n" for k, b in enumerate(Y))
    profile = read_profile(written(tmp_path, rows))
    np.testing.assert_allclose(profile.x, np.arange(20) / 10, rtol=1e-15)
    assert profile.x_unit == "s"


@pytest.mark.parametrize("step", [1000, 100, 1])
def test_nanoseconds_since_1970_keep_their_digits(step, tmp_path):
    begin = 1_600_000_000_000_000_000
    text = "".join(f"{begin + step * k},{b:.4f}\n" for k, b in enumerate(Y))
    profile = read_profile(written(tmp_path, "t_ns,u\n" + text))
    np.testing.assert_array_equal(profile.x, step * np.arange(20.0))
    assert profile.x_unit == "ns"
    assert f"t_ns counted from {begin}" in profile.understood


def test_seconds_with_many_decimals_keep_them(tmp_path):
    text = "".join(f"1600000000.{100 * k:09d},{b:.4f}\n" for k, b in enumerate(Y))
    profile = read_profile(written(tmp_path, "unix_s,u\n" + text))
    np.testing.assert_allclose(profile.x, 1e-7 * np.arange(20), rtol=1e-15)


def test_seconds_since_1970_stay_what_they_are(tmp_path):
    text = "".join(f"{1638317040 + 300 * k},{b:.4f}\n" for k, b in enumerate(Y) if k != 7)
    profile = read_profile(written(tmp_path, "unix_s,temp_C\n" + text))
    np.testing.assert_array_equal(np.unique(np.diff(profile.x)), [300, 600])
    assert profile.x[0] == 1638317040
    assert profile.understood == (
        "survey.csv: 19 samples of temp_C (C) against unix_s (s), 1 gap, comma-separated"
    )


def test_values_far_from_zero_keep_their_digits(tmp_path):
    text = "".join(f"{k},{10**17 + k * k}\n" for k in range(20))
    profile = read_profile(written(tmp_path, "x,count\n" + text))
    np.testing.assert_array_equal(profile.y, np.arange(20.0) ** 2)


def changed(line, text):
    rows = PLAIN.splitlines(keepends=True)
    rows[line] = text + "\n"
    return "".join(rows)


MORE = "".join(f"{k},{k % 3}\n" for k in range(20, 40))
REFUSED = {
    "empty": ("", {}, "survey.csv holds no numbers; give two columns, x and y"),
    "words": ("a,b\nc,d\n", {}, "survey.csv holds no numbers"),
    "one column": ("1\n2\n3\n", {}, r"line 1: one column \('1'\); give two, x and y"),
    "one column of decimal commas": (
        "".join(f"{0.5 * k:.1f}\n" for k in range(20)).replace(".", ","),
        {},
        "lines such as '0,0' may be two columns or one column of decimal commas",
    ),
    "the same under a name": (
        "u\n" + "".join(f"{0.75 * k:.2f}\n" for k in range(20)).replace(".", ","),
        {},
        "one column of decimal commas; give a header line with two names",
    ),
    "the same under a name and a unit": (
        "u,V\n" + "".join(f"{0.75 * k:.2f}\n" for k in range(20)).replace(".", ","),
        {},
        "one column of decimal commas",
    ),
    "thousands in one column": (
        "".join(f"{k}.840,{k}2\n" for k in range(1, 20)),
        {},
        "one column of decimal commas",
    ),
    "decimal commas between commas": (commas(lines("{:.2f},{:.4f}")), {}, "4 columns.*if these"),
    "points and commas": (
        "0.5;1,5\n" * 20,
        {},
        r"decimal points \('0.5' in line 1\) and decimal commas \('1,5' in line 1\)",
    ),
    "thousands or decimals": (
        "".join(f"1,{k:03d}\t2,{k:03d}\n" for k in range(20)),
        {},
        "'1,000' may have decimals or thousands behind the comma",
    ),
    "thousands beside decimals": (
        "".join(f"{k}.155;19,{k:02d}\n" for k in range(1, 20)),
        {},
        r"'1.155' may have decimals or thousands behind the '\.'",
    ),
    "underscores": (changed(3, "1_0,0.5"), {}, "line 4: '1_0' is no finite number"),
    "underscores at first": (changed(0, "1_0,0.5"), {}, "line 1: '1_0' is no finite number"),
    "infinite": (changed(3, "1,inf"), {}, "line 4: 'inf' is no finite number"),
    "infinite at first": (changed(0, "1,-Infinity"), {}, "line 1: '-Infinity' is no finite"),
    "too large": (changed(3, "1,1e999"), {}, "line 4: '1e999' is no finite number"),
    "positions of another world": (changed(3, "1e-60,1"), {}, "x holds 1e-60; sizes must be"),
    "values of another world": (changed(3, "1,3e150"), {}, "y holds 3e.150; sizes must be"),
    "units in cells": (changed(3, "1 s,0.5"), {}, "line 4: '1 s' is no finite number"),
    "digits of another script": (changed(3, "\u0661,0.5"), {}, "is no finite number"),
    "text": (changed(3, "1,high"), {}, "line 4: 'high' is no finite number"),
    "a second header": (changed(5, "x,y"), {}, "line 6: 'x' is no finite number"),
    "a sum below": (PLAIN + "Total,42\n", {}, "line 21: 'Total' is no finite number"),
    "one cell": (changed(4, "7"), {}, r"line 5: one column \('7'\)"),
    "three cells": (changed(4, "7,8,9"), {}, "line 5: 3 columns where the other lines have 2"),
    "a count above": ("20\n" + PLAIN, {}, r"line 1: one column \('20'\).*put # before lines"),
    "three columns": (lines("{:.2f},{:.4f},1"), {}, "has 3 columns, 1, 2, 3; say which"),
    "three names": ("a,b,c\n" + lines("{:.2f},{:.4f},1"), {}, "a, b, c; say which are x and y"),
    "no such column": ("a,b\n" + PLAIN, {"x": "t"}, "x='t' is no column of survey.csv; it"),
    "the same column": ("a,b\n" + PLAIN, {"x": "a", "y": "a"}, "x and y are both the column 'a'"),
    "a column of words": ("a,b,c\n" + lines("{},{},q"), {"x": "a", "y": "c"}, "'c' holds words"),
    "decimal commas under two names": (
        "x,y\n" + "".join(f"{k},{k % 3},{k % 7}\n" for k in range(20)),
        {},
        "the header has 2 names and the lines 3 whole numbers, as decimal commas would",
    ),
    "minutes beyond an hour": (
        "".join(f"{k}:{75 if k == 3 else 10};{b}\n" for k, b in enumerate(Y)),
        {},
        "line 4: '3:75' is no time as hours:minutes:seconds",
    ),
    "a clock and a duration": (
        "1 day 0:00;1.5\n" + "".join(f"{k % 11 + 1}:00 AM;{b}\n" for k, b in enumerate(Y)),
        {},
        "line 1: '1 day 0:00' is no time, as the others of it are",
    ),
    "a month in German": (
        dated("%d-%b-%Y").replace("Dec", "Dez"),
        {},
        "'05-Dez-2021' is no date .'Dez' is no English name of a month",
    ),
    "a cell without end": (changed(3, '"' + "7" * 200_000 + '",1'), {}, "line 4: cannot be split"),
    "several series": (
        "place,t,u\n" + lines("A,{},{}") + lines("B,{},{}"),
        {},
        "x repeats .0.25 under A, B., so column 'place' tells several series apart",
    ),
    "numbers or a header, uneven": ("0,1\n" + lines("{:g},{:g}", X**2, Y), {}, "0, 1 may number"),
    "thousands between semicolons": (
        "".join(f"{k};1,{100 + k}\n" for k in range(20)),
        {},
        "'1,100' may have decimals or thousands behind the comma",
    ),
    "numbers or a header": ("0,1\n" + lines("{:.2f},{:.4f}"), {}, "0, 1 may number the columns"),
    "too few": ("".join(f"{k},{k * k}.5\n" for k in range(15)), {}, "has 15 samples; give at"),
    "too few are whole": ("x,y\n" + "1.5,\n" * 9 + MORE[:70], {}, "after 9 row.s. that miss"),
    "none is whole": ("x,y\n1,\n2,\n,3\n,4\n", {}, "holds no row with both x and y"),
    "-9999": (changed(3, "1,-9999"), {}, "u|y is -9999 in line 4, far outside all other values"),
    "999.99": (changed(3, "1,999.99"), {}, "y is 999.99 in line 4.*missing=.999.99."),
    "1e20": (changed(3, "1,1e20"), {}, r"y is 1e\+20 in line 4"),
    "fill of netCDF": (changed(3, "1,9.96921e+36"), {}, r"y is 9.96921e\+36 in line 4"),
    "-32768": (changed(3, "1,-32768"), {}, "y is -32768 in line 4"),
    "a fill value in x": (changed(3, "-9999,1.5"), {}, "x is -9999 in line 4"),
    "a stray position": (
        "".join(f"{1638317040 + 60 * k if k else 0},{k % 7}.5\n" for k in range(20)),
        {},
        "line 1: x is 0, more than 10 times as far from the rest",
    ),
    "either order": (
        "t;u\n" + "".join(f"{k % 12 + 1}/{k // 12 + 1}/2021;{k % 7}.5\n" for k in range(20)),
        {},
        "may be day first or month first.*--dayfirst or --monthfirst",
    ),
    "an order that does not fit": (
        dated("%m/%d/%Y %H:%M"),
        {"dayfirst": True},
        "line 13: '12/13/2021 06:00' is no date day first",
    ),
    "no such day": (dated("%Y-%m-%d").replace("12-18", "12-32"), {}, "'2021-12-32' is no date"),
    "no such hour": (dated("%Y-%m-%d %H:%M").replace("18:00", "25:00"), {}, "25:00:00 is no time"),
    "zones here and there": (
        dated("%Y-%m-%d %H:%M").replace("18:00", "18:00Z"),
        {},
        "some times have a time zone and some have none",
    ),
    "dates in two ways": (
        dated("%d.%m.%Y %H:%M").replace("05.12.2021", "2021-12-05"),
        {},
        "writes dates in two ways",
    ),
    "a clock over midnight": (
        "".join(f"{(22 + k) % 24}:00;{b}\n" for k, b in enumerate(Y)),
        {},
        "line 3: the clock goes back to '0:00'",
    ),
    "a clock without colons": (
        "".join(f"{k // 2:02d}{30 * (k % 2):02d};{b}\n" for k, b in enumerate(Y)),
        {},
        "'0000' looks like a time of the clock; write 00:00",
    ),
    "open quotes": (changed(3, '"1,0.5'), {}, "line 4"),
    "a web page": ("<!DOCTYPE html>\n<p>404</p>", {}, "is a web page or XML"),
    "bytes": (b"\x00\x01\x02\x03" * 9, {}, "is not text"),
    "no text of any kind": (b"1,2\n\x81\x8d", {}, "is not text; save it as plain CSV in UTF-8"),
    "netCDF": (b"\x89HDF\r\n", {}, "netCDF or HDF5; read it with xarray"),
    "a broken gzip": (gzip.compress(PLAIN.encode())[:40], {}, "cannot be read"),
    "header that was denied": ("a,b\n" + PLAIN, {"header": False}, "line 1: 'a' is no finite"),
    "another delimiter": (PLAIN, {"delimiter": ";"}, "one column"),
    "another decimal mark": (PLAIN, {"decimal": ","}, "'0.25' is no number with the dec"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_file_is_refused_in_a_sentence(kind, tmp_path):
    content, keywords, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message) as caught:
        read_profile(written(tmp_path, content), **keywords)
    assert "survey.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_remedies_of_refusals_give_the_right_samples(tmp_path):
    """Each remedy that a message names is followed once."""
    whole = "".join(f"{k},{(7 * k) % 5}\n" for k in (0, 1, 3, *range(4, 21)))
    path = written(tmp_path, whole)
    with pytest.raises(ValueError, match="delimiter=','"):
        read_profile(path)
    assert read_profile(path, delimiter=",").y[2] == 1
    assert read_profile(written(tmp_path, "x,y\n" + whole)).x[2] == 3
    path = written(tmp_path, "".join(f"1,{k:03d}\t2,{k:03d}\n" for k in range(20)))
    assert read_profile(path, decimal=",").x[1] == 1.001
    assert read_profile(path, decimal=".").x[1] == 1001
    path = written(tmp_path, changed(3, "1,-9999"))
    assert len(read_profile(path, missing=[-9999]).x) == 19
    assert read_profile(path, missing=[]).y.min() == -9999
    path = written(tmp_path, "0,1\n" + PLAIN)
    assert len(read_profile(path, header=True).x) == 20
    assert len(read_profile(path, header=False).x) == 21
    path = written(tmp_path, "".join(f"{k}.155;19,{k:02d}\n" for k in range(1, 20)))
    assert read_profile(path, decimal=",").x[0] == 1155


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # cos(x) from 0 on, as C writes it: whole numbers elsewhere show that 0,1 is a sample.
        ("".join(f"{k / 10:g},{np.cos(k / 10):g}\n" for k in range(20)), 20),
        # 0 stands where no sample could: the others begin at 100.
        ("0,1\n" + "".join(f"{k},{k % 7}\n" for k in range(100, 120)), 20),
        # Columns that pandas kept of a larger table.
        ("3,7\n" + lines("{:.2f},{:.4f}", -X, Y), 20),
        # Below a line about the file, and with a delimiter at the end.
        ("Logger 7\n0 1\n" + lines("{:.2f} {:.4f}", X - 3, Y), 20),
        ("0,1,\n" + lines("{:.2f},{:.4f},", X - 0.25, Y), 20),
    ],
)
def test_numbers_in_the_first_row(text, count, tmp_path):
    assert len(read_profile(written(tmp_path, text)).x) == count


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.dat", "a.asc", "a", "a.csv.gz"])
def test_any_name_will_do(name, tmp_path):
    content = gzip.compress(PLAIN.encode()) if name.endswith("gz") else PLAIN
    assert len(read_profile(written(tmp_path, content, name)).x) == 20


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"x": 1}, TypeError, "x=1 must be the name of a column, a string"),
        ({"header": "yes"}, TypeError, "header='yes' must be True, False or None"),
        ({"dayfirst": 1}, TypeError, "dayfirst=1 must be True, False or None"),
        ({"delimiter": ":"}, ValueError, "delimiter=':' must be one of"),
        ({"decimal": "'"}, ValueError, "decimal=.* must be one of"),
        ({"missing": ["a"]}, TypeError, r"missing\[0\]='a' must be a real number"),
    ],
)
def test_arguments_are_checked(keywords, error, message, tmp_path):
    with pytest.raises(error, match=message):
        read_profile(written(tmp_path, PLAIN), **keywords)


def test_path_must_be_a_name():
    with pytest.raises(TypeError, match="path=5 must be the name of a file"):
        read_profile(5)


def test_means_keep_low_frequencies():
    x = np.arange(0, 100, 0.1)
    fine = Profile(x, np.sin(2 * np.pi * x / 50) + np.sin(20 * np.pi * x), "a", "t (s)", "u")
    coarse = fine.averaged(1.0)
    assert len(coarse.x) == 100
    np.testing.assert_allclose(coarse.y, np.sin(2 * np.pi * coarse.x / 50), atol=2e-3)
    assert "means over 1 of 1000 samples" in coarse.understood
    with pytest.raises(ValueError, match=r"length=30 leaves 4 means .* at least 16 are needed"):
        fine.averaged(30)


def test_damaged_files_are_read_or_refused(tmp_path):
    """Bytes changed, lost and put in at random: numbers in order, or a sentence, nothing else."""
    np.savez(tmp_path / "survey.npz", x=X, y=Y)
    whole = [
        ("survey.csv", ("t,u\n" + PLAIN).encode()),
        ("survey.csv", dated("%m/%d/%Y %I:%M %p").encode()),
        ("survey.npz", (tmp_path / "survey.npz").read_bytes()),
    ]
    pieces = [
        b",",
        b";",
        b"\n",
        b'"',
        b"NaN",
        b"inf",
        b"1e999",
        b"\0",
        b"\xff",
        b"/",
        b":",
        b"9" * 20,
    ]
    rng = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for k in range(600):
        name, content = whole[k % 3]
        content = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(content)))
            new = pieces[rng.integers(len(pieces))] if rng.random() < 0.6 else rng.bytes(1)
            content[place : place + int(rng.integers(3))] = new
        try:
            profile = read_profile(written(tmp_path, bytes(content), name))
        except (ValueError, TypeError):
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert np.all(np.diff(profile.x) > 0)
            assert np.all(np.isfinite(profile.y))
    assert outcomes["read"] > 5
    assert outcomes["refused"] > 300


def test_archive_that_would_unpack_to_too_much(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "survey.npz", x=np.zeros(10**5), y=np.zeros(10**5))
    monkeypatch.setattr("ntkfreq.profile.archive.MOST_BYTES", 10**6)
    with pytest.raises(
        ValueError, match=r"survey.npz cannot be read as .npz of numbers of at most"
    ):
        read_profile(tmp_path / "survey.npz")
    monkeypatch.setattr("ntkfreq.profile.text.MOST_BYTES", 100)
    for content in (PLAIN.encode(), gzip.compress(b"1,2\n" * 200)):
        with pytest.raises(ValueError, match=r"survey.csv holds more than 0 MB; average"):
            read_profile(written(tmp_path, content))


def test_points_before_three_digits_are_told(tmp_path):
    rows = "".join(f"{k},1.{k:03d}\n" for k in range(20))
    profile = read_profile(written(tmp_path, "t,u\n" + rows))
    assert profile.y[1] == 1.001
    assert "points taken as decimal points" in profile.understood


def test_dates_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"a.csv, line 2: 'soon' is no date, as the others of it"):
        read_dates("a.csv", [(1, "2021-12-05"), (2, "soon")], None)


def test_means_over_next_to_nothing_are_refused():
    with pytest.raises(ValueError, match=r"length=1e-30 is too short for positions over 4.75"):
        Profile(X, Y, "a", "t", "u").averaged(1e-30)
