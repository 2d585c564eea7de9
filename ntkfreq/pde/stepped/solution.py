"""A prediction step by step: losses, spectra, outputs and learning times at its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq._support.types import ArrayLike, FloatArray, IntArray, PointsLike
from ntkfreq.pde.judging.testset import Tested, TestSet
from ntkfreq.pde.solution.outcome import refuse_overflow
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.stepped.finite_width import FiniteWidth, drawn_networks
from ntkfreq.pde.stepped.following import asked, followed
from ntkfreq.pde.stepped.training import StepwiseTraining
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.functions import evaluate
from ntkfreq.problem.optimizers import Optimizer
from ntkfreq.recursion.predicted import PredictedPath
from ntkfreq.spectra.band_window import BandReader
from ntkfreq.spectra.bands import checked_fraction, first_passage, pick_spectrum
from ntkfreq.spectra.spectrum import fourier_sum


@dataclass(frozen=True, eq=False)
class SteppedSolution(FrequencySolution):
    r"""Output of an infinitely wide network under a rule that is followed step by step.

    Under rules such as Adam the error obeys no equation that is linear in it: bands are read off
    the whole error, as those of a training run.

    Attributes
    ----------
    step : ndarray of int, shape (T,)
        Recorded steps; `t` is step size times step, with a schedule the sum of the step sizes.
    training : StepwiseTraining
        Rule, step size, width and batches.
    path : PredictedPath
        The records, from which the output follows anywhere.
    rtol : float
        Error aimed at, as a root mean square over steps and samples relative to that of y.
    status : str
        Starts with "converged" or "tolerance not met"; says up to which step outputs are meant.
    stats : dict
        method, nodes, engine, estimated_error, edge_step, largest_sharpness, diverged,
        clipped_steps (None without clip), seconds.
    """

    step: IntArray
    training: StepwiseTraining = field(repr=False)
    path: PredictedPath = field(repr=False)

    bands_quick: ClassVar[bool] = True

    @classmethod
    def evaluate(
        cls,
        equation: FrequencyEquation,
        training: StepwiseTraining,
        path: PredictedPath,
        test: Tested,
        frequencies: FloatArray,
        rtol: float,
        status: str,
        stats: dict[str, Any],
    ) -> SteppedSolution:
        """Evaluate a path at frequencies; users call the solver."""
        grid = frequencies.reshape(-1, equation.dim)
        spectrum, test_loss, errors = None, None, path.errors
        data_spectrum = fourier_sum(path.x, errors * path.weights, grid)
        if test.on_data:
            spectrum, test_loss = data_spectrum, path.loss
        elif test.points is not None:
            where = test.points
            off = path.outputs(where.x) - where.y
            spectrum = fourier_sum(where.x, off * where.weights, grid)
            test_loss = off**2 @ where.weights
        refuse_overflow(data_spectrum, spectrum, test_loss)
        return cls(
            equation=equation,
            t=training.times(path.steps),
            frequencies=frequencies,
            data_spectrum=data_spectrum,
            spectrum=spectrum,
            train_loss=path.loss,
            test_loss=test_loss,
            step_size=training.step_size,
            max_step_size=np.nan,
            rtol=rtol,
            status=status,
            stats=stats,
            _test=test,
            step=path.steps,
            training=training,
            path=path,
        )

    @guarded
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
    ) -> SteppedSolution:
        """The same prediction at other steps or frequencies.

        Steps that were not recorded are followed again, on the same nodes.

        Parameters
        ----------
        t : array_like, shape (T,), optional
            New times, multiples of the step size.
        frequencies : array_like, shape (F,) or (F, d), optional
            New angular frequencies.
        steps : int or array_like of int, optional
            The last step, or those to record, instead of `t`.
        step_size, momentum, nesterov, optimizer : optional
            Of gradient descent, whose steps its solution knows in closed form.

        Raises
        ------
        ValueError
            For times that are no whole steps, and for another rule.
        """
        rules = (momentum, nesterov, optimizer)
        if step_size != "as solved" or any(rule is not None for rule in rules):
            raise ValueError(
                "step_size, momentum, nesterov and optimizer cannot be changed in a prediction "
                "that was followed step by step; call solve_frequency_pde again"
            )
        grid, path = self.frequencies, self.path
        if frequencies is not None:
            grid = checks.points("frequencies", frequencies, self.equation.dim)
            grid = grid[:, 0] if self.equation.dim == 1 else grid
        if t is not None or steps is not None:
            wanted = self.training.recorded(t, steps)
            found = path if np.isin(wanted, path.steps).all() else self._followed(wanted)
            path = asked(found, wanted)
        return SteppedSolution.evaluate(
            self.equation,
            self.training,
            path,
            self._test,
            grid,
            self.rtol,
            self.status,
            self.stats,
        )

    def _followed(self, steps: IntArray) -> PredictedPath:
        return followed(self.equation, self.training, self.path.nodes, steps)

    @guarded
    def output(self, x: PointsLike) -> FloatArray:
        """Network output f(x, t) at points of shape (n,) or (n, d); shape (T, n)."""
        points = checks.points("x", x, self.equation.dim, self.equation.axis)
        same = points.shape == self.path.x.shape and np.array_equal(points, self.path.x)
        return self.path.output if same else self.path.outputs(points)

    def learning_time(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> float:
        """See :meth:`FrequencySolution.learning_time`; of the whole error, see the class."""
        return self._passage(self.t, band, fraction, spectrum, units)

    def learning_step(
        self,
        band: tuple[float, float],
        fraction: float = 0.5,
        *,
        spectrum: str = "auto",
        units: str = "rad",
    ) -> float:
        """The same as :meth:`learning_time` in steps."""
        steps = self.step.astype(np.float64)
        return self._passage(steps, band, fraction, spectrum, units)

    @guarded
    def finite_width(
        self,
        width: int | None = None,
        *,
        hidden: int | None = None,
        draws: int = 20,
        zero_output: bool | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> FiniteWidth:
        """See :meth:`FrequencySolution.finite_width`."""
        own = self.training.width
        if hidden is not None or width not in (None, own):
            raise ValueError(
                f"width={checks.show(width)}, hidden={checks.show(hidden)}: steps of this rule "
                f"depend on the width, {own} here, and hidden layers are not followed; solve with "
                "another width, and leave both out"
            )
        starts_at_zero = not self.path.first.any()
        paired = checks.flag("zero_output", starts_at_zero if zero_output is None else zero_output)
        known, which = self._networks, (draws, seed, paired)
        if which not in known:
            known[which] = drawn_networks(self, draws, seed, paired, progress)
        return known[which]

    @cached_property
    def _networks(self) -> dict[tuple[int, int, bool], FiniteWidth]:
        """Networks that were drawn, by number and seed: bands are asked for one after the other."""
        return {}

    def _passage(
        self, clock: FloatArray, band: Any, fraction: float, which: str, units: str
    ) -> float:
        chosen = pick_spectrum(self.spectrum, self.data_spectrum, which)
        return self.passage(clock, band, fraction, chosen is not self.data_spectrum, units)

    def passage(
        self,
        clock: FloatArray,
        band: Any,
        fraction: float,
        on_test: bool,
        units: str,
        errors: FloatArray | None = None,
    ) -> float:
        """When a band of the error, or of other errors from the same start, is at a share."""
        band = self.axis.band(checks.interval("band", band), units)
        rms = self.band_curve(band, on_test, errors)
        return first_passage(clock, rms, checked_fraction(fraction, self.t) * rms[0])

    def band_curve(
        self, band: tuple[float, float], on_test: bool, errors: FloatArray | None = None
    ) -> FloatArray:
        """RMS of the error over a band at the records, (T,)."""
        reader, own = self._on_test if on_test else self._on_data
        return reader.curve(own if errors is None else errors, band)

    @property
    def test_points(self) -> TestSet | None:
        """Points between the samples at which the prediction is judged; None without any."""
        return self._test.points

    def band_shares(self, bands: Sequence[tuple[float, float]]) -> FloatArray:
        """Remaining share of each band (T, B) for figures; NaN where it cannot be read."""
        columns = []
        for band in bands:
            try:
                rms = self.band_curve(band, self._test.points is not None)
                columns.append(rms / rms[0])
            except ValueError:
                columns.append(np.full(len(self.t), np.nan))
        return np.stack(columns, axis=1)

    @cached_property
    def _on_data(self) -> tuple[BandReader, FloatArray]:
        path = self.path
        return self._reader(path.x, path.first - path.y), path.errors

    @cached_property
    def _on_test(self) -> tuple[BandReader, FloatArray]:
        where = self._test.points
        if where is None:
            return self._on_data
        path, start = self.path, -where.y
        if path.initial is not None:
            start = start + evaluate("initial", path.initial, where.x)
        beside = path.x, path.first - path.y
        return self._reader(where.x, start, beside), path.outputs(where.x) - where.y

    def _reader(self, x: FloatArray, start: FloatArray, beside: Any = None) -> BandReader:
        grid = self.frequencies.reshape(-1, self.equation.dim)
        return BandReader(x, start, grid, self.axis.frequency_unit, beside)

    def settings(self) -> dict[str, Any]:
        """What determined the prediction, as JSON values."""
        problem, training = self.equation, self.training
        return {
            "kind": "prediction",
            "density": repr(problem.density),
            "measure": repr(problem.measure),
            "sigma_a": problem.sigma_a,
            "optimizer": repr(training.optimizer),
            "step_size": training.step_size,
            "width": training.width,
            "parametrization": training.parametrization,
            "batch_size": training.batch_size,
            "order": training.order if isinstance(training.order, str) else "given",
            "weight_decay": problem.weight_decay,
            "frequency_decay": problem.frequency_decay,
            "rtol": self.rtol,
        }
