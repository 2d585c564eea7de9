"""Users' files, tables and commands, as the printed calls make them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def phases(curves: Any) -> Any:
    """phase_map at a threshold, whose result may be infinite where a loss stays above it."""
    from ntkfreq import phase_map

    return float(phase_map(curves, threshold=0.1).phase.values.sum())


def cell(how: str) -> Callable[..., Any]:
    """A cell of a sweep that returns what cells do not return."""
    import xarray as xr

    def raises() -> Any:
        raise RuntimeError("the user's function fails")

    results: dict[str, Callable[[], Any]] = {
        "raises": raises,
        "none": lambda: None,
        "empty": dict,
        "strings": lambda: {"twice": "text"},
        "nan": lambda: {"twice": np.nan},
        "objects": lambda: {"twice": object()},
        "complex": lambda: {"twice": 1j},
        "masked": lambda: {"twice": np.ma.masked_array([1.0, 2.0], [True, False])},
        "dates": lambda: {"twice": np.datetime64("2024-01-01")},
        "reserved": lambda: {"error": 1.0, "seconds": 2.0, "a": 3.0},
        "dataset": lambda: xr.Dataset({"twice": ("t", [1.0])}, {"t": [0.0]}),
        "huge name": lambda: {"x" * 300: 1.0, "a/b": 2.0, "": 3.0},
        "dimension": lambda: xr.Dataset({"twice": ("a", [1.0, 2.0])}),
    }

    def function(a: Any) -> Any:
        if how == "plain":
            return {"twice": 2 * a}
        if how == "ragged":
            return {"twice": np.zeros(int(a))}
        return results[how]()

    return function


def tent(w: Any) -> Any:
    """The density 1 - |w| on [-1, 1]."""
    return np.maximum(1 - np.abs(w), 0.0)


def finite_times(spectrum: Any, fraction: Any) -> Any:
    """Learning times of a kernel's eigenvectors, those that are finite."""
    times = spectrum.learning_time(fraction)
    return times[times < np.inf]


def finite_steps(law: Any) -> Any:
    """Steps of a line law; -1 where they are infinite, or NaN for want of an error."""
    return np.where(np.isfinite(law.steps), law.steps, -1.0)


def compared_times(band: Any, fraction: Any) -> list[float]:
    """Learning times of a prediction and a run, in one band."""
    from ntkfreq import FourierFeatureNet, Normal, compare, solve_frequency_pde, train

    x = np.linspace(-1, 1, 8)
    y = np.sin(3 * x)
    net = FourierFeatureNet.sample(Normal(scale=4.0), 16, rng=0)
    run = train(net, x, y, step_size=0.2, steps=30, backend="reference")
    solution = solve_frequency_pde(Normal(scale=4.0), (x, y), initial_output=net)
    found = compare(solution, run).learning_times([band], fraction)
    return [time for row in found for time in row[2:] if np.isfinite(time)]


def optimizer(name: str) -> Callable[..., Any]:
    """A class of update rules or schedules by name."""
    import ntkfreq

    return getattr(ntkfreq, name)


def stored(what: str, path: Any) -> bool:
    """Whether a dataset reads back as it was written."""
    import xarray as xr

    from ntkfreq import load_zarr, save_zarr

    data: dict[str, Callable[[], Any]] = {
        "plain": lambda: xr.Dataset({"a": ("t", [1.0, 2.5])}, {"t": [0.0, 1.0]}, {"kind": "plain"}),
        "objects": lambda: xr.Dataset({"a": ("t", np.array([object(), None], dtype=object))}),
        "attributes": lambda: xr.Dataset({"a": 1.0}, attrs={"f": np.sin, "b": np.arange(3)}),
        "none attribute": lambda: xr.Dataset({"a": 1.0}, attrs={"n": None, "x": float("nan")}),
        "set attribute": lambda: xr.Dataset({"a": 1.0}, attrs={"s": {1, 2}}),
        "dates": lambda: xr.Dataset(
            {"a": ("t", np.array(["2024-01-01", "NaT"], "datetime64[ns]"))}
        ),
        "strings": lambda: xr.Dataset({"a": ("t", ["one", "two"])}),
        "complex": lambda: xr.Dataset({"a": ("t", [1j, 2.0])}),
        "empty": xr.Dataset,
        "tree": lambda: xr.DataTree.from_dict({"/one": xr.Dataset({"a": 1.0})}),
        "array": lambda: xr.DataArray([1.0, 2.0]),
        "None": lambda: None,
        "bad name": lambda: xr.Dataset({"": 1.0, "..": 2.0}),
        "slash": lambda: xr.Dataset({"a/b": 1.0}),
        "mixed": lambda: xr.Dataset({"a": ("t", np.array([1.0, "x"], dtype=object))}),
        "bools": lambda: xr.Dataset({"a": ("t", [True, False])}),
        "masked": lambda: xr.Dataset({"a": ("t", np.ma.masked_array([1.0, 2.0], [True, False]))}),
        "number name": lambda: xr.Dataset({3: ("t", [1.0, 2.0])}),
    }
    made = data[what]()
    save_zarr(made, path)
    found = load_zarr(path)
    return bool(found.equals(made))


def profile(name: str, text: str) -> Any:
    """What read_profile makes of a file of this name and text."""
    from ntkfreq.profile import read_profile

    Path(name).write_text(text, encoding="utf-8")
    return read_profile(name)


def read(path: Any) -> Any:
    """read_profile of a path."""
    from ntkfreq.profile import read_profile

    return read_profile(path)


def archive(x: Any, y: Any) -> Any:
    """read_profile of an .npz."""
    from ntkfreq.profile import read_profile

    try:
        np.savez("data.npz", x=x, y=y)
    except Exception as error:
        raise ValueError("x, y cannot be saved: use arrays") from error
    return read_profile("data.npz")


def command(words: list[str]) -> str:
    """Output of `ntkfreq compare`; a refusal is raised as its last line."""
    from typer.testing import CliRunner

    from ntkfreq.cli import app

    done = CliRunner().invoke(app, ["compare", *words])
    if done.exit_code == 0:
        return str(done.output)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    raise CommandRefusedError(done.output.strip()[-300:])


class CommandRefusedError(ValueError):
    """Refusal of a command."""
