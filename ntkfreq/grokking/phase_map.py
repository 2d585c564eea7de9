"""Phases of many training runs at once: a map over whatever was varied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq.files.labelled import about
from ntkfreq.grokking.curves import jumps_to_zero, look_like_accuracies
from ntkfreq.grokking.onset import PHASES, grokking_onset

if TYPE_CHECKING:
    import xarray as xr

_PAIRS = (
    ("train_mean", "test_mean"),
    ("train_loss", "test_loss"),
    ("train_accuracy", "test_accuracy"),
)


def phase_map(
    curves: Any,
    *,
    threshold: float | tuple[float, float],
    late: float = 3.0,
    kind: str | None = None,
) -> xr.Dataset:
    """Onset and phase of every pair of loss curves in a labelled dataset.

    Parameters
    ----------
    curves : xarray.Dataset
        Training and test losses over a dimension `t` and any others, as
        :func:`ntkfreq.expected_losses_many` gives them: `train_mean` and `test_mean`,
        `train_loss` and `test_loss`, or `train_accuracy` and `test_accuracy`.
    threshold, late, kind
        As for :func:`ntkfreq.grokking_onset`, one kind for all curves. By default accuracies where
        the variables are called so.

    Returns
    -------
    xarray.Dataset
        `t_train` and `t_test` in the units of `t`, inf where a loss stays above its threshold, and
        `phase`, an index into `ntkfreq.grokking.PHASES`, whose names are also in its attributes.

    Raises
    ------
    TypeError, ValueError
        For curves that are no such dataset or have no times, and for what
        :func:`ntkfreq.grokking_onset` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from ntkfreq import Normal, Points, expected_losses_many
    >>> x = np.linspace(-1, 1, 12)
    >>> curves = expected_losses_many(
    ...     Normal(scale=8.0), lambda x: np.sin(3 * x), measure=Points(x),
    ...     sigma_a=[0.1, 3.0], weight_decay=[1e-4, 3e-3, 0.3],
    ... )
    >>> phases = phase_map(curves, threshold=0.03)
    >>> phases.phase.values
    array([[3, 3, 0],
           [2, 2, 0]], dtype=int8)
    >>> phases.phase.attrs["flag_meanings"]
    'confusion memorization grokking comprehension'
    """
    import xarray as xr

    train, test = _losses(curves)
    if "t" not in curves.coords:
        raise ValueError(
            "curves has a dimension t without times; give them by curves.assign_coords(t=times)"
        )
    _refuse_unresolved(curves, threshold)
    clock = checks.times("t", curves["t"])
    if len(clock) != train.shape[-1]:
        raise ValueError(
            f"curves has {train.shape[-1]} losses for {len(clock)} times t; give one time for each"
        )
    lead = train.shape[:-1]
    rows = (
        checks.real_array(str(curve.name), curve, tuple(range(1, 33))).reshape(-1, len(clock))
        for curve in (train, test)
    )
    kind = _kind_of_all(kind, *rows, name=train.name)
    times = np.empty((2, *lead))
    phase = np.empty(lead, dtype=np.int8)
    for place in np.ndindex(lead):
        onset = grokking_onset(
            clock,
            train.values[place],
            test.values[place],
            threshold=threshold,
            late=late,
            kind=kind,
        )
        times[(slice(None), *place)] = onset.t_train, onset.t_test
        phase[place] = PHASES.index(onset.phase)
    dims = train.dims[:-1]
    # Names of flags as the CF conventions have them.
    flags: dict[str, Any] = {"flag_values": list(range(len(PHASES)))}
    flags |= {"flag_meanings": " ".join(PHASES), "long_name": "phase", "units": "1"}
    unit = {"units": str(curves["t"].attrs.get("units", "unit of t"))}
    coordinates = {name: value for name, value in curves.coords.items() if "t" not in value.dims}
    return xr.Dataset(
        {
            "t_train": (dims, times[0], about("t_train") | unit),
            "t_test": (dims, times[1], about("t_test") | unit),
            "phase": (dims, phase, flags),
        },
        coordinates,
        {"t_end": float(clock[-1]), "kind": kind},
    )


def _refuse_unresolved(curves: Any, threshold: Any) -> None:
    """Refuse a threshold at which losses are not known, where the curves tell how well they are."""
    if "resolution" not in curves.coords:
        return
    finest, level = float(curves["resolution"].max()), float(np.min(np.asarray(threshold, float)))
    if level < 4 * finest:
        raise ValueError(
            f"threshold={level:g} is below what the curves resolve, losses of {4 * finest:.2g}; "
            "pass a smaller rtol to expected_losses_many, or a larger threshold"
        )


def _kind_of_all(kind: str | None, train: Any, test: Any, *, name: str) -> str:
    """One kind for all curves (runs, T): single ones may rise though they are losses."""
    if kind is not None:
        return kind
    if name in ("train_mean", "train_accuracy"):
        return "loss" if name == "train_mean" else "accuracy"
    like = [look_like_accuracies(*pair) for pair in zip(train, test, strict=True)]
    if 2 * sum(like) > len(like):
        raise ValueError(
            f"curves has {sum(like)} of {len(like)} training losses that rise like accuracies; "
            "call them train_accuracy and test_accuracy, or pass kind='loss' if they are losses"
        )
    counted = [jumps_to_zero(row) for row in (*train, *test)]
    return "error_rate" if any(counted) else "loss"


def _losses(curves: Any) -> tuple[Any, Any]:
    """Training and test losses, t last."""
    import xarray as xr

    if not isinstance(curves, xr.Dataset):
        raise TypeError(
            f"curves={checks.show(curves)} must be an xarray.Dataset of losses over t, such as "
            "expected_losses_many returns; for one pair of curves call grokking_onset"
        )
    for pair in _PAIRS:
        if all(name in curves and "t" in curves[name].dims for name in pair):
            train, test = (curves[name].transpose(..., "t") for name in pair)
            if set(train.dims) != set(test.dims):
                raise ValueError(
                    f"curves has dimensions {train.dims} of {pair[0]} and {test.dims} of "
                    f"{pair[1]}; both need the same, use xarray.broadcast"
                )
            return train, test.transpose(*train.dims)
    raise ValueError(
        f"curves has variables {sorted(map(str, curves.data_vars))}; it needs train_mean and "
        "test_mean, train_loss and test_loss, or train_accuracy and test_accuracy, "
        "over t. Without a test loss there is no phase: pass test=(x_test, y_test) where the "
        "losses are computed"
    )
