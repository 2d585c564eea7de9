"""Neural tangent kernel of a finite network."""

from __future__ import annotations

from typing import Any

from ntkfreq._support import checks
from ntkfreq._support.axis import Axis
from ntkfreq._support.types import FloatArray, PointsLike
from ntkfreq.ntk.fourier_net import HiddenUnits, fourier_gram
from ntkfreq.ntk.layered_net import LayeredUnits, units_gram
from ntkfreq.ntk.module import is_module, module_gram
from ntkfreq.problem.layers.units import unit_of


def empirical_ntk_gram(
    net: Any, x: PointsLike, x2: PointsLike | None = None, *, freeze_frequencies: bool = False
) -> FloatArray:
    r"""Gram matrix of the neural tangent kernel of a finite network as it stands.

    The inner products of the gradients of :math:`f` in its parameters; for a Fourier-feature
    network

    .. math:: K(x, x') = \frac1m \sum_j \bigl[ c_j c_j' + s_j s_j'
              + (x \cdot x') (b_j c_j - a_j s_j)(b_j c_j' - a_j s_j') \bigr],

    :math:`c_j = \cos(w_j \cdot x)`, :math:`s_j = \sin(w_j \cdot x)`, without the last term when w
    is frozen. Of a deep one it is made of products of what its layers pass forward and backward, so
    that no gradient is ever held. Of any other network PyTorch finds the gradients, in blocks of
    points and parameters so that memory stays bounded.

    Parameters
    ----------
    net : FourierFeatureNet, FourierFeatureMLP or torch.nn.Module
        Network, or any object with arrays w (m, d), a (m,), b (m,); or a PyTorch module with one
        output, of which every parameter that requires a gradient counts.
    x : array_like, shape (n,) for d = 1, else (n, d)
        Points. A module takes points of any shape, and (n, 1) where this is (n,).
    x2 : array_like, shape (n2,) or (n2, d), optional
        Second set of points. Default: `x`.
    freeze_frequencies : bool, default False
        Leave out the gradients in w. In a module, freeze parameters by ``requires_grad_(False)``.

    Returns
    -------
    ndarray, shape (n, n2)

    Raises
    ------
    TypeError, ValueError
        When `net` has no such arrays or they do not fit the points; when a module has several
        outputs, fails in double precision, or has no parameter that requires a gradient.

    References
    ----------
    Jacot, Gabriel and Hongler (2018). Its limit at infinite width is `ntk_gram`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> net = SimpleNamespace(w=[[0.0]], a=[1.0], b=[2.0])
    >>> empirical_ntk_gram(net, [1.0, 3.0])
    array([[ 5., 13.],
           [13., 37.]])
    """
    checks.flag("freeze_frequencies", freeze_frequencies)
    if is_module(net):
        if freeze_frequencies:
            raise ValueError(
                "freeze_frequencies=True names no parameter of a module; call "
                "requires_grad_(False) on those that are not trained"
            )
        return module_gram(net, x, x2)
    layered = _layered(net)
    axis = Axis.of("x", x)
    if layered is not None:
        pair = _both(x, x2, layered.w.shape[1], axis)
        return units_gram(layered, *pair, frozen=bool(freeze_frequencies))
    w, a, b = _parameters(net)
    pair = _both(x, x2, w.shape[1], axis)
    return fourier_gram(HiddenUnits(w, a, b, bool(freeze_frequencies)), *pair)


def _layered(net: Any) -> LayeredUnits | None:
    """The units of a deep network; None for what is none."""
    names = ("w", "layers", "readout", "activation", "branches")
    if not all(hasattr(net, name) for name in names):
        return None
    unit = unit_of(net.activation)
    return LayeredUnits(net.w, net.layers, net.readout, unit, net.branches)


def _both(
    x: PointsLike, x2: PointsLike | None, dim: int, axis: Axis
) -> tuple[FloatArray, FloatArray | None]:
    second = None if x2 is None else _points("x2", x2, dim, axis)
    return _points("x", x, dim, axis), second


def _parameters(net: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    missing = [name for name in ("w", "a", "b") if not hasattr(net, name)]
    if missing:
        raise TypeError(
            f"net={checks.show(net)} has no {', '.join(missing)}; pass a FourierFeatureNet or "
            "FourierFeatureMLP, an object with arrays w (m, d), a (m,), b (m,), or a "
            "torch.nn.Module"
        )
    w = checks.points("net.w", net.w)
    return w, checks.values_at("net.a", net.a, len(w)), checks.values_at("net.b", net.b, len(w))


def _points(name: str, x: Any, dim: int, axis: Axis) -> FloatArray:
    array = checks.points(name, x, axis=axis)
    if array.shape[1] != dim:
        raise ValueError(
            f"{name} holds points of dimension {array.shape[1]}, but net takes dimension {dim}; "
            f"pass shape (n,) for dimension 1, else (n, {dim})"
        )
    return array
