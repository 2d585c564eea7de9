r"""From the network to its kernel: gradients of one hidden unit, averaged over the weights."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import stats

from ntkfreq.symbolic.notation import (
    DENSITY,
    SIGMA_A,
    TIME,
    Coordinates,
    coordinates,
    dot,
    integral,
    minus,
)
from ntkfreq.symbolic.steps import Step, equation, verified

_J, _I = sp.symbols("j i", integer=True, positive=True)
_M, _N = sp.symbols("m N", integer=True, positive=True)


def unit(a: Any, b: Any, w: Coordinates, x: Coordinates) -> Any:
    """Output of one hidden unit, without the prefactor of the network."""
    return a * sp.cos(dot(w, x)) + b * sp.sin(dot(w, x))


def _parameters(j: int, dim: int) -> tuple[Any, Any, Coordinates]:
    a, b = sp.symbols(f"a_{j} b_{j}", real=True)
    return a, b, coordinates(f"w_{j}", dim)


def motion(dim: int, outer_decay: Any = 0, inner_decay: Any = 0) -> tuple[Any, Any, Any]:
    r"""Rate of the output of two units under gradient flow on two samples, by the chain rule.

    Two units and two samples have every kind of cross term that m units and N samples have.

    Returns
    -------
    tuple of three expressions
        :math:`\partial_t f(x)` from :math:`\dot\theta=-\nabla L-\gamma\theta`; the sum
        :math:`-\sum_i\mu_i K_m(x,x_i)e_i`; and the output f(x) itself.
    """
    parameters = [_parameters(j, dim) for j in (1, 2)]
    width = len(parameters)
    x = coordinates("x", dim)

    def output(at: Coordinates) -> Any:
        return sp.Add(*(unit(a, b, w, at) for a, b, w in parameters)) / sp.sqrt(width)

    samples = [coordinates(f"x^{i}", dim) for i in (1, 2)]
    errors = [output(at) - sp.Symbol(f"y^{i}") for i, at in enumerate(samples, 1)]
    weights = [sp.Symbol(f"mu_{i}") for i in (1, 2)]
    loss = sp.Add(*(mu * e**2 for mu, e in zip(weights, errors, strict=True))) / 2
    moved, kernel_sum = sp.S.Zero, sp.S.Zero
    for a, b, w in parameters:
        for theta, decay in ((a, outer_decay), (b, outer_decay), *((v, inner_decay) for v in w)):
            slope = sp.diff(output(x), theta)
            moved += slope * (-sp.diff(loss, theta) - decay * theta)
            for mu, e, at in zip(weights, errors, samples, strict=True):
                kernel_sum -= mu * e * slope * sp.diff(output(at), theta)
    return moved, kernel_sum, output(x)


def gradient_flow(dim: int = 1) -> list[Step]:
    r"""The output moves by the kernel times the error: exact at any width.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> [bool(step.proof) for step in gradient_flow()]
    [False, False, True]
    """
    a, b, mu, y = (sp.IndexedBase(name) for name in ("a", "b", "mu", "y"))
    w, points, x = sp.IndexedBase("w"), sp.IndexedBase("x"), sp.Symbol("x")
    f, K = sp.Function("f"), sp.Function("K_m")
    sum_of_units = sp.Sum(a[_J] * sp.cos(w[_J] * x) + b[_J] * sp.sin(w[_J] * x), (_J, 1, _M))
    error = f(points[_I], TIME) - y[_I]
    moved, kernel_sum, _ = motion(dim)
    return [
        Step("The network.", equation(f(x, TIME), sum_of_units / sp.sqrt(_M))),
        Step(
            "The loss on N samples with weights.",
            equation(sp.Symbol("L"), sp.Sum(mu[_I] * error**2, (_I, 1, _N)) / 2),
        ),
        verified(
            "Gradient flow moves the output by a kernel times the errors. The kernel is the sum, "
            "over all parameters, of the products of the output's derivatives at two points.",
            equation(
                sp.Derivative(f(x, TIME), TIME),
                -sp.Sum(mu[_I] * K(x, points[_I]) * error, (_I, 1, _N)),
            ),
            "chain rule for two units and two samples, which have every kind of cross term",
            moved - kernel_sum,
        ),
    ]


def tangent_kernel(dim: int = 1) -> list[Step]:
    r"""The kernel at infinite width, :math:`K(x,x')=(1+\sigma_a^2\,x\cdot x')\,k(x-x')`.

    Parameters
    ----------
    dim : int, default 1
        Dimension d of the input.

    Returns
    -------
    list of Step

    Raises
    ------
    DerivationError
        When a claim does not hold; none of the present ones fails.

    References
    ----------
    The neural tangent kernel: Jacot, Gabriel, Hongler, arXiv 1806.07572.

    Examples
    --------
    >>> tangent_kernel()[-1].expression.lhs
    K(x, x')
    """
    x, other, w = coordinates("x", dim), coordinates("x'", dim), coordinates("w", dim)
    z = coordinates("z", dim)
    a, b = stats.Normal("a", 0, SIGMA_A), stats.Normal("b", 0, SIGMA_A)
    here, there = unit(a, b, w, x), unit(a, b, w, other)
    h, k, K = sp.Function("h"), sp.Function("k"), sp.Function("K")

    weights = (a.symbol, b.symbol, *w)

    def product(theta: Any) -> Any:
        return sp.Derivative(h(*x, *weights), theta) * sp.Derivative(h(*other, *weights), theta)

    outer = sum(sp.diff(here, c) * sp.diff(there, c) for c in (a, b))
    inner = sum(sp.diff(here, c) * sp.diff(there, c) for c in w)
    wave = sp.cos(dot(w, minus(x, other)))
    averaged = sp.expand(inner).subs({a**2: SIGMA_A**2, b**2: SIGMA_A**2, a * b: 0})
    moments = [stats.E(a**2) - SIGMA_A**2, stats.E(b**2) - SIGMA_A**2, stats.E(a * b)]
    kernel = integral(DENSITY(*w) * wave, w)
    prefactor = 1 + SIGMA_A**2 * dot(x, other)
    return [
        Step("One hidden unit.", equation(h(*x, *weights), unit(a.symbol, b.symbol, w, x))),
        verified(
            "What the outer weights contribute.",
            equation(product(a.symbol) + product(b.symbol), wave),
            "addition theorem",
            outer - wave,
        ),
        verified(
            "What the inner weights contribute, on average over the outer weights, which are "
            "independent and normal with mean zero.",
            equation(
                sp.Function("mean")(sp.Add(*(product(c) for c in w))),
                SIGMA_A**2 * dot(x, other) * wave,
            ),
            "normal moments by integration, then the addition theorem",
            averaged - SIGMA_A**2 * dot(x, other) * wave,
            *moments,
        ),
        Step(
            "The characteristic function of the density of the inner weights.",
            equation(k(*z), integral(DENSITY(*w) * sp.cos(dot(w, z)), w)),
        ),
        _even_part(dim),
        verified(
            "Average over the inner weights.",
            equation(K(*x, *other), prefactor * k(*minus(x, other))),
            "the factor in front does not depend on w",
            integral(DENSITY(*w) * (wave + SIGMA_A**2 * dot(x, other) * wave), w)
            - prefactor * kernel,
        ),
    ]


def _even_part(dim: int) -> Step:
    """The characteristic function depends on the even part only."""
    w, z = coordinates("w", dim), coordinates("z", dim)
    negative = tuple(-entry for entry in w)
    even = (DENSITY(*w) + DENSITY(*negative)) / 2
    wave = sp.cos(dot(w, z))
    difference = (DENSITY(*w) - even) * wave
    mirrored = difference.subs(dict(zip(w, negative, strict=True)), simultaneous=True)
    return verified(
        "Only the even part of the density counts.",
        equation(sp.Function("k")(*z), integral(even * wave, w)),
        "the integrands, averaged over w and -w, agree",
        difference + mirrored,
    )
