r"""Products of densities of one variable, one for each coordinate.

The characteristic function of a product is the product of those of its factors, which are complex
where a factor is not even. Of the kernel, its real part, only one factor may be taken as it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.problem.density.base import Density, ExponentialKernel, NormalPart
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.problem.density.normal import Normal

# Most modes, and normal densities of a sum, that are listed.
_MOST_MODES, _MOST_PARTS = 4096, 20_000


@dataclass(frozen=True, init=False)
class Product(Density):
    r"""Product of densities of one variable, :math:`\rho_w(\xi) = \prod_j \rho_j(\xi_j)`.

    The coordinates of a frequency are drawn independently, each from a density of its own.

    .. math:: k(z) = \mathrm{Re} \prod_j \varphi_j(z_j), \qquad \varphi_j(z) = E e^{i w_j z}

    Parameters
    ----------
    components : sequence of Density
        One for each coordinate, of dimension 1 and with a pdf. Two or more that are not even must
        be named families, mixtures of them, or frozen SciPy distributions whose kernel is a
        formula (see :func:`ntkfreq.as_density`).

    Raises
    ------
    ValueError, TypeError
        When it is empty or holds what is no such density.

    See Also
    --------
    Normal, Laplace, Uniform : of one family they are products as well, with one scale an axis.

    Examples
    --------
    Frequencies of a place and of a time, the latter with a heavy tail:

    >>> from ntkfreq import Normal, StudentT
    >>> rho = Product([Normal(scale=10.0), StudentT(3.0, scale=0.5)])
    >>> rho.kernel([[0.0, 1.0], [0.1, 0.0], [0.1, 1.0]])
    array([0.78489, 0.60653, 0.47606])
    >>> rho.sample(3, rng=0).shape
    (3, 2)
    """

    components: tuple[Density, ...]
    dim: int

    def __init__(self, components: Sequence[Density]) -> None:
        if isinstance(components, Density) or not isinstance(components, Iterable):
            raise TypeError(
                f"components={checks.show(components)} must be a list of densities, one for each "
                "coordinate"
            )
        parts = tuple(components)
        if not parts:
            raise ValueError("components is empty; give one density for each coordinate")
        for axis, part in enumerate(parts):
            if not isinstance(part, Density) or not part.has_pdf:
                raise TypeError(
                    f"components[{axis}]={checks.show(part)} must be a density with a pdf (wrap "
                    "scipy.stats distributions with as_density)"
                )
            if part.dim != 1:
                raise ValueError(
                    f"components[{axis}]={checks.show(part)} has dimension {part.dim}; give one "
                    "density of dimension 1 for each coordinate"
                )
        uneven = [part for part in parts if not part.even]
        origin = np.zeros((1, 1))
        unknown = [part for part in uneven if part.waves_between(origin, origin) is None]
        if unknown and len(uneven) > 1:
            raise ValueError(
                f"components holds {len(uneven)} densities that are not even, and of "
                f"{checks.show(unknown[0])} only the even part has a known kernel, which is not "
                "enough for the even part of the product; let the others be even (loc=0), or take "
                "a named family"
            )
        object.__setattr__(self, "components", parts)
        object.__setattr__(self, "dim", len(parts))

    @property
    def factors(self) -> tuple[Density, ...]:
        """The components."""
        return self.components

    @property
    def even(self) -> bool:
        """Whether all components are even."""
        return all(part.even for part in self.components)

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0, if it is isotropic."""
        if self.dim == 1:
            return self.components[0].log_profile
        # Of products only normal densities about 0 with one scale are alike in all directions.
        parts = self.normal_parts
        if parts is None or len(parts) > 1:
            return None
        return Normal(loc=parts[0].center, scale=parts[0].scales).log_profile

    @property
    def normal_parts(self) -> tuple[NormalPart, ...] | None:
        """The products of those of the components, if all are normal and they are not too many."""
        found = [part.normal_parts for part in self.components]
        known = [parts for parts in found if parts is not None]
        if len(known) < len(found) or math.prod(map(len, known)) > _MOST_PARTS:
            return None
        return tuple(
            NormalPart(
                math.prod(part.share for part in parts),
                tuple(part.center[0] for part in parts),
                tuple(part.scales[0] for part in parts),
            )
            for parts in itertools.product(*known)
        )

    @property
    def exponential(self) -> ExponentialKernel | None:
        """That of the component, in one dimension."""
        return self.components[0].exponential if self.dim == 1 else None

    @property
    def widths(self) -> tuple[float, ...]:
        """Those of the components, each once."""
        return tuple(dict.fromkeys(width for part in self.components for width in part.widths))

    @property
    def modes(self) -> FloatArray:
        """Where all components may be largest, shape (k, d)."""
        along = [part.modes[:, 0] for part in self.components]
        if math.prod(map(len, along)) > _MOST_MODES:
            from ntkfreq.problem.density.numerical import likeliest

            return likeliest(self)
        return np.array(list(itertools.product(*along)))

    def value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Density and its partial derivatives at (n, d) frequencies, shape (1 + d, n)."""
        found = np.stack([part.value_and_gradient(line) for part, line in self._lines(w)])
        values = found[:, 0]
        others = [np.prod(np.delete(values, axis, axis=0), axis=0) for axis in range(self.dim)]
        return np.concatenate([np.prod(values, axis=0)[None], found[:, 1] * others])

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        return self.components[0].landmarks() if self.dim == 1 else super().landmarks()

    def _lines(self, points: FloatArray) -> Iterator[tuple[Density, FloatArray]]:
        """Components and coordinates (..., 1) of points (..., d)."""
        for axis, part in enumerate(self.components):
            yield part, points[..., axis : axis + 1]

    def _pdf(self, w: FloatArray) -> FloatArray:
        value = np.ones(len(w))
        with np.errstate(over="ignore", invalid="ignore"):
            for part, line in self._lines(w):
                value *= part._pdf(line)
        if not np.all(np.isfinite(value)):
            raise ValueError(
                f"rho_w={checks.show(self)} has a pdf above 1e308 in dimension {self.dim}; its "
                "kernel and samples are of use all the same: measure=Points(x) takes no pdf"
            )
        return value

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.concatenate([part._sample(size, rng) for part in self.components], axis=1)

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        # Union bound over coordinates, then the corner of the box.
        return math.hypot(*(part.radius(tail / self.dim) for part in self.components))

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        return min(1.0, sum(part.phase_rounding(extent) for part in self.components))

    @property
    def _real(self) -> bool:
        """Whether the kernel is the product of those of the components."""
        return sum(not part.even for part in self.components) <= 1

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        if self._real:
            value = np.ones(z.shape[:-1])
            for part, line in self._lines(z):
                value *= part.kernel_values(line)
            return value
        waves = self.waves_between(z.reshape(-1, self.dim), np.zeros((1, self.dim)))
        return waves.real.reshape(z.shape[:-1])

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        if not self._real:
            return self.waves_between(x, x2).real
        value = np.ones((len(x), len(x2)))
        for (part, line), (_, line2) in zip(self._lines(x), self._lines(x2), strict=True):
            value *= part.kernel_between(line, line2)
        return value

    def waves_between(self, x: FloatArray, x2: FloatArray) -> ComplexArray:
        r""":math:`E e^{iw\cdot(x-x')}` of points (n, d) and (n2, d), shape (n, n2)."""
        total = np.ones((len(x), len(x2)), dtype=np.complex128)
        for (part, line), (_, line2) in zip(self._lines(x), self._lines(x2), strict=True):
            waves = part.waves_between(line, line2)
            assert waves is not None, "a product of several that are unknown is refused"
            total *= waves
        return total
