"""Waves on a lattice of frequencies, and the sums over points and over waves that fits need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ntkfreq._support.types import ComplexArray, FloatArray

# Frequencies in one resolution cell, 2 pi over the extent, along an axis: in one, two and three
# dimensions. A tone between two of them is represented by its neighbours, to 1e-4 and better in
# one dimension, to a percent in two.
_FINENESS = (8, 4, 3)
# Most frequencies; on scattered points of several dimensions the highest are left out beyond.
_MOST_WAVES = 2**20
# Scattered points resolve this multiple of the Nyquist frequency of as many evenly spaced ones.
_SCATTERED = 1.3
# Points on a lattice with gaps may be sparser than it by at most this factor.
_GAPS = 4.0
# FINUFFT's tightest tolerance.
_EPS = 1e-14
_PAIRS = 2_000_000


class WaveLattice(Protocol):
    """Waves, symmetric about frequency 0, with the sums that a fit of them needs."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of arrays over the waves."""
        ...

    @property
    def magnitude(self) -> FloatArray:
        """Length of the frequency of each wave."""
        ...

    def synthesis(self, x: FloatArray, coefficients: ComplexArray) -> FloatArray:
        """Real part of the sum of waves at points (n, d), shape (n,)."""
        ...

    def analysis(self, x: FloatArray, values: FloatArray) -> ComplexArray:
        """Sums over the points of values times conjugate waves."""
        ...

    def covariance(self, x: FloatArray, powers: FloatArray) -> FloatArray:
        """A diag(powers) A*, (n, n), without its diagonal."""
        ...

    def weighted(self, x: FloatArray, matrix: FloatArray) -> FloatArray:
        """Quadratic form of a symmetric matrix (n, n) with each wave."""
        ...


@dataclass(frozen=True, eq=False)
class RegularLattice:
    """Frequencies on a rectangular lattice about 0 in one to three dimensions.

    Attributes
    ----------
    step : ndarray, shape (d,)
        Spacing along each axis.
    shape : tuple of int
        Numbers of frequencies along the axes, odd.
    center : ndarray, shape (d,)
        Where all waves have phase 0.
    """

    step: FloatArray
    shape: tuple[int, ...]
    center: FloatArray

    @cached_property
    def magnitude(self) -> FloatArray:
        """Length of the frequency of each wave."""
        axes = [
            step * np.arange(-(n // 2), n // 2 + 1)
            for step, n in zip(self.step, self.shape, strict=True)
        ]
        mesh = np.meshgrid(*axes, indexing="ij")
        return np.asarray(np.sqrt(sum(axis**2 for axis in mesh)))

    def _columns(self, x: FloatArray) -> list[FloatArray]:
        return [np.ascontiguousarray(x[:, k] * self.step[k]) for k in range(x.shape[1])]

    # One thread, so that the last bits do not depend on their number.
    def _to_points(self, x: FloatArray, coefficients: Any) -> FloatArray:
        import finufft

        transform = (finufft.nufft1d2, finufft.nufft2d2, finufft.nufft3d2)[x.shape[1] - 1]
        waves = np.ascontiguousarray(coefficients, dtype=np.complex128)
        sums = transform(*self._columns(x), waves, isign=1, eps=_EPS, nthreads=1)
        return np.asarray(sums.real)

    def _to_waves(self, x: FloatArray, values: FloatArray) -> ComplexArray:
        import finufft

        transform = (finufft.nufft1d1, finufft.nufft2d1, finufft.nufft3d1)[x.shape[1] - 1]
        shape: Any = self.shape if x.shape[1] > 1 else self.shape[0]
        strengths = np.ascontiguousarray(values, dtype=np.complex128)
        sums = transform(*self._columns(x), strengths, shape, isign=-1, eps=_EPS, nthreads=1)
        return np.asarray(sums)

    def synthesis(self, x: FloatArray, coefficients: ComplexArray) -> FloatArray:
        """Real part of the sum of waves at points (n, d), shape (n,)."""
        return self._to_points(x - self.center, coefficients)

    def analysis(self, x: FloatArray, values: FloatArray) -> ComplexArray:
        """Sums over the points of values times conjugate waves."""
        return self._to_waves(x - self.center, values)

    def covariance(self, x: FloatArray, powers: FloatArray) -> FloatArray:
        """A diag(powers) A*, (n, n), without its diagonal: it depends on differences of points."""
        matrix = np.zeros((len(x), len(x)))
        for first, second, differences in _pairs(x):
            matrix[first, second] = self._to_points(differences, powers)
        return np.asarray(matrix + matrix.T)

    def weighted(self, x: FloatArray, matrix: FloatArray) -> FloatArray:
        """Quadratic form of a symmetric matrix (n, n) with each wave."""
        total = np.full(self.shape, float(np.trace(matrix)))
        for first, second, differences in _pairs(x):
            total += 2 * self._to_waves(differences, matrix[first, second]).real
        return total


@dataclass(frozen=True, eq=False)
class ListedWaves:
    """Any frequencies, in any dimension, by direct sums.

    Attributes
    ----------
    frequencies : ndarray, shape (F, d)
        One of each pair of opposite frequencies; coefficients stand for both.
    center : ndarray, shape (d,)
        Where all waves have phase 0.
    """

    frequencies: FloatArray
    center: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of arrays over the waves."""
        return (len(self.frequencies),)

    @cached_property
    def magnitude(self) -> FloatArray:
        """Length of the frequency of each wave."""
        return np.asarray(np.linalg.norm(self.frequencies, axis=1))

    def _waves(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        phase = (x - self.center) @ self.frequencies.T
        return np.cos(phase), np.sin(phase)

    def synthesis(self, x: FloatArray, coefficients: ComplexArray) -> FloatArray:
        """Real part of the sum of waves at points (n, d), shape (n,)."""
        cosine, sine = self._waves(x)
        return np.asarray(cosine @ coefficients.real - sine @ coefficients.imag)

    def analysis(self, x: FloatArray, values: FloatArray) -> ComplexArray:
        """Sums over the points of values times conjugate waves."""
        cosine, sine = self._waves(x)
        return np.asarray(values @ cosine - 1j * (values @ sine))

    def covariance(self, x: FloatArray, powers: FloatArray) -> FloatArray:
        """A diag(powers) A*, (n, n)."""
        cosine, sine = self._waves(x)
        return np.asarray((cosine * powers) @ cosine.T + (sine * powers) @ sine.T)

    def weighted(self, x: FloatArray, matrix: FloatArray) -> FloatArray:
        """Quadratic form of a symmetric matrix (n, n) with each wave."""
        cosine, sine = self._waves(x)
        return np.asarray(
            np.sum(cosine * (matrix @ cosine), axis=0) + np.sum(sine * (matrix @ sine), axis=0)
        )


def _pairs(x: FloatArray) -> Iterator[tuple[Any, Any, FloatArray]]:
    """Indices of all pairs of different points and their differences, some millions at a time."""
    step = max(1, _PAIRS // len(x))
    for start in range(0, len(x), step):
        first, second = np.nonzero(
            np.arange(start, min(start + step, len(x)))[:, None] < np.arange(len(x))
        )
        first += start
        if first.size:
            yield first, second, x[first] - x[second]


def wave_lattice(x: FloatArray, frequencies: FloatArray) -> WaveLattice:
    """Waves up to the highest frequency of distinct points (n, d), several in each resolution cell.

    Along an axis they reach the Nyquist frequency of points on a lattice, with gaps or without,
    and on scattered points the larger of somewhat more than that of as many on a lattice and of
    the `frequencies` (F, d) that will be asked for.
    """
    dim = x.shape[1]
    center = (x.min(axis=0) + x.max(axis=0)) / 2
    if dim > len(_FINENESS):
        listed = np.unique(np.concatenate([np.zeros((1, dim)), frequencies]), axis=0)
        first = np.take_along_axis(listed, np.argmax(listed != 0, axis=1)[:, None], axis=1)[:, 0]
        return ListedWaves(listed[first >= 0], center)
    extent = np.ptp(x, axis=0)
    step = 2 * np.pi / (np.where(extent > 0, extent, 1.0) * _FINENESS[dim - 1])
    tops, floors = np.zeros(dim), np.zeros(dim)
    for k in np.flatnonzero(extent > 0):
        nyquist = np.pi / float(np.diff(np.unique(x[:, k])).min())
        mean = np.pi * len(x) ** (1 / dim) / extent[k]
        floors[k] = min(nyquist, _SCATTERED * mean)
        asked = max(floors[k], min(nyquist, float(np.abs(frequencies[:, k]).max())))
        tops[k] = nyquist if nyquist <= _GAPS * mean else asked
    while np.prod(2 * np.floor(tops / step) + 1) > _MOST_WAVES and np.any(tops > floors):
        tops = np.maximum(0.9 * tops, floors)
    count = np.floor(tops / step * (1 + 1e-9)).astype(np.int64)
    return RegularLattice(step, tuple(int(2 * n + 1) for n in count), center)
