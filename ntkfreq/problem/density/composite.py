"""Mixtures of densities, and sets of atoms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from ntkfreq._support import checks, display
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray
from ntkfreq.problem.density.base import Density, NormalPart, weighted
from ntkfreq.problem.density.landmarks import Landmarks
from ntkfreq.spectra.spectrum import fourier_sum
from ntkfreq.spectra.waves import cos_sin_matrices

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, init=False)
class Mixture(Density):
    r"""Weighted sum of densities, :math:`\rho_w = \sum_i p_i \rho_i`.

    Parameters
    ----------
    components : sequence of Density
        At least one, all of the same dimension and with a pdf.
    weights : array_like, shape (n,), optional
        Positive, with sum one. Default: equal.

    Raises
    ------
    ValueError, TypeError
        When the weights are not positive, do not sum to one, or the dimensions differ.

    Examples
    --------
    >>> from ntkfreq import Normal
    >>> rho = Mixture([Normal(scale=1.0), Normal(scale=10.0)], weights=[0.25, 0.75])
    >>> rho.kernel([0.0, 1.0])
    array([1.     , 0.15163])
    """

    components: tuple[Density, ...]
    weights: tuple[float, ...]
    dim: int

    def __init__(self, components: Sequence[Density], weights: ArrayLike | None = None) -> None:
        if isinstance(components, Density) or not isinstance(components, Iterable):
            raise TypeError(f"components={checks.show(components)} must be a list of densities")
        parts = tuple(components)
        if not parts:
            raise ValueError("components is empty; give at least one density")
        for part in parts:
            if not isinstance(part, Density) or not part.has_pdf:
                raise TypeError(
                    f"components holds {checks.show(part)}; each must be a density with a pdf "
                    "(wrap scipy.stats distributions with as_density)"
                )
        dims = {part.dim for part in parts}
        if len(dims) > 1:
            raise ValueError(f"components have dimensions {sorted(dims)}; all must be equal")
        shares = np.full(len(parts), 1 / len(parts))
        if weights is not None:
            shares = checks.values_at("weights", weights, len(parts))
        if np.any(shares <= 0) or abs(shares.sum() - 1) > 1e-9:
            raise ValueError(
                f"weights={checks.show(shares)} must be positive and sum to 1; "
                "divide them by their sum"
            )
        object.__setattr__(self, "components", parts)
        object.__setattr__(self, "weights", tuple(float(share) for share in shares))
        object.__setattr__(self, "dim", parts[0].dim)

    @property
    def parts(self) -> tuple[tuple[float, Density], ...]:
        """Shares and densities, mixtures among them replaced by their parts."""
        return tuple(weighted(self._parts()))

    @property
    def log_profile(self) -> Callable[[FloatArray], FloatArray] | None:
        """Logarithm of the density at distances from 0, if all parts are isotropic."""
        return self._log_at if all(part.isotropic for part in self.components) else None

    @property
    def normal_parts(self) -> tuple[NormalPart, ...] | None:
        """Those of the parts, if all are normal."""
        found: list[NormalPart] = []
        for share, part in self.parts:
            if part.normal_parts is None:
                return None
            found += [one._replace(share=share * one.share) for one in part.normal_parts]
        return tuple(found)

    def _log_at(self, r: FloatArray) -> FloatArray:
        profiles = [(share, part.log_profile) for share, part in self._parts()]
        terms = [np.log(share) + log(r) for share, log in profiles if log is not None]
        return np.asarray(special.logsumexp(terms, axis=0))

    @property
    def even(self) -> bool:
        """Whether all parts are even."""
        return all(part.even for part in self.components)

    @property
    def widths(self) -> tuple[float, ...]:
        """Those of the parts."""
        return tuple(width for part in self.components for width in part.widths)

    @property
    def modes(self) -> FloatArray:
        """Those of the parts, shape (k, d)."""
        return np.concatenate([part.modes for part in self.components])

    def along(self, axis: int) -> Density:
        """The mixture of the marginals."""
        return Mixture([part.along(axis) for part in self.components], self.weights)

    def value_and_gradient(self, w: FloatArray) -> FloatArray:
        """Density and its partial derivatives at (n, d) frequencies, shape (1 + d, n)."""
        values = [share * part.value_and_gradient(w) for share, part in self._parts()]
        return np.asarray(np.sum(values, axis=0))

    @property
    def factors(self) -> tuple[Density, ...] | None:
        """The mixture itself in one dimension; a sum of products is not a product."""
        return (self,) if self.dim == 1 else None

    def _parts(self) -> Iterable[tuple[float, Density]]:
        return zip(self.weights, self.components, strict=True)

    def _pdf(self, w: FloatArray) -> FloatArray:
        values = [share * part._pdf(w) for share, part in self._parts()]
        return np.asarray(np.sum(values, axis=0))

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        values = [share * part.kernel_values(z) for share, part in self._parts()]
        return np.asarray(np.sum(values, axis=0))

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        counts = rng.multinomial(size, self.weights)
        drawn = [
            part._sample(int(count), rng)
            for part, count in zip(self.components, counts, strict=True)
            if count
        ]
        return rng.permutation(np.concatenate(drawn))

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        values = [share * part.kernel_between(x, x2) for share, part in self._parts()]
        return np.asarray(np.sum(values, axis=0))

    def waves_between(self, x: FloatArray, x2: FloatArray) -> ComplexArray | None:
        r""":math:`E e^{iw\cdot(x-x')}` of points (n, d) and (n2, d), (n, n2); None if unknown."""
        total = np.zeros((len(x), len(x2)), dtype=np.complex128)
        for share, part in self._parts():
            waves = part.waves_between(x, x2)
            if waves is None:
                return None
            total += share * waves
        return total

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        return float(sum(share * part.phase_rounding(extent) for share, part in self._parts()))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        return max(part.radius(tail) for part in self.components)

    def landmarks(self) -> Landmarks:
        """Landmarks of the even part in one dimension."""
        marks = [part.landmarks() for part in self.components]
        merged: list[tuple[float, float]] = []
        for low, high in sorted(interval for mark in marks for interval in mark.support):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return Landmarks(
            tuple(merged),
            tuple(sorted({kink for mark in marks for kink in mark.kinks})),
            tuple(scale for mark in marks for scale in mark.scales),
        )


@dataclass(frozen=True, init=False, eq=False)
class Empirical(Density):
    r"""Atoms :math:`\rho_w = \sum_j p_j\,\delta_{w_j}`, for instance the frequencies of a network.

    For Box and Points only: there is no pdf, so neither Line nor Grid applies.

    ``Empirical(net.w)`` is the density of a network's own draw. Of frozen frequencies, random or
    not (:func:`ntkfreq.positional_encoding`), that is what a network of any width learns by:
    without hidden layers exactly, with ``sigma_a=0``; behind hidden layers, of which only these are
    wide then, with ``train_frequencies=False``. Trained frequencies add to it a kernel that is
    exact for many copies of each atom alone, with output weights of their own.

    Parameters
    ----------
    atoms : array_like, shape (n,) or (n, d)
        Frequencies, radians per unit of x.
    weights : array_like, shape (n,), optional
        Positive probabilities, normalized here. Default: equal.

    Raises
    ------
    ValueError, TypeError
        On NaN, mismatched shapes or weights that are not positive.

    Examples
    --------
    >>> Empirical([1.0, 3.0]).kernel([0.0, 1.0])
    array([ 1.     , -0.22485])
    """

    closed_form_kernel: ClassVar[bool] = False
    has_pdf: ClassVar[bool] = False

    atoms: FloatArray
    weights: FloatArray
    dim: int

    def __init__(self, atoms: ArrayLike, weights: ArrayLike | None = None) -> None:
        points = checks.points("atoms", atoms)
        object.__setattr__(self, "atoms", points)
        object.__setattr__(self, "weights", checks.weights_for("weights", weights, len(points)))
        object.__setattr__(self, "dim", points.shape[1])

    @property
    def atomic(self) -> tuple[FloatArray, FloatArray]:
        """The atoms (n, d) and their probabilities (n,)."""
        return self.atoms, self.weights

    def _facts(self) -> dict[str, str]:
        even = bool(np.ptp(self.weights) == 0)
        return {
            "atoms": f"{display.points(self.atoms)} {display.between(self.atoms)}",
            "weights": "equal" if even else display.span(self.weights),
        }

    def _pdf(self, w: FloatArray) -> FloatArray:
        raise TypeError(
            "Empirical is a set of atoms and has no pdf: measure must be Box or Points, "
            "or pass the density the atoms were drawn from"
        )

    def kernel_values(self, z: FloatArray) -> FloatArray:
        """Characteristic function at (..., d) displacements, shape (...)."""
        flat = z.reshape(-1, self.dim)
        return fourier_sum(self.atoms, self.weights, flat).real.reshape(z.shape[:-1])

    def _sample(self, size: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.choice(self.atoms, size=size, p=self.weights))

    def radius(self, tail: float) -> float:
        """A radius outside which at most `tail` of the probability lies."""
        distance = np.linalg.norm(self.atoms, axis=1)
        order = np.argsort(distance)
        inside = np.searchsorted(np.cumsum(self.weights[order]), 1 - tail)
        return float(distance[order][min(int(inside), len(order) - 1)])

    def kernel_between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Characteristic function of the differences of points (n, d) and (n2, d), (n, n2)."""
        (c, s), (c2, s2) = cos_sin_matrices(x, self.atoms), cos_sin_matrices(x2, self.atoms)
        return np.asarray((c * self.weights) @ c2.T + (s * self.weights) @ s2.T)

    def phase_rounding(self, extent: float) -> float:
        """Change of the kernel by rounding of points at most `extent` apart."""
        moved = _EPS * extent * np.linalg.norm(self.atoms, axis=1)
        return float(self.weights @ np.minimum(moved, 1.0))

    def features(self, extent: float) -> tuple[FloatArray, FloatArray]:
        """Frequencies and weights of the cosine expansion of the kernel."""
        return self.atoms, self.weights

    def quadrature(self, extent: float, radius: float) -> tuple[FloatArray, FloatArray]:
        """Nodes on the half-line and weights that include the density."""
        if self.dim != 1:
            raise ValueError(f"a quadrature on the half-line needs dim=1, not dim={self.dim}")
        return np.abs(self.atoms[:, 0]), self.weights
