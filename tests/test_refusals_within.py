"""Refusals that users meet rarely, at the function that raises them."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import linalg

from ntkfreq import (
    Box,
    Empirical,
    FourierFeatureNet,
    Grid,
    Line,
    Normal,
    Points,
    StudentT,
    Target,
    Uniform,
    empirical_ntk_gram,
    gram_flow,
    phase_map,
    solve_frequency_pde,
    train,
    train_many,
)
from ntkfreq._support.guard import guarded
from ntkfreq.files.whole import naming_target
from ntkfreq.network import checkpoint
from ntkfreq.numerics.quadrature import refuse_panels
from ntkfreq.pde.time.fading import stepping
from ntkfreq.problem.density.folded_plane import PlaneFold, kernel_extent
from ntkfreq.problem.density.numerical import Marginal
from ntkfreq.problem.samples import OnlySamples
from ntkfreq.profile import clock, dates, kinds, options
from ntkfreq.profile.delimiter import split
from ntkfreq.profile.header import first_sample
from ntkfreq.profile.read import read_profile
from ntkfreq.profile.signal import Profile
from ntkfreq.report.cases import dense_samples, tapered
from ntkfreq.report.save import refuse_others
from ntkfreq.sweeps.cell import _arrays
from ntkfreq.sweeps.cluster import _Crew
from ntkfreq.sweeps.identity import check_by_reference
from ntkfreq.sweeps.local import Crew, _Worker
from validation.engine.suite import refuse_mixture

X = np.linspace(-1, 1, 24)
T = [0.0, 1.0]


class Quantity:
    """What libraries of units hand over."""

    units = "metre"
    magnitude = X

    def __array__(self, dtype=None, copy=None):
        return X


def four_dimensions():
    net = FourierFeatureNet.sample(Normal(dim=4), 8, rng=0)
    return train(net, np.eye(4), np.ones(4), step_size=0.1, steps=1, backend="nufft")


def wide_transform():
    net = FourierFeatureNet.sample(Normal(scale=1e6), 200_000, rng=0)
    x = np.linspace(-40, 40, 3000)
    return train(net, x, np.sin(x), step_size=0.1, steps=1, backend="nufft")


def drawing_module():
    module = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
    return empirical_ntk_gram(module.double(), X)


def profile_of(y):
    return Profile(np.arange(float(len(y))), y, "a.csv", "t", "u")


def rough():
    noise = np.random.default_rng(0).standard_normal(40_000)
    return dense_samples(tapered(np.linspace(-1, 1, 40_000), noise), 100.0)


REFUSED = {
    "a quantity with a unit": (
        lambda: solve_frequency_pde(Normal(), (Quantity(), X)), TypeError,
        "x is a Quantity in 'metre'; pass plain numbers in the unit",
    ),
    "durations in months": (
        lambda: Points(np.array([1, 2], dtype="timedelta64[M]")), TypeError,
        "x holds durations in 'M', which is no fixed length; convert them to days",
    ),
    "nufft in four dimensions": (
        four_dimensions, ValueError, "backend='nufft' needs at most 3 dimensions, but net takes 4",
    ),
    "nufft with a vast grid": (
        wide_transform, ValueError, "backend='nufft' needs a grid of .* use backend='direct'",
    ),
    "a module that draws": (
        drawing_module, ValueError, r"net cannot be differentiated point by point.*net.eval\(\)",
    ),
    "aliases of a heavy tail with a kernel that does not decay": (
        lambda: kernel_extent(Empirical([[1.0, 2.0], [3.0, 4.0]])), ValueError,
        "rho_w=Empirical has a heavy tail and a kernel that does not decay",
    ),
    "a marginal with a jump": (
        lambda: Marginal(Uniform(dim=2), 0).pdf([0.5]), ValueError,
        "rho_w=Uniform has a marginal with a jump, of which the kernel does not decay; give",
    ),
    "radius of a target that is not radial": (
        lambda: Target.from_function(lambda x: np.exp(-(x**2))).resolved_radius, ValueError,
        "target is not radial; see Target.from_radial",
    ),
    "rectangle of a target that has none": (
        lambda: Target.from_function(lambda x: np.exp(-(x**2))).resolved_plane, ValueError,
        "target has no rectangle; on Line it must decay",
    ),
    "samples between their points": (
        lambda: OnlySamples(X[:, None], X)([0.123]), ValueError,
        "the target is known at its samples only; pass a function",
    ),
    "no clock": (
        lambda: clock.read_clock("a.csv", [(1, "0:01"), (2, "late")]), ValueError,
        "a.csv, line 2: 'late' is no time, as the others of it are",
    ),
    "minutes above 59": (
        lambda: clock.read_clock("a.csv", [(1, "0:01"), (2, "0:61:00")]), ValueError,
        "a.csv, line 2: '0:61:00' is no time as hours:minutes:seconds",
    ),
    "no date": (
        lambda: dates.read_dates("a.csv", [(1, "2021-01-02"), (2, "soon")], None), ValueError,
        "a.csv, line 2: 'soon' is no date, as the others of it are",
    ),
    "no month": (lambda: dates._month("mai"), ValueError, "'mai' is no English name of a month"),
    "cell that is too long": (
        lambda: split("a.csv", [(7, "1;" + "x" * 200_000)], ";"), ValueError,
        r"a.csv, line 7: cannot be split into columns \(field larger",
    ),
    "delimiter": (
        lambda: options.delimiter_named("dash"), ValueError, "delimiter='dash' must be one of",
    ),
    "missing": (
        lambda: options.numbers_missing(["-9999", "nothing"]), ValueError,
        "missing='nothing' must be a number, or none if no number means it",
    ),
    "values too large to square": (
        lambda: profile_of(1e200 * X**2).scaled(), ValueError,
        "a.csv has values too large to square; divide y by a constant",
    ),
    "intervals too short": (
        lambda: profile_of(X).averaged(1e-20), ValueError,
        "length=1e-20 is too short for positions over 23",
    ),
    "too rough": (
        rough, ValueError, "the profile varies too fast between its samples for .*average it over",
    ),
    "text that a cell returns": (
        lambda: _arrays("text", {}), TypeError, "the function returned 'text' of type str; return",
    ),
    "name that is no text": (
        lambda: _arrays({1: 2.0}, {}), TypeError, "the function returned the name 1; use strings",
    ),
    "labelled array in a mapping": (
        lambda: _arrays({"a": xr.DataArray([1.0])}, {}), TypeError,
        "the function returned 'a' as a DataArray; return a Dataset instead",
    ),
    "objects in an array": (
        lambda: _arrays({"a": np.array([object()])}, {}), TypeError,
        "the function returned 'a' with dtype object; return numbers of at most 64 bits",
    ),
    "name of the sweep's own": (
        lambda: _arrays({"seconds": 1.0}, {}), ValueError,
        "the function returned 'seconds', a name that the sweep uses itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what_to_do(case):
    action, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        action()


def test_dates_beyond_what_their_unit_reaches():
    axis = Points(np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")).axis
    with pytest.raises(ValueError, match=r"x2 has dates too far from .* convert all to a coarser"):
        axis.numbers("x2", np.array(["0001-01-01"], dtype="datetime64[D]"))


def test_errors_of_the_disk_name_the_file():
    with (
        pytest.raises(OSError, match=r"'run.zarr' cannot be written: No space left.*is kept"),
        naming_target(Path("run.zarr")),
    ):
        raise OSError(errno.ENOSPC, "full")


def test_folder_in_place_of_a_checkpoint(tmp_path):
    with pytest.raises(
        ValueError, match=r"checkpoint=.* cannot be read \(Is a directory\); choose"
    ):
        checkpoint.read(tmp_path, "mark")


def test_aliases_beyond_count():
    fold = PlaneFold(Normal(scale=1e7, dim=2), 5.0)
    with pytest.raises(ValueError, match=r"spans .* periods 2 pi / spacing of measure=Grid.*finer"):
        fold.on(np.zeros(50), np.zeros(50))


def test_kernel_over_too_many_samples():
    fold = PlaneFold(StudentT(3.0, scale=1e-7, dim=2), 0.5)
    with pytest.raises(ValueError, match=r"spacing=0.5 is so fine for StudentT.* samples so dense"):
        fold.on(np.zeros(2), np.zeros(2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "v,w\n" + "1.5,x\n2.5,\n" * 20,
            "in.csv has one column of numbers among .* give two, x and y",
        ),
        ("a,b\nc,d\n" * 20, "in.csv holds no numbers; give two columns, x and y"),
        (b"\x81\x8d\x8f\x90", "in.csv is not text; save it as plain CSV in UTF-8"),
        (b"\xff\xfe\x00\xd8\x41\x00", "in.csv is not text; save it as plain CSV"),
    ],
)
def test_files_without_two_columns(tmp_path, text, message):
    path = tmp_path / "in.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        read_profile(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("run.png", "holds run.png, which is no file"), ("run.zarr", "run.zarr, which is no Zarr")],
)
def test_folders_where_reports_go(tmp_path, name, message):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=f"{message}.*name another folder"):
        refuse_others(tmp_path / "run")


def test_quick_results_beside_the_scripts(tmp_path):
    script = SimpleNamespace(home=tmp_path)
    with pytest.raises(ValueError, match="holds the results of full size, which size='quick'"):
        refuse_mixture([script], "quick", tmp_path)


def test_scheduler_that_has_gone():
    class Gone:
        def nthreads(self):
            raise OSError("closed")

    crew = _Crew(Gone(), "tcp://nowhere:1", b"", 1)
    with pytest.raises(ConnectionError, match="scheduler='tcp://nowhere:1'"):
        crew.has_room()


def test_workers_that_end_while_starting():
    crew = Crew(b"", [], 1, retries=0)
    nothing = SimpleNamespace(
        join=lambda timeout=None: None, kill=lambda: None, close=lambda: None, exitcode=1
    )
    crew.workers.append(_Worker(nothing, nothing))
    with pytest.raises(RuntimeError, match=r"worker processes end while starting \(exit code 1\)"):
        list(crew._replace(crew.workers[0]))


def test_function_of_an_interactive_session(monkeypatch):
    def f():
        pass

    f.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    with pytest.raises(ValueError, match="f lives in an interactive session, where other proc"):
        check_by_reference(f)


def no_memory():
    raise MemoryError("Unable to allocate 7 TiB")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_memory, "no_memory: this takes more memory than there is .*7 TiB.*; use fewer points"),
        (lambda: np.float64(1e200) ** 2, "<lambda>: the numbers leave the range of double prec"),
        (lambda: linalg.eigh([[np.inf]]), "<lambda>: the numbers leave the range of double prec"),
    ],
)
def test_public_calls_at_the_edge(function, message):
    with pytest.raises(ValueError, match=message):
        guarded(function)()


def test_panels_beyond_count():
    with pytest.raises(
        ValueError, match=r"1e\+09 panels or elements would be needed, above 200000"
    ):
        refuse_panels(1e9)


def test_boxes_too_far_for_the_rounding_of_the_kernel():
    with pytest.raises(
        ValueError, match=r"measure=Box.* reaches so far from 0 .* is another network"
    ):
        solve_frequency_pde(
            Normal(scale=3.0, dim=2), lambda x: np.ones(len(x)), sigma_a=1.0,
            measure=Box([-1, -1], [1e8, 1e8]),
            t=T, frequencies=[[1.0, 1.0]],
        )  # fmt: skip


def test_targets_that_reach_over_too_many_samples_in_the_plane():
    target = Target.from_radial(lambda r: np.exp(-(r**2)), 1e50)
    message = r"target reaches over 2.5e\+50 x .* samples of measure=.*: this takes .* coarser grid"
    with pytest.raises(ValueError, match=message):
        solve_frequency_pde(Normal(scale=4.0, dim=2), target, measure=Grid(0.8), t=T)


def test_boxes_so_wide_that_nothing_is_learned():
    """A kernel of zeros has no fastest mode to look for."""
    solution = solve_frequency_pde(
        Normal(scale=3.0, dim=2), lambda x: np.ones(len(x)), measure=Box([-1, -1], [1e9, 1e9]),
        sigma_a=0.0, t=T, frequencies=[[1.0, 1.0]],
    )  # fmt: skip
    assert solution.train_loss == pytest.approx([1.0, 1.0])


def test_what_has_no_length_where_lists_are_asked_for():
    for gram in (np.array(2.0), (row for row in [[1.0]])):
        with pytest.raises((TypeError, ValueError), match=r"gram=? ?.*(must have 2|must be an)"):
            gram_flow(gram, [1.0], T)
    with pytest.raises(TypeError, match=r"kinks=\[0.0, \[1.0, 2.0\]\] must be an array of real"):
        Target.from_function(np.sin, support=(0, 1), kinks=[0.0, [1.0, 2.0]])
    net = FourierFeatureNet(w=[1.0], a=[0.0], b=[0.0])
    with pytest.raises(TypeError, match=r"step_size=\[1.0, 2.0\] must be a real number"):
        train_many([net, net], X, X, steps=1, step_size=[0.1, [1.0, 2.0]])


def test_dates_as_values_of_an_archive(tmp_path):
    dates = np.datetime64("2020-09-13") + np.arange(24).astype("timedelta64[D]")
    np.savez(tmp_path / "a.npz", x=X, y=dates)
    with pytest.raises(
        ValueError, match=r"a.npz: y holds '2020-09-13T00:00:00', which is no number; give"
    ):
        read_profile(tmp_path / "a.npz")


def test_rates_beside_which_rounding_leaves_nothing():
    """Before any step: a hundred seconds of them used to end in the same."""
    with pytest.raises(ValueError, match=r"t ends at 300, .* fastest rate is .* x less extreme"):
        solve_frequency_pde(
            Normal(scale=0.1), np.ones_like, measure=Box(1e15 - 10, 1e15 + 10), sigma_a=1.0,
            weight_decay=1.0, t=[0.0, 300.0], frequencies=[1.0],
        )  # fmt: skip


def test_steps_that_get_nowhere(monkeypatch):
    def stuck(*args, **options):
        raise RuntimeError("the step fell to 0")

    monkeypatch.setattr(stepping, "integrate", stuck)
    with pytest.raises(
        ValueError, match=r"t ends at 3, to which the equation .* the step fell to 0"
    ):
        stepping.advanced(None, np.array([3.0]), 1e-6)


def test_rows_that_fit_no_kind():
    with pytest.raises(ValueError, match=r"a.csv holds no numbers; give two columns, x and y"):
        first_sample("a.csv", [(1, ["a", "b"])], [kinds.NUMBER, kinds.NUMBER], None)


def test_pulses_too_far_from_zero_are_refused_before_the_work():
    """With trained frequencies: with frozen ones such targets are solved about 0."""
    line = Target.from_function(lambda x: np.exp(-((x - 3e4) ** 2)), support=(29_991, 30_009))
    message = r"need \d+ elements, above the 60000 .*: x from an origin near the target, x - c"
    for measure in (Line(), Grid(0.1)):
        with pytest.raises(ValueError, match=message):
            solve_frequency_pde(Normal(scale=3.0), line, measure=measure, t=T)
    side = (91.0, 109.0)
    plane = Target.from_function(
        lambda x: np.exp(-((x - 100.0) ** 2).sum(axis=1)), support=(side, side)
    )
    with pytest.raises(ValueError, match=r"need \d+ unknowns: this takes .* GB .*an origin near"):
        solve_frequency_pde(Normal(scale=3.0, dim=2), plane, t=T)


def test_times_along_another_dimension():
    losses = (("run", "t"), np.array([[1.0, 0.1, 0.01]] * 2))
    times = xr.Coordinates({"t": ("run", [1.0, 2.0])}, indexes={})
    curves = xr.Dataset({"train_mean": losses, "test_mean": losses}).assign_coords(times)
    with pytest.raises(ValueError, match="curves has 3 losses for 2 times t; give one time for"):
        phase_map(curves, threshold=0.2)
