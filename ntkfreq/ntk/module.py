"""Empirical NTK of any PyTorch module with one output: products of its Jacobian, in blocks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray

# Numbers in one block of the Jacobian, all points by some parameters: 256 MB.
_BLOCK = 32_000_000
# Most numbers in the gradients of one batch of points.
_BATCH = 8_000_000
_MOST_POINTS = 256


def is_module(net: object) -> bool:
    """Whether `net` is a PyTorch module; without importing PyTorch, which made it if it is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(net, torch.nn.Module)


def module_gram(net: Any, x: Any, x2: Any) -> FloatArray:
    """Gram matrix (n, n2) of the gradients in all parameters that require one."""
    import torch

    trained = {name: p.detach() for name, p in net.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError(
            "net has no parameter that requires a gradient, so its kernel is zero; call "
            "net.requires_grad_()"
        )
    # Double precision whatever the module's own: a Gram matrix squares the condition number.
    state = {
        name: value.detach().double().clone() if value.is_floating_point() else value.clone()
        for name, value in [*net.named_parameters(), *net.named_buffers()]
    }
    device = next(iter(trained.values())).device
    inputs = [
        torch.as_tensor(inputs_of(name, points), device=device)
        for name, points in (("x", x), ("x2", x2))
        if points is not None
    ]
    with torch.no_grad():
        check_output(net, state, inputs)
        gram = torch.zeros(len(inputs[0]), len(inputs[-1]), dtype=torch.float64, device=device)
        for part in _parts(trained, _BLOCK // max(len(points) for points in inputs)):
            rows = [_jacobian(net, state, part, points) for points in inputs]
            gram += rows[0] @ rows[-1].T
    return np.asarray(gram.cpu().numpy())


def inputs_of(name: str, x: Any) -> FloatArray:
    """Points as a module takes them: (n, 1) for x of shape (n,), else as they are."""
    array = checks.real_array(name, x, tuple(range(1, 9)))
    return array[:, None] if array.ndim == 1 else array


def check_output(net: Any, state: dict[str, Any], inputs: list[Any]) -> None:
    """Refuse a module that fails at the first point, or returns more than one number there."""
    from torch.func import functional_call

    for points in inputs:
        try:
            output = functional_call(net, state, (points[:1],))
        except Exception as error:
            raise ValueError(
                f"net failed on points of shape {tuple(points[:1].shape)} in double precision: "
                f"{error}; points are passed as (n, 1) for x of shape (n,), else as they are"
            ) from error
        size = output.numel() if hasattr(output, "numel") else None
        if size != 1:
            shape = tuple(output.shape) if size is not None else type(output).__name__
            raise ValueError(
                f"net returned {shape} for one point; the kernel is that of one number, so wrap "
                "the module to return one of its outputs, shape (n,) or (n, 1)"
            )


def _parts(trained: dict[str, Any], most: int) -> Iterator[list[tuple[str, int, int]]]:
    """Ranges (name, start, stop) of parameters, together at most `most` numbers (at least 1)."""
    most = max(most, 1)
    part: list[tuple[str, int, int]] = []
    left = most
    for name, value in trained.items():
        start = 0
        while start < value.numel():
            stop = min(value.numel(), start + left)
            part.append((name, start, stop))
            left -= stop - start
            start = stop
            if left == 0:
                yield part
                part, left = [], most
    if part:
        yield part


def _jacobian(
    net: Any, state: dict[str, Any], part: list[tuple[str, int, int]], points: Any
) -> Any:
    """Gradients (n, p) in a part of the parameters, point by point."""
    import torch
    from torch.func import grad, vmap

    pieces = {name: state[name].reshape(-1)[start:stop] for name, start, stop in part}
    gradient = vmap(grad(_output(net, state, part)), in_dims=(None, 0))
    # The gradient in a slice passes through that in its whole tensor.
    size = max(state[name].numel() for name in pieces)
    batch = int(np.clip(_BATCH // size, 1, _MOST_POINTS))
    rows = []
    for start in range(0, len(points), batch):
        try:
            found = gradient(pieces, points[start : start + batch])
        except RuntimeError as error:
            raise ValueError(
                f"net cannot be differentiated point by point ({str(error).splitlines()[0]}); "
                "layers that draw or that depend on the batch have no kernel in training mode: "
                "call net.eval() first"
            ) from error
        rows.append(
            torch.cat([found[name].reshape(-1, pieces[name].numel()) for name in pieces], 1)
        )
    return torch.cat(rows)


def _output(
    net: Any, state: dict[str, Any], part: list[tuple[str, int, int]]
) -> Callable[[dict[str, Any], Any], Any]:
    import torch
    from torch.func import functional_call

    def output(pieces: dict[str, Any], point: Any) -> Any:
        values = dict(state)
        for name, start, stop in part:
            flat = state[name].reshape(-1)
            whole = torch.cat([flat[:start], pieces[name], flat[stop:]])
            values[name] = whole.reshape(state[name].shape)
        return functional_call(net, values, (point[None],)).reshape(())

    return output
