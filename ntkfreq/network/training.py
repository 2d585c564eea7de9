"""Train a network and record what the theory predicts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import ArrayLike, IntArray, PointsLike
from ntkfreq.network import inputs, report
from ntkfreq.network.batch_order import checked_order
from ntkfreq.network.checkpoint import fingerprint, held
from ntkfreq.network.descent import Problem, descend
from ntkfreq.network.engine import engine_for
from ntkfreq.network.history import TrainHistory
from ntkfreq.network.record_steps import record_steps
from ntkfreq.network.recording import Recorder, probe_points
from ntkfreq.network.run import TrainingRun, start_state
from ntkfreq.network.run_size import refuse_large_run
from ntkfreq.problem.given import Pair, pair_of
from ntkfreq.problem.optimizers import Optimizer


def train(
    net: inputs.Network,
    x: PointsLike | Pair,
    y: ArrayLike | None = None,
    *,
    step_size: float,
    steps: int,
    optimizer: str | Optimizer = "gd",
    parametrization: str = "ntk",
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    readout_decay: float = 0.0,
    decay_towards: str = "zero",
    freeze_frequencies: bool = False,
    batch_size: int | None = None,
    order: str | ArrayLike = "shuffled",
    test: Pair | None = None,
    frequencies: ArrayLike | None = None,
    record: int | Sequence[int] | IntArray = 64,
    backend: str = "auto",
    dtype: str = "float64",
    rng: int | np.random.Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 10.0,
    progress: bool = False,
    device: str | None = None,
    tolerance: float = 1e-9,
    threads: int | None = None,
    kernel_probe: int = 8,
) -> TrainHistory:
    r"""Train all parameters on the halved mean squared error and record what the theory predicts.

    .. math:: L = \tfrac{1}{2N} \sum_i (f(x_i) - y_i)^2, \qquad
              \theta \leftarrow \theta - \eta\,(\nabla L + \gamma\, \theta)

    (gradient descent; other rules by `optimizer`), with :math:`\gamma_w` on w and
    :math:`\gamma_a` on everything else: a and b, in deep networks all weights and biases after
    the first layer; training time is :math:`t = \eta \cdot` step.

    Parameters
    ----------
    net : FourierFeatureNet or FourierFeatureMLP
        Network to start from; it stays as it is.
    x : array_like, shape (N,) for d = 1, else (N, d)
        Training points; or the pair (x, y).
    y : array_like, shape (N,)
        Values there.
    step_size : float
        Step size :math:`\eta`.
    steps : int
        Number of steps.
    optimizer : str or Optimizer
        Update rule, for instance ``Adam(beta2=0.98, clip=1.0, schedule=Warmup(100))``, or the name
        of one with its defaults:
        "gd", "heavy_ball", "nesterov", "adam" and "rmsprop" (decay enters the gradient), "adamw"
        and "sign" (decay apart).
    parametrization : {"ntk", "standard"}
        Whether the rule steps in the parameters of `net` or in those of the same network without
        factors such as :math:`m^{-1/2}`, as most PyTorch modules are written:
        :math:`f = \sum_j A_j \cos(w_j \cdot x) + B_j \sin(w_j \cdot x)`, :math:`a = \sqrt m A`,
        :math:`b = \sqrt m B`. Step size, decays, clip and epsilon are then those of the module. A
        step of gradient descent moves a and b by m, one of Adam by :math:`\sqrt m` times the
        step size, w by the step size as before. Networks, their norms and the kernel's drift are
        those of `net` in any case.
    weight_decay, frequency_decay : float
        Rates :math:`\gamma_a`, :math:`\gamma_w` per unit of training time.
    readout_decay : float
        Instead of `weight_decay` with hidden layers: the rate of the output weights alone.
    decay_towards : {"zero", "start"}
        Whether w decays to zero or to its initial values; the rest always decays to zero.
    freeze_frequencies : bool
        Train everything but w.
    batch_size : int, optional
        Points a step sees; default all.
    order : {"shuffled", "independent"} or array_like of int, shape (steps, B)
        Which points: shuffled anew in every epoch, the last batch of which takes what is left;
        drawn for each step by itself, none twice in a batch; or as given by their places in x,
        from 0. ``TrainHistory.batch`` tells them afterwards.
    test : (x_test, y_test), optional
        Test points and values.
    frequencies : array_like, shape (F,) or (F, d), optional
        Angular frequencies of the recorded spectra. Default: a grid that resolves the extent of
        the data and reaches to where 99 % of the network's frequencies and the initial error lie.
    record : int or array_like of int
        Number of records, evenly in log(1 + step), or the steps to record.
    backend : {"auto", "reference", "direct", "nufft", "torch"}
        Engine; "auto" takes the fastest by measured costs, that of loading what this process has
        not loaded yet included, and says why in `stats`. A deep network trains on "torch" only.
    dtype : {"float64", "float32"}
        Precision of the steps; single precision on "torch" only.
    rng : None, int or numpy Generator
        Source of the batches; without batches, or with given ones, nothing is drawn. An int is
        their seed, which ``settings["seed"]`` holds in any case.
    checkpoint : path-like, optional
        File that is written every `checkpoint_seconds` and at the end; the same call resumes from
        it with the results of an unbroken run: to the last bit on "reference", on "direct" at the
        same number of threads and on "nufft" with one, to rounding otherwise.
    checkpoint_seconds : float
        Seconds between two writes.
    progress : bool
        Show a progress bar.
    device : str, optional
        Where "torch" computes, for instance "cuda"; default the CPU.
    tolerance : float
        Relative error of the transforms of "nufft".
    threads : int, optional
        Largest number of threads; default all cores, or one where more would not pay.
    kernel_probe : int
        Number of training points on which the drift of the kernel is recorded; 0 for none.

    Returns
    -------
    TrainHistory
        Also when training diverges: then up to the last record before, with a `status` that
        names the stable step size, and a RuntimeWarning; and when the disk refuses a checkpoint,
        which `status` and a RuntimeWarning tell. A run ends as diverged, alike on all backends,
        once double precision does not hold the phases w.x any more (above 4e9).

    Raises
    ------
    TypeError, ValueError
        On bad input, on a run that does not fit into memory, and on a checkpoint that is damaged or
        belongs to another run.
    ImportError
        Where "torch" is needed and not installed.

    References
    ----------
    Gradient descent in the setting of arXiv 2405.14957; decay as in arXiv 2210.01117.

    Examples
    --------
    >>> from ntkfreq import FourierFeatureNet, Normal
    >>> net = FourierFeatureNet.sample(Normal(scale=4.0), 500, zero_output=True, rng=0)
    >>> x = np.linspace(-1, 1, 20)
    >>> run = train(net, x, np.sin(5 * x), step_size=0.5, steps=200)
    >>> run.status, float(run.t[-1]), bool(run.train_loss[-1] < 0.02 * run.train_loss[0])
    ('completed 200 steps', 100.0, True)
    """
    net, data = inputs.checked_data(net, *pair_of(x, y), test)
    steps = checks.integer("steps", steps, 1)
    descent = inputs.checked_descent(
        step_size,
        weight_decay,
        frequency_decay,
        readout_decay,
        freeze_frequencies,
        optimizer,
        checked_order(order, batch_size, data.y.size, steps),
        parametrization,
    )
    checks.choice("decay_towards", decay_towards, ("zero", "start"))
    inputs.refuse_readout_decay(net, descent)
    descent = replace(descent, seed=inputs.checked_seed(rng, descent, checkpoint))
    records = record_steps(record, steps)
    probe = probe_points(data.x, checks.integer("kernel_probe", kernel_probe, 0))
    grid = None if frequencies is None else inputs.checked_frequencies(frequencies, net.dim)
    pause = checks.non_negative("checkpoint_seconds", checkpoint_seconds)
    refuse_large_run(net, data, descent.optimizer.slots, records, grid, probe)
    given = {
        "record": record if np.ndim(record) == 0 else records.tolist(),
        "rng": int(rng) if isinstance(rng, Integral) else None if rng is None else repr(rng),
        "threads": threads,
        "checkpoint": None if checkpoint is None else str(checkpoint),
    }
    # What overflows ends the run with a sentence, not with a warning of NumPy's on the way.
    with held(checkpoint) as path, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        engine = engine_for(
            net,
            data.x,
            steps,
            backend=backend,
            dtype=dtype,
            device=device,
            tolerance=tolerance,
            threads=threads,
            x_test=data.x_test,
            records=len(records),
            probe=0 if probe is None else len(probe),
            # A run that resumes has to take the backend that it began with.
            repeatable=path is not None,
        )
        settings = report.deciding(
            descent, engine, decay_towards=decay_towards, steps=steps, kernel_probe=kernel_probe
        )
        theta = engine.rounded(net.packed(), x=data.x, y=data.y, x_test=data.x_test)
        mark = fingerprint(
            {"theta": theta, "records": records, "frequencies": grid, "order": descent.given}
            | data.arrays(),
            settings | {"architecture": net.architecture, "axis": repr(data.axis)},
        )
        problem = Problem(data.x, data.y, descent, records, mark, path, pause, progress)
        state = start_state(theta, net, data, engine, descent, decay_towards)
        first = state.first(descent)
        recorder = Recorder.start(engine.backend, data.x, data.x_test, probe, state, first)
        taken = descend(problem, state, engine.backend, recorder)
        status = report.status(theta, data, descent, taken, engine, first)
        settings |= given | report.description(net, data)
        history = TrainingRun(net, data, descent, taken, engine).history(
            grid, settings, decay_towards, status
        )
    if taken.diverged is not None or taken.unsaved is not None:
        warnings.warn(status, RuntimeWarning, stacklevel=2)
    return history
