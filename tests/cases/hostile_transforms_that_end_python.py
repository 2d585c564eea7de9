"""Training by fast transforms where frequencies or x.w become huge: Python died or hung."""

from __future__ import annotations

import warnings

import numpy as np

from ntkfreq import FourierFeatureNet, Normal, train

from .verdict import REFUSED, RIGHT, WRONG, Case, Verdict

CASE = Case(
    source="found by trying extreme inputs; no report",
    kind="death of the process, hangs",
    right="a history of finite losses whose status says where it stopped, or a refusal by name",
)

X = np.linspace(-1, 1, 12)
NET = FourierFeatureNet.sample(Normal(scale=5.0), 32, rng=0)
MEMBERS = {
    "frequency decay of 30": {"frequency_decay": 30.0},
    "frequency decay of 300": {"frequency_decay": 300.0},
    "frequency decay of 1e300": {"frequency_decay": 1e300},
    "x of 5e-324": {"factor": 5e-324},
    "x of 1e-310": {"factor": 1e-310},
    "x of 1e200": {"factor": 1e200},
    "Adam with steps of 1e4": {"optimizer": "adam", "step_size": 1e4},
    "Adam with steps of 1e300": {"optimizer": "adam", "step_size": 1e300},
    "growing frequencies, step size 3": {"step_size": 3.0},
    "growing frequencies, step size 30": {"step_size": 30.0},
    "growing frequencies, step size 300": {"step_size": 300.0},
}


def outcome(backend, factor=1.0, **options):
    """Finite numbers with a status, or a refusal."""
    options = {"step_size": 0.1, "steps": 400, **options}
    with warnings.catch_warnings():
        # A diverging run warns; this is its way to say so.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "diverged|stopped", RuntimeWarning)
        try:
            history = train(NET, factor * X, np.sin(3 * X), backend=backend, **options)
        except (ValueError, TypeError) as error:
            named = any(name in str(error) for name in (*options, "x "))
            return Verdict(REFUSED if named else WRONG, str(error)[:110])
        except Exception as error:
            return Verdict(WRONG, f"{type(error).__name__}: {str(error)[:90]}")
    finite = np.all(np.isfinite(history.train_loss)) and history.train_loss.size > 0
    return Verdict(RIGHT if finite and history.status else WRONG, history.status[:110])


def add(label, backend, options):
    @CASE.attempt(f"{backend}: {label}", gigabytes=4, seconds=30)
    def call():
        return outcome(backend, **options)

    return call


for label, options in MEMBERS.items():
    add(label, "nufft", options)
for backend in ("direct", "reference"):
    add("frequency decay of 300", backend, MEMBERS["frequency decay of 300"])
    add("growing frequencies, step size 30", backend, MEMBERS["growing frequencies, step size 30"])
