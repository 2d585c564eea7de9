"""How much memory and time a run takes, known before it starts."""

from __future__ import annotations

from typing import Any

from ntkfreq._support.sizes import refuse_memory, refuse_work
from ntkfreq._support.types import FloatArray, IntArray
from ntkfreq.network.inputs import TrainingData

# Arrays of the size of the parameters: the network and its packed form, the state, its anchor, the
# last record, the first one, gradients, and what is moved; an optimizer's memory comes twice.
_COPIES = 10
# A recorded output exists as the row itself, the array of all, the error and its square.
_ROWS = 4
# Frequencies of a default grid along one axis.
_GRID = 2049
# Seconds that the kernel of a record may take.
_RECORD_SECONDS = 5.0


def refuse_large_run(
    net: Any,
    data: TrainingData,
    slots: int,
    records: IntArray,
    frequencies: FloatArray | None,
    probe: FloatArray | None,
) -> None:
    """Refuse a run that takes more memory than a call may.

    Parameters
    ----------
    net : FourierFeatureNet or FourierFeatureMLP
        The network.
    data : TrainingData
        Training and test points.
    slots : int
        Arrays that the optimizer keeps.
    records : ndarray of int
        Steps that are recorded.
    frequencies : ndarray or None
        Those of the recorded spectra.
    probe : ndarray, shape (n, d), or None
        Points of the kernel's drift.

    Raises
    ------
    ValueError
        With the size and the call that works.
    """
    refuse_memory(
        f"net has {net.parameters} parameters",
        8.0 * net.parameters * (_COPIES + 2 * slots),
        "train a network of fewer units",
    )
    refuse_large_record(net, data, records, frequencies)
    if probe is None:
        return
    count = len(probe)
    what = f"kernel_probe={count} asks for {count} x {count} Gram matrices of {net.units} units"
    remedy = "use kernel_probe=8, which shows the drift as well, or 0"
    refuse_memory(what, 40.0 * count**2, remedy)
    refuse_work(what, gram_operations(count, net.parameters), remedy, most=_RECORD_SECONDS)


def gram_operations(points: int, parameters: int) -> float:
    """Operations of a kernel's Gram matrix, computed in blocks of units.

    Examples
    --------
    >>> gram_operations(8, 3000)
    192000.0
    """
    return float(points**2 * max(parameters, 1500))


def refuse_large_record(
    net: Any,
    data: TrainingData,
    records: IntArray,
    frequencies: FloatArray | None,
    runs: int = 1,
) -> None:
    """Refuse records that do not fit into memory; arguments as above, and a number of runs."""
    outputs = data.y.size + (0 if data.y_test is None else data.y_test.size)
    grid = _GRID * net.dim if frequencies is None else len(frequencies)
    row = runs * (8.0 * _ROWS * outputs + 64.0 * grid)
    several = "" if runs == 1 else f"{runs} runs with "
    refuse_memory(
        f"{several}{len(records)} records of {outputs} outputs and {grid} frequencies",
        len(records) * row,
        f"use record={max(2, int(1e9 / row))}, or fewer points" + (", or runs" if several else ""),
    )
