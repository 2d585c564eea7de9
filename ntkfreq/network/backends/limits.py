r"""Limits of the parameters, beyond which double precision does not resolve a network.

A phase w . x of size p is rounded by p eps / 2 whatever computes its sine, so that beyond some size
the sine is arbitrary, and differs between backends. A run that reaches this size ends, alike on all
backends: every step checks its new parameters.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from ntkfreq._support.types import FloatArray

# Phases are accurate to half a millionth in double precision, to four thousandths in single.
LARGEST_PHASE = MappingProxyType({"float64": 4e9, "float32": 7e4})
# Squares of larger weights, gradients and outputs overflow.
LARGEST_WEIGHT = 1e130


def phase_bound(points: FloatArray, dtype: str = "float64") -> FloatArray:
    """Weights c (d,) such that phases are not resolved where ``sum_k c_k |w_k|`` is above 1.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        All points at which the network is evaluated.
    dtype : {"float64", "float32"}
        Precision.

    Examples
    --------
    >>> phase_bound(np.array([[1.0, -2.0], [0.5, 1.0]])).tolist()
    [2.5e-10, 5e-10]
    """
    # The smallest weight bounds the frequencies where all points are 0.
    bound = np.abs(points).max(axis=0) / LARGEST_PHASE[dtype]
    return np.asarray(np.maximum(bound, 1 / LARGEST_WEIGHT), dtype=np.float64)


def largest_share(w: FloatArray, bound: FloatArray) -> float:
    """Largest ``sum_k c_k |w_k|`` of any unit; w has shape (m, d).

    Examples
    --------
    >>> largest_share(np.array([[4e9, 0.0], [0.0, -8e9]]), np.array([2.5e-10, 2.5e-10]))
    2.0
    """
    return float((np.abs(w) @ bound).max())


def share_of(theta: Any, frequency_rows: int, bound: Any) -> float:
    """:func:`largest_share` of packed parameters; arguments are those of :func:`within`.

    Examples
    --------
    >>> share_of(np.array([2.0, 8e9, 1.0, 1.0]), 2, np.array([2.5e-10]))
    2.0
    """
    w = abs(theta[:frequency_rows])
    phases = bound @ w if theta.ndim == 2 else w.reshape(-1, len(bound)) @ bound
    return float(phases.max())


def within(theta: Any, frequency_rows: int, bound: Any) -> bool:
    """Whether parameters are finite, their squares too, and their phases are resolved.

    For arrays of NumPy and tensors of PyTorch alike; NaN compares as false.

    Parameters
    ----------
    theta : array, shape (rows, m) or (P,)
        Parameters as a network packs them, the frequencies first.
    frequency_rows : int
        Rows that hold frequencies, (d, m), or in one dimension (m d,) unit by unit.
    bound : array, shape (d,)
        That of :func:`phase_bound`, of the library and precision of theta.

    Examples
    --------
    >>> theta = np.array([[2.0, 5e9], [1.0, 1.0], [1.0, 1.0]])
    >>> bound = phase_bound(np.array([[0.1]]))
    >>> within(theta, 1, bound), within(theta, 1, 10 * bound), within(theta * np.nan, 1, bound)
    (True, False, False)
    """
    if not share_of(theta, frequency_rows, bound) <= 1:
        return False
    return bool(abs(theta[frequency_rows:]).max() <= LARGEST_WEIGHT)


def refuse_lost_phases(w: FloatArray, points: FloatArray, dtype: str = "float64") -> None:
    """Refuse points at which the phases of a network are beyond the precision.

    Parameters
    ----------
    w : ndarray, shape (m, d)
        Frequencies.
    points : ndarray, shape (n, d)
        Points.
    dtype : {"float64", "float32"}
        Precision.

    Raises
    ------
    ValueError
        With the size of frequencies and points, and what helps.

    Examples
    --------
    >>> refuse_lost_phases(np.array([[3.0]]), np.array([[1.6e9]]))
    Traceback (most recent call last):
    ValueError: phases |w.x| reach 4.8e+09, with frequencies up to 3 and x up to 1.6e+09, but ...
    """
    most = LARGEST_PHASE[dtype]
    with np.errstate(over="ignore"):
        share = largest_share(w, phase_bound(points, dtype))
    if share <= 1:
        return
    single = "" if dtype == "float64" else " use dtype='float64', or"
    largest = np.abs(w).max(), np.abs(points).max()
    raise ValueError(
        f"phases |w.x| reach {share * most:.3g}, with frequencies up to {largest[0]:.3g} and x "
        f"up to {largest[1]:.3g}, but {dtype} holds them only up to {most:.0e};{single} "
        "give x from an origin within the data, x - c (the kernel's factor 1 + sigma_a^2 x.x' then "
        "counts from c), or draw the frequencies from a narrower density"
    )


def refuse_for_single(**arrays: FloatArray | None) -> None:
    """Refuse arrays that single precision turns into infinity or into zeros.

    Raises
    ------
    ValueError
        With the name of the argument.

    Examples
    --------
    >>> refuse_for_single(x=np.ones(2), y=np.array([1e-40]))
    Traceback (most recent call last):
    ValueError: y has a largest magnitude of 1e-40; with dtype='float32' it must be 0 or from ...
    """
    for name, array in arrays.items():
        largest = 0.0 if array is None else float(np.abs(array).max())
        if largest and not 1e-30 <= largest <= 1e30:
            raise ValueError(
                f"{name} has a largest magnitude of {largest:.3g}; with dtype='float32' it must be "
                "0 or from 1e-30 to 1e30: choose other units, or dtype='float64'"
            )
