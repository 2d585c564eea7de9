"""A deep Fourier-feature network as a PyTorch module."""

from __future__ import annotations

from typing import Any

import torch


def _start(self: Any, net: Any) -> None:
    torch.nn.Module.__init__(self)
    self.w = _parameter(net.w)
    self.weights = torch.nn.ParameterList([_parameter(weights) for weights, _ in net.layers])
    self.biases = torch.nn.ParameterList([_parameter(bias) for _, bias in net.layers])
    self.readout = _parameter(net.readout)
    self.net = net


def _forward(self: Any, x: Any) -> Any:
    """Output (n,) at x (n,) for d = 1, else (n, d)."""
    points = x[:, None] if x.ndim == 1 else x
    return self.net.with_tensors(self.w, self.weights, self.biases, self.readout, points)


# PyTorch comes without types, and a class statement on a base without a type is no typed code.
FourierFeatureModule: Any = type(
    "FourierFeatureModule",
    (torch.nn.Module,),
    {
        "__doc__": "Output of a FourierFeatureMLP, with parameters of its own.",
        "__init__": _start,
        "forward": _forward,
    },
)


def _parameter(array: Any) -> Any:
    return torch.nn.Parameter(torch.tensor(array, dtype=torch.float64))
