"""All eigenvectors of a symmetric matrix: limits of its size, and interruption by Ctrl-C."""

from __future__ import annotations

import numpy as np

from ntkfreq._support.sizes import (
    EIGEN_OPERATIONS,
    PER_SECOND,
    SizeError,
    interruptible,
    refuse_memory,
    refuse_work,
    shown_bytes,
    shown_seconds,
)
from ntkfreq._support.types import FloatArray

# Rows of the largest matrix: its eigenvectors take 4.7 GB and some four minutes on one core.
MAX_ROWS = 12_000
# Matrices of n x n numbers held at once: the matrix, its copy, work space (measured 4.1).
_COPIES = 4.2
# From this many rows on the decomposition takes longer than a second.
_LONG = 1500


def refuse_rows(what: str, rows: int, remedy: str) -> None:
    """Refuse a matrix too large for all its eigenvectors.

    Examples
    --------
    >>> refuse_rows("x has 20000 points", 20_000, "give fewer")
    Traceback (most recent call last):
    ntkfreq._support.sizes.SizeError: x has 20000 points, above the 12000 of which a matrix and
    all its eigenvectors are computed (13.4 GB and about 27 minutes); give fewer
    """
    if rows > MAX_ROWS:
        seconds = EIGEN_OPERATIONS * float(rows) ** 3 / PER_SECOND
        raise SizeError(
            f"{what}, above the {MAX_ROWS} of which a matrix and all its eigenvectors are computed "
            f"({shown_bytes(_bytes(rows))} and about {shown_seconds(seconds)}); {remedy}"
        )
    refuse_memory(what, _bytes(rows), remedy)
    refuse_work(what, EIGEN_OPERATIONS * float(rows) ** 3, remedy)


def _bytes(rows: int) -> float:
    return 8.0 * _COPIES * float(rows) ** 2


def symmetric_eigen(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, ascending, and eigenvectors in columns; Ctrl-C interrupts the computation.

    Examples
    --------
    >>> values, vectors = symmetric_eigen(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values
    array([1., 3.])
    """
    # NumPy's decomposition, unlike SciPy's, releases the interpreter while it runs.
    if len(matrix) < _LONG:
        values, vectors = np.linalg.eigh(matrix)
    else:
        values, vectors = interruptible(np.linalg.eigh, matrix)
    return np.asarray(values), np.asarray(vectors)
