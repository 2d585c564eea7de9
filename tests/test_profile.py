"""Profiles: the terrain, files that are read, and files that are refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq.profile import Profile, jacksboro, read_profile

X = np.linspace(0.0, 3.0, 20)
Y = np.round(np.cos(X), 6)


def rows(mark, head=""):
    return head + "".join(f"{a}{mark}{b}\n" for a, b in zip(X, Y, strict=True))


def test_terrain_is_one_row_in_metres_over_kilometres():
    terrain = jacksboro()
    assert terrain.x.shape == terrain.y.shape == (403,)
    assert terrain.x[0] == 0
    # 0.00083333 degrees at 36.6 north, on a sphere of radius 6371 km: 74.4 m.
    np.testing.assert_allclose(np.diff(terrain.x), 0.0744, atol=2e-4)
    assert 200 < terrain.y.min() < terrain.y.max() < 1200
    assert "km" in terrain.x_label
    assert "(m)" in terrain.y_label
    assert not np.array_equal(jacksboro(0).y, terrain.y)


def test_scaled_profile_has_no_trend_and_unit_root_mean_square():
    terrain = jacksboro()
    x, y = terrain.scaled()
    assert (x[0], x[-1]) == (-1.0, 1.0)
    assert np.mean(y**2) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(np.polyfit(x, y, 1), 0, atol=1e-12)
    assert terrain.half_length == pytest.approx((terrain.x[-1] - terrain.x[0]) / 2)


def test_straight_line_leaves_nothing_to_learn():
    line = Profile(X, 2 * X + 1, "ramp", "x", "y")
    with pytest.raises(ValueError, match="ramp is constant or a straight line: nothing is left"):
        line.scaled()


@pytest.mark.parametrize("row", [-1, 344])
def test_terrain_row_out_of_range(row):
    with pytest.raises(ValueError, match=rf"row={row} must be"):
        jacksboro(row)


def test_terrain_row_that_is_no_integer():
    with pytest.raises(TypeError, match=r"row=1.5 must be an integer"):
        jacksboro(1.5)


GOOD = {
    "comma": rows(","),
    "comma and blank": rows(", "),
    "semicolon": rows(";"),
    "tab": rows("\t"),
    "blank": rows(" "),
    "blanks": rows("    "),
    "trailing mark": "".join(f"{a},{b},\n" for a, b in zip(X, Y, strict=True)),
    "comments and empty lines": "# depth\n\n" + rows(",") + "\n",
    "byte order mark": "\ufeff" + rows(","),
}


@pytest.mark.parametrize("kind", GOOD)
def test_csv_is_read(kind, tmp_path):
    path = tmp_path / "survey.csv"
    path.write_text(GOOD[kind], encoding="utf-8")
    profile = read_profile(path)
    np.testing.assert_array_equal(profile.x, X)
    np.testing.assert_array_equal(profile.y, Y)
    assert profile.name == "survey.csv"
    mark = next((m for m in ("semicolon", "tab", "blank") if kind.startswith(m)), "comma")
    assert profile.notes == (f"{mark}-separated",)


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_header_is_skipped_and_noted(mark, tmp_path):
    path = tmp_path / "survey.CSV"
    path.write_text(rows(mark, f"depth{mark}height\n"))
    profile = read_profile(str(path))
    np.testing.assert_array_equal(profile.x, X)
    assert (profile.x_label, profile.y_label) == ("depth", "height")
    assert "20 samples of height against depth" in profile.understood


def test_unsorted_rows_are_sorted_and_noted(tmp_path):
    path = tmp_path / "survey.csv"
    path.write_text("".join(reversed(rows(",").splitlines(keepends=True))))
    profile = read_profile(path)
    np.testing.assert_array_equal(profile.x, X)
    np.testing.assert_array_equal(profile.y, Y)
    assert profile.notes == ("comma-separated", "sorted by x")


def test_npz_is_read(tmp_path):
    path = tmp_path / "survey.npz"
    np.savez(path, x=X[::-1], y=Y[::-1], other=np.arange(3))
    profile = read_profile(path)
    np.testing.assert_array_equal(profile.x, X)
    np.testing.assert_array_equal(profile.y, Y)
    assert profile.notes == ("sorted by x",)


def changed(line, text):
    lines = rows(",").splitlines(keepends=True)
    lines[line] = text + "\n"
    return "".join(lines)


BAD = {
    "header only": ("x,y\n", "survey.csv holds no numbers; give two columns, x and y"),
    "empty": ("", "survey.csv holds no numbers"),
    "one column": ("\n".join(map(str, X)), r"line 1: one column \('0.0'\); give two, x and y"),
    "one column later": (changed(4, "7"), r"line 5: one column \('7'\)"),
    "infinite": (changed(3, "0.5,inf"), "line 4: 'inf' is no finite number"),
    "text": (changed(3, "0.5,high"), "line 4: 'high' is no finite number"),
    "second header": (changed(1, "x,y"), "line 2: 'x' is no finite number"),
    "three columns": (changed(3, "1,2,3"), "line 4: 3 columns where the other lines have 2"),
    "too short": ("".join(f"{k},{k}\n" for k in range(15)), "survey.csv has 15 samples; give at l"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_csv_gets_a_sentence(kind, tmp_path):
    text, message = BAD[kind]
    path = tmp_path / "survey.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_profile(path)


def test_binary_csv(tmp_path):
    path = tmp_path / "survey.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"survey.csv holds no numbers; give two columns"):
        read_profile(path)


def test_missing_file_and_wrong_kind(tmp_path):
    with pytest.raises(ValueError, match=r"path=.* is no file; give a table of text"):
        read_profile(tmp_path / "none.csv")
    for name in ("x" * 300, "a\0b"):  # names that no file can have
        with pytest.raises(ValueError, match=r"path='.*' is no file; give a table"):
            read_profile(name)
    with pytest.raises(ValueError, match="is no file"):
        read_profile(tmp_path)
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(ValueError, match=r"a.xlsx is a spreadsheet or another archive; save it"):
        read_profile(tmp_path / "a.xlsx")


BAD_ARRAYS = {
    "missing arrays": ({"x": X, "z": Y}, r"survey.npz holds \['x', 'z'\]; it must hold arrays x"),
    "lengths": ({"x": X, "y": Y[1:]}, r"y in survey.npz holds 19 value\(s\) for 20 point"),
    "nan": ({"x": X, "y": np.where(X > 2, np.nan, Y)}, "has 13 samples after 7 row.s. that miss"),
    "infinite": ({"x": X, "y": np.where(X > 2, np.inf, Y)}, "y in survey.npz holds 7 infinite val"),
    "matrix": ({"x": X, "y": np.ones((20, 2))}, r"y in survey.npz has shape \(20, 2\)"),
    "repeats": ({"x": np.round(X), "y": Y}, "survey.npz has 4 samples; give at least 16"),
    "fill values": ({"x": X, "y": np.where(X > 2.9, -9999, Y)}, "y is -9999 in line 20, far out"),
    "too short": ({"x": X[:5], "y": Y[:5]}, "survey.npz has 5 samples; give at least 16"),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_bad_npz_gets_a_sentence(kind, tmp_path):
    arrays, message = BAD_ARRAYS[kind]
    path = tmp_path / "survey.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        read_profile(path)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "survey.npz"
    np.savez(path, x=X, y=np.array([{"a": 1}] * 20, dtype=object))
    with pytest.raises(ValueError, match=r"survey.npz cannot be read.*numpy.savez\(path, x=x"):
        read_profile(path)


@pytest.mark.parametrize("content", [b"no zip file", b"PK\x03\x04 cut off", b""])
def test_npz_that_is_none(content, tmp_path):
    path = tmp_path / "survey.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"survey.npz cannot be read as .npz of numbers"):
        read_profile(path)


def test_single_array_under_the_name_of_an_archive(tmp_path):
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "one.npy").rename(tmp_path / "survey.npz")
    with pytest.raises(ValueError, match=r"survey.npz cannot be read as .npz of numbers"):
        read_profile(tmp_path / "survey.npz")


def test_text_arrays(tmp_path):
    path = tmp_path / "survey.npz"
    np.savez(path, x=X, y=np.array(["high"] * 20))
    with pytest.raises(TypeError, match=r"y in survey.npz=.* must be an array of real numbers"):
        read_profile(path)


def test_times_and_columns_in_an_archive(tmp_path):
    path = tmp_path / "survey.npz"
    hours = np.datetime64("2021-12-01T00:00") + 6 * np.arange(20).astype("m8[h]")
    np.savez(path, x=hours, y=Y[:, None])
    profile = read_profile(path)
    np.testing.assert_allclose(profile.x, np.arange(20) / 4, rtol=1e-15)
    assert profile.x_unit == "day"
    np.savez(path, t=np.arange(20).astype("m8[s]"), u=Y)
    profile = read_profile(path, x="t", y="u")
    np.testing.assert_array_equal(profile.x, np.arange(20))
    assert profile.x_unit == "s"
    np.savez(path, x=16 * 10**17 + np.arange(20), y=Y)
    np.testing.assert_array_equal(read_profile(path).x, np.arange(20))
