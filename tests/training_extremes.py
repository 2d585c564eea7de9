"""Runs at the ends of double precision, in a process that a fault may end.

``python tests/training_extremes.py BACKEND`` prints one line of JSON a case: its name, how it ended
("refused", "diverged" or "completed"), the message or status, and the last loss.
"""

import faulthandler
import json
import sys
import warnings

import numpy as np

from ntkfreq import FourierFeatureNet, Normal, train
from ntkfreq.problem.optimizers import Adam, GradientDescent, HeavyBall
from ntkfreq.problem.step_schedules import Exponential

X = np.linspace(-1, 1, 12)
NET = FourierFeatureNet.sample(Normal(scale=5.0), 32, rng=0)


def plane(dim):
    """Points and a network in several dimensions."""
    x = np.random.default_rng(0).uniform(-1, 1, (12, dim))
    return x, FourierFeatureNet.sample(Normal(scale=5.0, dim=dim), 32, rng=0)


def by_hand(w=None, a=None):
    """The network with some of its arrays replaced."""
    return FourierFeatureNet(NET.w if w is None else w, NET.a if a is None else a, NET.b)


def cases():
    """Arguments that differ from those of a common run, by name."""
    found = {
        "plain": {},
        "frequencies that grow": {"step_size": 30.0},
        "decay 30": {"frequency_decay": 30.0},
        "decay 300": {"frequency_decay": 300.0},
        "decay 1e50": {"frequency_decay": 1e50},
        "decay 1e300": {"frequency_decay": 1e300},
        "weights decay 1e50": {"weight_decay": 1e50},
        "frequencies that vanish": {"frequency_decay": 9.0},
        "weights that vanish": {"weight_decay": 9.0, "y": 0 * X, "frequency_decay": 9.0},
        "adam 1e4": {"optimizer": "adam", "step_size": 1e4},
        "adam 1e30": {"optimizer": "adam", "step_size": 1e30},
        "adam 1e300": {"optimizer": "adam", "step_size": 1e300},
        "step 1e50": {"step_size": 1e50},
        "clipped 1e30": {"optimizer": GradientDescent(clip=1.0), "step_size": 1e30},
        "clipped targets": {"optimizer": GradientDescent(clip=1.0), "y": 1e90 * X},
        "heavy ball": {"optimizer": HeavyBall(0.9), "step_size": 1e4},
        "batches": {"step_size": 1e3, "batch_size": 5, "rng": 0},
        "steps that grow": {"optimizer": GradientDescent(schedule=Exponential(10.0))},
        "frozen": {"step_size": 1e20, "freeze_frequencies": True},
        "targets 1e90": {"y": 1e90 * X},
        "targets 1e90 by adam": {"y": 1e90 * X, "optimizer": Adam()},
        "targets 1e100": {"y": 1e100 * X},
        "targets 1e-90": {"y": 1e-90 * X},
        "x 5e-324": {"x": 5e-324 * X},
        "x 1e-310": {"x": 1e-310 * X},
        "x 1e-50": {"x": 1e-50 * X},
        "x 1e50": {"x": 1e50 * X},
        "x 1e200": {"x": 1e200 * X},
        "x at 1e9": {"x": 1.6e9 + X},
        "x at 1e8": {"x": 1e8 + X, "step_size": 1e-18},
        "all points equal": {"x": 0 * X + 0.3},
        "all points 0": {"x": 0 * X},
        "points apart by rounding": {"x": 1 + 2.3e-16 * np.arange(12)},
        "one point": {"x": X[:1], "y": X[:1]},
        "one unit": {"net": FourierFeatureNet([5.0], [1.0], [1.0])},
        "frequencies 0": {"net": by_hand(w=0 * NET.w)},
        "frequencies 1e-50": {"net": by_hand(w=1e-50 * NET.w / NET.w.max())},
        "frequencies 1e9": {"net": by_hand(w=1e9 * NET.w / NET.w.max())},
        "frequencies 1e8": {"net": by_hand(w=1e8 * NET.w / NET.w.max()), "step_size": 1e-3},
        "one frequency 1e8": {"net": by_hand(w=np.where(NET.w == NET.w.max(), 1e8, NET.w))},
        "weights 1e90": {"net": by_hand(a=1e90 * NET.a), "step_size": 1e-50},
        "x 1e20 and weights 1e90": {"net": by_hand(1e-20 * NET.w, 1e90 * NET.a), "x": 1e20 * X},
    }
    for dim in (2, 3):
        x, net = plane(dim)
        found[f"{dim} dimensions"] = {"x": x, "net": net}
        found[f"{dim} dimensions, growing"] = {"x": x, "net": net, "step_size": 300.0}
        found[f"{dim} dimensions, decay 30"] = {"x": x, "net": net, "frequency_decay": 30.0}
        found[f"{dim} dimensions, on a line"] = {"x": x * np.eye(dim)[0], "net": net}
    return found


def outcome(backend, changes):
    """How a run ends, what it says, and its last loss."""
    arguments = {"net": NET, "x": X, "y": np.sin(3 * X), "step_size": 0.1, "steps": 400}
    arguments |= {"backend": backend, "record": 9} | changes
    net, x, y = (arguments.pop(name) for name in ("net", "x", "y"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "diverged by step")
            run = train(net, x, y, **arguments)
    except ValueError as error:
        return "refused", str(error), None
    for name, value in vars(run).items():
        if isinstance(value, np.ndarray) and not np.isfinite(value).all():
            return "fault", f"{name} is not finite", None
    return run.status.split()[0], run.status, float(run.train_loss[-1])


if __name__ == "__main__":
    faulthandler.enable()
    for name, changes in cases().items():
        print(json.dumps([name, *outcome(sys.argv[1], changes)]), flush=True)
