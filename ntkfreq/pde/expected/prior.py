r"""The random initial output as a linear map of independent standard normals.

At infinite width f_0 is a Gaussian process of covariance :math:`\sigma_a^2 k(x - x')`, behind
hidden layers :math:`\sigma_a^2 S_L(k(x - x'))`; with features :math:`\Phi` of k or :math:`S_L(k)`
it is :math:`\sigma_a \Phi \zeta`. Its columns are the states that are propagated.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property, singledispatch
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import linalg

from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import readout_gram, stationary_gram
from ntkfreq.numerics.dense import MAX_ROWS
from ntkfreq.numerics.nystrom import Pivots, pivoted_cholesky
from ntkfreq.pde.box.contracting import ContractingBox
from ntkfreq.pde.box.system import BoxSystem
from ntkfreq.pde.expected.wave_prior import WavePrior
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.pde.points.contracting import ContractingPoints
from ntkfreq.pde.points.deep import DeepPoints
from ntkfreq.pde.points.in_frequency import FrequencyPoints
from ntkfreq.pde.points.system import PointsSystem
from ntkfreq.pde.time.system import Evolution
from ntkfreq.problem.layers import HiddenLayers

_RESIDUAL = 1e-12
_SMOOTH = 1e-9


class Prior(Protocol):
    """Draws of the initial output, as columns."""

    @property
    def system(self) -> Any:
        """The data."""
        ...

    @property
    def groups(self) -> tuple[Any, ...]:
        """Which unknowns each block holds."""
        ...

    @property
    def unrepresented(self) -> float:
        """Variance that the unknowns do not represent."""
        ...

    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, d), faded to time t, shape (n, r)."""
        ...

    def unknowns(self, t: float) -> FloatArray:
        """The same as unknowns of the system, shape (N, r)."""
        ...

    def tested(self, evolution: Evolution, points: TestSet) -> FloatArray:
        """Draws and minus the target, as rows whose inner products are those at test points."""
        ...

    @property
    def spans_outputs(self) -> bool:
        """Whether the draws are all of the initial output wherever outputs are asked for."""
        ...

    @property
    def variance(self) -> float:
        """That of the initial output at a point for sigma_a = 1."""
        ...

    def covariance(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """That of the initial output for sigma_a = 1, between points (n, d) and (m, d), (n, m)."""
        ...

    def refuse_outside(self, name: str, x: FloatArray) -> None:
        """Refuse points (n, d), an argument, where outputs are not known."""
        ...


class _AtTestPoints(Portable, abc.ABC):
    """A prior that is evaluated at the test points themselves."""

    system: Any
    spans_outputs: ClassVar[bool] = False

    @property
    def variance(self) -> float:
        """That of the initial output at a point for sigma_a = 1."""
        return 1.0

    def covariance(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """That of the initial output for sigma_a = 1, between points (n, d) and (m, d), (n, m)."""
        return stationary_gram(self.system.equation.density, x, x2)

    def refuse_outside(self, name: str, x: FloatArray) -> None:
        """Nothing is refused."""

    @abc.abstractmethod
    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, d), faded to time t, shape (n, r)."""

    def tested(self, evolution: Evolution, points: TestSet) -> FloatArray:
        """Draws and minus the target, as rows whose inner products are those at test points."""
        learned = self.system.output_change(evolution, points.x)
        learned[:-1] += self.output(float(evolution.t[0]), points.x).T
        learned[-1] -= points.y
        learned *= np.sqrt(points.weights)
        return np.asarray(learned)


@dataclass(frozen=True, eq=False)
class PointsPrior(_AtTestPoints):
    """Initial outputs at data and test points, by pivoted Cholesky on both.

    Parameters
    ----------
    system : PointsSystem or ContractingPoints
        The data.
    outputs : ndarray, shape (n, d), or None
        Test points.
    """

    system: PointsSystem | ContractingPoints
    outputs: FloatArray | None
    groups: ClassVar[tuple[Any, ...]] = (slice(None),)

    # Smooth kernels need few; rough ones, and points of many dimensions, as many as there are.
    most: ClassVar[int] = 2 * MAX_ROWS

    @cached_property
    def _pivots(self) -> tuple[FloatArray, Pivots]:
        marks = self.system.x
        if self.outputs is not None:
            marks = np.unique(np.concatenate([marks, self.outputs]), axis=0)
        found = pivoted_cholesky(
            np.full(len(marks), self.variance),
            lambda i: self.covariance(marks, marks[i : i + 1])[:, 0],
            _RESIDUAL * self.variance,
            self.most,
        )
        return marks[found.index], found

    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, d), faded to time t, shape (n, r)."""
        equation = self.system.equation
        moment = np.array(t)
        size = equation.sigma_a * float(equation.decay.damping(moment))
        if not equation.decay.contracts and x is self.outputs:
            return size * self._resting_outputs
        if not equation.decay.contracts and x is self.system.x:
            return size * self._resting_data
        return size * self._features(float(equation.decay.contraction(moment)) * x)

    def _features(self, x: FloatArray) -> FloatArray:
        pivots, found = self._pivots
        return found.features(self.covariance(x, pivots))

    # Features of points that do not move are computed once for all times.
    @cached_property
    def _resting_data(self) -> FloatArray:
        return self._features(self.system.x)

    @cached_property
    def _resting_outputs(self) -> FloatArray:
        assert self.outputs is not None
        return self._features(self.outputs)

    def unknowns(self, t: float) -> FloatArray:
        """The same as unknowns of the system, shape (N, r)."""
        return self.system.root[:, None] * self.output(t, self.system.x)

    @property
    def unrepresented(self) -> float:
        """Variance that the unknowns do not represent: none."""
        return 0.0


@dataclass(frozen=True, eq=False)
class DeepPrior(PointsPrior):
    """The same of a network with hidden layers."""

    system: DeepPoints

    @property
    def _layers(self) -> HiddenLayers:
        layers = self.system.equation.layers
        assert layers is not None
        return layers

    def covariance(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """That of the initial output for sigma_a = 1, between points (n, d) and (m, d), (n, m)."""
        return readout_gram(self.system.equation.density, x, x2, self._layers)

    @property
    def variance(self) -> float:
        """The covariance at equal points."""
        return float(self._layers.readout_values(1.0))


@dataclass(frozen=True, eq=False)
class MovingPointsPrior(PointsPrior):
    """The same for points that move through features of the kernel."""

    system: ContractingPoints
    spans_outputs: ClassVar[bool] = True

    @cached_property
    def _pivots(self) -> tuple[FloatArray, Pivots]:
        # The error of the last features is rounding over the root of their residual; as the data
        # move it would be noise that no step size resolves.
        points, found = self.system.stationary_pivots
        leading = found.leading(_SMOOTH)
        return points[: len(leading.index)], leading


@dataclass(frozen=True, eq=False)
class BoxPrior(_AtTestPoints):
    """Initial outputs on a box in Legendre polynomials."""

    system: BoxSystem

    @property
    def groups(self) -> tuple[Any, ...]:
        """Modes that couple."""
        return self.system.groups

    def refuse_outside(self, name: str, x: FloatArray) -> None:
        """Refuse points off the box, where the initial output is not represented."""
        low, high = self.system.interval
        if x.min() < low or x.max() > high:
            raise ValueError(
                f"{name} has points on [{x.min():g}, {x.max():g}], outside the box [{low:g}, "
                f"{high:g}]; means over initial outputs are known on the box: shrink {name}"
            )

    @cached_property
    def _factor(self) -> FloatArray:
        """Square root of the covariance of the Legendre coefficients, shape (modes, r)."""
        values, vectors = linalg.eigh(self.system.operators[0])
        kept = values > _RESIDUAL * max(values[-1], 1e-300)
        return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))

    def _size(self, t: float) -> float:
        equation = self.system.equation
        return equation.sigma_a * float(equation.decay.damping(np.array(t)))

    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, 1) of the box, faded to time t, shape (n, r)."""
        return self._size(t) * (self.system.polynomials(x[:, 0]) @ self._factor)

    def unknowns(self, t: float) -> FloatArray:
        """The same as Legendre coefficients, shape (modes, r)."""
        return self._size(t) * self._factor

    @cached_property
    def unrepresented(self) -> float:
        """Variance beyond the polynomials, a mean over the box."""
        total = float(np.sum(self.unknowns(0.0) ** 2))
        return max(self.system.equation.sigma_a**2 - total, 0.0)


@dataclass(frozen=True, eq=False)
class MovingBoxPrior(BoxPrior):
    """The same in features that move through the box."""

    system: ContractingBox
    spans_outputs: ClassVar[bool] = True
    groups: ClassVar[tuple[Any, ...]] = (slice(None),)

    def output(self, t: float, x: FloatArray) -> FloatArray:
        """Initial output at points (n, 1) of the box, faded to time t, shape (n, r)."""
        return self._size(t) * self.system.features(t, x)

    def unknowns(self, t: float) -> FloatArray:
        """The same as Legendre coefficients, shape (modes, r)."""
        return self._size(t) * self.system.stationary_features(t)


@singledispatch
def prior_of(system: Any, outputs: FloatArray | None) -> Prior:
    """Initial outputs of a system, at test points (n, d) as well."""
    raise NotImplementedError


@prior_of.register
def _(system: PointsSystem, outputs: FloatArray | None) -> Prior:
    return PointsPrior(system, outputs)


@prior_of.register
def _(system: DeepPoints, outputs: FloatArray | None) -> Prior:
    return DeepPrior(system, outputs)


@prior_of.register
def _(system: FrequencyPoints, outputs: FloatArray | None) -> Prior:
    return WavePrior(system, outputs)


@prior_of.register
def _(system: ContractingPoints, outputs: FloatArray | None) -> Prior:
    return MovingPointsPrior(system, outputs)


@prior_of.register
def _(system: BoxSystem, outputs: FloatArray | None) -> Prior:
    return _inside(BoxPrior(system), outputs)


@prior_of.register
def _(system: ContractingBox, outputs: FloatArray | None) -> Prior:
    return _inside(MovingBoxPrior(system), outputs)


def _inside(prior: BoxPrior, outputs: FloatArray | None) -> Prior:
    if outputs is not None:
        prior.refuse_outside("test", outputs)
    return prior
