"""The problem: density, target, measure and training settings, checked once and together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray, Function
from ntkfreq.decay import Decay
from ntkfreq.density import Density, as_density
from ntkfreq.functions import evaluate, find_support
from ntkfreq.measure import Box, Grid, Line, Measure, Points
from ntkfreq.target import Target, as_target

_ELSEWHERE = "use measure=Box(lower, upper) or measure=Points(x)"


@dataclass(frozen=True, eq=False)
class FrequencyEquation:
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
        Where the data sit.
    sigma_a : float
        Standard deviation of the output weights; 0 freezes the frequencies.
    initial_output : callable or None
        f_0; None is zero.
    weight_decay, frequency_decay : float
        Decay rates of the output weights and of the frequencies.
    decay_towards : {"zero", "start"}
        What the frequencies decay towards.

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

    @classmethod
    def create(
        cls,
        rho_w: Any,
        target: Any,
        *,
        measure: Any = None,
        sigma_a: float = 1.0,
        initial_output: Any = None,
        weight_decay: float = 0.0,
        frequency_decay: float = 0.0,
        decay_towards: str = "zero",
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
            measure = Line() if goal.samples is None else Points(goal.samples[0])
        if not isinstance(measure, Line | Box | Grid | Points):
            raise TypeError(
                f"measure={_checks.show(measure)} must be Line(), Box(lower, upper), "
                "Grid(spacing) or Points(x)"
            )
        if initial_output is not None and not callable(initial_output):
            raise TypeError(
                f"initial_output={_checks.show(initial_output)} must be None or a function f_0(x), "
                "for instance a FourierFeatureNet"
            )
        _check_dimensions(density, goal, measure)
        if isinstance(measure, Line | Grid):
            goal = _decaying(density, goal, measure)
            initial_output = _decaying_start(initial_output, goal, measure)
        return cls(
            density,
            goal,
            measure,
            _checks.non_negative("sigma_a", sigma_a),
            initial_output,
            _checks.non_negative("weight_decay", weight_decay),
            _checks.non_negative("frequency_decay", frequency_decay),
            _checks.choice("decay_towards", decay_towards, ("zero", "start")),
        )

    @property
    def dim(self) -> int:
        """Dimension of input and frequency."""
        return self.density.dim

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
        return left * np.stack([self.initial_output_at(c * x) for c in self.decay.contraction(t)])

    def initial_error_at(self, x: FloatArray) -> FloatArray:
        """Initial error f_0 - y at (n, d) points."""
        return self.initial_output_at(x) - self.target.at(x)

    @cached_property
    def decay(self) -> Decay:
        """The decay rates and what follows from them."""
        return Decay(self.weight_decay, self.frequency_decay, self.decay_towards)

    @cached_property
    def start(self) -> Target | None:
        """Initial output as a target of its own, with a support where it has one."""
        if self.initial_output is None:
            return None
        support = find_support(self.initial_output) if self.dim == 1 else None
        return Target(
            lambda x: self.initial_output_at(np.asarray(x).reshape(-1, self.dim)), support
        )

    @cached_property
    def initial_error(self) -> Target:
        """Initial error f_0 - y as a target of its own, with a support where both have one."""
        support = self.target.support
        if self.start is not None and support is not None:
            first = self.start.support
            support = first and (min(support[0], first[0]), max(support[1], first[1]))
        return Target(
            lambda x: self.initial_error_at(np.asarray(x).reshape(-1, self.dim)),
            support,
            self.target.kinks + (self.target.support or ()),
        )


def _check_dimensions(density: Density, target: Target, measure: Measure) -> None:
    if isinstance(measure, Box | Points) and measure.dim != density.dim:
        raise ValueError(
            f"measure has dimension {measure.dim} and rho_w dimension {density.dim}; they must "
            f"agree: give the density dim={measure.dim}"
        )
    if target.samples is not None and target.samples[0].shape[1] != density.dim:
        raise ValueError(
            f"target has samples of dimension {target.samples[0].shape[1]} and rho_w dimension "
            f"{density.dim}; give the density dim={target.samples[0].shape[1]}"
        )
    if isinstance(measure, Points) and target.samples is not None:
        if np.array_equal(measure.x, target.samples[0]):
            return
        raise ValueError(
            f"measure has {len(measure.x)} points that differ from the samples of the target; "
            "leave measure out, or give the target as a function"
        )
    if target.samples is not None and isinstance(measure, Box) and measure.dim == 1:
        x = target.samples[0]
        if len(x) < 4:
            raise ValueError(
                f"target has {len(x)} sample(s); a Box needs at least 4, to draw the cubic spline "
                "through them: leave measure out, or give the target as a function"
            )
        if measure.lower[0] < x.min() or measure.upper[0] > x.max():
            raise ValueError(
                f"measure={measure} reaches beyond the samples of the target, "
                f"[{x.min():g}, {x.max():g}]; shrink the box or give the target as a function"
            )


def _decaying(density: Density, target: Target, measure: Measure) -> Target:
    """The target with a known support, or a refusal: on Line and Grid it must decay."""
    name = type(measure).__name__
    if not density.has_pdf:
        raise ValueError(
            f"rho_w={type(density).__name__} is a set of atoms, which {name} does not admit; "
            f"{_ELSEWHERE}, or pass the density the atoms were drawn from"
        )
    if density.dim > 1:
        raise ValueError(
            f"measure={name}() is solved for dim=1 in this version, not dim={density.dim}; "
            "use measure=Points(x), which takes any dimension"
        )
    if target.support is not None:
        return target
    if target.samples is not None:
        x, y = target.samples
        ends = max(abs(y[x[:, 0].argmin()]), abs(y[x[:, 0].argmax()]))
        raise ValueError(
            f"target has samples that end at {ends:.3g}: they do not decay, so they have no "
            f"transform on {name}; taper them to zero, or {_ELSEWHERE}"
        )
    support = find_support(target.function)
    if support is None:
        raise ValueError(
            f"target does not decay within |x| < 16384, so it has no transform on {name}; "
            f"{_ELSEWHERE}, or give Target.from_function(f, support=(a, b))"
        )
    return Target(target.function, support, target.kinks)


def _decaying_start(first: Any, target: Target, measure: Measure) -> Any:
    """An initial output that decays, or None where it is zero to rounding."""
    if first is None or target.support is None:
        return first
    x = np.linspace(*target.support, 513)[:, None]
    # A network of mirrored pairs starts at zero up to the rounding of its sums.
    if np.abs(evaluate("initial_output", first, x)).max() <= 1e-13 * np.abs(target.at(x)).max():
        return None
    if find_support(first) is None:
        raise ValueError(
            "initial_output does not decay, so it has no transform on "
            f"{type(measure).__name__}; {_ELSEWHERE}, or start from zero (zero_output=True for "
            "a network)"
        )
    return first
