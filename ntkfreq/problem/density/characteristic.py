r"""Characteristic functions of frozen scipy.stats distributions that have one in closed form.

Each function gives real and imaginary part of :math:`\varphi(u) = E e^{i u W}` for location 0 and
scale 1. Then :math:`k(z) = \mathrm{Re}\, e^{ilz} \varphi(sz)`.
The others (beta, Weibull, log-normal, ...) have none that can be evaluated safely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from ntkfreq._support.types import ComplexArray, FloatArray
from ntkfreq.spectra.phases import exact_wave

Parts = tuple[FloatArray, FloatArray]


def _gamma(u: FloatArray, a: float) -> Parts:
    """(1 - iu)^-a."""
    size, phase = np.exp(-a / 2 * np.log1p(u * u)), a * np.arctan(u)
    return size * np.cos(phase), size * np.sin(phase)


def _expon(u: FloatArray) -> Parts:
    return _gamma(u, 1.0)


def _chi2(u: FloatArray, df: float) -> Parts:
    return _gamma(2 * u, df / 2)


def _logistic(u: FloatArray) -> Parts:
    """The ratio pi u / sinh(pi u), by exponentials that only underflow."""
    v = np.pi * np.abs(u)
    ratio = np.divide(2 * v, -np.expm1(-2 * v), out=np.ones_like(v), where=v > 0)
    return np.where(v > 0, ratio * np.exp(-v), 1.0), np.zeros_like(u)


def _hypsecant(u: FloatArray) -> Parts:
    """1 / cosh(pi u / 2)."""
    v = np.pi / 2 * np.abs(u)
    return 2 * np.exp(-v) / (1 + np.exp(-2 * v)), np.zeros_like(u)


def _cosine(u: FloatArray) -> Parts:
    """Of (1 + cos w) / 2 pi on [-pi, pi]; numpy.sinc(u) is sin(pi u) / (pi u)."""
    return np.sinc(u) + 0.5 * (np.sinc(u - 1) + np.sinc(u + 1)), np.zeros_like(u)


def _semicircular(u: FloatArray) -> Parts:
    """2 J_1(u) / u."""
    safe = np.where(np.abs(u) < 1e-4, 1.0, u)
    near = 1 - u * u / 8
    return np.where(np.abs(u) < 1e-4, near, 2 * special.j1(safe) / safe), np.zeros_like(u)


def _halfnorm(u: FloatArray) -> Parts:
    """exp(-u^2 / 2) (1 + i erfi(u / sqrt 2)), by Dawson's function."""
    return np.exp(-u * u / 2), 2 / np.sqrt(np.pi) * special.dawsn(u / np.sqrt(2))


_FORMS: dict[str, Callable[..., Parts]] = {
    "chi2": _chi2,
    "cosine": _cosine,
    "expon": _expon,
    "gamma": _gamma,
    "halfnorm": _halfnorm,
    "hypsecant": _hypsecant,
    "logistic": _logistic,
    "semicircular": _semicircular,
}


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """Kernel k(z) of a frozen distribution, a function of arrays; `loc` is its location."""

    centred: Callable[[FloatArray], Parts]
    loc: float

    def __call__(self, z: FloatArray) -> FloatArray:
        """Kernel at differences."""
        wave, (real, imaginary) = exact_wave(z, np.array(self.loc)), self.centred(z)
        return np.asarray(wave.real * real - wave.imag * imaginary)

    def between(self, x: FloatArray, x2: FloatArray) -> FloatArray:
        """Kernel between points (n,) and (n2,), (n, n2), from exact phases of either."""
        return self.waves(x, x2).real

    def waves(self, x: FloatArray, x2: FloatArray) -> ComplexArray:
        """Characteristic function between points (n,) and (n2,), (n, n2)."""
        waves, others = (exact_wave(line, np.array(self.loc)) for line in (x, x2))
        real, imaginary = self.centred(np.subtract.outer(x, x2))
        return np.asarray(np.outer(waves, others.conj()) * (real + 1j * imaginary))

    def size(self, z: FloatArray) -> FloatArray:
        """Magnitude of the characteristic function."""
        return np.asarray(np.hypot(*self.centred(z)))


def closed_form(frozen: Any) -> ClosedForm | None:
    """Kernel k(z) of a frozen distribution as a function of an array, or None.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> closed_form(stats.expon(scale=2.0))(np.array([0.0, 0.5]))
    array([1. , 0.5])
    """
    if frozen.dist.name not in _FORMS:
        return None
    names = (frozen.dist.shapes or "").split(", ")[: frozen.dist.numargs]
    # Shapes come first, by place or by name; location and scale follow from mean and deviation.
    shapes = [
        frozen.args[k] if k < len(frozen.args) else frozen.kwds[name]
        for k, name in enumerate(names)
    ]
    standard = frozen.dist(*shapes)
    scale = float(frozen.std() / standard.std())
    loc = float(frozen.mean() - scale * standard.mean())
    return ClosedForm(partial(_stretched, frozen.dist.name, scale, tuple(shapes)), loc)


def _stretched(name: str, scale: float, shapes: tuple[float, ...], z: FloatArray) -> Parts:
    return _FORMS[name](scale * z, *shapes)
