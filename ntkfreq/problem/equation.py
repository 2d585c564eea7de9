"""The problem: density, target, measure and training settings, checked once and together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.display import Described
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import FloatArray, Function
from ntkfreq.problem.admission import admitted, as_start, found_sides
from ntkfreq.problem.decay import Decay
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.functions import evaluate
from ntkfreq.problem.given import DensityLike, TargetLike
from ntkfreq.problem.layers.hidden import HiddenLayers
from ntkfreq.problem.layers.pair import TwoDensities, refuse_infinite
from ntkfreq.problem.measure import Measure, is_measure
from ntkfreq.problem.target import Target, as_target, zero_outside
from ntkfreq.problem.target.functions import AtPoints
from ntkfreq.problem.target.radial import difference

# Coordinates of points at which a user's function is evaluated at once.
_MOST_NUMBERS = 100_000


@dataclass(frozen=True, eq=False)
class FrequencyEquation(Portable, Described):
    r"""The damped heat equation for the error spectrum, with all that determines it.

    .. math:: \partial_t \hat e = (2\pi)^d\left[\sigma_a^2 \nabla\cdot(\rho_w \nabla \hat v)
              - \rho_w \hat v\right], \qquad v = e\,\mu, \quad e = f - y

    Build it with :meth:`create`, which coerces and checks its arguments.

    Attributes
    ----------
    density : Density
        Density of the initial frequencies.
    target : Target
        What is learned.
    measure : Line, Box, Grid or Points
        Where the data lie.
    sigma_a : float
        Standard deviation of the output weights; 0 freezes the frequencies.
    initial_output : callable or None
        f_0; None is zero.
    weight_decay, frequency_decay : float
        Decay rates of the output weights and of the frequencies.
    readout_decay : float
        That of the output weights behind hidden layers, which do not decay.
    decay_towards : {"zero", "start"}
        What the frequencies decay towards.
    layers : HiddenLayers or None
        Hidden layers behind the Fourier features, of infinite width; None without any.
    drop_constant : bool or None
        Whether the constant that hidden layers learn besides is left out, on Line and Grid.

    References
    ----------
    Molina, Petrache, Sahli Costabal, Courdurier, arXiv 2405.14957.
    """

    density: Density
    target: Target
    measure: Measure
    sigma_a: float = 1.0
    initial_output: Function | None = None
    weight_decay: float = 0.0
    frequency_decay: float = 0.0
    decay_towards: str = "zero"
    layers: HiddenLayers | None = None
    drop_constant: bool | None = None
    readout_decay: float = 0.0

    _functions: ClassVar = MappingProxyType(
        {"initial_output": "give the network itself, or a Target"}
    )

    @classmethod
    def create(
        cls,
        rho_w: DensityLike,
        target: TargetLike,
        *,
        measure: Measure | None = None,
        sigma_a: float = 1.0,
        initial_output: Function | None = None,
        weight_decay: float = 0.0,
        frequency_decay: float = 0.0,
        decay_towards: str = "zero",
        layers: HiddenLayers | None = None,
        drop_constant: bool | None = None,
        readout_decay: float = 0.0,
    ) -> FrequencyEquation:
        """Coerce and check; see :func:`ntkfreq.solve_frequency_pde` for the parameters.

        Examples
        --------
        >>> from ntkfreq import Normal
        >>> problem = FrequencyEquation.create(Normal(scale=3.0), ([0.0, 1.0], [1.0, 2.0]))
        >>> type(problem.measure).__name__, problem.sigma_a
        ('Points', 1.0)
        """
        density = as_density(rho_w)
        goal = as_target(target)
        if measure is None:
            measure = goal.natural_measure
        if not is_measure(measure):
            raise TypeError(
                f"measure={checks.show(measure)} must be Line(), Box(lower, upper), "
                "Grid(spacing) or Points(x)"
            )
        if initial_output is not None and not callable(initial_output):
            raise TypeError(
                f"initial_output={checks.show(initial_output)} must be None or a function f_0(x), "
                "for instance a FourierFeatureNet"
            )
        measure = goal.counted(measure)
        goal, initial_output = admitted(density, goal, initial_output, measure)
        equation = cls(
            density,
            goal,
            measure,
            checks.non_negative("sigma_a", sigma_a),
            initial_output,
            checks.non_negative("weight_decay", weight_decay),
            checks.non_negative("frequency_decay", frequency_decay),
            checks.choice("decay_towards", decay_towards, ("zero", "start")),
            layers,
            None if drop_constant is None else checks.flag("drop_constant", drop_constant),
            checks.non_negative("readout_decay", readout_decay),
        )
        if layers is not None:
            equation._refuse_with_layers(layers)
        elif equation.drop_constant:
            raise ValueError(
                "drop_constant=True without hidden layers, which alone learn a constant with a "
                "strength of its own; give depth, or leave it out"
            )
        elif equation.readout_decay > 0:
            raise ValueError(
                f"readout_decay={equation.readout_decay:g} is for hidden layers; without them the "
                "output weights are all that weight_decay acts on: give "
                f"weight_decay={equation.readout_decay:g}"
            )
        return equation

    def _refuse_with_layers(self, layers: HiddenLayers) -> None:
        """Refuse what hidden layers do not allow."""
        if self.weight_decay > 0 or self.frequency_decay > 0:
            raise ValueError(
                f"weight_decay={self.weight_decay:g}, frequency_decay={self.frequency_decay:g} "
                f"with depth={layers.depth}: the output is not linear in the hidden weights, so "
                "that what decay does to it follows from no equation for the error; let the output "
                "weights alone decay by readout_decay, leave decay out, or train networks"
            )
        if self.readout_decay > 0 and type(self.measure).__name__ != "Points":
            raise ValueError(
                f"readout_decay={self.readout_decay:g} on {self.measure!r}: decay of the output "
                "weights behind hidden layers is solved on samples; give samples (x, y), or "
                "measure=Points(x)"
            )
        if self.measure.infinite:
            refuse_infinite(self.density, layers, self.measure, self.drop_constant)
        elif self.drop_constant:
            raise ValueError(
                f"drop_constant=True on {self.measure!r}: data of finite extent learn the constant "
                "like everything else, and there is nothing to drop; leave it out"
            )

    @property
    def frozen(self) -> bool:
        """Whether the frequencies do not move."""
        return self.sigma_a == 0 if self.layers is None else self.layers.masses[1] == 0

    @property
    def kernel_error(self) -> float:
        """Estimated relative error of what hidden layers make of the kernel."""
        return 0.0 if self.layers is None else self.layers.error

    @cached_property
    def densities(self) -> TwoDensities:
        """The densities of damping and of diffusion, with their masses."""
        return TwoDensities.of(
            self.density, self.layers, self.sigma_a, keep=self.drop_constant is False
        )

    def _facts(self) -> dict[str, str]:
        """All fields; what speaks of hidden layers only where there are some."""
        facts = dict(super()._facts())
        if self.layers is None:
            for name in ("layers", "readout_decay", "drop_constant"):
                del facts[name]
        else:
            for name in ("weight_decay", "frequency_decay", "decay_towards"):
                del facts[name]
        return facts

    @property
    def dim(self) -> int:
        """Dimension of input and frequency."""
        return self.density.dim

    @property
    def axis(self) -> Axis:
        """What the numbers of x mean: days where the data were given at dates."""
        return self.measure.axis or self.target.axis

    def initial_output_at(self, x: FloatArray) -> FloatArray:
        """Initial output f_0 at (n, d) points."""
        if self.initial_output is None:
            return np.zeros(len(x))
        return evaluate("initial_output", self.initial_output, x)

    def free_output(self, t: FloatArray, x: FloatArray) -> FloatArray:
        r"""Free output, :math:`e^{-\gamma_a t} f_0(e^{-\gamma_w t} x)`, if nothing were learned."""
        if self.initial_output is None:
            return np.zeros((len(t), len(x)))
        left = self.decay.damping(t)[:, None]
        if not self.decay.contracts:
            return np.asarray(left * self.initial_output_at(x))
        # All times at once: a network takes as long for a few points as for a few thousand.
        moved = self.decay.contraction(t)[:, None, None] * x
        parts = np.array_split(moved, min(len(t), -(-moved.size // _MOST_NUMBERS)))
        values = [self.initial_output_at(part.reshape(-1, x.shape[1])) for part in parts]
        return np.asarray(left * np.concatenate(values).reshape(len(t), len(x)))

    def initial_error_at(self, x: FloatArray) -> FloatArray:
        """Initial error f_0 - y at (n, d) points."""
        return self.initial_output_at(x) - self.target.at(x)

    @property
    def support(self) -> tuple[Any, ...] | None:
        """On Line and Grid the support of the target, as given or as found; else None.

        An interval, a rectangle, or the ball within a radius, given as (0, radius).
        """
        return self.target.extent(self.dim) if self.measure.infinite else None

    @cached_property
    def decay(self) -> Decay:
        """The decay rates and what follows from them."""
        weight = self.readout_decay if self.layers is not None else self.weight_decay
        return Decay(weight, self.frequency_decay, self.decay_towards)

    @cached_property
    def start(self) -> Target | None:
        """Initial output as a target of its own, with a support where it has one."""
        known = as_start(self.initial_output)
        if known is None or (known.radial and self.dim > 1):
            return known
        sides = known.sides(self.dim)
        if sides is None and self.measure.infinite:
            sides = found_sides(self.initial_output, self.dim, "target")
        return zero_outside(AtPoints(self.initial_output_at, self.dim), sides, ())

    @cached_property
    def radial(self) -> bool:
        """Whether target, initial output and density depend on distances from 0 alone."""
        if not self.measure.reduces_radial or self.dim == 1 or not self.target.radial:
            return False
        return (self.start is None or self.start.radial) and self.density.isotropic

    @cached_property
    def initial_error(self) -> Target:
        """Initial error f_0 - y as a target of its own, with a support where both have one."""
        goal, start = self.target, self.start
        if self.radial:
            return difference(start, goal)
        sides = goal.sides(self.dim)
        ends = sides[0] if sides is not None and self.dim == 1 else ()
        if start is not None and sides is not None:
            other = start.sides(self.dim)
            sides = other and tuple(map(_union, sides, other))
        function = AtPoints(self.initial_error_at, self.dim)
        return zero_outside(function, sides, goal.kinks + tuple(ends))


def _union(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The smallest interval that holds two."""
    return min(one[0], other[0]), max(one[1], other[1])
