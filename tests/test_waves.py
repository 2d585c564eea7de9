"""Waves of many pairs by Numba against NumPy, and when NumPy is asked."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest

from ntkfreq.spectra import phases, waves


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("reach", [1.0, 1e3, 1e7])
def test_vectorized_waves_are_those_of_numpy(monkeypatch, dim, reach):
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-1, 1, (70, dim)), reach / dim * rng.uniform(-1, 1, (90, dim))
    plain = waves.cos_sin_matrices(x, w)
    monkeypatch.setattr(waves, "_FEW_PAIRS", 0)
    fast = waves.cos_sin_matrices(x, w)
    # The phase itself is rounded, in another order for d > 1.
    for one, other in zip(plain, fast, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=3e-15 + 4e-16 * reach * (dim > 1))


def test_phases_too_large_for_it_go_to_numpy(monkeypatch):
    monkeypatch.setattr(waves, "_FEW_PAIRS", 0)
    w = np.array([[1.1 * waves.LARGEST_PHASE]])
    c, s = waves.cos_sin_matrices(np.ones((1, 1)), w)
    assert (c[0, 0], s[0, 0]) == (np.cos(w[0, 0]), np.sin(w[0, 0]))


def test_results_go_where_they_are_wanted(monkeypatch):
    x, w = np.ones((3, 1)), np.ones((4, 1))
    for few in (waves._FEW_PAIRS, 0):
        monkeypatch.setattr(waves, "_FEW_PAIRS", few)
        room = np.zeros((2, 3, 6))
        waves.cos_sin_matrices(x, w, (room[0, :, :4], room[1, :, 1:5]))
        np.testing.assert_allclose(room[0], [[np.cos(1)] * 4 + [0.0] * 2] * 3, rtol=1e-15)
        np.testing.assert_allclose(room[1], [[0.0] + [np.sin(1)] * 4 + [0.0]] * 3, rtol=1e-15)


def test_few_pairs_do_not_load_numba():
    code = (
        "import sys, numpy as np; from ntkfreq.spectra import waves; "
        "waves.cos_sin_matrices(np.ones((9, 1)), np.ones((9, 1))); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def multiplied(x, w):
    """Waves from products in sixty digits."""
    with mpmath.workdps(60):
        return np.array(
            [
                [
                    complex(
                        mpmath.expj(mpmath.fsum(mpmath.mpf(a) * mpmath.mpf(b) for a, b in pair))
                    )
                    for pair in (zip(point.tolist(), wave.tolist(), strict=True) for wave in w)
                ]
                for point in x
            ]
        )


PLACES = [
    (1.6e9, 1.0, 0.0, 30.0),
    (1.6e9, 86400.0, 0.0, 1e-3),
    (1e15, 10.0, 0.0, 1.0),
    (0.0, 1.0, 1e12, 1.0),
    (0.0, 1e4, 0.0, 1e8),
    (1e50, 1e30, 1e50, 1e40),
]


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("few", [0, 10**6])
def test_waves_far_from_zero(monkeypatch, dim, place, few):
    """Seconds since 1970, years as nanoseconds, a density far out: no digits are lost."""
    origin, extent, centre, reach = place
    rng = np.random.default_rng(0)
    x = origin + extent * rng.uniform(-1, 1, (9, dim))
    w = centre + reach * rng.uniform(-1, 1, (5, dim))
    monkeypatch.setattr(waves, "_FEW_PAIRS", few)
    c, s = waves.cos_sin_matrices(x, w)
    np.testing.assert_allclose(c + 1j * s, multiplied(x, w), rtol=0, atol=2e-14)
    np.testing.assert_allclose(phases.exact_waves(x, w), multiplied(x, w), rtol=0, atol=2e-15)


def test_phases_below_1e8_are_rounded_no_worse_than_doubles():
    rng = np.random.default_rng(0)
    x, w = 1e6 + 1e4 * rng.uniform(-1, 1, (9, 1)), 1e3 + rng.uniform(-1, 1, (5, 1))
    c, s = waves.cos_sin_matrices(x, w)
    np.testing.assert_allclose(c + 1j * s, multiplied(x, w), rtol=0, atol=1.2e-16 * 1e4 * 1e3)
