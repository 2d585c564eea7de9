"""What a problem on Line or Grid is in frequency: densities, spectra, elements that fit them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.reference.formulas import Problem, density, spectrum, total
from validation.reference.quadrature import Pieces


@dataclass(frozen=True)
class Zone:
    """A problem on Line or Grid: its density, its free error and the breaks of elements."""

    problem: Problem

    @property
    def lattice(self) -> bool:
        """Whether data sit on a lattice."""
        return self.problem.measure == "Grid"

    def rho(self, xi: np.ndarray) -> np.ndarray:
        """Density, folded on Grid."""
        if not self.lattice:
            return density(self.problem.density, xi)
        return np.asarray(self.folded(xi)[0])

    def folded(self, xi: np.ndarray) -> np.ndarray:
        """Folded density and its derivative (2, n...)."""
        flat = np.ravel(xi)
        parts = [part.folded(flat, self.problem.place[0]) for part in self.problem.density]
        return np.asarray(np.sum(parts, axis=0).reshape(2, *np.shape(xi)))

    @property
    def samples(self) -> np.ndarray:
        """Samples of the lattice that reach beyond the data."""
        spacing, origin = self.problem.place
        count = int(np.ceil(self.problem.reach / spacing)) + 2
        return origin + spacing * np.arange(-count, count + 1)

    def transforms(self, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of initial output and target as the data see them."""
        if not self.lattice:
            return spectrum(self.problem.start, xi), spectrum(self.problem.target, xi)
        x = self.samples
        wave = self.problem.place[0] * np.exp(-1j * np.multiply.outer(xi, x))
        return wave @ total(self.problem.start, x), wave @ total(self.problem.target, x)

    def free(self, time: float, zeta: np.ndarray) -> np.ndarray:
        """Error spectrum if nothing were learned, at the frequencies that zeta shrank to.

        With contraction it is that of F, the learned spectrum without its advection.
        """
        left = np.exp(-self.problem.gamma_a * time)
        if not self.problem.contracts:
            start, goal = self.transforms(zeta)
            return np.asarray(left * start - goal)
        shrink = np.exp(-self.problem.gamma_w * time)
        start = spectrum(self.problem.start, zeta)
        return np.asarray(left * start - shrink * spectrum(self.problem.target, shrink * zeta))

    @property
    def norm(self) -> float:
        """Norm of the initial error."""
        p = self.problem
        if self.lattice:
            return float(np.sqrt(p.place[0] * np.sum(p.first_error(self.samples) ** 2)))
        return self.line_norm

    @property
    def line_norm(self) -> float:
        """Norm of the initial error on the whole line."""
        p = self.problem
        kinks = [kink for wave in p.target for kink in wave.kinks]
        pieces = Pieces(np.unique([*np.linspace(-p.reach, p.reach, 400), *kinks]), 16)
        return float(np.sqrt(pieces.weights @ p.first_error(pieces.nodes) ** 2))

    def spans(self, level: int) -> tuple[np.ndarray, ...]:
        """Breaks of elements: ends at marks, short where density or solution vary fast."""
        p = self.problem
        slow, marks, places = np.inf, set(), []
        cells = self._images()
        for part in p.density:
            slow = min(slow, 2 * part.scale) if part.family == "laplace" else slow
            for image in cells:
                places.append((abs(part.loc + image), part.scale, part.family))
                marks |= {abs(mark + image) for mark in part.marks}
        supports = self._supports(level)
        end = supports[-1][1]
        marks = {mark for mark in marks if 0 <= mark <= end}
        extent = max(
            min(wave.reach, abs(wave.center) + 7 * wave.width) for wave in p.target + p.start
        )
        longest = min(slow, 16.0 / extent * (1.0 if not p.contracts else 1.5), end / 2)
        layers = {mark: self._layer(mark) for mark in marks}

        def size(xi: float) -> float:
            sizes = [longest]
            for spot, width, family in places:
                gap = abs(xi - spot)
                near = 0.7 * width if family != "laplace" else np.inf
                if family in ("normal", "student"):
                    sizes.append(
                        near if gap < 9 * width and family == "normal" else max(near, 0.4 * gap)
                    )
            sizes += [max(layer, 0.7 * abs(xi - mark)) for mark, layer in layers.items()]
            return min(sizes)

        found = []
        for low, high in supports:
            stops = sorted({low, high, *(mark for mark in marks if low < mark < high)})
            breaks = [low]
            for stop in stops[1:]:
                while breaks[-1] < stop - 1e-12:
                    here = breaks[-1]
                    step = size(here)
                    # What lies ahead must not be overrun: half the way, until it is reached.
                    for _ in range(60):
                        if size(min(here + step, stop)) >= 0.45 * step:
                            break
                        step *= 0.7
                    breaks.append(stop if stop - here < 1.3 * step else here + step)
            found.append(np.array(breaks))
        return tuple(found)

    def _images(self) -> np.ndarray:
        if not self.lattice:
            return np.zeros(1)
        period = 2 * np.pi / self.problem.place[0]
        far = max(abs(part.loc) + part.scale for part in self.problem.density)
        count = int(np.ceil(far / period)) + 1
        return period * np.arange(-count, count + 1)

    def _supports(self, level: int) -> list[tuple[float, float]]:
        parts = self.problem.density
        if self.lattice:
            return [(0.0, np.pi / self.problem.place[0])]
        if any(part.family != "uniform" for part in parts):
            return [(0.0, self._reach(level))]
        low, high = parts[0].loc - parts[0].scale, parts[0].loc + parts[0].scale
        return [(max(low, 0.0), high)]

    def _layer(self, mark: float) -> float:
        """Width to which a corner or jump of the density spreads by the first time."""
        rho = float(self.rho(np.array([mark * (1 - 1e-9)]))[0])
        spread = 2 * np.pi * self.problem.sigma_a**2 * rho * self.problem.t[0]
        return float(np.clip(np.sqrt(spread), 1e-3, 1.0))

    def _reach(self, level: int) -> float:
        """Where the elements of Line end: nothing is learned beyond, or there is nothing."""
        p = self.problem
        grow = np.exp(p.gamma_w * p.t[-1]) if p.contracts else 1.0
        extent = max(abs(wave.center) + 7 * wave.width for wave in p.target + p.start)
        strength = 2 * np.pi * p.t[-1] * grow**3 * (1 + (p.sigma_a * extent) ** 2)
        xi = np.geomspace(1e-2, 1e5, 20_000)
        moved = strength * self.rho(xi) > (1e-11, 1e-13)[level]
        learned = float(xi[moved].max(initial=1.0))
        band = max(wave.band for wave in p.target + p.start)
        return min(learned, (band + (24.0, 29.0)[level] * p.sigma_a * grow) * grow)
