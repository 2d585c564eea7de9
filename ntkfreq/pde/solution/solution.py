"""A solution: spectra, losses, outputs, learning times."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.portable import Portable
from ntkfreq._support.types import ArrayLike, ComplexArray, FloatArray, PointsLike
from ntkfreq.pde.judging.testset import Tested
from ntkfreq.pde.solution.intervals import NetworkIntervals
from ntkfreq.pde.solution.views import SolutionViews
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points, is_measure
from ntkfreq.problem.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class FrequencySolution(Portable, SolutionViews):
    r"""Solution of the frequency-space equation at given times and frequencies.

    Attributes
    ----------
    equation : FrequencyEquation
        The problem solved.
    t : ndarray, shape (T,)
        Times.
    frequencies : ndarray, shape (F,) or (F, d)
        Angular frequencies, radians per unit of x.
    data_spectrum : ndarray, shape (T, F), complex
        :math:`\hat v = \int e\,e^{-i\xi\cdot x}\,d\mu`, the error seen by the data.
    spectrum : ndarray, shape (T, F), complex, or None
        The same integral against the test measure; None where y is unknown there.
    train_loss : ndarray, shape (T,)
        :math:`\int e^2 d\mu`: a mean square on Box and Points, an integral on Line,
        :math:`\Delta^d\sum e^2` over the samples on Grid.
    test_loss : ndarray, shape (T,), or None
        The same against the test measure.
    step_size : float or None
        None for gradient flow.
    max_step_size : float
        Largest stable step on Points and Box: 2 over the largest rate for gradient descent (and
        flow), 2 (1 + momentum) over it for heavy ball, that over 1 + 2 momentum for Nesterov. On
        Line and Grid rates grow without bound away from x = 0 and this is about the modes that the
        data excite: training on samples is stable below the value for Points at these samples. NaN
        for rules that are followed step by step.
    rtol : float
        Tolerance asked for.
    status : str
        Starts with "converged", "tolerance not met" or "limited by rounding", then the reason.
    stats : dict
        method, unknowns, estimated_error, fastest_rate, factorizations, time_steps (under decay),
        seconds, setup_seconds and solve_seconds; mesh or basis where there is one; on Line and Grid
        support, outside which the target was found or said to vanish.
    """

    equation: FrequencyEquation
    t: FloatArray
    frequencies: FloatArray
    data_spectrum: ComplexArray
    spectrum: ComplexArray | None
    train_loss: FloatArray
    test_loss: FloatArray | None
    step_size: float | None
    max_step_size: float
    rtol: float
    status: str
    stats: dict[str, Any]
    _test: Tested = field(repr=False)

    @abc.abstractmethod
    def at(
        self,
        t: ArrayLike | None = None,
        frequencies: ArrayLike | None = None,
        step_size: float | str | None = "as solved",
        momentum: float | None = None,
        nesterov: bool | None = None,
        optimizer: str | Optimizer | None = None,
        *,
        steps: ArrayLike | None = None,
    ) -> FrequencySolution:
        """The same solution at other times, steps or frequencies, or under another linear rule."""

    @abc.abstractmethod
    def output(self, x: PointsLike) -> FloatArray:
        """Network output f(x, t) at points of shape (n,) or (n, d); shape (T, n)."""

    @guarded
    def error(self, x: PointsLike) -> FloatArray:
        """Error f(x, t) - y(x) at points where the target is known; shape (T, n).

        Raises
        ------
        ValueError
            Off the samples, for a target known at samples on Points.
        """
        points = checks.points("x", x, self.equation.dim, self.equation.axis)
        target = self.equation.target
        if is_measure(self.equation.measure, Points):
            target = target.at_samples_only()
        return self.output(points) - target.at(points)

    @abc.abstractmethod
    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> float:
        r"""First time the error that a band held at the start falls to `fraction`.

        The RMS over the band of the spectrum of the band's *own part*, which is split off the
        initial error and followed by itself, as the equation is linear
        (``ntkfreq.pde.solution.own_part``): neither a constant nor a strong tone changes the time.

        Parameters
        ----------
        band : (low, high)
            Band of :math:`|\xi|`, in `units`.
        fraction : float, default 0.5
            Between 0 and 1.
        spectrum : {"auto", "data", "test"}
            Which spectrum: "auto" is that of the test measure where there is one.
        units : {"rad", "cycles", "Hz"}
            Of the band: radians or cycles per unit of x (per day where x is dates), or per second.

        Returns
        -------
        float
            The time (log-interpolated); inf if the level is not reached within `t`.

        Raises
        ------
        ValueError
            For a band without frequencies or with nothing of its own, or t not starting at 0.

        Examples
        --------
        >>> import numpy as np
        >>> from ntkfreq import Normal, solve_frequency_pde
        >>> x, t = np.linspace(-1, 1, 121), np.append(0.0, np.geomspace(1, 1e4, 90))
        >>> for offset in (0.0, 280.0):
        ...     y = offset + 0.5 * np.cos(30 * np.pi * x)
        ...     solution = solve_frequency_pde(Normal(scale=40), (x, y), sigma_a=0.5, t=t)
        ...     print(round(solution.learning_time((91, 97))))
        329
        329
        """

    @abc.abstractmethod
    def finite_width(
        self,
        width: int | None = None,
        *,
        hidden: int | None = None,
        draws: int = 20,
        zero_output: bool | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> NetworkIntervals:
        r"""What single networks of a width do: intervals for times, losses and outputs.

        Networks are drawn and followed: what they differ by falls with the width like
        :math:`m^{-1/2}`. Of gradient descent and momentum the same problem is solved by the kernel
        of each at its start, on Points, without decay, for as many layers as were solved for. Of
        rules that are followed step by step the units of each are followed, at most 512 of them,
        in about the time of 10 000 nodes.

        Parameters
        ----------
        width : int, optional
            Number m of frequencies, which a prediction step by step knows.
        hidden : int, optional
            Units of each hidden layer; default `width`.
        draws : int, default 20
            Networks that are drawn.
        zero_output : bool, optional
            Whether units come in pairs, as with ``sample(..., zero_output=True)``: half as many
            of them. Default: where the initial output is zero.
        seed : int, default 0
            Of the draws.
        progress : bool, default False
            Show a progress bar.

        Returns
        -------
        DrawnKernels or FiniteWidth

        Raises
        ------
        ValueError
            Of an equation off samples, under decay, beyond 2000 points, and for activations
            without a name; step by step for predictions of one network, ``initial=net``, and for
            another width.

        Examples
        --------
        >>> import numpy as np
        >>> from ntkfreq import Adam, Normal, solve_frequency_pde
        >>> x = np.linspace(-1, 1, 16)
        >>> deep = solve_frequency_pde(
        ...     Normal(scale=4.0), (x, np.sin(3 * x)), depth=2, activation="tanh")
        >>> low, predicted, high = deep.finite_width(256).learning_time((2.0, 4.0))
        >>> low < predicted < high < 2.5 * low
        True
        >>> solution = solve_frequency_pde(
        ...     Normal(scale=4.0), (x, np.sin(3 * x)), optimizer=Adam(), step_size=1e-3, width=256,
        ...     steps=100)
        >>> low, predicted, high = solution.finite_width().learning_step((2.0, 4.0))
        >>> low < predicted < high < 1.3 * low
        True
        """

    @property
    @abc.abstractmethod
    def bands_quick(self) -> bool:
        """Whether shares of bands take less than another solve each."""

    @abc.abstractmethod
    def band_shares(self, bands: Sequence[tuple[float, float]]) -> FloatArray:
        """Remaining share of each band (T, B) for figures; NaN where it cannot be read."""
