r"""The line law: what a rule that normalizes gradients does to each frequency by itself.

On a line much longer than the parts of the target, with frozen frequencies, the error spectrum
obeys

.. math:: \hat e \leftarrow \hat e - \eta_0 (2\pi)^d \rho_w(\xi)\,
          \bigl(D[\mathrm{Re}\,\hat e] + i D[\mathrm{Im}\,\hat e]\bigr),

D being the rule's direction of the history of each part. Gradient descent has D[c] = c and a time
of one over the density; Adam and sign descent have D of order one, and a number of steps of
**amplitude over density**,

.. math:: a = |\mathrm{Re}\,\hat e_0| / (\eta_0 (2\pi)^d\rho_w).

Half of a part is learned after about 0.55 a steps under Adam, a/2 under sign descent. Real and
imaginary part fall apart, so that the phase of a tone and the origin of x count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, brief, span
from ntkfreq._support.guard import guarded
from ntkfreq._support.portable import Portable
from ntkfreq._support.sizes import refuse_work
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.density import Density, as_density
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.given import DensityLike, TargetLike
from ntkfreq.problem.measure import Line
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.problem.target import Target, as_target
from ntkfreq.recursion.rules import (
    LINEAR,
    MEAN_KEPT,
    MEAN_TAKEN,
    MOMENTUM,
    OF_GRADIENT,
    OF_MEAN,
    READOUT_EPSILON,
    READOUT_KEPT,
    READOUT_RATE,
    ROOT,
    ROOT_FACTOR,
    SQUARE_KEPT,
    Contraction,
    closed_rule,
    step_rows,
)
from ntkfreq.spectra.spectrum import fourier_sum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Frequencies of a default grid, and steps whose coefficients are made at once.
_COUNT, _CHUNK = 128, 512
# Operations whose time a step takes, however few frequencies there are.
_A_STEP = 3e5
# Parts below this share of the largest have nothing to learn.
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class LearningSteps(Portable, Described):
    """Steps after which a share of each frequency's error is left; made by `learning_steps`.

    Attributes
    ----------
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies, radians per unit of x.
    steps : ndarray, shape (F,)
        Of the modulus of the error; inf where it is not reached, NaN where there is no error.
    real, imaginary : ndarray, shape (F,)
        Of its real and of its imaginary part by itself.
    amplitude : ndarray, shape (F,), complex
        Initial error spectrum.
    density : ndarray, shape (F,)
        Density of the initial frequencies.
    fraction : float
        The share.
    rule : str
        The update rule.
    """

    frequencies: FloatArray
    steps: FloatArray
    real: FloatArray
    imaginary: FloatArray
    amplitude: ComplexArray = field(repr=False)
    density: FloatArray = field(repr=False)
    fraction: float
    rule: str

    def _facts(self) -> dict[str, str]:
        finite = self.steps[np.isfinite(self.steps)]
        return {
            "rule": self.rule,
            "frequencies": span(self.frequencies),
            "steps": span(np.sort(finite)) if len(finite) else "none",
            "fraction": brief(self.fraction),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Steps against frequency, one dimension.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ntkfreq.plotting.frames import single

        axes = single(ax, (5.2, 3.6))
        size = np.linalg.norm(self.frequencies.reshape(len(self.steps), -1), axis=1)
        shown = np.isfinite(self.steps)
        axes.plot(size[shown], self.steps[shown], ".-", label=self.rule)
        axes.set(
            xlabel="frequency (rad per unit of x)",
            ylabel=f"steps until {self.fraction:g} is left",
            yscale="log",
        )
        axes.legend()
        return axes


@guarded
def learning_steps(
    target: TargetLike,
    rho_w: DensityLike,
    *,
    optimizer: str | Optimizer,
    step_size: float,
    width: int | None = None,
    parametrization: str = "ntk",
    frequencies: ArrayLike | None = None,
    fraction: float = 0.5,
    most: int = 100_000,
) -> LearningSteps:
    r"""Steps in which each frequency is learned, in closed form but for a scalar recursion.

    A first answer in milliseconds. It holds on a line much longer than the parts of the target
    (within 1 % at fifteen times their length) with frozen frequencies; on an interval side lobes of
    strong parts change the order of weak ones, and trained frequencies spread what is learned:
    :func:`ntkfreq.solve_frequency_pde` with the same `optimizer` follows all of that.

    Parameters
    ----------
    target : Target, callable or (x, y)
        What is learned; of samples the spectrum is that of their sum, times the volume they fill.
    rho_w : Density or what :func:`ntkfreq.as_density` accepts
        Density of the initial frequencies, with a pdf.
    optimizer : str or Optimizer
        Update rule, as for :func:`ntkfreq.train`.
    step_size : float
        Learning rate.
    width : int, optional
        Hidden units; needed by rules that normalize gradients.
    parametrization : {"ntk", "standard"}
        As for :func:`ntkfreq.train`.
    frequencies : array_like, shape (F,) or (F, d), optional
        Angular frequencies. Default: 128 up to where 1 % of the density is left, one dimension.
    fraction : float, default 0.5
        Share of the error that is left.
    most : int, default 100000
        Steps that are tried.

    Returns
    -------
    LearningSteps

    Raises
    ------
    ValueError, TypeError
        For a density without pdf, a rule without a closed recursion or with clip, a missing width.

    Examples
    --------
    >>> from ntkfreq import Adam, Normal
    >>> def y(x):
    ...     return np.exp(-x**2 / 2) * (np.cos(2 * x) + 0.1 * np.cos(8 * x))
    >>> found = learning_steps(
    ...     y, Normal(scale=4.0), optimizer=Adam(), step_size=1e-3, width=1024, frequencies=[2, 8]
    ... )
    >>> bool(found.steps[1] < found.steps[0])  # the weak tone first, though its density is less
    True
    """
    density = as_density(rho_w)
    if not density.has_pdf:
        raise ValueError(
            f"rho_w={checks.show(density)} has no pdf, and the line law divides by it; use "
            "solve_frequency_pde with the same optimizer on samples"
        )
    goal = as_target(target)
    grid = _grid(density, frequencies)
    training = StepwiseTraining.create(
        optimizer, step_size, width, parametrization, (0.0, 0.0), None, "shuffled", 0
    )
    if training.optimizer.clip is not None:
        raise ValueError(
            f"optimizer clips gradients at clip={training.optimizer.clip:g}, by their norm over "
            "all frequencies, and none is then learned by itself; leave clip out, or use "
            "solve_frequency_pde with the same optimizer on samples"
        )
    fraction = checks.positive("fraction", fraction)
    if fraction >= 1:
        raise ValueError(f"fraction={fraction:g} must lie between 0 and 1")
    most = checks.integer("most", most, 1)
    refuse_work(f"most={most}", _A_STEP * most, "give fewer steps, or a larger step_size")
    start = -_spectrum(goal, density, grid)
    pdf = np.asarray(density.even_values(grid), dtype=np.float64)
    found = _passages(training, start, (2 * np.pi) ** density.dim * pdf, fraction, most)
    return LearningSteps(
        frequencies=grid[:, 0] if density.dim == 1 else grid,
        steps=found[0],
        real=found[1],
        imaginary=found[2],
        amplitude=start,
        density=pdf,
        fraction=fraction,
        rule=type(training.optimizer).__name__,
    )


def _grid(density: Density, frequencies: Any) -> FloatArray:
    if frequencies is not None:
        return checks.points("frequencies", frequencies, density.dim)
    if density.dim > 1:
        raise ValueError("frequencies must be given in more than one dimension, shape (F, d)")
    return np.linspace(0.0, density.radius(0.01), _COUNT)[:, None]


def _spectrum(goal: Target, density: Density, grid: FloatArray) -> ComplexArray:
    if goal.samples is None:
        if density.dim > 1:
            raise ValueError(
                f"target is a function in {density.dim} dimensions; give samples (x, y) of it"
            )
        decaying = FrequencyEquation.create(density, goal, measure=Line()).target
        return np.asarray(decaying.resolved.transform(grid[:, 0]))
    x, y = goal.samples
    sides = np.ptp(x, axis=0)
    if not sides.all():
        raise ValueError(
            f"target has {len(x)} sample(s) x without extent in {int((sides == 0).sum())} of "
            f"{len(sides)} dimension(s), so that they fill no volume, which the line law needs; "
            "use solve_frequency_pde with the same optimizer"
        )
    # Samples stand for cells: those at both ends reach beyond them.
    spread = len(x) ** (1 / x.shape[1])
    volume = float(np.prod(sides * spread / max(spread - 1, 1)))
    return fourier_sum(x, y * (volume / len(x)), grid)


def _passages(
    training: StepwiseTraining, start: ComplexArray, gain: FloatArray, fraction: float, most: int
) -> FloatArray:
    """Steps (3, F) to a share of modulus, real and imaginary part."""
    rule, contraction = closed_rule(training.optimizer), Contraction()
    c = np.stack([start.real, start.imag])
    first = np.stack([np.abs(start), *np.abs(c)])
    before, found = first.copy(), np.full(first.shape, np.inf)
    empty = first <= _NOTHING * max(float(first[0].max()), 1e-300)
    found[empty] = np.nan
    c[empty[1:]] = 0.0
    mean, square, moved = (np.zeros_like(c) for _ in range(3))
    rows = np.zeros((0, 0))
    for step in range(most):
        place = step % _CHUNK
        if place == 0:
            rows = step_rows(training.optimizer, training.rates, step, _CHUNK, contraction)
        row = rows[place]
        mean = row[MEAN_KEPT] * mean + row[MEAN_TAKEN] * c
        taken = row[OF_GRADIENT] * c + row[OF_MEAN] * mean
        if rule.kind == ROOT:
            square = row[SQUARE_KEPT] * square + (1 - row[SQUARE_KEPT]) * c**2
            root = row[ROOT_FACTOR] * np.sqrt(square) + row[READOUT_EPSILON]
            taken = np.divide(taken, root, out=np.zeros_like(c), where=root > 0)
        elif rule.kind != LINEAR:
            taken = np.sign(mean)
        moved = row[MOMENTUM] * moved + taken
        c = row[READOUT_KEPT] * c - row[READOUT_RATE] * gain * moved
        size = np.stack([np.hypot(*c), *np.abs(c)])
        level = fraction * first
        passed = np.isinf(found) & (size <= level)
        if passed.any():
            share = (before[passed] - level[passed]) / (before[passed] - size[passed])
            found[passed] = step + share
            if not np.isinf(found).any():
                break
        before = size
    return found
