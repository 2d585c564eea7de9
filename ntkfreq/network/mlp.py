"""Deep networks on random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described, brief
from ntkfreq._support.types import FloatArray, PointsLike
from ntkfreq.network import backends
from ntkfreq.network.mlp_checks import (
    MOST_LAYERS,
    as_layers,
    read_only,
    refuse_large,
    refuse_odd,
    with_parameters,
)
from ntkfreq.network.mlp_formula import ACTIVATIONS, output
from ntkfreq.network.mlp_standard import scale_of
from ntkfreq.problem.density import as_density
from ntkfreq.problem.given import DensityLike

# Numbers in the units of one block of points: 16 MB.
_BLOCK_PAIRS = 2_000_000


@dataclass(frozen=True, eq=False)
class FourierFeatureMLP(Described):
    r"""Multi-layer network whose first layer is made of random sines and cosines.

    .. math::
        h_0 &= \sqrt 2\,[\cos(w_j \cdot x), \sin(w_j \cdot x)]_{j=1}^m, \qquad
        z_l = n_{l-1}^{-1/2}\, W_l h_{l-1} + \beta_l, \\
        h_l &= c_\varphi\, \varphi(z_l), \qquad\qquad\qquad\qquad\qquad\quad\;
        f(x) = n_L^{-1/2}\, v \cdot h_L

    with :math:`n_0 = 2m` and :math:`c_\varphi = E[\varphi(z)^2]^{-1/2}` over normal z. This is the
    NTK parametrization: weights of order one, with the root of the fan-in as an explicit factor,
    so that kernel and step size keep their meaning as the width grows. Every :math:`h_l` has a mean
    square of one and f the variance :math:`\sigma_a^2`, at any depth L. Without hidden layers the
    network is a `FourierFeatureNet`, :math:`v = (a, b)`.

    Parameters
    ----------
    w : array_like, shape (m, d) or (m,) for d = 1
        Angular frequencies, radians per unit of x.
    layers : sequence of (array_like, array_like), shapes (n_l, n_{l-1}) and (n_l,)
        Weights :math:`W_l` and biases :math:`\beta_l` of the hidden layers.
    readout : array_like, shape (n_L,)
        Output weights v; there is no bias, as there is none in the theory.
    activation : {"tanh", "relu", "sine"}
        The non-linearity :math:`\varphi` of the hidden layers.
    branches : int
        Number B of networks side by side whose outputs add up, with a factor
        :math:`B^{-1/2}`. The units of every layer fall into that many equal groups, in order, and
        weights connect a group with the same group below only, as in a grouped convolution:
        :math:`W_l` then has :math:`n_{l-1}/B` columns.
    sigma_a, sigma_w, sigma_b : float, optional
        Standard deviations from which v, the hidden weights and the biases were drawn, where known.
    density : object, optional
        Density from which `w` was drawn, where known.

    Raises
    ------
    TypeError, ValueError
        On arrays that are not real or finite, or that do not fit onto each other.

    References
    ----------
    Jacot, Gabriel and Hongler, arXiv 1806.07572 (the parametrization); Arora et al., arXiv
    1904.11955, section 3 (the normalized activation); Tancik et al., arXiv 2006.10739 (Fourier
    features before a deep network); Sitzmann et al., arXiv 2006.09661 (sine activation, here at
    frequency one, since the first layer already has the frequencies).

    Examples
    --------
    >>> net = FourierFeatureMLP([2.0], [([[0.0, 3.0]], [0.0])], [1.0], "relu")
    >>> net([0.0, np.pi / 4]) / 2**0.5
    array([0., 3.])
    """

    w: FloatArray
    layers: Sequence[tuple[Any, Any]]
    readout: FloatArray
    activation: str = "tanh"
    branches: int = 1
    sigma_a: float | None = None
    sigma_w: float | None = None
    sigma_b: float | None = None
    density: object | None = None

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, tuple(ACTIVATIONS))
        branches = checks.integer("branches", self.branches, 1)
        w = checks.points("w", self.w)
        if len(w) % branches:
            raise ValueError(f"w has {len(w)} rows, which branches={branches} must divide")
        layers, top = as_layers(self.layers, 2 * len(w), branches)
        readout = checks.values_at("readout", self.readout, top)
        object.__setattr__(self, "w", read_only(w))
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "readout", read_only(readout))
        for name in ("sigma_a", "sigma_w", "sigma_b"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, checks.non_negative(name, value))

    @classmethod
    def sample(
        cls,
        rho_w: DensityLike,
        width: int,
        *,
        depth: int = 2,
        hidden: int | None = None,
        activation: str = "tanh",
        sigma_a: float = 1.0,
        sigma_w: float = 1.0,
        sigma_b: float = 0.0,
        zero_output: bool = False,
        rng: int | np.random.Generator | None = None,
    ) -> FourierFeatureMLP:
        r"""Draw a network: :math:`w_j \sim \rho_w`, everything else from normal distributions.

        Parameters
        ----------
        rho_w : Density or anything `as_density` accepts
            Density of the frequencies; its dimension is the input dimension.
        width : int
            Number m of frequencies; the features are twice as many.
        depth : int
            Number L of hidden layers after the features.
        hidden : int, optional
            Units of each of them; default `width`.
        activation : {"tanh", "relu", "sine"}
            Their non-linearity.
        sigma_a : float
            Standard deviation of the output weights, and of the output.
        sigma_w, sigma_b : float
            Standard deviations of the hidden weights and of the biases. At 1 and 0 the variance is
            the same in every layer.
        zero_output : bool
            Draw one network of half the sizes and give it a twin of opposite output weights, as
            second branch: the initial output is zero, the kernel that of the network drawn.
        rng : None, int or numpy Generator
            Source of randomness; an int is a seed.

        Returns
        -------
        FourierFeatureMLP

        Raises
        ------
        TypeError, ValueError
            On a bad density, size, scale or seed; for odd sizes with `zero_output`.

        References
        ----------
        Chizat, Oyallon and Bach, arXiv 1812.07956, section 1.2, for the doubling.

        Examples
        --------
        >>> from ntkfreq.problem.density import Normal
        >>> net = FourierFeatureMLP.sample(Normal(scale=3.0), 64, zero_output=True, rng=0)
        >>> net, float(net([0.3])[0])
        (FourierFeatureMLP(width=64, layers=2 x 64 tanh in 2 branches, dim=1, density=...), 0.0)
        """
        density = as_density(rho_w)
        width, depth = (
            checks.integer("width", width, 1),
            checks.integer("depth", depth, 0, MOST_LAYERS),
        )
        hidden = width if hidden is None else checks.integer("hidden", hidden, 1)
        scales = {
            "sigma_a": checks.non_negative("sigma_a", sigma_a),
            "sigma_w": checks.non_negative("sigma_w", sigma_w),
            "sigma_b": checks.non_negative("sigma_b", sigma_b),
        }
        branches = 2 if zero_output else 1
        refuse_odd(branches, width=width, hidden=hidden if depth else None)
        refuse_large(density.dim, width, depth, hidden)
        generator = checks.generator("rng", rng)
        drawn, units = width // branches, hidden // branches
        w = np.asarray(density.sample(drawn, generator), dtype=np.float64).reshape(drawn, -1)
        layers, below = [], 2 * drawn
        for _ in range(depth):
            weights = scales["sigma_w"] * generator.standard_normal((units, below))
            layers.append((weights, scales["sigma_b"] * generator.standard_normal(units)))
            below = units
        readout = scales["sigma_a"] * generator.standard_normal(below)
        if zero_output:
            w, readout = np.tile(w, (2, 1)), np.concatenate([readout, -readout])
            layers = [(np.tile(weights, (2, 1)), np.tile(bias, 2)) for weights, bias in layers]
        return cls(w, layers, readout, activation, branches, **scales, density=density)

    @property
    def width(self) -> int:
        """Number of frequencies m."""
        return int(self.w.shape[0])

    @property
    def dim(self) -> int:
        """Input dimension d."""
        return int(self.w.shape[1])

    @property
    def depth(self) -> int:
        """Number of hidden layers after the features."""
        return len(self.layers)

    @property
    def units(self) -> int:
        """Frequencies and hidden units of all layers."""
        return self.width + sum(len(bias) for _, bias in self.layers)

    @property
    def parameters(self) -> int:
        """Number of parameters P."""
        return sum(self._packed_sizes())

    @property
    def architecture(self) -> str:
        """What `packed` means, in words."""
        return f"Fourier features, {self._sizes()}, dimension {self.dim}"

    @property
    def frequency_rows(self) -> int:
        """Entries of `packed` that hold frequencies, the first ones."""
        return int(self.w.size)

    @property
    def readout_rows(self) -> int:
        """Entries of `packed` that hold output weights, the last ones."""
        return int(self.readout.size)

    def packed(self) -> FloatArray:
        """All parameters in one vector: w, weights and biases layer by layer, output weights."""
        parts = (self.w, *(part for layer in self.layers for part in layer), self.readout)
        return np.concatenate([np.ravel(part) for part in parts])

    def unpacked(self, theta: FloatArray) -> FourierFeatureMLP:
        """The same network with other parameters, laid out as by `packed`."""
        sizes = self._packed_sizes()
        w, *inner, readout = np.split(theta, np.cumsum(sizes)[:-1])
        layers = [
            (read_only(inner[2 * k].reshape(weights.shape)), read_only(inner[2 * k + 1]))
            for k, (weights, _) in enumerate(self.layers)
        ]
        arrays = {"w": w.reshape(self.w.shape), "readout": readout}
        return with_parameters(self, layers=tuple(layers), **arrays)

    def standard_scale(self) -> FloatArray:
        r"""Factors (P,) of the parameters over those of the same network without factors.

        That is the standard parametrization, :math:`h_0 = [\cos(w_j \cdot x), \sin(w_j \cdot x)]`,
        :math:`h_l = \varphi(V_l h_{l-1} + \beta_l)` and :math:`f = u \cdot h_L`: w and biases are
        the same, the other factors :math:`\sqrt{n_{l-1}}` over :math:`\sqrt 2`, above it over
        :math:`c_\varphi`.

        Examples
        --------
        >>> net = FourierFeatureMLP([2.0], [([[0.0, 3.0]], [0.0])], [1.0], "relu")
        >>> net.standard_scale() ** 2
        array([1. , 1. , 1. , 1. , 0.5])
        """
        return scale_of(self)

    def forward(self, theta: Any, x: Any) -> Any:
        """Output (n,) at x (n, d) with other parameters, as packed; PyTorch tensors.

        Parameters
        ----------
        theta : torch.Tensor, shape (P,)
            Parameters.
        x : torch.Tensor, shape (n, d)
            Points.

        Returns
        -------
        torch.Tensor, shape (n,)
        """
        # One split: its derivative is written in one pass, that of slices in one a slice.
        w, *inner, readout = theta.split(self._packed_sizes())
        return self.with_tensors(w, inner[::2], inner[1::2], readout, x)

    def with_tensors(self, w: Any, weights: Any, biases: Any, readout: Any, x: Any) -> Any:
        """Output (n,) at x (n, d) with other parameters, in their shapes or flat; tensors.

        Parameters
        ----------
        w, readout : torch.Tensor
            Frequencies and output weights.
        weights, biases : sequence of torch.Tensor
            Those of the hidden layers.
        x : torch.Tensor, shape (n, d)
            Points.

        Returns
        -------
        torch.Tensor, shape (n,)
        """
        import torch

        rule = ACTIVATIONS[self.activation]
        parameters = self._grouped(w, list(zip(weights, biases, strict=True)), readout)
        return output(torch, getattr(torch, rule.torch_name), rule.gain, parameters, x)

    def to_module(self) -> Any:
        """A PyTorch module of the same output, in double precision, with parameters of its own.

        Its parameters are `w`, `weights`, `biases` and `readout`, in the NTK parametrization: a
        step of ``torch.optim`` on the halved mean square is a step of `train`.

        Returns
        -------
        torch.nn.Module

        Examples
        --------
        >>> import torch
        >>> from ntkfreq.problem.density import Normal
        >>> net = FourierFeatureMLP.sample(Normal(scale=3.0), 64, rng=0)
        >>> module = net.to_module()
        >>> x = np.linspace(-1, 1, 5)
        >>> bool(np.allclose(module(torch.tensor(x)).detach().numpy(), net(x), atol=1e-14))
        True
        """
        from ntkfreq.network.mlp_module import FourierFeatureModule

        return FourierFeatureModule(self)

    def _facts(self) -> dict[str, str]:
        facts = {
            "width": brief(self.width),
            "layers": self._sizes().partition(", ")[2],
            "dim": brief(self.dim),
        }
        return facts if self.density is None else facts | {"density": brief(self.density)}

    def __call__(self, x: PointsLike) -> FloatArray:
        """Output at x, by NumPy.

        Parameters
        ----------
        x : array_like, shape (n,) for d = 1, else (n, d)
            Points.

        Returns
        -------
        ndarray, shape (n,)
        """
        points = checks.points("x", x, self.dim)
        backends.refuse_lost_phases(self.w, points)
        rule = ACTIVATIONS[self.activation]
        parameters = self._grouped(self.w, list(self.layers), self.readout)
        size = max(1, _BLOCK_PAIRS // self.units)
        blocks = [points[start : start + size] for start in range(0, len(points), size)]
        parts = [output(np, rule.on_arrays, rule.gain, parameters, block) for block in blocks]
        return np.asarray(np.concatenate(parts), dtype=np.float64)

    def _grouped(
        self, w: Any, layers: list[tuple[Any, Any]], readout: Any
    ) -> tuple[Any, list[tuple[Any, Any]], Any]:
        """Parameters with the branch as first axis; the shapes given may be flat."""
        count = self.branches
        grouped = [
            (weights.reshape(count, -1, shaped.shape[1]), bias.reshape(count, -1))
            for (weights, bias), (shaped, _) in zip(layers, self.layers, strict=True)
        ]
        return w.reshape(count, -1, self.dim), grouped, readout.reshape(count, -1)

    def _packed_sizes(self) -> list[int]:
        return [
            self.w.size,
            *(part.size for layer in self.layers for part in layer),
            self.readout.size,
        ]

    def _sizes(self) -> str:
        """Sizes of the layers and their kind, in words."""
        counts = [bias.size for _, bias in self.layers]
        if len(set(counts)) == 1:
            hidden = f"{len(counts)} x {counts[0]} {self.activation}"
        else:
            hidden = f"{' - '.join(map(str, counts))} {self.activation}" if counts else "no hidden"
        twins = "" if self.branches == 1 else f" in {self.branches} branches"
        return f"{self.width} frequencies, {hidden}{twins}"
