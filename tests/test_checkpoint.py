"""Checkpoints: resumed bit for bit, refused when foreign or truncated, never half written."""

import numpy as np
import pytest

from ntkfreq.network import FourierFeatureNet, checkpoint, train
from ntkfreq.problem.density import Normal
from ntkfreq.problem.optimizers import AdamW, HeavyBall, RMSProp, SignDescent
from ntkfreq.problem.step_schedules import Cosine, Warmup

X = np.linspace(-1, 1, 20)
Y = np.sin(5 * X)
NET = FourierFeatureNet.sample(Normal(scale=5.0), 600, rng=0)
ARRAYS = (
    "step",
    "t",
    "train_loss",
    "test_loss",
    "data_spectrum",
    "spectrum",
    "output",
    "train_output",
    "weight_norm",
    "frequency_norm",
    "weight_distance",
    "frequency_distance",
    "kernel_drift",
    "frequencies",
)


def run(**changes):
    settings = {"step_size": 0.5, "steps": 650, "record": 9, "test": (X[:5] + 0.01, Y[:5])}
    return train(NET, X, changes.pop("y", Y), **(settings | changes))


class KilledError(Exception):
    pass


def kill_after(monkeypatch, writes):
    """Die right after some writes."""
    original, count = checkpoint.write, [0]

    def write(*arguments):
        original(*arguments)
        count[0] += 1
        if count[0] == writes:
            raise KilledError

    monkeypatch.setattr(checkpoint, "write", write)


@pytest.mark.parametrize("backend", ["reference", "direct", "nufft", "torch"])
@pytest.mark.parametrize("writes", [1, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"frequency_decay": 0.01, "decay_towards": "start"},
        {"optimizer": AdamW(schedule=Warmup(300, Cosine(300))), "weight_decay": 0.1},
        {"optimizer": HeavyBall(clip=0.05), "batch_size": 7, "rng": 5},
        {"optimizer": RMSProp(momentum=0.5), "step_size": 0.001},
        {"optimizer": SignDescent(0.9), "step_size": 0.001, "weight_decay": 0.1},
    ],
)
def test_killed_run_resumes_bit_for_bit(tmp_path, monkeypatch, backend, writes, settings):
    path = tmp_path / "run.npz"
    settings = {"step_size": 0.05, "threads": 1} | settings
    whole = run(backend=backend, **settings)
    with monkeypatch.context() as patch:
        kill_after(patch, writes)
        with pytest.raises(KilledError):
            run(backend=backend, checkpoint=path, checkpoint_seconds=0, **settings)
    resumed = run(backend=backend, checkpoint=path, **settings)
    assert 0 < resumed.stats["resumed_from"] < 650
    assert resumed.stats["steps_taken"] == 650 - resumed.stats["resumed_from"]
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    for name in ("w", "a", "b"):
        np.testing.assert_array_equal(getattr(resumed.net, name), getattr(whole.net, name))
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_finished_run_is_returned_from_its_checkpoint(tmp_path):
    path = tmp_path / "new" / "run.npz"
    first = run(checkpoint=path)
    again = run(checkpoint=path)
    assert first.stats["resumed_from"] == 0
    assert again.stats["resumed_from"] == 650
    assert again.stats["steps_taken"] == 0
    assert again.stats["pairs_per_second"] == 0
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    assert first.settings["checkpoint"] == str(path)


def test_diverged_run_resumes_to_the_same_divergence(tmp_path):
    path = tmp_path / "run.npz"
    histories = []
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="diverged"):
            histories.append(
                run(
                    step_size=400.0,
                    steps=649,
                    record=range(650),
                    checkpoint=path,
                    checkpoint_seconds=0,
                )
            )
    assert histories[1].stats["resumed_from"] > 0
    assert histories[0].status == histories[1].status
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(histories[0], name), getattr(histories[1], name))


@pytest.mark.parametrize(
    "changes",
    [
        {"step_size": 0.4},
        {"steps": 651},
        {"record": 8},
        {"weight_decay": 0.1},
        {"frequency_decay": 0.1},
        {"decay_towards": "start"},
        {"freeze_frequencies": True},
        {"y": Y + 1e-15},
        {"test": None},
        {"test": (X[:5] + 0.02, Y[:5])},
        {"frequencies": [1.0, 2.0]},
        {"backend": "direct"},
        {"optimizer": "heavy_ball"},
        {"batch_size": 5, "rng": 0},
        {"kernel_probe": 3},
        {"backend": "torch", "dtype": "float32"},
    ],
)
def test_checkpoint_of_another_run_is_refused_and_left_alone(tmp_path, changes):
    path, settings = tmp_path / "run.npz", {"backend": "reference"}
    run(checkpoint=path, **settings)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint=.*belongs to a run with other data"):
        run(checkpoint=path, **(settings | changes))
    assert path.read_bytes() == before


def test_checkpoint_of_another_network_or_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    run(checkpoint=path)
    other = FourierFeatureNet.sample(Normal(scale=5.0), 600, rng=1)
    with pytest.raises(ValueError, match="belongs to a run with other"):
        train(other, X, Y, step_size=0.5, steps=650, record=9, checkpoint=path)
    monkeypatch.setattr("ntkfreq.network.report.__version__", "0.0.1")
    with pytest.raises(ValueError, match="belongs to a run with other"):
        run(checkpoint=path)


@pytest.mark.parametrize(
    "damage", ["truncated", "empty", "flipped", "text", "npy", "npz", "pickle"]
)
def test_damaged_or_foreign_file_is_refused_and_left_alone(tmp_path, damage):
    path = tmp_path / "run.npz"
    run(checkpoint=path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
            "text": b"not a checkpoint",
        }.get(damage, b"")
    )
    with path.open("wb" if damage in ("npy", "npz", "pickle") else "ab") as file:
        if damage == "npy":
            np.save(file, X)
        elif damage == "npz":
            np.savez(file, x=X)
        elif damage == "pickle":
            np.savez(file, fingerprint=np.array([{}], dtype=object))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint=.*truncated or no checkpoint of train"):
        run(checkpoint=path)
    assert path.read_bytes() == before


def test_interrupted_write_leaves_the_old_file_and_no_scratch(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    checkpoint.write(path, "mark", {"step": np.int64(1)})

    def dies(file, **arrays):
        file.write(b"half")
        raise KilledError

    monkeypatch.setattr(checkpoint.np, "savez", dies)
    with pytest.raises(KilledError):
        checkpoint.write(path, "mark", {"step": np.int64(2)})
    arrays = checkpoint.read(path, "mark")
    assert int(arrays["step"]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]
