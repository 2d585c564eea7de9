"""Figure of `expected_onset`."""

from __future__ import annotations

from matplotlib.figure import Figure

from validation.claims.grokking_onset.figure import draw_onsets
from validation.engine import Result


def draw(result: Result) -> Figure:
    """Onset of the mean losses over that of one trained network, and phases."""
    note = {
        "t_train": "training loss falls, draw unknown",
        "t_test": "test loss falls, draw unknown",
    }
    return draw_onsets(result.data["rows"], "expected", "mean over draws", note)
