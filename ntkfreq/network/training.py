"""Train a Fourier-feature network by gradient descent and record what the theory predicts."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ntkfreq import _checks
from ntkfreq._types import FloatArray
from ntkfreq.frequency_grid import default_frequencies
from ntkfreq.network import backends, inputs, report
from ntkfreq.network.backends import NetworkState
from ntkfreq.network.checkpoint import fingerprint
from ntkfreq.network.descent import Path, Problem, descend
from ntkfreq.network.fourier_features import FourierFeatureNet
from ntkfreq.network.history import TrainHistory, TrainStats
from ntkfreq.network.inputs import TrainingData
from ntkfreq.network.schedule import record_steps
from ntkfreq.spectrum import error_spectrum


def train(
    net: FourierFeatureNet,
    x: Any,
    y: Any,
    *,
    step_size: float,
    steps: int,
    optimizer: str = "gd",
    weight_decay: float = 0.0,
    frequency_decay: float = 0.0,
    decay_towards: str = "zero",
    freeze_frequencies: bool = False,
    batch_size: int | None = None,
    test: tuple[Any, Any] | None = None,
    frequencies: Any = None,
    record: Any = 64,
    backend: str = "auto",
    dtype: str = "float64",
    rng: int | np.random.Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> TrainHistory:
    r"""Train all parameters by gradient descent on the halved mean squared error.

    .. math:: L = \tfrac{1}{2N} \sum_i (f(x_i) - y_i)^2, \qquad
              \theta \leftarrow \theta - \eta\,(\nabla L + \gamma\, \theta),

    with :math:`\gamma_a` on a and b, :math:`\gamma_w` on w; training time is
    :math:`t = \eta \cdot` step.

    Parameters
    ----------
    net : FourierFeatureNet
        Network to start from; it stays as it is.
    x : array_like, shape (N,) for d = 1, else (N, d)
        Training points.
    y : array_like, shape (N,)
        Values there.
    step_size : float
        Step size :math:`\eta`.
    steps : int
        Number of steps.
    optimizer : {"gd"}
        Plain gradient descent.
    weight_decay, frequency_decay : float
        Rates :math:`\gamma_a`, :math:`\gamma_w` per unit of training time.
    decay_towards : {"zero", "start"}
        Whether w decays to zero or to its initial values; a and b always decay to zero.
    freeze_frequencies : bool
        Train a and b only.
    batch_size : None
        Every step sees all points.
    test : (x_test, y_test), optional
        Test points and values.
    frequencies : array_like, shape (F,) or (F, d), optional
        Angular frequencies of the recorded spectra. Default: a grid that resolves the extent of
        the data and reaches to where 99 % of the network's frequencies and the initial error lie.
    record : int or array_like of int
        Number of records, evenly in log(1 + step), or the steps to record.
    backend : {"auto", "reference", "direct"}
        Engine; "auto" takes NumPy for small problems, else Numba.
    dtype : {"float64"}
        Precision of the steps.
    rng : None, int or numpy Generator
        Source of randomness of optimizers that need one; gradient descent does not.
    checkpoint : path-like, optional
        File that is written every 10 s and at the end; the same call resumes from it with
        bit-identical results.
    progress : bool
        Show a progress bar.

    Returns
    -------
    TrainHistory
        Also when training diverges: then up to the last record before, with a `status` that
        names the stable step size, and a RuntimeWarning.

    Raises
    ------
    TypeError, ValueError
        On bad input, and on a checkpoint that is truncated or belongs to another run.

    References
    ----------
    Gradient descent in the setting of arXiv 2405.14957; decay as in arXiv 2210.01117.

    Examples
    --------
    >>> from ntkfreq.density import Normal
    >>> net = FourierFeatureNet.sample(Normal(scale=4.0), 500, zero_output=True, rng=0)
    >>> x = np.linspace(-1, 1, 20)
    >>> run = train(net, x, np.sin(5 * x), step_size=0.5, steps=200)
    >>> run.status, float(run.t[-1]), bool(run.train_loss[-1] < 0.02 * run.train_loss[0])
    ('completed 200 steps', 100.0, True)
    """
    inputs.refuse_unavailable(optimizer, batch_size, dtype)
    _checks.generator("rng", rng)
    net, data = inputs.checked_data(net, x, y, test)
    descent = inputs.checked_descent(
        step_size, weight_decay, frequency_decay, decay_towards, freeze_frequencies
    )
    steps = _checks.integer("steps", steps, 1)
    records = record_steps(record, steps)
    chosen, reason = inputs.checked_backend(backend, net, data.x, steps)
    grid = None if frequencies is None else inputs.checked_frequencies(frequencies, net.dim)
    pairs = data.y.size * net.width
    started = time.perf_counter()
    engine = backends.load(chosen)
    engine.warm_up(pairs)
    compile_seconds = time.perf_counter() - started
    deciding = {
        "optimizer": optimizer,
        **asdict(descent),
        "decay_towards": decay_towards,
        "steps": steps,
        "batch_size": batch_size,
        "dtype": dtype,
        "backend": chosen,
        **report.versions(),
    }
    arrays = {"w": net.w, "a": net.a, "b": net.b, "records": records, "frequencies": grid}
    mark = fingerprint(arrays | asdict(data), deciding)

    anchor = net.w.copy() if decay_towards == "start" else np.zeros_like(net.w)
    output = engine.evaluate(net.w, net.a, net.b, data.x)
    state = NetworkState(net.w.copy(), net.a.copy(), net.b.copy(), anchor, output)
    path = descend(
        Problem(data.x, data.y, data.x_test, descent, records, mark, checkpoint, progress),
        state,
        engine,
    )
    status = report.status(net, data, descent, path, engine)
    if path.diverged_loss is not None:
        warnings.warn(status, RuntimeWarning, stacklevel=2)
    if grid is None:
        reach = float(np.quantile(np.linalg.norm(net.w, axis=1), 0.99))
        grid = default_frequencies(data.x, path.train_output[0] - data.y, reach)
    taken = path.step - path.resumed_from
    stats = TrainStats(
        backend=chosen,
        backend_reason=reason,
        threads=engine.threads(pairs),
        steps_taken=taken,
        resumed_from=path.resumed_from,
        seconds=path.seconds,
        compile_seconds=compile_seconds,
        pairs_per_second=pairs * taken / path.seconds if taken else 0.0,
    )
    settings = deciding | {
        "threads": stats.threads,
        "record": record,
        "rng": rng if rng is None or isinstance(rng, int) else repr(rng),
        "checkpoint": None if checkpoint is None else str(checkpoint),
    }
    settings |= report.description(net, data)
    return _history(net, data, path, grid, settings, stats, status)


def _history(
    net: FourierFeatureNet,
    data: TrainingData,
    path: Path,
    frequencies: FloatArray,
    settings: dict[str, Any],
    stats: TrainStats,
    status: str,
) -> TrainHistory:
    step = np.array(path.recorded, dtype=np.int64)
    train_error = np.array(path.train_output) - data.y
    test, test_loss, spectrum, output = None, None, None, np.array(path.train_output)
    if data.x_test is not None and data.y_test is not None:
        output = np.array(path.test_output)
        test_error = output - data.y_test
        test = (_as_given(data.x_test), data.y_test)
        test_loss = np.mean(test_error**2, axis=1)
        spectrum = error_spectrum(data.x_test, test_error, frequencies)
    w, a, b = path.kept
    return TrainHistory(
        step=step,
        t=settings["step_size"] * step,
        train_loss=np.mean(train_error**2, axis=1),
        test_loss=test_loss,
        data_spectrum=error_spectrum(data.x, train_error, frequencies),
        spectrum=spectrum,
        output=output,
        train_output=np.array(path.train_output),
        x=_as_given(data.x),
        y=data.y,
        test=test,
        frequencies=frequencies,
        net=replace(net, w=w, a=a, b=b),
        initial_net=net,
        settings=settings,
        stats=stats,
        status=status,
    )


def _as_given(points: FloatArray) -> FloatArray:
    return points[:, 0] if points.shape[1] == 1 else points
