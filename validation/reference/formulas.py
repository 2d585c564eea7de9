"""Random problems as plain numbers and formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Component:
    """One part of a one-dimensional density: normal, student, laplace or uniform."""

    weight: float
    family: str
    loc: float
    scale: float
    df: float = 0.0

    @property
    def marks(self) -> tuple[float, ...]:
        """Where the even part has a corner or a jump, on the half-line."""
        if self.family == "laplace":
            return (abs(self.loc),)
        if self.family == "uniform":
            return tuple(sorted({abs(self.loc - self.scale), abs(self.loc + self.scale)}))
        return ()

    @property
    def std(self) -> float:
        """Standard deviation, where there is one; else the scale."""
        factor = {"normal": 1.0, "laplace": np.sqrt(2.0), "uniform": 1 / np.sqrt(3.0)}
        factor["student"] = np.sqrt(self.df / (self.df - 2)) if self.df > 2 else 1.0
        return self.scale * float(factor[self.family])

    def _shape(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Standard density and its derivative at u (n,)."""
        if self.family == "normal":
            value = np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
            return value, -u * value
        if self.family == "laplace":
            value = 0.5 * np.exp(-np.abs(u))
            return value, -np.sign(u) * value
        if self.family == "uniform":
            return 0.5 * (np.abs(u) <= 1), np.zeros_like(u)
        half = (self.df + 1) / 2
        size = np.exp(special.gammaln(half) - special.gammaln(self.df / 2))
        value = size / np.sqrt(self.df * np.pi) * (1 + u**2 / self.df) ** -half
        return value, -2 * half * u / (self.df + u**2) * value

    def even(self, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted even part of the density and its derivative at xi (n,)."""
        total, slope = np.zeros(xi.shape), np.zeros(xi.shape)
        for sign in (1, -1):
            value, derivative = self._shape((sign * xi - self.loc) / self.scale)
            total += 0.5 * self.weight / self.scale * value
            slope += 0.5 * self.weight / self.scale**2 * sign * derivative
        return total, slope

    def kernel(self, z: np.ndarray) -> np.ndarray:
        """Weighted characteristic function of the even part."""
        u = self.scale * np.abs(z)
        if self.family == "normal":
            value = np.exp(-0.5 * u**2)
        elif self.family == "laplace":
            value = 1 / (1 + u**2)
        elif self.family == "uniform":
            value = np.sinc(u / np.pi)
        else:
            half, u = self.df / 2, np.sqrt(self.df) * u
            safe = np.maximum(u, 1e-30)
            value = 2 ** (1 - half) / special.gamma(half) * safe**half * special.kv(half, safe)
            value = np.where(u < 1e-14, 1.0, value)
        return np.asarray(self.weight * np.cos(self.loc * z) * value)

    def folded(self, xi: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
        """Sum over all aliases of the even part, and its derivative, at xi (n,)."""
        if self.family == "student":
            # Poisson's sum: the kernel falls exponentially, the density does not.
            z = spacing * np.arange(1, 2 + int(45 / (np.sqrt(self.df) * self.scale * spacing)))
            waves, angle = self.kernel(z), np.multiply.outer(xi, z)
            value = self.weight + 2 * np.cos(angle) @ waves
            return spacing / (2 * np.pi) * value, -spacing / np.pi * np.sin(angle) @ (z * waves)
        period = 2 * np.pi / spacing
        reach = {"normal": 9.0, "laplace": 42.0, "uniform": 1.0}[self.family] * self.scale
        count = int(np.ceil((abs(self.loc) + reach) / period)) + 1
        parts = [self.even(xi + period * k) for k in range(-count, count + 1)]
        value, slope = np.zeros(xi.shape), np.zeros(xi.shape)
        for one, other in parts:
            value, slope = value + one, slope + other
        return value, slope


@dataclass(frozen=True)
class Wave:
    """A windowed tone about a centre; the window is a Gaussian ("gauss") or has a corner.

    "corner": exp(-|u| / width) cos(frequency u + phase), "hat": max(0, 1 - |u| / width).
    """

    kind: str
    amplitude: float
    center: float
    width: float
    frequency: float = 0.0
    phase: float = 0.0

    @property
    def kinks(self) -> tuple[float, ...]:
        """Corners of the function."""
        if self.kind == "gauss":
            return ()
        if self.kind == "corner":
            return (self.center,)
        return (self.center - self.width, self.center, self.center + self.width)

    @property
    def reach(self) -> float:
        """Largest |x| where it is above some 1e-14 of its amplitude."""
        return abs(self.center) + {"gauss": 8.0, "corner": 33.0, "hat": 1.0}[self.kind] * self.width

    @property
    def band(self) -> float:
        """Frequency above which its transform is zero to rounding."""
        return self.frequency + 8.0 / self.width if self.kind == "gauss" else np.inf

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x."""
        u = np.asarray(x) - self.center
        if self.kind == "hat":
            return self.amplitude * np.maximum(0.0, 1 - np.abs(u) / self.width)
        window = -0.5 * (u / self.width) ** 2 if self.kind == "gauss" else -np.abs(u) / self.width
        return self.amplitude * np.exp(window) * np.cos(self.frequency * u + self.phase)

    def transform(self, xi: np.ndarray) -> np.ndarray:
        """Integral of the function against exp(-i xi x)."""
        shift = self.amplitude * np.exp(-1j * xi * self.center)
        if self.kind == "hat":
            return shift * self.width * np.sinc(xi * self.width / (2 * np.pi)) ** 2
        total = np.zeros(np.shape(xi), dtype=complex)
        for sign in (1, -1):
            u = self.width * (xi - sign * self.frequency)
            if self.kind == "gauss":
                part = np.sqrt(2 * np.pi) * self.width * np.exp(-0.5 * u**2)
            else:
                part = 2 * self.width / (1 + u**2)
            total += 0.5 * np.exp(1j * sign * self.phase) * part
        return shift * total


def total(parts: tuple[Wave, ...], x: np.ndarray) -> np.ndarray:
    """Sum of waves at x."""
    return sum((part(x) for part in parts), np.zeros(np.shape(x)))


def spectrum(parts: tuple[Wave, ...], xi: np.ndarray) -> np.ndarray:
    """Sum of transforms at xi."""
    return sum((part.transform(xi) for part in parts), np.zeros(np.shape(xi), dtype=complex))


def density(parts: tuple[Component, ...], xi: np.ndarray) -> np.ndarray:
    """Even part of a density at xi."""
    return sum((part.even(np.asarray(xi))[0] for part in parts), np.zeros(np.shape(xi)))


def kernel(parts: tuple[Component, ...], z: np.ndarray) -> np.ndarray:
    """Characteristic function of a density at z."""
    return sum((part.kernel(z) for part in parts), np.zeros(np.shape(z)))


@dataclass(frozen=True)
class Problem:
    """All that determines a problem, as plain numbers."""

    seed: int
    measure: str
    place: tuple[float, ...]
    density: tuple[Component, ...]
    target: tuple[Wave, ...]
    start: tuple[Wave, ...]
    sigma_a: float
    gamma_a: float = 0.0
    gamma_w: float = 0.0
    towards: str = "zero"
    t: tuple[float, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def decays(self) -> bool:
        """Whether anything decays."""
        return self.gamma_a > 0 or self.gamma_w > 0

    @property
    def contracts(self) -> bool:
        """Whether frequencies shrink towards zero."""
        return self.gamma_w > 0 and self.towards == "zero"

    @property
    def reach(self) -> float:
        """Largest |x| of the data or, on Line and Grid, of target and initial output."""
        if self.measure in ("Points", "Box"):
            return float(np.abs(self.place).max())
        return max(part.reach for part in self.target + self.start)

    def first_error(self, x: np.ndarray) -> np.ndarray:
        """Initial error at x."""
        return np.asarray(total(self.start, x) - total(self.target, x))
