"""Kernels by formula, in double precision and in as many digits as wanted.

k(z) is the mean of cos(w.z) over the density of w. Nothing here imports the package that is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special


@dataclass(frozen=True)
class Family:
    """A density by its name and parameters."""

    name: str
    dim: int
    loc: tuple[float, ...] = ()
    scale: float = 1.0
    df: float = 3.0
    parts: tuple[Family, ...] = ()
    weights: tuple[float, ...] = ()
    atoms: Any = field(default=None, compare=False)

    def kernel(self, z: np.ndarray) -> np.ndarray:
        """At displacements (..., d), in double precision."""
        if self.name == "mixture":
            return sum(w * part.kernel(z) for w, part in zip(self.weights, self.parts, strict=True))
        if self.name == "empirical":
            return np.cos(z @ self.atoms.T) @ np.array(self.weights)
        phase = np.cos(z @ np.array(self.loc)) if any(self.loc) else 1.0
        with np.errstate(over="ignore", under="ignore"):
            return phase * _CENTRED[self.name](self, z)

    def kernel_mp(self, z: list[Any]) -> Any:
        """At one displacement, in the precision of mpmath."""
        if self.name == "mixture":
            return mp.fsum(
                w * part.kernel_mp(z) for w, part in zip(self.weights, self.parts, strict=True)
            )
        if self.name == "empirical":
            return mp.fsum(
                w * mp.cos(mp.fsum(mp.mpf(float(a)) * b for a, b in zip(atom, z, strict=True)))
                for w, atom in zip(self.weights, self.atoms, strict=True)
            )
        phase = mp.cos(mp.fsum(mp.mpf(c) * b for c, b in zip(self.loc, z, strict=True)))
        return phase * _CENTRED_MP[self.name](self, z)

    def pdf(self, w: np.ndarray) -> np.ndarray:
        """Density (not only its even part) at (n, d) frequencies."""
        if self.name == "mixture":
            return sum(p * part.pdf(w) for p, part in zip(self.weights, self.parts, strict=True))
        u = (w - np.array(self.loc)) / self.scale
        return _PDF[self.name](self, u) / self.scale**self.dim

    def far(self) -> float:
        """Largest frequency that matters much."""
        if self.name == "mixture":
            return max(part.far() for part in self.parts)
        if self.name == "empirical":
            return float(np.abs(self.atoms).max())
        return max(map(abs, self.loc), default=0.0) + 6 * self.scale

    def smallest_scale(self) -> float:
        """Width of the narrowest part."""
        if self.name == "mixture":
            return min(part.smallest_scale() for part in self.parts)
        return self.scale


def _normal(one: Family, z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * np.sum((one.scale * z) ** 2, axis=-1))


def _laplace(one: Family, z: np.ndarray) -> np.ndarray:
    return np.prod(1 / (1 + (one.scale * z) ** 2), axis=-1)


def _uniform(one: Family, z: np.ndarray) -> np.ndarray:
    return np.prod(np.sinc(one.scale * z / np.pi), axis=-1)


def _student(one: Family, z: np.ndarray) -> np.ndarray:
    half = one.df / 2
    u = np.sqrt(one.df) * one.scale * np.sqrt(np.sum(z**2, axis=-1))
    small = u < 1e-12
    safe = np.where(small, 1.0, np.minimum(u, 1e6))
    log = np.log(2) + half * np.log(safe / 2) - special.gammaln(half) - safe
    return np.where(small, 1.0, special.kve(half, safe) * np.exp(log))


_CENTRED = {"normal": _normal, "laplace": _laplace, "uniform": _uniform, "student": _student}


def _normal_mp(one: Family, z: list[Any]) -> Any:
    return mp.exp(-mp.fsum((mp.mpf(one.scale) * c) ** 2 for c in z) / 2)


def _laplace_mp(one: Family, z: list[Any]) -> Any:
    return mp.fprod(1 / (1 + (mp.mpf(one.scale) * c) ** 2) for c in z)


def _uniform_mp(one: Family, z: list[Any]) -> Any:
    return mp.fprod(mp.sinc(mp.mpf(one.scale) * c) for c in z)


def _student_mp(one: Family, z: list[Any]) -> Any:
    half = mp.mpf(one.df) / 2
    u = mp.sqrt(one.df) * one.scale * mp.sqrt(mp.fsum(c**2 for c in z))
    if u == 0:
        return mp.mpf(1)
    if u > 1e5:
        return mp.mpf(0)
    return mp.besselk(half, u) * (u / 2) ** half * 2 / mp.gamma(half)


_CENTRED_MP = {
    "normal": _normal_mp,
    "laplace": _laplace_mp,
    "uniform": _uniform_mp,
    "student": _student_mp,
}


def _student_pdf(one: Family, u: np.ndarray) -> np.ndarray:
    half = (one.df + one.dim) / 2
    log = special.gammaln(half) - special.gammaln(one.df / 2) - one.dim / 2 * np.log(one.df * np.pi)
    return np.exp(log - half * np.log1p(np.sum(u**2, axis=1) / one.df))


_PDF = {
    "normal": lambda one, u: np.exp(-0.5 * np.sum(u**2, axis=1)) / (2 * np.pi) ** (one.dim / 2),
    "laplace": lambda one, u: np.exp(-np.sum(np.abs(u), axis=1)) / 2.0**one.dim,
    "uniform": lambda one, u: np.all(np.abs(u) <= 1, axis=1) / 2.0**one.dim,
    "student": _student_pdf,
}


def gram(family: Family, x: np.ndarray, other: np.ndarray, sigma_a: float) -> np.ndarray:
    """(1 + sigma_a^2 x.x') k(x - x') at points (n, d)."""
    return (1 + sigma_a**2 * (x @ other.T)) * family.kernel(x[:, None, :] - other[None, :, :])


def gram_mp(family: Family, x: np.ndarray, other: np.ndarray, sigma_a: float) -> Any:
    """The same as an mpmath matrix, and the stationary part alone."""
    rows = [[mp.mpf(float(value)) for value in row] for row in x]
    columns = [[mp.mpf(float(value)) for value in row] for row in other]
    full, plain = mp.matrix(len(rows), len(columns)), mp.matrix(len(rows), len(columns))
    for i, one in enumerate(rows):
        for j, two in enumerate(columns):
            k = family.kernel_mp([a - b for a, b in zip(one, two, strict=True)])
            product = mp.fsum(a * b for a, b in zip(one, two, strict=True))
            plain[i, j], full[i, j] = k, (1 + mp.mpf(sigma_a) ** 2 * product) * k
    return full, plain
