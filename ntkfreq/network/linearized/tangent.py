"""A network linearized about its parameters: products of its Jacobian, which is never held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntkfreq._support.sizes import refuse_memory
from ntkfreq.network.mlp import FourierFeatureMLP
from ntkfreq.ntk.module import check_output, inputs_of

# Numbers of all layers that a point leaves behind in a pass, per square root of the parameters.
_LEFT = 16.0


@dataclass(frozen=True)
class Tangent:
    r"""The map :math:`\delta \mapsto f(\theta_0) + J\delta` of a module at points.

    Attributes
    ----------
    module : torch.nn.Module
        The network.
    names : tuple of str
        Its parameters that are trained.
    state : dict
        All its parameters and buffers in the precision asked for.
    """

    module: Any
    names: tuple[str, ...]
    state: dict[str, Any]

    @classmethod
    def of(cls, net: Any, frozen: bool, dtype: str) -> Tangent:
        """That of a module, or of a deep network with its frequencies trained or frozen."""
        import torch

        module = net
        if isinstance(net, FourierFeatureMLP):
            module = net.to_module()
            module.w.requires_grad_(not frozen)
        names = tuple(name for name, p in module.named_parameters() if p.requires_grad)
        if not names:
            raise ValueError(
                "net has no parameter that requires a gradient, so nothing is trained; call "
                "net.requires_grad_()"
            )
        kind = getattr(torch, dtype)
        state = {
            name: value.detach().to(kind).clone()
            if value.is_floating_point()
            else value.detach().clone()
            for name, value in [*module.named_parameters(), *module.named_buffers()]
        }
        return cls(module, names, state)

    @property
    def parameters(self) -> int:
        """Number of trained parameters P."""
        return sum(self.state[name].numel() for name in self.names)

    @property
    def _like(self) -> Any:
        return self.state[self.names[0]]

    def refuse_large(self, points: int, slots: int) -> None:
        """Refuse a run whose vectors of all parameters and passes do not fit into memory."""
        each = self._like.element_size()
        passes = _LEFT * points * self.parameters**0.5
        refuse_memory(
            f"net has {self.parameters} trained parameters at {points} points",
            each * ((slots + 6.0) * self.parameters + passes),
            "use dtype='float32', a smaller network, or fewer points",
        )

    def zero(self) -> Any:
        """No displacement of the parameters (P,)."""
        return self._like.new_zeros(self.parameters)

    def tensor(self, values: Any) -> Any:
        """An array in the precision and place of the parameters."""
        return self._like.new_tensor(values)

    def points(self, name: str, x: Any) -> Any:
        """Points as the module takes them; refuses one that fails there or has several outputs."""
        import torch

        array = self.tensor(inputs_of(name, x))
        with torch.no_grad():
            check_output(self.module, self.state, [array])
            first, second = (self.output(self.zero(), array) for _ in range(2))
            count = first.numel()
        if count != len(array):
            raise ValueError(
                f"net returned {count} numbers for {len(array)} points; wrap the module to return "
                "one a point, shape (n,) or (n, 1)"
            )
        if not torch.equal(first, second):
            raise ValueError(
                "net returned two outputs at the same points: it draws, or changes buffers, as "
                "some layers do in training mode; call net.eval() first"
            )
        return array

    def output(self, delta: Any, points: Any) -> Any:
        """Output (n,) of the network itself at parameters displaced by `delta` (P,)."""
        from torch.func import functional_call

        state, start = dict(self.state), 0
        for name in self.names:
            value = self.state[name]
            state[name] = value + delta[start : start + value.numel()].reshape(value.shape)
            start += value.numel()
        return functional_call(self.module, state, (points,)).reshape(-1)

    def at(self, points: Any) -> Linearized:
        """The linearization at points, whose passes are done once and kept.

        That J'r is linear in r makes J delta its gradient in r: backward passes serve for both.
        """
        import torch
        from torch.func import vjp

        try:
            output, back = vjp(lambda d: self.output(d, points), self.zero())
            forward = vjp(lambda r: back(r)[0], torch.zeros_like(output))[1]
            forward(self.zero())
        except RuntimeError as error:
            raise ValueError(
                f"net cannot be linearized ({str(error).splitlines()[0]}); write what it computes "
                "in functions that torch.func.vjp can differentiate twice"
            ) from error
        return Linearized(output.detach(), lambda r: back(r)[0], lambda d: forward(d)[0])


@dataclass(frozen=True)
class Linearized:
    """Output (n,) at the start, J'r (P,) of errors r (n,), and J delta (n,) of a displacement."""

    start: Any
    back: Callable[[Any], Any]
    moved: Callable[[Any], Any]
