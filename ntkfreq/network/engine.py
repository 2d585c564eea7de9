"""Which backend a run uses, with which options, and why."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.loaded import assuming
from ntkfreq._support.types import FloatArray
from ntkfreq.network import backends
from ntkfreq.network.backends import Backend, Work
from ntkfreq.network.backends.cost import PARALLEL_PRODUCTS, by_direct_sums, out_of_reach
from ntkfreq.network.backends.limits import refuse_for_single
from ntkfreq.network.backends.loading import without_collection
from ntkfreq.network.fourier_features import FourierFeatureNet


@dataclass(frozen=True)
class Precision:
    """What decides the numbers of an engine.

    Attributes
    ----------
    dtype : {"float64", "float32"}
        Numbers it computes in.
    device : str or None
        Where PyTorch computes; None for other engines.
    tolerance : float or None
        Of fast transforms; None for other engines.
    """

    dtype: str = "float64"
    device: str | None = None
    tolerance: float | None = None

    @property
    def outputs(self) -> float:
        """Relative error of the outputs of a network."""
        single = 1e-4 if self.dtype == "float32" else 0.0
        return max(1e-8, single, 10 * (self.tolerance or 0.0))


@dataclass(frozen=True)
class Engine:
    """A backend, ready to step.

    Attributes
    ----------
    backend : Backend
        The engine itself.
    name, reason : str
        Its name, and why it was taken.
    precision : Precision
        What decides its numbers.
    compile_seconds : float
        Wall time of compiling it, or of loading it compiled.
    """

    backend: Backend
    name: str
    reason: str
    precision: Precision
    compile_seconds: float

    def rounded(self, theta: FloatArray, **arrays: FloatArray | None) -> FloatArray:
        """Parameters as the engine sees them; refuses what single precision does not hold."""
        if self.precision.dtype == "float32":
            refuse_for_single(net=theta, **arrays)
        return theta.astype(self.precision.dtype).astype(np.float64)


def engine_for(
    net: Any,
    x: FloatArray,
    steps: int,
    *,
    backend: Any,
    dtype: Any = "float64",
    device: Any = None,
    tolerance: Any = 1e-9,
    threads: Any = None,
    x_test: FloatArray | None = None,
    records: int = 0,
    probe: int = 0,
    repeatable: bool = False,
) -> Engine:
    """The engine of a run on points x (N, d).

    It is chosen for so many records and points of the kernel's Gram matrix; where it has to be
    `repeatable`, whatever ran before in this process. The other arguments are those of `train`.
    """
    checks.choice("backend", backend, ("auto", *backends.BACKENDS))
    checks.choice("dtype", dtype, ("float64", "float32"))
    threads = None if threads is None else checks.integer("threads", threads, 1)
    everywhere = x if x_test is None else np.concatenate([x, x_test])
    backends.refuse_lost_phases(net.w, everywhere, dtype)
    work = _work(net, x, everywhere, steps, threads)
    if work is not None:
        tests = 0 if x_test is None else len(x_test)
        work = replace(work, records=records, probe=probe, tests=tests)
    with assuming() if repeatable else nullcontext():
        name, reason = _chosen(net, work, backend, dtype, device)
    precision = Precision(dtype)
    options: dict[str, Any] = {} if name == "reference" else {"most_threads": threads}
    if name == "nufft":
        precision = Precision(dtype, tolerance=_tolerance(tolerance))
        options["tolerance"] = precision.tolerance
    if name == "torch":
        place = "cpu" if device is None else _checked_device(device, dtype)
        precision = Precision(dtype, device=place)
        options |= {"device": place, "dtype": dtype}
        if not isinstance(net, FourierFeatureNet):
            options |= {"forward": net.forward, "units": net.units}
            if threads is None and len(x) * net.parameters < PARALLEL_PRODUCTS:
                options["most_threads"] = 1
    started = time.perf_counter()
    with without_collection():
        loaded = backends.load(name, **options)
        loaded.warm_up(len(x), net.width, net.dim)
    return Engine(loaded, name, reason, precision, time.perf_counter() - started)


def _chosen(net: Any, work: Work | None, backend: str, dtype: str, device: Any) -> tuple[str, str]:
    name, reason = backend, "as asked"
    if work is None:
        if backend not in ("auto", "torch"):
            raise ValueError(
                f"backend={backend!r} trains a FourierFeatureNet only; use backend='torch' for "
                f"{type(net).__name__}"
            )
        name, reason = "torch", "deep networks are differentiated automatically"
    elif backend == "auto" and (dtype == "float32" or device is not None):
        name, reason = "torch", f"dtype={dtype!r}, device={device!r}"
    elif backend == "auto":
        name, reason = backends.choose(work)
    if name != "torch" and (dtype != "float64" or device is not None):
        raise ValueError(
            f"dtype={dtype!r}, device={device!r} need backend='torch'; backend={backend!r} "
            "computes in float64 on the CPU"
        )
    if name == "torch" and find_spec("torch") is None:
        raise ImportError(
            "backend='torch' needs PyTorch; install it with pip install '.[torch]' in a checkout "
            "of the project"
        )
    if work is not None:
        _refuse_impossible(name, work)
        if name == "nufft" and by_direct_sums(work.pairs, work.grid, work.dim):
            reason += f"; direct sums instead of a grid of {work.grid:.2g} points"
    return name, reason


def _work(
    net: Any, x: FloatArray, everywhere: FloatArray, steps: int, threads: int | None
) -> Work | None:
    """Size of the problem, with the grid of a transform that test points need too."""
    if not isinstance(net, FourierFeatureNet):
        return None
    return replace(net.work(x, steps, threads), grid=net.work(everywhere).grid)


def _refuse_impossible(name: str, work: Work) -> None:
    if name == "nufft" and work.dim > 3:
        raise ValueError(
            f"backend='nufft' needs at most 3 dimensions, but net takes {work.dim}; use "
            "backend='direct'"
        )
    if name == "nufft" and out_of_reach(work.pairs, work.grid):
        raise ValueError(
            f"backend='nufft' needs a grid of {work.grid:.2g} points for this extent of x times "
            f"frequency, more than {backends.LARGEST_GRID:.0e}; use backend='direct'"
        )


def _tolerance(value: Any) -> float:
    number = checks.positive("tolerance", value)
    if not 1e-14 <= number <= 1e-2:
        raise ValueError(
            f"tolerance={number:g} must lie between 1e-14 and 1e-2; 1e-9 suits most runs"
        )
    return number


def _checked_device(device: Any, dtype: str) -> str:
    import torch

    try:
        return str(torch.zeros(1, device=device, dtype=getattr(torch, dtype)).device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} is not available to PyTorch in {dtype} "
            f"({str(error).splitlines()[0]}); use device='cpu'"
        ) from None
