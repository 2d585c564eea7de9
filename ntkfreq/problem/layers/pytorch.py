"""The limit of a network as PyTorch draws it by default."""

from __future__ import annotations

from dataclasses import replace

from ntkfreq._support import checks
from ntkfreq._support.guard import guarded
from ntkfreq.problem.layers.asked import in_standard
from ntkfreq.problem.layers.hidden import MOST_LAYERS, HiddenLayers


@guarded
def pytorch_layers(
    depth: int,
    activation: str = "relu",
    *,
    width: int,
    hidden: int | None = None,
    train_frequencies: bool = False,
    output_bias: bool = True,
) -> HiddenLayers:
    r"""Hidden layers of ``torch.nn.Linear`` as PyTorch draws and trains them.

    Of a module that puts ``depth`` times a Linear and the activation, then a Linear with one
    output, behind features :math:`[\cos(w_j \cdot x), \sin(w_j \cdot x)]_{j=1}^m` without a factor.
    Weights and biases are uniform within one over the root of the fan-in n, of variance 1/(3n), and
    one learning rate moves all of them. In the units of :class:`ntkfreq.HiddenLayers`,
    :math:`\sigma_w^2 = 1/6` of the first layer and :math:`1/(3c_\varphi^2)` above, and weights
    learn faster than biases by about their fan-in.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    activation : {"relu", "tanh", "sine"}
        Their non-linearity.
    width : int
        Number m of frequencies; the first layer has 2m inputs.
    hidden : int, optional
        Units of each hidden layer; default `width`.
    train_frequencies : bool, default False
        Whether w is a parameter of the module; Fourier features are frozen in most.
    output_bias : bool, default True
        Whether the last Linear has a bias.

    Returns
    -------
    HiddenLayers
        To be given as ``depth=`` to :func:`ntkfreq.solve_frequency_pde` and others. Time is the
        learning rate times the steps of SGD on half the mean square; of ``MSELoss``, which is not
        halved, twice that.

    Raises
    ------
    TypeError, ValueError
        On a depth, width or activation that is none.

    Notes
    -----
    The kernel is that of the start. Such layers shrink what passes through them, by 2.4 each for
    the rectifier, so that it grows in training: with four layers networks of width 1024 learned in
    a tenth to a fifth of the predicted time, with two in 0.6 to 0.9 of it.

    The initial output is not zero in such a module; it is :math:`\sigma_a^2 S_L` large, and a bias
    of the output is drawn too, which is left out here.

    References
    ----------
    PyTorch, ``torch.nn.Linear``, for the distribution.

    Examples
    --------
    >>> layers = pytorch_layers(2, width=128, hidden=256)
    >>> [round(scale, 4) for scale in layers.sigma_w], layers.rates.output_bias
    ([0.4082, 0.4082], 1.0)
    """
    depth = checks.integer("depth", depth, 1, MOST_LAYERS)
    width = checks.integer("width", width, 1)
    units = width if hidden is None else checks.integer("hidden", hidden, 1)
    first = HiddenLayers(depth, activation, train_frequencies=train_frequencies)
    outer = (1 / (3 * first.dual.gain_square)) ** 0.5
    # The features have a factor sqrt 2 in the NTK parametrization.
    inner = ((1 / 6) ** 0.5, *(outer,) * (depth - 1))
    below = (2 * width, *(units,) * (depth - 1))
    biases = tuple((1 / (3 * count)) ** 0.5 for count in below)
    drawn = HiddenLayers(depth, activation, inner, biases, outer, train_frequencies)
    layers = in_standard(drawn, width, units)
    rates = replace(layers.rates, output_bias=float(checks.flag("output_bias", output_bias)))
    return replace(layers, rates=rates)
